"""r(f) of every Boolean function of up to 4 inputs, from the table that ships with pfmap.

`least_ranks` finds them in a minute; `scripts/least_ranks.py` writes the table and checks it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from pfmap.display import Displayed
from pfmap.function_level.minimum import MAX_LISTED_INPUTS, cube_symmetries
from pfmap.functions.halfspaces import checked_table
from pfmap.reading import shipped_rows

TABLE = Path(__file__).with_name("least_ranks.csv")
COLUMNS = ("n", "function", "rank", "units", "patterns")


@dataclass(frozen=True, repr=False)
class LeastRank(Displayed):
    """r(f) and how it is attained.

    Attributes
    ----------
    rank : int
        r(f): in one hidden relu layer λ_f >= r(f)/2, with equality where the layer is wide enough.
    patterns : ndarray of bool, shape (k, 2^n)
        Patterns whose span, of dimension r(f), holds f.
    units : int
        Width from which on networks with these patterns and λ = r(f)/2 are known.
    """

    SHOWN: ClassVar = ("rank", "units", "patterns")

    rank: int
    patterns: np.ndarray
    units: int


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
    places = table_numbers(bits[group])
    for images in (places, (1 << n_points) - 1 - places):
        for image, symmetry in zip(images.tolist(), group, strict=True):
            if image in listed:
                found = listed[image]
                # Point x of the function listed is point symmetry[x] of this one.
                turned = np.empty_like(found.patterns)
                turned[:, symmetry] = found.patterns
                return replace(found, patterns=turned)
    raise AssertionError("the table lists a member of every class")


@cache
def listed_functions(n_inputs: int) -> tuple[np.ndarray, np.ndarray]:
    """r(f) and units of every function of `n_inputs` inputs, f at place Σ_x f(x) 2^x.

    Parameters
    ----------
    n_inputs : int
        n, from 1 to 4.

    Returns
    -------
    ranks, units : ndarray of int64, shape (2^2^n,)

    Examples
    --------
    >>> ranks, units = listed_functions(2)
    >>> int(ranks[0b0110]), int(units[0b0110])  # XOR
    (3, 2)
    """
    group, listed = _listed(n_inputs)
    n_points = 2**n_inputs
    ranks = np.zeros(2**n_points, dtype=np.int64)
    units = np.zeros_like(ranks)
    for number, found in listed.items():
        images = table_numbers((number >> np.arange(n_points) & 1)[group])
        for members in (images, 2**n_points - 1 - images):
            ranks[members], units[members] = found.rank, found.units
    return ranks, units


def table_numbers(bits: np.ndarray) -> np.ndarray:
    """Σ_x f(x) 2^x of truth tables of at most 16 values."""
    return bits.astype(np.int64) @ (1 << np.arange(bits.shape[1]))


@cache
def _listed(n_inputs: int) -> tuple[np.ndarray, dict[int, LeastRank]]:
    """Symmetries of the cube, and a member of every class, at Σ_x f(x) 2^x."""
    n_points = 2**n_inputs
    found = {}
    with shipped_rows(TABLE) as rows:
        for row in rows:
            if int(row["n"]) == n_inputs:
                patterns = [int(text, 16) for text in row["patterns"].split()]
                bits = np.array(patterns, dtype=np.int64)[:, None] >> np.arange(n_points) & 1
                found[int(row["function"], 16)] = LeastRank(
                    int(row["rank"]), bits.astype(bool), int(row["units"])
                )
    return cube_symmetries(n_inputs), found
