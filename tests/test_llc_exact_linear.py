"""Linear networks: check values, two derivations against each other, models known otherwise."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import numpy as np
import pytest

from pfmap.errors import SettingsError
from pfmap.llc.exact import deep_linear as deep_linear_module
from pfmap.llc.exact import (
    deep_linear_by_programme,
    deep_linear_llc,
    independent_product,
    local_two_layer_llc,
    power_of_squares_llc,
    reduced_rank_llc,
    regular_llc,
    same_pair,
)


@pytest.mark.parametrize(
    ("widths", "rank", "llc", "multiplicity"),
    [
        ((1, 1, 1), 0, "1/2", 2),
        ((1, 1, 1, 1), 0, "1/2", 3),
        ((2, 2, 2), 0, "3/2", 1),
        ((3, 3, 3, 3), 0, "3", 1),
        ((3, 3, 3, 3), 1, "4", 3),
        ((5, 3, 5), 0, "13/2", 2),
        ((10, 10, 10), 0, "75/2", 1),
        ((10, 10, 10), 5, "47", 2),
        ((20, 10, 20), 3, "109", 2),
    ],
)
def test_check_values(widths, rank, llc, multiplicity):
    found = deep_linear_llc(widths, rank=rank)
    assert (found.llc, found.multiplicity, found.proved) == (Fraction(llc), multiplicity, True)
    assert deep_linear_by_programme(widths, rank=rank) == found.llc


def random_networks(n, seed):
    rng = random.Random(seed)
    for _ in range(n):
        widths = [rng.randint(1, 12) for _ in range(rng.randint(2, 7))]
        yield widths, rng.randint(0, min(widths))


def test_formula_agrees_with_the_dynamic_programme():
    multiplicities = set()
    for widths, rank in random_networks(5000, 1):
        found = deep_linear_llc(widths, rank=rank)
        assert found.llc == deep_linear_by_programme(widths, rank=rank), (widths, rank)
        multiplicities.add(found.multiplicity)
    assert {1, 2, 3, 4, 5} <= multiplicities


def test_a_wrong_choice_of_layers_disagrees_with_the_dynamic_programme(monkeypatch):
    """The control: S taken as the two narrowest layers where no third is as wide as both."""
    monkeypatch.setattr(deep_linear_module, "_size_of_s", lambda _: 2)
    rng = random.Random(2)
    for _ in range(200):
        widths = [rng.randint(7, 12) for _ in range(rng.randint(3, 6))]
        assert deep_linear_llc(widths, rank=0).llc != deep_linear_by_programme(widths, rank=0)


def test_transposition_and_order_of_hidden_layers_change_nothing():
    rng = random.Random(3)
    for widths, rank in random_networks(300, 3):
        found = deep_linear_llc(widths, rank=rank)
        hidden = rng.sample(widths[1:-1], len(widths) - 2)
        assert same_pair(deep_linear_llc(widths[::-1], rank=rank), found)
        assert same_pair(deep_linear_llc([widths[0], *hidden, widths[-1]], rank=rank), found)
        assert deep_linear_by_programme([widths[0], *hidden, widths[-1]], rank=rank) == found.llc


def case_of(n, h, m, r):
    """Which of the four cases of Aoyagi and Watanabe 2005 a shape belongs to."""
    if n + h < m + r:
        return 2
    if m + h < n + r:
        return 3
    return 4 if m + n < h + r else 1


def small_shapes(largest):
    for n, h, m in itertools.product(range(1, largest + 1), repeat=3):
        for r in range(min(n, h, m) + 1):
            yield n, h, m, r


def test_reduced_rank_is_the_deep_network_of_two_layers():
    counted = {(case, m): 0 for case in (1, 2, 3, 4) for m in (1, 2)}
    for n, h, m, r in small_shapes(11):
        found = reduced_rank_llc(n, h, m, rank=r)
        assert same_pair(found, deep_linear_llc((n, h, m), rank=r)), (n, h, m, r)
        counted[case_of(n, h, m, r), found.multiplicity] += 1
    assert sum(counted.values()) > 4000
    assert all(counted[case, 1] > 100 for case in (1, 2, 3, 4))
    assert counted[1, 2] > 100
    assert counted[2, 2] == counted[3, 2] == counted[4, 2] == 0


def test_the_first_case_taken_for_every_shape_is_wrong():
    """The control: the four cases do differ."""
    for n, h, m, r in ((2, 2, 9, 0), (9, 2, 2, 0), (2, 9, 2, 0)):
        first = 2 * (h + r) * (m + n) - (m - n) ** 2 - (h + r) ** 2 + (m + n + h + r) % 2
        assert Fraction(first, 8) != deep_linear_by_programme((n, h, m), rank=r)


def test_one_hidden_unit_is_a_product_of_two_norms():
    """K = |b|² |a|² in independent vectors, however many scalar layers lie between."""
    for n, m in itertools.product(range(1, 7), repeat=2):
        norms = [power_of_squares_llc(n, 1), power_of_squares_llc(m, 1)]
        assert same_pair(reduced_rank_llc(n, 1, m, rank=0), independent_product(*norms))
        scalars = [power_of_squares_llc(1, 1)] * 2
        product = independent_product(*norms, *scalars)
        assert same_pair(deep_linear_llc((n, 1, 1, 1, m), rank=0), product)


def test_one_input_is_a_product_of_two_norms():
    """K = |B a|² = |a|² |b|² with b the column of B in the direction of a."""
    for h, m in itertools.product(range(1, 7), repeat=2):
        product = independent_product(power_of_squares_llc(h, 1), power_of_squares_llc(m, 1))
        assert same_pair(reduced_rank_llc(1, h, m, rank=0), product)
        assert same_pair(reduced_rank_llc(m, h, 1, rank=0), product)


def test_one_layer_is_regular():
    for n, m in itertools.product(range(1, 6), repeat=2):
        for rank in range(min(n, m) + 1):
            assert same_pair(deep_linear_llc((n, m), rank=rank), regular_llc(n * m))
            # So is a bottleneck that the truth fills: matrices of rank r, r (N + M - r) of them.
            if rank:
                filled = reduced_rank_llc(n, rank, m, rank=rank)
                assert same_pair(filled, regular_llc(rank * (n + m - rank)))


def possible_ranks(n, h, m, r):
    for a, b in itertools.product(range(r, min(n, h) + 1), range(r, min(h, m) + 1)):
        if a + b <= h + r:
            yield a, b


def test_local_value_is_least_where_both_factors_have_the_rank_of_the_truth():
    for n, h, m, r in small_shapes(6):
        local = {
            ranks: local_two_layer_llc(n, h, m, rank=r, ranks=ranks)
            for ranks in possible_ranks(n, h, m, r)
        }
        assert same_pair(local[r, r], reduced_rank_llc(n, h, m, rank=r))
        assert not any(value.proved for value in local.values())
        for (a, b), value in local.items():
            # λ is lower semicontinuous: points of higher rank lie arbitrarily near.
            for near in ((a + 1, b), (a, b + 1)):
                assert near not in local or local[near].llc >= value.llc


def factors_of_ranks(n, h, m, r, a, b, rng):
    """Random A and B of ranks a and b whose product has rank r."""
    first, second = np.zeros((h, n)), np.zeros((m, h))
    first[:a] = rng.normal(size=(a, n))
    used = [*range(r), *range(a, a + b - r)]
    second[:, used] = rng.normal(size=(m, b))  # r of the hidden directions that A reaches
    turn = np.linalg.qr(rng.normal(size=(h, h)))[0]
    return turn @ first, second @ turn.T


def test_local_value_at_random_factors_lies_above_half_the_rank_of_the_jacobian():
    rng = np.random.default_rng(4)
    for n, h, m, r in ((3, 4, 3, 1), (2, 5, 4, 0), (4, 3, 2, 2), (3, 3, 3, 0)):
        for a, b in possible_ranks(n, h, m, r):
            first, second = factors_of_ranks(n, h, m, r, a, b, rng)
            assert np.linalg.matrix_rank(second @ first, tol=1e-9) == r
            jacobian = np.hstack([np.kron(second, np.eye(n)), np.kron(np.eye(m), first.T)])
            rank = np.linalg.matrix_rank(jacobian, tol=1e-9)
            assert rank == a * m + b * n - a * b
            local = local_two_layer_llc(n, h, m, rank=r, ranks=(a, b))
            assert local.llc >= Fraction(int(rank), 2)
            # Where no hidden direction or no output or input is left over, the fibre is smooth.
            if 0 in (n - a, m - b, h - a - b + r):
                assert same_pair(local, regular_llc(int(rank)))


@pytest.mark.parametrize(
    ("call", "pattern"),
    [
        (lambda: deep_linear_llc((3,), rank=0), r"at least inputs and outputs, got \[3\]"),
        (
            lambda: deep_linear_llc((3, 0, 3), rank=0),
            r"widths\[1\]: must be an integer >= 1, got 0",
        ),
        (lambda: deep_linear_llc(3, rank=0), "widths: must be a sequence of integers, got 3"),
        (
            lambda: deep_linear_by_programme((3, 2), rank=3),
            "rank: must be an integer between 0 and 2",
        ),
        (lambda: reduced_rank_llc(3, 2, 3, rank=-1), "between 0 and 2, got -1"),
        (lambda: reduced_rank_llc(3, 0, 3, rank=0), "n_hidden: must be an integer >= 1, got 0"),
        (
            lambda: local_two_layer_llc(3, 3, 3, rank=1, ranks=(3, 2)),
            r"ranks: must add up to at most n_hidden \+ rank = 4, got 3 \+ 2 \(next: Sylvester",
        ),
        (
            lambda: local_two_layer_llc(3, 3, 3, rank=1, ranks=(0, 2)),
            r"ranks\[0\]: must be an integer between 1 and 3, got 0",
        ),
    ],
)
def test_shapes_that_cannot_be_are_refused(call, pattern):
    with pytest.raises(SettingsError, match=pattern):
        call()
