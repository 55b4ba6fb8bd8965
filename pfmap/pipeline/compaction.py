"""Compaction of finished blocks where not all functions are kept, and removal of their shards.

A fold adds the shards of the next groups to what was folded before, writes files with another name,
then its line of the journal, and only then removes shards and the files before. A process killed at
any of these steps leaves either the old fold with all its shards, or the new one beside files that
no longer count and that the next run removes.
"""

from __future__ import annotations

from collections.abc import Collection

from pfmap.profiling import timed
from pfmap.store import CampaignFolder
from pfmap.store.atomic import disk_faults
from pfmap.store.journal import BlockEntry, FoldEntry

from .job import Job
from .limited_counts import group_blocks, read_kept, whole_groups, with_shards, write_kept

GROUPS_A_COMPACTION = 4
"""Whole groups that wait before they are folded: writing the files costs as much as a group."""


class Compaction:
    """Folds blocks as they finish; does nothing where all functions are kept.

    Parameters
    ----------
    job : Job
        The run.
    sound : collection of int
        Blocks that are finished and whose counts are safe.
    """

    def __init__(self, job: Job, sound: Collection[int]) -> None:
        self.job = job
        self.active = job.campaign.counting.keep != "all"
        self._finished = set(sound) if self.active else set()
        if self.active:
            remove_compacted(job.files)
            self._kept = read_kept(job.files, job.campaign)

    @property
    def level(self) -> int:
        """Level of the sample: shards written from now on need hold no function it has let go."""
        sampled = self.job.campaign.counting.keep == "sampled"
        return self._kept.sample.level if sampled else 0

    def take(self, entry: BlockEntry) -> None:
        """A block has been finished, and its line is in the journal.

        Raises
        ------
        DataError
            If a shard or a file of the last fold cannot be read.
        EnvironmentFault
            If the disk is full or the folder cannot be written.
        """
        if self.active:
            self._finished.add(entry.block_index)
            self._fold(GROUPS_A_COMPACTION)

    def finish(self) -> None:
        """Fold the whole groups that are left; raises as `take`."""
        if self.active:
            self._fold(1)

    def held(self, blocks: int) -> int:
        """Shards on the disk at one time, at most, while `blocks` blocks are drawn in order."""
        if not self.active:
            return blocks
        groups = (GROUPS_A_COMPACTION + 1) * group_blocks(self.job.campaign)
        ahead = self.job.cluster.room if self.job.cluster else self.job.threads
        return min(blocks, groups + ahead)

    def _fold(self, least: int) -> None:
        """Fold the groups that are next and finished, if they are `least` or more."""
        files, campaign = self.job.files, self.job.campaign
        step = group_blocks(campaign)
        begin = files.journal.state.fold.blocks
        end = begin
        last = whole_groups(campaign) * step
        while end < last and all(index in self._finished for index in range(end, end + step)):
            end += step
        if end - begin < least * step:
            return
        with timed("compaction counts"):
            self._kept = with_shards(self._kept, files, campaign, begin, end)
            files.journal.append(write_kept(self._kept, files, campaign, end, self.job.notes))
            remove_compacted(files)
        self._finished.difference_update(range(begin, end))


def remove_compacted(files: CampaignFolder) -> None:
    """Remove the shards of folded blocks, and the files of other folds than the last."""
    fold = files.journal.state.fold
    current = {files.path / name for name in fold.files}
    with disk_faults(files.counts):
        for name in ("sample", "frequent"):
            for path in set(files.counts.glob(f"{name}-*.parquet")) - current:
                path.unlink()
        for path in files.counts.glob("part-*.parquet"):
            index = path.stem.removeprefix("part-")
            if index.isdigit() and int(index) < fold.blocks:
                path.unlink()


def compacted_blocks(job: Job) -> int:
    """Blocks 0 … n-1 that are folded into files that are what was written.

    If one is missing or damaged, that is told, and the journal notes that none are folded any
    more: the blocks are drawn again.
    """
    fold = job.files.journal.state.fold
    complaint = compaction_damage(job.files)
    if not complaint:
        return fold.blocks
    job.reporter.message(f"{complaint}; drawing blocks 0 to {fold.blocks - 1} again")
    job.repaired += list(fold.files)
    job.files.journal.append(FoldEntry(0, {}))
    return 0


def compaction_damage(files: CampaignFolder) -> str:
    """What is wrong with the files of the last fold, naming one; empty if nothing."""
    found = (files.damage(*item) for item in files.journal.state.fold.files.items())
    return next(filter(None, found), "")
