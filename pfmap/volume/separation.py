"""Proofs that no hyperplane separates two sets of points, checked in fractions.

With a_i = y_i x_i, or y_i (x_i, 1) where the hyperplane need not pass through 0, exactly one of two
things exists (Gordan 1873): a vector v with <v, a_i> > 0 for every i, or weights μ_i >= 0, not all
0, with Σ_i μ_i a_i = 0. HiGHS looks for the weights at a vertex of their polyhedron, which holds
few points; on those the weights are then found again in fractions, so that rounding proves nothing.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from pfmap.llc.exact.rational import solution_near

TIME_LIMIT_S = 60.0
"""Time HiGHS may take."""


def inseparable_points(
    points: np.ndarray, signs: np.ndarray, *, through_zero: bool, ones_strictly: bool = False
) -> list[int]:
    """Points that show that no hyperplane separates the signs; empty if nothing was shown.

    Parameters
    ----------
    points : ndarray of float64, shape (points, inputs)
    signs : ndarray, shape (points,)
        1 or -1: <v, x> + c must be above 0, or below.
    through_zero : bool
        Whether c is 0.
    ones_strictly : bool, default False
        Allow <v, x> + c = 0 at the points of sign -1. What is then shown is more.

    Returns
    -------
    list of int
        Indices of points that carry weight in Σ_i μ_i a_i = 0; empty if there is a separating
        hyperplane, or if HiGHS and the fractions do not agree.

    Examples
    --------
    >>> square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> inseparable_points(square, np.array([-1, 1, 1, -1]), through_zero=False)
    [0, 1, 2, 3]
    >>> inseparable_points(square, np.array([-1, 1, 1, 1]), through_zero=False)
    []
    """
    from scipy.optimize import linprog

    if not len(points):
        return []
    rows = points if through_zero else np.hstack([points, np.ones((len(points), 1))])
    rows = rows * np.asarray(signs)[:, None]
    counted = (np.asarray(signs) > 0) if ones_strictly else np.ones(len(points), dtype=bool)
    if not counted.any():
        return []
    equations = np.vstack([rows.T, counted.astype(float)])
    right = np.append(np.zeros(rows.shape[1]), 1.0)
    found = linprog(
        np.zeros(len(points)), A_eq=equations, b_eq=right, bounds=(0, None), method="highs-ds",
        options={"time_limit": TIME_LIMIT_S},
    )  # fmt: skip
    if found.status != 0:
        return []
    chosen = np.flatnonzero(found.x > 1e-9)
    exact = [[Fraction(value) for value in row] for row in equations[:, chosen].tolist()]
    weights = solution_near(exact, [0] * rows.shape[1] + [1], found.x[chosen])
    if weights is None or min(weights) <= 0:
        return []
    return [int(index) for index in chosen]
