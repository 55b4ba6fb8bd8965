"""Checking a campaign's folder: digests, row counts, sums, and blocks drawn again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow.compute as pc

from pfmap.display import Displayed
from pfmap.errors import DataError, PfmapError
from pfmap.execution import check_threads, run_blocks
from pfmap.sampling import plan_sampling
from pfmap.settings.campaign import Campaign
from pfmap.store import CampaignFolder, read_campaign_folder
from pfmap.store.folder import block_draws
from pfmap.store.journal import BlockEntry
from pfmap.store.merge import same_rows, stream_counts
from pfmap.store.tables import file_notes, read_file, stream_file

from .compaction import compaction_damage
from .freshness import damage, stage_tokens
from .limited_counts import counts_table, everything_kept, ranked, read_kept, shard_level
from .recount import Recount, table_problems
from .report import Reporter, SilentReporter
from .shards import reproduced
from .splittings import run_table


@dataclass(repr=False)
class VerifyReport(Displayed):
    """What `verify` looked at and what it found.

    Attributes
    ----------
    folder : Path
        The campaign's folder.
    problems : list of str
        One line a problem, naming the file; empty if all is well.
    shards, draws, total, tables, regenerated : int
        Shards read, draws of all finished blocks, draws that the campaign asks for, files of stages
        compared with the journal, and blocks drawn again.
    """

    SHOWN: ClassVar = ("folder", "problems", "shards", "draws", "total", "tables", "regenerated")

    folder: Path
    problems: list[str] = field(default_factory=list)
    shards: int = 0
    draws: int = 0
    total: int = 0
    tables: int = 0
    regenerated: int = 0

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return not self.problems


def verify(
    folder: Path | str,
    *,
    blocks: int = 1,
    threads: int | None = None,
    reporter: Reporter | None = None,
) -> VerifyReport:
    """Check everything a campaign's folder holds, changing nothing.

    Every finished shard: SHA-256, page checksums, rows, sum of its counts, range of its draws; of
    folded blocks the files that they were folded into. No more draws in the tables than finished
    blocks hold. ``functions.parquet``: equal to the shards merged anew, and some functions added up
    from the shards one by one. Every file of a stage, and ``provenance.json``: its SHA-256; later
    tables: their draws and functions. No file of pfmap's that the journal does not name. Some
    finished blocks are drawn again and compared row by row.

    Parameters
    ----------
    folder : Path or str
        Folder of a campaign.
    blocks : int, default 1
        Finished blocks to draw again, spread evenly over the campaign; 0 draws none.
    threads : int, optional
        Threads; None uses all available.
    reporter : Reporter, optional
        Told of progress, as stage ``verify``.

    Returns
    -------
    VerifyReport
        Problems are reported there, not raised.

    Raises
    ------
    DataError
        If the folder holds no campaign.

    Examples
    --------
    >>> import tempfile
    >>> import pfmap
    >>> settings = pfmap.Campaign(draws=1000, network={"widths": (2, 4, 1)})
    >>> folder = pfmap.run(settings, tempfile.mkdtemp(), stages=["functions"]).folder
    >>> report = verify(folder)
    >>> report.problems, report.draws, report.regenerated
    ([], 1000, 1)
    """
    campaign = read_campaign_folder(folder)
    report = VerifyReport(Path(folder), total=campaign.draws)
    files = CampaignFolder(Path(folder))
    reporter = reporter or SilentReporter()
    if not files.holds_campaign():
        raise DataError(
            f"{files.path}: holds no journal, so nothing was finished",
            next_step=files.resume_command,
        )
    entry = files.journal.state.campaign
    if entry is not None and entry.digest != campaign.digest():
        report.problems.append("campaign.toml: its settings are not those of the drawn blocks")
    report.problems += [
        f"journal.jsonl: line {line} is damaged" for line in files.journal.state.damaged
    ]
    report.problems += [
        f"{files.relative(path)}: pfmap did not write it; move it away, or whoever reads the "
        "folder reads it too"
        for path in files.foreign_files()
    ]
    report.problems += [
        f"{files.relative(path)}: pfmap wrote it, but no line of the journal names it"
        for path in files.unrecorded_files()
    ]
    complaint = files.provenance_damage()
    if complaint:
        report.problems.append(f"provenance.json: {complaint}")
    finished = files.finished_blocks(campaign)
    regenerate = spread(sorted(finished), blocks)
    total = len(finished) + len(regenerate)
    folded = files.journal.state.fold.blocks
    if folded:
        _note(report, partial(check_fold, campaign, files))
    recount = _recount(campaign, files, finished)
    told = len(report.problems)
    for done, block in enumerate(finished.values(), start=1):
        if block.block_index >= folded:
            _note(report, partial(check_shard, campaign, files, block, recount))
            report.shards += 1
        report.draws += block.draws
        reporter.progress("verify", done, total)
    sound = len(report.problems) == told
    _check_stages(campaign, files, report, recount if sound else None)
    if regenerate and sound:
        plan = plan_sampling(campaign)
        for tally in run_blocks(plan, regenerate, threads=check_threads(threads)):
            if not reproduced(files, campaign, tally):
                name = files.relative(files.shard(tally.block_index))
                if tally.block_index < folded:
                    name = f"block {tally.block_index}: what it was folded into"
                report.problems.append(f"{name}: differs from the block drawn again")
            report.regenerated += 1
            reporter.progress("verify", len(finished) + report.regenerated, total)
    return report


def spread(blocks: list[int], wanted: int) -> list[int]:
    """`wanted` of the blocks, spread evenly, the last one among them.

    Examples
    --------
    >>> spread([0, 1, 2, 3, 4, 5], 2)
    [2, 5]
    """
    if wanted < 1 or not blocks:
        return []
    places = np.linspace(0, len(blocks), min(wanted, len(blocks)) + 1)[1:]
    return [blocks[int(place) - 1] for place in places]


def _recount(
    campaign: Campaign, files: CampaignFolder, finished: dict[int, BlockEntry]
) -> Recount | None:
    """Functions to be added up from the shards, if all shards are there and so is the table."""
    if campaign.counting.keep != "all" or len(finished) < campaign.n_blocks:
        return None
    try:
        return Recount(files)
    except PfmapError:  # said where the files of the stages are looked at
        return None


def check_shard(
    campaign: Campaign, files: CampaignFolder, entry: BlockEntry, recount: Recount | None = None
) -> None:
    """Check one shard against its journal line, and show its rows to `recount`.

    Raises
    ------
    DataError
        Naming the shard.
    """
    path = files.shard(entry.block_index)
    name = files.relative(path)
    complaint = files.damage(name, entry.sha256)
    if complaint:
        raise DataError(complaint)
    counts = read_file(path, "counts")
    if recount is not None:
        recount.take(counts)
    if len(counts) != entry.rows:
        raise DataError(f"{name}: {len(counts)} rows, the journal says {entry.rows}")
    draws = block_draws(campaign, entry.block_index)
    first = entry.block_index * campaign.block_draws
    thinned = shard_level(counts) > 0
    if not thinned and pc.sum(counts["count"]).as_py() != draws:
        raise DataError(f"{name}: its counts do not add up to the {draws} draws of its block")
    if not len(counts):
        return
    seen = pc.min_max(counts["first_draw"]).as_py()
    begins = seen["min"] >= first if thinned else seen["min"] == first
    if not begins or seen["max"] >= first + draws:
        raise DataError(f"{name}: holds draws outside its block")


def check_fold(campaign: Campaign, files: CampaignFolder) -> None:
    """Check the files of the last fold against the journal and against what they must hold.

    Raises
    ------
    DataError
        Naming the file.
    """
    complaint = compaction_damage(files)
    if complaint:
        raise DataError(complaint)
    kept = read_kept(files, campaign)
    draws = files.journal.state.fold.blocks * campaign.block_draws
    if not kept.sample.keeps(kept.sample.counts.words).all():
        raise DataError("counts: the sample holds functions whose hash is not in it")
    if kept.summary is not None and (
        kept.summary.draws != draws or kept.summary.error > kept.summary.error_bound
    ):
        raise DataError(f"counts: the frequent functions are not those of {draws} draws")


def _check_stages(
    campaign: Campaign, files: CampaignFolder, report: VerifyReport, recount: Recount | None
) -> None:
    """Compare the files of every stage with the journal, and the tables with what they are of."""
    state = files.journal.state
    names = list(dict.fromkeys(name for entry in state.stages.values() for name in entry.files))
    # Runs of a stage that has not ended; those of other settings have been removed.
    names += [name for name in state.runs if name not in names and (files.path / name).is_file()]
    sound = set()
    for name in names:
        found = damage([name], files)
        report.tables += 1
        if found:
            report.problems.append(f"{found[0]}: {found[1]}")
        elif not name.endswith(".parquet") or _note(report, partial(_read, files, name)):
            sound.add(name.removesuffix(".parquet"))
    done = state.stages.get("sample")
    finished = len(files.finished_blocks(campaign))
    if finished < campaign.n_blocks and (
        done is not None and done.token == stage_tokens(campaign)["sample"]
    ):
        report.problems.append(
            f"journal.jsonl: says that all {campaign.n_blocks} blocks were drawn, and names "
            f"{finished}; {files.resume_command} draws the others again"
        )
    if "functions" in sound or files.table("functions") in files.unrecorded_files():
        _note(report, partial(_check_functions, campaign, files, report, recount))
    if "functions" in sound:
        _note(report, lambda: report.problems.extend(table_problems(campaign, files, sound)))


def _check_functions(
    campaign: Campaign, files: CampaignFolder, report: VerifyReport, recount: Recount | None
) -> None:
    """Compare functions with the shards, or with what was kept of the draws.

    Raises
    ------
    DataError
        Saying how they differ.
    """
    path = files.table("functions")
    claimed = int(file_notes(path, "functions").get("pfmap_draws", campaign.draws))
    remedy = f"{files.resume_command} brings it up to date"
    if claimed > report.draws:
        raise DataError(
            f"functions.parquet: is of {claimed} draws, the finished blocks hold {report.draws}; "
            f"{remedy}"
        )
    if campaign.counting.keep != "all":
        if report.draws == campaign.draws and report.ok:
            _check_kept(campaign, files)
        return
    table = partial(stream_file, path, "functions", ["function", "count", "first_draw"])
    counted = sum(pc.sum(rows["count"]).as_py() or 0 for rows in table())
    if counted != claimed or (report.draws == campaign.draws != claimed):
        raise DataError(
            f"functions.parquet: its counts do not add up to {campaign.draws} draws; {remedy}"
        )
    if recount is None:  # blocks are missing, or a shard is damaged
        return
    if complaint := recount.problem():
        raise DataError(complaint)
    shards = [files.shard(index) for index in range(campaign.n_blocks)]
    if not same_rows(stream_counts(shards, scratch=None), table()):
        raise DataError("functions.parquet: differs from the shards merged anew")


def _check_kept(campaign: Campaign, files: CampaignFolder) -> None:
    """Compare functions with what was kept of all draws."""
    columns = ["function", "count", "first_draw"]
    table = stream_file(files.table("functions"), "functions", columns)
    anew = counts_table(ranked(everything_kept(files, campaign).counts), campaign)
    if not same_rows(iter([anew]), table):
        raise DataError(
            "functions.parquet: differs from what was kept of the draws, or is of fewer; "
            f"{files.resume_command} brings it up to date"
        )


def _read(files: CampaignFolder, name: str) -> None:
    path = files.path / name
    for _ in stream_file(path, run_table(path) if files.keeps_run(path) else path.stem):
        pass  # reading checks every page


def _note(report: VerifyReport, check: Callable[[], None]) -> bool:
    """Run one check; its complaint becomes a problem of the report. Whether there was none."""
    try:
        check()
    except PfmapError as error:
        report.problems.append(error.message)
        return False
    return True
