"""Reduced-rank regression: the minimum over the fibre, and the value at factors of given ranks."""

from __future__ import annotations

from fractions import Fraction
from typing import SupportsIndex

from pfmap.arguments import checked_integer
from pfmap.errors import SettingsError
from pfmap.llc.exact.coefficient import LearningCoefficient

SOURCE = "reduced-rank regression (Aoyagi and Watanabe 2005, Neural Networks)"


def reduced_rank_llc(
    n_inputs: SupportsIndex,
    n_hidden: SupportsIndex,
    n_outputs: SupportsIndex,
    *,
    rank: SupportsIndex,
) -> LearningCoefficient:
    """λ and m of y = B A x, A of shape H × N and B of shape M × H, with a truth of rank r.

    The least value over all factorisations B A of the truth, attained where both factors have
    rank r. With s = H + r:

    1. N + H >= M + r, M + H >= N + r and M + N >= s:
       λ = (2 s (M + N) - (M - N)² - s²)/8 and m = 1 if M + N + H + r is even,
       the same with + 1 in the numerator and m = 2 if it is odd.
    2. N + H < M + r: λ = (H N - H r + M r)/2.
    3. M + H < N + r: λ = (H M - H r + N r)/2.
    4. M + N < s: λ = M N/2.

    m = 1 in cases 2 to 4.

    Parameters
    ----------
    n_inputs, n_hidden, n_outputs : int
        N, H and M, at least 1.
    rank : int
        r, between 0 and min(N, H, M).

    Returns
    -------
    LearningCoefficient

    Raises
    ------
    SettingsError
        If a width is below 1 or the rank out of range.

    References
    ----------
    M. Aoyagi and S. Watanabe, Stochastic complexities of reduced rank regression in Bayesian
    estimation, Neural Networks 18 (2005) 924-933.

    Examples
    --------
    >>> print(reduced_rank_llc(5, 3, 5, rank=0))
    λ = 13/2, m = 2
    """
    n, h, m, r = _checked_shape(n_inputs, n_hidden, n_outputs, rank)
    if n + h < m + r:
        twice = h * n - h * r + m * r
    elif m + h < n + r:
        twice = h * m - h * r + n * r
    elif m + n < h + r:
        twice = m * n
    else:
        odd = (m + n + h + r) % 2
        numerator = 2 * (h + r) * (m + n) - (m - n) ** 2 - (h + r) ** 2 + odd
        return LearningCoefficient(Fraction(numerator, 8), 1 + odd, SOURCE)
    return LearningCoefficient(Fraction(twice, 2), 1, SOURCE)


def local_two_layer_llc(
    n_inputs: SupportsIndex,
    n_hidden: SupportsIndex,
    n_outputs: SupportsIndex,
    *,
    rank: SupportsIndex,
    ranks: tuple[SupportsIndex, SupportsIndex],
) -> LearningCoefficient:
    """λ and m of y = B A x *at* a point (A, B) whose factors have ranks a and b.

        λ = (a M + b N - a b)/2 + λ0(N - a, H - a - b + r, M - b),

    where λ0 is the value of `reduced_rank_llc` for the truth 0, and 0 if a width is 0; m is its m.
    Derived here, without a published proof: solving for the first a columns and b rows of
    B A - truth uses up a M + b N - a b coordinates, as many as the rank of the Jacobian, and
    leaves a product of two free matrices near 0, through the H - a - b + r hidden directions that
    neither factor uses. At a = b = r it is the minimum over the fibre.

    Parameters
    ----------
    n_inputs, n_hidden, n_outputs : int
        N, H and M, at least 1.
    rank : int
        r, the rank of B A.
    ranks : tuple of int
        (a, b), the ranks of A and of B.

    Returns
    -------
    LearningCoefficient
        With ``proved`` false.

    Raises
    ------
    SettingsError
        If no two matrices of these ranks have a product of rank r.

    Examples
    --------
    >>> print(local_two_layer_llc(2, 2, 2, rank=0, ranks=(0, 0)))  # both factors 0
    λ = 3/2, m = 1
    >>> print(local_two_layer_llc(2, 2, 2, rank=0, ranks=(2, 0)))  # A invertible: regular
    λ = 2, m = 1
    """
    n, h, m, r = _checked_shape(n_inputs, n_hidden, n_outputs, rank)
    a = checked_integer("ranks[0]", ranks[0], least=r, most=min(n, h))
    b = checked_integer("ranks[1]", ranks[1], least=r, most=min(h, m))
    unused = h - a - b + r
    if unused < 0:
        raise SettingsError(
            f"ranks: must add up to at most n_hidden + rank = {h + r}, got {a} + {b}",
            next_step="Sylvester: rank(B A) >= rank A + rank B - n_hidden",
        )
    smooth = Fraction(a * m + b * n - a * b, 2)
    if min(n - a, unused, m - b) == 0:
        rest, multiplicity = Fraction(0), 1
    else:
        zero = reduced_rank_llc(n - a, unused, m - b, rank=0)
        rest, multiplicity = zero.llc, zero.multiplicity
    return LearningCoefficient(
        smooth + rest, multiplicity, f"two linear layers at ranks ({a}, {b}), derived", proved=False
    )


def _checked_shape(
    n_inputs: SupportsIndex, n_hidden: SupportsIndex, n_outputs: SupportsIndex, rank: SupportsIndex
) -> tuple[int, int, int, int]:
    widths = (
        checked_integer("n_inputs", n_inputs, least=1),
        checked_integer("n_hidden", n_hidden, least=1),
        checked_integer("n_outputs", n_outputs, least=1),
    )
    return *widths, checked_integer("rank", rank, least=0, most=min(widths))
