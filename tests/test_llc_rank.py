"""Rank of the Jacobian, whether it is constant along the fibre, and training to targets."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pfmap.llc.estimate import estimate_llc
from pfmap.llc.rank import jacobian_rank, rank_is_constant
from pfmap.llc.train import train_to_targets
from pfmap.models.linear import deep_linear_model, padded_identity
from pfmap.models.network import network_model, parameter_count
from pfmap.models.polynomial import polynomial_model
from pfmap.settings.domain import boolean_points


def random_weights(widths, seed):
    """Gaussian weights with unit variance times fan-in."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=parameter_count(widths)) / np.sqrt(max(widths))


@pytest.mark.parametrize(
    ("widths", "activation", "low", "high"),
    [
        ((7, 10, 1), "tanh", 91, 91),  # all parameters
        ((7, 40, 40, 1), "tanh", 128, 128),  # all points
        ((7, 10, 1), "relu", 60, 91),
    ],
)
def test_rank_at_a_generic_parameter(widths, activation, low, high):
    model = network_model(widths, boolean_points(7), activation=activation)
    weights = random_weights(widths, 3)
    found = jacobian_rank(model.jacobian(weights))
    assert low <= found.rank <= high
    assert found.gap < 1e-3
    assert rank_is_constant(model, weights, found, seed=1) is True


def test_dead_units_lower_the_rank_and_leave_it_constant():
    model = network_model((3, 4, 1), boolean_points(3))
    weights = random_weights((3, 4, 1), 5)
    rank_before = jacobian_rank(model.jacobian(weights)).rank
    weights[:12] = -np.abs(weights[:12])  # every unit off at every point but 0…0
    weights[12:16] = -1.0
    found = jacobian_rank(model.jacobian(weights))
    assert found.rank == 1 < rank_before  # the output bias alone
    assert rank_is_constant(model, weights, found, seed=1) is True


@pytest.mark.parametrize(
    ("exponents", "constant"),
    [
        ([[1, 0]], True),  # regular
        ([[2, 0]], False),  # rank 0 on the fibre, λ = 1/4
        ([[1, 1]], False),  # a crossing, λ = 1/2
        ([[4, 0], [0, 1]], False),
        ([[1, 0], [2, 3]], True),  # outputs w1 and w1² w2³: the fibre is the line w1 = 0
    ],
)
def test_constant_rank_is_told_from_a_singular_point(exponents, constant):
    model = polynomial_model(exponents)
    found = jacobian_rank(model.jacobian(np.zeros(2)))
    assert rank_is_constant(model, np.zeros(2), found, seed=2) is constant


def test_a_kink_beside_the_parameter_does_not_shake_a_full_rank():
    # One output, a relu(w + b) + c, a hair above its kink: perturbations of 1e-5 cross it.
    model = network_model((1, 1, 1), np.ones((1, 1)))
    weights = np.array([1e-9, 0.0, 1.0, 0.0])
    found = jacobian_rank(model.jacobian(weights))
    assert (found.rank, len(model.targets)) == (1, 1)
    assert rank_is_constant(model, weights, found, seed=1) is True


def test_zero_map_has_rank_zero_although_its_coefficient_is_three_halves():
    model = deep_linear_model((2, 2, 2), np.zeros((2, 2)))
    weights = padded_identity((2, 2, 2), 0)
    found = jacobian_rank(model.jacobian(weights))
    assert found.rank == 0
    assert np.isnan(found.gap)
    assert rank_is_constant(model, weights, found, seed=1) is False


def test_gap_says_how_clear_the_rank_is():
    assert jacobian_rank(np.diag([1.0, 1e-3, 1e-17])).gap == pytest.approx(1e-14)
    full = jacobian_rank(np.diag([1.0, 1e-3]))
    assert (full.rank, full.gap) == (2, pytest.approx(2 * 2.220446e-16 / 1e-3))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_training_reaches_the_targets_and_never_climbs(activation):
    widths = (5, 16, 16, 1)
    weights = random_weights(widths, 7) * 2
    start = network_model(widths, boolean_points(5), activation=activation)
    bits = np.random.default_rng(7).integers(0, 2, size=32)
    model = start.with_targets(2.0 * bits - 1.0)
    losses = [
        train_to_targets(model, weights, tolerance=1e-20, max_steps=steps).loss
        for steps in range(12)
    ]
    assert all(b <= a for a, b in itertools.pairwise(losses))
    trained = train_to_targets(model, weights, tolerance=1e-20)
    assert trained.reached
    assert trained.loss <= 1e-20
    assert ((model.outputs(trained.weights) > 0) == (bits == 1)).all()


@pytest.mark.parametrize("points", [10, 30])
def test_first_step_of_training_is_the_damped_gauss_newton_step(points):
    # 13 parameters: fewer than the points or more, the move is the same.
    inputs = np.random.default_rng(1).normal(size=(points, 2))
    model = network_model((2, 3, 1), inputs, activation="tanh")
    weights = random_weights((2, 3, 1), 4)
    model = model.with_targets(model.outputs(weights) + 1e-3)
    trained = train_to_targets(model, weights, tolerance=1e-20, max_steps=1)
    jacobian = model.jacobian(weights)
    damping = (jacobian**2).sum() / min(jacobian.shape) / 100
    normal = jacobian.T @ jacobian + damping * np.eye(model.n_parameters)
    move = -np.linalg.solve(normal, jacobian.T @ np.full(points, -1e-3))
    assert trained.steps == 1
    assert np.abs(trained.weights - weights - move).max() < 1e-9 * np.abs(move).max()


def test_training_says_where_it_fails():
    negative = network_model((3, 4, 1), boolean_points(3), output_activation="relu")
    negative = negative.with_targets(-np.ones(8))
    trained = train_to_targets(negative, random_weights((3, 4, 1), 1), tolerance=1e-20)
    assert not trained.reached
    assert trained.loss >= 0.5
    stuck = polynomial_model([[2]], targets=[-1.0])  # w² = -1, and a zero Jacobian at w = 0
    assert not train_to_targets(stuck, np.zeros(1), tolerance=1e-20).reached


def test_a_saturated_tanh_attains_no_target_of_one():
    open_range = network_model((3, 4, 1), boolean_points(3), output_activation="tanh")
    assert not open_range.attains(np.ones(8))
    assert open_range.attains(np.full(8, 0.9))
    assert network_model((3, 4, 1), boolean_points(3)).attains(np.ones(8))


@pytest.mark.parametrize(("degree", "verdict"), [(2, "ok"), (5, "soft"), (7, "soft")])
def test_the_rank_of_a_polynomial_model_is_soft_where_floats_lose_it(degree, verdict):
    rng = np.random.default_rng(1)
    points = rng.normal(size=(40, 2))
    model = network_model((2, 3, 3, 1), points, activation="monomial", degree=degree, bias=False)
    found = estimate_llc(model, rng.normal(size=model.n_parameters), steps=20, warmup=5)
    assert found.rank_verdict == verdict
    assert (found.rank == found.rational_rank) is (verdict == "ok")
    if degree > 2:
        assert found.rational_rank == 12
