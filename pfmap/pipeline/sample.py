"""Stage ``sample``: the blocks of a campaign, each tallied into its shard."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence

from pfmap.campaign import Campaign
from pfmap.errors import EnvironmentFault, StoppedEarly
from pfmap.execution import run_blocks
from pfmap.profiling import timed
from pfmap.store import CampaignFolder
from pfmap.store.atomic import disk_faults

from .job import Job
from .shards import check_reproduces, check_shards, write_shard

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
            with timed("writing shards"):
                entry = write_shard(job.files, job.campaign, tally, job.notes, now - block_started)
            with timed("journal"):
                job.files.journal.append(entry)
            size = job.files.shard(entry.block_index).stat().st_size
            block_started = now
            done += entry.draws
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
