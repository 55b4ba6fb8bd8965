"""Ctrl-C, SIGTERM and SIGHUP: the block in work is finished first, then the run stops."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pfmap.signals import stop_signals


class StopRequest:
    """Whether the user asked to stop (Ctrl-C, SIGTERM or SIGHUP).

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
    """Treat SIGTERM and SIGHUP like Ctrl-C while the block runs; handlers are restored afterwards.

    Outside the main thread, where Python allows no handlers, signals are left alone.
    """
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    numbers = stop_signals()
    before = [signal.signal(number, stop.receive) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
