"""All figures of a campaign."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from pfmap.figures.bias import draw_bias
from pfmap.figures.convergence import draw_convergence
from pfmap.figures.correlations import (
    complexity_layout,
    correlation_layout,
    draw_complexity_correlations,
    draw_correlations,
)
from pfmap.figures.extended import draw_extended, measured_with_lz
from pfmap.figures.learning import draw_learning
from pfmap.figures.measures import draw_left_over, draw_measures, has_measures
from pfmap.figures.predictors import draw_predictors
from pfmap.figures.question import draw_question, has_question
from pfmap.figures.rank import draw_rank
from pfmap.figures.spread import draw_spread
from pfmap.figures.style import drawing, write_figure
from pfmap.figures.tables import Tables, read_tables


def draw_figures(
    folder: Path,
    *,
    out: Path | None = None,
    scratch: Path | None = None,
    threads: int | None = None,
    memory: int | None = None,
) -> list[Path]:
    """Draw every figure that the tables of a campaign allow, as PNG and SVG.

    Only ``campaign.toml`` and the Parquet tables are read; the same tables give the same bytes.
    Figures whose table or column is missing (no learning coefficients, no ``lz``) are left out.

    Parameters
    ----------
    folder : Path
        A campaign's folder.
    out : Path, optional
        Where the files go; None is ``figures`` inside `folder`.
    scratch : Path, optional
        Where what memory cannot hold waits; None is the system's folder for temporary files.
    threads, memory : int, optional
        Threads, and budget in bytes, of reading a table larger than memory; None is all and half
        of the machine's. The figures do not depend on them.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    DataError
        If there is no campaign or a table is damaged.
    EnvironmentFault
        If the files cannot be written.
    """
    folder = Path(folder)
    tables = read_tables(folder, scratch=scratch, threads=threads, memory=memory)
    target = folder / "figures" if out is None else Path(out)
    written: list[Path] = []
    with drawing():
        for name, draw in applicable(tables).items():
            written += write_figure(draw(tables), target, name)
    return written


@dataclass(frozen=True)
class FigureKind:
    """A figure of the package.

    Attributes
    ----------
    draw : callable
        From `Tables` to a figure; it draws into a panel ``ax=``, or, where it has several panels,
        into ``figure=``.
    allowed : callable
        Whether the tables of a campaign allow it.
    """

    draw: Callable[..., Figure]
    allowed: Callable[[Tables], bool]

    @property
    def one_panel(self) -> bool:
        """Whether it takes ``ax=``."""
        return "ax" in inspect.signature(self.draw).parameters


def _is_lz(tables: Tables) -> bool:
    return "lz" in tables.complexities


def _has_llc(tables: Tables) -> bool:
    return not tables.llc.empty and bool((tables.llc["verdict"] == "ok").any())


FIGURES = {
    "one_curve_two_ends": FigureKind(draw_question, has_question),
    "probability_measures": FigureKind(
        draw_measures, lambda t: has_question(t) and has_measures(t)
    ),
    "kernel_left_over": FigureKind(
        draw_left_over, lambda t: has_question(t) and has_measures(t, "delta")
    ),
    # None is frequent where no draw repeats another.
    "probability_rank": FigureKind(draw_rank, lambda t: bool(t.everything.n_functions)),
    "distinct_functions": FigureKind(draw_convergence, lambda t: True),
    "probability_lz": FigureKind(draw_bias, _is_lz),
    # Shares of draws need all functions.
    "lz_distribution": FigureKind(draw_spread, lambda t: _is_lz(t) and t.everything.part is None),
    "probability_lz_extended": FigureKind(
        draw_extended, lambda t: _is_lz(t) and len(measured_with_lz(t)) > 0
    ),
    "llc_probability": FigureKind(partial(draw_learning, quantity="log2_p"), _has_llc),
    "llc_lz": FigureKind(
        partial(draw_learning, quantity="lz"), lambda t: _has_llc(t) and _is_lz(t)
    ),
    "correlations": FigureKind(draw_correlations, lambda t: bool(correlation_layout(t).cells)),
    "complexity_correlations": FigureKind(
        draw_complexity_correlations, lambda t: bool(complexity_layout(t).cells)
    ),
    "predictors": FigureKind(draw_predictors, lambda t: bool(t.predictors["place"].notna().any())),
}
"""Every figure by the name of its file, in the order in which they are drawn."""


def applicable(tables: Tables) -> dict[str, Callable[..., Figure]]:
    """Figures that these tables allow, by file name."""
    return {name: kind.draw for name, kind in FIGURES.items() if kind.allowed(tables)}
