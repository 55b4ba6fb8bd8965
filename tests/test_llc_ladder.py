"""The ladder's sampler against its twin, quadrature and Geweke's test."""

from __future__ import annotations

import dataclasses
import itertools
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy.integrate import quad
from scipy.special import k0

from pfmap.kernels.ladder import CONTROL_STEPS, ENERGY, EXCESS, FORCE, OFFSET
from pfmap.llc.ladder.chains import Chains, advance, start_chain
from pfmap.llc.ladder.localise import prior_losses, with_gaussian, with_radius
from pfmap.llc.ladder.plain import PlainRung, advance_plain, plain_loss_force
from pfmap.llc.ladder.problem import make_problem
from pfmap.llc.ladder.rungs import Rungs
from pfmap.llc.ladder.state import start_state
from pfmap.models.groups import scaling_groups
from pfmap.models.linear import deep_linear_model, padded_identity
from pfmap.models.network import network_model
from pfmap.models.own import OwnModel
from pfmap.models.polynomial import polynomial_model
from pfmap.settings.domain import boolean_points


def ball(model, weights, *, radius=0.3, leaps=2, key=3):
    """The reduced problem in a ball."""
    problem = make_problem(model, np.asarray(weights, dtype=float), leaps=leaps, key=key)
    return with_radius(problem, radius)


def whole(model, weights, *, gamma=1.0, leaps=2, key=3):
    """The problem that samples K itself under a Gaussian."""
    weights = np.asarray(weights, dtype=float)
    problem = make_problem(model, weights, reduced=False, leaps=leaps, key=key)
    return with_gaussian(problem, gamma)


def run_chains(problem, n_betas, chains, steps, threads):
    """What chains give after `steps` steps."""
    with ThreadPoolExecutor(threads) as pool:
        running = Chains(problem, n_betas, chains, pool)
        running.run(steps)
        return running.result()


def linear(widths, rank):
    """Deep linear network at the deepest stratum."""
    truth = np.zeros((widths[-1], widths[0]))
    truth[:rank, :rank] = np.eye(rank)
    return deep_linear_model(widths, truth), padded_identity(widths, rank)


def tanh_network():
    """A network of rank below its number of outputs, at its own outputs."""
    model = network_model((3, 2, 1), boolean_points(3), activation="tanh")
    weights = np.zeros(model.n_parameters)  # the second unit is idle: both its weights are 0
    weights[[0, 1, 2, 6, 8]] = 1.0, -0.5, 0.4, 0.3, 0.7
    return model.with_targets(model.outputs(weights)), weights


def tanh_units():
    """Σ_k a_k tanh(b_k x + c_k) + e at zero: the last layer is an affine block."""
    points = np.array([[-1.1], [0.4], [0.9], [1.6]])
    model = network_model((1, 2, 1), points, activation="tanh")
    return model, np.zeros(model.n_parameters)


CASES = {
    "affine block": lambda: ball(*tanh_units()),
    "affine blocks": lambda: whole(*linear((2, 3, 2), 0)),
    "reduced": lambda: ball(*linear((3, 2, 3), 1)),
    "polynomial": lambda: ball(polynomial_model([[1, 1, 0], [0, 2, 1]]), np.zeros(3), radius=1.0),
    "tanh": lambda: ball(*tanh_network()),
    "gaussian": lambda: whole(*linear((2, 2, 2), 1)),
}


