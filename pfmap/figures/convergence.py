"""Distinct functions against draws: what was seen, what twice the draws would show, and a bound."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pfmap.figures.style import BLUE, GREY, ORANGE, VERMILION, one_panel
from pfmap.figures.tables import Tables
from pfmap.functions.richness import estimate_richness, extrapolate_distinct, rarefaction

_POINTS = 60
_FEW = 30


def draw_convergence(tables: Tables, *, ax: Axes | None = None) -> Figure:
    """Rarefaction to N draws, Good-Toulmin extrapolation to 2N, and the Chao1 lower bound.

    The rarefaction curve is the mean over all orders of the draws; the band of the extrapolation
    is ± 1.96 standard errors, that of Chao1 its 95 % interval; where that has no upper end
    (singletons, no doubletons) a line at its lower end stands for both. Where a subset of the
    functions is counted, the curve begins where 30 of them are expected.
    """
    frequencies = tables.everything.frequencies
    richness = estimate_richness(frequencies)
    total = frequencies.n_draws
    inside = np.unique(np.geomspace(1, total, _POINTS).round().astype(np.int64))
    beyond = np.unique(np.linspace(total, 2 * total, _POINTS // 2).round().astype(np.int64))
    forecast, error = np.array([extrapolate_distinct(frequencies, int(n)) for n in beyond]).T

    curve, seen = rarefaction(frequencies, inside), "seen (rarefaction)"
    if frequencies.inclusion < 1.0:
        # Few draws show few functions of the subset, which stand for too many.
        known = curve * frequencies.inclusion >= _FEW
        inside, curve = inside[known], curve[known]
        seen = f"seen, from 1 in {1.0 / frequencies.inclusion:,.0f} functions"
    figure, axes = one_panel(2.4, ax)
    ends = [1, 2 * total]
    axes.plot(ends, ends, color=GREY, linewidth=0.7, linestyle=":", label="every draw new")
    if np.isinf(richness.chao1_high):
        axes.axhline(richness.chao1_low, color=ORANGE, label="all functions, more than (Chao1)")
    elif richness.chao1 > richness.distinct:
        axes.axhspan(richness.chao1_low, richness.chao1_high, color=ORANGE, alpha=0.3, linewidth=0)
        axes.axhline(richness.chao1, color=ORANGE, label="all functions, at least (Chao1)")
    axes.plot(inside, curve, color=BLUE, label=seen)
    axes.fill_between(
        beyond,
        forecast - 1.96 * error,
        forecast + 1.96 * error,
        color=VERMILION,
        alpha=0.3,
        linewidth=0,
    )
    axes.plot(beyond, forecast, "--", color=VERMILION, label="to 2N (Good-Toulmin)")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("draws")
    axes.set_ylabel("distinct functions")
    axes.legend(loc="lower right")
    return figure
