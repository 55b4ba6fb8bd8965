"""Sizes of binary decision diagrams against sets of subfunctions and all orders of the inputs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pfmap.complexity import FunctionBatch, measure
from pfmap.settings.domain import boolean_points


def naive_nodes(f: np.ndarray, n: int) -> int:
    """Distinct subfunctions of every level that depend on the input the level tests."""
    nodes = 0
    for level in range(n):
        blocks = {bytes(block) for block in f.reshape(2**level, -1)}
        half = 2 ** (n - level - 1)
        nodes += sum(block[:half] != block[half:] for block in blocks)
    return nodes


def naive_minimum(f: np.ndarray, n: int) -> int:
    cube = f.reshape([2] * n)
    orders = itertools.permutations(range(n))
    return min(
        naive_nodes(np.ascontiguousarray(cube.transpose(order)).ravel(), n) for order in orders
    )


def functions(n: int, n_functions: int) -> np.ndarray:
    rng = np.random.default_rng(100 + n)
    share = rng.uniform(0, 1, (n_functions, 1))
    bits = (rng.random((n_functions, 2**n)) < share).astype(np.uint8)
    # x1 x(n/2+1) + x2 x(n/2+2) + …: exponential in one order and linear in another.
    half = n // 2
    points = boolean_points(n)
    bits[0] = (points[:, :half] * points[:, half : 2 * half]).any(axis=1)
    return bits


def measured(bits: np.ndarray, name: str) -> np.ndarray:
    n = bits.shape[1].bit_length() - 1
    batch = FunctionBatch("boolean", boolean_points(n), bits=bits)
    return measure(batch, [name], threads=1)[name]


@pytest.mark.parametrize("n", [1, 2, 4, 7, 10])
def test_nodes_equal_the_number_of_distinct_subfunctions(n):
    bits = functions(n, 25)
    np.testing.assert_array_equal(measured(bits, "bdd"), [naive_nodes(f, n) for f in bits])


@pytest.mark.parametrize(("n", "n_functions"), [(1, 4), (2, 16), (3, 60), (4, 40), (5, 10), (6, 2)])
def test_minimum_equals_that_over_all_orders(n, n_functions):
    bits = functions(n, n_functions)
    np.testing.assert_array_equal(measured(bits, "bdd_min"), [naive_minimum(f, n) for f in bits])


def test_a_bad_order_costs_and_the_minimum_sees_it():
    bits = functions(10, 1)
    # Bryant 1986: 2^(m+1) - 2 decision nodes in the order a1…am b1…bm, 2m in a1 b1 … am bm.
    assert measured(bits, "bdd")[0] == 2**6 - 2
    assert measured(bits, "bdd_min")[0] == 10


def test_minimum_never_exceeds_the_natural_order():
    bits = functions(7, 200)
    assert (measured(bits, "bdd_min") <= measured(bits, "bdd")).all()
