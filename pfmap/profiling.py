"""Where a run spends its time: parts of stages by name, added up over threads.

Code that is worth a line of its own does its work under `timed`. Outside of `profiled` that costs
one look at a variable.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

Item = TypeVar("Item")

COMPILING = "compiling kernels"


@dataclass
class Part:
    """A part of a stage.

    Attributes
    ----------
    calls : int
        How often it ran.
    wall_s : float
        Wall time in seconds, added up over threads, without parts inside it.
    processor_s : float
        Processor time of the calling threads in seconds, likewise; threads that a library starts
        by itself, as DuckDB does, are not in it.
    """

    calls: int = 0
    wall_s: float = 0.0
    processor_s: float = 0.0


@dataclass(eq=False)
class Profile:
    """Parts by stage and name.

    Attributes
    ----------
    parts : dict
        Stage name to part name to `Part`.
    stage : str
        The stage that parts are counted for now.
    """

    parts: dict[str, dict[str, Part]] = field(default_factory=dict)
    stage: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _local: threading.local = field(default_factory=threading.local, repr=False)

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Count what happens inside as part `name`, less the spans inside it."""
        outer = getattr(self._local, "inner", None)
        inner = self._local.inner = [0.0, 0.0]
        stage = self.stage
        wall, processor = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            wall, processor = time.perf_counter() - wall, time.thread_time() - processor
            self._local.inner = outer
            if outer is not None:
                outer[0] += wall
                outer[1] += processor
            with self._lock:
                part = self.parts.setdefault(stage, {}).setdefault(name, Part())
                part.calls += 1
                part.wall_s += wall - inner[0]
                part.processor_s += processor - inner[1]


_active: list[Profile] = []
_OFF: AbstractContextManager[None] = nullcontext()


def timed(name: str) -> AbstractContextManager[None]:
    """Count what happens inside as part `name` of the current stage, if a run is profiled.

    Parameters
    ----------
    name : str
        Name of the part, for people.

    Examples
    --------
    >>> with profiled() as profile:
    ...     with timed("adding"):
    ...         total = sum(range(10))
    >>> profile.parts[""]["adding"].calls
    1
    """
    return _active[-1].span(name) if _active else _OFF


def begin_stage(stage: str) -> None:
    """Count parts for `stage` from now on, if a run is profiled."""
    if _active:
        _active[-1].stage = stage


def timed_items(name: str, items: Iterable[Item]) -> Iterator[Item]:
    """The items, with the time to make each counted as part `name`.

    Examples
    --------
    >>> with profiled() as profile:
    ...     list(timed_items("counting", range(3)))
    [0, 1, 2]
    >>> profile.parts[""]["counting"].calls
    4
    """
    iterator = iter(items)
    while True:
        with timed(name):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


@contextmanager
def profiled() -> Iterator[Profile]:
    """Count the parts of everything inside, on all threads; compilation is a part too.

    Yields
    ------
    Profile
    """
    profile = Profile()
    _active.append(profile)
    try:
        with _compilation(profile):
            yield profile
    finally:
        _active.remove(profile)


@contextmanager
def _compilation(profile: Profile) -> Iterator[None]:
    """Count what numba compiles inside; code loaded from the cache is none."""
    from numba.core import event

    class Listener(event.Listener):
        """Opens a span with the outermost kernel of a compilation; its helpers are inside."""

        def __init__(self) -> None:
            self.open: list[Any] = []

        def on_start(self, event: Any) -> None:
            # Compilation holds numba's lock: one thread at a time comes here.
            span = profile.span(COMPILING) if not self.open else nullcontext()
            span.__enter__()
            self.open.append(span)

        def on_end(self, event: Any) -> None:
            self.open.pop().__exit__(None, None, None)

    with event.install_listener("numba:compile", Listener()):
        yield
