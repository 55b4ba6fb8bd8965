"""The workers of a run: what each stage has them do, and how results come home."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pfmap.errors import DataError, EnvironmentFault
from pfmap.execution.cluster import Cluster
from pfmap.execution.leases import Leases
from pfmap.llc.stage import Request, Rows
from pfmap.store.atomic import TEMPORARY_SUFFIX, file_digest, write_bytes
from pfmap.store.journal import BlockEntry

from .job import Job
from .stages._registry import compiled
from .tasks import Place, draw_block, estimate, sent, staged_by

_APPEARS_S = 30.0


def leases(job: Job, cluster: Cluster, stage: str) -> Leases:
    """Leases for the tasks of a stage."""
    return Leases(cluster, stop=job.stop, alone=not compiled([stage]), count=job.reporter.workers)


def worked_blocks(job: Job, cluster: Cluster, blocks: Sequence[int]) -> Iterator[BlockEntry]:
    """Blocks drawn by workers, in the order they come; each shard lies in its place.

    Parameters
    ----------
    job : Job
        The run.
    cluster : Cluster
        Open.
    blocks : sequence of int
        Blocks.

    Yields
    ------
    BlockEntry
        Lines for the journal.

    Raises
    ------
    StoppedEarly, EnvironmentFault
        As `Leases`.
    DataError
        If a shard is not what its worker wrote.
    """
    tasks = leases(job, cluster, "sample")
    campaign = sent(job.campaign)
    with _seen_folder(job) as place:
        for index in blocks:
            tasks.add(index, draw_block, campaign, index, place, job.notes)
        for _, (entry, sent_home, waits) in tasks:
            path = job.files.shard(entry.block_index)
            content = _fetch(waits) if waits else sent_home
            if content:
                if hashlib.sha256(content).hexdigest() != entry.sha256:
                    raise _not_written(path, entry, f"look at {waits or 'the network'}")
                write_bytes(path, content)
            else:
                _wait_for(path, entry)
            yield entry


def worked_estimates(
    job: Job, cluster: Cluster, requests: list[Request]
) -> Iterator[tuple[int, tuple[Rows, Rows]]]:
    """Learning coefficients estimated by workers: place in the list, rows of the tables."""
    tasks = leases(job, cluster, "llc")
    campaign = sent(job.campaign)
    for place, request in enumerate(requests):
        tasks.add(place, estimate, campaign, request)
    return iter(tasks)


@contextmanager
def _seen_folder(job: Job) -> Iterator[Place]:
    """The folder with a file in it that tells workers whether they see it."""
    token = f".{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"
    folder = job.files.path.resolve()
    write_bytes(folder / token, b"")
    place = Place(str(folder), token, job.staging)
    try:
        yield place
    finally:
        _clear_staging(place)
        (folder / token).unlink(missing_ok=True)


def _fetch(where: str) -> bytes:
    """A staged shard, taken from where it waits."""
    import fsspec

    try:
        files, name = fsspec.core.url_to_fs(where)
        content: bytes = files.cat_file(name)
        files.rm_file(name)
    except (OSError, ValueError, ImportError) as error:
        raise EnvironmentFault(
            f"staging: {where} cannot be read and removed: {error}",
            next_step="see that this machine may do both; --resume draws the block again",
        ) from error
    return content


def _clear_staging(place: Place) -> None:
    """Remove what late leases of this run left at the staging location."""
    if not place.staging:
        return
    import fsspec

    with suppress(OSError, ValueError):
        files, beginning = fsspec.core.url_to_fs(staged_by(place))
        for name in files.ls(files._parent(beginning), detail=False):
            if name.startswith(beginning):
                files.rm_file(name)


def _wait_for(path: Path, entry: BlockEntry) -> None:
    """Refuse a shard that is not what its worker wrote; shared disks may show it late."""
    until = time.monotonic() + _APPEARS_S
    while not (path.is_file() and file_digest(path) == entry.sha256):
        if time.monotonic() > until:
            raise _not_written(path, entry, "see that all workers share this disk")
        time.sleep(0.1)


def _not_written(path: Path, entry: BlockEntry, advice: str) -> DataError:
    return DataError(
        f"{path}: is not what a worker wrote: its SHA-256 is not {entry.sha256}",
        next_step=f"{advice}; --resume draws the block again",
    )
