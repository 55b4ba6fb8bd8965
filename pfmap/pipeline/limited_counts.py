"""What a campaign keeps of its functions where it does not keep all, in memory and as files.

Blocks are counted in groups: those of a group are added up exactly, then the group joins the
counts of all groups before it. Groups are runs of consecutive blocks fixed by the settings, so the
counts depend neither on the order in which blocks end nor on when they are folded into files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa

from pfmap.counting import Counts, HashedSample, HeavySummary, add_counts
from pfmap.errors import DataError
from pfmap.functions.keys import arrow_keys_from_words, word_count, words_from_keys
from pfmap.sampling import BlockTally
from pfmap.settings.campaign import Campaign
from pfmap.store import CampaignFolder
from pfmap.store.journal import FoldEntry
from pfmap.store.schema import arrow_schema
from pfmap.store.tables import read_file, write_table

LEVEL = "pfmap_level"
ERROR = "pfmap_count_error"
DRAWN = "pfmap_counted_draws"
SAMPLE_BESIDE = 65_536
"""Functions of the hashed sample that ``frequent`` keeps beside its counters."""


@dataclass(frozen=True)
class Kept:
    """The functions kept of some draws.

    Attributes
    ----------
    sample : HashedSample
        A hashed subset, counted exactly.
    summary : HeavySummary or None
        The frequent functions; None under ``sampled``.
    """

    sample: HashedSample
    summary: HeavySummary | None

    @classmethod
    def none(cls, campaign: Campaign) -> Self:
        """What is kept before the first draw."""
        nothing = Counts.none(word_count(campaign.n_points, campaign.exact_keys))
        room = campaign.counting.functions
        if campaign.counting.keep == "sampled":
            return cls(HashedSample(nothing, room), None)
        return cls(HashedSample(nothing, SAMPLE_BESIDE), HeavySummary(nothing, room))

    @property
    def counts(self) -> Counts:
        """The functions of ``functions.parquet``."""
        return self.sample.counts if self.summary is None else self.summary.counts

    @property
    def count_error(self) -> int:
        """No count is too small by more."""
        return 0 if self.summary is None else self.summary.error

    def with_group(self, blocks: list[Counts]) -> Self:
        """What is kept after a group of blocks."""
        more = add_counts(blocks)
        summary = self.summary
        if summary is not None:
            summary = summary.with_counts(more)
        return replace(self, sample=self.sample.with_counts(more), summary=summary)

    @property
    def table_notes(self) -> dict[str, str]:
        """What the metadata of ``functions.parquet`` says of the counting."""
        if self.summary is None:
            return {"pfmap_keep": "sampled", "pfmap_inclusion": repr(self.sample.inclusion)}
        return {"pfmap_keep": "frequent", ERROR: str(self.count_error)}


def group_blocks(campaign: Campaign) -> int:
    """Blocks of a group: as many draws as functions are kept, so that merging costs little a draw.

    Examples
    --------
    >>> group_blocks(Campaign()), group_blocks(Campaign(counting={"functions": 1000}))
    (16, 1)
    """
    return -(-campaign.counting.functions // campaign.block_draws)


def whole_groups(campaign: Campaign) -> int:
    """Groups whose blocks are all there and whole: only they are folded.

    The blocks after them keep their shards: a larger total will make them a whole group.
    """
    return campaign.draws // campaign.block_draws // group_blocks(campaign)


def shard_counts(files: CampaignFolder, campaign: Campaign, block_index: int) -> Counts:
    """The counts of a block's shard.

    Raises
    ------
    DataError
        If it is missing or damaged.
    """
    return _counts(read_file(files.shard(block_index), "counts"), campaign)


def shard_level(shard: pa.Table) -> int:
    """Level at which a block's shard was thinned when it was written; 0: it holds all functions."""
    return int(_note(shard, LEVEL, "0"))


def thinned_tally(tally: BlockTally, level: int) -> BlockTally:
    """The functions of a block that a hashed sample of that level keeps."""
    counts = Counts(tally.words, tally.counts, tally.first_draws)
    keeps = HashedSample(counts, len(counts), level).keeps(tally.words)
    return replace(tally, **counts.where(keeps)._asdict())


