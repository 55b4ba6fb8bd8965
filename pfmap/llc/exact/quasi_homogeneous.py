"""Quasi-homogeneous functions: λ and m of K = f²/2 by one weighted blow-up."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import SupportsIndex

from pfmap.arguments import checked_integers, checked_positive
from pfmap.errors import SettingsError
from pfmap.llc.exact.coefficient import LearningCoefficient
from pfmap.llc.exact.rational import solution_near
from pfmap.llc.exact.regular import regular_llc

SOURCE = "quasi-homogeneous function (weighted blow-up; Arnold, Gusein-Zade and Varchenko 1988)"


def quasi_homogeneous_llc(
    weights: Sequence[int | Fraction], *, away: LearningCoefficient | None
) -> LearningCoefficient:
    """λ and m at the origin of K = f²/2, f(s^α_1 x_1, …, s^α_d x_d) = s f(x) for all s > 0.

    With Σ = α_1 + … + α_d, and λ' and m' the least coefficient of f²/2 at its other real zeros:

        λ = min(Σ/2, λ'),   m = 1 if Σ/2 < λ',  m' if Σ/2 > λ',  m' + 1 if they are equal.

    In the coordinates x_i = s^α_i θ_i, θ on a sphere around the origin, f² = s² f(θ)² and
    dx = s^(Σ-1) ds dθ, so that the zeta function of f² is that of f² on the sphere times
    1/(2 z + Σ): the poles are -Σ/2 and those of the sphere, where f has the coefficients of its
    other zeros, because it scales along s. If the gradient of f vanishes at the origin alone, f
    is regular on the sphere: λ' = 1/2, m' = 1, and λ = min(1, Σ)/2. If f vanishes nowhere else, as
    x² + y⁴, there are no further poles: λ = Σ/2, above 1/2 if Σ > 1. In both cases terms of higher
    weight change nothing: on s = 0 they are absent. The same holds for several functions
    of one degree, K = ½ Σ_p f_p², with the coefficient of that sum at its other zeros.

    Parameters
    ----------
    weights : sequence of int or Fraction
        α_1, …, α_d > 0, in units of the degree: (1/2, 1/3) for x² - y³.
    away : LearningCoefficient or None
        λ' and m': `regular_llc(1)` where f has other real zeros, with a gradient at each of them;
        None where it has none.

    Returns
    -------
    LearningCoefficient

    Raises
    ------
    SettingsError
        If there is no weight, or one is not an exact positive number.

    References
    ----------
    V. I. Arnold, S. M. Gusein-Zade and A. N. Varchenko, Singularities of Differentiable Maps II,
    Birkhäuser, 1988, part II (asymptotics of integrals and quasi-homogeneous functions).
    S. Watanabe, Algebraic Geometry and Statistical Learning Theory, Cambridge, 2009.

    Examples
    --------
    >>> smooth = regular_llc(1)
    >>> print(quasi_homogeneous_llc([Fraction(1, 2), Fraction(1, 3)], away=smooth))  # x² - y³
    λ = 5/12, m = 1
    >>> thirds = [Fraction(1, 3)] * 3
    >>> print(quasi_homogeneous_llc(thirds, away=smooth))  # x³ + y³ + z³: Σ = 1
    λ = 1/2, m = 2
    """
    if not weights:
        raise SettingsError("weights: must hold at least one weight, got none")
    total = sum((checked_positive(f"weights[{i}]", a) for i, a in enumerate(weights)), Fraction(0))
    own = total / 2
    proved = away is None or away.proved
    if away is None or own < away.llc:
        return LearningCoefficient(own, 1, SOURCE, proved)
    return LearningCoefficient(away.llc, away.multiplicity + (own == away.llc), SOURCE, away.proved)


def brieskorn_llc(
    exponents: Sequence[SupportsIndex], signs: Sequence[SupportsIndex] | None = None
) -> LearningCoefficient:
    """λ and m at the origin of K = f²/2, f = Σ_i ±x_i^a_i: λ = min(1, Σ_i 1/a_i)/2.

    The weights are 1/a_i. f changes sign unless all exponents are even and all signs equal, or it
    has one variable; else it vanishes nowhere but at the origin and λ = Σ_i 1/(2 a_i).

    Parameters
    ----------
    exponents : sequence of int
        a_1, …, a_d, each at least 2: with an exponent 1 f is regular.
    signs : sequence of int, optional
        1 or -1 for each; None means 1.

    Returns
    -------
    LearningCoefficient

    Raises
    ------
    SettingsError
        If an exponent is below 2 or a sign is not 1 or -1, or their numbers differ.

    Examples
    --------
    >>> print(brieskorn_llc([2, 3, 7]))  # x² + y³ + z⁷
    λ = 41/84, m = 1
    >>> print(brieskorn_llc([2, 4, 4]), "and", brieskorn_llc([2, 4, 4], [1, -1, -1]))
    λ = 1/2, m = 1 and λ = 1/2, m = 2
    """
    powers = checked_integers("exponents", exponents, least=2)
    given = [1] * len(powers) if signs is None else list(signs)
    if len(given) != len(powers) or any(sign not in (1, -1) for sign in given):
        raise SettingsError(
            f"signs: must hold 1 or -1 for each of the {len(powers)} exponents, got {given}"
        )
    definite = all(power % 2 == 0 for power in powers) and len(set(given)) == 1
    away = None if definite or len(powers) == 1 else regular_llc(1)
    return quasi_homogeneous_llc([Fraction(1, power) for power in powers], away=away)


def weights_of(exponents: Sequence[Sequence[int]]) -> list[Fraction]:
    """Weights α > 0 under which every monomial has degree 1.

    Parameters
    ----------
    exponents : sequence of sequences of int
        a_ji of the monomials Π_i x_i^a_ji, one row a monomial.

    Returns
    -------
    list of Fraction
        Where several choices are left, one of them.

    Raises
    ------
    SettingsError
        If there are no such weights.

    Examples
    --------
    >>> weights_of([[2, 1], [0, 4]])  # x² y and y⁴
    [Fraction(3, 8), Fraction(1, 4)]
    """
    rows = [list(row) for row in exponents]
    quarter = [0.25] * (len(rows[0]) if rows else 0)
    found = solution_near(rows, [1] * len(rows), quarter) if rows else None
    if found is None or min(found) <= 0:
        raise SettingsError(
            f"exponents: must have positive weights that give every monomial degree 1, got {rows}",
            next_step="only the terms of least weight count: leave the others out",
        )
    return found
