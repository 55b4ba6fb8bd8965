"""Networks of monomial activation whose matrices depend on two parameters."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from pfmap.models.base import CompiledModel
from pfmap.models.polynomial import polynomial_model

Polynomial = dict[tuple[int, int], float]
"""Coefficient of t1^i t2^j by (i, j)."""


def polynomial_net_model(depth: int, points: np.ndarray, degree: int = 2) -> CompiledModel:
    """f = W s(W s(… W x)) with `depth` matrices W = [[t1 + t2, t1²], [t1², t2²]], s(z) = z^degree.

    Both outputs at every point are polynomials in (t1, t2), expanded once; the target is 0. See
    `pfmap.llc.exact.polynomial_net_llc` for λ at the origin.

    Parameters
    ----------
    depth : int
        Number of matrices, at least 1.
    points : ndarray, shape (P, 2)
        Inputs.
    degree : int, default 2
        Degree of s.

    Returns
    -------
    CompiledModel

    Examples
    --------
    >>> model = polynomial_net_model(1, np.array([[1.0, 0.0]]))
    >>> model.outputs([0.5, 1.0]).tolist()  # t1 + t2 and t1²
    [1.5, 0.25]
    """
    matrix: list[list[Polynomial]] = [
        [{(1, 0): 1.0, (0, 1): 1.0}, {(2, 0): 1.0}],
        [{(2, 0): 1.0}, {(0, 2): 1.0}],
    ]
    outputs: list[Polynomial] = []
    for point in np.asarray(points, dtype=np.float64):
        value: list[Polynomial] = [{(0, 0): float(x)} for x in point]
        for layer in range(depth):
            if layer > 0:
                value = [_power(entry, degree) for entry in value]
            value = [_sum(_product(row[0], value[0]), _product(row[1], value[1])) for row in matrix]
        outputs += value
    exponents = sorted({power for output in outputs for power in output})
    features = np.array([[output.get(power, 0.0) for power in exponents] for output in outputs])
    return polynomial_model(np.array(exponents, dtype=np.int64), features)


def _power(base: Polynomial, exponent: int) -> Polynomial:
    result: Polynomial = {(0, 0): 1.0}
    for _ in range(exponent):
        result = _product(result, base)
    return result


def _product(one: Polynomial, other: Polynomial) -> Polynomial:
    result: defaultdict[tuple[int, int], float] = defaultdict(float)
    for (i, j), a in one.items():
        for (k, m), b in other.items():
            result[i + k, j + m] += a * b
    return dict(result)


def _sum(one: Polynomial, other: Polynomial) -> Polynomial:
    result: defaultdict[tuple[int, int], float] = defaultdict(float)
    for part in (one, other):
        for power, value in part.items():
            result[power] += value
    return dict(result)
