"""``pfmap merge``: join campaigns whose blocks were drawn separately."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .campaigns import ResumeOption, ThreadsOption, find_folder
from .progress import ProgressReporter
from .render import JsonFlag, counted, emit


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("merge")(merge)


def merge(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of campaigns with the same settings.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the joined campaign.")],
    threads: ThreadsOption = None,
    resume: ResumeOption = False,
    as_json: JsonFlag = False,
) -> None:
    """Join campaigns that drew different blocks of the same draws; the folders are only read.

    Example: pfmap merge results/a results/b --out results/ab
    """
    from pfmap import pipeline
    from pfmap.pipeline.merging import said
    from pfmap.store import CampaignFolder

    found = [find_folder(folder) for folder in folders]
    with ProgressReporter() as reporter:
        reporter.started("merge")
        result = pipeline.merge(found, out, resume=resume, threads=threads, reporter=reporter)
    lines = [f"{folder}: {counted(number, 'block')}" for folder, number in result.taken.items()]
    lines.append(
        f"in {result.folder}, {sum(result.taken.values())} of {result.campaign.n_blocks} blocks"
        + (f"; missing: {said(result.missing)}" if result.missing else "")
    )
    lines.append(f"go on with: {CampaignFolder(result.folder).resume_command}")
    payload = {
        "folder": result.folder,
        "draws": result.campaign.draws,
        "taken": result.taken,
        "missing": result.missing,
        "elapsed_s": round(result.elapsed_s, 2),
    }
    emit(payload, "\n".join(lines), as_json)
