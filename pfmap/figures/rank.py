"""Probability against rank, beside Zipf's law."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pfmap.analysis.coverage import counted_words
from pfmap.figures.style import BLACK, BLUE, GREY, SKY, VERMILION, legend_above, one_panel
from pfmap.figures.tables import Tables
from pfmap.functions.probability import clopper_pearson


def draw_rank(tables: Tables, *, ax: Axes | None = None) -> Figure:
    """P(f) of all functions seen, by descending probability.

    Points for the first ranks, then the steps of equal counts; the band is the Clopper-Pearson
    interval, 95 % for a function named beforehand. The line is the reference P(r) = 1/(ln(N_O) r)
    of Valle-Pérez, Camargo & Louis 2019 (arXiv 1805.08522), N_O = 2^points possible functions; it
    is left out for a quantised readout, where N_O is not defined.

    Of a sample the ranks are estimated: how many functions of the sample come before, over the
    probability with which a function belongs to it. Of the frequent functions the line is the
    least that the function of each rank can have been drawn, and the band reaches to the most.
    """
    settings = tables.campaign.analysis
    part = tables.everything.part
    frequencies = tables.everything.table_frequencies
    levels = -frequencies.count[::-1]
    last = np.cumsum(frequencies.functions[::-1])
    first = last - frequencies.functions[::-1]
    p_low, p_high = clopper_pearson(-levels, tables.campaign.draws)
    label, band = "functions seen", "95 %, function named beforehand"
    floor = "P given\nthat it was seen"
    if part is not None and part.keep == "sampled":
        first, last = (places / part.subset.inclusion for places in (first, last))
        label = f"rank estimated from {counted_words(part)}"
    elif part is not None:
        most = np.minimum(-levels + part.count_error, tables.campaign.draws)
        p_high = clopper_pearson(most, tables.campaign.draws)[1]
        label, band = "frequent functions, at least", "95 % and error of the count"
        floor = "error above a tenth"
    # Two vertices a level: the steps of a sorted table, however many functions it has.
    rank = np.column_stack([first + 1, last]).ravel().astype(float)

    def steps(values: np.ndarray) -> np.ndarray:
        return np.repeat(values, 2)

    p = -levels / tables.campaign.draws
    figure, axes = one_panel(2.75, ax)
    axes.fill_between(
        rank,
        steps(p_low),
        steps(p_high),
        color=SKY,
        alpha=0.45,
        linewidth=0,
        label=band,
    )
    axes.plot(rank, steps(p), color=BLUE, label=label)
    single = rank[1::2] == rank[::2]
    axes.plot(rank[::2][single], p[single], ".", color=BLUE, markersize=2.5)
    if tables.log2_possible is not None:
        ends = np.array([1.0, last[-1]])
        zipf = r"Zipf: $1\,/\,(r\,\ln N_O)$"
        constant = tables.log2_possible * np.log(2.0)
        axes.plot(ends, 1.0 / (constant * ends), "--", color=VERMILION, label=zipf)
    rare = np.flatnonzero(-levels < settings.min_count)
    axes.set_xscale("log")
    axes.set_yscale("log")
    left, right = 0.8, max(10.0, last[-1] * 1.25)
    axes.set_xlim(left, right)
    axes.set_ylim(p.min() / 30.0, 1.5 * max(p_high.max(), 1.0 / tables.campaign.draws))
    if len(rare):
        start = float(first[rare[0]]) + 1.0
        axes.axvspan(start, right, color=GREY, alpha=0.15, linewidth=0)
        # Left of the region's edge, unless there is no room for the words.
        before = np.log(start / left) > 0.5 * np.log(right / left)
        axes.annotate(
            f"counts < {settings.min_count}: {floor}",
            (start, axes.get_ylim()[0]),
            xytext=(-3 if before else 3, 4),
            textcoords="offset points",
            ha="right" if before else "left",
            va="bottom",
            fontsize=6.0,
            color=BLACK,
            bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.0},
        )
    axes.set_xlabel("rank r of the function")
    axes.set_ylabel("P(f)")
    legend_above(figure, axes, columns=2)
    return figure
