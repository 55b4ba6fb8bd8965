"""Where blocks run: the threads of this process, stopped between blocks."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from pfmap.errors import SettingsError
from pfmap.sampling import BlockTally, SamplingPlan, sample_blocks


class StopRequest:
    """Whether the user asked to stop (Ctrl-C or SIGTERM).

    Attributes
    ----------
    requested : bool
        A signal came while work was deferring it.
    deferring : bool
        Work that wants to finish its block sets this; otherwise a signal raises
        `KeyboardInterrupt` at once. A second signal always does.
    """

    def __init__(self) -> None:
        self.requested = False
        self.deferring = False

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Signal handler."""
        if self.requested or not self.deferring:
            raise KeyboardInterrupt
        self.requested = True

    @contextmanager
    def defer(self) -> Iterator[None]:
        """Inside the block a first signal only sets `requested`."""
        self.deferring = True
        try:
            yield
        finally:
            self.deferring = False


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Treat SIGTERM like Ctrl-C while the block runs; handlers are restored afterwards.

    Outside the main thread, where Python allows no handlers, signals are left alone.
    """
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop.receive) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def available_threads() -> int:
    """Threads that kernels may use: the cores this process may run on, or NUMBA_NUM_THREADS."""
    import numba

    return int(numba.config.NUMBA_NUM_THREADS)


def check_threads(threads: int | None, *, before: int | None = None) -> int:
    """Number of threads to use.

    Parameters
    ----------
    threads : int or None
        Threads asked for; None uses `before`, else all available.
    before : int, optional
        Threads that an earlier run of the campaign used.

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
        return min(before or available, available)
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
