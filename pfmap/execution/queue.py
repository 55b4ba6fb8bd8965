"""Workers asked of a job queue (Slurm and others), described by a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pfmap.errors import EnvironmentFault, SettingsError
from pfmap.reading.settings import read_toml
from pfmap.settings.validation import settings_error

_CLASSES = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "lsf": "LSFCluster",
    "oar": "OARCluster",
    "moab": "MoabCluster",
    "htcondor": "HTCondorCluster",
    "local": "LocalCluster",
}
_SHOWN = "docs/clusters.md shows one"


class Queue(BaseModel):
    """A job queue, and what is asked of it.

    Examples
    --------
    >>> Queue(kind="slurm", workers=100, options={"cores": 1, "memory": "2GB"}).patience_s
    86400.0
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["slurm", "pbs", "sge", "lsf", "oar", "moab", "htcondor", "local"] = Field(
        description="Which queue; local starts the job script as a process, to try a file out."
    )
    workers: int = Field(ge=1, le=100_000, description="Workers asked for.")
    patience_s: float = Field(
        default=86400.0, gt=0, description="Seconds without any worker until the run stops."
    )
    options: dict[str, Any] = Field(
        description="Arguments of dask-jobqueue's class for the queue, such as cores, memory, "
        "walltime, queue, job_script_prologue."
    )


def read_queue(path: Path) -> Queue:
    """Read and validate the file of a job queue.

    Raises
    ------
    SettingsError
        If it is missing, is not TOML, or breaks a rule.
    """
    settings = read_toml(path, argument="cluster", next_step=_SHOWN, missing_next_step=_SHOWN)
    try:
        return Queue.model_validate(settings)
    except ValidationError as error:
        raise settings_error(error, Queue, str(path)) from error


@contextmanager
def start_queue(queue: Queue) -> Iterator[Any]:
    """A cluster whose workers are jobs; they are cancelled afterwards.

    Raises
    ------
    SettingsError
        If dask-jobqueue refuses the options.
    EnvironmentFault
        If dask-jobqueue or the queue's commands are missing.
    """
    cluster = queue_cluster(queue)
    with cluster, ExitStack() as files:
        for name in ("ca_file", "cert", "key"):  # else they stay until the object is collected
            if file := getattr(cluster, f"_job_{name}", None):
                files.callback(file.close)
        try:
            cluster.scale(queue.workers)
        except (OSError, RuntimeError) as error:
            raise EnvironmentFault(f"cluster: {queue.kind} refused: {error}") from error
        yield cluster


def queue_cluster(queue: Queue) -> Any:
    """dask-jobqueue's cluster for a queue, with no workers asked for yet.

    Its scheduler listens on a named interface and talks only to who has the run's credentials.
    """
    try:
        import dask_jobqueue
        import distributed
        from dask_jobqueue.local import LocalCluster
    except ImportError as error:
        raise EnvironmentFault(
            "cluster: job queues need dask-jobqueue, which is not installed",
            next_step="pip install 'pfmap[cluster]'",
        ) from error
    from .secured import LOOPBACK, SilentScheduler, credentials

    kinds = {**vars(dask_jobqueue), "LocalCluster": LocalCluster}
    options = dict(queue.options)
    scheduler = {"dashboard": False, **options.pop("scheduler_options", {})}
    extra = [*options.pop("worker_extra_args", []), "--no-dashboard"]
    extra += ["--dashboard-address", f"{LOOPBACK}:0"]  # where Dask serves a health page even so
    if queue.kind == "local":
        scheduler = {"host": LOOPBACK, **scheduler}
        extra += ["--host", LOOPBACK]
    if not (options.get("interface") or scheduler.keys() & {"interface", "host"}):
        raise SettingsError(
            "cluster: options.interface: must name the network interface by which workers reach "
            "this machine, got none",
            next_step='see them with: ip link; then write interface = "ib0" below [options]',
        )
    ours = {
        "scheduler_options": scheduler,
        "scheduler_cls": distributed.Scheduler if scheduler["dashboard"] else SilentScheduler,
        "worker_extra_args": extra,
        "security": credentials(),
        # Jobs read the credentials from there: files that only this user can read.
        "shared_temp_directory": str(Path.home()),
    }
    try:
        return kinds[_CLASSES[queue.kind]](**{**ours, **options})
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"cluster: options of {queue.kind}: {error}",
            next_step="see the arguments of dask-jobqueue's class for it",
        ) from error
