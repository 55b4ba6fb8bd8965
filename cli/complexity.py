"""``pfmap complexity``: complexities of a campaign's functions, or of one truth table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .campaigns import FolderArgument, MemoryOption, ThreadsOption, find_folder
from .render import JsonFlag, emit, table
from .run import run_stages


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("complexity")(complexity)


def complexity(
    folder: FolderArgument = Path("default"),
    bits: Annotated[
        str | None,
        typer.Option(
            "--table",
            help="Measure this truth table instead: 2^n bits, first input bit most significant.",
        ),
    ] = None,
    threads: ThreadsOption = None,
    memory: MemoryOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Measure the complexity of a campaign's functions, or of one truth table.

    Example: pfmap complexity --table 01101001
    """
    if bits is None:
        found = str(find_folder(folder))
        run_stages(
            found,
            stages=("complexity",),
            threads=threads,
            memory=memory,
            resume=True,
            as_json=as_json,
        )
        return
    typer.echo("pfmap: measuring …", err=True)
    from pfmap.complexity import measure_tables
    from pfmap.complexity.registry import find_proxy

    values = {name: float(value[0]) for name, value in measure_tables([bits]).items()}
    rows = [
        {
            "proxy": name,
            "value": value,
            "unit": find_proxy(name).unit,
            "meaning": find_proxy(name).meaning,
        }
        for name, value in values.items()
    ]
    emit({"table": bits, "complexity": values}, table(rows), as_json)
