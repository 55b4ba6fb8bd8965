"""Ranks modulo primes: against fractions, against networks of the literature, against floats."""

from __future__ import annotations

import numpy as np
import pytest

from pfmap.errors import SettingsError
from pfmap.llc.exact.finite_field import product_modulo, random_primes, rank_modulo, residues
from pfmap.llc.exact.finite_jacobian import model_jacobian
from pfmap.llc.exact.finite_rank import generic_network_rank, jacobian_rank_exactly
from pfmap.llc.exact.rational import exact_rank
from pfmap.llc.rank import jacobian_rank
from pfmap.models.linear import deep_linear_model
from pfmap.models.network import network_model, parameter_count
from pfmap.models.polynomial import polynomial_model

KOHN = [(2, 3, 1), (2, 3, 3, 1), (2, 3, 3, 2), (3, 2, 2, 2, 3), (2, 2, 2, 2, 1)]


def power_network(widths, degree, n_points=40, seed=1):
    """A network of activation x^degree at random float weights, and these weights."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n_points, widths[0]))
    model = network_model(widths, points, activation="monomial", degree=degree, bias=False)
    return model, rng.normal(size=model.n_parameters)


@pytest.mark.parametrize("degree", [5, 7])
@pytest.mark.parametrize("widths", KOHN)
def test_generic_rank_is_parameters_minus_hidden_units(widths, degree):
    d = parameter_count(widths, False)
    found = generic_network_rank(widths, degree=degree)
    assert found.rank == d - sum(widths[1:-1])
    assert found.log2_error < -10


@pytest.mark.parametrize("degree", [1, 2])
def test_low_degrees_break_the_rule(degree):
    ranks = [generic_network_rank(widths, degree=degree).rank for widths in KOHN]
    expected = {1: [2, 2, 4, 8, 2], 2: [3, 5, 10, 14, 7]}
    assert ranks == expected[degree]


@pytest.mark.parametrize(("widths", "degree"), [((2, 3, 3, 1), 5), ((2, 3, 3, 1), 7)])
def test_floats_lose_the_rank_that_primes_keep(widths, degree):
    model, weights = power_network(widths, degree)
    assert jacobian_rank_exactly(model, weights).rank == 12
    assert jacobian_rank(model.jacobian(weights)).rank < 12


def test_a_redundant_or_inactive_unit_lowers_the_rank():
    rng = np.random.default_rng(2)
    weights = rng.integers(-50, 50, size=9)
    weights[2:4] = 3 * weights[:2]  # the second unit is a multiple of the first
    assert generic_network_rank((2, 3, 1), degree=6, weights=weights).rank == 4
    weights[:2], weights[2:4] = 0, [5, 7]  # the first is off, the second is one of its own
    assert generic_network_rank((2, 3, 1), degree=6, weights=weights).rank == 4
    weights[:2] = 11, -3
    assert generic_network_rank((2, 3, 1), degree=6, weights=weights).rank == 6


@pytest.mark.parametrize("shape", [(5, 7, 3), (60, 30, 12), (49, 49, 48), (4, 4, 0)])
def test_rank_modulo_a_prime_is_that_of_fractions(shape):
    n, m, k = shape
    rng = np.random.default_rng(n)
    product = rng.integers(-4, 5, size=(n, k)) @ rng.integers(-4, 5, size=(k, m))
    for prime in random_primes(3):
        assert rank_modulo(product % prime, prime) == exact_rank(product.tolist())


def test_a_prime_that_divides_the_minor_shows_a_smaller_rank():
    """What two random primes guard against: 7 divides the determinant."""
    matrix = np.array([[1, 2], [3, 13]])
    assert rank_modulo(matrix % 7, 7) == 1
    assert rank_modulo(matrix % 11, 11) == 2


def test_products_modulo_a_prime_are_exact():
    prime = random_primes(1)[0]
    rng = np.random.default_rng(0)
    left, right = (rng.integers(0, prime, size=size) for size in ((3, 500), (500, 4)))
    exact = (left.astype(object) @ right.astype(object)) % prime
    assert (product_modulo(left, right, prime) == exact.astype(np.int64)).all()


@pytest.mark.parametrize("kind", ["monomial", "linear", "sum"])
def test_jacobian_modulo_a_prime_is_the_jacobian(kind):
    """At small integers both are integers below half a prime."""
    rng = np.random.default_rng(4)
    points = rng.integers(-2, 3, size=(5, 2)).astype(float)
    if kind == "sum":
        model = polynomial_model([[1, 2, 0], [0, 3, 1]], rng.integers(-3, 4, (5, 2)).astype(float))
    else:
        model = network_model((2, 3, 2), points, activation=kind, degree=3, bias=kind == "monomial")
    weights = rng.integers(-3, 4, size=model.n_parameters).astype(float)
    prime = random_primes(1)[0]
    expected = model.jacobian(weights).astype(np.int64) % prime
    assert (model_jacobian(model, weights, prime) == expected).all()


def test_floats_are_taken_as_the_fractions_that_they_are():
    values = np.array([0.1, -3e-300, 7e200, 0.0])
    prime = random_primes(1)[0]
    exact = [a * pow(b, -1, prime) % prime for a, b in (x.as_integer_ratio() for x in values)]
    assert residues(values, prime).tolist() == exact


def test_only_polynomial_models_have_an_exact_rank():
    tanh = network_model((2, 2, 1), np.eye(2), activation="tanh")
    assert jacobian_rank_exactly(tanh, np.ones(tanh.n_parameters)) is None
    linear = deep_linear_model((3, 2, 3), np.zeros((3, 3)))
    assert jacobian_rank_exactly(linear, np.zeros(12)).rank == 0


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"widths": (3,), "degree": 2}, "widths: must hold at least inputs and outputs"),
        ({"widths": (3, 1), "degree": 0}, "degree: must be an integer between 1 and 64, got 0"),
        ({"widths": (100, 100, 1), "degree": 2}, "at most 5000 parameters, got 10100"),
        (
            {"widths": (1, 1), "degree": 2, "weights": np.ones(3)},
            r"weights: must be 1 finite numbers, got shape \(3,\)",
        ),
    ],
)
def test_bad_arguments_are_named(arguments, rule):
    with pytest.raises(SettingsError, match=rule):
        generic_network_rank(**arguments)
