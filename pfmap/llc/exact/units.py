"""Networks of one hidden layer with one input, where the truth is zero."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import SupportsIndex

from pfmap.arguments import checked_integer
from pfmap.errors import SettingsError
from pfmap.llc.exact.coefficient import LearningCoefficient

TANH_SOURCE = "tanh units of one input, truth 0 (Aoyagi and Watanabe 2005, IEICE)"


def tanh_llc(n_hidden: SupportsIndex) -> LearningCoefficient:
    """λ and m at the origin of y = Σ_h a_h tanh(b_h x), one input and one output, truth 0.

        i = ⌊√H⌋,   λ = (H + i² + i)/(4 i + 2),   m = 2 if i² = H, else 1.

    It holds on a domain with at least H distinct values |x| > 0. With
    tanh(z) = Σ_n c_n z^(2n-1), every c_n non-zero, the outputs are Σ_n c_n x_p^(2n-1) s_n with
    s_n = Σ_h a_h b_h^(2n-1). The b_h² are the roots of a polynomial of degree H, so that every
    s_n with n > H is a combination of s_1, …, s_H with coefficients that vanish at b = 0. Near
    there K is therefore within constant factors of Σ_{n<=H} s_n² if the Vandermonde matrix
    (x_p^(2n-1)), n <= H, has rank H, that is, if there are H distinct |x_p| > 0. On fewer points
    K cannot see every s_n and λ can only be smaller. Take 2 H of them: where units meet away from
    b = 0 the outputs vary with tanh(b x) and its derivative in b, and these too must be told apart.

    Parameters
    ----------
    n_hidden : int
        H, at least 1.

    Returns
    -------
    LearningCoefficient

    References
    ----------
    M. Aoyagi and S. Watanabe, Resolution of singularities and the generalization error with
    Bayesian estimation for layered neural network, IEICE Trans. J88-D-II (2005) 2112-2124.

    Examples
    --------
    >>> for n_hidden in (1, 2, 3, 4):
    ...     print(n_hidden, tanh_llc(n_hidden))
    1 λ = 1/2, m = 2
    2 λ = 2/3, m = 1
    3 λ = 5/6, m = 1
    4 λ = 1, m = 2
    """
    h = checked_integer("n_hidden", n_hidden, least=1)
    i = math.isqrt(h)
    return LearningCoefficient(
        Fraction(h + i * i + i, 4 * i + 2), 2 if i * i == h else 1, TANH_SOURCE
    )


def one_unit_llc(activation: str, *, one_sign: bool = False) -> LearningCoefficient:
    """λ and m at the origin of one unit y = a σ(b x), truth 0.

    For tanh, K is within constant factors of (a b)², so λ = 1/2 and m = 2. So it is for relu on
    inputs of both signs: either sign of b gives K = c a² b² with a constant of its own. On inputs
    of one sign the relu is dead for half of all b: K = 0 with positive prior mass, and λ = 0.

    Parameters
    ----------
    activation : {"tanh", "relu"}
        σ.
    one_sign : bool, default False
        Whether all inputs x != 0 have the same sign. At least one x is not 0.

    Returns
    -------
    LearningCoefficient

    Raises
    ------
    SettingsError
        If the activation is another.

    Examples
    --------
    >>> print(one_unit_llc("relu"))
    λ = 1/2, m = 2
    >>> print(one_unit_llc("relu", one_sign=True))
    λ = 0, m = 1
    """
    if activation not in ("tanh", "relu"):
        raise SettingsError(
            f"activation: must be 'tanh' or 'relu', got {activation!r}",
            next_step="estimate other activations with pfmap.estimate_llc",
        )
    if activation == "relu" and one_sign:
        return LearningCoefficient(
            Fraction(0), 1, "one relu unit on inputs of one sign, truth 0: dead for half of all b"
        )
    return LearningCoefficient(Fraction(1, 2), 2, f"one {activation} unit, truth 0: K ~ (a b)²")
