"""``pfmap run``: every stage of a campaign, in order."""

from __future__ import annotations

import dataclasses
import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    find_campaign,
)
from .profile import profile_text
from .progress import ProgressReporter
from .render import JsonFlag, counting_text, emit

if TYPE_CHECKING:
    from pfmap.pipeline import RunResult
    from pfmap.settings.campaign import Campaign


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("run")(run)


def run(
    campaign: CampaignArgument = "default",
    out: OutOption = None,
    draws: DrawsOption = None,
    seed: SeedOption = None,
    threads: ThreadsOption = None,
    memory: MemoryOption = None,
    cluster: ClusterOption = None,
    staging: StagingOption = "",
    resume: ResumeOption = False,
    fresh: FreshOption = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Print where the time went, by stage and kernel.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run a campaign from draws to figures, and print its summary.

    Stages whose inputs and settings have not changed are skipped. Ctrl-C stops after the blocks in
    flight; --resume continues, also towards a larger total of draws.

    Example: pfmap run small --draws 200000
    """
    run_stages(
        campaign,
        stages=None,
        out=out,
        draws=draws,
        seed=seed,
        threads=threads,
        memory=memory,
        cluster=cluster,
        staging=staging,
        resume=resume,
        fresh=fresh,
        profile=profile,
        as_json=as_json,
    )


def run_stages(
    source: str,
    *,
    stages: Sequence[str] | None,
    out: Path | None = None,
    draws: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    memory: str | None = None,
    cluster: str | None = None,
    staging: str = "",
    blocks: tuple[int, int] | None = None,
    resume: bool = False,
    fresh: bool = False,
    profile: bool = False,
    as_json: bool = False,
) -> None:
    """Run the given stages (None is all) of a campaign and print what came out."""
    with ProgressReporter() as reporter:
        # Said before the imports: they and the first compilation take seconds.
        reporter.message(f"pfmap: campaign {source}")
        from pfmap import pipeline
        from pfmap.experiments import campaign_names

        campaign, folder = find_campaign(source, draws=draws, seed=seed)
        if resume and draws is None and source in campaign_names():
            campaign = _towards_its_total(campaign, out or folder)
        result = pipeline.run(
            campaign,
            out or folder,
            resume=resume,
            fresh=fresh,
            threads=threads,
            memory=memory,
            cluster=cluster,
            staging=staging,
            blocks=blocks,
            stages=tuple(stages) if stages is not None else None,
            profile=profile,
            reporter=reporter,
        )
    emit(_payload(result), _text(result), as_json)


def _towards_its_total(campaign: Campaign, folder: Path) -> Campaign:
    """A shipped campaign with the total of draws that the folder already aims at."""
    from pfmap.errors import PfmapError
    from pfmap.store import read_campaign_folder

    try:
        total = read_campaign_folder(folder).draws
    except PfmapError:  # nothing to continue, or a damaged file that the run will name
        return campaign
    return campaign.model_copy(update={"draws": total})


def _shown(summary: str) -> list[str]:
    """The findings of a summary at the terminal's width, or all of it where there are none."""
    from pfmap.analysis.findings import END

    head, mark, _ = summary.partition(END)
    if not mark:
        return [summary.rstrip()]
    width = max(40, shutil.get_terminal_size((100, 24)).columns)
    return [
        part
        for line in head.rstrip().splitlines()
        for part in textwrap.wrap(line, width, subsequent_indent="  " * line.startswith("-"))
        or [""]
    ]


def _payload(result: RunResult) -> dict[str, Any]:
    """The result of a run as plain data, tables of the analysis included."""
    from pfmap import pipeline
    from pfmap.store import read_table

    payload: dict[str, Any] = {
        "folder": result.folder,
        "campaign": result.campaign.name,
        "draws": result.campaign.draws,
        "elapsed_s": round(result.elapsed_s, 2),
        "repaired": result.repaired,
        "counting": pipeline.counting(result.folder),
        "stages": {
            name: {
                "elapsed_s": round(outcome.elapsed_s, 3),
                "up_to_date": outcome.up_to_date,
                "files": outcome.files,
            }
            for name, outcome in result.stages.items()
        },
    }
    if "analyze" in result.stages:
        for name in ("fits", "correlations", "predictors", "relations", "crossings"):
            payload[name] = read_table(result.folder, name).to_pylist()
    if result.profile is not None:
        payload["profile"] = dataclasses.asdict(result.profile)
    return payload


def _text(result: RunResult) -> str:
    """The summary if the analysis ran, else one line a stage and how functions are counted."""
    from pfmap import pipeline
    from pfmap.reading import reading

    lines = []
    summary = result.folder / "summary.md"
    if "analyze" in result.stages and summary.exists():
        with reading(summary, kind="text", next_step="pfmap run --resume makes it again"):
            lines += _shown(summary.read_text(encoding="utf-8"))
    else:
        for name, outcome in result.stages.items():
            files = ": " + ", ".join(path.name for path in outcome.files[:3])
            more = f" and {len(outcome.files) - 3} more" if len(outcome.files) > 3 else ""
            state = "up to date" if outcome.up_to_date else f"{outcome.elapsed_s:.1f} s"
            lines.append(f"{name}: {state}{files if outcome.files else ''}{more}")
        lines += counting_text(pipeline.counting(result.folder))
    lines += [f"repaired: {name}" for name in result.repaired]
    lines.append(f"in {result.folder}, {result.elapsed_s:.1f} s")
    if result.profile is not None:
        lines += ["", profile_text(result.profile)]
    return "\n".join(lines)
