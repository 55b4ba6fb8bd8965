"""Campaigns drawn separately, block by block, joined into one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pfmap.display import Displayed
from pfmap.errors import DataError, EnvironmentFault, SettingsError
from pfmap.execution import check_threads, stop_on_signals
from pfmap.settings.campaign import Campaign
from pfmap.store import CampaignFolder, read_campaign_folder
from pfmap.store.atomic import free_bytes, write_bytes
from pfmap.store.journal import BlockEntry
from pfmap.store.lock import folder_lock
from pfmap.store.provenance import now

from .job import Job
from .opening import begin_campaign, differences
from .report import Reporter, SilentReporter
from .shards import check_reproduces, content_of_shard
from .stages.sample import stopped

_FREE = {"name", "draws"}


@dataclass(repr=False)
class MergeResult(Displayed):
    """What `merge` did.

    Attributes
    ----------
    folder : Path
        The joined campaign.
    campaign : Campaign
        Its settings.
    taken : dict
        Blocks taken from every folder, by its path.
    missing : list of (int, int)
        Ranges of blocks that no folder holds, ends excluded.
    elapsed_s : float
    """

    SHOWN: ClassVar = ("folder", "taken", "missing", "elapsed_s")

    folder: Path
    campaign: Campaign
    taken: dict[str, int] = field(default_factory=dict)
    missing: list[tuple[int, int]] = field(default_factory=list)
    elapsed_s: float = 0.0


def merge(
    folders: Sequence[Path | str],
    out: Path | str,
    *,
    resume: bool = False,
    threads: int | None = None,
    reporter: Reporter | None = None,
) -> MergeResult:
    """Join campaigns with the same settings that drew different blocks.

    The folders are read only. Every shard is checked against its journal, and one block of every
    folder is drawn again and compared. The joined folder is then like one whose blocks were drawn
    in one run: `pfmap.pipeline.run` with ``resume=True`` draws what is missing and makes the
    tables.

    Parameters
    ----------
    folders : sequence of Path or str
        Two or more folders, such as `run` leaves with ``blocks``.
    out : Path or str
        Folder of the joined campaign; made if absent.
    resume : bool, default False
        Continue an interrupted merge.
    threads : int, optional
        Threads that draw blocks again; None is all available.
    reporter : Reporter, optional
        Told of progress, as stage ``merge``.

    Returns
    -------
    MergeResult

    Raises
    ------
    SettingsError
        If settings differ in anything but the name and the total of draws, if two folders hold the
        same block, or if `out` holds a campaign and `resume` is not set.
    DataError
        If a shard is damaged, or a block, drawn again, differs.
    EnvironmentFault
        If the disk is too small.
    StoppedEarly
        On SIGINT or SIGTERM; shards that were copied are kept.

    Examples
    --------
    >>> import tempfile
    >>> from pfmap.settings.network import Network
    >>> from pfmap.pipeline import run
    >>> campaign = Campaign(draws=1000, block_draws=256, network=Network(widths=(2, 4, 1)))
    >>> one, two, joined = (tempfile.mkdtemp() for _ in range(3))
    >>> _ = run(campaign, one, blocks=(0, 3))
    >>> _ = run(campaign, two, blocks=(3, 4))
    >>> list(merge([one, two], joined).taken.values())
    [3, 1]
    """
    began = time.perf_counter()
    reporter = reporter or SilentReporter()
    used = check_threads(threads)
    sources = [CampaignFolder(Path(folder)) for folder in folders]
    places = [source.path.resolve() for source in sources]
    if len(places) < 2 or len(set(places)) < len(places):
        got = f"{len(places)}, {len(set(places))} of them different"
        raise SettingsError(f"folders: must be two or more, each named once, got {got}")
    if Path(out).resolve() in places:
        raise SettingsError(
            f"out: must not be one of the folders, which are only read, got {out}",
            next_step="choose another folder",
        )
    files = CampaignFolder(Path(out))
    if files.holds_campaign() and not resume:
        raise SettingsError(
            f"out: must be a folder without a campaign, got {out}",
            next_step="continue the merge with --resume, or choose another folder",
        )
    campaign = joined_campaign(sources)
    blocks = blocks_to_take(sources, campaign)
    with stop_on_signals() as stop:
        try:
            with folder_lock(files.path):
                _check_room(files, sources, blocks)
                for source, entries in zip(sources, blocks, strict=True):
                    if entries:
                        check_reproduces(Job(campaign, source, used, reporter, stop), max(entries))
                campaign = begin_campaign(
                    campaign, files, resume=resume, fresh=False, reporter=reporter
                )
                record = {
                    "started": now(),
                    "threads": used,
                    "merged": [str(source.path) for source in sources],
                    "stages": {},
                }
                files.record_run(campaign, record, first=True)
                result = MergeResult(files.path, campaign)
                _copy(files, sources, blocks, reporter)
                record["finished"] = now()
                files.record_run(campaign, record)
        except KeyboardInterrupt as interrupt:
            raise stopped(files, campaign) from interrupt
    result.taken = {
        str(source.path): len(entries) for source, entries in zip(sources, blocks, strict=True)
    }
    done = files.finished_blocks(campaign)
    result.missing = ranges([i for i in range(campaign.n_blocks) if i not in done])
    result.elapsed_s = time.perf_counter() - began
    return result


def joined_campaign(sources: Sequence[CampaignFolder]) -> Campaign:
    """The settings that all have, with the largest total of draws.

    Raises
    ------
    SettingsError
        Naming what differs.
    """
    campaigns = [read_campaign_folder(source.path) for source in sources]
    first = campaigns[0]
    if first.counting.keep != "all":
        raise SettingsError(
            f"{sources[0].path}: only campaigns with counting.keep = all have shards to join, got "
            f"{first.counting.keep}",
            next_step="draw it in one campaign, if need be on a cluster",
        )
    for source, campaign in zip(sources, campaigns, strict=True):
        entry = source.journal.state.campaign
        drawn_otherwise = entry is not None and entry.digest != campaign.digest()
        same = campaign.digest() == first.digest() and settings_of(campaign) == settings_of(first)
        if drawn_otherwise or not same:
            what = "; ".join(differences(first, campaign, set(settings_of(first))))
            if not what and drawn_otherwise:
                what = "its blocks were drawn before campaign.toml was changed"
            raise SettingsError(
                f"{source.path}: must have the settings of {sources[0].path}, got other ones: "
                f"{what or 'the points of its domain differ'}",
                next_step="campaigns that draw otherwise cannot be joined; other settings: make "
                "them equal in campaign.toml",
            )
    return max(campaigns, key=lambda campaign: campaign.draws).model_copy(
        update={"name": first.name, "domain": first.domain}
    )


def settings_of(campaign: Campaign) -> dict[str, object]:
    """Settings that joined campaigns share: all but the name, the total, and where points lie."""
    settings = campaign.model_dump(mode="json", exclude=_FREE)
    settings["domain"] = {k: v for k, v in settings["domain"].items() if k != "file"}
    return settings


def blocks_to_take(
    sources: Sequence[CampaignFolder], campaign: Campaign
) -> list[dict[int, BlockEntry]]:
    """Finished blocks of every folder. A short last block of a smaller total is left out.

    Raises
    ------
    SettingsError
        If two folders hold the same block.
    """
    blocks = [source.finished_blocks(campaign) for source in sources]
    owner: dict[int, CampaignFolder] = {}
    for source, entries in zip(sources, blocks, strict=True):
        shared = sorted(owner.keys() & entries.keys())
        if shared:
            raise SettingsError(
                f"{source.path}: blocks must not be in another folder too, got "
                f"{said(ranges(shared))} also in {owner[shared[0]].path}",
                next_step="draws of a block are the same wherever they are drawn: leave one of the "
                "folders out",
            )
        owner.update(dict.fromkeys(entries, source))
    return blocks


def ranges(indices: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending indices as ranges, ends excluded.

    Examples
    --------
    >>> ranges([0, 1, 2, 5, 7, 8])
    [(0, 3), (5, 6), (7, 9)]
    """
    found: list[tuple[int, int]] = []
    for index in indices:
        if found and found[-1][1] == index:
            found[-1] = found[-1][0], index + 1
        else:
            found.append((index, index + 1))
    return found


