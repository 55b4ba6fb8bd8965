"""Complexities ranked as predictors of log2 P, on rows whose log2 P took no part in the fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pfmap.figures.correlations import NAMES
from pfmap.figures.style import BLUE, GREY, VERMILION, legend_above, one_panel
from pfmap.figures.tables import Tables

_SHIFT = 0.17


def draw_predictors(tables: Tables, *, ax: Axes | None = None) -> Figure:
    """R² out of sample of every measure alone and of joint models, and what each adds to controls.

    Controls: T and its entropy, and the size of the orbit where rows are orbits.
    Bars: 95 % intervals of repeated cross-validation. The dashed line is what counting noise leaves
    to predict.
    """
    rows = tables.predictors
    judged = rows[np.isfinite(rows["r_squared"].astype(float))]
    ceiling = judged[judged["model"] == "ceiling"]
    shown = judged[judged["model"] != "ceiling"]
    figure, axes = one_panel(0.75 + 0.2 * len(shown), ax)
    places = np.arange(len(shown), dtype=float)
    single = shown["place"].notna().to_numpy()
    places[~single] += 0.6  # joint models stand apart
    _bars(axes, shown, "r_squared", places - _SHIFT, BLUE, "o", "the model")
    if shown["gain"].notna().any():
        _bars(axes, shown, "gain", places + _SHIFT, VERMILION, "s", "gain over controls")
    if len(ceiling):
        at = float(ceiling["r_squared"].iloc[0])
        axes.axvline(at, color=GREY, linewidth=0.8, linestyle="--", label="counting noise")
    axes.axvline(0.0, color=GREY, linewidth=0.6)
    if (~single).any() and single.any():
        edge = float(places[single].max()) + 0.8
        axes.axhline(edge, color=GREY, linewidth=0.4)
    names = ["controls" if " + " in name else NAMES.get(name, name) for name in shown["predictor"]]
    axes.set_yticks(places, names)
    axes.set_ylim(places.max() + 0.6, -0.6)
    axes.tick_params(axis="y", length=0)
    low = float(np.nanmin([shown["r_squared_low"].min(), shown["gain_low"].min(), 0.0]))
    axes.set_xlim(max(low - 0.03, -0.5), 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    n, response = int(shown["n"].iloc[0]), str(shown["response"].iloc[0])
    noun = "orbits" if response == "log2_p_orbit" else "functions"
    least = tables.campaign.analysis.min_count
    axes.set_xlabel(
        r"$R^2$ for $\log_2 P$, out of sample"
        f"\n{n:,} {noun} counted ≥ {least}; bars: 95 % intervals"
    )
    legend_above(figure, axes, columns=3)
    return figure


def _bars(
    axes: Axes, rows: pd.DataFrame, column: str, y: np.ndarray, colour: str, marker: str, label: str
) -> None:
    """Values of `column` with their intervals, where there are any."""
    value, low, high = (
        rows[name].to_numpy(dtype=float) for name in (column, f"{column}_low", f"{column}_high")
    )
    known = np.isfinite(value)
    axes.errorbar(
        value[known],
        y[known],
        xerr=np.vstack([value - low, high - value])[:, known],
        fmt=marker,
        color=colour,
        markersize=3.0,
        elinewidth=0.8,
        label=label,
    )
