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
from pfmap.llc.singular import singular_values

CLEAR = 1e-9
"""A singular value this small next to the largest may be rounding."""

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
    matrix = [[output.get(row, Fraction(0)) for row in rows] for output in outputs]
    return len(outputs) >= len(rows) == _rank(matrix) and rank_is_clear(matrix)


def rank_is_clear(rows: Sequence[Sequence[Fraction]]) -> bool:
    """Whether coefficients off by rounding would have a rank as large, and no larger.

    Rows that depend on each other up to rounding are independent as fractions: a numerical rank
    below the exact one betrays them.

    Examples
    --------
    >>> rank_is_clear([[Fraction(1), Fraction(2)], [Fraction(1), Fraction(2 + 1e-15)]])
    False
    >>> rank_is_clear([[Fraction(1), Fraction(2)], [Fraction(1), Fraction(3)]])
    True
    """
    matrix = np.array([[float(value) for value in row] for row in rows])
    sizes = np.abs(matrix).max(axis=1, keepdims=True)
    values = singular_values(matrix / np.where(sizes > 0.0, sizes, 1.0))
    if values is None:
        return False
    return int((values > CLEAR * values[0]).sum()) == _rank(rows)


def _rank(rows: Sequence[Sequence[Fraction]]) -> int:
    """Rank modulo a prime: never above the true one, and quick."""
    (prime,) = random_primes(1, 1)
    matrix = np.array([[_residue(value, prime) for value in row] for row in rows])
    return rank_modulo(matrix, prime)


def _residue(value: Fraction, prime: int) -> int:
    return value.numerator * pow(value.denominator, -1, prime) % prime
