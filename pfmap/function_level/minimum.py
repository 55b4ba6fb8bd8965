"""The least rank over networks with one hidden relu layer, by listing every space of patterns.

Theorem. Let f be Boolean on n inputs, K_f the squared error of a network with one hidden relu
layer, output bias and linear output to the targets ±1, and r(f) the least dim S over all sets of
patterns whose span S (constant included) holds f. Then λ(w) >= r(f)/2 at every w with K_f(w) = 0,
for any width, and equality holds at some w once the network has two units for every pattern of a
best set.

A unit is live where its outgoing weight is not 0; only live units enter f and S.

Proof, lower bound. K need not be analytic at w, so λ(w) is defined by the volume V(t) of {K < t}
near w, V(t) ~ t^λ log(1/t)^(m - 1). The signs of the pre-activations cut a neighbourhood of w into
finitely many cells. In a cell C every unit j is on exactly on a pattern A_j, cut off by a
half-space, the output is a polynomial there, and K equals its loss K_C. Outputs are continuous, so
K_C is 0 at w although w may lie on the border of C. The Jacobian of the polynomial at w holds the
constant and, for every live unit, all affine functions on A_j; and f = constant + Σ a_j z_j 1[A_j]
over live units lies in their span S, for a unit that is 0 at an input contributes nothing there on
either side. So its rank is at least dim S >= r = r(f). Take r outputs with independent gradients as
coordinates y: K_C >= c |y|² near w, and at most C t^(r/2) of the cell has K < t. Summed over the
cells, V(t) <= C' t^(r/2): λ(w) >= r/2. The bound has no logarithm: m = 1 wherever λ(w) = r/2.

Proof, equality. Every function on A is affine_A = (relu(z + ε φ) - relu(z)) / ε with two units of
pattern A. Where no pre-activation is 0 and every unit that is on somewhere is live, the rank
depends on the patterns alone: it is constant near w, hence λ(w) = rank/2.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.function_level.patterns import RANK_TOLERANCE, pattern_basis, restricted_affine
from pfmap.functions.thresholds import threshold_sets
from pfmap.settings.domain import boolean_points

MAX_LISTED_INPUTS = 4


@dataclass(frozen=True, repr=False)
class LeastRanks(Displayed):
    """r(f) of every function of n inputs.

    Attributes
    ----------
    n_inputs : int
        n.
    ranks : ndarray of int64, shape (2^2^n,)
        r(f) where it was found, 0 where it is above the largest rank asked for. Function f stands
        at Σ_x f(x) 2^x.
    witnesses : tuple of (ndarray of uint8, ndarray of bool)
        For one function of every class under orders and flips of inputs and the complement: its
        truth table (2^n,) and patterns (k, 2^n) whose span of dimension r(f) holds it.
    """

    SHOWN: ClassVar = ("n_inputs", "ranks")

    n_inputs: int
    ranks: np.ndarray
    witnesses: tuple[tuple[np.ndarray, np.ndarray], ...]


def least_ranks(n_inputs: int, max_rank: int | None = None) -> LeastRanks:
    """r(f) for every Boolean function of `n_inputs` inputs, by exhaustion.

    Spaces are sums of the affine functions of patterns; adding one pattern at a time lists all of
    them in order of dimension, up to orders and flips of the inputs.

    Parameters
    ----------
    n_inputs : int
        n, from 1 to 4.
    max_rank : int, optional
        Largest dimension listed; None means 2^(n-1), beyond which a vertex unit for each point of
        the smaller class is best, with rank 2^(n-1) + 1. About a minute at n = 4.

    Returns
    -------
    LeastRanks

    Raises
    ------
    SettingsError
        If n is outside 1 … 4, or `max_rank` below 1.

    Examples
    --------
    >>> found = least_ranks(2)
    >>> sorted(found.ranks.tolist())
    [1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3]
    >>> int(found.ranks[0b0110])  # XOR: λ = 3/2
    3
    """
    if not 1 <= n_inputs <= MAX_LISTED_INPUTS:
        raise SettingsError(
            f"n_inputs: every space is listed for 1 to {MAX_LISTED_INPUTS} inputs, got {n_inputs}",
            next_step="use find_patterns, an upper bound for any n",
        )
    if max_rank is not None and max_rank < 1:
        raise SettingsError(f"max_rank: must be at least 1, got {max_rank}")
    n_points = 2**n_inputs
    last = n_points // 2 if max_rank is None else max_rank
    place = 1 << np.arange(n_points)
    tables = (np.arange(2**n_points)[:, None] & place != 0).astype(np.float32)
    group = cube_symmetries(n_inputs)
    ranks = np.zeros(2**n_points, dtype=np.int64)
    witnesses = []

    def take(table: np.ndarray, patterns: np.ndarray, rank: int) -> None:
        images = table[group].astype(np.int64) @ place
        ranks[images] = ranks[2**n_points - 1 - images] = rank
        witnesses.append((table.astype(np.uint8), patterns))

    for basis, patterns in spaces_of_patterns(n_inputs, group, last):
        single = basis.astype(np.float32)
        missing = np.abs(tables - (tables @ single.T) @ single).max(axis=1)
        # Single precision errs by 1e-6; what lies outside such a space does so by far more.
        for index in np.flatnonzero(missing < 1e-5):
            if ranks[index] == 0:
                take(tables[index], patterns, len(basis))
    if max_rank is None:
        # r(f) <= 1 + min(T, 2^n - T): what is left has T = 2^(n-1), and every vertex costs 1.
        for index in np.arange(2**n_points):
            if ranks[index] == 0:
                members = np.flatnonzero(tables[index])
                take(tables[index], np.eye(n_points, dtype=bool)[members], len(members) + 1)
    return LeastRanks(n_inputs, ranks, tuple(witnesses))


def spaces_of_patterns(
    n: int, group: np.ndarray, last: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every space of patterns up to dimension `last`, one of each class, smaller ones first.

    Yields an orthonormal basis and patterns that span it.
    """
    patterns, generators = _distinct_patterns(n)
    # Spaces are told apart by two random linear functions of their projectors.
    probes = np.random.default_rng(1).normal(size=(2, 2**n, 2**n))
    nothing = np.empty((0, 2**n), dtype=bool)
    levels: dict[int, dict[tuple[float, float], tuple[np.ndarray, np.ndarray]]]
    levels = {rank: {} for rank in range(1, last + 1)}
    levels[1][0.0, 0.0] = (pattern_basis(nothing), nothing)
    for rank in range(1, last + 1):
        for basis, used in levels.pop(rank).values():
            yield basis, used
            rest = generators - (generators @ basis.T) @ basis
            _, values, vectors = np.linalg.svd(rest, full_matrices=False)
            added = (values > RANK_TOLERANCE).sum(axis=1)
            met = set()
            for chosen in np.flatnonzero((added > 0) & (rank + added <= last)):
                larger = np.vstack([basis, vectors[chosen, : added[chosen]]])
                projector = larger.T @ larger
                name = tuple(np.round((probes * projector).sum(axis=(1, 2)), 8))
                if name in met:
                    continue
                met.add(name)
                level = levels[rank + int(added[chosen])]
                level.setdefault(
                    _class_name(projector, group, probes),
                    (larger, np.vstack([used, patterns[chosen : chosen + 1]])),
                )


