"""Polynomials of the literature: coefficients that are products, and nets of two parameters."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import SupportsIndex

import numpy as np

from pfmap.arguments import checked_array, checked_integer, checked_integers
from pfmap.errors import SettingsError, shown
from pfmap.llc.exact.calculus import independent_sum
from pfmap.llc.exact.coefficient import LearningCoefficient
from pfmap.llc.exact.monomials import monomial_llc
from pfmap.llc.exact.regular import regular_llc

TABULATED_DEPTH = 5
MOST_FACTORS = 100
"""Depth to which Sergeant-Perthuis et al. 2026 tabulate λ."""


def factored_polynomial_llc(
    n_factors: Sequence[SupportsIndex], target: Sequence[int | float | Fraction]
) -> LearningCoefficient:
    """λ and m of f(x) = Σ_k c_k x^k where every c_k is a product of parameters of its own.

    On at least as many distinct points as there are coefficients, K is within constant factors of
    Σ_k (c_k - target_k)², an independent sum. A coefficient with target 0 is a monomial: λ = 1/2,
    m = its number of factors. One with another target is regular in one direction: λ = 1/2,
    m = 1. So λ is half the number of coefficients for every target, and only m depends on it.

    Parameters
    ----------
    n_factors : sequence of int
        Number of factors of c_0, c_1, …, each at least 1.
    target : sequence of numbers
        The true coefficients, in the same order.

    Returns
    -------
    LearningCoefficient
        The least value over the fibre, where every factor of a zero coefficient is 0.

    Raises
    ------
    SettingsError
        If the lengths differ, a number of factors is below 1 or a target is not finite.

    Examples
    --------
    θ1 + θ2 θ3 x + θ4 θ5 θ6 x² + … + θ11…θ15 x⁴, for the functions 1 and x⁴:

    >>> print(factored_polynomial_llc([1, 2, 3, 4, 5], [1, 0, 0, 0, 0]))
    λ = 5/2, m = 11
    >>> print(factored_polynomial_llc([1, 2, 3, 4, 5], [0, 0, 0, 0, 1]))
    λ = 5/2, m = 7
    """
    factors = checked_integers("n_factors", n_factors, least=1, most=MOST_FACTORS)
    if len(factors) > MOST_FACTORS:
        raise SettingsError(
            f"n_factors: must hold at most {MOST_FACTORS} numbers, got {len(factors)}"
        )
    if not factors or len(target) != len(factors):
        raise SettingsError(
            f"target: must hold one number for each of the {len(factors)} coefficients, got "
            f"{len(target)}",
            next_step="give the constant first, such as n_factors [1, 2] with target [1, 0]",
        )
    if not np.isfinite(checked_array("target", target)).all():
        raise SettingsError(
            f"target: must hold finite numbers, got {shown(list(target))}",
            next_step="write 0 for a power that is absent",
        )
    parts = [
        regular_llc(1) if true else monomial_llc([[1] * count])
        for count, true in zip(factors, target, strict=True)
    ]
    return independent_sum(*parts)


def polynomial_net_llc(depth: SupportsIndex, degree: SupportsIndex = 2) -> LearningCoefficient:
    """λ and m at the origin of the polynomial nets with two parameters, truth 0.

    f = W s(W s(… W x)) with `depth` matrices W = [[t1 + t2, t1²], [t1², t2²]] and s(z) = z^r on
    each unit, r the `degree`:

        λ = 3/(4 (1 + r + … + r^(depth - 1))),   m = 1.

    Give u = t1 + t2 the weight 2 and v = t1 the weight 1. Up to terms of higher weight W is then
    [[u, v²], [v², v²]], every entry of weight 2, and f has the weight 2 (1 + r + … + r^(depth-1)).
    On inputs that span the plane this leading part vanishes nowhere but at the origin: where W is
    invertible no layer maps anything else to 0; at v = 0 and at u = v² its image is a line, which
    s and W map to itself, away from 0. So λ = (2 + 1)/(2 · weight) and m = 1, as in
    `quasi_homogeneous_llc`.

    Parameters
    ----------
    depth : int
        Number of matrices, at least 1.
    degree : int, default 2
        r, at least 1.

    Returns
    -------
    LearningCoefficient
        With ``proved`` false beyond the published table, which ends at r = 2 and depth 5.

    References
    ----------
    G. Sergeant-Perthuis et al. 2026, table of λ at depth 1 to 5.

    Examples
    --------
    >>> [str(polynomial_net_llc(depth).llc) for depth in (1, 2, 3, 4, 5)]
    ['3/4', '1/4', '3/28', '1/20', '3/124']
    >>> print(polynomial_net_llc(3, degree=3))
    λ = 3/52, m = 1
    """
    layers = checked_integer("depth", depth, least=1)
    r = checked_integer("degree", degree, least=1)
    tabulated = r == 2 and layers <= TABULATED_DEPTH
    return LearningCoefficient(
        Fraction(3, 4 * sum(r**layer for layer in range(layers))),
        1,
        "polynomial net of two parameters (Sergeant-Perthuis et al. 2026"
        f"{')' if tabulated else '; beyond its table by weights)'}",
        proved=tabulated,
    )
