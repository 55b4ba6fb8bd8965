"""Counting equal words without a lock: every block has its own table."""

from __future__ import annotations

import numpy as np

from ._jit import jit
from .hash128 import finalise64

_ZERO = np.uint64(0)


@jit
def _slot(words, i, mask):
    """Where to look for the words of row `i` first."""
    mixed = _ZERO
    for w in range(words.shape[1]):
        mixed = finalise64(mixed ^ words[i, w])
    return np.int64(mixed & mask)


@jit
def _equal(a, i, b, j):
    same = True
    for w in range(a.shape[1]):
        same &= a[i, w] == b[j, w]
    return same


@jit(allocates=True)
def _table(n):
    """An empty table with room for `n` rows: a power of two, at most half full."""
    size = 16
    while size < 2 * n:
        size *= 2
    return np.full(size, -1, dtype=np.int64)


@jit(allocates=True)
def tally(words):
    """Distinct rows of `words` in order of first appearance.

    Parameters
    ----------
    words : uint64[k, n_words]
        One row a draw.

    Returns
    -------
    first : int64[u]
        Position of the first row of each kind.
    counts : int64[u]
        Rows of that kind.
    """
    n = len(words)
    table = _table(n)
    mask = np.uint64(len(table) - 1)
    first = np.empty(n, dtype=np.int64)
    counts = np.empty(n, dtype=np.int64)
    found = 0
    for i in range(n):
        slot = _slot(words, i, mask)
        while True:
            kind = table[slot]
            if kind < 0:
                table[slot] = found
                first[found] = i
                counts[found] = 1
                found += 1
                break
            if _equal(words, first[kind], words, i):
                counts[kind] += 1
                break
            slot = np.int64(np.uint64(slot + 1) & mask)
    return first[:found].copy(), counts[:found].copy()


@jit(allocates=True)
def match(words, wanted):
    """For every row of `words` the row of `wanted` that equals it, or -1.

    Parameters
    ----------
    words : uint64[k, n_words]
        One row a draw.
    wanted : uint64[f, n_words]
        Distinct rows.

    Returns
    -------
    int64[k]
    """
    table = _table(len(wanted))
    mask = np.uint64(len(table) - 1)
    for j in range(len(wanted)):
        slot = _slot(wanted, j, mask)
        while table[slot] >= 0:
            slot = np.int64(np.uint64(slot + 1) & mask)
        table[slot] = j
    found = np.empty(len(words), dtype=np.int64)
    for i in range(len(words)):
        slot = _slot(words, i, mask)
        while table[slot] >= 0 and not _equal(wanted, table[slot], words, i):
            slot = np.int64(np.uint64(slot + 1) & mask)
        found[i] = table[slot]
    return found