def _class_name(
    projector: np.ndarray, group: np.ndarray, probes: np.ndarray
) -> tuple[float, float]:
    """The same two numbers for a space and its images under the symmetries of the cube."""
    images = projector[group[:, :, None], group[:, None, :]].reshape(len(group), -1)
    first = np.round(images @ probes[0].ravel(), 8)
    least = int(np.argmin(first))
    return float(first[least]), round(float(images[least] @ probes[1].ravel()), 8)


def _distinct_patterns(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Single vertices, and patterns that are more than the sum of their vertices."""
    inside = threshold_sets(n)[:, None] >> np.arange(2**n, dtype=np.uint64) & np.uint64(1) == 1
    generators = restricted_affine(inside)
    sizes, ranks = inside.sum(axis=1), np.linalg.matrix_rank(generators, tol=RANK_TOLERANCE)
    kept = (sizes == 1) | (sizes > ranks)
    return inside[kept], generators[kept]


def cube_symmetries(n: int) -> np.ndarray:
    """Orders and flips of the inputs as permutations of the points, shape (n! 2^n, 2^n)."""
    points = boolean_points(n).astype(np.int64)
    place = 1 << np.arange(n - 1, -1, -1)
    orders = [points[:, order] @ place for order in itertools.permutations(range(n))]
    return np.array([order[np.arange(2**n) ^ flip] for order in orders for flip in range(2**n)])
