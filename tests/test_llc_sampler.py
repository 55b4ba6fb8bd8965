"""The sampler against its NumPy twin, quadrature and Gaussians; the estimator against exact λ."""

from __future__ import annotations

import dataclasses
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.integrate import quad

from pfmap.kernels.langevin import draw_noise, word_count
from pfmap.llc.compiled import run_compiled
from pfmap.llc.estimate import estimate_llc
from pfmap.llc.plain import Replica, exchange, run_plain
from pfmap.llc.problem import Problem, metric
from pfmap.llc.rank import jacobian_rank
from pfmap.models.linear import deep_linear_model, padded_identity
from pfmap.models.network import network_model
from pfmap.models.own import OwnModel
from pfmap.models.polynomial import gaussian_model, polynomial_model
from pfmap.settings.domain import boolean_points


def problem_at(model, weights, *, n_betas, gamma, key=1):
    """The posterior around `weights` with the metric of the Jacobian there."""
    found = jacobian_rank(model.jacobian(weights))
    basis, curvature = metric(found, len(weights), model.n_points, n_betas[0])
    loss = model.loss(weights)
    return Problem(model, weights, loss, basis, curvature, n_betas, gamma, key)


def product_mean(power, n_beta, gamma=1.0):
    """E[nβK] of K = (w1^power w2)²/2 by quadrature over w1; w2 is Gaussian given w1."""

    def weight(x):
        return np.exp(-gamma * x * x / 2) / np.sqrt(gamma + n_beta * x ** (2 * power))

    def inner(x):
        stiff = n_beta * x ** (2 * power)
        return 0.5 * stiff / (gamma + stiff) * weight(x)

    edges = np.r_[0.0, np.logspace(-9, 1, 60)]
    pieces = list(itertools.pairwise(edges))
    return sum(quad(inner, *p)[0] for p in pieces) / sum(quad(weight, *p)[0] for p in pieces)


@pytest.mark.parametrize("n_betas", [(1e6,), (1e6, 1e5, 1e4)])
def test_compiled_chains_equal_the_numpy_twin(n_betas):
    model = network_model((3, 6, 1), boolean_points(3), activation="tanh")
    weights = np.random.default_rng(5).normal(size=model.n_parameters)
    model = model.with_targets(model.outputs(weights))
    problem = problem_at(model, weights, n_betas=n_betas, gamma=100.0)
    sizes = {"chains": 2, "steps": 60, "warmup": 40}
    fast, slow = run_compiled(problem, model, **sizes), run_plain(problem, **sizes)
    for name in ("excess", "distance", "virial", "acceptance", "low_step", "lowest", "exchange"):
        assert np.allclose(getattr(fast, name), getattr(slow, name), rtol=1e-6), name
    assert 0.05 < fast.acceptance.mean() < 1.0


def test_noise_is_normal_and_depends_on_its_name_alone():
    n, repeats = 500, 400
    words = np.empty(word_count(n), dtype=np.uint32)
    noise, uniforms = np.empty((repeats, n)), np.empty((repeats, 3))
    for step in range(repeats):
        uniforms[step] = draw_noise(np.uint64(7), 3, step, words, noise[step])
    size = noise.size
    assert abs(noise.mean()) < 6 / np.sqrt(size)
    assert abs(noise.var() - 1) < 6 * np.sqrt(2 / size)
    assert abs(np.mean(noise**4) - 3) < 6 * np.sqrt(96 / size)
    assert np.abs(uniforms.mean(axis=0) - 0.5).max() < 6 / np.sqrt(12 * repeats)
    again = np.empty(n)
    draw_noise(np.uint64(7), 3, 11, words, again)
    assert (again == noise[11]).all()
    for key, stream, step in ((8, 3, 11), (7, 4, 11), (7, 3, 12)):
        draw_noise(np.uint64(key), stream, step, words, again)
        assert abs(np.corrcoef(again, noise[11])[0, 1]) < 6 / np.sqrt(n)


def test_results_do_not_depend_on_threads():
    model = polynomial_model([[2, 1]])
    problem = problem_at(model, np.zeros(2), n_betas=(1e4,), gamma=1.0)
    sizes = {"chains": 4, "steps": 200, "warmup": 50}
    one, two = (run_compiled(problem, model, threads=threads, **sizes) for threads in (1, 2))
    assert (one.excess == two.excess).all()


