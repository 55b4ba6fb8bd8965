"""Covers by half-spaces: exact small values, a brute-force twin, strictness, refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import linprog

from pfmap.complexity import FunctionBatch, measure
from pfmap.errors import SettingsError
from pfmap.functions.halfspaces import cover_sizes, halfspace_cover
from pfmap.functions.thresholds import threshold_sets
from pfmap.settings.domain import boolean_points


def all_functions(n: int) -> np.ndarray:
    return ((np.arange(2 ** (2**n))[:, None] >> np.arange(2**n)) & 1).astype(np.uint8)


def is_separable(n: int, inside: np.ndarray, outside: np.ndarray) -> bool:
    """By a linear programme: the independent twin of the perceptron and of the list."""
    points = np.hstack([boolean_points(n), np.ones((2**n, 1))])
    rows = np.concatenate([-points[inside], points[outside]])
    found = linprog(np.zeros(n + 1), A_ub=rows, b_ub=-np.ones(len(rows)), bounds=(None, None))
    return bool(found.status == 0)


def brute_cover(table: np.ndarray) -> int:
    """Least cover of either class by all subsets that a linear programme can cut off."""
    n = table.size.bit_length() - 1
    if table.min() == table.max():
        return 0
    sizes = []
    for value in (0, 1):
        members = np.flatnonzero(table == value)
        subsets = [
            frozenset(chosen)
            for size in range(1, len(members) + 1)
            for chosen in itertools.combinations(members, size)
            if is_separable(n, np.array(chosen), np.flatnonzero(table != value))
        ]
        sizes.append(
            next(
                k
                for k in range(1, len(members) + 1)
                if any(
                    frozenset().union(*some) == frozenset(members)
                    for some in itertools.combinations(subsets, k)
                )
            )
        )
    return min(sizes)


@pytest.mark.parametrize(("n", "count"), [(1, 4), (2, 14), (3, 104), (4, 1882), (5, 94572)])
def test_number_of_threshold_functions_is_the_published_one(n, count):
    sets = threshold_sets(n)
    assert len(sets) == len(np.unique(sets)) == count
    assert (np.diff(np.bitwise_count(sets).astype(int)) <= 0).all()


def test_listed_sets_of_three_inputs_are_those_a_linear_programme_can_cut_off():
    listed = set(threshold_sets(3).tolist())
    for mask, table in enumerate(all_functions(3)):
        separable = is_separable(3, np.flatnonzero(table), np.flatnonzero(table == 0))
        assert separable == (mask in listed)


def test_sizes_of_three_inputs_equal_brute_force():
    tables = all_functions(3)[np.random.default_rng(1).choice(256, 40, replace=False)]
    assert cover_sizes(tables).tolist() == [brute_cover(table) for table in tables]


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7])
def test_threshold_functions_take_one_and_parity_one_for_every_second_point(n):
    rng = np.random.default_rng(n)
    points = boolean_points(n)
    weights = rng.normal(size=(n, 20))
    sums = points @ weights
    tables = (sums > np.median(sums, axis=0)).T.astype(np.uint8)
    assert (cover_sizes(tables) == 1).all()
    parity = (points.sum(axis=1) % 2)[None].astype(np.uint8)
    assert cover_sizes(parity).tolist() == [2 ** (n - 1)]
    constants = np.repeat([[0], [1]], 2**n, axis=1).astype(np.uint8)
    assert cover_sizes(constants).tolist() == [0, 0]


@pytest.mark.parametrize("n", [1, 3, 5, 7, 9])
def test_covers_exclude_one_class_strictly_and_hold_the_other(n):
    rng = np.random.default_rng(n)
    signed = np.hstack([boolean_points(n, "pm1"), np.ones((2**n, 1))]).astype(np.int64)
    for _ in range(20):
        table = (rng.random(2**n) < rng.uniform(0.1, 0.9)).astype(np.uint8)
        halfspaces, covered = halfspace_cover(table)
        scores = halfspaces @ signed.T
        assert (scores != 0).all()
        assert (scores[:, table != covered] < 0).all()
        assert ((scores > 0).any(axis=0) == (table == covered)).all() or len(halfspaces) == 0
        for row in range(len(halfspaces)):  # none is needless
            rest = np.delete(scores, row, axis=0)
            assert not ((rest > 0).any(axis=0) == (table == covered)).all()


def test_greedy_covers_are_never_smaller_than_the_least_and_seldom_larger():
    tables = np.random.default_rng(5).integers(0, 2, (200, 32)).astype(np.uint8)
    greedy = np.array([len(halfspace_cover(table)[0]) for table in tables])
    least = cover_sizes(tables)
    assert (greedy >= least).all()
    assert (greedy - least).mean() < 0.2


def test_null_beyond_ten_inputs_and_refused_tables():
    batch = FunctionBatch("boolean", boolean_points(11), bits=np.ones((1, 2**11)))
    assert np.isnan(measure(batch, ["halfspaces"])["halfspaces"][0])
    with pytest.raises(SettingsError, match=r"2\^n inputs"):
        halfspace_cover(np.array([0, 1, 1]))
    with pytest.raises(SettingsError, match="0 or 1"):
        halfspace_cover(np.array([0, 2]))
