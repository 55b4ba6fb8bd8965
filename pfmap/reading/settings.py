"""Files of settings in TOML: campaigns, and descriptions of job queues."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pfmap.errors import SettingsError

from .guard import read_bytes, reading

MOST_BYTES = 4 * 2**20
"""Of a file of settings; the largest in use hold a few thousand names."""

MOST_WORK = 10**7
"""Sum over lines of the square of their dots: the parser's time for dotted keys follows it."""


def read_toml(
    path: Path, *, argument: str, next_step: str = "", missing_next_step: str = ""
) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path : Path
        The file, in UTF-8; a byte order mark is passed over.
    argument : str
        What the file is, for the message.
    next_step, missing_next_step : str, default ""
        What to do about a file that is no TOML, and about one that does not exist.

    Raises
    ------
    SettingsError
        If it is missing, larger than 4 MiB, not a file or not TOML.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.toml"
    >>> _ = path.write_text("draws = 1000")
    >>> read_toml(path, argument="campaign file")
    {'draws': 1000}
    """
    content = read_bytes(
        path,
        kind="TOML",
        argument=argument,
        next_step=next_step if path.exists() else missing_next_step,
        error=SettingsError,
        most_bytes=MOST_BYTES,
    )
    with reading(path, kind="TOML", argument=argument, next_step=next_step, error=SettingsError):
        return parse_toml(content.decode("utf-8-sig"))


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML whose keys do not nest without end.

    Raises
    ------
    ValueError, RecursionError
        What `tomllib` raises; also if keys would take it minutes.
    """
    if sum(line.count(".") ** 2 for line in text.split("\n")) > MOST_WORK:
        raise ValueError("keys with so many dots are nested too deep")
    return tomllib.loads(text)
