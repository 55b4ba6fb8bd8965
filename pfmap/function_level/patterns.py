"""Activation patterns of one hidden relu layer, and the functions they span.

A pattern is the set of inputs where a unit is on: a subset of the cube that a half-space cuts off.
A unit with pattern A and a live outgoing weight contributes to the column space of the Jacobian
all affine functions restricted to A, whatever its weights are; the output bias contributes the
constant. Together they span S, and rank(J) = dim S.
"""

from __future__ import annotations

import numpy as np

from pfmap.settings.domain import boolean_points

RANK_TOLERANCE = 1e-9
"""Singular values below this are 0: the rows are 0 and 1, and there are few of them."""


def restricted_affine(patterns: np.ndarray) -> np.ndarray:
    """1 and x_1 … x_n restricted to each pattern.

    Parameters
    ----------
    patterns : ndarray of bool, shape (patterns, 2^n)
        Where each unit is on.

    Returns
    -------
    ndarray of float64, shape (patterns, n + 1, 2^n)

    Examples
    --------
    >>> restricted_affine(np.array([[False, False, True, True]]))[0].tolist()
    [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]]
    """
    n_points = patterns.shape[1]
    points = boolean_points(n_points.bit_length() - 1)
    affine = np.vstack([np.ones(n_points), points.T])
    return affine[None] * patterns[:, None, :].astype(np.float64)


def pattern_basis(patterns: np.ndarray) -> np.ndarray:
    """Orthonormal basis of S, the span of the constant and of all patterns' affine functions.

    Returns
    -------
    ndarray of float64, shape (dim S, 2^n)

    Examples
    --------
    A vertex adds 1 to the dimension of the constant, a face of dimension k adds k + 1:

    >>> vertex, face = np.eye(8, dtype=bool)[:1], np.arange(8)[None] >= 4
    >>> [len(pattern_basis(p)) for p in (np.empty((0, 8), bool), vertex, face)]
    [1, 2, 4]
    """
    n_points = patterns.shape[1]
    rows = np.vstack([np.ones((1, n_points)), restricted_affine(patterns).reshape(-1, n_points)])
    _, values, basis = np.linalg.svd(rows, full_matrices=False)
    return basis[values > RANK_TOLERANCE]


def spans(basis: np.ndarray, table: np.ndarray) -> bool:
    """Whether the values of `table` lie in the space of an orthonormal `basis`.

    Examples
    --------
    >>> constant = pattern_basis(np.empty((0, 4), bool))
    >>> spans(constant, np.array([1, 1, 1, 1])), spans(constant, np.array([0, 1, 1, 1]))
    (True, False)
    """
    values = np.asarray(table, dtype=np.float64)
    return bool(np.abs(values - basis.T @ (basis @ values)).max() < RANK_TOLERANCE)
