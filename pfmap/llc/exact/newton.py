"""Bounds on λ from the Newton polyhedron of the outputs around w*."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from pfmap.errors import SettingsError
from pfmap.llc.exact.coefficient import LearningCoefficient
from pfmap.llc.exact.finite_field import random_primes, rank_modulo
from pfmap.llc.exact.local_polynomial import Polynomial
from pfmap.llc.exact.monomials import minimal_exponents, monomial_llc

MAX_MONOMIALS = 150
"""Monomials that no other divides, up to which the linear programme is solved."""


def newton_bound(outputs: Sequence[Polynomial]) -> LearningCoefficient | None:
    """λ and m of the sum of squares of *all* monomials of the outputs: λ(K) is no larger.

    Every output is a combination of these monomials, so K <= C Σ (monomial)² near w*. (Where both
    λ agree, m(K) >= m.)

    Parameters
    ----------
    outputs : sequence of Polynomial
        In x = w - w*, without constant terms, not all of them 0.

    Returns
    -------
    LearningCoefficient or None
        None where there are too many monomials, or exponents too far apart to certify.

    Examples
    --------
    >>> print(newton_bound([{(2, 0): Fraction(1), (0, 3): Fraction(1)}]))  # x² + y³
    λ = 5/12, m = 1
    """
    rows = minimal_exponents(powers for output in outputs for powers in output)
    if len(rows) > MAX_MONOMIALS:
        return None
    try:
        return monomial_llc(rows)
    except SettingsError:
        return None


def is_monomial(outputs: Sequence[Polynomial]) -> bool:
    """Whether the outputs generate every one of their monomials, so that `newton_bound` is λ.

    Let A be the ideal of all their monomials and I ⊂ A theirs, in the ring of power series. By
    Nakayama's lemma I = A if I + 𝔪 A = A; A/𝔪A has the monomials that no other divides for a
    basis, so it needs their coefficients to have full rank. (A rank modulo a prime never exceeds
    the true one.)

    Examples
    --------
    >>> x2, xy, x3 = (2, 0), (1, 1), (3, 0)
    >>> is_monomial([{x2: Fraction(1), xy: Fraction(1)}, {xy: Fraction(1), x3: Fraction(5)}])
    True
    >>> is_monomial([{x2: Fraction(1), xy: Fraction(1)}])  # x (x + y) is no x², no xy
    False
    """
    rows = minimal_exponents(powers for output in outputs for powers in output)
    (prime,) = random_primes(1, 1)
    matrix = np.array([[_residue(out.get(row), prime) for row in rows] for out in outputs])
    return len(outputs) >= len(rows) and rank_modulo(matrix, prime) == len(rows)


def _residue(value: Fraction | None, prime: int) -> int:
    if value is None:
        return 0
    return value.numerator * pow(value.denominator, -1, prime) % prime
