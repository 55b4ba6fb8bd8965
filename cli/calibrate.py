"""``pfmap calibrate``: estimates of models with known λ and m, beside the exact values."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .campaigns import ThreadsOption
from .progress import ProgressReporter
from .render import JsonFlag, emit, table

COLUMNS = [
    "suite", "name", "true_llc", "llc", "llc_se", "error", "z", "true_multiplicity", "multiplicity",
    "verdict", "limit", "single_llc", "n_gradients", "elapsed_s",
]  # fmt: skip


class SuiteName(StrEnum):
    """What to calibrate on."""

    ALL = "all"
    DEFAULT = "default"
    DRAWN = "drawn"
    SINGULAR = "singular"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("calibrate")(calibrate)


def calibrate(
    suite: Annotated[
        SuiteName, typer.Option("--suite", help="Models to estimate; all: the three together.")
    ] = SuiteName.ALL,
    drawn: Annotated[
        int,
        typer.Option("--drawn", help="Seed that draws the 40 models of the drawn suite.", min=0),
    ] = 2027,
    precision: Annotated[
        float, typer.Option("--precision", help="Relative standard error asked for.")
    ] = 0.015,
    max_steps: Annotated[
        int, typer.Option("--max-steps", help="Steps after which a chain stops in any case.")
    ] = 16_000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the chains.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="New folder: SUITE/calibration.parquet and its figure for each suite."
        ),
    ] = None,
    threads: ThreadsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Estimate λ and m of models where both are known, and compare.

    Example: pfmap calibrate --out results/calibration
    """
    from pfmap.errors import SettingsError
    from pfmap.execution import check_threads

    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(f"--out: must be a new or empty folder, got {out}")
    n_threads = check_threads(threads)
    typer.echo("pfmap: compiling kernels (first run only) …", err=True)
    from pfmap.calibration.calibrate import calibrate as run_suite
    from pfmap.calibration.calibrate import totals
    from pfmap.calibration.suites import SUITES, suite_named

    names = list(SUITES) if suite is SuiteName.ALL else [suite.value]
    models = [(name, model) for name in names for model in suite_named(name, drawn)]
    start = time.monotonic()
    with ProgressReporter() as reporter:
        reporter.started("calibrate")
        found = run_suite(
            [model for _, model in models],
            precision=precision,
            max_steps=max_steps,
            seed=seed,
            threads=n_threads,
            progress=lambda done, total, _: reporter.progress("calibrate", done, total),
        )
        reporter.finished("calibrate", time.monotonic() - start, up_to_date=False)
    found.insert(0, "suite", [name for name, _ in models])
    summary = {**totals(found), "wall_s": time.monotonic() - start}
    files = _write(out, found) if out is not None else []
    rows = found.astype(object).where(found.notna(), None).to_dict("records")
    payload = {"models": rows, "totals": summary, "files": [str(path) for path in files]}
    emit(payload, f"{table(_readable(rows), COLUMNS)}\n\n{_said(summary)}", as_json)


def _readable(rows: list[dict[Any, Any]]) -> list[dict[str, Any]]:
    """Rows for people: errors in per cent."""
    return [
        {**row, "error": "-" if row["error"] is None else f"{100 * row['error']:+.1f} %"}
        for row in rows
    ]


def _said(totals: dict[str, float | int]) -> str:
    """The totals as sentences."""
    share = {key: f"{100 * value:.0f} %" for key, value in totals.items()}
    return "\n".join(
        [
            f"{totals['models']} models, {totals['ok']} with verdict ok, of which "
            f"{totals['ok_off']} are off by more than 3 %; "
            f"{totals['sampled']} were sampled, λ = rank/2 was shown for the others",
            f"relative error: median {100 * totals['median_error']:.1f} %, within 5 % "
            f"{share['within_5_percent']}, worst with verdict ok "
            f"{100 * totals['worst_ok_error']:.1f} %",
            f"sampled models alone: median {100 * totals['sampled_median_error']:.1f} %, "
            f"within 5 % {share['sampled_within_5_percent']}, 95 % interval holds λ in "
            f"{share['sampled_covered']}",
            f"95 % interval holds λ in {share['covered']} of all, and in "
            f"{share['family_covered']} of the family where it does least",
            f"m right in {share['m_right']} of {totals['told_apart']} models with "
            f"(m - 1)/λ > 0.2; {totals['m_wrong']} of "
            f"{totals['m_stated']} stated wrong in all",
            f"{share['pairs_ordered']} of {totals['pairs']} pairs of one family ordered right",
            f"one temperature, nβ = 1086: median error {100 * totals['single_error']:.1f} %",
            f"{totals['gradients']:.2g} gradients, {totals['wall_s']:.0f} s; "
            f"{totals['median_s']:.1f} s for the median model",
        ]
    )


def _write(folder: Path, found: Any) -> list[Path]:
    """The table and the figure of every suite, in a folder of its name."""
    from pfmap.figures.calibration import draw_calibration
    from pfmap.figures.style import drawing, write_figure
    from pfmap.store.atomic import environment_fault
    from pfmap.store.tables import write_table

    files: list[Path] = []
    for suite, rows in found.groupby("suite", sort=False):
        place, kept = folder / suite, rows.drop(columns="suite").reset_index(drop=True)
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise environment_fault(error, place) from error
        path = place / "calibration.parquet"
        write_table(path, kept, "calibration")
        with drawing():
            files += [path, *write_figure(draw_calibration(kept), place, "calibration")]
    return files
