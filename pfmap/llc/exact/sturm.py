"""Real roots of polynomials of one variable with rational coefficients, the root 0 left out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

Coefficients = list[Fraction]
"""Lowest power first."""


def has_root(parts: Sequence[Sequence[Fraction]]) -> bool:
    """Whether the polynomials have a common real root other than 0, by Sturm's theorem.

    Examples
    --------
    >>> one, minus = Fraction(1), Fraction(-1)
    >>> has_root([[one, 0, one]]), has_root([[minus, 0, one]]), has_root([[one, one], [minus, one]])
    (False, True, False)
    """
    common: Coefficients = []
    for part in parts:
        common = _common_divisor(common, _without_zero_root(part))
    return _n_distinct_roots(common) > 0


def has_multiple_root(part: Sequence[Fraction]) -> bool:
    """Whether a real root other than 0 is a root of the derivative too.

    Examples
    --------
    >>> has_multiple_root([Fraction(1), Fraction(-2), Fraction(1)])  # (t - 1)²
    True
    >>> has_multiple_root([Fraction(1), Fraction(0), Fraction(2), 0, Fraction(1)])  # (t² + 1)²
    False
    """
    reduced = _without_zero_root(part)
    return _n_distinct_roots(_common_divisor(reduced, _derivative(reduced))) > 0


def _without_zero_root(part: Sequence[Fraction]) -> Coefficients:
    """Divided by the power of t that it holds, without leading zeros."""
    values = _trimmed([Fraction(value) for value in part])
    while values and values[0] == 0:
        values = values[1:]
    return values


def _n_distinct_roots(values: Coefficients) -> int:
    """Distinct real roots: changes of sign of Sturm's sequence at -∞ less those at +∞."""
    if len(values) < 2:
        return 0
    sequence = [values, _derivative(values)]
    while sequence[-1]:
        sequence.append([-value for value in _remainder(sequence[-2], sequence[-1])])
    signs = [(part[-1] > 0, len(part) - 1) for part in sequence if part]
    at_plus = [sign for sign, _ in signs]
    at_minus = [sign if degree % 2 == 0 else not sign for sign, degree in signs]
    return _changes(at_minus) - _changes(at_plus)


def _changes(signs: list[bool]) -> int:
    return sum(one != other for one, other in itertools.pairwise(signs))


def _derivative(values: Coefficients) -> Coefficients:
    return [power * value for power, value in enumerate(values)][1:]


def _common_divisor(one: Coefficients, other: Coefficients) -> Coefficients:
    """Greatest common divisor, with leading coefficient 1; an empty list is 0."""
    while other:
        one, other = other, _remainder(one, other)
    return [value / one[-1] for value in one]


def _remainder(one: Coefficients, other: Coefficients) -> Coefficients:
    left = list(one)
    while len(left) >= len(other):
        factor, shift = left[-1] / other[-1], len(left) - len(other)
        for place, value in enumerate(other):
            left[place + shift] -= factor * value
        left = _trimmed(left[:-1])
    return left


def _trimmed(values: Coefficients) -> Coefficients:
    while values and values[-1] == 0:
        values = values[:-1]
    return values
