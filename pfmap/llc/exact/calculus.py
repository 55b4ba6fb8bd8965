"""The calculus: coefficients of sums, products, powers and multiples from those of their parts.

All rules follow from the density of states v(t) = dV/dt ~ t^(λ-1) (log 1/t)^(m-1) of the loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from pfmap.arguments import checked_positive
from pfmap.errors import SettingsError
from pfmap.llc.exact.coefficient import LearningCoefficient


def independent_sum(*parts: LearningCoefficient) -> LearningCoefficient:
    """K = K1 + K2 + …, each term in variables of its own: λ = Σ λ_i, m = 1 + Σ (m_i - 1).

    The density of states of a sum is the convolution of those of its terms.

    Parameters
    ----------
    *parts : LearningCoefficient
        One for each term, at least one. The prior is a product over the groups of variables.

    Returns
    -------
    LearningCoefficient

    References
    ----------
    S. Watanabe, Algebraic Geometry and Statistical Learning Theory, Cambridge, 2009.

    Examples
    --------
    >>> from pfmap.llc.exact.monomials import monomial_llc
    >>> print(independent_sum(monomial_llc("x*y"), monomial_llc("x*y")))  # (x1 y1)² + (x2 y2)²
    λ = 1, m = 3
    """
    _need_parts(parts)
    return LearningCoefficient(
        sum((part.llc for part in parts), Fraction(0)),
        1 + sum(part.multiplicity - 1 for part in parts),
        _sources("independent sum", parts),
        all(part.proved for part in parts),
    )


def independent_product(*parts: LearningCoefficient) -> LearningCoefficient:
    """K = K1 K2 …, each factor in variables of its own: λ = min λ_i, m = Σ m_i over the ties.

    -log K is a sum of independent terms with exponential tails: the heaviest tail wins, and equal
    tails convolve into a power of the logarithm.

    Parameters
    ----------
    *parts : LearningCoefficient
        One for each factor, at least one.

    Returns
    -------
    LearningCoefficient

    References
    ----------
    S. Watanabe, Algebraic Geometry and Statistical Learning Theory, Cambridge, 2009.

    Examples
    --------
    >>> from pfmap.llc.exact.monomials import monomial_llc
    >>> print(independent_product(monomial_llc("x"), monomial_llc("y"), monomial_llc("z")))
    λ = 1/2, m = 3
    """
    _need_parts(parts)
    lowest = min(part.llc for part in parts)
    ties = sum(part.multiplicity for part in parts if part.llc == lowest)
    return LearningCoefficient(
        lowest,
        # λ = 0 is positive mass where a factor vanishes: no logarithm, however many do.
        ties if lowest else 1,
        _sources("independent product", parts),
        all(part.proved for part in parts),
    )


def power(base: LearningCoefficient, exponent: int | Fraction) -> LearningCoefficient:
    """K = K1^k with k > 0: λ = λ1/k, and the same m.

    Parameters
    ----------
    base : LearningCoefficient
        Of K1.
    exponent : int or Fraction
        k > 0.

    Returns
    -------
    LearningCoefficient

    Examples
    --------
    >>> from pfmap.llc.exact.monomials import monomial_llc
    >>> print(power(monomial_llc("x*y"), 3))
    λ = 1/6, m = 2
    >>> print(power(monomial_llc("x*y"), Fraction(1, 2)))  # the loss |x y|, which has no gradient
    λ = 1, m = 2
    """
    k = checked_positive("exponent", exponent)
    return replace(base, llc=base.llc / k, source=f"power {k} of: {base.source}")


def rescaled(base: LearningCoefficient, factor: int | Fraction) -> LearningCoefficient:
    """K = c K1 with c > 0: the same λ and m, and so for any c1 K1 <= K <= c2 K1.

    Parameters
    ----------
    base : LearningCoefficient
        Of K1.
    factor : int or Fraction
        c > 0.

    Returns
    -------
    LearningCoefficient

    Examples
    --------
    >>> from pfmap.llc.exact.monomials import monomial_llc
    >>> print(rescaled(monomial_llc("x*y"), Fraction(1, 7)))
    λ = 1/2, m = 2
    """
    checked_positive("factor", factor)
    return base


def _need_parts(parts: tuple[LearningCoefficient, ...]) -> None:
    if not parts:
        raise SettingsError(
            "parts: must hold at least one coefficient, got none",
            next_step="give the coefficient of every part as an argument of its own",
        )


def _sources(rule: str, parts: Iterable[LearningCoefficient]) -> str:
    return f"{rule} of: {'; '.join(dict.fromkeys(part.source for part in parts))}"
