"""Models with known λ and m, one constructor a family, each with w* in its deepest stratum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from pfmap.display import Displayed
from pfmap.llc.exact import (
    LearningCoefficient,
    deep_linear_llc,
    independent_sum,
    monomial_llc,
    one_unit_llc,
    polynomial_net_llc,
    regular_llc,
    tanh_llc,
)
from pfmap.models.base import CompiledModel
from pfmap.models.linear import deep_linear_model, padded_identity
from pfmap.models.network import network_model
from pfmap.models.polynomial import gaussian_model, polynomial_model
from pfmap.models.polynomial_net import polynomial_net_model

NET_POINTS = np.array([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6]])
"""Inputs of the polynomial nets."""


@dataclass(frozen=True, repr=False)
class KnownModel(Displayed):
    """A model, a parameter w*, and the exact answer there.

    Attributes
    ----------
    name, family : str
    model : CompiledModel
        The loss is its own.
    center : ndarray, shape (d,)
        w*.
    exact : LearningCoefficient
        λ and m at w*.
    radius : float or None
        Ball that keeps other strata out; None where none is in reach.
    next_pole : Fraction or None
        Distance from λ to the next pole of the zeta function, the power of nβ with which E[nβK]
        comes to λ; None where it is not known.
    """

    SHOWN: ClassVar = ("name", "family", "exact.llc", "exact.multiplicity", "radius")

    name: str
    family: str
    model: CompiledModel
    center: np.ndarray
    exact: LearningCoefficient
    radius: float | None = None
    next_pole: Fraction | None = None


def regular(curvatures: np.ndarray) -> KnownModel:
    """Half the mean square of scaled parameters: λ = d/2."""
    d = len(curvatures)
    model = gaussian_model(np.asarray(curvatures, dtype=np.float64))
    return KnownModel(f"regular d={d}", "regular", model, np.zeros(d), regular_llc(d))


def monomials(rows: Sequence[Sequence[int]], n_regular: int = 0) -> KnownModel:
    """Sum of squares of monomials at the origin, and of further regular parameters beside them."""
    n = len(rows[0])
    exponents = np.zeros((len(rows) + n_regular, n + n_regular), dtype=np.int64)
    exponents[: len(rows), :n] = rows
    exponents[len(rows) :, n:] = np.eye(n_regular, dtype=np.int64)
    exact = monomial_llc(rows)
    if n_regular > 0:
        exact = independent_sum(exact, regular_llc(n_regular))
    name = " + ".join("(" + ",".join(map(str, row)) + ")" for row in rows)
    if n_regular > 0:
        name += f" + {n_regular} regular"
    family = "monomial" if len(rows) == 1 and n_regular == 0 else "monomial sum"
    model = polynomial_model(exponents)
    gap = _next_pole(rows[0]) if len(rows) == 1 else None
    return KnownModel(name, family, model, np.zeros(n + n_regular), exact, next_pole=gap)


def _next_pole(exponents: Sequence[int]) -> Fraction:
    """Of one monomial: under an even prior the poles are (2 j + 1)/(2 a_i)."""
    powers = [power for power in exponents if power > 0]
    least = Fraction(1, 2 * max(powers))
    poles = {Fraction(2 * j + 1, 2 * power) for power in powers for j in (0, 1)}
    return min(pole for pole in poles if pole > least) - least


def deep_linear(widths: tuple[int, ...], rank: int) -> KnownModel:
    """Deep linear network of a truth of given rank, at padded identity factors."""
    truth = np.zeros((widths[-1], widths[0]))
    truth[:rank, :rank] = np.eye(rank)
    family = "reduced rank" if len(widths) == 3 else "deep linear"
    name = f"({','.join(map(str, widths))}) rank {rank}"
    exact = deep_linear_llc(widths, rank=rank)
    center = padded_identity(widths, rank)
    return KnownModel(name, family, deep_linear_model(widths, truth), center, exact)


def tanh_units(n_hidden: int, points: np.ndarray) -> KnownModel:
    """Σ_k a_k tanh(b_k x) at the origin, truth 0; at least H distinct |x| > 0."""
    inputs = np.asarray(points, dtype=np.float64)[:, None]
    model = network_model((1, n_hidden, 1), inputs, activation="tanh", bias=False)
    exact = tanh_llc(n_hidden)
    return KnownModel(f"tanh H={n_hidden}", "tanh", model, np.zeros(2 * n_hidden), exact)


def relu_unit(points: np.ndarray) -> KnownModel:
    """a relu(b x) at the origin on inputs of both signs, truth 0."""
    inputs = np.asarray(points, dtype=np.float64)[:, None]
    model = network_model((1, 1, 1), inputs, activation="relu", bias=False)
    return KnownModel("relu unit", "relu", model, np.zeros(2), one_unit_llc("relu"))


def polynomial_net(depth: int, points: np.ndarray, degree: int = 2) -> KnownModel:
    """The two-parameter polynomial net at the origin, truth 0."""
    model = polynomial_net_model(depth, points, degree)
    exact = polynomial_net_llc(depth, degree)
    name = f"polynomial net depth {depth}" + (f", s = z^{degree}" if degree != 2 else "")
    # Terms of the next weight change sign with t1, those of the weight after it do not.
    gap = Fraction(2, 3) * exact.llc
    return KnownModel(name, "polynomial net", model, np.zeros(2), exact, next_pole=gap)


def line_plus_dot(at: str) -> KnownModel:
    """f = (w1 - 1)(w1² + w2²)², truth 0, at (1, 0) on its line of zeros or at the dot (0, 0).

    K ~ (w1 - 1)² at the line: λ = 1/2. K ~ |w|⁸ at the dot: λ = 2/8. The ball keeps each out of
    the other's.
    """
    exponents = np.array([[5, 0], [3, 2], [1, 4], [4, 0], [2, 2], [0, 4]], dtype=np.int64)
    features = np.array([[1.0, 2.0, 1.0, -1.0, -2.0, -1.0]])
    model = polynomial_model(exponents, features)
    if at == "line":
        exact = LearningCoefficient(Fraction(1, 2), 1, "line of line-plus-dot: K ~ (w1 - 1)²")
        return KnownModel("line of line-plus-dot", "line-plus-dot", model, np.array([1.0, 0.0]),
                          exact, 0.5)  # fmt: skip
    exact = LearningCoefficient(Fraction(1, 4), 1, "dot of line-plus-dot: K ~ |w|⁸")
    return KnownModel("dot of line-plus-dot", "line-plus-dot", model, np.zeros(2), exact, 0.5)
