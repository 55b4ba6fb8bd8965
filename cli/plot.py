"""``pfmap plot``: run this stage again on a campaign's tables."""

from __future__ import annotations

from pathlib import Path

import typer

from .campaigns import FolderArgument, MemoryOption, ThreadsOption, find_folder
from .render import JsonFlag
from .run import run_stages


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("plot")(plot)


def plot(
    folder: FolderArgument = Path("default"),
    threads: ThreadsOption = None,
    memory: MemoryOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw the figures of a campaign from its tables.

    Stages before it run only if their tables are missing or out of date.

    Example: pfmap plot results/default
    """
    found = str(find_folder(folder))
    run_stages(
        found, stages=("plot",), threads=threads, memory=memory, resume=True, as_json=as_json
    )
