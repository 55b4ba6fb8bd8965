"""Opening a campaign's folder: new, continued or started over, and never by accident."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pfmap.errors import DataError, PfmapError, SettingsError
from pfmap.settings.campaign import Campaign
from pfmap.settings.domain import PointsDomain
from pfmap.settings.read import read_campaign
from pfmap.store import CampaignFolder
from pfmap.store.aside import set_aside
from pfmap.store.journal import CampaignEntry
from pfmap.store.provenance import campaign_of_provenance
from pfmap.store.results import read_record

from .report import Reporter

_CHOICES = "continue it with --resume, start over with --fresh, or choose another folder"
_DRAWING = ("seed", "block_draws", "network", "model", "prior", "domain", "readout", "counting")


def begin_campaign(
    campaign: Campaign,
    files: CampaignFolder,
    *,
    resume: bool,
    fresh: bool,
    reporter: Reporter,
) -> Campaign:
    """Make `files` ready for `campaign`.

    Parameters
    ----------
    campaign : Campaign
        The settings asked for.
    files : CampaignFolder
        The folder; its lock is held.
    resume : bool
        Continue what is there (or start, if nothing is).
    fresh : bool
        Remove what pfmap wrote there and start over.
    reporter : Reporter
        Told what was removed or found damaged.

    Returns
    -------
    Campaign
        The settings as written to ``campaign.toml``; points of a file are now the folder's copy.

    Raises
    ------
    SettingsError
        If the folder holds a campaign and neither `resume` nor `fresh` is set, if the stored
        campaign draws differently, or if it has more draws than asked for.
    DataError
        If files that pfmap did not write stand in its places.
    """
    # Read before --fresh removes anything: they may be the folder's own copy.
    points = campaign.points if isinstance(campaign.domain, PointsDomain) else None
    foreign = files.foreign_files()
    if foreign:
        raise DataError(
            f"{foreign[0]}: pfmap did not write it, and would read it or write over it",
            next_step="move it away, or choose another folder with --out",
        )
    record = read_record(files.path)
    if record is not None:
        raise SettingsError(
            f"{files.path}: holds results of pfmap {record['command']}",
            next_step="choose another folder with --out",
        )
    if fresh:
        keep_changed(files.journal.state.files, files, say=reporter.message)
        removed = files.clear()
        if removed:
            reporter.message(f"removed {len(removed)} files of the campaign in {files.path}")
    swept = files.sweep()
    if swept:
        reporter.message(f"removed {len(swept)} temporary files of an interrupted run")
    stored = _stored_campaign(files)
    written = [path for path in files.written_files() if path != files.campaign_file]
    edited = stored is not None and stored != campaign
    if (written or edited) and not resume:
        done = len(files.journal.state.blocks)
        raise SettingsError(
            f"{files.path}: already holds a campaign ({done} blocks done)", next_step=_CHOICES
        )
    if stored is not None or files.holds_campaign():
        check_same_draws(campaign, stored, files)
    if points is not None:
        files.write_points(points)
        campaign = _with_points_of(files, campaign)
    for line in files.journal.drop_damaged():
        reporter.message(f"journal.jsonl: line {line} is damaged; what it recorded is made again")
    files.write_settings(campaign)
    entry = CampaignEntry(digest=campaign.digest(), draws=campaign.draws)
    if files.journal.state.campaign != entry:
        files.journal.append(entry)
    return campaign


def keep_changed(
    names: Iterable[str], files: CampaignFolder, *, say: Callable[[str], None]
) -> None:
    """Rename figures and summaries that somebody has changed: they are about to be replaced.

    What a stage wrote that did not come to its end is pfmap's own. Of tables,
    `CampaignFolder.foreign_files` tells what is.
    """
    state = files.journal.state
    unfinished = {
        name for stage in state.begun if stage in state.stages for name in state.stages[stage].files
    }
    for name in names:
        path = files.path / name
        if path.suffix == ".parquet" or name in unfinished:
            continue
        other = set_aside(path, state.files[name])
        if other is not None:
            say(f"{name} was changed since pfmap wrote it: kept as {files.relative(other)}")


def check_same_draws(campaign: Campaign, stored: Campaign | None, files: CampaignFolder) -> None:
    """Refuse settings under which the draws of the folder would be other or fewer ones.

    Counting otherwise is refused too: what was not kept cannot be counted later.

    Raises
    ------
    SettingsError
        Naming what differs.
    """
    entry = files.journal.state.campaign
    digest = entry.digest if entry else stored.digest() if stored else campaign.digest()
    draws = entry.draws if entry else stored.draws if stored else 0
    if digest != campaign.digest():
        drawn = _drawn_campaign(files, digest) or stored
        found = differences(drawn, campaign)
        what = "; ".join(found) or "the points of its domain have changed"
        edited = stored is not None and stored.digest() == campaign.digest() and found
        counts_otherwise = bool(found) and all(text.startswith("counting.") for text in found)
        how = "that counts otherwise" if counts_otherwise else "with other draws"
        raise SettingsError(
            f"{files.path}: holds a campaign {how}: {what}",
            next_step=(f"restore that in {files.campaign_file}" if edited else "restore that")
            + " to continue it, start over with --fresh, or choose another folder",
        )
    if draws > campaign.draws:
        raise SettingsError(
            f"draws: {files.path} already aims at {draws}; a smaller total would discard draws, "
            f"got {campaign.draws}",
            next_step=f"ask for at least {draws}, start over with --fresh, or choose another "
            "folder",
        )


def _drawn_campaign(files: CampaignFolder, digest: str) -> Campaign | None:
    """The settings that the blocks were drawn with, if the provenance still holds them."""
    try:
        drawn = campaign_of_provenance(files.provenance_file)
        return drawn if drawn.digest() == digest else None
    except PfmapError:
        return None


def _stored_campaign(files: CampaignFolder) -> Campaign | None:
    """Settings in the folder; None if there are none that can be read."""
    if not files.campaign_file.is_file():
        return None
    try:
        return read_campaign(files.campaign_file)
    except PfmapError:
        if files.journal.state.campaign is None:
            raise
        return None


def differences(
    stored: Campaign | None, campaign: Campaign, sections: Iterable[str] = _DRAWING
) -> list[str]:
    """Settings that differ, as ``key: there, here``; without `sections` those that decide draws."""
    if stored is None:
        return []
    there = _leaves(stored.model_dump(mode="json", include=set(sections)))
    here = _leaves(campaign.model_dump(mode="json", include=set(sections)))
    return [
        f"{key} is {there.get(key)} there, {here.get(key)} here"
        for key in sorted(there.keys() | here.keys())
        # The points decide, wherever they were read from; frequent_p only says what is promised.
        if key not in ("domain.file", "counting.frequent_p") and there.get(key) != here.get(key)
    ]


def _leaves(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level of dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat.update(_leaves(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def _with_points_of(files: CampaignFolder, campaign: Campaign) -> Campaign:
    """`campaign` with its points read from the folder's own copy, wherever the user's file goes."""
    domain = campaign.domain.model_copy(update={"file": str(files.points_file.resolve())})
    return campaign.model_copy(update={"domain": domain})
