"""Losses with one isolated minimum: regular models, and powers of a sum of squares."""

from __future__ import annotations

from fractions import Fraction
from typing import SupportsIndex

from pfmap.arguments import checked_integer, checked_positive
from pfmap.llc.exact.coefficient import LearningCoefficient


def regular_llc(n_parameters: SupportsIndex) -> LearningCoefficient:
    """λ = d/2 and m = 1 of a regular model: a minimum with a Hessian of full rank.

    Parameters
    ----------
    n_parameters : int
        d >= 0. At 0 there is nothing to learn, and λ = 0.

    Returns
    -------
    LearningCoefficient

    References
    ----------
    G. Schwarz, Estimating the dimension of a model, Annals of Statistics 6 (1978) 461-464.

    Examples
    --------
    >>> print(regular_llc(6))
    λ = 3, m = 1
    """
    d = checked_integer("n_parameters", n_parameters, least=0)
    return LearningCoefficient(Fraction(d, 2), 1, "regular model (Schwarz 1978)")


def power_of_squares_llc(n_squares: SupportsIndex, exponent: int | Fraction) -> LearningCoefficient:
    """λ = r/(2 k) and m = 1 of K = (w_1² + … + w_r²)^k.

    The ball K < t has radius t^(1/(2k)) in r dimensions.

    Parameters
    ----------
    n_squares : int
        r >= 1.
    exponent : int or Fraction
        k > 0.

    Returns
    -------
    LearningCoefficient

    Examples
    --------
    >>> print(power_of_squares_llc(2, 4))  # the output (w1² + w2²)², squared by the loss
    λ = 1/4, m = 1
    """
    r = checked_integer("n_squares", n_squares, least=1)
    k = checked_positive("exponent", exponent)
    return LearningCoefficient(r / (2 * k), 1, f"volume of a ball: {r} squares to the power {k}")
