"""Minimal two-level expressions against an integer programme over naive prime implicants."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from pfmap.complexity import FunctionBatch, measure
from pfmap.complexity.expression import minimal_expression
from pfmap.kernels.boolean_cover import minimal_literals
from pfmap.kernels.boolean_primes import cube_tables, prime_implicants
from pfmap.settings.domain import boolean_points


def naive_primes(f: np.ndarray, n: int) -> dict[tuple[int, ...], np.ndarray]:
    """Prime implicants: cubes (2 is a free input) inside f that no larger one contains."""
    points = boolean_points(n).astype(int)
    cubes = {}
    for cube in itertools.product((0, 1, 2), repeat=n):
        digits = np.array(cube)
        inside = ((points == digits) | (digits == 2)).all(axis=1)
        if f[inside].all():
            cubes[cube] = inside
    larger = {
        cube: [(*cube[:i], 2, *cube[i + 1 :]) for i in range(n) if cube[i] != 2] for cube in cubes
    }
    return {cube: cubes[cube] for cube in cubes if not any(up in cubes for up in larger[cube])}


def naive_sum_of_products(f: np.ndarray, n: int) -> int:
    """Fewest literals of a sum of products, by integer programming."""
    if f.all() or not f.any():
        return 0
    primes = naive_primes(f, n)
    covers = np.array([inside[f == 1] for inside in primes.values()], dtype=float).T
    literals = np.array([sum(digit != 2 for digit in cube) for cube in primes], dtype=float)
    result = milp(
        literals,
        constraints=LinearConstraint(covers, 1, np.inf),
        integrality=np.ones(len(literals)),
        bounds=Bounds(0, 1),
    )
    assert result.status == 0
    return round(result.fun)


def functions(n: int, n_functions: int) -> np.ndarray:
    rng = np.random.default_rng(200 + n)
    share = rng.uniform(0.1, 0.9, (n_functions, 1))
    return (rng.random((n_functions, 2**n)) < share).astype(np.uint8)


def counted(bits: np.ndarray, n: int, budget: int) -> tuple[np.ndarray, np.ndarray]:
    literals = np.empty((len(bits), 2), np.int64)
    proven = np.empty((len(bits), 2), np.bool_)
    minimal_literals(bits, n, budget, literals, proven)
    return literals, proven


@pytest.mark.parametrize("n", [1, 3, 5, 7])
def test_prime_implicants_equal_the_naive_ones(n):
    step, literals, masks = cube_tables(n)
    inside, primes = np.empty(3**n, np.uint8), np.empty(3**n, np.int64)
    for f in functions(n, 6):
        found = primes[: prime_implicants(f, 1, n, step, inside, primes)]
        truth = naive_primes(f, n)
        # Base-3 digits of a cube, the last input first.
        digits = [tuple(int(c) // 3**k % 3 for k in reversed(range(n))) for c in found]
        assert set(digits) == set(truth)
        for cube, key in zip(found, digits, strict=True):
            points = [(int(masks[cube, x // 64]) >> (x % 64)) & 1 for x in range(2**n)]
            np.testing.assert_array_equal(points, truth[key])
            assert literals[cube] == sum(digit != 2 for digit in key)


@pytest.mark.parametrize(
    ("n", "n_functions"), [(1, 4), (2, 16), (3, 40), (4, 40), (5, 30), (6, 8), (7, 3)]
)
def test_literals_equal_the_integer_programme(n, n_functions):
    bits = functions(n, n_functions)
    literals, proven = counted(bits, n, -1)
    truth = [(naive_sum_of_products(f, n), naive_sum_of_products(1 - f, n)) for f in bits]
    np.testing.assert_array_equal(literals, truth)
    assert proven.all()


def test_every_function_of_three_inputs():
    bits = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(np.uint8)
    literals, _ = counted(bits, 3, -1)
    truth = [(naive_sum_of_products(f, 3), naive_sum_of_products(1 - f, 3)) for f in bits]
    np.testing.assert_array_equal(literals, truth)


def test_a_search_cut_short_is_an_upper_bound_and_says_so():
    points = boolean_points(7)
    # Weight 2 to 5: a cyclic core that a few nodes cannot settle.
    weight = points.sum(axis=1)
    bits = ((weight >= 2) & (weight <= 5)).astype(np.uint8)[None]
    literals, proven = {}, {}
    for budget in (0, 50, 10_000):
        literals[budget], proven[budget] = counted(bits, 7, budget)
    assert not proven[0].all()
    assert (literals[0] >= literals[50]).all()
    assert (literals[50] >= literals[10_000]).all()


def test_no_budget_at_all_still_gives_an_expression_no_shorter_than_the_shortest():
    bits = functions(4, 60)
    literals, proven = counted(bits, 4, 0)
    truth = np.array([naive_sum_of_products(f, 4) for f in bits])
    assert (literals[:, 0] >= truth).all()
    np.testing.assert_array_equal(literals[proven[:, 0], 0], truth[proven[:, 0]])
    assert not proven[:, 0].all()


def test_the_proxy_takes_the_shorter_of_both_forms():
    points = boolean_points(4)
    product_of_sums = (points[:, 0] + points[:, 1] > 0) & (points[:, 2] + points[:, 3] > 0)
    batch = FunctionBatch("boolean", points, bits=np.stack([product_of_sums, ~product_of_sums]))
    assert measure(batch, ["expression"])["expression"].tolist() == [4, 4]
    assert minimal_expression(batch)[1].tolist() == [True, True]
    assert naive_sum_of_products(product_of_sums.astype(int), 4) == 8


def test_uniform_functions_of_seven_inputs_are_proven_minimal():
    bits = np.random.default_rng(7).integers(0, 2, (200, 128), dtype=np.uint8)
    batch = FunctionBatch("boolean", boolean_points(7), bits=bits)
    assert minimal_expression(batch)[1].all()
