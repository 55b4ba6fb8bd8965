"""All spaces of patterns that hold a function at its least rank, and the units that stay in one."""

from __future__ import annotations

import numpy as np

from pfmap.function_level.minimum import cube_symmetries, spaces_of_patterns
from pfmap.function_level.patterns import RANK_TOLERANCE, restricted_affine, spans


def least_spaces(table: np.ndarray, rank: int) -> list[np.ndarray]:
    """Every space S of patterns with dimension `rank` that holds f.

    Parameters
    ----------
    table : ndarray of 0 and 1, shape (2^n,)
        Truth table in counting order; n at most 3, or `rank` 1.
    rank : int
        r(f), so that no smaller space does.

    Returns
    -------
    list of ndarray, each of shape (rank, 2^n)
        Orthonormal bases.

    Examples
    --------
    AND of three inputs takes its own vertex, or nothing else of rank 2:

    >>> len(least_spaces(np.array([0, 0, 0, 0, 0, 0, 0, 1]), 2))
    1
    >>> len(least_spaces(np.array([0, 1, 1, 0, 1, 0, 0, 1]), 5))  # parity
    2
    """
    n_inputs = len(table).bit_length() - 1
    if rank == 1:
        return [np.full((1, len(table)), len(table) ** -0.5)]
    group = cube_symmetries(n_inputs)
    found: dict[bytes, np.ndarray] = {}
    for basis, _ in spaces_of_patterns(n_inputs, group, rank):
        if len(basis) != rank:
            continue
        for image in group:
            moved = basis[:, image]
            if spans(moved, table):
                name = np.round(moved.T @ moved, 6) + 0.0  # without -0
                found.setdefault(name.tobytes(), moved)
    return list(found.values())


def patterns_within(patterns: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Whether the affine functions on each pattern all lie in the space of an orthonormal `basis`.

    Parameters
    ----------
    patterns : ndarray of bool, shape (patterns, 2^n)
    basis : ndarray, shape (rank, 2^n)

    Returns
    -------
    ndarray of bool, shape (patterns,)

    Examples
    --------
    >>> constant = np.full((1, 4), 0.5)
    >>> patterns = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1]], dtype=bool)
    >>> patterns_within(patterns, constant).tolist()
    [True, False, False]
    """
    generators = restricted_affine(patterns)
    rest = generators - (generators @ basis.T) @ basis
    return np.asarray(np.abs(rest).max(axis=(1, 2)) < RANK_TOLERANCE)