def test_network_at_large_n_beta_is_its_quadratic_approximation():
    model = network_model((4, 12, 12, 1), boolean_points(4))
    weights = np.random.default_rng(2).normal(size=model.n_parameters) / 2
    estimate = estimate_llc(model, weights, steps=1500, threads=2)
    assert estimate.verdict == "ok"
    # nβK is half a chi-square with `rank` degrees of freedom, of variance rank/2.
    error = np.sqrt(estimate.rank / 2 / estimate.ess)
    assert abs(estimate.llc - estimate.quadratic_llc) < 5 * error
    assert abs(estimate.quadratic_llc - estimate.rank / 2) < 0.01 * estimate.rank


def test_soft_directions_lower_the_estimate_as_the_formula_says():
    # Curvature over γ from 1e-2 to 1e2: the sampler must reproduce λ_eff, not λ.
    model = gaussian_model(np.logspace(-1, 1, 10))
    found = estimate_llc(model, np.zeros(10), n_beta=10.0, gamma=1.0, steps=4000, threads=2)
    shares = np.logspace(-2, 2, 10) / (1 + np.logspace(-2, 2, 10))
    assert found.quadratic_llc == pytest.approx(shares.sum() / 2)
    # Σ share x_i²/2 has variance Σ share²/2; the formula gives the error, not the chains.
    error = np.sqrt((shares**2).sum() / 2 / found.ess)
    assert abs(found.llc - shares.sum() / 2) < 5 * error
    assert abs(found.llc - 5) > 5 * error
    assert found.verdict == "soft"


# E[nβK] by quadrature at one temperature, and λ itself where m = 1.
@pytest.mark.parametrize(("power", "n_beta"), [(1, 1e6), (2, 1e6), (3, 1e6), (1, 1e3)])
def test_sampler_matches_quadrature_on_products(power, n_beta):
    model = polynomial_model([[power, 1]])
    found = estimate_llc(
        model, np.zeros(2), n_beta=n_beta, gamma=1.0, steps=10_000, warmup=1000, replicas=14,
        threads=2,
    )  # fmt: skip
    exact = product_mean(power, n_beta)
    assert found.verdict == "ok"
    # The law of nβK is close to Gamma(λ): its variance is about its mean.
    assert abs(found.llc - exact) < 5 * np.sqrt(exact / found.ess) + 0.01 * exact
    if power > 1:
        assert found.llc == pytest.approx(1 / (2 * power), rel=0.1)


def test_product_of_two_comes_within_ten_per_cent_of_one_half():
    # m = 2: E[nβK] lies 1/log nβ below λ = 1/2, so nβ must be large for it.
    found = estimate_llc(
        polynomial_model([[1, 1]]), np.zeros(2), n_beta=1e16, gamma=1.0, steps=40_000, warmup=1000,
        replicas=34, threads=2,
    )  # fmt: skip
    exact = product_mean(1, 1e16)
    assert abs(exact - 0.5) < 0.03
    assert abs(found.llc - exact) < 5 * np.sqrt(exact / found.ess)
    assert found.llc == pytest.approx(0.5, rel=0.1)


class NoCorrection(Replica):
    """A sampler whose test leaves out the proposal densities: wrong on purpose."""

    def proposal_log_ratio(self, noise, back, step_size):
        """Forget q(x | x') / q(x' | x)."""
        return 0.0


@pytest.mark.parametrize(("sampler", "right"), [(Replica, True), (NoCorrection, False)])
def test_quartic_well_needs_the_proposal_correction(sampler, right, monkeypatch):
    # K = w⁴, γ = 1, nβ = 10: E[nβK] by quadrature.
    monkeypatch.setattr("pfmap.llc.plain.Replica", sampler)
    model = OwnModel(1, lambda w: float(w[0] ** 4), lambda w: 4 * w**3)
    found = estimate_llc(
        model, np.zeros(1), center="given", n_beta=10.0, gamma=1.0, steps=4000, warmup=300
    )

    def density(w):
        return np.exp(-10 * w**4 - w * w / 2)

    exact = quad(lambda w: 10 * w**4 * density(w), -4, 4)[0] / quad(density, -4, 4)[0]
    square = quad(lambda w: (10 * w**4) ** 2 * density(w), -4, 4)[0] / quad(density, -4, 4)[0]
    error = np.sqrt((square - exact**2) / found.ess)
    assert bool(abs(found.llc - exact) < 5 * error) is right


