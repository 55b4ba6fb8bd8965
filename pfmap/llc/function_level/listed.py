"""r(f) of every Boolean function of up to 4 inputs, from the table that ships with pfmap.

`least_ranks` finds them in a minute; `scripts/least_ranks.py` writes the table and checks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from pfmap.functions.halfspaces import checked_table
from pfmap.llc.function_level.minimum import MAX_LISTED_INPUTS, cube_symmetries
from pfmap.reading import shipped_rows

TABLE = Path(__file__).with_name("least_ranks.csv")
COLUMNS = ("n", "function", "rank", "patterns")


@dataclass(frozen=True)
class LeastRank:
    """r(f) and how it is attained.

    Attributes
    ----------
    rank : int
        r(f): in one hidden relu layer λ_f >= r(f)/2, with equality where the layer is wide enough.
    patterns : ndarray of bool, shape (k, 2^n)
        Patterns whose span, of dimension r(f), holds f.
    """

    rank: int
    patterns: np.ndarray


def least_rank(table: np.ndarray) -> LeastRank:
    """r(f) of one function, looked up.

    Parameters
    ----------
    table : ndarray of 0 and 1, shape (2^n,)
        Truth table in counting order, n from 1 to 4.

    Returns
    -------
    LeastRank

    Raises
    ------
    SettingsError
        If the table is not one of a Boolean function of 1 to 4 inputs.

    Examples
    --------
    Parity of 4 takes rank 8, λ_f = 4:

    >>> parity = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0])
    >>> found = least_rank(parity)
    >>> found.rank, found.patterns.shape
    (8, (3, 16))
    """
    bits = checked_table(table, most=MAX_LISTED_INPUTS).astype(np.int64)
    n_points = len(bits)
    group, listed = _listed(n_points.bit_length() - 1)
    places = bits[group] @ (1 << np.arange(n_points))
    for images in (places, (1 << n_points) - 1 - places):
        for image, symmetry in zip(images.tolist(), group, strict=True):
            if image in listed:
                rank, patterns = listed[image]
                # Point x of the function listed is point symmetry[x] of this one.
                turned = np.empty_like(patterns)
                turned[:, symmetry] = patterns
                return LeastRank(rank, turned)
    raise AssertionError("the table lists a member of every class")


@cache
def _listed(n_inputs: int) -> tuple[np.ndarray, dict[int, tuple[int, np.ndarray]]]:
    """Symmetries of the cube, and rank and patterns of a member of every class by Σ_x f(x) 2^x."""
    n_points = 2**n_inputs
    found = {}
    with shipped_rows(TABLE) as rows:
        for row in rows:
            if int(row["n"]) == n_inputs:
                patterns = [int(text, 16) for text in row["patterns"].split()]
                bits = np.array(patterns, dtype=np.int64)[:, None] >> np.arange(n_points) & 1
                found[int(row["function"], 16)] = (int(row["rank"]), bits.astype(bool))
    return cube_symmetries(n_inputs), found
