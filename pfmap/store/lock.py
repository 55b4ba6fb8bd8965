"""One writer a folder: a lock that the operating system drops when its holder dies."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pfmap.errors import EnvironmentFault

from .atomic import disk_faults

LOCK_NAME = ".pfmap-lock"

# Some cluster file systems have no locks: one writer is then up to the user.
_UNSUPPORTED = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK}


@contextmanager
def folder_lock(folder: Path) -> Iterator[bool]:
    """Hold the only writer's lock of `folder` while the block runs.

    Yields
    ------
    bool
        Whether the lock is held; False where the file system has no locks.

    Raises
    ------
    EnvironmentFault
        If another process holds it, or the folder cannot be written.
    """
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            _acquire(descriptor)
            held = True
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise _occupied(folder, descriptor) from error
            held = False
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, str(os.getpid()).encode())
        yield held
    finally:
        os.close(descriptor)


def _occupied(folder: Path, descriptor: int) -> EnvironmentFault:
    os.lseek(descriptor, 0, os.SEEK_SET)
    holder = os.read(descriptor, 32).decode(errors="replace").strip()
    process = f" (process {holder})" if holder else ""
    return EnvironmentFault(
        f"{folder}: another pfmap is writing to this folder{process}",
        next_step="wait for it to end, or choose another folder",
    )


if sys.platform == "win32":
    import msvcrt

    def _acquire(descriptor: int) -> None:
        # Far behind the holder's number, which others must be able to read.
        os.lseek(descriptor, 1024, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _acquire(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
