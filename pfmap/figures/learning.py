"""Learning coefficients against probability and against complexity."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pfmap.analysis.quantities import exact_ladders, functions_named
from pfmap.figures.style import BLUE, GREY, SEQUENTIAL, new_figure
from pfmap.figures.tables import Tables

_BARS = "\nbars: one standard error of the mean over draws"
_LABELS = {"rank": "rank(J)/2", "mala": "MALA", "ladder": "ladder"}


def function_means(llc: pd.DataFrame) -> pd.DataFrame:
    """Mean of every function under every definition, with the standard error of that mean.

    Parameters
    ----------
    llc : DataFrame
        ``llc.parquet``; only rows with verdict ``ok`` are used.

    Returns
    -------
    DataFrame
        Columns ``definition, function, mean, error``: the standard deviation over draws divided
        by the root of their number, or the reported standard error where there is one draw.

    Examples
    --------
    >>> llc = pd.DataFrame(
    ...     {"function": ["a", "a", "b"], "estimator": "mala", "center": "self",
    ...      "llc": [1.0, 3.0, 5.0], "llc_se": [0.1, 0.1, 0.2], "verdict": "ok"}
    ... )
    >>> function_means(llc)[["definition", "function", "mean", "error"]].values.tolist()
    [['mala/self', 'a', 2.0, 1.0], ['mala/self', 'b', 5.0, 0.2]]
    """
    rows = llc[(llc["verdict"] == "ok") & np.isfinite(pd.to_numeric(llc["llc"]))]
    rows = rows.assign(
        definition=rows["estimator"] + "/" + rows["center"],
        llc=pd.to_numeric(rows["llc"]).astype(float),
        llc_se=pd.to_numeric(rows["llc_se"]).astype(float),
    )
    groups = rows.groupby(["definition", "function"])
    table = groups.agg(mean=("llc", "mean"), sd=("llc", "std"), n=("llc", "size"))
    table["error"] = np.where(
        table["n"] > 1, table["sd"] / np.sqrt(table["n"]), groups["llc_se"].mean()
    )
    return table.reset_index()


def draw_learning(tables: Tables, quantity: str, *, figure: Figure | None = None) -> Figure:
    """λ against `quantity` (``log2_p`` or ``lz``), one panel a definition.

    Error bars: standard error of a function's mean over its draws. Colour: T(f), the number of
    ones. Open symbols: functions whose count is too small for their P to enter a correlation.
    """
    means = function_means(tables.llc)
    known = functions_named(tables.functions, means["function"])
    means = means.merge(known, on="function", how="inner")
    means = means[np.isfinite(pd.to_numeric(means[quantity]).to_numpy(dtype=float))]
    shown = set(means["definition"]) - exact_ladders(tables.llc)
    definitions = sorted(shown, key=_order)
    n_panels = len(definitions)
    figure, axes = new_figure(0.9 + 1.15 * n_panels, rows=n_panels, share_x=True, figure=figure)
    norm = Normalize(0.0, float(tables.campaign.n_points))
    # Without its lightest end, the map stands out from white paper.
    palette = ListedColormap(colormaps[SEQUENTIAL](np.linspace(0.0, 0.93, 256)))
    colours = ScalarMappable(norm, palette) if tables.has_ones else None
    for panel, definition in zip(axes, definitions, strict=True):
        rows = means[means["definition"] == definition]
        _points(panel, rows, quantity, tables.campaign.analysis.min_count, colours)
        estimator, center = definition.split("/", 1)
        panel.set_ylabel(f"λ, {_LABELS.get(estimator, estimator)}, {center}")
        panel.set_title(_verdict(tables, definition, quantity), loc="left", pad=2.0, fontsize=6.0)
        panel.margins(x=0.04, y=0.12)
    labels = {
        "log2_p": r"$\log_2 P(f)$ (bits); open: too few counts" + _BARS,
        "lz": "Lempel-Ziv complexity lz (bits)" + _BARS,
    }
    axes[-1].set_xlabel(labels[quantity])
    # Whole numbers, few of them: their labels keep apart. The panels share one horizontal axis.
    axes[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    if colours is not None:
        bar = figure.colorbar(colours, ax=axes, location="top", pad=0.02, aspect=45)
        bar.set_label("T(f), inputs where f is 1")
    return figure


def _order(definition: str) -> tuple[str, str]:
    """Self before target, and the rank before the sampler's estimate of the same center."""
    estimator, center = definition.split("/", 1)
    return center, "" if estimator == "rank" else estimator


def _points(
    axes: Axes, rows: pd.DataFrame, quantity: str, min_count: int, colours: ScalarMappable | None
) -> None:
    """Means with error bars; hollow where the count is below `min_count` and P is shown."""
    x = pd.to_numeric(rows[quantity]).to_numpy(dtype=float)
    mean, error = rows["mean"].to_numpy(), rows["error"].to_numpy()
    fill = np.full((len(rows), 4), 0.0)
    edge = np.tile(np.array(to_rgba(BLUE)), (len(rows), 1))
    if colours is not None:
        edge = colours.to_rgba(rows["ones"].to_numpy(dtype=float))
    few = (
        rows["count"].to_numpy() < min_count if quantity == "log2_p" else np.zeros(len(rows), bool)
    )
    fill[~few] = edge[~few]
    axes.errorbar(
        x, mean, yerr=np.nan_to_num(error), fmt="none", ecolor=GREY, elinewidth=0.6, zorder=1
    )
    axes.scatter(x, mean, s=11, c=fill, edgecolors=list(map(tuple, edge)), linewidths=0.7, zorder=2)


def _verdict(tables: Tables, definition: str, quantity: str) -> str:
    """Spearman's coefficient, its interval and the verdict, in one line."""
    table = tables.correlations
    rows = table[
        (table["x"] == definition)
        & (table["y"] == quantity)
        & (table["method"] == "spearman")
        & (table["subset"] == "all")
    ]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    if not np.isfinite(row["estimate"]):
        # The first reason says why; the others do not fit the line.
        return f"no Spearman ρ: {row['reason'].partition('; ')[0]}"
    span = f" [{row['low']:.2f}, {row['high']:.2f}]" if np.isfinite(row["low"]) else ""
    text = f"Spearman ρ = {row['estimate']:.2f}{span}, n = {row['n']}, {row['verdict']}"
    return text.replace("-", "−")
