"""The threads of this process, stopped between blocks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from pfmap.errors import SettingsError
from pfmap.sampling import BlockTally, SamplingPlan, sample_blocks

from .stopping import StopRequest


def available_threads() -> int:
    """Threads that kernels may use: the cores this process may run on, or NUMBA_NUM_THREADS."""
    import numba

    return int(numba.config.NUMBA_NUM_THREADS)


def check_threads(threads: int | None, *, before: object = None) -> int:
    """Number of threads to use.

    Parameters
    ----------
    threads : int or None
        Threads asked for; None uses `before`, else all available.
    before : int, optional
        Threads that an earlier run of the campaign used; anything else is passed over.

    Raises
    ------
    SettingsError
        If it is not between 1 and `available_threads`.

    Examples
    --------
    >>> check_threads(1)
    1
    >>> check_threads(0)
    Traceback (most recent call last):
        ...
    pfmap.errors.SettingsError: threads: must be at least 1, got 0
    """
    if threads is not None and threads < 1:
        raise SettingsError(f"threads: must be at least 1, got {threads}")
    available = available_threads()
    if threads is None:
        # A damaged record can hold anything.
        used = before if isinstance(before, int) and before >= 1 else available
        return min(used, available)
    if threads > available:
        raise SettingsError(
            f"threads: at most {available} are available here, got {threads}",
            next_step=f"use at most {available}, or set NUMBA_NUM_THREADS={threads}"
            + (f" ({os.cpu_count()} cores)" if os.cpu_count() else ""),
        )
    return threads


def run_blocks(
    plan: SamplingPlan,
    block_indices: Sequence[int],
    *,
    threads: int | None = None,
    stop: StopRequest | None = None,
) -> Iterator[BlockTally]:
    """Tallies of blocks in the order given, ending early once a stop is requested.

    Parameters
    ----------
    plan : SamplingPlan
        What to draw.
    block_indices : sequence of int
        Blocks; any order gives the same tallies.
    threads : int, optional
        Threads of the kernels; None uses all available.
    stop : StopRequest, optional
        Looked at after every block.

    Yields
    ------
    BlockTally
    """
    for tally in sample_blocks(plan, block_indices, threads=threads):
        yield tally
        if stop is not None and stop.requested:
            return
