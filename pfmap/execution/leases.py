"""Tasks leased to the workers of a cluster: each has one result, whatever becomes of workers.

A task's result is determined by its arguments. So a task can be given out again as often as need
be, to anybody: the first result counts and the others are dropped.
"""

from __future__ import annotations

import itertools
import queue
import secrets
import socket
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from pfmap.errors import EnvironmentFault, StoppedEarly

from .cluster import Cluster
from .stopping import StopRequest
from .versions import check_same_code, code_versions

_POLL_S = 0.2
_LOOK_S = 1.0
_REFILL_S = 5.0
_DRAIN_S = 10.0
_FETCH_S = 10.0
_TYPICAL = 10.0
_DEATHS = 20


@dataclass
class _Task:
    """A task that has no result yet, and the leases it is out on."""

    name: Any
    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    futures: dict[Any, float] = field(default_factory=dict)
    deaths: int = 0


class Leases:
    """Tasks of one kind of work, given out to the workers of a cluster.

    Parameters
    ----------
    cluster : Cluster
        Open.
    stop : StopRequest
        Once a stop is requested nothing more is given out, and what is in work has ten seconds.
    alone : bool
        Give out the first task alone: it compiles kernels that all workers then find compiled.
    count : callable
        Called with the number of workers whenever it changes.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        stop: StopRequest,
        alone: bool,
        count: Callable[[int], None],
    ) -> None:
        self._cluster = cluster
        self._stop = stop
        self._alone = alone
        self._count = count
        self._waiting: deque[_Task] = deque()
        self._out: dict[Any, _Task] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._took: list[float] = []
        self._slow: set[str] = set()
        self._numbers = itertools.count()
        # Other runs may use the same scheduler: tasks of one name would be one task to Dask.
        self._prefix = f"pfmap-{secrets.token_hex(8)}"
        self._workers: dict[str, int] = {}
        self._seen_workers = self._looked = self._refilled = time.monotonic()

    def add(self, name: Any, work: Callable[..., Any], *arguments: Any) -> None:
        """Queue a task: `work`, a function that workers can import, called with `arguments`."""
        self._waiting.append(_Task(name, work, arguments))

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Names and results of all tasks, in the order they come; more may be added meanwhile.

        Raises
        ------
        StoppedEarly
            If the scheduler or all workers are lost, or one task keeps killing its workers.
        PfmapError
            That a task raised; a worker of another version is an `EnvironmentFault`.
        """
        try:
            with self._connected():
                self._look()
            while self._waiting or self._out:
                if self._stop.requested:
                    yield from self._drain()
                    return
                with self._connected():
                    self._hand_out()
                yield from self._results(_POLL_S)
                if time.monotonic() - self._looked > _LOOK_S:
                    with self._connected():
                        self._look()
                        self._renew()
        finally:
            self._cancel(list(self._futures()))

    def _futures(self) -> Iterator[Any]:
        for task in self._out.values():
            yield from task.futures

    def _hand_out(self) -> None:
        """Give out waiting tasks: one for each thread of the workers, and a few ahead."""
        room = self._cluster.room
        if self._alone and not self._took:
            room = min(room, 1)
        while self._waiting and len(self._out) < room:
            task = self._waiting.popleft()
            self._out[task.name] = task
            self._submit(task)

    def _submit(self, task: _Task) -> None:
        """One more lease of a task, to a worker that is not slow if there are any."""
        key = f"{self._prefix}-{next(self._numbers)}-{task.name}"
        others = [address for address in self._workers if address not in self._slow]
        choose = bool(self._slow and others)
        future = self._cluster.client.submit(
            perform,
            code_versions(),
            task.work,
            task.arguments,
            key=key,
            pure=False,
            workers=others if choose else None,
            allow_other_workers=choose or None,
        )
        task.futures[future] = time.monotonic()
        future.add_done_callback(lambda ended, name=task.name: self._ended.put((name, ended)))

    def _results(self, patience_s: float) -> Iterator[tuple[Any, Any]]:
        """Results of the leases that have ended, waiting a little for the first."""
        from distributed import CancelledError, KilledWorker

        try:
            ended = [self._ended.get(timeout=patience_s)]
        except queue.Empty:
            self._check_connection()
            return
        while not self._ended.empty():
            ended.append(self._ended.get())
        for name, future in ended:
            if name not in self._out:
                continue  # another lease of this task was faster
            task = self._out[name]
            began = task.futures.pop(future, None)
            if began is None:
                continue
            if future.status == "finished":
                try:
                    result = future.result(timeout=_FETCH_S)
                except TimeoutError:  # on its way; if it never comes, the task is leased again
                    task.futures[future] = began
                    self._ended.put((name, future))
                    continue
                except (OSError, CancelledError, KilledWorker):  # gone before it was fetched
                    self._lost(task, None)
                    continue
                self._took.append(time.monotonic() - began)
                del self._out[name]
                self._cancel(list(task.futures))
                for other in self._out.values():
                    other.deaths = 0
                yield name, result
            else:
                self._lost(task, future)

    def _lost(self, task: _Task, future: Any) -> None:
        """A lease ended without a result: the task's own error, or its worker was lost."""
        from distributed import KilledWorker

        self._check_connection()
        error = future.exception() if future is not None and future.status == "error" else None
        if error is not None and not isinstance(error, KilledWorker | OSError):
            raise error
        task.deaths += 1
        if task.deaths >= _DEATHS:
            raise StoppedEarly(
                f"cluster: {task.deaths} workers in a row were lost with the task {task.name}",
                next_step="look at their logs (memory?); finished work is kept: --resume",
            )
        if not task.futures:
            self._submit(task)

    def _look(self) -> None:
        """See which workers there are."""
        self._looked = time.monotonic()
        self._check_connection()
        workers = self._cluster.workers()
        if len(workers) != len(self._workers):
            self._count(len(workers))
        if len(workers) < self._cluster.most_workers and self._looked - self._refilled > _REFILL_S:
            # A worker killed while it starts is not started again by itself.
            self._refilled = self._looked
            self._cluster.refill()
        self._cluster.most_workers = max(self._cluster.most_workers, len(workers))
        self._cluster.room = sum(workers.values()) + len(workers)
        self._workers = workers
        self._slow &= set(workers)
        if workers:
            self._seen_workers = self._looked
        elif self._looked - self._seen_workers > self._cluster.patience_s:
            raise StoppedEarly(
                f"cluster: no workers for {self._cluster.patience_s:.0f} s at "
                f"{self._cluster.address}",
                next_step="start some; finished work is kept: --resume",
            )

    def _renew(self) -> None:
        """Lease what is out for too long to somebody else too."""
        typical = _TYPICAL * statistics.median(self._took) if self._took else 0.0
        if not self._took and self._alone:
            return  # compiling has no typical duration
        limit = max(self._cluster.lease_s, typical)
        now = time.monotonic()
        late = [
            task
            for task in self._out.values()
            if task.futures and now - max(task.futures.values()) > limit
        ]
        if not late:
            return
        holders = self._cluster.client.processing()
        for task in late:
            keys = {future.key for future in task.futures}
            self._slow |= {at for at, held in holders.items() if keys & set(held)}
            if set(self._workers) - self._slow:
                self._submit(task)
            else:
                self._slow.clear()
                task.futures = dict.fromkeys(task.futures, now)

    def _drain(self) -> Iterator[tuple[Any, Any]]:
        """What is in work when a stop is asked for, as far as it ends soon."""
        self._waiting.clear()
        until = time.monotonic() + _DRAIN_S
        while self._out and time.monotonic() < until:
            yield from self._results(_POLL_S)

    def _cancel(self, futures: list[Any]) -> None:
        if futures and self._cluster.client.status == "running":
            with suppress(OSError):
                self._cluster.client.cancel(futures, force=True)

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Talk to the scheduler: one that does not answer is gone."""
        try:
            yield
        except OSError as error:
            raise self._gone() from error

    def _check_connection(self) -> None:
        if self._cluster.client.status != "running":
            raise self._gone()

    def _gone(self) -> StoppedEarly:
        return StoppedEarly(
            f"cluster: the scheduler at {self._cluster.address} is gone",
            next_step="start it again; finished work is kept: --resume",
        )


def perform(expected: dict[str, str], work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Do a task on a worker, if its code is that of the run.

    Raises
    ------
    EnvironmentFault
        If it is not, or if the worker's system refuses something.

    Examples
    --------
    >>> perform(code_versions(), max, (2, 3))
    3
    >>> perform({**code_versions(), "numpy": "0.1"}, max, (2, 3))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    pfmap.errors.EnvironmentFault: cluster: a worker must run the same code, got numpy ...
    """
    check_same_code(expected, code_versions(), "a worker")
    try:
        return work(*arguments)
    except OSError as error:  # the client would take it for a worker that was lost
        raise EnvironmentFault(
            f"cluster: the worker on {socket.gethostname()} could not do its work: {error}",
            next_step="mend that machine or leave it out; finished work is kept: --resume",
        ) from error
