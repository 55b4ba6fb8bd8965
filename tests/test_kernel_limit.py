"""The limit of infinite width against integrals, wide networks, symmetries, and sums."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from pfmap.activations import NAMES, facts_of
from pfmap.errors import SettingsError
from pfmap.functions import (
    bits_from_words,
    functions_table,
    orbit_members,
    prior_symmetries,
    words_from_bits,
    words_from_keys,
)
from pfmap.kernel_limit import (
    check_signs,
    limit_covariance,
    limit_free_energy,
    orthant_probability,
    product_moments,
    sample_limit,
    share_of_right_signs,
)
from pfmap.kernel_limit.quadrature import quadrature_moments
from pfmap.kernels.activation import activate_row, code_of
from pfmap.sampling import outputs_of_draws, plan_sampling
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping

CLOSED_FORMS = [name for name in NAMES if facts_of(name, 2).product_moment is not None]


def network(*widths: int, draws: int = 1000, prior: Any = None, **settings: Any) -> Campaign:
    return campaign_from_mapping(
        {
            "draws": draws,
            "network": {"widths": list(widths), **settings},
            "prior": prior or {"preset": "gaussian"},
            "domain": {"kind": "boolean", "encoding": "pm1"},
        }
    )


def all_signs(n_points: int) -> np.ndarray:
    return np.array(list(itertools.product([-1.0, 1.0], repeat=n_points)))


def pairs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Variances over four decades, correlations up to ±1 and next to it."""
    rng = np.random.default_rng(0)
    u, v = np.exp(2.0 * rng.normal(size=(2, 10)))
    rho = np.r_[0.0, 1.0, -1.0, 1.0 - 1e-12, -1.0 + 1e-7, 0.999, rng.uniform(-1.0, 1.0, 4)]
    return u, v, rho * np.sqrt(u * v)


@pytest.mark.parametrize("activation", CLOSED_FORMS)
def test_closed_forms_against_quadrature(activation: str) -> None:
    u, v, cov = pairs()
    integrated = quadrature_moments(facts_of(activation, 1), 1, u, v, cov)
    closed = product_moments(activation, 1, u, v, cov)
    assert np.abs(closed - integrated).max() < 1e-12 * np.sqrt(u * v).max()


def test_quadrature_against_moments_of_powers_and_of_sines() -> None:
    u, v, cov = pairs()
    sines = product_moments("sin", 1, u, v, cov)
    assert np.abs(sines - np.exp(-(u + v) / 2.0) * np.sinh(cov)).max() < 1e-12
    cubes = product_moments("monomial", 3, u, v, cov)  # Isserlis: 9 uv·cov + 6 cov³
    assert cubes == pytest.approx(9.0 * u * v * cov + 6.0 * cov**3, rel=1e-11, abs=1e-9)


def test_quadrature_against_plain_draws_for_every_other_activation() -> None:
    """Whatever is declared has a limit; 400,000 draws, five standard errors."""
    rng = np.random.default_rng(1)
    covariance = np.array([[1.3, -0.6], [-0.6, 0.7]])
    x = rng.multivariate_normal(np.zeros(2), covariance, size=400_000)
    for name in set(NAMES) - set(CLOSED_FORMS):
        values = np.empty(x.size)
        activate_row(code_of(name), 2, x.ravel(), values)
        values = values.reshape(x.shape).prod(axis=1)
        (found,) = product_moments(name, 2, *(np.array([c]) for c in (1.3, 0.7, -0.6)))
        error = values.std() / math.sqrt(len(x))
        assert abs(found - values.mean()) < 5.0 * error
        assert abs(found + 12.0 * error - values.mean()) > 5.0 * error


def test_quadrature_of_added_activations_against_what_is_known() -> None:
    u, v, cov = pairs()
    cosines = product_moments("cos", 1, u, v, cov)
    assert np.abs(cosines - np.exp(-(u + v) / 2.0) * np.cosh(cov)).max() < 1e-12
    bells = product_moments("gaussian", 1, u, v, cov)
    exact = 1.0 / np.sqrt((1.0 + 2.0 * u) * (1.0 + 2.0 * v) - 4.0 * cov**2)
    assert np.abs(bells - exact).max() < 1e-11
    leaky = product_moments("leaky_relu", 1, u, v, cov)
    same, opposite = (product_moments("relu", 1, u, v, sign * cov) for sign in (1.0, -1.0))
    exact = (1.0 + 0.01**2) * same - 2.0 * 0.01 * opposite
    assert np.abs(leaky - exact).max() < 1e-11 * np.sqrt(u * v).max()
    # sigmoid(x) + sigmoid(-x) = 1, so that the two sum to E[sigmoid(u)].
    one = np.ones(1)
    sigmoid = product_moments("sigmoid", 1, one, one, -one)
    assert sigmoid + product_moments("sigmoid", 1, one, one, one) == pytest.approx(0.5, abs=1e-12)


