"""The one guard around reading: whatever a damaged file raises becomes one line that names it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pfmap.errors import DataError, PfmapError, SettingsError

_SPECIAL = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@contextmanager
def reading(
    path: Path,
    *,
    kind: str,
    argument: str = "",
    next_step: str = "",
    error: type[PfmapError] = DataError,
    missing: type[PfmapError] | None = None,
    most_bytes: int | None = None,
) -> Iterator[None]:
    """Read and parse one file inside the block; every failure becomes one line about the file.

    No list of exceptions can be complete: zlib, zipfile, the parsers of Arrow, NumPy, JSON and
    TOML raise what they happen to meet. The block must therefore hold reading and parsing alone.
    An error that pfmap raises inside it passes unchanged, and so does a request to stop.

    Parameters
    ----------
    path : Path
        The file. It is looked at first: opening a pipe would wait for ever.
    kind : str
        What it must be: ``TOML``, ``.npz``, ``Parquet``.
    argument : str, default ""
        Setting or option that names the file, for the message.
    next_step : str, default ""
        What to do about a file that cannot be read.
    error : type of PfmapError, default DataError
        What is raised; `SettingsError` for files of settings.
    missing : type of PfmapError, optional
        What is raised if there is no such file; None is `error`.
    most_bytes : int, optional
        Largest file that is read; None means no limit.

    Raises
    ------
    PfmapError
        Of the class `error`.

    Examples
    --------
    >>> import json, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "deep.json"
    >>> _ = path.write_text("[" * 100_000)
    >>> try:
    ...     with reading(path, kind="JSON"):
    ...         json.loads(path.read_bytes())
    ... except DataError as error:
    ...     print(error.message.replace(str(path), "deep.json"))
    deep.json: damaged or not valid JSON: nested too deep
    """
    label = f"{argument}: " if argument else ""
    try:
        _check_regular(path, most_bytes)
        yield
    except PfmapError:
        raise
    except FileNotFoundError as absent:
        raise (missing or error)(f"{label}no such file: {path}", next_step=next_step) from absent
    except Exception as met:
        if isinstance(met, _NotRead) or (isinstance(met, OSError) and met.errno is not None):
            rule = "cannot be read"
        else:
            rule = f"not valid {kind}" if error is SettingsError else f"damaged or not valid {kind}"
        raise error(f"{label}{path}: {rule}: {_words(met)}", next_step=next_step) from met


def read_bytes(
    path: Path,
    *,
    kind: str,
    argument: str = "",
    next_step: str = "",
    error: type[PfmapError] = DataError,
    missing: type[PfmapError] | None = None,
    most_bytes: int | None = None,
) -> bytes:
    """The bytes of a file, under the same guard.

    Parameters, and what is raised, are those of `reading`.

    Examples
    --------
    >>> try:
    ...     read_bytes(Path("/dev/null"), kind="JSON")
    ... except DataError as error:
    ...     print(error)
    /dev/null: cannot be read: it is a device, not a file
    """
    with reading(
        path,
        kind=kind,
        argument=argument,
        next_step=next_step,
        error=error,
        missing=missing,
        most_bytes=most_bytes,
    ):
        if most_bytes is None:
            return path.read_bytes()
        with path.open("rb") as file:
            # A file of /proc says that it has no bytes, and others grow.
            content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise _NotRead(f"it has more than {most_bytes:,} bytes")
        return content


class _NotRead(Exception):
    """Why a file was not opened, or not read to its end."""


def _check_regular(path: Path, most_bytes: int | None) -> None:
    """Look at a file before it is opened."""
    try:
        found = path.stat()
    except ValueError as error:
        raise _NotRead(f"no file can have this name ({error})") from error
    if not stat.S_ISREG(found.st_mode):
        what = _SPECIAL.get(stat.S_IFMT(found.st_mode), "something else")
        raise _NotRead(f"it is {what}, not a file")
    if most_bytes is not None and found.st_size > most_bytes:
        raise _NotRead(f"it has {found.st_size:,} bytes, more than {most_bytes:,}")


def _words(error: Exception) -> str:
    """What an error says, in one line."""
    if isinstance(error, RecursionError):
        return "nested too deep"
    if isinstance(error, MemoryError):
        return "it declares more than the memory holds"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = str(error).strip().partition("\n")[0]
    if not said:
        return type(error).__name__
    # Other errors speak of the reader's insides: their kind helps whoever reports them.
    plain = isinstance(error, (OSError, ValueError, TypeError, _NotRead))
    return said if plain else f"{type(error).__name__}: {said}"
