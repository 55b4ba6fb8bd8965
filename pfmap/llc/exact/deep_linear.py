"""Deep linear networks: Aoyagi's formula, and the dynamic programme that gives the same λ."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import SupportsIndex

from pfmap.arguments import LARGEST, checked_integer, checked_integers
from pfmap.errors import SettingsError
from pfmap.llc.exact.coefficient import LearningCoefficient

SOURCE = "deep linear network (Aoyagi 2024, theorem 1)"

MOST_WIDTHS = 1000
MOST_IN_PROGRAMME = 1000
"""Units of a layer: the programme's time follows their square."""


def deep_linear_llc(widths: Sequence[SupportsIndex], *, rank: SupportsIndex) -> LearningCoefficient:
    """λ and m of y = W_L … W_1 x with a truth of rank r, by Aoyagi's formula.

    The least value over all factorisations of the truth, attained where the factors are the
    identity on r units and 0 elsewhere (`pfmap.models.linear.padded_identity`). Let
    M_s = H_s - r, and let S be the ℓ + 1 smallest M_s with

        max_S M < min_{not S} M,   Σ_S M >= ℓ max_S M,   Σ_S M < ℓ min_{not S} M.

    With Σ = Σ_S M and a = Σ - (⌈Σ/ℓ⌉ - 1) ℓ,

        λ = (r (H_0 + H_L) - r²)/2 + a (ℓ - a)/(4 ℓ) - (ℓ (ℓ - 1)/4) (Σ/ℓ)² + ½ Σ_{i<j in S} M_i M_j

    and m = a (ℓ - a) + 1.

    Parameters
    ----------
    widths : sequence of int
        (H_0, …, H_L), inputs first, each at least 1 and at least two of them.
    rank : int
        r, between 0 and the smallest width.

    Returns
    -------
    LearningCoefficient

    Raises
    ------
    SettingsError
        If a width is below 1, there are fewer than two, or the rank is out of range.

    References
    ----------
    M. Aoyagi, Consideration on the learning efficiency of multiple-layered neural networks with
    linear units, Neural Networks 172 (2024) 106132: definition 3 and theorem 1.

    Examples
    --------
    >>> print(deep_linear_llc((10, 10, 10), rank=5))
    λ = 47, m = 2
    >>> print(deep_linear_llc((3, 3, 3, 3), rank=1))
    λ = 4, m = 3
    """
    shape, r = _checked_network(widths, rank)
    spare = sorted(width - r for width in shape)
    chosen = spare[: _size_of_s(spare)]
    length, total = len(chosen) - 1, sum(chosen)
    remainder = total - (-(-total // length) - 1) * length
    pairs = Fraction(total**2 - sum(item**2 for item in chosen), 4)
    llc = (
        Fraction(r * (shape[0] + shape[-1]) - r**2, 2)
        + Fraction(remainder * (length - remainder), 4 * length)
        - Fraction((length - 1) * total**2, 4 * length)
        + pairs
    )
    return LearningCoefficient(llc, remainder * (length - remainder) + 1, SOURCE)


def deep_linear_by_programme(widths: Sequence[SupportsIndex], *, rank: SupportsIndex) -> Fraction:
    """λ of `deep_linear_llc` by dynamic programming over the ranks of the partial products.

        λ = (r (H_0 + H_L) - r²)/2 + ½ min Σ_{i=1}^L (q_{i-1} - q_i) (M_i - q_i)

    over M_0 = q_0 >= q_1 >= … >= q_L = 0 with q_i <= M_i = H_i - r. A derivation of its own,
    which gives no m: the tests hold the formula against it on thousands of shapes.

    Parameters
    ----------
    widths : sequence of int
        (H_0, …, H_L), as in `deep_linear_llc`.
    rank : int
        r.

    Returns
    -------
    Fraction

    Examples
    --------
    >>> deep_linear_by_programme((10, 10, 10), rank=5)
    Fraction(47, 1)
    """
    shape, r = _checked_network(widths, rank, most=MOST_IN_PROGRAMME)
    spare = [width - r for width in shape]
    cost = {spare[0]: 0}
    for units in spare[1:]:
        cost = {
            q: min(spent + (p - q) * (units - q) for p, spent in cost.items() if p >= q)
            for q in range(min(units, max(cost)) + 1)
        }
    return Fraction(r * (shape[0] + shape[-1]) - r**2 + cost[0], 2)


def _size_of_s(spare: list[int]) -> int:
    """Number of elements of S among the sorted M_s (Aoyagi 2024, definition 3)."""
    for size in range(2, len(spare)):
        total, length = sum(spare[:size]), size - 1
        inside, outside = spare[size - 1], spare[size]
        if inside < outside and total >= length * inside and total < length * outside:
            return size
    return len(spare)


def _checked_network(
    widths: Sequence[SupportsIndex], rank: SupportsIndex, *, most: int = LARGEST
) -> tuple[tuple[int, ...], int]:
    shape = checked_integers(
        "widths", widths, least=1, most=most, next_step="give them as (10, 5, 10)"
    )
    if len(shape) > MOST_WIDTHS:
        raise SettingsError(f"widths: must hold at most {MOST_WIDTHS} widths, got {len(shape)}")
    if len(shape) < 2:
        raise SettingsError(
            f"widths: must hold at least inputs and outputs, got {list(shape)}",
            next_step="give them as (10, 5, 10)",
        )
    return shape, checked_integer("rank", rank, least=0, most=min(shape))
