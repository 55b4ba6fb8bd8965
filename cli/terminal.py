"""The streams a process is started with: in any encoding, closed, full, or without a reader."""

from __future__ import annotations

import errno
import io
import os
import sys
import warnings
from typing import Any

from pfmap.errors import PfmapWarning

READER_GONE = 141
"""Exit code when the reader of stdout has gone, as shells report it: 128 + SIGPIPE."""


def prepare() -> None:
    """Make stdout and stderr take whatever is written to them.

    What an encoding lacks is written as ``\\u03bb``. A closed stream becomes the null device: the
    first file of a campaign would get its number otherwise, and with it what libraries print. What
    stderr cannot take, because its reader has gone or its disk is full, is no reason to stop work.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), "utf-8")
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        encoding = getattr(sys.stderr, "encoding", "utf-8")
        raw = io.BufferedWriter(_Telling(2, "w", closefd=False))
        sys.stderr = io.TextIOWrapper(raw, encoding, "backslashreplace", line_buffering=True)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    warnings.formatwarning = _one_line


def settle() -> None:
    """Drop what stdout did not take: the interpreter would try again, and fail, as it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)


def reader_gone(error: OSError) -> bool:
    """Whether an error says that nobody reads what was written."""
    return error.errno == errno.EPIPE


class _Telling(io.FileIO):
    """A stream for what is worth telling and not worth stopping for."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content) or 0
        except OSError:
            return len(content)


_default_format = warnings.formatwarning


def _one_line(message: Any, category: type[Warning], *where: Any, **options: Any) -> str:
    """Warnings of pfmap look like all else it says; others keep the place they come from."""
    if issubclass(category, PfmapWarning):
        return f"pfmap: {message}\n"
    return _default_format(message, category, *where, **options)
