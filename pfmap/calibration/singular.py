"""Models with known λ and m from outside the monomial world, one constructor a kind.

The parameter w* is the origin, and no other zero of K in reach of it has a smaller λ.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from pfmap.calibration.expressions import (
    Polynomial,
    model_of,
    moved,
    multiplied,
    read_polynomials,
)
from pfmap.calibration.known import KnownModel
from pfmap.llc.exact import (
    LearningCoefficient,
    independent_sum,
    quasi_homogeneous_llc,
    regular_llc,
    weights_of,
)

SMOOTH = regular_llc(1)
"""λ and m of f² where f is zero and its gradient is not."""

CROSSING = LearningCoefficient(Fraction(1, 2), 2, "two sheets that cross: f ~ u v")

TURNS: dict[int, tuple[tuple[int, ...], ...]] = {
    2: ((3, 4), (-4, 3)),
    3: ((1, 2, 2), (2, 1, -2), (2, -2, 1)),
}
LENGTHS = {2: 5, 3: 3}
"""Rational orthogonal matrices, times these lengths."""


def quasi_homogeneous(
    text: str,
    *,
    away: LearningCoefficient | None = SMOOTH,
    family: str,
    n_regular: int = 0,
    n_idle: int = 0,
) -> KnownModel:
    """f of the text, K = f²/2, beside regular parameters and parameters without effect.

    `away` is the least coefficient of f² at its other zeros, None where it has none.
    """
    (f,) = read_polynomials([text])
    weights = weights_of(list(f))
    exact = quasi_homogeneous_llc(weights, away=away)
    gap = _next_pole(weights, away)
    name = text
    if n_regular > 0:
        exact = independent_sum(exact, regular_llc(n_regular))
        name += f", {n_regular} regular"
    if n_idle > 0:
        name += f", {n_idle} idle"
    return _at_origin(name, family, [f], exact, gap, n_regular, n_idle)


def turned(
    text: str, scales: Sequence[Fraction | int], *, away: LearningCoefficient | None = SMOOTH
) -> KnownModel:
    """f of the text in turned and rescaled coordinates: λ and m are those of f."""
    (f,) = read_polynomials([text])
    weights = weights_of(list(f))
    exact, gap = quasi_homogeneous_llc(weights, away=away), _next_pole(weights, away)
    d = len(scales)
    matrix = [
        [scale * Fraction(entry, LENGTHS[d]) for entry in row]
        for scale, row in zip(scales, TURNS[d], strict=True)
    ]
    return _at_origin(f"{text}, turned", "turned", [moved(f, matrix)], exact, gap)


def norm_power(n: int, k: int) -> KnownModel:
    """f = (x_1² + … + x_n²)^k: K = f²/2 is a power of a norm, λ = n/(4 k)."""
    squares = "+".join(f"x{i}^2" for i in range(n))
    (norm,) = read_polynomials([squares])
    f: Polynomial = {(0,) * n: Fraction(1)}
    for _ in range(k):
        f = multiplied(f, norm)
    exact = quasi_homogeneous_llc([Fraction(1, 2 * k)] * n, away=None)
    return _at_origin(f"|x|^{2 * k} of {n}", "norm", [f], exact, None)


def outputs(
    name: str,
    texts: Sequence[str],
    exact: LearningCoefficient,
    *,
    family: str,
    radius: float | None = None,
    next_pole: Fraction | None = None,
) -> KnownModel:
    """Several outputs as texts, K half the mean of their squares; `exact` comes with its source."""
    model = model_of(read_polynomials(texts))
    return KnownModel(name, family, model, np.zeros(model.n_parameters), exact, radius, next_pole)


def _at_origin(
    name: str,
    family: str,
    functions: Sequence[Polynomial],
    exact: LearningCoefficient,
    next_pole: Fraction | None,
    n_regular: int = 0,
    n_idle: int = 0,
) -> KnownModel:
    model = model_of(functions, n_regular=n_regular, n_idle=n_idle)
    at = np.zeros(model.n_parameters)
    return KnownModel(name, family, model, at, exact, next_pole=next_pole)


def _next_pole(weights: list[Fraction], away: LearningCoefficient | None) -> Fraction | None:
    """Distance of the poles Σ/2 and 1/2 of an f that is regular off the origin; None for others."""
    own = sum(weights, Fraction(0)) / 2
    return abs(own - away.llc) if away is SMOOTH and own != away.llc else None
