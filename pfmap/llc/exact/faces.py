"""Compact faces of a Newton polyhedron, and whether polynomials are non-degenerate on them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pfmap.llc.exact.local_polynomial import Polynomial
from pfmap.llc.exact.newton import rank_is_clear
from pfmap.llc.exact.rational import exact_rank, null_vector
from pfmap.llc.exact.sturm import has_multiple_root, has_root

MAX_CHOICES = 4_000
"""Sets of points that may span a facet, up to which all are tried."""

MARGIN = 1e-6
"""Next to the terms that make it, a value this small may be rounding."""

Exponents = tuple[int, ...]


def compact_faces(points: Sequence[Exponents]) -> list[tuple[Exponents, ...]] | None:
    """Points on each compact face of conv{a_j} + R^d_{>=0}.

    A facet has a normal w >= 0 that is least on it; faces are the intersections of facets, and a
    face is compact if no direction e_i, w_i = 0 on all of its facets, runs along it.

    Parameters
    ----------
    points : sequence of tuple of int, shape (J, d)
        Exponents that no other divides: no compact face holds another. Every variable occurs.

    Returns
    -------
    list of tuples of points, or None
        None where there are too many points and variables to try all facets.

    Examples
    --------
    >>> compact_faces([(2, 0), (0, 3)])
    [((0, 3),), ((2, 0),), ((0, 3), (2, 0))]
    """
    d = len(points[0])
    generators: list[Exponents | int] = [*points, *range(d)]
    if _n_choices(len(generators), d) > MAX_CHOICES:
        return None
    facets: set[tuple[frozenset[Exponents], frozenset[int]]] = set()
    for chosen in itertools.combinations(generators, d):
        bases = [item for item in chosen if isinstance(item, tuple)]
        if not bases:
            continue
        rows = [[a - b for a, b in zip(base, bases[0], strict=True)] for base in bases[1:]]
        rows += [[int(k == item) for k in range(d)] for item in chosen if isinstance(item, int)]
        normal = null_vector(rows, d)
        if normal is None:
            continue
        if min(normal) < 0:
            normal = [-value for value in normal]
        if min(normal) < 0:
            continue
        heights = {point: _dot(normal, point) for point in points}
        least = min(heights.values())
        if heights[bases[0]] != least or least == 0:
            continue
        on = frozenset(point for point, height in heights.items() if height == least)
        facets.add((on, frozenset(i for i in range(d) if normal[i] == 0)))
    # Coordinate facets w = e_i with least value 0 only cut faces that others make already smaller:
    # they matter for unbounded faces, whose points alone are not all of them.
    for i in range(d):
        if min(point[i] for point in points) == 0:
            on = frozenset(point for point in points if point[i] == 0)
            facets.add((on, frozenset(k for k in range(d) if k != i)))
    faces = set(facets)
    grown = True
    while grown:
        new = {(one[0] & other[0], one[1] & other[1]) for one in faces for other in facets} - faces
        new = {face for face in new if face[0]}
        grown = bool(new)
        faces |= new
    compact = {on for on, along in faces if on and not along}
    return sorted((tuple(sorted(on)) for on in compact), key=lambda face: (len(face), face))


@dataclass(frozen=True)
class FaceFacts:
    """What is decided of polynomials on one compact face, in real x with no coordinate 0.

    Attributes
    ----------
    has_zero : bool or None
        Whether all parts on the face vanish together somewhere.
    smooth : bool or None
        For one polynomial: whether its part has a gradient wherever it vanishes.
    """

    has_zero: bool | None
    smooth: bool | None


def face_facts(outputs: Sequence[Polynomial], face: Sequence[Exponents]) -> FaceFacts:
    """Zeros of the parts of `outputs` on a face, where no coordinate is 0.

    Decided for a matrix of coefficients of full rank (the monomials are combinations of the
    parts), for edges (polynomials in one variable, by Sturm's theorem), for linearly independent
    exponents of one polynomial (their monomials take every positive value), and where all terms of
    a part have one sign.

    Examples
    --------
    >>> cusp = [{(2, 0): Fraction(1), (0, 3): Fraction(-1)}]
    >>> face_facts(cusp, [(2, 0), (0, 3)])
    FaceFacts(has_zero=True, smooth=True)
    """
    rows = [[output.get(point, Fraction(0)) for point in face] for output in outputs]
    rows = [row for row in rows if any(row)]
    if not rows:
        return FaceFacts(True, False)
    if exact_rank(rows) == len(face) and rank_is_clear(rows):
        return FaceFacts(False, True)
    if any(_has_one_sign(row, face) for row in rows):
        return FaceFacts(False, True)
    differences = [[a - b for a, b in zip(point, face[0], strict=True)] for point in face[1:]]
    if exact_rank(differences) == 1:
        return _on_edge(rows, face)
    if len(rows) == 1:
        used = [point for point, value in zip(face, rows[0], strict=True) if value]
        # No combination of independent exponents vanishes, so no gradient does.
        if exact_rank(used) == len(used):
            return FaceFacts(True, True)
    return FaceFacts(None, None)


def _on_edge(rows: list[list[Fraction]], face: Sequence[Exponents]) -> FaceFacts:
    """Parts on an edge are x^a p(x^v), v primitive, so that t = x^v takes every value but 0."""
    direction = [b - a for a, b in zip(face[0], face[-1], strict=True)]
    step = int(np.gcd.reduce(direction))
    axis = next(i for i, value in enumerate(direction) if value)
    unit = direction[axis] // step
    places = [(point[axis] - face[0][axis]) // unit for point in face]
    lowest = min(places)
    parts = []
    for row in rows:
        part = [Fraction(0)] * (max(places) - lowest + 1)
        for place, value in zip(places, row, strict=True):
            part[place - lowest] = value
        parts.append(part)
    has_zero = has_root(parts)
    if not _is_clear(parts, has_zero=has_zero):
        return FaceFacts(None, None)
    smooth = not has_multiple_root(parts[0]) if len(parts) == 1 else None
    return FaceFacts(has_zero, smooth)


def _is_clear(parts: list[list[Fraction]], *, has_zero: bool) -> bool:
    """Whether coefficients off by rounding would have led to the same.

    (t - 1)² with coefficients in float64 has no double root any more. So at every real t near a
    root, the largest |p_j|, or also |t p_j'| where they may vanish, must not be small next to the
    terms that it sums.
    """
    arrays = [np.array([float(value) for value in part]) for part in parts]
    near = [np.roots(array[::-1]).real for array in arrays]
    near += [np.roots(np.polyder(array[::-1])).real for array in arrays]
    points = np.concatenate(near)
    least = math.inf
    with np.errstate(all="ignore"):
        for t in points[np.abs(points) > 0.0]:
            largest = 0.0
            for array in arrays:
                powers = np.arange(len(array))
                terms = array * t**powers
                slope = abs(float((powers * terms).sum())) / len(array) if has_zero else 0.0
                size = float(np.abs(terms).sum())
                largest = max(largest, abs(float(terms.sum())) / size, slope / size)
            least = min(least, largest)
    return least > MARGIN


def _has_one_sign(row: list[Fraction], face: Sequence[Exponents]) -> bool:
    """Whether all terms have the same sign at every real x without a coordinate 0."""
    used = [(point, value) for point, value in zip(face, row, strict=True) if value]
    first, sign = used[0][0], used[0][1] > 0
    return all(
        (value > 0) == sign and not any((a - b) % 2 for a, b in zip(point, first, strict=True))
        for point, value in used
    )


def _n_choices(n: int, k: int) -> float:
    total = 1.0
    for i in range(k):
        total *= (n - i) / (i + 1)
    return total


def _dot(one: Sequence[Fraction], other: Sequence[int]) -> Fraction:
    return sum((a * b for a, b in zip(one, other, strict=True)), Fraction(0))
