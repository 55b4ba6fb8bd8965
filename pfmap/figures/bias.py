"""Probability against Lempel-Ziv complexity, with Dingle's bound and the fitted envelope."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pfmap.figures.style import BLACK, GREY, SEQUENTIAL, VERMILION, legend_above, new_figure
from pfmap.figures.tables import Tables

LEAST_BELOW = 0.95
"""Share of rows below a line from which it is called a bound."""

_MAX_LEVELS = 80


def draw_bias(tables: Tables, *, figure: Figure | None = None) -> Figure:
    """Two panels, log2 P by counts and log2 P by orbits, against ``lz``.

    The shade is the number of functions (orbits) in a cell of one bit by one step of lz. Lines:
    the bound with its constant b fitted, beside it b = 0, called a bound only where nearly all obey
    it, and the fitted upper envelope of what is counted often enough. The
    orbit-based estimate reaches below 1/N, the dotted line. Without orbits counted often enough
    there is one panel.
    """
    levels = tables.levels
    draws = tables.campaign.draws
    counted = np.log2(levels["count"].to_numpy(dtype=float) / draws)
    lz = levels["lz"].to_numpy(dtype=float)
    multiples = levels["functions"].to_numpy(dtype=float)
    panels = [
        ("log2_p", lz, counted, multiples, r"$\log_2 P(f)$, counted (bits)", tables.noun),
    ]
    rows = _orbit_rows(tables) if tables.has_orbits else np.arange(0)
    if len(rows):
        x, y = (tables.numbers(name)[rows] for name in ("lz", "log2_p_orbit"))
        label = r"$\log_2 P(f)$, by orbit (bits)"
        panels.append(("log2_p_orbit", x, y, np.ones(len(rows)), label, "orbits"))
    figure, axes = new_figure(
        0.5 + 1.95 * len(panels), rows=len(panels), share_x=True, figure=figure
    )
    edges = edges_of(lz)
    for panel, (response, x, values, shares, label, noun) in zip(axes, panels, strict=True):
        known = np.isfinite(values) & np.isfinite(x)
        mappable = shade(panel, x[known], values[known], shares[known], edges, draws)
        bar = figure.colorbar(mappable, ax=panel, pad=0.02, aspect=25)
        bar.set_label(noun)
        _lines(panel, tables, response, edges)
        panel.axhline(-np.log2(draws), color=GREY, linewidth=0.7, linestyle=":", label="1/N")
        if response == "log2_p":
            least = tables.campaign.analysis.min_count
            panel.axhline(
                np.log2(least / draws), color=GREY, linewidth=0.7, label=f"{least}/N: fits above"
            )
        panel.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        panel.set_ylabel(label)
        panel.set_ylim(min(values[known].min(), -np.log2(draws)) - 1.0, 1.0)
    legend_above(figure, axes[0], columns=3)
    axes[-1].set_xlabel("Lempel-Ziv complexity lz (bits)")
    return figure


def _orbit_rows(tables: Tables) -> np.ndarray:
    """Rows of one member of every orbit counted often enough: the one drawn first, at random."""
    counts = tables.numbers("orbit_count")
    rows = np.flatnonzero(counts >= tables.campaign.analysis.min_count)
    rows = rows[np.argsort(tables.numbers("first_draw")[rows])]
    orbits = tables.functions["orbit"].iloc[rows]
    return rows[~orbits.duplicated().to_numpy()]


def edges_of(lz: np.ndarray) -> np.ndarray:
    """Edges of cells around the values of lz, or 80 equal cells where there are more values."""
    levels = np.unique(lz[np.isfinite(lz)])
    if len(levels) == 1:
        return np.array([levels[0] - 0.5, levels[0] + 0.5])
    if len(levels) > _MAX_LEVELS:
        return np.linspace(levels[0], levels[-1], _MAX_LEVELS + 1)
    step = np.diff(levels).min()
    n_cells = round((levels[-1] - levels[0]) / step) + 1
    if n_cells > _MAX_LEVELS:
        return np.linspace(levels[0], levels[-1], _MAX_LEVELS + 1)
    return levels[0] + step * (np.arange(n_cells + 1) - 0.5)


def shade(
    axes: Axes,
    lz: np.ndarray,
    log2_p: np.ndarray,
    multiples: np.ndarray,
    edges: np.ndarray,
    draws: int,
) -> ScalarMappable:
    """Shade cells of one bit, aligned with 1/N, by the number of functions in them.

    `multiples` says how many functions have each pair of lz and log2 P.
    """
    lowest = -np.log2(draws)
    below = int(np.ceil(max(0.0, lowest - log2_p.min()))) if len(log2_p) else 0
    # One edge above P = 1, also where 1/N is a whole power of 2.
    bits = lowest + np.arange(-below, np.floor(-lowest) + 2)
    counts, _, _ = np.histogram2d(lz, log2_p + 1e-9, bins=(edges, bits), weights=multiples)
    shown = np.ma.masked_equal(counts.T, 0.0)
    norm = LogNorm(1.0, max(10.0, float(counts.max())))
    return axes.pcolormesh(edges, bits, shown, norm=norm, cmap=SEQUENTIAL, rasterized=True)


def bound_line(bound: dict[str, float], complexity: np.ndarray) -> np.ndarray:
    """log2 P of a bound, by its coefficients."""
    return bound["slope"] * (complexity - bound["complexity_min"]) - bound["b"]


def plain_bound_name(bound: dict[str, float]) -> str:
    """What the line of b = 0 is called: a bound only where nineteen in twenty lie below it.

    Examples
    --------
    >>> plain_bound_name({"share_of_functions_below": 0.029})
    'b = 0: 3 % below'
    """
    share = bound["share_of_functions_below"]
    return "bound, b = 0" if share >= LEAST_BELOW else f"b = 0: {100 * share:.0f} % below"


def _lines(axes: Axes, tables: Tables, response: str, edges: np.ndarray) -> None:
    """The bound and the envelope of one response."""
    ends = np.array([edges[0], edges[-1]])
    fitted, plain = (
        tables.coefficients(name, response, "lz")
        for name in ("dingle_bound_fitted", "dingle_bound")
    )
    if fitted and plain:
        axes.plot(ends, bound_line(fitted, ends), color=BLACK, label="bound, b fitted")
        axes.plot(ends, bound_line(plain, ends), "-.", color=BLACK, linewidth=0.7, label="b = 0")
        note = f"b fitted: {fitted['b']:.1f}\n{plain_bound_name(plain)}"
        axes.text(0.98, 0.95, note, transform=axes.transAxes, ha="right", va="top", fontsize=6.5)
    envelope = tables.coefficients("quantile_envelope", response, "lz")
    if envelope:
        values = envelope["slope"] * ends + envelope["intercept"]
        label = f"envelope, quantile {envelope['quantile']:g}"
        axes.plot(ends, values, "--", color=VERMILION, label=label)
    axes.set_xlim(*ends)
