"""Where a ray meets the Newton polyhedron: the linear programme, solved and then proved exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pfmap.errors import SettingsError
from pfmap.llc.exact.rational import exact_rank, solution_near

TIME_LIMIT_S = 10.0
"""HiGHS may go in circles where numbers are far apart; anything else takes it milliseconds."""


@dataclass(frozen=True)
class SmallestFace:
    """The smallest face of a Newton polyhedron that a ray meets, with its certificate.

    The polyhedron is P = conv{a_j} + R^d_{>=0}, the ray {τ/s : s > 0}.

    Attributes
    ----------
    value : Fraction
        s where the ray enters P: τ/s lies on its boundary.
    weights : tuple of Fraction
        w >= 0 with <w, a_j> >= 1 for every j and <w, τ> = s: no larger part of the ray is in P.
    combination : tuple of Fraction
        y >= 0 with Σ y_j a_j <= τ and Σ y_j = s: τ/s is in P.
    codimension : int
        Of the smallest face that contains τ/s.
    """

    value: Fraction
    weights: tuple[Fraction, ...]
    combination: tuple[Fraction, ...]
    codimension: int


def smallest_face(vertices: Sequence[Sequence[int]], ray: Sequence[int]) -> SmallestFace:
    """Solve min <w, τ> over w >= 0 with <w, a_j> >= 1, and its dual, exactly.

    HiGHS finds a strictly complementary pair (w, y) in floating point: for every j either
    <w, a_j> > 1 or y_j > 0, and for every i either w_i > 0 or (Σ y_j a_j)_i < τ_i. Which of the
    two holds says which equations are tight; those are solved in fractions, and every inequality
    is then checked in fractions, strictly. Feasibility with equal objectives proves the value;
    strictness proves that the tight equations are those that hold on the *whole* optimal set, so
    that its dimension, which is the codimension of the face minus 1, is d minus their rank.

    Parameters
    ----------
    vertices : sequence of sequences of int, shape (J, d)
        Exponents a_j >= 0, none of them all zero.
    ray : sequence of int, shape (d,)
        τ, every entry positive.

    Returns
    -------
    SmallestFace

    Raises
    ------
    SettingsError
        If the numbers are too far apart for floating point to tell the tight equations.

    Examples
    --------
    >>> face = smallest_face([(1, 1)], (1, 1))  # the corner of the quadrant at (1, 1)
    >>> face.value, face.codimension
    (Fraction(1, 1), 2)
    """
    matrix = np.array([[float(value) for value in row] for row in vertices])
    direction = np.array([float(value) for value in ray])
    n_vertices, n_variables = matrix.shape
    approximate = _complementary_pair(matrix, direction)
    if approximate is not None:
        weights, combination = approximate
        live = [i for i in range(n_variables) if weights[i] > 0]
        tight = [j for j in range(n_vertices) if combination[j] > 0]
        rows = [[vertices[j][i] for i in live] for j in tight]
        w = solution_near(rows, [1] * len(tight), [weights[i] for i in live])
        columns = [[vertices[j][i] for j in tight] for i in live]
        y = solution_near(columns, [ray[i] for i in live], [combination[j] for j in tight])
        if w is not None and y is not None:
            full_w = _spread(w, live, n_variables)
            full_y = _spread(y, tight, n_vertices)
            if _is_certified(vertices, ray, full_w, full_y):
                # The equations w_i = 0 of the other variables are independent of everything else.
                dimension = len(live) - exact_rank(rows)
                return SmallestFace(sum(y, Fraction(0)), full_w, full_y, dimension + 1)
    raise SettingsError(
        f"exponents: too far apart for a certified solution, got up to {int(matrix.max())} in "
        f"{n_vertices} monomials of {n_variables} variables, jacobian up to {max(ray) - 1}",
        next_step="split independent parts and join their coefficients by independent_sum",
    )


def _complementary_pair(
    matrix: np.ndarray, ray: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """(w, y), zero exactly where they are meant to be; None if HiGHS found no such pair.

    One programme finds it (Freund, Roundy, Todd 1985): in unknowns scaled by a common z >= 1,
    every slack and every multiplier may count up to 1. Of a slack and its multiplier one is zero,
    so at the maximum exactly one of the two counts 1.
    """
    from scipy.optimize import linprog

    n_vertices, n_variables = matrix.shape
    n_pairs = n_vertices + n_variables
    # Unknowns: w, y, z; the counts of the slacks <w, a_j> - z and w_i; of y_j and of the slacks
    # z τ_i - (Σ y_j a_j)_i. Large exponents ask for small weights: w is counted in units of 1/a.
    scaled = matrix / matrix.max()
    eye, zeros = np.eye, np.zeros
    constraints = np.block(
        [
            [-scaled, zeros((n_vertices, n_vertices)), np.ones((n_vertices, 1))],
            [-eye(n_variables), zeros((n_variables, n_vertices)), zeros((n_variables, 1))],
            [zeros((n_vertices, n_variables)), -eye(n_vertices), zeros((n_vertices, 1))],
            [zeros((n_variables, n_variables)), scaled.T, -ray[:, None]],
        ]
    )
    counted = np.block([[constraints, eye(2 * n_pairs)]])
    equal_values = np.concatenate([ray, -np.ones(n_vertices), zeros(1 + 2 * n_pairs)])
    found = linprog(
        np.concatenate([zeros(n_pairs + 1), -np.ones(2 * n_pairs)]),
        A_ub=np.vstack([counted, equal_values]),
        b_ub=zeros(2 * n_pairs + 1),
        bounds=[(0, None)] * n_pairs + [(1, None)] + [(0, 1)] * (2 * n_pairs),
        method="highs",
        options={"time_limit": TIME_LIMIT_S},
    )
    if found.status != 0:
        return None
    scale = found.x[n_pairs] * matrix.max()
    weights = found.x[:n_variables] / scale
    combination = found.x[n_variables:n_pairs] / scale
    counts = found.x[n_pairs + 1 :]
    weights[counts[n_vertices:n_pairs] < 0.5] = 0.0
    combination[counts[n_pairs : n_pairs + n_vertices] < 0.5] = 0.0
    return weights, combination


def _spread(values: Sequence[Fraction], places: Sequence[int], size: int) -> tuple[Fraction, ...]:
    """`values` at `places` of a vector of zeros."""
    spread = [Fraction(0)] * size
    for place, value in zip(places, values, strict=True):
        spread[place] = value
    return tuple(spread)


def _is_certified(
    vertices: Sequence[Sequence[int]],
    ray: Sequence[int],
    weights: tuple[Fraction, ...],
    combination: tuple[Fraction, ...],
) -> bool:
    """Feasible, of equal value, and of every slack and its multiplier exactly one zero."""
    zero = Fraction(0)
    slacks = [
        sum((w * a for w, a in zip(weights, vertex, strict=True) if w), zero) - 1
        for vertex in vertices
    ]
    rests = [
        ray[i] - sum((y * v[i] for y, v in zip(combination, vertices, strict=True) if y), zero)
        for i in range(len(ray))
    ]
    pairs = [*zip(slacks, combination, strict=True), *zip(weights, rests, strict=True)]
    value = sum((w * tau for w, tau in zip(weights, ray, strict=True)), zero)
    return value == sum(combination, zero) and all(
        slack >= 0 and multiplier >= 0 and (slack == 0) != (multiplier == 0)
        for slack, multiplier in pairs
    )
