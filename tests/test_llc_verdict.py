"""Every verdict is reached by what it is meant for, and bad arguments are named."""

from __future__ import annotations

import numpy as np
import pytest

from pfmap.errors import SettingsError
from pfmap.llc.diagnostics import ADVICE, Summary, judge, summarize
from pfmap.llc.estimate import estimate_llc
from pfmap.llc.problem import Chains
from pfmap.models.network import kink_margin, network_model, parameter_count, unflatten
from pfmap.models.own import OwnModel
from pfmap.models.polynomial import gaussian_model, polynomial_model
from pfmap.settings.domain import boolean_points
from pfmap.settings.sections import Llc

SMALL = {"n_beta": 1e6, "gamma": 1.0}


def chains_of(excess, **changes):
    """Chains with a given trace; distance and virial like those of a regular model with d = 2."""
    rng = np.random.default_rng(1)
    parts = {
        "excess": excess,
        "distance": rng.gamma(1.0, size=excess.shape),
        "virial": 2 * rng.gamma(1.0, size=excess.shape),
        "acceptance": np.full(len(excess), 0.6),
        "low_step": np.ones(len(excess)),
        "lowest": 0.0,
        "finite": True,
    }
    return Chains(**(parts | changes))


def good_trace():
    """Independent draws of the law Gamma(1) that nβK tends to where λ = 1."""
    return np.random.default_rng(0).gamma(1.0, size=(4, 1000))


def verdict_of(chains, **options):
    """Verdict with d = 2."""
    return judge(summarize(chains), chains, n_parameters=2, **options)


def test_good_chains_are_ok():
    found = summarize(chains_of(good_trace()))
    assert abs(found.llc - 1) < 5 / np.sqrt(4000)
    assert found.llc_se == pytest.approx(1 / np.sqrt(4000), rel=0.2)
    # (e - 1) - (e - 1)² has variance 1 - 2·2 + 9 - 1 = 5 under Gamma(1), of moments 1, 2 and 9.
    assert abs(found.slope) < 5 * np.sqrt(5 / 4000)
    assert found.slope_se == pytest.approx(np.sqrt(5 / 4000), rel=0.3)
    assert verdict_of(chains_of(good_trace()), rank=2) == "ok"


def test_the_error_of_correlated_chains_is_that_of_their_effective_size():
    """An autoregression x' = ρ x + noise: the variance of its mean is (1 + ρ)/(1 - ρ) as large."""
    rng, rho = np.random.default_rng(3), 0.9
    noise = rng.normal(size=(4, 20_000)) * np.sqrt(1.0 - rho**2)
    trace = np.empty_like(noise)
    trace[:, 0] = rng.normal(size=4)
    for step in range(1, trace.shape[1]):
        trace[:, step] = rho * trace[:, step - 1] + noise[:, step]
    expected = np.sqrt((1.0 + rho) / (1.0 - rho) / trace.size)
    assert summarize(chains_of(5.0 + trace)).llc_se == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize(
    ("verdict", "chains", "options"),
    [
        ("nan", chains_of(good_trace(), finite=False), {}),
        ("nan", chains_of(np.full((4, 100), np.nan)), {}),
        ("not a minimum", chains_of(good_trace(), lowest=-1.0), {}),
        ("not a minimum", chains_of(good_trace()), {"is_minimum": False}),
        ("not converged", chains_of(good_trace() + np.arange(4)[:, None]), {}),
        ("stuck", chains_of(good_trace(), distance=np.outer(range(4), np.ones(1000))), {}),
        ("stuck", chains_of(good_trace(), acceptance=np.array([0.6, 0.6, 0.6, 0.0])), {}),
        ("constant", chains_of(np.ones((4, 1000))), {}),
        ("ok", chains_of(good_trace(), acceptance=np.ones(4)), {}),  # a quadratic K
        ("not converged", chains_of(good_trace(), acceptance=np.array([0.6, 0.6, 0.6, 0.1])), {}),
        ("not converged", chains_of(good_trace(), virial=good_trace()), {}),  # mean 1, d is 2
        ("short", chains_of(good_trace()[:, :40]), {}),
        ("soft", chains_of(good_trace() * 0.5), {}),  # mean 0.5, variance 0.25
        ("soft", chains_of(good_trace()), {"rank": 3}),
        ("soft", chains_of(good_trace()), {"rank": 2, "rank_constant": False}),  # λ > 1
        ("ok", chains_of(good_trace()), {"rank": 2, "rank_constant": True}),
        ("ok", chains_of(good_trace()), {"rank": 1, "rank_constant": False}),
    ],
)
def test_each_rule_gives_its_verdict(verdict, chains, options):
    assert verdict_of(chains, **options) == verdict
    assert verdict in ADVICE