def test_a_variance_of_zero_is_a_constant() -> None:
    zero, one = np.zeros(1), np.ones(1)
    for name in NAMES:
        facts = facts_of(name, 2)
        if facts.zero_at_zero:
            assert product_moments(name, 2, zero, one, zero)[0] == pytest.approx(0.0, abs=1e-12)
        (both,) = product_moments(name, 2, zero, zero, zero)
        assert both == pytest.approx(facts.value(2, 0.0) ** 2, abs=1e-12)


def test_covariance_is_that_of_wide_networks() -> None:
    """Outputs of (2,128,128,1): 8,000 draws, errors of C about 1.6 %, of the width about 1 %."""
    for activation in ("tanh", "relu"):
        campaign = network(2, 128, 128, 1, activation=activation, prior={"bias_sd": 0.5})
        outputs = outputs_of_draws(plan_sampling(campaign), np.arange(8_000), threads=1)
        covariance = limit_covariance(campaign)
        size = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
        assert np.abs(outputs.T @ outputs / len(outputs) - covariance).max() < 0.09 * size.max()


def test_biases_that_shrink_with_the_width_vanish() -> None:
    published = network(3, 32, 32, 1, prior={"preset": "mingard2025"})
    by_hand = network(3, 7, 9, 1, prior={"weight_sd": 1.0, "bias_sd": 0.0, "output_bias_sd": 0.2})
    assert limit_covariance(published) == pytest.approx(limit_covariance(by_hand), abs=1e-15)
    # The first layer keeps a bias scaled by its few inputs.
    scaled = network(3, 32, 1, prior={"bias_scale": "fan_in", "output_bias_scale": "none"})
    plain = network(3, 32, 1, prior={"bias_sd": 3**-0.5, "output_bias_sd": 1.0})
    assert limit_covariance(scaled) == pytest.approx(limit_covariance(plain))


def test_priors_without_a_limit_are_refused() -> None:
    with pytest.raises(SettingsError, match="must be normal"):
        limit_covariance(network(3, 8, 1, prior={"preset": "vallePerez2019"}))
    with pytest.raises(SettingsError, match="must be fan_in"):
        limit_covariance(network(3, 8, 1, prior={"weight_scale": "none"}))
    # A perceptron has no hidden layer, so that nothing has to shrink.
    assert limit_covariance(network(3, 1, prior={"weight_scale": "none"}))[0, 0] == 4.0
    with pytest.raises(SettingsError, match="stay below 1e"):
        limit_covariance(network(3, 8, 1, prior={"weight_sd": 1e80}))
    with pytest.raises(SettingsError, match="keep the sign"):
        check_signs(network(3, 8, 1, output_activation="sin"))


def test_probabilities_of_all_functions_add_up_to_one() -> None:
    for n_inputs, settings in ((2, {}), (2, {"activation": "tanh"}), (3, {"bias": False})):
        covariance = limit_covariance(network(n_inputs, 8, 1, **settings))
        found = [
            orthant_probability(covariance, signs, precision=0.05, seed=seed)
            for seed, signs in enumerate(all_signs(2**n_inputs))
        ]
        p = np.array([2.0**item.log2_p for item in found])
        errors = p * np.array([item.log2_p_se for item in found]) * math.log(2.0)
        assert abs(p.sum() - 1.0) < 6.0 * math.sqrt((errors**2).sum())
        p[p.argsort()[-3]] = 0.0  # negative control: one function missing
        assert abs(p.sum() - 1.0) > 6.0 * math.sqrt((errors**2).sum())


def test_a_perceptron_has_the_threshold_functions_alone() -> None:
    covariance = limit_covariance(network(3, 1))
    found = [orthant_probability(covariance, signs, precision=0.2) for signs in all_signs(8)]
    reached = [item for item in found if item.log2_p > -math.inf]
    assert len(reached) == 104
    assert {item.verdict for item in found if item.log2_p == -math.inf} == {"exact"}
    assert sum(2.0**item.log2_p for item in reached) == pytest.approx(1.0, abs=0.02)


def test_members_of_an_orbit_have_one_probability_and_one_free_energy() -> None:
    campaign = network(3, 8, 8, 1)
    covariance = limit_covariance(campaign)
    word = words_from_bits(np.array([[1, 0, 0, 0, 0, 0, 1, 0]]))[0]
    members = bits_from_words(orbit_members(word, 3, prior_symmetries(campaign)), 8)
    assert len(members) > 4
    signs = np.where(members == 1, 1.0, -1.0)
    found = [orthant_probability(covariance, row, seed=seed) for seed, row in enumerate(signs)]
    values = np.array([item.log2_p for item in found])
    errors = np.array([item.log2_p_se for item in found])
    assert np.abs((values - values.mean()) / errors).max() < 6.0
    n = np.array([1.0, 100.0])
    energies = [limit_free_energy(covariance, row, n).free_energy for row in signs]
    assert np.ptp(energies, axis=0).max() < 1e-9


