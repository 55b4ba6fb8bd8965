"""Probability against Lempel-Ziv complexity far below 1/N: counts, and single functions measured
by splitting."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.stats import t

from pfmap.figures.bias import bound_line, edges_of, plain_bound_name, shade
from pfmap.figures.labels import Mark, place_labels
from pfmap.figures.style import BLACK, BLUE, GREY, SKY, VERMILION, legend_above, one_panel
from pfmap.figures.tables import Tables

_STEPS = 200
_KINDS = (
    ("named", "D", VERMILION, "named"),
    ("often", "o", BLUE, "drawn, count ≥ {least}"),
    ("seldom", "s", SKY, "drawn, count < {least}"),
)


def measured_with_lz(tables: Tables) -> pd.DataFrame:
    """Functions of ``evidence`` with a complexity and a probability or an upper bound.

    Columns ``lz, log2_p, error`` (half the 95 % interval, by Student's t for the number of runs),
    ``lower`` and ``upper`` (NaN where log2 P is known; the first also where nothing got there),
    ``name`` and ``kind`` (named | often | seldom, by the count).
    """
    evidence = tables.evidence
    columns = ["lz", "log2_p", "error", "lower", "upper", "name", "kind"]
    if "lz" not in evidence.columns:
        return pd.DataFrame(columns=columns)
    rows = evidence[(evidence["loss"] == "signs") & evidence["lz"].notna()]
    counts = tables.functions.set_index("function")["count"].reindex(rows["function"])
    often = counts.to_numpy(dtype=float) >= tables.campaign.analysis.min_count
    log2_p = rows["log2_p"].to_numpy(dtype=float)
    bounded = ~rows["verdict"].isin(["reached", "not expressible"]).to_numpy()
    lower = rows["log2_p_lower"].to_numpy(dtype=float) if bounded.any() else np.nan
    quantile = t.ppf(0.975, np.maximum(rows["runs"].to_numpy(dtype=float) - 1.0, 1.0))
    found = pd.DataFrame(
        {
            "lz": rows["lz"].to_numpy(dtype=float),
            "log2_p": log2_p,
            "error": quantile * rows["log2_p_se"].to_numpy(dtype=float),
            "lower": np.where(bounded, lower, np.nan),
            "upper": np.where(np.isnan(log2_p), rows["log2_p_upper"].to_numpy(dtype=float), np.nan),
            "name": rows["name"].to_numpy(dtype=object),
            "kind": np.where(rows["name"] != "", "named", np.where(often, "often", "seldom")),
        }
    )
    return found[~np.isneginf(log2_p)].reset_index(drop=True)


def draw_extended(tables: Tables, *, ax: Axes | None = None) -> Figure:
    """log2 P against ``lz`` on one axis, from the counted functions to the rarest one measured.

    Shade: functions drawn, by their counts, in cells of one bit by one step of lz; it ends at 1/N,
    the dotted line. Points: functions measured by splitting, with 95 % intervals; where none is
    seen, it is smaller than the point. Bars without a point: between two bounds, log2 P uncertain.
    Arrows: upper bounds alone. Line: the bound with b = 0.
    """
    draws = tables.campaign.draws
    levels = tables.levels
    lz = levels["lz"].to_numpy(dtype=float)
    log2_p = np.log2(levels["count"].to_numpy(dtype=float) / draws)
    multiples = levels["functions"].to_numpy(dtype=float)
    measured = measured_with_lz(tables)
    figure, axes = one_panel(4.2, ax)
    known = np.isfinite(lz) & np.isfinite(log2_p)
    edges = edges_of(lz)
    bar = figure.colorbar(
        shade(axes, lz[known], log2_p[known], multiples[known], edges, draws),
        ax=axes,
        pad=0.02,
        aspect=30,
        shrink=0.6,
        anchor=(0.0, 1.0),
    )
    drawn = "functions drawn" if tables.everything.part is None else tables.noun
    bar.set_label(f"{drawn}, by counts")
    # Room for labels on the left, where functions crowd.
    left = min(edges[0], measured["lz"].min()) - 6.0
    right = max(edges[-1], measured["lz"].max() + 3.0)
    lowest = min(
        -np.log2(draws), (measured["log2_p"] - measured["error"].fillna(0.0)).min(),
        measured["upper"].min(), measured["lower"].min(),
    )  # fmt: skip
    low, high = lowest - 0.09 * (1.0 - lowest), 0.02 * (1.0 - lowest)
    bound = tables.coefficients("dingle_bound", "log2_p", "lz")
    if bound:
        ends = np.array([left, right])
        values = bound_line(bound, ends)
        axes.plot(ends, values, color=BLACK, label=plain_bound_name(bound))
    axes.axhline(-np.log2(draws), color=GREY, linewidth=0.8, linestyle=":", label="1/N")
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    _points(axes, measured, tables.campaign.analysis.min_count)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.set_ylabel(r"$\log_2 P(f)$ (bits)")
    axes.set_xlabel(
        "Lempel-Ziv complexity lz (bits)\n"
        f"{len(measured)} functions by splitting; bars: 95 % intervals"
    )
    legend_above(figure, axes, columns=3)
    named = measured[measured["name"] != ""]
    place = named["log2_p"].fillna(named["upper"])
    marks = [Mark(*row) for row in zip(named["lz"], place, named["name"], strict=True)]
    clear = [measured[["lz", "log2_p"]].dropna().to_numpy(dtype=float)]
    if bound:
        clear.append(np.linspace([left, values[0]], [right, values[1]], _STEPS))
    place_labels(figure, axes, marks, np.concatenate(clear))
    return figure


def _points(axes: Axes, measured: pd.DataFrame, least: int) -> None:
    """Points with their intervals by kind, and arrows where only an upper bound is known."""
    for kind, marker, colour, label in _KINDS:
        rows = measured[(measured["kind"] == kind) & measured["log2_p"].notna()]
        if rows.empty:
            continue
        axes.errorbar(
            rows["lz"], rows["log2_p"], yerr=rows["error"], fmt=marker, color=colour,
            markersize=3.2, markeredgecolor="white", markeredgewidth=0.4, elinewidth=0.8,
            capsize=1.5, capthick=0.6, zorder=3.0, label=label.format(least=least),
        )  # fmt: skip
    between = measured[measured["lower"].notna()]
    if len(between):
        middle = 0.5 * (between["lower"] + between["upper"])
        axes.errorbar(
            between["lz"], middle, yerr=between["upper"] - middle, fmt="none", ecolor=VERMILION,
            elinewidth=0.8, capsize=3.0, capthick=0.8, zorder=3.0, label="uncertain: two bounds",
        )  # fmt: skip
    bounded = measured[measured["upper"].notna() & measured["lower"].isna()]
    if len(bounded):
        axes.errorbar(
            bounded["lz"], bounded["upper"], yerr=0.05 * np.ptp(axes.get_ylim()), uplims=True,
            fmt="_", color=VERMILION, markersize=6.0, elinewidth=0.8, zorder=3.0,
        )  # fmt: skip
        axes.plot(
            [], [], linestyle="none", marker=r"$\downarrow$", color=VERMILION, label="upper bound"
        )