def said(blocks: Sequence[tuple[int, int]]) -> str:
    """Ranges of blocks in words, as ``--blocks`` takes them.

    Examples
    --------
    >>> said(ranges([0, 1, 2, 5]))
    'blocks 0:3, 5:6'
    """
    parts = [f"{first}:{end}" for first, end in blocks]
    return f"blocks {', '.join(parts[:5])}{' …' if len(parts) > 5 else ''}"


def _check_room(
    files: CampaignFolder, sources: Sequence[CampaignFolder], blocks: list[dict[int, BlockEntry]]
) -> None:
    """Refuse to begin what the disk cannot hold."""
    needed = 0
    for source, entries in zip(sources, blocks, strict=True):
        for index in entries:
            if not source.shard(index).is_file():
                raise DataError(
                    f"{source.shard(index)}: is missing",
                    next_step=source.resume_command,
                )
            if not files.shard(index).exists():
                needed += source.shard(index).stat().st_size
    free = free_bytes(files.path)
    if needed > free:
        raise EnvironmentFault(
            f"disk: the shards need {needed / 1e9:.3g} GB, {files.path} has {free / 1e9:.3g} GB "
            "free",
            next_step="choose a folder on a larger disk",
        )


def _copy(
    files: CampaignFolder,
    sources: Sequence[CampaignFolder],
    blocks: list[dict[int, BlockEntry]],
    reporter: Reporter,
) -> None:
    """Copy the shards, each followed by its line of the journal."""
    total = sum(map(len, blocks))
    done = 0
    for source, entries in zip(sources, blocks, strict=True):
        for index, entry in entries.items():
            content = content_of_shard(source, entry)
            if files.journal.state.blocks.get(index) != entry or not files.shard(index).is_file():
                write_bytes(files.shard(index), content)
                files.journal.append(entry)
            done += 1
            reporter.progress("merge", done, total)
