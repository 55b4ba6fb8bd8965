"""Which functions get learning coefficients: a stratified choice, the same on every run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pfmap.settings.sections import Llc

REPEATED = 3
"""Draws from which on the spread within a function can be told from that between functions."""

REPEATED_SHARE = 0.75
MOST_FREQUENT = 2
BINS = 5


def select_functions(functions: pd.DataFrame, settings: Llc) -> pd.DataFrame:
    """Choose functions stratified over log2 P and over lz, plus the named ones.

    The choice is made in this order, until ``settings.functions`` are found; named functions come
    on top of that number.

    With ``selection = equal_ones`` all have the same number of ones T: that with the most different
    lz among functions seen at least 3 times (then the smallest). ``equal_lz`` is the reverse. There
    is no 1 then, and for ``equal_lz`` T takes the place of lz in 2 and 3.

    1. The two most frequent functions: on a Boolean cube usually the constants.
    2. Three quarters of the rest among functions seen at least 3 times, for only these show how
       the coefficient varies within a function.
    3. The others among all functions, so that those seen once or twice are represented.

    In 2 and 3 the range of log2 P and that of lz are cut into 5 equal parts each. Every cell of
    this grid that holds functions gives one in turn, cells in order of descending log2 P and then
    ascending lz, and inside a cell functions come in a pseudo-random order fixed by ``first_draw``.

    Parameters
    ----------
    functions : DataFrame
        With columns ``function, count, log2_p, first_draw`` and, if there is one, ``lz``; for the
        selections of equals ``lz`` and ``ones``.
    settings : Llc
        ``functions``, ``selection`` and ``named`` are used.

    Returns
    -------
    DataFrame
        ``function, reason``, each function once, in the order of choice; named ones that were not
        drawn are left out.

    Examples
    --------
    >>> frame = pd.DataFrame({"function": ["f", "0", "3", "5"], "count": [40, 30, 4, 1],
    ...                       "log2_p": [-0.9, -1.3, -4.2, -6.2], "first_draw": [0, 2, 9, 30],
    ...                       "lz": [2.0, 2.0, 7.0, 9.0]})
    >>> select_functions(frame, Llc(functions=4, named=("5",)))
      function                             reason
    0        5                              named
    1        f                      most frequent
    2        0                      most frequent
    3        3  log2_p 5/5, lz 5/5, seen 3+ times
    """
    keys = functions["function"].to_numpy(dtype=object)
    counts = functions["count"].to_numpy(dtype=np.int64)
    chosen: dict[int, str] = {}
    if settings.named:
        place = {str(key): int(row) for row, key in _rows_of(keys, settings.named)}
        chosen = {place[key]: "named" for key in settings.named if key in place}
    n_wanted = settings.functions + len(chosen)
    eligible, spread = np.arange(len(functions)), "lz"
    if settings.selection == "stratified":
        order = np.lexsort((functions["first_draw"].to_numpy(), -counts))
        for row in order[: min(MOST_FREQUENT, settings.functions)]:
            chosen.setdefault(int(row), "most frequent")
    elif settings.selection == "equal_ones":
        eligible = _equal_rows(functions, "ones", "lz")
    else:
        eligible, spread = _equal_rows(functions, "lz", "ones"), "ones"
    shuffled = shuffle_key(functions["first_draw"].to_numpy(dtype=np.uint64))
    left = n_wanted - len(chosen)
    repeated = eligible[counts[eligible] >= REPEATED]
    for rows, share, note in (
        (repeated, round(REPEATED_SHARE * left), f", seen {REPEATED}+ times"),
        (eligible, left, ""),
    ):
        stop = min(n_wanted, len(chosen) + share)
        take_in_turn(functions, rows, spread, shuffled, stop, note, chosen)
    return pd.DataFrame(
        {"function": keys[list(chosen)], "reason": list(chosen.values())}, dtype=object
    ).astype(str)


def _equal_rows(functions: pd.DataFrame, held: str, varied: str) -> np.ndarray:
    """Rows with one value of `held`, the value that has most values of `varied`."""
    if functions.empty:
        return np.arange(0)
    repeated = functions[functions["count"] >= REPEATED]
    kinds = (functions if repeated.empty else repeated).groupby(held)[varied].nunique()
    return np.flatnonzero(functions[held] == kinds.sort_index().idxmax())


def take_in_turn(
    functions: pd.DataFrame,
    rows: np.ndarray,
    spread: str,
    shuffled: np.ndarray,
    stop: int,
    note: str,
    chosen: dict[int, str],
) -> None:
    """Add rows to `chosen`, one from every cell in turn, until it holds `stop`.

    Parameters
    ----------
    functions : DataFrame
        Columns ``log2_p`` and, if there is one, `spread`; the range of each is cut into equal
        parts, whose pairs are the cells.
    rows : ndarray of int
        Rows to choose from.
    spread : str
        The second column.
    shuffled : ndarray of uint64, shape (len(functions),)
        Order inside a cell.
    stop : int
        Rows wanted, with those already chosen.
    note : str
        Added to the reasons.
    chosen : dict of int to str
        Row to reason, in the order of choice.
    """
    if len(rows) == 0 or len(chosen) >= stop:
        return
    parts = {"log2_p": BINS - 1 - _bins(functions["log2_p"].to_numpy(dtype=float)[rows])}
    if spread in functions:
        parts[spread] = _bins(functions[spread].to_numpy(dtype=float)[rows])
    labels = np.stack(list(parts.values()))
    order = np.lexsort((shuffled[rows], *labels[::-1]))
    # The place of every row inside its cell: all first places are taken before any second one.
    sorted_labels = labels[:, order]
    starts = np.r_[True, (sorted_labels[:, 1:] != sorted_labels[:, :-1]).any(axis=0)]
    index = np.arange(len(order))
    rank = index - np.maximum.accumulate(np.where(starts, index, 0))
    for i in order[np.lexsort((index, rank))]:
        if len(chosen) >= stop:
            return
        reason = ", ".join(f"{name} {label[i] + 1}/{BINS}" for name, label in parts.items())
        chosen.setdefault(int(rows[i]), reason + note)


def _bins(values: np.ndarray) -> np.ndarray:
    """Which of `BINS` equal parts of its range each value falls in; NaN counts as lowest."""
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    if high == low:
        return np.zeros(len(values), dtype=np.int64)
    scaled = (np.where(np.isfinite(values), values, low) - low) / (high - low)
    return np.minimum((scaled * BINS).astype(np.int64), BINS - 1)


def _rows_of(keys: np.ndarray, named: tuple[str, ...]) -> list[tuple[int, str]]:
    """Rows of the named keys."""
    rows = np.flatnonzero(np.isin(keys.astype(str), np.array(named)))
    return [(int(row), str(keys[row])) for row in rows]


def shuffle_key(first_draw: np.ndarray) -> np.ndarray:
    """SplitMix64 of the first draw: a fixed pseudo-random order (Steele, Lea, Flood 2014)."""
    z = first_draw + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
