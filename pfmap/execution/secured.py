"""Dask's parts as pfmap starts them: encrypted, known to each other, and without web pages.

Whoever can talk to a scheduler or worker can have it run any code. Dask lets everybody talk who
reaches the port; with credentials only those who have them can. They are made for one run, stay in
memory, and go with it. Dask also serves web pages next to every scheduler and worker, whatever
``dashboard_address`` says, and those know nothing of credentials: here they are left out.
"""

from __future__ import annotations

from typing import Any

import distributed
from distributed.security import Security

from pfmap.errors import EnvironmentFault

LOOPBACK = "127.0.0.1"


class SilentScheduler(distributed.Scheduler):
    """A scheduler without web pages."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Listen nowhere."""


class SilentWorker(distributed.Worker):
    """A worker without web pages."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Listen nowhere."""


class SilentNanny(distributed.Nanny):
    """The process beside a `SilentWorker` that starts it again."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, worker_class=SilentWorker, **options)


def credentials() -> Security:
    """A key and a certificate for one run.

    Raises
    ------
    EnvironmentFault
        If the package that makes them is missing.
    """
    try:
        return Security.temporary()
    except ImportError as error:
        raise EnvironmentFault(
            "cluster: its connections are encrypted by the package cryptography, "
            "which is not installed",
            next_step="pip install 'pfmap[cluster]'",
        ) from error


def local_cluster(workers: int, silence_logs: int) -> distributed.SpecCluster:
    """Worker processes on this machine, each with one thread, that only this run can talk to."""
    security = credentials()
    common = {"host": LOOPBACK, "protocol": "tls://", "security": security}
    worker = {
        "cls": SilentNanny,
        "options": {
            **common,
            "nthreads": 1,
            "silence_logs": silence_logs,
            "memory_limit": 0,  # a block's memory is known; Dask would pause by its own guess
        },
    }
    return distributed.SpecCluster(
        scheduler={"cls": SilentScheduler, "options": {**common, "port": 0, "dashboard": False}},
        worker=worker,
        workers=dict.fromkeys(range(workers), worker),
        security=security,
        silence_logs=silence_logs,
    )
