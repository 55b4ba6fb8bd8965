"""Sums of squares of monomials: λ and m by the Newton polyhedron, from exponents or from text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import SupportsIndex

from pfmap.arguments import checked_integers
from pfmap.errors import SettingsError
from pfmap.llc.exact.coefficient import LearningCoefficient
from pfmap.llc.exact.polyhedron import smallest_face

SOURCE = "Newton polyhedron (Howald 2001; Lin 2011), certified in fractions"

LARGEST = 10**6
"""Largest exponent: floating point must tell sums of them apart."""

MOST_MONOMIALS, MOST_VARIABLES = 1000, 200
"""What the linear programme solves in seconds."""

SYNTAX = "write the monomials with commas between them, such as 'x*y, x^2*z'"

_NUMBER = re.compile(r"[+-]?\d{1,300}(\.\d{1,300})?")
_FACTOR = re.compile(r"(?P<name>[^\W\d]\w*)(\^(?P<power>\d{1,18}))?")


def monomial_llc(
    monomials: str | Sequence[Sequence[SupportsIndex]],
    *,
    jacobian: Sequence[SupportsIndex] | None = None,
) -> LearningCoefficient:
    """λ and m at the origin of K = ½ Σ_j Π_i x_i^(2 a_ji).

    With the density of the prior ∝ Π |x_i|^h_i near 0 and τ = (h_1 + 1, …, h_d + 1),

        λ = ½ min { <w, τ> : w >= 0, <w, a_j> >= 1 for every j },

    and m is the codimension of the smallest face of the Newton polyhedron
    conv{a_j} + R^d_{>=0} that contains τ/(2λ), the point where the ray of τ enters it. The linear
    programme is solved in floating point and its solution proved in fractions.

    The origin is the deepest point: λ is no smaller at any other zero of K. Factors of the
    monomials change nothing, whatever their sign, and variables may be shared.

    Parameters
    ----------
    monomials : str or sequence of sequences of int
        A text as in `parse_monomials`, or the exponents a_ji, one row a monomial.
    jacobian : sequence of int, optional
        Exponents h_i, one a variable, of the prior's density or of the Jacobian of a change
        of variables; a text's variables count in the order in which they first appear. None
        means 0: a positive density.

    Returns
    -------
    LearningCoefficient

    Raises
    ------
    SettingsError
        If there is no monomial, one is a constant (K > 0 everywhere then), an exponent is
        negative or above 10^6, lengths differ, or the solution cannot be certified because
        exponents are too far apart.

    References
    ----------
    J. A. Howald, Multiplier ideals of monomial ideals, Trans. AMS 353 (2001) 2665-2671.
    S. Lin, Algebraic methods for evaluating integrals in Bayesian statistics, thesis, Berkeley,
    2011.

    Examples
    --------
    >>> print(monomial_llc("x*y, x^2*z"))  # K = ½ ((x y)² + (x² z)²)
    λ = 1/2, m = 2
    >>> print(monomial_llc([[1, 3]]))  # K = ½ (x y³)²
    λ = 1/6, m = 1
    >>> print(monomial_llc("x*y", jacobian=[1, 0]))
    λ = 1/2, m = 1
    """
    names: tuple[str, ...] | None = None
    if isinstance(monomials, str):
        names, rows = parse_monomials(monomials)
    else:
        rows = _checked_exponents(monomials)
    n_variables = len(rows[0])
    if jacobian is None:
        powers: tuple[int, ...] = (0,) * n_variables
    else:
        powers = checked_integers("jacobian", jacobian, least=0, most=LARGEST)
        if len(powers) != n_variables:
            variables = f" ({', '.join(names)})" if names else ""
            raise SettingsError(
                f"jacobian: must hold one exponent for each of the {n_variables} variables"
                f"{variables}, got {len(powers)}",
                next_step="give 0 for a variable in which the density is positive",
            )
    face = smallest_face(minimal_exponents(rows), [power + 1 for power in powers])
    return LearningCoefficient(face.value / 2, face.codimension, SOURCE)


def parse_monomials(text: str) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    """Variables and exponents of monomials written as a text.

    Monomials stand between commas, factors between ``*`` or spaces, powers behind ``^`` or ``**``;
    a number is a factor that changes nothing. Each monomial is squared: ``"x*y, x^2*z"`` is
    K = ½ ((x y)² + (x² z)²).

    Parameters
    ----------
    text : str

    Returns
    -------
    names : tuple of str
        Variables, in the order in which they first appear.
    exponents : tuple of tuple of int
        One row a monomial.

    Raises
    ------
    SettingsError
        If the text is not of that form.

    Examples
    --------
    >>> parse_monomials("x*y, 3 x^2 z")
    (('x', 'y', 'z'), ((1, 1, 0), (2, 0, 1)))
    """
    compact = re.sub(r"\s*\^\s*", "^", text.replace("**", "^"))
    powers: list[dict[str, int]] = []
    for part in compact.split(","):
        monomial: dict[str, int] = {}
        for piece in part.split("*"):
            factors = piece.split()
            if not factors:
                raise _unreadable(text, part)
            for factor in factors:
                found = _FACTOR.fullmatch(factor)
                if found:
                    name = found["name"]
                    monomial[name] = monomial.get(name, 0) + int(found["power"] or 1)
                elif not _NUMBER.fullmatch(factor) or Fraction(factor) == 0:
                    raise _unreadable(text, part)
        powers.append(monomial)
    names = tuple(dict.fromkeys(name for monomial in powers for name in monomial))
    exponents = [[monomial.get(name, 0) for name in names] for monomial in powers]
    return names, _checked_exponents(exponents)


def _unreadable(text: str, part: str) -> SettingsError:
    problem = f"monomials: must be products of powers and non-zero numbers, got {part.strip()!r}"
    where = f" in {text!r}" if part.strip() != text.strip() else ""
    squares = "; every monomial is squared and added: no + and no brackets"
    return SettingsError(f"{problem}{where}", next_step=SYNTAX + squares)


def _checked_exponents(monomials: Sequence[Sequence[SupportsIndex]]) -> tuple[tuple[int, ...], ...]:
    """Exponents of one or more monomials in the same variables, none of them constant."""
    try:
        rows = [
            checked_integers(f"monomials[{index}]", row, least=0, most=LARGEST)
            for index, row in enumerate(monomials)
        ]
    except TypeError:
        raise SettingsError(
            f"monomials: must be a text or rows of exponents, got {monomials!r}", next_step=SYNTAX
        ) from None
    if not rows:
        raise SettingsError(
            "monomials: must hold at least one monomial, got none", next_step=SYNTAX
        )
    if len(rows) > MOST_MONOMIALS or len(rows[0]) > MOST_VARIABLES:
        raise SettingsError(
            f"monomials: at most {MOST_MONOMIALS} in at most {MOST_VARIABLES} variables, got "
            f"{len(rows)} in {len(rows[0])}",
            next_step="split independent parts and join their coefficients by independent_sum",
        )
    for index, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise SettingsError(
                f"monomials[{index}]: must hold {len(rows[0])} exponents like the first, got "
                f"{len(row)}",
                next_step="give 0 for a variable that a monomial lacks",
            )
        if not any(row):
            raise SettingsError(
                f"monomials[{index}]: must hold a variable, got a constant: K > 0 everywhere",
                next_step="leave it out, or look at the loss minus its minimum",
            )
    return tuple(rows)


def minimal_exponents(rows: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Rows that no other row divides: the others lie inside the polyhedron of these.

    Examples
    --------
    >>> minimal_exponents([(1, 1), (2, 1), (0, 3)])
    [(1, 1), (0, 3)]
    """
    kept: list[tuple[int, ...]] = []
    for row in sorted(set(rows), key=lambda row: (sum(row), row)):
        if not any(all(a <= b for a, b in zip(other, row, strict=True)) for other in kept):
            kept.append(row)
    return kept