def test_weak_localised_posterior_is_soft():
    # At γ = 1e10 the product w1 w2 is flat: λ̂ is near 0 and still rises with nβ.
    found = estimate_llc(polynomial_model([[1, 1]]), np.zeros(2), n_beta=1e16, gamma=1e10)
    assert found.verdict == "soft"
    assert found.llc < 0.01
    assert "raise n_beta" in found.advice


@pytest.mark.parametrize("change", ["duplicate", "idle"])
def test_quartic_directions_that_the_locality_hides_are_soft(change):
    # Two equal tanh units, or one with all weights 0: λ > rank/2, but at γ = 1e10 the quartic
    # directions are flat and λ̂ settles at rank/2.
    widths = (4, 2, 1)
    weights = np.random.default_rng(3).normal(size=parameter_count(widths))
    (matrix, offset), (out, _) = unflatten(weights, widths)
    matrix[1], offset[1] = (matrix[0], offset[0]) if change == "duplicate" else (0.0, 0.0)
    out[0, 1] *= change == "duplicate"
    model = network_model(widths, boolean_points(4), activation="tanh")
    found = estimate_llc(model, weights)
    assert found.rank_constant is False
    assert abs(found.llc - found.rank / 2) < 5 * np.sqrt(found.rank / 2 / found.ess)
    assert abs(found.llc_slope) < 0.1 * found.llc
    assert (found.verdict, found.rank_verdict) == ("soft", "ok")


def test_rank_bounds_nothing_where_the_loss_has_a_minimum_above_zero():
    # Outputs w and w²/2 with targets 0 and 1: K = (1 + w⁴/4)/4, so λ = 1/4 < rank/2 at w = 0.
    model = polynomial_model([[1], [2]], np.diag([1.0, 0.5]), targets=[0.0, 1.0])
    found = estimate_llc(
        model, np.zeros(1), center="given", n_beta=1e3, gamma=1e-2, steps=4000, warmup=500,
        replicas=6,
    )  # fmt: skip
    assert found.rank == 1
    # nβK is close to Gamma(1/4), of variance 1/4.
    assert abs(found.llc - 0.25) < 5 * np.sqrt(0.25 / found.ess)
    assert (found.verdict, found.rank_verdict) == ("ok", "not a minimum")
    assert found.rank_constant is None


def test_narrow_valleys_without_replicas_do_not_pass_for_converged():
    found = estimate_llc(polynomial_model([[1, 1]]), np.zeros(2), n_beta=1e8, gamma=1.0, steps=5000)
    assert found.verdict == "not converged"


def test_a_point_on_a_slope_is_not_a_minimum():
    model = OwnModel(2, lambda w: 0.5 * float(w @ w), lambda w: w)
    found = estimate_llc(model, np.array([0.1, 0.0]), center="given", **SMALL)
    assert found.verdict == "not a minimum"


def test_unreachable_targets_are_not_a_minimum():
    model = network_model((3, 5, 1), boolean_points(3), output_activation="tanh")
    weights = np.random.default_rng(1).normal(size=model.n_parameters)
    found = estimate_llc(model, weights, center="target", targets=np.ones(8))
    assert found.verdict == found.rank_verdict == "not a minimum"
    assert np.isfinite(found.loss_at_center)


def test_more_points_than_parameters_are_not_a_minimum():
    model = network_model((5, 2, 1), boolean_points(5), activation="tanh")
    weights = np.random.default_rng(2).normal(size=model.n_parameters)
    bits = np.random.default_rng(3).integers(0, 2, size=32)
    found = estimate_llc(model, weights, center="target", targets=2.0 * bits - 1.0)
    assert found.verdict == "not a minimum"
    assert found.loss_at_center > 1e-3


