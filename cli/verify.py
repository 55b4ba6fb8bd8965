"""``pfmap verify``: are the files of a campaign what they were when written?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .campaigns import FolderArgument, find_folder
from .progress import ProgressReporter
from .render import JsonFlag, counted, emit


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("verify")(verify)


def verify(
    folder: FolderArgument = Path("default"),
    blocks: Annotated[int, typer.Option("--blocks", min=0, help="Blocks to draw again.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Check digests and row counts, and draw blocks again to compare.

    Example: pfmap verify results/default --blocks 3
    """
    from pfmap import pipeline
    from pfmap.errors import DataError
    from pfmap.store import CampaignFolder

    found = find_folder(folder)
    with ProgressReporter() as reporter:
        reporter.started("verify")
        report = pipeline.verify(found, blocks=blocks, reporter=reporter)
    lines = [
        f"{counted(report.shards, 'shard')} with {report.draws:,} of "
        f"{counted(report.total, 'draw')}, "
        f"{report.tables} tables and figures, "
        f"{counted(report.regenerated, 'block')} drawn again: "
        f"{'all sound' if report.ok else 'problems'}",
        *report.problems,
    ]
    emit({**asdict(report), "ok": report.ok}, "\n".join(lines), as_json)
    if not report.ok:
        raise DataError(
            f"verify: {counted(len(report.problems), 'problem')} in {found}",
            next_step=f"repair it with: {CampaignFolder(found).resume_command}",
        )
