"""A covariance as L Lᵀ, its rows in an order that suits integration over an orthant.

The covariance may have any rank r: a row that the r columns determine gets no column of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

RANK_TOLERANCE = 1e-12
"""Share of its own variance down to which what other points leave of a point's is not rounding."""

_ENTRY_TOLERANCE = 1e-8
_LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True)
class Factor:
    """L with L Lᵀ = C[order][:, order].

    Attributes
    ----------
    matrix : ndarray, shape (m, r)
        L; its first r rows are lower triangular, the others are determined by them.
    order : ndarray of int, shape (m,)
        Index of the point of every row.
    last : ndarray of int, shape (m,)
        Column of the last entry of each row that is not 0.
    """

    matrix: np.ndarray
    order: np.ndarray
    last: np.ndarray

    @property
    def rank(self) -> int:
        """Number of columns r."""
        return self.matrix.shape[1]


def ordered_factor(covariance: np.ndarray, lower: np.ndarray) -> Factor:
    """Factor of a covariance C whose next row is the one least likely to lie above its limit.

    Parameters
    ----------
    covariance : ndarray, shape (m, m)
        C, positive semidefinite up to rounding, every variance above 0.
    lower : ndarray, shape (m,)
        Limits a of the region X > a.

    Returns
    -------
    Factor

    References
    ----------
    Gibson, G. J., Glasbey, C. A., Elston, D. A. (1994), Monte Carlo evaluation of multivariate
    normal integrals and sensitivity to variate ordering; Genz, A., Kwong, K.-S. (2000), Numerical
    evaluation of singular multivariate normal distributions, J. Stat. Comput. Simul. 68, 1-21.

    Examples
    --------
    >>> found = ordered_factor(np.array([[1.0, 1.0, 0.5], [1.0, 1.0, 0.5], [0.5, 0.5, 1.0]]),
    ...                        np.zeros(3))
    >>> found.matrix.round(3).tolist(), found.order.tolist(), found.last.tolist()
    ([[1.0, 0.0], [0.5, 0.866], [1.0, 0.0]], [0, 2, 1], [0, 1, 0])
    """
    size = len(covariance)
    scale = np.diag(covariance)
    left = scale.copy()
    columns = np.zeros((size, size))
    expected = np.zeros(size)
    waiting = np.ones(size, dtype=bool)
    order: list[int] = []
    while True:
        free = waiting & (left > RANK_TOLERANCE * scale)
        if not free.any():
            break
        rows = np.flatnonzero(free)
        heights = (lower[rows] - expected[rows]) / np.sqrt(left[rows])
        place = int(np.argmax(heights))
        row, height, rank = int(rows[place]), float(heights[place]), len(order)
        pivot = math.sqrt(left[row])
        column = (covariance[:, row] - columns[:, :rank] @ columns[row, :rank]) / pivot
        column = np.where(free, column, 0.0)
        columns[:, rank] = column
        left = left - column**2
        # Of a standard normal above `height`: the value that later rows are judged by.
        mean = math.exp(-0.5 * height**2 - _LOG_ROOT_TWO_PI - float(log_ndtr(-height)))
        expected = expected + column * mean
        waiting[row] = False
        order.append(row)
    index = np.array([*order, *np.flatnonzero(waiting)], dtype=np.int64)
    matrix = columns[index][:, : len(order)]
    matrix[np.abs(matrix) <= _ENTRY_TOLERANCE * np.sqrt(scale[index])[:, None]] = 0.0
    last = len(order) - 1 - np.argmax(matrix[:, ::-1] != 0.0, axis=1)
    return Factor(matrix, index, last)


def covariance_rank(covariance: np.ndarray) -> int:
    """Rank of a covariance, by the factor: points that others determine do not count.

    Examples
    --------
    >>> covariance_rank(np.ones((3, 3)))
    1
    """
    varying = np.diag(covariance) > 0.0
    part = covariance[np.ix_(varying, varying)]
    return ordered_factor(part, np.zeros(len(part))).rank