@pytest.mark.parametrize("case", CASES)
def test_compiled_steps_equal_the_numpy_twin(case):
    problem = CASES[case]()
    n_betas = np.array([1e5, 3e4, 1e4])
    fast, slow = start_state(problem, 3), start_state(problem, 3)
    for adapting, steps in ((True, 25), (False, 25)):
        n_variates = len(problem.euler) or len(problem.center)
        sums = np.zeros((2, 3, steps // CONTROL_STEPS, n_variates + 2))
        one = advance(problem, n_betas, fast, steps, chain=1, adapting=adapting, controls=sums[0])
        two = np.empty((3, steps))
        advance_plain(
            problem, n_betas, slow, chain=1, lowest_rung=0, highest_rung=3, adapting=adapting,
            trace=two, controls=sums[1],
        )  # fmt: skip
        slow.next_step += steps
        assert np.allclose(one, two, rtol=1e-4, atol=1e-9)  # rounding grows from step to step
    assert np.allclose(fast.vectors[:, OFFSET], slow.vectors[:, OFFSET], atol=1e-3)
    assert np.allclose(fast.counts, slow.counts, atol=1e-2)
    assert one.std() > 0.01
    assert np.allclose(sums[0], sums[1], rtol=1e-3, atol=1e-3)
    assert (np.abs(sums[0]).sum(axis=(0, 1)) > 0.0).all()


def test_steps_do_not_depend_on_how_they_are_split():
    problem = CASES["reduced"]()
    n_betas = np.array([1e5, 1e4])
    at_once, split = start_state(problem, 2), start_state(problem, 2)
    one = advance(problem, n_betas, at_once, 30, chain=0)
    two = [advance(problem, n_betas, split, steps, chain=0) for steps in (7, 23)]
    assert (one == np.concatenate(two, axis=1)).all()


def test_results_do_not_depend_on_threads():
    problem = CASES["polynomial"]()
    n_betas = np.geomspace(1e6, 1e2, 8)
    one, two = (run_chains(problem, n_betas, 3, 1000, threads).trace for threads in (1, 2))
    assert (one == two).all()


@pytest.mark.parametrize("case", ["reduced", "tanh"])
def test_stiff_coordinates_are_solved_and_the_force_is_the_gradient(case):
    problem = CASES[case]()
    rng = np.random.default_rng(1)
    for size in (1e-1, 1e-2):
        offset = rng.normal(size=len(problem.center))
        offset -= problem.right.T @ (problem.right @ offset)
        offset *= size / np.linalg.norm(offset)
        stiff = np.zeros(problem.rank)
        loss, force = plain_loss_force(problem, 1e-14, offset, stiff)
        weights = problem.center + offset + stiff @ problem.right
        residual = problem.model.outputs(weights) - problem.model.targets
        assert np.abs(problem.left @ residual).max() < 1e-13
        assert 0 < loss <= problem.model.loss(weights) * (1 + 1e-9)
        direction = rng.normal(size=len(offset))
        direction -= problem.right.T @ (problem.right @ direction)
        step = 1e-3 * size
        # Fourth-order central difference.
        values = [
            plain_loss_force(problem, 1e-14, offset + k * step * direction, stiff.copy())[0]
            for k in (-2, -1, 1, 2)
        ]
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
        # Exact to first order in the offset, so the error falls with it.
        scale = np.linalg.norm(force) * np.linalg.norm(direction)
        assert abs(slope - force @ direction) < 2.0 * size * scale


def test_reduction_keeps_the_loss_between_two_multiples():
    # K ~ |stiff residual|² + K_G in the coordinates (stiff residual, x).
    model, weights = linear((3, 2, 3), 1)
    problem = ball(model, weights, radius=0.2)
    rng = np.random.default_rng(2)
    ratios = []
    for _ in range(300):
        move = 0.05 * rng.normal(size=len(weights))
        offset = move - (problem.right @ move) @ problem.right
        stiff = np.zeros(problem.rank)
        remainder, _ = plain_loss_force(problem, 1e-13, offset, stiff)
        residual = model.outputs(weights + move) - model.targets
        along = problem.left @ residual
        together = remainder + 0.5 * float(along @ along) / model.n_points
        ratios.append(model.loss(weights + move) / together)
    assert 0.5 < min(ratios) <= max(ratios) < 2.0


def product_of_two(n_beta):
    """E[nβK] of K = (w1 w2)²/2 under standard normal weights: w2 is integrated out."""
    return _mean_over(lambda x: math.exp(-x * x / 2), n_beta)


def product_of_three(n_beta):
    """The same of K = (w1 w2 w3)²/2: w1 w2 has the density K0(|s|)/π."""
    return _mean_over(lambda s: float(k0(abs(s))), n_beta)


def _mean_over(density, n_beta):
    edges = np.r_[1e-30, np.logspace(-14, 1.2, 80)]

    def weight(s):
        return density(s) / math.sqrt(1 + n_beta * s * s)

    def inner(s):
        return 0.5 * n_beta * s * s / (1 + n_beta * s * s) * weight(s)

    pairs = list(itertools.pairwise(edges))
    return sum(quad(inner, *p)[0] for p in pairs) / sum(quad(weight, *p)[0] for p in pairs)


@pytest.mark.parametrize(("factors", "mean"), [(2, product_of_two), (3, product_of_three)])
@pytest.mark.parametrize("leaps", [1, 4])
def test_products_at_a_trillion_equal_quadrature(factors, mean, leaps):
    problem = whole(polynomial_model([[1] * factors]), np.zeros(factors), leaps=leaps)
    n_betas = np.geomspace(1e12, 0.1, 20)
    run = run_chains(problem, n_betas, 4, 16_000, 2)
    top = run.trace[:, 0]
    exact = mean(1e12)
    # nβK has about the law Gamma(λ_eff), whose variance is its mean.
    error = math.sqrt(exact / float(array_stats.ess(top)))
    assert error < 0.02 * exact
    # Four errors: with three, one machine in a hundred would see a failure.
    assert abs(top.mean() - exact) < 4 * error


def test_the_remainder_in_a_ball_equals_quadrature():
    # Outputs (w1 w2, w3 + w1²): w3 is solved for, K_G = (w1 w2)²/4, and (w1, w2) has the bump
    # (1 - |x|²/R²) on a disc.
    radius, n_beta = 0.7, 1e5
    model = polynomial_model([[1, 1, 0], [0, 0, 1], [2, 0, 0]], np.array([[1, 0, 0], [0, 1, 1]]))
    problem = ball(model, np.zeros(3), radius=radius)
    assert (problem.rank, problem.n_free) == (1, 2)
    r, angle = np.meshgrid(
        np.linspace(0, radius, 1501)[1:], np.linspace(0, np.pi / 2, 20_001), indexing="ij"
    )
    excess = n_beta * (r**2 * np.sin(2 * angle) / 2) ** 2 / 4
    weight = r * (1 - r**2 / radius**2) * np.exp(-excess)
    exact = float((excess * weight).sum() / weight.sum())
    n_betas = np.geomspace(n_beta, 10.0, 8)
    run = run_chains(problem, n_betas, 4, 8000, 2)
    top = run.trace[:, 0]
    error = math.sqrt(exact / float(array_stats.ess(top)))
    assert error < 0.03 * exact
    assert abs(top.mean() - exact) < 4 * error
    wrong = float((excess * weight / r).sum() / (weight / r).sum())  # another density
    assert abs(top.mean() - wrong) > 4 * error


class WithoutJacobian(PlainRung):
    """A scaling move whose test forgets the determinant of the map: wrong on purpose."""

    def log_determinant(self, size, log_factor):
        return 0.0


class AlwaysMoves(PlainRung):
    """A Hamiltonian move that is never refused: wrong on purpose."""

    def move(self, noise, which, size, test):
        return super().move(noise, which, size, 0.0)


def geweke_z(step, problem, n_beta, n_iterations, seed):
    """Largest |z| of moments of x between the prior and the chain of data and steps in turn.

    Geweke 2004 (doi:10.1198/016214504000001132): with t ~ N(F(x), P/nβ) drawn anew before every
    step, the chain of (x, t) leaves the joint law as it is, so x keeps its prior.
    """
    rng = np.random.default_rng(seed)
    model, d = problem.model, len(problem.center)
    n_betas = np.array([n_beta])
    state = start_state(problem, 1)
    state.vectors[0, OFFSET] = rng.normal(size=d) / math.sqrt(problem.gamma)
    kept = np.empty((n_iterations, 3 * d))
    for index in range(n_iterations):
        x = state.vectors[0, OFFSET].copy()
        noise = rng.normal(size=len(model.targets)) * math.sqrt(model.n_points / n_beta)
        drawn = dataclasses.replace(
            problem, model=model.with_targets(model.outputs(problem.center + x) + noise)
        )
        energy, excess, force = PlainRung(drawn, state, 0, n_beta).evaluate(x, np.zeros(0))
        state.vectors[0, FORCE] = force
        state.scalars[0, [ENERGY, EXCESS]] = energy, excess
        step(drawn, n_betas, state)
        x = math.sqrt(problem.gamma) * state.vectors[0, OFFSET]
        kept[index] = np.r_[x, x**2, np.abs(x)]
    exact = np.r_[np.zeros(d), np.ones(d), np.full(d, math.sqrt(2 / math.pi))]
    spread = np.r_[np.ones(d), np.full(d, math.sqrt(2)), np.full(d, math.sqrt(1 - 2 / math.pi))]
    ess = np.array([float(array_stats.ess(kept[None, :, i])) for i in range(3 * d)])
    return float(np.max(np.abs(kept.mean(axis=0) - exact) * np.sqrt(ess) / spread))


def compiled_step(problem, n_betas, state):
    advance(problem, n_betas, state, 1, chain=0)


def plain_step(problem, n_betas, state):
    trace = np.empty((1, 1))
    advance_plain(
        problem, n_betas, state, chain=0, lowest_rung=0, highest_rung=1, adapting=False,
        trace=trace, controls=np.empty((1, 0, 0)),
    )  # fmt: skip
    state.next_step += 1


@pytest.mark.parametrize("leaps", [1, 3])
def test_geweke_joint_test_passes(leaps):
    problem = whole(polynomial_model([[1, 1], [2, 0]]), np.zeros(2), gamma=0.5, leaps=leaps)
    assert geweke_z(compiled_step, problem, 20.0, 6000, seed=4) < 5


@pytest.mark.parametrize("wrong", [AlwaysMoves, WithoutJacobian])
def test_geweke_joint_test_fails_with_a_wrong_acceptance(wrong, monkeypatch):
    problem = whole(polynomial_model([[1, 1], [2, 0]]), np.zeros(2), gamma=0.5, leaps=1)
    assert geweke_z(plain_step, problem, 20.0, 1500, seed=4) < 5
    monkeypatch.setattr("pfmap.llc.ladder.plain.PlainRung", wrong)
    assert geweke_z(plain_step, problem, 20.0, 7000, seed=4) > 6


def test_geweke_joint_test_of_the_collapsed_move(monkeypatch):
    problem = whole(*linear((2, 2, 1), 0), gamma=0.5, leaps=1)
    assert len(problem.blocks) == 2
    assert geweke_z(compiled_step, problem, 20.0, 6000, seed=4) < 5
    # Wrong on purpose: how likely the redrawn block was is left out.
    monkeypatch.setattr("pfmap.kernels.ladder.COLLAPSED_EVERY", 1)  # of the NumPy twin
    monkeypatch.setattr("pfmap.llc.ladder.plain.normal_log_density", lambda *_: 0.0)
    assert geweke_z(plain_step, problem, 20.0, 3000, seed=4) > 6


def test_hot_and_cold_starts_agree_on_an_easy_model():
    problem = ball(polynomial_model([[2, 1]]), np.zeros(2), radius=1.0)
    n_betas = Rungs(problem, prior_losses(problem)).climb(span=1e10, max_rungs=40)
    assert n_betas[0] / n_betas[-1] >= 1e10
    assert (np.diff(np.log(n_betas)) < 0).all()
    for chain in (0, 1):
        state = start_chain(problem, n_betas, chain)
        trace = advance(problem, n_betas, state, 4000, chain=chain)
        error = np.sqrt(0.25 / float(array_stats.ess(trace[None, 0])))
        assert abs(trace[0].mean() - 0.25) < 5 * error


def test_a_model_without_jacobian_is_sampled_whole():
    own = OwnModel(2, lambda w: 0.5 * (w[0] * w[1]) ** 2, lambda w: w[0] * w[1] * w[::-1])
    compiled = polynomial_model([[1, 1]])
    n_betas = np.array([1e4, 1e2])
    traces = [
        advance(ball(model, np.zeros(2)), n_betas, start_state(ball(model, np.zeros(2)), 2), 50,
                chain=0)
        for model in (own, compiled)
    ]  # fmt: skip
    assert np.allclose(*traces, rtol=1e-6)


def test_coordinates_with_a_stiff_part_scale_only_with_everything():
    model, weights = linear((3, 2, 3), 1)
    problem = ball(model, weights)
    mixed = (np.abs(problem.right) > 1e-9).any(axis=0)
    assert mixed.any()
    assert (problem.groups[0] == 0).all()
    assert (problem.groups[1:, mixed] == -1).all()
    assert (problem.groups[1:, ~mixed] >= 0).all()
    free = scaling_groups(model, np.ones(len(weights), dtype=bool))
    assert sorted(np.unique(free[1])) == list(range(len(weights)))