def agrees(kept: Kept, tally: BlockTally) -> bool:
    """Whether a block drawn again can be one of those that `kept` was counted from.

    Every function of the block that belongs to the sample must be in it, counted as often or more,
    and first drawn no later; those first drawn in the block must be found in it there.
    """
    counts = Counts(tally.words, tally.counts, tally.first_draws)
    block = counts.where(kept.sample.keeps(tally.words))
    both = add_counts([kept.sample.counts, block])
    if both.size != kept.sample.counts.size:
        return False
    first = kept.sample.counts.first_draws
    inside = (first >= tally.start) & (first < tally.start + tally.draws)
    here = np.isin(block.first_draws, first)
    added = both.counts - kept.sample.counts.counts
    return bool(
        (both.first_draws == first).all()
        and (added <= kept.sample.counts.counts).all()
        and inside.sum() == here.sum()
    )


def with_shards(
    kept: Kept, files: CampaignFolder, campaign: Campaign, begin: int, end: int
) -> Kept:
    """`kept` after the blocks `begin` … `end` - 1, group by group; `begin` begins a group."""
    step = group_blocks(campaign)
    for first in range(begin, end, step):
        blocks = range(first, min(first + step, end))
        kept = kept.with_group([shard_counts(files, campaign, index) for index in blocks])
    return kept


def everything_kept(files: CampaignFolder, campaign: Campaign) -> Kept:
    """What is kept of all draws of a campaign whose blocks are finished.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    folded = files.journal.state.fold.blocks
    return with_shards(read_kept(files, campaign), files, campaign, folded, campaign.n_blocks)


def read_kept(files: CampaignFolder, campaign: Campaign) -> Kept:
    """What is kept of the blocks folded so far.

    Raises
    ------
    DataError
        If a file is missing or damaged.
    """
    kept = Kept.none(campaign)
    if not files.journal.state.fold.blocks:
        return kept
    blocks = files.journal.state.fold.blocks
    table = read_file(files.folded("sample", blocks), "counts")
    level = int(_note(table, LEVEL))
    kept = replace(kept, sample=replace(kept.sample, counts=_counts(table, campaign), level=level))
    if kept.summary is not None:
        table = read_file(files.folded("frequent", blocks), "counts")
        summary = replace(
            kept.summary,
            counts=_counts(table, campaign),
            error=int(_note(table, ERROR)),
            draws=int(_note(table, DRAWN)),
        )
        kept = replace(kept, summary=summary)
    return kept


def write_kept(
    kept: Kept, files: CampaignFolder, campaign: Campaign, blocks: int, notes: dict[str, str]
) -> FoldEntry:
    """Write what is kept of the first `blocks` blocks; the line that the journal must hold then.

    The names of the files tell the blocks: those of an earlier fold stay whole until they are
    removed.

    Raises
    ------
    EnvironmentFault
        If the disk is full or the folder cannot be written.
    """
    parts = {"sample": (kept.sample.counts, {LEVEL: str(kept.sample.level)})}
    if kept.summary is not None:
        own = {ERROR: str(kept.count_error), DRAWN: str(kept.summary.draws)}
        parts["frequent"] = (kept.summary.counts, own)
    digests = {}
    for name, (counts, own) in parts.items():
        path = files.folded(name, blocks)
        table = counts_table(counts, campaign)
        digests[files.relative(path)] = write_table(path, table, "counts", notes={**notes, **own})
    return FoldEntry(blocks, digests)


def counts_table(counts: Counts | BlockTally, campaign: Campaign) -> pa.Table:
    """Counts as the table ``counts``, in the order of the keys."""
    keys = arrow_keys_from_words(counts.words, campaign.n_points, campaign.exact_keys)
    first_draws = pa.array(counts.first_draws, pa.int64())
    return pa.table(
        [keys, pa.array(counts.counts, pa.int64()), first_draws], schema=arrow_schema("counts")
    )


def ranked(counts: Counts) -> Counts:
    """By descending count, then by function, as tables of functions are sorted."""
    order = np.argsort(-counts.counts, kind="stable")
    return Counts(*(part[order] for part in counts))


def _counts(table: pa.Table, campaign: Campaign) -> Counts:
    """The arrays of a table ``counts``."""
    words = words_from_keys(table["function"], campaign.n_points, campaign.exact_keys)
    return Counts(words, table["count"].to_numpy(), table["first_draw"].to_numpy())


def _note(table: pa.Table, name: str, default: str | None = None) -> str:
    """An entry of a table's metadata."""
    value = (table.schema.metadata or {}).get(name.encode())
    if value is None and default is None:
        raise DataError(
            f"counts: a folded file lacks the note {name}",
            next_step="start over with --fresh",
        )
    return default or "" if value is None else value.decode()