def test_counts_of_the_limit_agree_with_its_orthants_and_with_threads() -> None:
    campaign = network(3, 8, 1, draws=200_000)
    counts = sample_limit(campaign, threads=1)
    assert counts.equals(sample_limit(campaign, threads=3))
    table = functions_table(counts, campaign).to_pandas()
    covariance = limit_covariance(campaign)
    common = table[table["count"] >= 500]
    words = words_from_keys(common["function"].tolist(), 8, True)
    z = []
    for count, bits in zip(common["count"], bits_from_words(words, 8), strict=True):
        signs = np.where(bits == 1, 1.0, -1.0)
        expected = campaign.draws * 2.0 ** orthant_probability(covariance, signs).log2_p
        z.append((count - expected) / math.sqrt(expected))
    assert (np.square(z)).mean() < 1.0 + 5.0 * math.sqrt(2.0 / len(z))
    # Negative control: the functions of another kernel.
    other = limit_covariance(network(3, 8, 1, prior={"bias_sd": 0.3}))
    first = np.where(bits_from_words(words[-1:], 8)[0] == 1, 1.0, -1.0)
    assert (
        abs(
            orthant_probability(other, first).log2_p - orthant_probability(covariance, first).log2_p
        )
        > 0.5
    )


def test_an_output_that_is_always_zero_is_the_bit_zero() -> None:
    """Inputs of 0 and 1, no biases: f(0…0) = 0."""
    campaign = campaign_from_mapping(
        {
            "draws": 2000,
            "network": {"widths": [2, 8, 1], "bias": False},
            "prior": {"preset": "gaussian"},
        }
    )
    assert set(sample_limit(campaign)["function"]) == {f"{value:x}" for value in range(8)}
    covariance = limit_covariance(campaign)
    assert orthant_probability(covariance, np.array([1, 1, 1, 1])).log2_p == -math.inf


def test_free_energy_is_the_evidence_and_its_slope() -> None:
    covariance = limit_covariance(network(3, 8, 1))
    y = np.where(np.arange(8) % 3 == 0, 1.0, -1.0)
    n = np.array([0.3, 10.0, 1e4])
    found = limit_free_energy(covariance, y, n)
    for size, value in zip(n, found.free_energy, strict=True):
        noise = 8.0 / size
        _, log_det = np.linalg.slogdet(np.eye(8) + covariance / noise)
        fit = y @ np.linalg.solve(covariance + noise * np.eye(8), y)
        assert value == pytest.approx(0.5 * (log_det + fit), rel=1e-10)
    step = 1e-4
    up, down = (limit_free_energy(covariance, y, n * math.exp(sign * step)) for sign in (1, -1))
    slope = (up.free_energy - down.free_energy) / (2.0 * step)
    assert found.lambda_eff == pytest.approx(slope, rel=1e-6)
    # Half the number of points in the end, for a covariance of full rank.
    assert limit_free_energy(covariance, y, np.array([1e12])).lambda_eff[0] == pytest.approx(4.0)


def test_slope_at_small_n_is_the_mean_loss_under_the_prior() -> None:
    covariance = limit_covariance(network(3, 8, 1))
    y = np.where(np.arange(8) % 3 == 0, 1.0, -1.0)
    mean_loss = 0.5 * (1.0 + np.trace(covariance) / 8.0)
    found = limit_free_energy(covariance, y, np.array([1e-9]))
    assert found.lambda_eff[0] / 1e-9 == pytest.approx(mean_loss)


def test_share_of_right_signs_is_the_posteriors() -> None:
    """Against weighted draws of the process: 400,000 of them, five standard errors."""
    covariance = limit_covariance(network(2, 8, 1))
    y = np.array([-1.0, 1.0, 1.0, 1.0])
    draws = np.random.default_rng(0).multivariate_normal(np.zeros(4), covariance, size=400_000)
    for n in (1.0, 20.0):
        weights = np.exp(-n * ((draws - y) ** 2).mean(axis=1) / 2.0)
        right = (draws * y > 0.0).all(axis=1)
        share = weights[right].sum() / weights.sum()
        error = np.sqrt(((weights * (right - share)) ** 2).sum()) / weights.sum()
        found = share_of_right_signs(covariance, y, n)
        assert abs(2.0**found.log2_p - share) < 5.0 * error + 0.003
