"""All figures of a campaign."""

from __future__ import annotations

from collections.abc import Callable
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


def applicable(tables: Tables) -> dict[str, Callable[[Tables], Figure]]:
    """Figures that these tables allow, by file name."""
    figures: dict[str, Callable[[Tables], Figure]] = {}
    if has_question(tables):
        figures["one_curve_two_ends"] = draw_question
        if has_measures(tables):
            figures["probability_measures"] = draw_measures
        if has_measures(tables, "delta"):
            figures["kernel_left_over"] = draw_left_over
    if tables.everything.n_functions:  # none is frequent where no draw repeats another
        figures["probability_rank"] = draw_rank
    figures["distinct_functions"] = draw_convergence
    if "lz" in tables.complexities:
        figures["probability_lz"] = draw_bias
        if tables.everything.part is None:  # shares of draws need all functions
            figures["lz_distribution"] = draw_spread
        if len(measured_with_lz(tables)):
            figures["probability_lz_extended"] = draw_extended
    if not tables.llc.empty and (tables.llc["verdict"] == "ok").any():
        figures["llc_probability"] = partial(draw_learning, quantity="log2_p")
        if "lz" in tables.complexities:
            figures["llc_lz"] = partial(draw_learning, quantity="lz")
    if correlation_layout(tables).cells:
        figures["correlations"] = draw_correlations
    if complexity_layout(tables).cells:
        figures["complexity_correlations"] = draw_complexity_correlations
    if tables.predictors["place"].notna().any():
        figures["predictors"] = draw_predictors
    return figures
