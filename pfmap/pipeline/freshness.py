"""Which stages are up to date: a token of settings and inputs for each, and the journal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import pfmap
from pfmap.campaign import Campaign
from pfmap.domain import has_order
from pfmap.store import CampaignFolder
from pfmap.store.atomic import file_digest
from pfmap.store.schema import FORMAT_VERSION

STAGES = (
    "sample", "functions", "complexity", "llc", "volume", "free_energy", "analyze", "plot",
)  # fmt: skip

# The stages whose results a stage reads.
NEEDS: dict[str, tuple[str, ...]] = {
    "sample": (),
    "functions": ("sample",),
    "complexity": ("functions",),
    "llc": ("complexity",),
    "volume": ("complexity",),
    "free_energy": ("complexity",),
    "analyze": ("complexity", "llc", "volume", "free_energy"),
    "plot": ("complexity", "llc", "volume", "free_energy", "analyze"),
}

TABLES_OF_STAGE: dict[str, tuple[str, ...]] = {
    "sample": ("counts",),
    "functions": ("functions", "frequencies"),
    "complexity": ("functions", "function_llc"),
    "llc": ("llc", "ladder"),
    "volume": ("volume", "evidence"),
    "free_energy": ("classes", "free_energy"),
    "analyze": ("fits", "correlations", "predictors", "relations", "crossings"),
}
"""Tables that a stage writes, where the campaign has them."""


def stage_of_table(name: str) -> str | None:
    """The first stage that writes a table; None for one that a command of its own writes.

    Examples
    --------
    >>> stage_of_table("functions"), stage_of_table("posterior")
    ('functions', None)
    """
    return next((stage for stage, names in TABLES_OF_STAGE.items() if name in names), None)


def stage_tokens(campaign: Campaign, proxies: tuple[str, ...]) -> dict[str, str]:
    """A token for every stage that changes with its settings, its inputs and pfmap's version.

    Parameters
    ----------
    campaign : Campaign
        Settings.
    proxies : tuple of str
        Names of the complexity proxies in force, as `pfmap.pipeline.weigh.measured_names` has them.

    Returns
    -------
    dict
        Stage name to token.

    Examples
    --------
    >>> before = stage_tokens(Campaign(), ("lz",))
    >>> after = stage_tokens(Campaign(), ("lz", "entropy"))
    >>> [stage for stage in STAGES if before[stage] != after[stage]]
    ['complexity', 'llc', 'volume', 'free_energy', 'analyze', 'plot']
    """
    selection = campaign.llc.model_dump(mode="json", include={"functions", "selection", "named"})
    own: dict[str, Any] = {
        "sample": [campaign.digest(), campaign.draws],
        "functions": [pfmap.__version__, FORMAT_VERSION],
        "complexity": [
            campaign.digest("complexity"),
            list(proxies),
            selection,
            *([] if has_order(campaign.domain) else ["no order"]),
        ],
        "llc": campaign.digest("llc"),
        "volume": [campaign.digest("volume"), campaign.analysis.min_count],
        "free_energy": _free_energy_settings(campaign),
        "analyze": _analysis_settings(campaign),
        "plot": [],
    }
    tokens: dict[str, str] = {}
    for stage in STAGES:
        parts = [stage, own[stage], *(tokens[needed] for needed in NEEDS[stage])]
        tokens[stage] = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
    return tokens


def _free_energy_settings(campaign: Campaign) -> Any:
    """What the stage reads of the settings; where there is nothing to measure, nothing."""
    if not campaign.free_energy.classes:
        return []
    return [campaign.digest("free_energy", "volume"), campaign.analysis.min_count]


def _analysis_settings(campaign: Campaign) -> Any:
    """What the analysis reads of the settings: under ``frequent`` also what was promised."""
    settings = campaign.digest("analysis")
    if campaign.counting.keep == "frequent":
        return [settings, campaign.counting.frequent_p]
    return settings


def why_stale(stage: str, token: str, campaign: Campaign, files: CampaignFolder) -> str:
    """Why `stage` has to run, in a few words; empty if it is up to date.

    A stage is up to date when the journal's last line about it bears `token`, no stage it needs
    ran later, and its files are those that were last written.
    """
    state = files.journal.state
    entry = state.stages.get(stage)
    if entry is None:
        return "it has not run"
    if entry.token != token:
        return "its settings or inputs have changed"
    if stage == "sample":
        missing = campaign.n_blocks - len(files.finished_blocks(campaign))
        return f"{missing} blocks are missing" if missing else ""
    own_line = state.line_of_stage[stage]
    for needed in NEEDS[stage]:
        if state.line_of_stage.get(needed, own_line + 1) > own_line:
            return f"{needed} ran later"
    found = damage(entry.files, files)
    return " ".join(found) if found else ""


def damage(names: Iterable[str], files: CampaignFolder) -> tuple[str, str] | None:
    """The first of a stage's files that is not what was last written, and what is wrong with it."""
    latest = files.journal.state.files
    for name in names:
        path = files.path / name
        if not path.is_file():
            return name, "is missing"
        if file_digest(path) != latest[name]:
            return name, "is damaged or was changed: its SHA-256 is not the journal's"
    return None
