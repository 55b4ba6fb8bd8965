"""The one place that decomposes a matrix into singular values: scaled, with a second method."""

from __future__ import annotations

import numpy as np


def decompose(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Thin singular value decomposition U, s, Vᵀ of any real matrix.

    The matrix is divided by a power of 2 near its largest entry first, so that squares inside the
    method neither overflow nor vanish. If the fast method (divide and conquer) does not converge,
    the slow one (QR steps) is tried.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)

    Returns
    -------
    tuple or None
        U (m, k), s (k,) in descending order, Vᵀ (k, n), k = min(m, n). None if an entry is not
        finite or neither method converges.

    Examples
    --------
    >>> _, values, _ = decompose(np.array([[3e200, 0.0], [0.0, 1e200]]))
    >>> values.tolist() == [3e200, 1e200]
    True
    >>> decompose(np.array([[np.inf]])) is None
    True
    """
    scaled, exponent = _scaled(matrix)
    if scaled is None:
        return None
    try:
        left, values, right = np.linalg.svd(scaled, full_matrices=False)
    except np.linalg.LinAlgError:
        from scipy.linalg import svd

        try:
            left, values, right = svd(scaled, full_matrices=False, lapack_driver="gesvd")
        except np.linalg.LinAlgError:
            return None
    return left, _unscaled(values, exponent), right


def singular_values(matrix: np.ndarray) -> np.ndarray | None:
    """Singular values alone, in descending order; None as in `decompose`.

    Examples
    --------
    >>> singular_values(np.array([[0.0, 2.0], [0.0, 0.0]])).tolist()
    [2.0, 0.0]
    """
    scaled, exponent = _scaled(matrix)
    if scaled is None:
        return None
    try:
        return _unscaled(np.linalg.svd(scaled, compute_uv=False), exponent)
    except np.linalg.LinAlgError:
        found = decompose(matrix)
        return None if found is None else found[1]


def _scaled(matrix: np.ndarray) -> tuple[np.ndarray | None, int]:
    """The matrix over the power of 2 above its largest entry, and the exponent of that."""
    if not np.isfinite(matrix).all():
        return None, 0
    exponent = int(np.frexp(np.abs(matrix).max(initial=0.0))[1])
    return np.ldexp(matrix, -exponent), exponent


def _unscaled(values: np.ndarray, exponent: int) -> np.ndarray:
    """Values in the units of the matrix; those beyond the range of a float end at its limit."""
    with np.errstate(over="ignore"):
        return np.minimum(np.ldexp(values, exponent), np.finfo(float).max)