@pytest.mark.parametrize("d", [1, 6, 40])
def test_regular_gaussian(d):
    model = gaussian_model(np.linspace(1, 3, d))
    found = estimate_llc(model, np.zeros(d), n_beta=1e8, gamma=1.0, steps=2000, threads=2)
    assert found.verdict == "ok"
    assert abs(found.llc - d / 2) < 5 * np.sqrt(d / 2 / found.ess)
    assert found.llc == pytest.approx(d / 2, rel=0.1)


# λ by Aoyagi & Watanabe 2005 and Aoyagi 2024; w* in the deepest stratum of the fibre. Whether the
# chains are long enough for the verdict ok hangs on the last bits of the CPU's arithmetic.
@pytest.mark.parametrize(
    ("widths", "rank", "exact", "settings"),
    [
        ((4, 3, 4), 1, 6.0, {"n_beta": 1e6, "gamma": 100.0, "replicas": 14, "steps": 20_000}),
        ((4, 3, 4), 2, 7.0, {"n_beta": 1e6, "gamma": 100.0, "replicas": 14, "steps": 30_000}),
        ((5, 4, 4, 5), 2, 10.0, {"n_beta": 1e4, "gamma": 10.0, "replicas": 12, "steps": 60_000}),
    ],
)
def test_deep_linear_networks_within_ten_per_cent(widths, rank, exact, settings):
    truth = np.zeros((widths[-1], widths[0]))
    truth[:rank, :rank] = np.eye(rank)
    model = deep_linear_model(widths, truth)
    found = estimate_llc(
        model, padded_identity(widths, rank), replica_ratio=1.75, warmup=3000, threads=2, **settings
    )
    assert found.llc == pytest.approx(exact, rel=0.1)
    assert found.llc > found.rank / 2
    assert found.rank_constant is False
    assert found.verdict in {"ok", "short", "not converged"}


def test_chains_without_replicas_do_not_pass_for_converged_on_a_deep_linear_network():
    truth = np.zeros((4, 4))
    truth[:2, :2] = np.eye(2)
    model = deep_linear_model((4, 3, 4), truth)
    found = estimate_llc(
        model, padded_identity((4, 3, 4), 2), n_beta=1e8, gamma=10.0, steps=5000, threads=2
    )
    assert found.llc < 0.9 * 7  # far off, and said so
    assert found.verdict == "not converged"


def always_exchange(first, second, state, other):
    """An exchange without a test: wrong on purpose."""
    return exchange(first, second, dataclasses.replace(state, swap=0.0), other)


@pytest.mark.parametrize(("swap", "right"), [(exchange, True), (always_exchange, False)])
def test_own_model_gives_the_coefficient_of_the_compiled_one(swap, right, monkeypatch):
    monkeypatch.setattr("pfmap.llc.plain.exchange", swap)
    own = OwnModel(2, lambda w: float((w[0] ** 2 * w[1]) ** 2) / 2, _product_gradient)
    found = estimate_llc(
        own, np.zeros(2), center="given", n_beta=100.0, gamma=1.0, steps=1500, warmup=200,
        replicas=4,
    )  # fmt: skip
    exact = product_mean(2, 100.0)
    assert found.rank is None
    assert bool(abs(found.llc - exact) < 5 * np.sqrt(exact / found.ess)) is right


def _product_gradient(w):
    output = w[0] ** 2 * w[1]
    return output * np.array([2 * w[0] * w[1], w[0] ** 2])


COLD_OR_WARM = """
import numpy as np
from pfmap.settings.domain import boolean_points
from pfmap.llc.estimate import estimate_llc
from pfmap.models.network import network_model

model = network_model((5, 16, 16, 1), boolean_points(5))
weights = np.random.default_rng(1).normal(size=model.n_parameters) / 2
print(estimate_llc(model, weights, steps=50, warmup=50).trace.tobytes().hex())
"""


def test_a_process_that_compiles_makes_the_chains_of_one_that_loads(tmp_path):
    """Helpers had code of their own in the first and copies in the second, rounded differently."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", COLD_OR_WARM]
    cold, warm = (
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert cold == warm
