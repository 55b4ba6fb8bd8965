"""Stage ``sample``: the blocks of a campaign, each tallied into its shard."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from pfmap.errors import EnvironmentFault, StoppedEarly
from pfmap.execution import run_blocks
from pfmap.pipeline.compaction import Compaction
from pfmap.pipeline.job import Job
from pfmap.pipeline.shards import check_reproduces, check_shards, write_shard
from pfmap.pipeline.workers import worked_blocks
from pfmap.profiling import timed
from pfmap.settings.campaign import Campaign
from pfmap.store import CampaignFolder
from pfmap.store.atomic import free_bytes
from pfmap.store.folder import block_draws
from pfmap.store.journal import BlockEntry
from pfmap.store.merge import waiting_bytes

from ._stage import Stage

_WORTH_SAYING_S = 60.0


def sample(job: Job, order: Sequence[int] | None = None) -> int:
    """Draw blocks that are missing, damaged, or shorter than the campaign's total asks.

    Parameters
    ----------
    job : Job
        The run.
    order : sequence of int, optional
        Blocks, in the order they are to be drawn; None is all, ascending. The shards do not depend
        on it.

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
    order = range(job.campaign.n_blocks) if order is None else order
    sound = check_shards(job, order)
    missing = [index for index in order if index not in sound]
    if missing and sound:
        check_reproduces(job, max(sound))
    compaction = Compaction(job, sound)
    total = sum(block_draws(job.campaign, index) for index in order)
    done = sum(sound[index].draws for index in order if index in sound)
    progress = job.progress("sample")
    progress(done, total)
    written = 0
    first_done = time.perf_counter()
    with job.stop.defer():
        for entry in drawn_blocks(job, missing, compaction):
            with timed("journal"):
                job.files.journal.append(entry)
            now = time.perf_counter()
            size = job.files.shard(entry.block_index).stat().st_size
            compaction.take(entry)
            done += entry.draws
            written += 1
            progress(done, total)
            left = len(missing) - written
            if written == 1:
                first_done = now
                _check_space(job, size * compaction.held(left), left, entry.rows)
            elif written == job.threads + 2:
                # The first block compiles, and blocks come in bursts of as many as are in work.
                expected_s = (now - first_done) / (written - 1) * left
                if expected_s > _WORTH_SAYING_S:
                    job.reporter.message(
                        f"about {_duration(expected_s)} and "
                        f"{size * compaction.held(left) / 1e9:.2g} GB for the other {left} blocks"
                    )
    if job.stop.requested:
        raise stopped(job.files, job.campaign)
    compaction.finish()
    return written


def drawn_blocks(job: Job, blocks: Sequence[int], compaction: Compaction) -> Iterator[BlockEntry]:
    """Blocks drawn here or by workers, each with its shard in place: lines for the journal."""
    if job.cluster is not None:
        yield from worked_blocks(job, job.cluster, blocks)
        return
    began = time.perf_counter()
    for tally in run_blocks(job.plan, blocks, threads=job.threads, stop=job.stop):
        now = time.perf_counter()
        with timed("writing shards"):
            entry = write_shard(
                job.files, job.campaign, tally, job.notes, now - began, compaction.level
            )
        yield entry
        began = now


def stopped(files: CampaignFolder, campaign: Campaign) -> StoppedEarly:
    """The error that ends a run on the user's request."""
    done = len(files.finished_blocks(campaign))
    return StoppedEarly(
        f"stopped on request: {done} of {campaign.n_blocks} blocks are done and kept in "
        f"{files.path}",
        next_step=files.resume_command,
    )


def _check_space(job: Job, needed: int, blocks_left: int, rows: int) -> None:
    """Stop before hours of work if the other shards alone will not fit on the disk.

    What waits there while `rows` a block are merged is told: it is no more than this, and later.
    """
    free = free_bytes(job.files.path)
    if needed > free:
        raise EnvironmentFault(
            f"disk: the other {blocks_left} blocks need about {needed / 1e9:.3g} GB, "
            f"{job.files.path} has {free / 1e9:.3g} GB free",
            next_step="ask for fewer draws with --fresh, or choose a folder on a larger disk; the "
            "finished block is kept",
        )
    if job.campaign.counting.keep == "all":
        waiting = waiting_bytes(rows * job.campaign.n_blocks, job.memory)
        if needed + waiting > free:
            job.reporter.message(
                f"disk: merging may need {waiting / 1e9:.3g} GB for a while beside "
                f"{needed / 1e9:.3g} GB of shards; {job.files.path} has {free / 1e9:.3g} GB free"
            )


def _duration(seconds: float) -> str:
    """A wall time for people: minutes, hours or days."""
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def _run(job: Job) -> list[str]:
    job.drawn = sample(job, job.blocks)
    return []


STAGE = Stage(
    name="sample",
    label="sampling the prior",
    needs=(),
    tables=("counts",),
    kernels=("express", "tally"),
    settings=lambda campaign: [campaign.digest(), campaign.draws],
    run=_run,
)
