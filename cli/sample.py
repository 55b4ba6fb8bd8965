"""``pfmap sample``: draw from the prior and count functions."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from pfmap.errors import shown

from .campaigns import (
    CampaignArgument,
    ClusterOption,
    DrawsOption,
    FreshOption,
    MemoryOption,
    OutOption,
    ResumeOption,
    SeedOption,
    StagingOption,
    ThreadsOption,
)
from .render import JsonFlag
from .run import run_stages


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("sample")(sample)


def sample(
    campaign: CampaignArgument = "default",
    out: OutOption = None,
    draws: DrawsOption = None,
    seed: SeedOption = None,
    threads: ThreadsOption = None,
    memory: MemoryOption = None,
    blocks: Annotated[
        str | None,
        typer.Option(
            "--blocks",
            metavar="A:B",
            help="Draw only blocks A to B - 1 and weigh nothing: pfmap merge joins folders.",
        ),
    ] = None,
    cluster: ClusterOption = None,
    staging: StagingOption = "",
    resume: ResumeOption = False,
    fresh: FreshOption = False,
    as_json: JsonFlag = False,
) -> None:
    """Draw from the prior, count functions and weigh them; no complexities yet.

    Example: pfmap sample small --draws 100000
    """
    run_stages(
        campaign,
        stages=("sample", "functions"),
        blocks=_range(blocks),
        out=out,
        draws=draws,
        seed=seed,
        threads=threads,
        memory=memory,
        cluster=cluster,
        staging=staging,
        resume=resume,
        fresh=fresh,
        as_json=as_json,
    )


def _range(text: str | None) -> tuple[int, int] | None:
    """Blocks as the user gives them."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,9})", text)
    if found is None:
        raise typer.BadParameter(
            f"must be A:B, such as 0:8, got {shown(text)}", param_hint="--blocks"
        )
    return int(found[1]), int(found[2])
