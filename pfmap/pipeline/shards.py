"""The shards of a campaign: written block by block, checked, and compared with what draws say."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from pfmap.campaign import Campaign
from pfmap.errors import DataError
from pfmap.execution import run_blocks
from pfmap.functions.keys import arrow_keys_from_words
from pfmap.sampling import BlockTally
from pfmap.store import CampaignFolder
from pfmap.store.atomic import file_digest
from pfmap.store.folder import block_draws
from pfmap.store.journal import BlockEntry
from pfmap.store.merge import same_counts
from pfmap.store.schema import arrow_schema
from pfmap.store.tables import read_file, write_table

from .job import Job


def counts_table(tally: BlockTally, campaign: Campaign) -> pa.Table:
    """Tally of a block as the table ``counts``, in the order of the keys."""
    keys = arrow_keys_from_words(tally.words, campaign.n_points, campaign.exact_keys)
    return pa.table(
        [
            keys,
            pa.array(tally.counts, pa.int64()),
            pa.array(tally.first_draws, pa.int64()),
        ],
        schema=arrow_schema("counts"),
    )


def write_shard(
    files: CampaignFolder,
    campaign: Campaign,
    tally: BlockTally,
    notes: dict[str, str],
    elapsed_s: float,
) -> BlockEntry:
    """Write the shard of a block; the line that the journal must hold once it is there.

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


def check_shards(job: Job) -> dict[int, BlockEntry]:
    """Journal entries of the finished blocks whose shards are what was written.

    Damaged shards are named to the reporter and noted as repaired: the caller draws them again.
    """
    sound = {}
    for index, entry in job.files.finished_blocks(job.campaign).items():
        complaint = shard_damage(job.files, entry)
        if complaint:
            job.reporter.message(f"{complaint}; drawing block {index} again")
            job.repaired.append(entry.shard)
        else:
            sound[index] = entry
    return sound


def shard_damage(files: CampaignFolder, entry: BlockEntry) -> str:
    """What is wrong with the shard of a finished block, naming it; empty if nothing."""
    path = files.shard(entry.block_index)
    name = files.relative(path)
    if not path.is_file():
        return f"{name} is missing"
    if file_digest(path) != entry.sha256:
        return f"{name} is damaged: its SHA-256 is not the journal's"
    return ""


def content_of_shard(files: CampaignFolder, entry: BlockEntry) -> bytes:
    """Bytes of a finished block's shard.

    Raises
    ------
    DataError
        If they are not what was written.
    """
    path = files.shard(entry.block_index)
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise DataError(
            f"{path}: is missing or damaged: its SHA-256 is not the journal's",
            next_step=files.resume_command,
        )
    return content


def check_reproduces(job: Job, block_index: int) -> None:
    """Draw a finished block again and compare it with its shard.

    Raises
    ------
    DataError
        If they differ: this machine or version draws otherwise.
    """
    path = job.files.shard(block_index)
    (tally,) = run_blocks(job.plan, [block_index], threads=job.threads)
    if not same_counts(counts_table(tally, job.campaign), read_file(path, "counts")):
        raise DataError(
            f"{path}: block {block_index}, drawn again, differs from its shard: another version "
            "of pfmap or another machine wrote it",
            next_step="pfmap doctor; then use the version named in provenance.json, or start "
            "over with --fresh",
        )
