"""Which stages are up to date: a token of settings and inputs for each, and the journal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from pfmap.settings.campaign import Campaign
from pfmap.store import CampaignFolder
from pfmap.store.atomic import file_digest

from .stages import stage_names, stage_of


def stage_tokens(campaign: Campaign) -> dict[str, str]:
    """A token for every stage that changes with its settings, its inputs and pfmap's version.

    Parameters
    ----------
    campaign : Campaign
        Settings.

    Returns
    -------
    dict
        Stage name to token.

    Examples
    --------
    >>> before = stage_tokens(Campaign(complexity={"proxies": ("lz",)}))
    >>> after = stage_tokens(Campaign(complexity={"proxies": ("lz", "entropy")}))
    >>> [stage for stage in stage_names() if before[stage] != after[stage]]
    ['complexity', 'llc', 'volume', 'free_energy', 'analyze', 'plot']
    """
    tokens: dict[str, str] = {}
    for name in stage_names():
        stage = stage_of(name)
        parts = [name, stage.settings(campaign), *(tokens[needed] for needed in stage.needs)]
        tokens[name] = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
    return tokens


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
    for needed in stage_of(stage).needs:
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
