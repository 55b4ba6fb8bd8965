"""Which drawn functions are measured by splitting: even steps of log2 P, the same on every run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pfmap.llc.select import shuffle_key


def select_by_probability(functions: pd.DataFrame, n_wanted: int, min_count: int) -> list[str]:
    """Choose functions at even steps of log2 P, from the most frequent to those seen once.

    Half of them (rounded up) are counted at least `min_count` times, so that their counts can be
    compared with what splitting finds; the others come from below, where a count says little. If
    one half has too few functions, the other gives more. At each step the function with the nearest
    log2 P is taken; among equals the one whose first draw comes first in a fixed shuffled order, so
    that functions seen once are a random sample of their kind.

    Parameters
    ----------
    functions : DataFrame
        Columns ``function, count, log2_p, first_draw``.
    n_wanted : int
        Number of functions.
    min_count : int
        Least count of the first half.

    Returns
    -------
    list of str
        Keys by descending log2 P, each once.

    Examples
    --------
    >>> frame = pd.DataFrame({"function": ["f", "0", "3", "5"], "count": [40, 30, 4, 1],
    ...                       "log2_p": [-0.9, -1.3, -4.2, -6.2], "first_draw": [0, 2, 9, 30]})
    >>> select_by_probability(frame, 3, min_count=10)
    ['f', '0', '5']
    """
    counts = functions["count"].to_numpy(dtype=np.int64)
    often, seldom = np.flatnonzero(counts >= min_count), np.flatnonzero(counts < min_count)
    n_often = min(len(often), max(-(-n_wanted // 2), n_wanted - len(seldom)))
    n_seldom = min(len(seldom), n_wanted - n_often)
    chosen = np.concatenate(
        [_even_steps(functions, often, n_often), _even_steps(functions, seldom, n_seldom)]
    )
    log2_p = functions["log2_p"].to_numpy(dtype=float)
    order = np.lexsort((chosen, -log2_p[chosen]))
    return [str(key) for key in functions["function"].to_numpy(dtype=object)[chosen[order]]]


def _even_steps(functions: pd.DataFrame, rows: np.ndarray, n_wanted: int) -> np.ndarray:
    """`n_wanted` of the rows, nearest to even steps of log2 P."""
    if n_wanted == 0:
        return np.zeros(0, dtype=np.int64)
    log2_p = functions["log2_p"].to_numpy(dtype=float)[rows]
    shuffled = shuffle_key(functions["first_draw"].to_numpy(dtype=np.uint64)[rows])
    free = np.ones(len(rows), dtype=bool)
    chosen = []
    # From the rarest up: they are many and alike, while steps near the top are few functions.
    for wanted in np.linspace(log2_p.min(), log2_p.max(), n_wanted):
        left = np.flatnonzero(free)
        best = left[np.lexsort((shuffled[left], np.abs(log2_p[left] - wanted)))[0]]
        free[best] = False
        chosen.append(rows[best])
    return np.array(chosen, dtype=np.int64)
