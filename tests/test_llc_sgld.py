"""SGLD and RMSProp-SGLD against a NumPy twin and the stationary law of the discretised chain."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pfmap.errors import SettingsError
from pfmap.kernels.sgld import step_words
from pfmap.kernels.variates import normal_of_word
from pfmap.llc.problem import stream_key
from pfmap.llc.sgld import estimate_llc_sgld
from pfmap.models.network import network_model
from pfmap.models.own import OwnModel
from pfmap.models.polynomial import gaussian_model, polynomial_model
from pfmap.settings.domain import boolean_points


def twin_losses(
    model, center, *, n_beta, gamma, step_size, steps, preconditioner, decay, damping, seed, chain
):
    """K along one chain, by the formulas of Lau et al. 2023 and Li et al. 2016 in NumPy."""
    w, average = center.copy(), np.zeros_like(center)
    words = np.empty(64 * ((len(center) - 1) // 64 + 1), dtype=np.uint32)
    losses = []
    for step in range(steps):
        loss, gradient = model.loss_gradient(w)
        losses.append(loss)
        step_words(np.uint64(stream_key(seed)), chain, step, words)
        noise = np.array([normal_of_word(word) for word in words[: len(center)]], dtype=float)
        average = decay * average + (1 - decay) * gradient**2
        scale = 1 / (np.sqrt(average) + damping) if preconditioner == "rmsprop" else 1.0
        drift = scale * (gamma * (center - w) - n_beta * gradient)
        w = w + step_size / 2 * drift + np.sqrt(step_size * scale) * noise
    return np.array(losses)


@pytest.mark.parametrize(
    ("preconditioner", "step_size"), [("none", 2e-3), ("rmsprop", 2e-4), ("rmsprop", 1e-5)]
)
def test_chains_equal_the_numpy_twin(preconditioner, step_size):
    model = network_model((3, 30, 1), boolean_points(3), activation="tanh")  # 151 parameters
    center = np.random.default_rng(3).normal(size=model.n_parameters) / 2
    model = model.with_targets(model.outputs(center))
    settings = {
        "n_beta": 50.0, "gamma": 2.0, "step_size": step_size, "preconditioner": preconditioner,
        "decay": 0.9, "damping": 0.05, "seed": 5,
    }  # fmt: skip
    found = estimate_llc_sgld(model, center, chains=3, steps=40, burn_in=20, **settings)
    for chain in range(3):
        losses = twin_losses(model, center, chain=chain, steps=60, **settings)
        # The same numbers, up to the rounding of the gradient's sums.
        assert np.allclose(found.trace[chain], 50.0 * losses[20:], rtol=1e-9)
        assert found.chain_llc[chain] == pytest.approx(50.0 * losses[20:].mean())
    assert found.verdict == "unadjusted"
    assert found.llc == pytest.approx(found.chain_llc.mean())
    assert found.llc_se == pytest.approx(found.chain_llc.std(ddof=1) / np.sqrt(3))
    other = twin_losses(model, center, chain=0, steps=60, **{**settings, "gamma": 2.001})
    assert not np.allclose(found.trace[0], 50.0 * other[20:], rtol=1e-9)  # the limit sees that


def test_gaussian_has_the_variance_of_the_discretised_chain():
    # x ← (1 - εh/2) x + sqrt(ε) ξ: variance ε/(1 - (1 - εh/2)²) = 1/(h (1 - εh/4)).
    n_beta, gamma, epsilon, steps, chains = 100.0, 3.0, 1e-2, 20_000, 4
    scales = np.array([1.0, 2.0, 3.0, 3.5])
    model = gaussian_model(scales)
    stiff = n_beta * np.array([model.loss(row) for row in 2**0.5 * np.eye(4)])
    curvature = stiff + gamma
    assert (epsilon * curvature).max() < 4
    assert (epsilon * curvature).max() > 1
    found = estimate_llc_sgld(
        model, np.zeros(4), n_beta=n_beta, gamma=gamma, step_size=epsilon, chains=chains,
        steps=steps, threads=2,
    )  # fmt: skip
    variance = 1 / (curvature * (1 - epsilon * curvature / 4))
    exact = 0.5 * np.sum(stiff * variance)
    # x² has autocorrelation a^(2 lag), a = 1 - εh/2, and variance 2 Var².
    square = (1 - epsilon * curvature / 2) ** 2
    error = np.sqrt(np.sum((stiff * variance) ** 2 / 2 * (1 + square) / (1 - square)))
    error /= np.sqrt(chains * steps)
    assert abs(found.llc - exact) < 5 * error
    # Negative control: the law that the chain is meant to have, of variance 1/h.
    assert abs(found.llc - 0.5 * np.sum(stiff / curvature)) > 20 * error
    # And one that a factor 2 in the noise or the drift would give.
    assert abs(found.llc - 2 * exact) > 20 * error
    # The error bar knows of the first error and not of the second.
    assert 0.1 * error < found.llc_se < 4 * error


def test_rmsprop_with_a_large_damping_is_the_plain_chain():
    # sqrt(V) + δ is δ then, and the step size ε/δ.
    model = polynomial_model([[2, 1], [1, 0]], np.ones((1, 2)))
    settings = {"n_beta": 30.0, "gamma": 1.0, "chains": 2, "steps": 50, "burn_in": 10}
    plain = estimate_llc_sgld(model, np.zeros(2), step_size=0.01, **settings)
    damped = estimate_llc_sgld(
        model, np.zeros(2), step_size=0.01 * 1e9, damping=1e9, preconditioner="rmsprop", **settings
    )
    assert np.allclose(plain.trace, damped.trace, rtol=1e-4)
    free = estimate_llc_sgld(
        model, np.zeros(2), step_size=0.01, damping=1.0, preconditioner="rmsprop", **settings
    )
    assert not np.allclose(plain.trace, free.trace, rtol=1e-2)


@pytest.mark.parametrize("preconditioner", ["none", "rmsprop"])
def test_results_depend_on_the_seed_and_not_on_threads(preconditioner):
    model = polynomial_model([[2, 1]])
    settings = {"n_beta": 100.0, "gamma": 1.0, "step_size": 1e-3, "steps": 50, "burn_in": 7}
    settings["preconditioner"] = preconditioner
    one, two = (
        estimate_llc_sgld(model, np.zeros(2), threads=threads, **settings) for threads in (1, 2)
    )
    assert (one.trace == two.trace).all()
    other = estimate_llc_sgld(model, np.zeros(2), seed=2, **settings)
    assert (one.trace != other.trace).any()
    assert len({tuple(row) for row in one.trace}) == 8


def test_the_burn_in_is_the_beginning_of_the_same_chain():
    model = polynomial_model([[2, 1]])
    settings = {"n_beta": 100.0, "gamma": 1.0, "step_size": 1e-3}
    whole = estimate_llc_sgld(model, np.zeros(2), steps=30, burn_in=0, **settings)
    rest = estimate_llc_sgld(model, np.zeros(2), steps=20, burn_in=10, **settings)
    assert (whole.trace[:, 10:] == rest.trace).all()
    assert (whole.trace[:, 0] == 0.0).all()  # w* itself


@pytest.mark.parametrize(("step_size", "verdict"), [(3.9, "unadjusted"), (4.1, "nan")])
def test_a_step_beyond_four_over_the_curvature_diverges(step_size, verdict):
    model = gaussian_model(np.ones(1))
    assert model.loss(np.ones(1)) == 0.5
    found = estimate_llc_sgld(
        model, np.zeros(1), n_beta=1.0, gamma=1e-6, step_size=step_size, steps=20_000
    )
    assert found.verdict == verdict
    assert found.finite is (verdict == "unadjusted")
    assert math.isnan(found.llc) is (verdict == "nan")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"n_beta": 0.0}, "n_beta: must be finite and above 0"),
        ({"gamma": -1.0}, "gamma: must be finite and at least 0"),
        ({"step_size": math.nan}, "step_size: must be finite and above 0"),
        ({"damping": 0.0}, "damping: must be finite and above 0"),
        ({"decay": 1.0}, "decay: must be at least 0 and below 1"),
        ({"preconditioner": "adam"}, "preconditioner: must be one of none, rmsprop"),
        ({"chains": 1}, "chains: must be at least 2"),
        ({"steps": 2.5}, "steps: must be a whole number"),
        ({"burn_in": -1}, "burn_in: must be at least 0"),
    ],
)
def test_errors_name_the_argument(change, rule):
    settings = {"n_beta": 1.0, "gamma": 1.0, "step_size": 0.1, **change}
    with pytest.raises(SettingsError, match=rule):
        estimate_llc_sgld(gaussian_model(np.ones(2)), np.zeros(2), **settings)


def test_other_models_and_places_are_refused():
    settings = {"n_beta": 1.0, "gamma": 1.0, "step_size": 0.1}
    own = OwnModel(1, lambda w: float(w[0] ** 2), lambda w: 2 * w)
    with pytest.raises(SettingsError, match="compiled model, got OwnModel"):
        estimate_llc_sgld(own, np.zeros(1), **settings)
    with pytest.raises(SettingsError, match="finite loss"):
        estimate_llc_sgld(gaussian_model(np.ones(1)), np.array([1e200]), **settings)