def test_nan_in_the_users_loss_is_nan():
    model = OwnModel(1, lambda w: float("nan"), lambda w: w)
    found = estimate_llc(model, np.zeros(1), center="given", **SMALL)
    assert found.verdict == "nan"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"weights": np.zeros(3)}, r"weights: must have shape \(2,\), got \(3,\)"),
        ({"weights": np.array([0.0, np.nan])}, "weights: must be finite, got nan at index 1"),
        ({"center": "best"}, "center: must be one of self, target, bernoulli, given, got 'best'"),
        ({"gamma": 0.0}, r"gamma: must be finite and above 0, got 0\.0"),
        ({"n_beta": np.inf}, "n_beta: must be finite"),
        ({"chains": 1}, "chains: must be at least 2, got 1"),
        ({"steps": 1}, "steps: must be at least"),
        ({"steps": 1e3}, r"steps: must be a whole number, got 1000\.0"),
        ({"warmup": 0}, "warmup: must be at least"),
        ({"replicas": 0}, "replicas: must be at least 1, got 0"),
        ({"replica_ratio": 1.0}, "replica_ratio: must be finite and above 1"),
        ({"targets": np.ones(2)}, 'targets: go with center="target"'),
        (
            {"targets": np.ones(3), "center": "target"},
            r"targets: .* shape \(2,\), got shape \(3,\)",
        ),
        ({"targets": [np.nan, 1.0], "center": "target"}, "targets: must be finite"),
    ],
)
def test_bad_arguments_are_named(change, rule):
    arguments = {"weights": np.zeros(2)} | change
    with pytest.raises(SettingsError, match=rule):
        estimate_llc(gaussian_model(np.ones(2)), **arguments)


def test_a_gradient_of_the_wrong_shape_is_named():
    model = OwnModel(2, lambda w: 0.0, lambda w: w[:1])
    with pytest.raises(SettingsError, match=r"gradient must return shape \(2,\), got \(1,\)"):
        estimate_llc(model, np.zeros(2), center="given", **SMALL)


def test_own_model_needs_the_center_given():
    model = OwnModel(1, lambda w: 0.0, lambda w: w)
    with pytest.raises(SettingsError, match='center="given"'):
        estimate_llc(model, np.zeros(1))


def test_a_kink_bounds_nothing():
    """a·relu(bx) at a = 1, b = 0: zero for b < 0 and regular for b > 0, so λ = 0; rank/2 is not."""
    points = np.array([[1.0], [2.0]])
    model = network_model((1, 1, 1), points, bias=False)
    found = estimate_llc(model, np.array([0.0, 1.0]), center="given", **SMALL)
    assert (found.rank_verdict, found.rank_constant) == ("kink", None)
    # Negative control: beside the kink, b = 0.5, the same network is regular.
    aside = estimate_llc(model, np.array([0.5, 1.0]), center="self", steps=500)
    assert aside.rank_verdict == "ok"
    assert aside.llc == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("weights", "margin"),
    [
        ([1.0, 0.0, 1.0, 0.5], 0.0),  # off at x = 0 by nothing
        ([1.0, 1.0, 1.0, 0.5], 1.0),
        ([-1.0, 1.0 - 1e-12, 1.0, 0.0], 5e-13),
        ([0.0, 0.0, 1.0, 0.0], 0.0),  # idle: any bias would switch it
    ],
)
def test_margin_of_a_kink(weights, margin):
    model = network_model((1, 1, 1), np.array([[0.0], [1.0]]))
    assert kink_margin(model, np.array(weights)) == pytest.approx(margin, rel=1e-3)


def test_what_no_parameter_can_move_is_no_kink():
    """Without biases every unit is at 0 for the input 0, whatever the weights."""
    model = network_model((1, 1, 1), np.array([[0.0], [1.0]]), bias=False)
    assert kink_margin(model, np.array([1.0, 1.0])) == 1.0
    smooth = network_model((1, 1, 1), np.array([[0.0], [1.0]]), activation="tanh")
    assert kink_margin(smooth, np.zeros(4)) == np.inf


def test_every_stream_has_its_own_numbers():
    model = gaussian_model(np.ones(3))
    first, other = (
        estimate_llc(model, np.zeros(3), steps=50, stream=("f", draw, "self"), **SMALL)
        for draw in (1, 2)
    )
    assert (first.trace != other.trace).any()


def test_equal_arguments_give_equal_estimates():
    model = gaussian_model(np.ones(3))
    first, again, other = (
        estimate_llc(model, np.zeros(3), steps=50, seed=seed, **SMALL) for seed in (1, 1, 2)
    )
    assert (first.trace == again.trace).all()
    assert (first.trace != other.trace).any()


def test_defaults_are_those_of_a_campaign():
    found = estimate_llc(gaussian_model(np.ones(2)), np.zeros(2))
    settings = Llc()
    assert (found.n_beta, found.gamma) == (settings.n_beta, settings.gamma)
    assert found.trace.shape == (settings.chains, settings.steps)


def test_summary_of_a_broken_trace_is_nan():
    broken = summarize(chains_of(np.full((2, 20), np.inf)))
    assert isinstance(broken, Summary)
    assert np.isnan(broken.llc)
