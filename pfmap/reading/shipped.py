"""Tables that ship with pfmap."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .guard import reading

_MOST_BYTES = 2**16


@contextmanager
def shipped_rows(path: Path) -> Iterator[list[dict[str, str]]]:
    """Rows of a CSV table of the package, whose lines that begin with # are remarks.

    Parsed inside the block, whatever is wrong with the table becomes one line that names it.

    Parameters
    ----------
    path : Path
        The table.

    Raises
    ------
    DataError
        If it is not there or damaged.
    """
    with reading(path, kind="CSV", next_step="install pfmap again", most_bytes=_MOST_BYTES):
        lines = path.read_text(encoding="utf-8").splitlines()
        yield list(csv.DictReader(line for line in lines if not line.startswith("#")))
