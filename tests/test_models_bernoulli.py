"""The Bernoulli form of a network: divergence, gradient, Fisher weights, and its coefficient."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest

from pfmap.activations import NAMES, facts_of
from pfmap.errors import SettingsError
from pfmap.kernels.bernoulli import divergence_slope
from pfmap.llc.estimate import estimate_llc
from pfmap.llc.rank import jacobian_rank
from pfmap.models.network import network_model, parameter_count
from pfmap.models.polynomial import polynomial_model
from pfmap.settings.domain import boolean_points

WITH_SLOPE = [name for name in NAMES if facts_of(name, 3).slope is not None]


def exact_divergence(logit: float, target: float) -> tuple[float, float]:
    """KL and its slope with 800 digits: enough for 1 - p at a logit of 845."""
    with localcontext() as context:
        context.prec = 800
        q, p = (1 / (1 + (-Decimal(x)).exp()) for x in (target, logit))
        kl = q * (q / p).ln() + (1 - q) * ((1 - q) / (1 - p)).ln()
        return float(kl), float(p - q)


@pytest.mark.parametrize("target", [0.0, 0.7, -0.7, 8.0, -8.0, 45.0, -45.0])
def test_divergence_keeps_its_digits_near_the_center_and_far_from_it(target):
    for delta in (1e-7, -1e-7, 1e-3, 0.3, -2.0, 25.0, -25.0, 40.0, -40.0, 800.0, -800.0):
        logit = target + delta
        kl, slope = divergence_slope(logit, target)
        true_kl, true_slope = exact_divergence(logit, target)
        # δ itself is known to the rounding of `logit`; cancellation leaves 1e-16/|δ| of KL.
        tolerance = 1e-14 + 4e-16 * (1.0 + abs(target)) / min(abs(delta), 1.0)
        assert kl == pytest.approx(true_kl, rel=tolerance)
        assert slope == pytest.approx(true_slope, rel=tolerance)
    assert divergence_slope(target, target) == (0.0, 0.0)


def test_the_difference_of_entropies_would_lose_them():
    """Negative control: the textbook form, in floats, is far outside the tolerance."""
    logit, target = 0.7 + 1e-7, 0.7
    q = 1 / (1 + np.exp(-target))
    naive = np.logaddexp(0, logit) - np.logaddexp(0, target) - q * (logit - target)
    assert abs(naive / exact_divergence(logit, target)[0] - 1) > 1e-4


@pytest.mark.parametrize("activation", WITH_SLOPE)
@pytest.mark.parametrize("widths", [(3, 1), (3, 5, 1), (2, 6, 5, 2)])
def test_gradient_matches_fourth_order_differences(activation, widths):
    rng = np.random.default_rng(len(widths))
    points = rng.normal(size=(9, widths[0]))
    model = network_model(widths, points, activation=activation, degree=3).in_bernoulli_form()
    weights = 0.5 * rng.normal(size=model.n_parameters)
    model = model.with_targets(rng.normal(size=len(model.targets)))
    step = 1e-3
    gradient = np.empty(model.n_parameters)
    for i in range(model.n_parameters):
        move = np.zeros(model.n_parameters)
        move[i] = step
        near = model.loss(weights + move) - model.loss(weights - move)
        far = model.loss(weights + 2 * move) - model.loss(weights - 2 * move)
        gradient[i] = (8 * near - far) / (12 * step)
    error = np.abs(model.gradient(weights) - gradient).max() / np.abs(gradient).max()
    assert error < 1e-7
    assert np.abs(1.00001 * gradient - gradient).max() / np.abs(gradient).max() > 1e-7


def test_hessian_at_the_center_is_that_of_the_fisher_weighted_jacobian():
    model = network_model((3, 5, 1), boolean_points(3), activation="tanh").in_bernoulli_form()
    weights = np.random.default_rng(2).normal(size=model.n_parameters)
    model = model.with_targets(model.outputs(weights))
    assert model.loss(weights) == 0.0
    assert not model.gradient(weights).any()
    weighted = model.fisher_jacobian(weights)
    hessian = np.array(
        [
            (model.gradient(weights + move) - model.gradient(weights - move)) / 2e-5
            for move in 1e-5 * np.eye(model.n_parameters)
        ]
    )
    assert np.abs(weighted.T @ weighted / 8 - hessian).max() < 1e-8 * np.abs(hessian).max()
    assert np.abs(model.jacobian(weights) - weighted).max() > 0.1  # control: weights matter


@pytest.mark.parametrize("activation", ["relu", "tanh", "erf"])
def test_rank_is_that_of_squared_error_and_the_estimate_follows_it(activation):
    widths = (3, 6, 1)
    model = network_model(widths, boolean_points(3), activation=activation)
    for seed in range(5):
        weights = np.random.default_rng(seed).normal(size=parameter_count(widths))
        probabilities = 1 / (1 + np.exp(-model.outputs(weights)))
        assert ((probabilities > 0) & (probabilities < 1)).all()
        unweighted = jacobian_rank(model.jacobian(weights)).rank
        estimate = estimate_llc(model, weights, center="bernoulli", steps=400, seed=seed)
        own = estimate_llc(model, weights, center="self", steps=400, seed=seed)
        assert estimate.rank == own.rank == unweighted
        assert estimate.loss_at_center == 0.0
        if estimate.verdict == "ok" and estimate.rank_constant:
            assert abs(estimate.llc - estimate.quadratic_llc) < 5 * estimate.llc_se


def test_a_saturated_probability_has_no_fisher_information():
    """At p = 1 in floats, the row has weight 0: the rank falls. This is where the ranks differ."""
    model = network_model((1, 1), np.array([[0.0], [1.0]])).in_bernoulli_form()
    weights = np.array([1600.0, 0.0])  # logits 0 and 1600
    assert jacobian_rank(model.jacobian(weights)).rank == 2
    assert jacobian_rank(model.fisher_jacobian(weights)).rank == 1


def test_one_logit_is_regular():
    """One parameter, one point: λ = 1/2 at any probability."""
    model = network_model((1, 1), np.ones((1, 1)), bias=False)
    estimate = estimate_llc(model, np.array([1.5]), center="bernoulli", steps=2000)
    assert estimate.verdict == "ok"
    assert abs(estimate.llc - 0.5) < 5 * estimate.llc_se


def test_only_networks_have_the_form():
    with pytest.raises(SettingsError, match="only networks"):
        polynomial_model([[1]]).in_bernoulli_form()
    with pytest.raises(SettingsError, match="only networks"):
        estimate_llc(polynomial_model([[1]]), np.ones(1), center="bernoulli")
