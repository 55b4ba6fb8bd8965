"""Stage ``sample``: the blocks of a campaign, each tallied into its shard."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence

import pyarrow as pa

from pfmap.campaign import Campaign
from pfmap.errors import DataError, EnvironmentFault, StoppedEarly
from pfmap.execution import run_blocks
from pfmap.functions.keys import arrow_keys_from_words
from pfmap.sampling import BlockTally
from pfmap.store import CampaignFolder
from pfmap.store.atomic import disk_faults, file_digest
from pfmap.store.folder import block_draws
from pfmap.store.journal import BlockEntry
from pfmap.store.merge import same_counts
from pfmap.store.schema import arrow_schema
from pfmap.store.tables import read_file, write_table

from .job import Job

_WORTH_SAYING_S = 60.0


def sample(job: Job, order: Sequence[int] | None = None) -> int:
    """Draw every block that is missing, damaged, or shorter than the campaign's total asks.

    Parameters
    ----------
    job : Job
        The run.
    order : sequence of int, optional
        Order of the blocks; None is ascending. The shards do not depend on it.

    Returns
    -------
    int
        Blocks drawn.

    Raises
    ------
    StoppedEarly
        If the user asked to stop; finished blocks are in the journal.
    DataError
        If a finished block, drawn again, differs from its shard.
    EnvironmentFault
        If the disk is full, or will be before the last block.
    """
    sound = check_shards(job)
    missing = [i for i in order or range(job.campaign.n_blocks) if i not in sound]
    if missing and sound:
        check_reproduces(job, max(sound))
    total = job.campaign.draws
    done = sum(entry.draws for entry in sound.values())
    progress = job.progress("sample")
    progress(done, total)
    written = 0
    first_done = block_started = time.perf_counter()
    with job.stop.defer():
        for tally in run_blocks(job.plan, missing, threads=job.threads, stop=job.stop):
            now = time.perf_counter()
            size = _write_block(job, tally, now - block_started)
            block_started = now
            done += tally.draws
            written += 1
            progress(done, total)
            left = len(missing) - written
            if written == 1:
                first_done = now
                _check_space(job, size * left, left)
            elif written == job.threads + 2:
                # The first block compiles, and blocks come in bursts of as many as are in work.
                expected_s = (now - first_done) / (written - 1) * left
                if expected_s > _WORTH_SAYING_S:
                    job.reporter.message(
                        f"about {_duration(expected_s)} and {size * left / 1e9:.2g} GB for the "
                        f"other {left} blocks"
                    )
    if job.stop.requested:
        raise stopped(job.files, job.campaign)
    return written


def stopped(files: CampaignFolder, campaign: Campaign) -> StoppedEarly:
    """The error that ends a run on the user's request."""
    done = len(files.finished_blocks(campaign))
    return StoppedEarly(
        f"stopped on request: {done} of {campaign.n_blocks} blocks are done and kept in "
        f"{files.path}",
        next_step=files.resume_command,
    )


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


def _write_block(job: Job, tally: BlockTally, elapsed_s: float) -> int:
    """Write the shard of a block, then its journal line; size of the shard in bytes."""
    expected = block_draws(job.campaign, tally.block_index)
    if tally.draws != expected or int(tally.counts.sum()) != expected:
        raise DataError(
            f"block {tally.block_index}: {tally.draws} draws and counts adding up to "
            f"{int(tally.counts.sum())}, expected {expected} of both"
        )
    path = job.files.shard(tally.block_index)
    digest = write_table(path, counts_table(tally, job.campaign), "counts", notes=job.notes)
    entry = BlockEntry(
        block_index=int(tally.block_index),
        draws=int(tally.draws),
        rows=len(tally.counts),
        shard=job.files.relative(path),
        sha256=digest,
        elapsed_s=round(elapsed_s, 6),
    )
    job.files.journal.append(entry)
    return path.stat().st_size


def _check_space(job: Job, needed: int, blocks_left: int) -> None:
    """Stop before hours of work if the other shards alone will not fit on the disk."""
    with disk_faults(job.files.path):
        free = shutil.disk_usage(job.files.path).free
    if needed > free:
        raise EnvironmentFault(
            f"disk: the other {blocks_left} blocks need about {needed / 1e9:.3g} GB, "
            f"{job.files.path} has {free / 1e9:.3g} GB free",
            next_step="ask for fewer draws with --fresh, or choose a folder on a larger disk; the "
            "finished block is kept",
        )


def _duration(seconds: float) -> str:
    """A wall time for people: minutes, hours or days."""
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"
