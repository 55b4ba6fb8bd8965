"""Matrices of rank correlations: with log2 P and the learning coefficients, and among proxies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pfmap.analysis.quantities import LADDER_MARK
from pfmap.figures.style import BLACK, DIVERGING, GREY, one_panel
from pfmap.figures.tables import Tables

NAMES = {
    "log2_p": r"$\log_2 P$",
    "log2_p_orbit": r"$\log_2 P$ orbit",
    "ones": "ones T",
    "log2_orbit_size": r"$\log_2$ orbit size",
    "critical_sample_ratio": "critical samples",
    "halfspaces": "half-spaces",
    "walsh_l1": "Walsh 1-norm",
    "bdd": "decision diagram",
    "bdd_min": "smallest diagram",
    "lz_mingard2025": "lz (Mingard 2025)",
    "lz_orbit_mean_seen": "lz, orbit mean",
    "lz_orbit_min": "lz, orbit minimum",
    "circuit": "circuit size",
    "formula": "formula size",
    "total_variation": "total variation",
    "spectral_centroid": "spectral centroid",
}


class Coefficient(NamedTuple):
    """Spearman's coefficient of a pair (NaN where it is not defined), its verdict and its rows."""

    value: float
    verdict: str
    n: int


@dataclass(frozen=True)
class Layout:
    """Rows and columns of a matrix, and which of its cells (row, column) are drawn.

    No cell is drawn where none has a value.
    """

    rows: list[str]
    columns: list[str]
    cells: list[tuple[str, str]]


def correlation_layout(tables: Tables) -> Layout:
    """Complexities and definitions of λ against log2 P and the definitions; each pair once."""
    spearman = _lookup(tables)
    complexities = _valued(spearman, ["ones", *tables.complexities])
    definitions = sorted({x for x, _ in spearman if "/" in x and LADDER_MARK not in x})
    probabilities = _valued(spearman, ["log2_p", "log2_p_orbit"])
    columns = probabilities + definitions
    rows = (probabilities if definitions else []) + complexities + definitions[1:]
    cells = [
        (row, column)
        for row in rows
        for column in columns
        if (row, column) in spearman
        and (row not in definitions or column in definitions[: definitions.index(row)])
    ]
    return Layout(rows, columns, _unless_empty(spearman, cells))


def complexity_layout(tables: Tables) -> Layout:
    """Every pair of complexities once."""
    spearman = _lookup(tables)
    names = _valued(spearman, ["ones", *tables.complexities])
    cells = [
        (row, column)
        for i, row in enumerate(names)
        for column in names[:i]
        if (row, column) in spearman
    ]
    return Layout(names[1:], names[:-1], _unless_empty(spearman, cells))


def draw_correlations(tables: Tables, *, ax: Axes | None = None) -> Figure:
    """Spearman coefficients of every complexity with log2 P and with every definition of λ.

    Hatched: not supported. Grey: none could be computed.
    """
    return _matrix(_lookup(tables), correlation_layout(tables), ax=ax)


def draw_complexity_correlations(tables: Tables, *, ax: Axes | None = None) -> Figure:
    """Spearman coefficients of every pair of complexities, over functions counted often enough."""
    spearman, layout = _lookup(tables), complexity_layout(tables)
    numbers = [spearman[pair].n for pair in layout.cells if np.isfinite(spearman[pair].value)]
    least, most = min(numbers), max(numbers)
    n = f"{most}" if least == most else f"{least} to {most}"
    counted = f"n = {n} functions counted ≥ {tables.campaign.analysis.min_count}"
    return _matrix(spearman, layout, rows_shown=counted, ax=ax)


def _lookup(tables: Tables) -> dict[tuple[str, str], Coefficient]:
    """Coefficients by pair, in both orders."""
    table = tables.correlations
    table = table[(table["method"] == "spearman") & (table["subset"] == "all")]
    found = {}
    for row in table.to_dict("records"):
        value = Coefficient(float(row["estimate"]), str(row["verdict"]), int(row["n"]))
        found[row["x"], row["y"]] = found[row["y"], row["x"]] = value
    return found


def _valued(spearman: dict[tuple[str, str], Coefficient], names: list[str]) -> list[str]:
    """Those of `names` with a coefficient that is a number."""
    found = {x for (x, _), cell in spearman.items() if np.isfinite(cell.value)}
    return [name for name in names if name in found]


def _unless_empty(
    spearman: dict[tuple[str, str], Coefficient], cells: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """`cells`, or none of them if none has a value."""
    return cells if any(np.isfinite(spearman[pair].value) for pair in cells) else []


def _matrix(
    spearman: dict[tuple[str, str], Coefficient],
    layout: Layout,
    *,
    rows_shown: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Coloured cells with printed values; the label explains them, and `rows_shown` their rows."""
    rows, columns = layout.rows, layout.columns
    shown = [spearman[pair] for pair in layout.cells]
    known = [cell for cell in shown if np.isfinite(cell.value)]
    lines = ["Spearman's ρ"]
    if any(cell.verdict == "not supported" for cell in known):
        lines[0] += "; hatched: not supported"
    if rows_shown:
        lines.append(rows_shown)
    if len(known) < len(shown):
        lines.append("grey: none could be computed")
    figure, axes = one_panel(0.83 + 0.12 * len(lines) + 0.19 * len(rows), ax)
    size = 6.0 if len(columns) <= 10 else 5.5
    minus = "−" if len(columns) <= 12 else "-"  # a hyphen where cells are narrow
    for row, column in layout.cells:
        place = columns.index(column), rows.index(row)
        _cell(axes, *place, spearman[row, column], size=size, minus=minus)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks(range(len(columns)), [NAMES.get(name, name) for name in columns])
    axes.set_yticks(range(len(rows)), [NAMES.get(name, name) for name in rows])
    axes.tick_params(length=0)
    for label in axes.get_xticklabels():
        label.set(rotation=40, ha="right", rotation_mode="anchor")
    axes.spines[:].set_visible(False)
    axes.set_xlabel("\n".join(lines))
    return figure


def _cell(axes: Axes, x: int, y: int, cell: Coefficient, *, size: float, minus: str) -> None:
    """One cell: colour by value, hatched if not supported, grey if there is no value."""
    corner = (x - 0.5, y - 0.5)
    if not np.isfinite(cell.value):
        axes.add_patch(Rectangle(corner, 1, 1, facecolor="#DDDDDD", edgecolor="white"))
        return
    colour = colormaps[DIVERGING](0.5 + 0.42 * cell.value)
    axes.add_patch(Rectangle(corner, 1, 1, facecolor=colour, edgecolor="white", linewidth=0.6))
    if cell.verdict == "not supported":
        axes.add_patch(
            Rectangle(
                corner, 1, 1, fill=False, hatch="////", edgecolor=GREY, linewidth=0.0, alpha=0.35
            )
        )
    luminance = np.dot(colour[:3], (0.2126, 0.7152, 0.0722))
    ink = "white" if luminance < 0.4 else BLACK
    printed = _printed(cell.value, minus)
    text = axes.text(x, y, printed, ha="center", va="center", fontsize=size, color=ink)
    # A cell's text lies inside the panel: measuring it for the layout would only cost time.
    text.set_in_layout(False)


def _printed(value: float, minus: str = "−") -> str:
    """A coefficient with two decimals and no leading zero.

    Examples
    --------
    >>> [_printed(value) for value in (0.456, -0.05, -0.001, -0.999)]
    ['.46', '−.05', '.00', '−1.00']
    """
    text = f"{abs(value):.2f}"
    sign = minus if value < 0.0 and float(text) > 0.0 else ""
    return sign + text.removeprefix("0")
