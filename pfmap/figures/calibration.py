"""How far estimates of λ lie from the exact values."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from pfmap.figures.style import BLUE, GREY, VERMILION, legend_above, one_panel

ROW_IN = 0.118
WIDEST = 0.30


def draw_calibration(table: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Relative error of every model with its 95 % interval, beside one temperature's.

    Parameters
    ----------
    table : DataFrame
        ``calibration.parquet``.

    Returns
    -------
    Figure
        Models from top to bottom in the order of the table. Errors beyond 30 % stand as arrows on
        the frame.
    """
    figure, axes = one_panel(0.9 + ROW_IN * len(table), ax)
    true = table["true_llc"].to_numpy(float)
    places = np.arange(len(table))
    error = 100 * table["error"].to_numpy(float)
    low = 100 * (table["low"].to_numpy(float) / true - 1.0)
    high = 100 * (table["high"].to_numpy(float) / true - 1.0)
    ok = (table["verdict"] == "ok").to_numpy()
    limit = 100 * WIDEST
    for at, line in ((0.0, "-"), (-5.0, ":"), (5.0, ":")):
        axes.axvline(at, color=GREY, linewidth=0.5, linestyle=line, zorder=0)
    single = 100 * (table["single_llc"].to_numpy(float) / true - 1.0)
    inside = np.abs(single) <= limit
    axes.plot(
        single[inside], places[inside], "x", color=GREY, markersize=2.5, markeredgewidth=0.6,
        label="one temperature, nβ = 1086",
    )  # fmt: skip
    for side, marker in ((-1, "<"), (1, ">")):
        beyond = side * single > limit
        axes.plot(
            np.full(beyond.sum(), side * limit), places[beyond], marker, color=GREY, markersize=2.5
        )
    for chosen, color, label in (
        (ok, BLUE, "ladder, verdict ok"),
        (~ok, VERMILION, "ladder, another verdict"),
    ):
        known = chosen & (np.abs(error) <= limit)
        if known.any():
            bars = np.stack([error - np.maximum(low, -limit), np.minimum(high, limit) - error])
            axes.errorbar(
                error[known], places[known], xerr=np.abs(bars[:, known]), fmt="o", color=color,
                markersize=2.2, elinewidth=0.7, label=label,
            )  # fmt: skip
        for side, marker in ((-1, "<"), (1, ">")):
            beyond = chosen & (side * error > limit)
            axes.plot(
                np.full(beyond.sum(), side * limit), places[beyond], marker, color=color,
                markersize=3.0,
            )  # fmt: skip
    axes.set_yticks(places, table["name"])
    axes.tick_params(axis="y", labelsize=5.0)
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.set_xlim(-limit - 1.5, limit + 1.5)
    axes.set_xlabel("error of λ (%), bars: 95 % interval")
    legend_above(figure, axes, columns=2)
    # Labels this much wider than the panel's own outgrow the margin that the layout finds.
    if ax is None:
        figure.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.02))
    return figure
