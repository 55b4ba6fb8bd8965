"""Covers by half-spaces: how many it takes to cut one class of a Boolean function off the other."""

from __future__ import annotations

import numpy as np

from pfmap.errors import SettingsError
from pfmap.functions.thresholds import MAX_EXACT_INPUTS, threshold_sets

MAX_COVER_INPUTS = 10
"""Inputs up to which covers are looked for."""

_BUDGET = 1000
"""Corrections of the perceptron before a point is given up. Five times as few gave the same covers
for 199 of 200 random functions of 7 inputs."""


def halfspace_cover(table: np.ndarray) -> tuple[np.ndarray, int]:
    """Half-spaces that strictly exclude all of one class of f and together cover the other.

    Grown greedily, for either class, one uncovered point after the other: a point joins as long as
    a perceptron in integers finds a half-space that holds it too. Nothing rests on rounding. The
    smaller of the two covers is returned, that of the ones on ties.

    Parameters
    ----------
    table : ndarray of 0 and 1, shape (2^n,)
        Truth table in counting order, n from 1 to 10.

    Returns
    -------
    halfspaces : ndarray of int64, shape (k, n + 1)
        s(x) = Σ_i w_i (2 x_i - 1) + w_n of every half-space: above 0 inside, below 0 outside, never
        0 on the cube. k = 0 for constants.
    covered : int
        The class covered, 0 or 1.

    Raises
    ------
    SettingsError
        If the table is not one of a Boolean function of 1 to 10 inputs.

    Examples
    --------
    >>> halfspace_cover(np.array([0, 1, 1, 1]))[1], len(halfspace_cover(np.array([0, 1, 1, 0]))[0])
    (1, 2)
    """
    from pfmap.kernels.boolean_separation import greedy_cover

    bits = checked_table(table, most=MAX_COVER_INPUTS)
    n = bits.size.bit_length() - 1
    if bits.min() == bits.max():
        return np.empty((0, n + 1), dtype=np.int64), int(bits[0])
    covers = []
    for value in (1, 0):
        halfspaces = np.empty((bits.size, n + 1), dtype=np.int64)
        covers.append((halfspaces[: greedy_cover(bits == value, n, _BUDGET, halfspaces)], value))
    return min(covers, key=lambda cover: len(cover[0]))


def cover_sizes(bits: np.ndarray) -> np.ndarray:
    """Fewest half-spaces of a cover of either class, whichever has fewer.

    Exact for n <= 5: a least cover by listed threshold functions, by reduction and then branch and
    bound without limit. From 6 to 10 inputs the size of `halfspace_cover`, an upper bound.

    Parameters
    ----------
    bits : ndarray of uint8, shape (functions, 2^n)
        Truth tables in counting order.

    Returns
    -------
    ndarray of float64, shape (functions,)
        0 for constants, 1 for threshold functions; NaN beyond 10 inputs.

    Examples
    --------
    >>> cover_sizes(np.array([[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 1, 0]], dtype=np.uint8))
    array([0., 1., 2.])
    """
    from pfmap.kernels.boolean_separation import greedy_cover_sizes
    from pfmap.kernels.threshold_cover import minimal_cover_sizes

    n = bits.shape[1].bit_length() - 1
    if n > MAX_COVER_INPUTS:
        return np.full(len(bits), np.nan)
    sizes = np.empty((len(bits), 2), dtype=np.int64)
    if n <= MAX_EXACT_INPUTS:
        minimal_cover_sizes(bits, threshold_sets(n), sizes)
    else:
        greedy_cover_sizes(bits, n, _BUDGET, sizes)
    return sizes.min(axis=1).astype(np.float64)


def checked_table(table: np.ndarray, *, most: int) -> np.ndarray:
    """A truth table as uint8 of shape (2^n,); SettingsError unless 1 <= n <= `most`."""
    values = np.asarray(table)
    n = values.size.bit_length() - 1
    if values.ndim != 1 or values.size != 1 << max(n, 0) or not 1 <= n <= most:
        raise SettingsError(
            f"table: one value for each of 2^n inputs, n from 1 to {most}, got shape {values.shape}"
        )
    if not ((values == 0) | (values == 1)).all():
        raise SettingsError(f"table: every value must be 0 or 1, got {np.unique(values)[:5]}")
    return np.ascontiguousarray(values, dtype=np.uint8)
