"""Files that are whole or absent: written beside their place, flushed, then renamed into it."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pfmap.errors import EnvironmentFault
from pfmap.profiling import timed

# The leading dot hides a temporary file from readers of a whole folder of Parquet files.
SYNC = "waiting for the disk (fsync)"
TEMPORARY_SUFFIX = ".pfmap-tmp"

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_FOLDER = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that becomes `path` when the block ends without an error.

    The temporary file lies in the same folder, its name begins with a dot and is no other writer's,
    and it is removed when the block raises. A process killed at any moment leaves either the old
    file or the new one.

    Parameters
    ----------
    path : Path
        The file to write; missing folders above it are made.

    Yields
    ------
    binary file

    Raises
    ------
    EnvironmentFault
        If the disk is full or the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_file(folder / "a.txt") as file:
    ...     _ = file.write(b"whole")
    >>> (folder / "a.txt").read_bytes()
    b'whole'
    """
    # Two workers may write the same block: each its own file, and whole files are equal.
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}"
    with disk_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                yield file
                file.flush()
                with timed(SYNC):
                    os.fsync(file.fileno())
            os.replace(temporary, path)
            with timed(SYNC):
                sync_folder(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic_file(path) as file:
        file.write(content)


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a loss of power (no-op where folders have no sync)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> list[Path]:
    """Remove what killed writers left behind in `folder`; the paths removed."""
    removed = []
    for path in folder.glob(f".*{TEMPORARY_SUFFIX}"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        removed.append(path)
    return removed


@contextmanager
def scratch_folder(parent: Path | None) -> Iterator[Path]:
    """A hidden folder for what memory cannot hold, removed when the block ends.

    Parameters
    ----------
    parent : Path or None
        Where it is made; None uses the system's folder for temporary files. What a killed process
        leaves there is swept by the next.
    """
    with disk_faults(parent or Path(tempfile.gettempdir())):
        folder = Path(tempfile.mkdtemp(prefix=".merge-", suffix=TEMPORARY_SUFFIX, dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_bytes(folder: Path) -> int:
    """Bytes free on the disk of a folder."""
    with disk_faults(folder):
        return shutil.disk_usage(folder).free


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Turn a refusal of the disk, met while writing `path`, into an `EnvironmentFault`."""
    try:
        yield
    except OSError as error:
        raise environment_fault(error, path) from error


def environment_fault(error: OSError, path: Path) -> EnvironmentFault:
    """The error a user should see for `error`, met while writing `path`."""
    if error.errno in _FULL:
        return EnvironmentFault(
            f"disk full while writing {path}: {error.strerror}",
            next_step="free some space, then continue with pfmap run FOLDER --resume; "
            "finished blocks are kept",
        )
    if error.errno in _FORBIDDEN:
        return EnvironmentFault(
            f"cannot write {path}: {error.strerror}",
            next_step="make the folder writable or choose another one",
        )
    if error.errno in _NO_FOLDER:
        return EnvironmentFault(
            f"cannot write {path}: a file stands where a folder is needed ({error.strerror})",
            next_step="move that file away or choose another folder",
        )
    return EnvironmentFault(
        f"cannot write {path}: {error.strerror or error}",
        next_step="check the disk, then continue with pfmap run FOLDER --resume",
    )
