"""The shards of a campaign: written block by block, checked, and compared with what draws say."""

from __future__ import annotations

import hashlib
from collections.abc import Container

from pfmap.errors import DataError
from pfmap.execution import run_blocks
from pfmap.reading import read_bytes
from pfmap.sampling import BlockTally
from pfmap.settings.campaign import Campaign
from pfmap.store import CampaignFolder
from pfmap.store.folder import block_draws
from pfmap.store.journal import BlockEntry
from pfmap.store.merge import same_counts
from pfmap.store.tables import read_file, write_table

from .compaction import compacted_blocks
from .job import Job
from .limited_counts import LEVEL, agrees, counts_table, read_kept, shard_level, thinned_tally


def write_shard(
    files: CampaignFolder,
    campaign: Campaign,
    tally: BlockTally,
    notes: dict[str, str],
    elapsed_s: float,
    level: int = 0,
) -> BlockEntry:
    """Write the shard of a block; the line that the journal must hold once it is there.

    Parameters
    ----------
    files, campaign, tally
        The folder, its settings, and the counts of the whole block.
    notes : dict
        Entries of the shard's metadata.
    elapsed_s : float
        Wall time of the block in seconds.
    level : int, default 0
        Level of the hashed sample: functions that it has let go are left out. 0 writes all.

    Raises
    ------
    DataError
        If the tally is not that of a whole block.
    EnvironmentFault
        If the disk is full or the folder cannot be written.
    """
    expected = block_draws(campaign, tally.block_index)
    if tally.draws != expected or int(tally.counts.sum()) != expected:
        raise DataError(
            f"block {tally.block_index}: {tally.draws} draws and counts adding up to "
            f"{int(tally.counts.sum())}, expected {expected} of both"
        )
    if level:
        tally = thinned_tally(tally, level)
        notes = {**notes, LEVEL: str(level)}
    path = files.shard(tally.block_index)
    digest = write_table(path, counts_table(tally, campaign), "counts", notes=notes)
    return BlockEntry(
        block_index=int(tally.block_index),
        draws=int(tally.draws),
        rows=len(tally.counts),
        shard=files.relative(path),
        sha256=digest,
        elapsed_s=round(elapsed_s, 6),
    )


def check_shards(job: Job, blocks: Container[int]) -> dict[int, BlockEntry]:
    """Journal entries of those blocks that are finished and whose shards are what was written.

    Damaged shards are named to the reporter and noted as repaired: the caller draws them again.
    Folded blocks have no shard: they are sound if the files of the fold are.
    """
    sound = {}
    before = job.files.journal.state.fold.blocks
    folded = compacted_blocks(job)
    for index, entry in job.files.finished_blocks(job.campaign).items():
        if index not in blocks:
            continue
        if index < folded:
            sound[index] = entry
            continue
        if index < before and not job.files.shard(index).is_file():
            continue  # said once, of all blocks whose fold is lost
        name = job.files.relative(job.files.shard(index))
        complaint = job.files.damage(name, entry.sha256)
        if complaint:
            job.reporter.message(f"{complaint}; drawing block {index} again")
            job.repaired.append(entry.shard)
        else:
            sound[index] = entry
    return sound


def content_of_shard(files: CampaignFolder, entry: BlockEntry) -> bytes:
    """Bytes of a finished block's shard.

    Raises
    ------
    DataError
        If they are not what was written.
    """
    path = files.shard(entry.block_index)
    content = read_bytes(path, kind="Parquet", next_step=files.resume_command)
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise DataError(
            f"{path}: is damaged: its SHA-256 is not the journal's",
            next_step=files.resume_command,
        )
    return content


def check_reproduces(job: Job, block_index: int) -> None:
    """Draw a finished block again and compare it with its shard, or with what it was folded into.

    Raises
    ------
    DataError
        If they differ: this machine or version draws otherwise.
    """
    (tally,) = run_blocks(job.plan, [block_index], threads=job.threads)
    if not reproduced(job.files, job.campaign, tally):
        folded = block_index < job.files.journal.state.fold.blocks
        where = "the counts it was folded into" if folded else "its shard"
        raise DataError(
            f"{job.files.counts if folded else job.files.shard(block_index)}: block {block_index}, "
            f"drawn again, differs from {where}: another version of pfmap or another machine "
            "wrote it",
            next_step="pfmap doctor; then use the version named in provenance.json, or start "
            "over with --fresh",
        )


def reproduced(files: CampaignFolder, campaign: Campaign, tally: BlockTally) -> bool:
    """Whether a block drawn again agrees with its shard, or with what it was folded into."""
    index = tally.block_index
    if index < files.journal.state.fold.blocks:
        return agrees(read_kept(files, campaign), tally)
    stored = read_file(files.shard(index), "counts")
    level = shard_level(stored)
    again = thinned_tally(tally, level) if level else tally
    return same_counts(counts_table(again, campaign), stored)
