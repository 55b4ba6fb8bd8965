"""λ and m of outputs that are non-degenerate on their Newton polyhedron, over the real numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from pfmap.llc.exact.calculus import independent_sum
from pfmap.llc.exact.coefficient import LearningCoefficient
from pfmap.llc.exact.faces import compact_faces, face_facts
from pfmap.llc.exact.local_polynomial import Polynomial
from pfmap.llc.exact.monomials import minimal_exponents
from pfmap.llc.exact.newton import is_monomial, newton_bound, rank_is_clear
from pfmap.llc.exact.polyhedron import smallest_face
from pfmap.llc.exact.rational import reduced_rows

SOURCE = (
    "non-degenerate on its Newton polyhedron (Varchenko 1976; Kouchnirenko 1976), over the reals"
)

REMAINDER = Fraction(1, 10**7)
"""A coefficient this small next to the terms that it combines may be left of a 0."""

MAX_ENTRIES = 20_000
"""Outputs² × monomials up to which the outputs are combined to simpler ones first."""


def newton_llc(outputs: Sequence[Polynomial]) -> tuple[LearningCoefficient | None, bool]:
    """The bound of the Newton polyhedron, and whether it, or what replaces it, is λ itself.

    Constant combinations of the outputs change K by constant factors, so they are brought to
    reduced echelon form first. Outputs that share no variables are independent sums.

    Parameters
    ----------
    outputs : sequence of Polynomial
        In x = w - w*, without constant terms, none of them 0.

    Returns
    -------
    LearningCoefficient or None
        λ(K) is at most this; None where no bound could be made.
    bool
        Whether it is λ(K), with its m.

    Examples
    --------
    >>> one = Fraction(1)
    >>> found, exact = newton_llc([{(1, 0, 0): one}, {(0, 2, 0): one, (0, 0, 3): one}])
    >>> print(found, exact)  # x and y² + z³: 1/2 + 5/12
    λ = 11/12, m = 1 True
    """
    parts = []
    simple, exact = _simplified(outputs)
    for block in _independent(simple):
        bound = newton_bound(block)
        if bound is None:
            return None, False
        found = bound if is_monomial(block) else nondegenerate_llc(block)
        parts.append(found or bound)
        exact &= found is not None
    return independent_sum(*parts) if len(parts) > 1 else parts[0], exact


def nondegenerate_llc(outputs: Sequence[Polynomial]) -> LearningCoefficient | None:
    """λ and m where the parts of the outputs on every compact face are decided to be harmless.

    Let s/2 be the λ of the polyhedron and c its m. A toric change of variables makes the outputs
    monomials times functions whose zeros over 0 are those of the parts on the compact faces, where
    no coordinate is 0.

    - If the parts on no face vanish together there, K lies between two multiples of the sum of
      squares of monomials: λ = s/2, m = c.
    - One output f whose parts have a gradient wherever they vanish: its zeros there are smooth and
      cross the divisors, so K = f²/2 has λ = min(1, s)/2. m = c for s < 1, m = 1 for s > 1. At
      s = 1 the zeros add 1 to c if they meet the divisors of the smallest face, that is if the
      part on it or on one of its faces vanishes.

    Parameters
    ----------
    outputs : sequence of Polynomial

    Returns
    -------
    LearningCoefficient or None
        None where a face is degenerate or could not be decided.

    References
    ----------
    A. N. Varchenko, Newton polyhedra and estimation of oscillating integrals, Functional Analysis
    and its Applications 10 (1976) 175-196. A. G. Kouchnirenko, Polyèdres de Newton et nombres de
    Milnor, Inventiones Mathematicae 32 (1976) 1-31.

    Examples
    --------
    >>> one, minus = Fraction(1), Fraction(-1)
    >>> print(nondegenerate_llc([{(2, 0): one, (0, 2): minus}]))  # (x - y)(x + y)
    λ = 1/2, m = 2
    >>> print(nondegenerate_llc([{(2, 0, 0): one, (0, 2, 0): one, (0, 0, 2): one}]))  # |x|²
    λ = 3/4, m = 1
    >>> print(nondegenerate_llc([{(2, 0): one, (1, 1): -2 * one, (0, 2): one}]))  # (x - y)²
    None
    """
    outputs = _in_used_variables(outputs)
    points = minimal_exponents(powers for output in outputs for powers in output)
    faces = compact_faces(points)
    if faces is None:
        return None
    facts = {face: face_facts(outputs, face) for face in faces}
    lowest = smallest_face(points, (1,) * len(points[0]))
    bound = LearningCoefficient(lowest.value / 2, lowest.codimension, SOURCE)
    if all(fact.has_zero is False for fact in facts.values()):
        return bound
    if len(outputs) > 1 or not all(fact.smooth for fact in facts.values()):
        return None
    if lowest.value < 1:
        return bound
    half = LearningCoefficient(Fraction(1, 2), 1, SOURCE)
    if lowest.value > 1:
        return half
    smallest = {point for point, y in zip(points, lowest.combination, strict=True) if y}
    meets = any(fact.has_zero for face, fact in facts.items() if set(face) <= smallest)
    return replace(half, multiplicity=lowest.codimension + meets)


def _simplified(outputs: Sequence[Polynomial]) -> tuple[list[Polynomial], bool]:
    """Outputs in reduced echelon form, monomials of low degree first, and whether that is clear.

    It is not where rounding may have made rows independent or left remainders in place of 0.
    """
    columns = sorted({powers for output in outputs for powers in output}, key=lambda p: (sum(p), p))
    matrix = [[output.get(powers, Fraction(0)) for powers in columns] for output in outputs]
    clear = rank_is_clear(matrix)
    if not clear or len(outputs) ** 2 * len(columns) > MAX_ENTRIES:
        return list(outputs), clear
    n = len(matrix)
    joined = [[*row, *(Fraction(i == j) for j in range(n))] for i, row in enumerate(matrix)]
    rows, pivots = reduced_rows(joined)
    simple: list[Polynomial] = []
    for row, pivot in zip(rows, pivots, strict=False):
        if pivot >= len(columns):
            break
        values, factors = row[: len(columns)], row[len(columns) :]
        simple.append({p: value for p, value in zip(columns, values, strict=True) if value})
        for place, value in enumerate(values):
            terms = zip(factors, matrix, strict=True)
            size = sum((abs(factor * above[place]) for factor, above in terms), Fraction(0))
            clear &= value == 0 or abs(value) > REMAINDER * size
    return simple, clear


def _independent(outputs: Sequence[Polynomial]) -> list[list[Polynomial]]:
    """Groups of outputs that share variables, each in its own variables."""
    groups: list[tuple[set[int], list[Polynomial]]] = []
    for output in outputs:
        used = {i for powers in output for i, power in enumerate(powers) if power}
        members = [output]
        apart = []
        for variables, others in groups:
            if variables & used:
                used |= variables
                members += others
            else:
                apart.append((variables, others))
        groups = [*apart, (used, members)]
    return [_in_used_variables(members) for _, members in groups]


def _in_used_variables(outputs: Sequence[Polynomial]) -> list[Polynomial]:
    """The same polynomials without variables that occur in none of them."""
    powers = [powers for output in outputs for powers in output]
    used = [i for i in range(len(powers[0])) if any(row[i] for row in powers)]
    return [
        {tuple(row[i] for i in used): value for row, value in output.items()} for output in outputs
    ]
