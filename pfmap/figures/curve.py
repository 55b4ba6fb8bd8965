"""Volume, free energy and λ_eff of several functions: one curve in three panels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pfmap.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    VERMILION,
    drawing,
    legend_above,
    new_figure,
    write_figure,
)
from pfmap.volume.combine import average_logs

COLOURS = (BLUE, VERMILION, GREEN, ORANGE, SKY, BLACK, GREY)
STROKES = ("-", "--", ":")
Z_95 = 1.96


def volume_curves(volume: pd.DataFrame) -> pd.DataFrame:
    """ln V at every level and its standard error, the runs averaged as by `average_logs`.

    Parameters
    ----------
    volume : DataFrame
        ``volume.parquet``.

    Returns
    -------
    DataFrame
        Columns ``function, loss, severity, log_volume, error``, levels in order; none where no run
        had a state left.

    Examples
    --------
    >>> volume = pd.DataFrame(
    ...     {"function": "a", "loss": "squared", "run": [0, 1], "level": 1, "severity": 0.5,
    ...      "log_volume": np.log([0.2, 0.3]), "log_volume_se": 0.1}
    ... )
    >>> volume_curves(volume)[["log_volume", "error"]].round(2).values.tolist()  # V = 0.255
    [[-1.37, 0.21]]
    """
    columns = ["function", "loss", "severity", "log_volume", "error"]
    rows: list[tuple[Any, ...]] = []
    for (function, loss), group in volume.groupby(["function", "loss"], sort=False):
        # One row a level, one column a run.
        runs = group.pivot(index=["level", "severity"], columns="run")
        logs, errors = (
            runs[name].to_numpy(dtype=float).T for name in ("log_volume", "log_volume_se")
        )
        severities = runs.index.get_level_values("severity").to_numpy(dtype=float)
        found = average_logs(severities, logs, errors**2)
        rows += [
            (function, loss, t, value, error)
            for t, value, error in zip(
                severities, found.log_volumes, found.log_volume_se, strict=True
            )
            if np.isfinite(value)
        ]
    return pd.DataFrame(rows, columns=columns)


def draw_curve(
    volume: pd.DataFrame,
    evidence: pd.DataFrame,
    free_energy: pd.DataFrame,
    labels: Mapping[str, str],
    *,
    figure: Figure | None = None,
) -> Figure:
    """V against t, F against n and λ_eff against n, with bands of 1.96 standard errors.

    A curve that ends on a plateau is called so in the legend, and the bounds on its λ are dotted
    lines in the last panel: where λ_eff has to go.

    Parameters
    ----------
    volume, evidence, free_energy : DataFrame
        ``volume.parquet``, ``evidence.parquet`` (of which the columns on λ are read) and
        ``free_energy.parquet``; zero-one losses are passed over.
    labels : mapping of str
        What the legend calls a function; those that are not in it go by their name in the tables.
    figure : Figure, optional
        Where to draw; None makes a figure.
    """
    curves = volume_curves(volume[volume["loss"] != "signs"])
    pairs = list(dict.fromkeys(zip(free_energy["function"], free_energy["loss"], strict=True)))
    several = free_energy["loss"].nunique() > 1
    plateaus = evidence[evidence["fit"] == "plateau"].set_index(["function", "loss"])
    shown = {
        (name, loss): labels.get(name, name)
        + (f", {loss}" if several else "")
        + (" (plateau)" if (name, loss) in plateaus.index else "")
        for name, loss in pairs
    }
    longest = max(len(text) for text in shown.values())
    columns = 4 if longest <= 10 else 3 if longest <= 16 else 1
    legend_rows = -(-len(pairs) // columns)
    figure, (top, middle, bottom) = new_figure(5.0 + 0.13 * legend_rows, rows=3, figure=figure)
    for place, (name, loss) in enumerate(pairs):
        style: dict[str, Any] = {
            "color": COLOURS[place % len(COLOURS)],
            "linestyle": STROKES[place // len(COLOURS) % len(STROKES)],
        }
        bits = 1.0 / np.log(2.0)
        curve = curves[(curves["function"] == name) & (curves["loss"] == loss)]
        _band(
            top, curve["severity"], bits * curve["log_volume"], bits * curve["error"], style,
            shown[name, loss],
        )  # fmt: skip
        known = free_energy[(free_energy["function"] == name) & (free_energy["loss"] == loss)]
        _band(middle, known["n"], known["free_energy"], known["free_energy_se"], style)
        _band(bottom, known["n"], known["lambda_eff"], known["lambda_eff_se"], style)
        if (name, loss) in plateaus.index:
            row = plateaus.loc[(name, loss)]
            for end in ("low", "high"):
                bound = row[f"learning_coefficient_known_{end}"]
                if pd.notna(bound):
                    bottom.axhline(bound, color=style["color"], linestyle=":", linewidth=0.8)
    for axes in (top, middle, bottom):
        axes.set_xscale("log")
    top.invert_xaxis()
    top.set_xlabel("loss t (falling to the right)")
    top.set_ylabel(r"volume $\log_2 V(t)$ (bits)")
    middle.set_ylabel(r"free energy $F(n)$ (nats)")
    bottom.set_ylabel(r"$\lambda_{\mathrm{eff}}(n) = dF/d\,\log n$")
    for axes in (middle, bottom):
        axes.set_xlabel("n (samples of unit noise)")
        axes.set_ylim(bottom=0.0)
    legend_above(figure, top, columns=columns)
    return figure


def write_curve(
    volume: pd.DataFrame,
    evidence: pd.DataFrame,
    free_energy: pd.DataFrame,
    labels: Mapping[str, str],
    folder: Path,
) -> list[Path]:
    """Write ``curve.png`` and ``curve.svg``."""
    with drawing():
        return write_figure(draw_curve(volume, evidence, free_energy, labels), folder, "curve")


def _band(
    axes: Axes,
    x: pd.Series,
    y: pd.Series,
    error: pd.Series,
    style: dict[str, Any],
    label: str | None = None,
) -> None:
    """A line, gaps where the value is not known, and its band, none where the error is not."""
    place, value = x.to_numpy(dtype=float), y.to_numpy(dtype=float)
    half = Z_95 * error.to_numpy(dtype=float)
    axes.fill_between(
        place, value - half, value + half, color=style["color"], alpha=0.2, linewidth=0
    )
    axes.plot(place, value, label=label, **style)
