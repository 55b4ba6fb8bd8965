"""How commands find their campaign: a file, a named campaign, or a folder that holds one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pfmap.settings.campaign import Campaign

CampaignArgument = Annotated[
    str,
    typer.Argument(
        help="A campaign file, the name of a shipped campaign (pfmap init --list), or the folder "
        "of a campaign (its name, if under results/)."
    ),
]
FolderArgument = Annotated[
    Path,
    typer.Argument(help="Folder of a campaign, its name under results/, or its campaign file."),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", envvar="PFMAP_OUT", help="Folder for the results; results/NAME if left out."
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads", envvar="PFMAP_THREADS", min=1, help="Threads; all cores if left out."
    ),
]
MemoryOption = Annotated[
    str | None,
    typer.Option(
        "--memory",
        envvar="PFMAP_MEMORY",
        help="Memory the run may hold, such as 2GiB; half of the machine's if left out. What does "
        "not fit waits on disk; no result depends on it.",
    ),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        envvar="PFMAP_CLUSTER",
        help="Dask workers that do the work: local:4, tls://HOST:8786, or the file of a job queue "
        "such as slurm.toml; this process's threads if left out. No result depends on it.",
    ),
]
StagingOption = Annotated[
    str,
    typer.Option(
        "--staging",
        help="Where workers that do not see the results folder leave their shards, such as "
        "s3://BUCKET/PREFIX; sent through the scheduler if left out.",
    ),
]
DrawsOption = Annotated[
    int | None,
    typer.Option("--draws", envvar="PFMAP_DRAWS", help="Total draws, instead of the file's."),
]
SeedOption = Annotated[
    int | None, typer.Option("--seed", envvar="PFMAP_SEED", help="Seed, instead of the file's.")
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Continue the campaign that the folder holds.")
]
FreshOption = Annotated[
    bool, typer.Option("--fresh", help="Delete the campaign that the folder holds; start anew.")
]

ReplaceOption = Annotated[
    bool, typer.Option("--fresh", help="Replace results of other settings that the folder holds.")
]


def find_campaign(
    source: str, *, draws: int | None = None, seed: int | None = None
) -> tuple[Campaign, Path]:
    """Campaign named by `source` with the given overrides, and its default folder.

    Raises
    ------
    SettingsError
        If there is no such campaign or an override breaks a rule.
    """
    from pfmap.errors import SettingsError
    from pfmap.experiments import campaign_names, named_campaign
    from pfmap.settings.read import campaign_from_mapping, read_campaign

    path = Path(source)
    named_folder = Path("results") / path
    if (path / "campaign.toml").is_file():
        campaign, folder = read_campaign(path / "campaign.toml"), path
    elif path.is_file() or path.suffix == ".toml":
        campaign = read_campaign(path)
        folder = Path("results") / campaign.name
    elif source not in campaign_names() and (named_folder / "campaign.toml").is_file():
        campaign, folder = read_campaign(named_folder / "campaign.toml"), named_folder
    elif source not in campaign_names() and path.is_dir():
        raise SettingsError(
            f"campaign: the folder holds no campaign (no campaign.toml), got {source}",
            next_step="name a campaign file; choose the folder of the results with --out",
        )
    else:
        campaign = named_campaign(source)  # or raises, listing the names
        folder = Path("results") / campaign.name
    overrides: dict[str, Any] = {"draws": draws, "seed": seed}
    overrides = {key: value for key, value in overrides.items() if value is not None}
    if overrides:
        settings = campaign.model_dump(mode="json", exclude_none=True)
        campaign = campaign_from_mapping({**settings, **overrides}, source="command line")
    return campaign, folder


def find_folder(folder: Path) -> Path:
    """Folder of an existing campaign: the path, its name under ``results/``, or its file's name.

    Raises
    ------
    SettingsError
        If none of them holds a campaign.
    """
    from pfmap.errors import SettingsError
    from pfmap.settings.read import read_campaign

    name = Path(read_campaign(folder).name) if folder.is_file() else folder
    for candidate in (folder, Path("results") / name):
        if (candidate / "campaign.toml").is_file():
            return candidate
    raise SettingsError(
        f"folder: holds no campaign (no campaign.toml), got {folder}",
        next_step=f"run it first: pfmap run {shlex.quote(str(folder))}",
    )
