"""How many threads share a piece of work."""

from __future__ import annotations

import os

from .errors import SettingsError


def default_threads() -> int:
    """Number of CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def count_threads(threads: int | None) -> int:
    """`threads` if given, else every CPU.

    Raises
    ------
    SettingsError
        If `threads` is below 1.

    Examples
    --------
    >>> count_threads(3)
    3
    """
    if threads is None:
        return default_threads()
    if threads < 1:
        raise SettingsError(f"threads: must be at least 1, got {threads}")
    return threads
