"""How much memory a run may hold, and how it is shared out."""

from __future__ import annotations

import os
import re

from .errors import SettingsError, shown

MIN_MEMORY = 2**30
MAX_MEMORY = 2**50
"""Smallest budget: the interpreter, its libraries and a compiled kernel take about half of it."""

# What a stage holds beside DuckDB: interpreter and libraries, a few pieces of a table, the blocks
# in work. Measured by scripts/bench_memory.py; DuckDB itself goes somewhat over its limit.
_BESIDE_DUCKDB = 700 * 2**20
_DUCKDB_SHARE = 0.75
_UNKNOWN_MACHINE = 4 * 2**30
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {f"{unit}i": 2 ** (10 * power) for power, unit in enumerate("kmgt", start=1)}


def default_memory() -> int:
    """Half of the machine's memory in bytes, at least `MIN_MEMORY`."""
    if not hasattr(os, "sysconf"):
        return _UNKNOWN_MACHINE
    return max(MIN_MEMORY, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)


def check_memory(memory: int | str | None) -> int:
    """A memory budget in bytes.

    Parameters
    ----------
    memory : int, str or None
        Bytes, or a number with a unit: ``2GiB``, ``1500 MB``; None is `default_memory`.

    Raises
    ------
    SettingsError
        If it is not such a size, or below 1 GiB.

    Examples
    --------
    >>> check_memory("2GiB"), check_memory("1.5 GB")
    (2147483648, 1500000000)
    >>> check_memory("100MB")
    Traceback (most recent call last):
        ...
    pfmap.errors.SettingsError: memory: must be at least 1GiB, got 100MB (next: give more, or \
leave it out: half of the machine's memory)
    """
    if memory is None:
        return default_memory()
    written = memory.strip().lower() if isinstance(memory, str) else shown(memory)
    found = re.fullmatch(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([kmgt]i?|)b?", written)
    if found is None:
        raise SettingsError(
            f"memory: must be a size in bytes, got {shown(memory)}",
            next_step="write it as 2GiB or 1500MB",
        )
    size = int(float(found[1]) * _UNITS[found[2]])
    if size > MAX_MEMORY:
        raise SettingsError(
            f"memory: must be at most 1024TiB, got {memory}",
            next_step="leave it out: half of the machine's memory",
        )
    if size < MIN_MEMORY:
        raise SettingsError(
            f"memory: must be at least 1GiB, got {memory}",
            next_step="give more, or leave it out: half of the machine's memory",
        )
    return size


def duckdb_memory(memory: int) -> int:
    """Part of a budget that DuckDB may use before it spills to disk, in bytes."""
    return int(_DUCKDB_SHARE * (memory - min(_BESIDE_DUCKDB, memory // 2)))
