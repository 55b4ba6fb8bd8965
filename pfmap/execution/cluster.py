"""A Dask cluster: started on this machine, found at an address, or asked of a job queue."""

from __future__ import annotations

import logging
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pfmap.errors import EnvironmentFault, SettingsError
from pfmap.signals import stop_signals

from .versions import check_same_code, code_versions

LEASE_S = 30.0
"""Seconds after which a task is leased to another worker too, if ten typical durations are less."""

PATIENCE_S = 60.0
"""Seconds without any worker after which a run stops."""

_CONNECT_S = 10
_FORMS = "local:N, tls://HOST:PORT, tcp://HOST:PORT, or a file of a job queue such as slurm.toml"
_LOCAL = re.compile(r"local:(\d+)")
_REMOTE = re.compile(r"(tcp|tls|ucx|ws|wss)://.+")


@dataclass
class Cluster:
    """An open cluster.

    Attributes
    ----------
    client : distributed.Client
    address : str
        As the user gave it.
    lease_s, patience_s : float
        `LEASE_S`, `PATIENCE_S`, or what the caller and the file of a job queue say instead.
    refill : callable
        Ask for workers in the place of those lost, where pfmap started the cluster.
    most_workers : int
        Most workers that were seen at one time.
    room : int
        Tasks that are out at one time: one for each thread of the workers and one a worker ahead.
    """

    client: Any
    address: str
    lease_s: float = LEASE_S
    patience_s: float = PATIENCE_S
    refill: Callable[[], None] = lambda: None
    most_workers: int = 0
    room: int = 0

    def workers(self) -> dict[str, int]:
        """Threads of every worker, by its address."""
        return dict(self.client.nthreads())


def check_cluster(address: str) -> str:
    """The address of a cluster, if it has one of the forms that there are.

    Raises
    ------
    SettingsError
        If it has none of them.

    Examples
    --------
    >>> check_cluster("local:4")
    'local:4'
    >>> check_cluster("local:0")
    Traceback (most recent call last):
        ...
    pfmap.errors.SettingsError: cluster: must be local:N, tls://HOST:PORT, tcp://HOST:PORT, or \
a file of a job queue such as slurm.toml, got local:0
    """
    local = _LOCAL.fullmatch(address)
    known = int(local[1]) > 0 if local else bool(_REMOTE.fullmatch(address))
    if not known and not address.endswith(".toml"):
        raise SettingsError(f"cluster: must be {_FORMS}, got {address}")
    return address


@contextmanager
def open_cluster(
    address: str,
    *,
    say: Callable[[str], None] = lambda text: None,
    lease_s: float = LEASE_S,
) -> Iterator[Cluster]:
    """Connect to a cluster, starting it if need be; what was started is stopped afterwards.

    Parameters
    ----------
    address : str
        ``local:4`` starts four worker processes of one thread each on this machine,
        ``tls://host:8786`` is a running scheduler, its credentials in Dask's settings,
        ``tcp://host:8786`` one without, ``slurm.toml`` a file as `read_queue` describes.
    say : callable, optional
        Told what takes long.
    lease_s : float, default 30
        See `LEASE_S`.

    Yields
    ------
    Cluster

    Raises
    ------
    SettingsError
        If the address has no known form, or the file breaks a rule.
    EnvironmentFault
        If the extra ``cluster`` is not installed, nobody answers, or workers run other code.
    """
    check_cluster(address)
    try:
        import dask
        import distributed
    except ImportError as error:
        raise EnvironmentFault(
            f"cluster: {address} needs Dask, which is not installed",
            next_step="pip install 'pfmap[cluster]'",
        ) from error
    settings = {
        # Leases count lost workers; Dask's own count would end tasks sooner.
        "distributed.scheduler.allowed-failures": 10**6,
        "distributed.comm.timeouts.connect": f"{_CONNECT_S}s",
        "distributed.worker.multiprocessing-method": "spawn",
    }
    with dask.config.set(settings), _quiet(), ExitStack() as stack:
        local, waits = _LOCAL.fullmatch(address), PATIENCE_S
        where: Any = address
        wanted: int | None = None
        if local:
            wanted = int(local[1])
            from .secured import local_cluster

            where = stack.enter_context(local_cluster(wanted, logging.CRITICAL))
        elif address.endswith(".toml"):
            from .queue import read_queue, start_queue

            queue = read_queue(Path(address))
            where, waits = stack.enter_context(start_queue(queue)), queue.patience_s
            wanted = queue.workers
            say(f"cluster: {queue.workers} workers asked of {queue.kind}; the run begins with one")
        elif not address.startswith("tls://"):
            say(
                f"cluster: {address} is not encrypted: whoever reaches that port can run code there"
            )
        try:
            client = distributed.Client(where, set_as_default=False, timeout=_CONNECT_S)
        except (OSError, ValueError) as error:
            raise EnvironmentFault(
                f"cluster: nobody answers at {address}: {error}",
                next_step="start a scheduler there (dask scheduler), and workers (dask worker)",
            ) from error
        except TypeError as error:
            raise EnvironmentFault(
                f"cluster: {address} needs credentials: {error}",
                next_step="name them in Dask's settings: docs/clusters.md",
            ) from error
        stack.callback(_close, client)
        try:
            client.wait_for_workers(1, timeout=waits)
        except TimeoutError as error:
            raise EnvironmentFault(
                f"cluster: no worker came to {address} in {waits:.0f} s",
                next_step="start some: dask worker ADDRESS",
            ) from error
        cluster = Cluster(client, address, lease_s, waits, most_workers=wanted or 0)
        if wanted is not None:
            cluster.refill = partial(where.scale, wanted)
        _check_versions(cluster)
        yield cluster


def _close(client: Any) -> None:
    """Let go of a cluster, also of one that is gone."""
    try:
        client.close(timeout=_CONNECT_S)
    except (OSError, RuntimeError):
        return


def _check_versions(cluster: Cluster) -> None:
    """Refuse workers whose code is not this run's; those that come later are asked as well."""
    try:
        found = cluster.client.run(code_versions, on_error="return")
        cluster.client.run(ignore_interrupts, on_error="ignore")
    except OSError as error:
        raise EnvironmentFault(f"cluster: lost while asking its workers: {error}") from error
    for address, versions in found.items():
        if isinstance(versions, OSError):
            continue  # lost meanwhile
        if not isinstance(versions, dict):
            raise EnvironmentFault(
                f"cluster: the worker at {address} cannot run pfmap: {versions!r}",
                next_step="install the same version of pfmap there, then restart the worker",
            )
        check_same_code(code_versions(), versions, f"the worker at {address}")


def ignore_interrupts() -> None:
    """Leave Ctrl-C to the run itself: a terminal sends it to the workers on its machine too."""
    for number in stop_signals():
        if number != signal.SIGTERM:  # with which Dask ends its workers
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's own log off the terminal: what matters a run says itself."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.nanny", "tornado")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
