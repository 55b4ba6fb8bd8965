"""Checking a campaign's folder: digests, row counts, sums, and blocks drawn again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from pfmap.campaign import Campaign
from pfmap.errors import DataError, PfmapError
from pfmap.execution import check_threads, run_blocks
from pfmap.sampling import plan_sampling
from pfmap.store import CampaignFolder, read_campaign_folder
from pfmap.store.folder import block_draws
from pfmap.store.journal import BlockEntry
from pfmap.store.merge import same_rows, stream_counts
from pfmap.store.provenance import read_provenance
from pfmap.store.tables import read_file, stream_file

from .folding import fold_damage
from .freshness import damage
from .kept import counts_table, everything_kept, ranked, read_kept, shard_level
from .report import Reporter, SilentReporter
from .shards import reproduced
from .volumes import run_table


@dataclass
class VerifyReport:
    """What `verify` looked at and what it found.

    Attributes
    ----------
    folder : Path
        The campaign's folder.
    problems : list of str
        One line a problem, naming the file; empty if all is well.
    shards, draws, tables, regenerated : int
        Shards read, draws they hold, files of stages compared with the journal, and blocks drawn
        again.
    """

    folder: Path
    problems: list[str] = field(default_factory=list)
    shards: int = 0
    draws: int = 0
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
    folded blocks the files that they were folded into.
    ``functions.parquet``: equal to the shards merged anew. Every file of a stage: its SHA-256.
    Some finished blocks are drawn again and compared row by row.

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
    """
    report = VerifyReport(Path(folder))
    campaign = read_campaign_folder(folder)
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
    if not read_provenance(files.provenance_file)["runs"]:
        report.problems.append("provenance.json: missing or damaged; the next run begins a new one")
    finished = files.finished_blocks(campaign)
    regenerate = spread(sorted(finished), blocks)
    total = len(finished) + len(regenerate)
    folded = files.journal.state.fold.blocks
    if folded:
        _note(report, partial(check_fold, campaign, files))
    for done, block in enumerate(finished.values(), start=1):
        if block.block_index >= folded:
            _note(report, partial(check_shard, campaign, files, block))
            report.shards += 1
        report.draws += block.draws
        reporter.progress("verify", done, total)
    sound = report.ok
    _check_stages(campaign, files, report, merge=sound)
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


def check_shard(campaign: Campaign, files: CampaignFolder, entry: BlockEntry) -> None:
    """Check one shard against its journal line.

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
    complaint = fold_damage(files)
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
    campaign: Campaign, files: CampaignFolder, report: VerifyReport, *, merge: bool
) -> None:
    """Compare the files of every stage with the journal, and functions with the shards."""
    state = files.journal.state
    names = list(dict.fromkeys(name for entry in state.stages.values() for name in entry.files))
    # Runs of a stage that has not ended; those of other settings have been removed.
    names += [name for name in state.runs if name not in names and (files.path / name).is_file()]
    for name in names:
        found = damage([name], files)
        report.tables += 1
        if found:
            report.problems.append(f"{found[0]}: {found[1]}")
        elif name.endswith(".parquet"):
            _note(report, partial(_read, files, name))
    complete = len(files.finished_blocks(campaign)) == campaign.n_blocks
    if merge and complete and "functions.parquet" in names and not report.problems:
        if campaign.counting.keep != "all":
            _note(report, partial(_check_kept, campaign, files))
            return
        shards = [files.shard(index) for index in range(campaign.n_blocks)]
        columns = ["function", "count", "first_draw"]
        table = partial(stream_file, files.table("functions"), "functions", columns)
        same_total = sum(pc.sum(rows["count"]).as_py() or 0 for rows in table()) == campaign.draws
        if same_total and not same_rows(stream_counts(shards, scratch=None), table()):
            report.problems.append("functions.parquet: differs from the shards merged anew")
        elif not same_total:
            report.problems.append(
                f"functions.parquet: its counts do not add up to {campaign.draws} draws; "
                f"{files.resume_command} brings it up to date"
            )


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
    for _ in stream_file(path, run_table(path) if path.is_relative_to(files.runs) else path.stem):
        pass  # reading checks every page


def _note(report: VerifyReport, check: Callable[[], None]) -> None:
    """Run one check; its complaint becomes a problem of the report."""
    try:
        check()
    except PfmapError as error:
        report.problems.append(error.message)
