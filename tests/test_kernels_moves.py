"""Moves of a splitting: against the NumPy twin, and the law that they must keep."""

from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from plain_splitting import PlainStep, bouncing_path, plain_sign_severity, reflected
from scipy import stats

from pfmap.kernels import move_walk
from pfmap.kernels.variates import NORMAL
from pfmap.models.network import network_model
from pfmap.models.polynomial import polynomial_model
from pfmap.sampling import bits_of_draws, outputs_of_draws, plan_sampling
from pfmap.settings.domain import boolean_points
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume import chains, sign_target
from pfmap.volume.chains import Workspace, advance
from pfmap.volume.target import loss_target

KEY = np.uint64(11)
ALONE = {"walk": 0, "units": 1, "scaling": 2, "bouncing": 3}


def only(target, move):
    """The target explored by one kind of move."""
    return dataclasses.replace(target, move_weights=tuple(np.eye(4)[ALONE[move]]))


def sizes_of(target, size=0.3):
    """log sizes, all alike."""
    return np.full(2 * len(target.groups) + 1, math.log(size))


def run(target, threshold, starts, steps, *, level=1, threads=1, size=0.3, columns=slice(None)):
    """States after every step, their severities, and what was tried."""
    with ThreadPoolExecutor(threads) as pool:
        workspace = Workspace(target, len(starts), steps, pool)
        effort = advance(
            target, threshold, sizes_of(target, size), starts, np.zeros(len(starts)), workspace,
            key=KEY, level=level, columns=columns,
        )  # fmt: skip
    return workspace.states, workspace.severities, effort


def draws(target, n):
    """Draws of the prior in standard coordinates."""
    return run(target, math.inf, np.zeros((n, target.n_parameters)), 1, level=0)[0][:, 0]


def inside(target, n, share):
    """Draws of the prior that are among the `share` lowest severities, and the threshold."""
    z, severities, _ = run(target, math.inf, np.zeros((n, target.n_parameters)), 1, level=0)
    threshold = float(np.quantile(severities, share))
    return z[severities[:, 0] <= threshold, 0], threshold


def network_target(law="normal", activation="relu", widths=(3, 4, 1), bits="01101001", **network):
    """Wanted signs of a network under a prior of unit standard deviations."""
    plan = plan_sampling(
        campaign_from_mapping(
            {
                "seed": int(KEY),
                "network": {"widths": list(widths), "activation": activation, **network},
                "prior": {"law": law, "weight_scale": "none"},
            }
        )
    )
    signs = np.array([1.0 if bit == "1" else -1.0 for bit in bits])
    return plan, sign_target(plan, signs, name=bits)


def small_losses(law):
    """A network's squared error, with every kind of group."""
    model = network_model((3, 3, 1), boolean_points(3), activation="tanh")
    target = np.sign(boolean_points(3).sum(axis=1) - 1.5)
    return loss_target(model.with_targets(target), name="majority", law=law)


CASES = {
    "signs, walk": lambda: only(network_target()[1], "walk"),
    "signs, reflected walk": lambda: only(network_target("uniform")[1], "walk"),
    "signs, units": lambda: only(network_target()[1], "units"),
    "signs, units, two hidden layers": lambda: only(
        network_target(widths=(3, 4, 3, 1))[1], "units"
    ),
    "signs, units, three hidden layers without bias": lambda: only(
        network_target(widths=(3, 4, 3, 5, 1), bias=False, bits="00011111")[1], "units"
    ),
    "signs, units, within walls": lambda: only(network_target("uniform")[1], "units"),
    "signs, units, with a margin": lambda: only(network_target()[1].with_margin(0.7), "units"),
    "signs, every move": lambda: network_target()[1],
    "loss, walk": lambda: only(small_losses("normal"), "walk"),
    "loss, reflected walk": lambda: only(small_losses("uniform"), "walk"),
    "loss, units": lambda: only(small_losses("normal"), "units"),
    "loss, units, within walls": lambda: only(small_losses("uniform"), "units"),
    "loss, scaling": lambda: only(small_losses("normal"), "scaling"),
    "loss, scaling within walls": lambda: only(small_losses("uniform"), "scaling"),
    "loss, bouncing": lambda: only(small_losses("normal"), "bouncing"),
    "loss, every move": lambda: small_losses("normal"),
}


@pytest.mark.parametrize("case", CASES)
def test_every_step_equals_the_numpy_twin(case):
    target = CASES[case]()
    starts, threshold = inside(target, 64, 0.2)
    size = 0.1 if "bouncing" in case else 0.3
    states, severities, effort = run(target, threshold, starts, 12, size=size)
    twin = PlainStep(target, threshold, sizes_of(target, size))
    different = 0
    for chain in range(len(starts)):
        before = np.concatenate([starts[chain : chain + 1], states[chain, :-1]])
        for step in range(states.shape[1]):
            # Each step from the kernel's own state, so that rounding does not add up.
            after = twin.step(before[step], KEY, 1, chain, step)
            if np.allclose(after, states[chain, step], rtol=1e-9, atol=1e-9):
                # The start's severity is not asked for again: until the first move it is the 0
                # that `run` gave.
                if (states[chain, : step + 1] != starts[chain]).any():
                    severity = twin.severity(states[chain, step])
                    # A twin in float64 beside outputs in float32.
                    assert severities[chain, step] == pytest.approx(severity, abs=2e-6)
            else:
                different += 1
    # Where rounding puts a severity on the other side of the threshold.
    assert different <= 0.01 * severities.size
    assert np.allclose(effort.counts, twin.counts, atol=different + 1e-6)
    moved = (states != np.concatenate([starts[:, None], states[:, :-1]], axis=1)).any(axis=2)
    assert moved.mean() > 0.05
    assert (severities <= threshold).all()


def test_draws_of_the_prior_are_those_of_sampling():
    plan, target = network_target()
    z = run(target, math.inf, np.zeros((16, target.n_parameters)), 50, level=0)[0]
    index = (np.arange(16)[:, None] * 2**24 + np.arange(50)).ravel()
    outputs = outputs_of_draws(plan, index)
    severity = PlainStep(target, math.inf, sizes_of(target)).severity
    expected = [plain_sign_severity(row, target.kernel.signs) for row in outputs]
    assert np.allclose([severity(state) for state in z.reshape(800, -1)], expected, atol=1e-9)


@pytest.mark.parametrize(
    ("widths", "network"),
    [
        ((3, 8, 1), {"activation": "tanh"}),
        ((3, 1), {"bias": False}),  # a tie at the zero input
        ((3, 2, 1), {"bias": False}),  # outputs identically 0 where both units are off
        ((3, 4, 4, 4, 4, 1), {"activation": "relu"}),  # outputs nearly equal: float64 decides
    ],
)
def test_decided_bits_are_those_of_sampling(widths, network):
    """Severity of one wanted sign is 0 exactly where sampling has that bit: 4,096 draws."""
    plan, target = network_target(widths=widths, **network)
    n_chains, n_steps = 32, 128
    index = (np.arange(n_chains)[:, None] * 2**24 + np.arange(n_steps)).ravel()
    bits, outputs = bits_of_draws(plan, index), outputs_of_draws(plan, index)
    starts = np.zeros((n_chains, target.n_parameters))
    for point in range(8):
        for sign in (1.0, -1.0):
            signs = np.where(np.arange(8) == point, sign, 0.0)
            checked = target.kernel.checked * (signs != 0.0)
            kernel = target.kernel._replace(signs=signs, checked=checked)
            one = dataclasses.replace(target, kernel=kernel)
            found = run(one, math.inf, starts, n_steps, level=0)[1].ravel()
            assert np.array_equal(found == 0.0, bits[:, point] == (sign > 0.0))
            expected = [plain_sign_severity(row, signs) for row in outputs]
            assert np.allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_ties_count_as_zero_bits():
    """A perceptron without bias has output 0 at the zero input: constant 1 is out of reach."""
    _, target = network_target(widths=(3, 1), bits="1" * 8, bias=False)
    z, severities, _ = run(target, math.inf, np.zeros((64, 3)), 64, level=0)
    sums = (z * target.scales) @ boolean_points(3).T
    hinges = np.maximum(0.0, -sums).sum(axis=2)
    met = hinges == 0.0  # the severity alone would say that these meet the target: one in 8
    assert abs(met.mean() - 0.125) < 5 * math.sqrt(0.125 * 0.875 / met.size)
    assert (severities[met] == 1e-12).all()
    assert (severities > 0.0).all()


def test_outputs_identically_zero_meet_the_zero_function_alone():
    for bits, met in (("0" * 8, True), ("0" * 7 + "1", False)):
        _, target = network_target(widths=(3, 2, 1), bits=bits, bias=False)
        z, severities, _ = run(target, math.inf, np.zeros((64, 8)), 16, level=0)
        off = (z[:, :, :6].reshape(64, 16, 2, 3) < 0.0).all(axis=(2, 3))
        assert off.sum() > 5
        assert (severities[off] == (0.0 if met else 1.0)).all()


@pytest.mark.parametrize("case", ["signs, walk", "loss, every move"])
def test_results_do_not_depend_on_threads_chunks_or_columns(case, monkeypatch):
    target = CASES[case]()
    starts, threshold = inside(target, 128, 0.2)
    reference = run(target, threshold, starts, 10)
    for threads, chunk in ((2, 8), (1, 3), (2, 100)):
        monkeypatch.setattr(chains, "CHUNK", chunk)
        other = run(target, threshold, starts, 10, threads=threads)
        assert np.array_equal(reference[0], other[0])
        assert np.array_equal(reference[1], other[1])
        assert np.allclose(reference[2].counts, other[2].counts)
        assert reference[2].evaluations == other[2].evaluations
    first = run(target, threshold, starts, 10, columns=slice(0, 4))[0][:, :4]
    assert np.array_equal(reference[0][:, :4], first)
    rest = run(target, threshold, first[:, -1].copy(), 10, columns=slice(4, 10))[0][:, 4:]
    assert np.array_equal(reference[0][:, 4:], rest)


N_CHAINS, N_MOVES = 2000, 1000
KEPT = {
    "walk": ("normal", "walk"),
    "reflected walk": ("uniform", "walk"),
    "scaling": ("normal", "scaling"),
    "scaling within walls": ("uniform", "scaling"),
    "bouncing": ("normal", "bouncing"),
}


def moments_z(z, law):
    """z scores of the mean, the variance and the fourth moment of all coordinates."""
    exact = {1: 0.0, 2: 1.0, 4: 3.0, 8: 105.0} if law == "normal" else {
        k: 0.0 if k % 2 else 1.0 / (k + 1) for k in (1, 2, 4, 8)
    }  # fmt: skip
    return [
        (np.mean(z**k) - exact[k]) / math.sqrt((exact[2 * k] - exact[k] ** 2) / z.size)
        for k in (1, 2, 4)
    ]


@pytest.mark.parametrize("case", KEPT)
def test_moves_without_constraint_keep_the_moments_of_the_prior(case):
    law, move = KEPT[case]
    model = polynomial_model([[1, 1, 1]])
    target = only(loss_target(model, name="product", law=law), move)
    z = draws(target, N_CHAINS)
    first = z
    for part in range(10):
        z = run(target, 1e300, z, N_MOVES // 10, level=part + 1)[0][:, -1].copy()
    assert (z != first).any(axis=1).mean() > 0.99
    assert np.abs(moments_z(z, law)).max() < 6


def wrong_walk(size, words, state):
    """A walk whose shrink factor lacks the square root."""
    return (1.0 - size**2 / 4.0) * state + size * words


def right_walk(size, words, state):
    """The walk of the kernels."""
    trial = np.empty_like(state)
    move_walk.walk(NORMAL, np.zeros(len(state), dtype=np.int64), 0, size, words, state, trial)
    return trial


def test_a_wrong_shrink_factor_breaks_the_moments():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(N_CHAINS, 3))
    for _ in range(N_MOVES):
        z = wrong_walk(0.3 * (0.5 + rng.random((N_CHAINS, 1))), rng.normal(size=z.shape), z)
    assert np.abs(moments_z(z, "normal")).max() > 6


def test_the_walk_is_the_formula():
    rng = np.random.default_rng(1)
    words = rng.integers(0, 2**32, 5, dtype=np.uint32)
    state = rng.normal(size=5)
    noise = right_walk(1.0, words, state)
    for size in (0.01, 0.3, 0.99):
        expected = math.sqrt(1 - size**2) * state + size * noise
        assert np.allclose(right_walk(size, words, state), expected, rtol=1e-12)
        assert not np.allclose(wrong_walk(size, noise, state), expected, rtol=1e-6)
    z = np.linspace(-9.0, 9.0, 1001)
    assert np.allclose([move_walk.reflected(x) for x in z], reflected(z), atol=1e-12)


@pytest.mark.parametrize("case", KEPT)
def test_moves_keep_the_prior_restricted_to_a_set(case):
    """Moments inside {(w1 w2 - 1/2)² <= 2t}, against draws of the prior that lie there."""
    law, move = KEPT[case]
    model = polynomial_model([[1, 1]]).with_targets([0.5])
    target = only(loss_target(model, name="hyperbola", law=law), move)
    fresh, threshold = inside(target, 40_000, 0.1)
    starts = fresh[:2000]
    z = run(target, threshold, starts, 300)[0][:, -1]
    assert (z != starts).any(axis=1).mean() > 0.98
    reference = fresh[2000:]
    functions = (
        lambda z: z[:, 0] ** 2,
        lambda z: z[:, 1] ** 4,
        lambda z: z[:, 0] * z[:, 1],
        lambda z: (np.abs(z[:, 0]) < 0.5) * 1.0,
    )
    for function in functions:
        one, two = function(z), function(reference)
        se = math.sqrt(one.var() / len(one) + two.var() / len(two))
        assert abs(one.mean() - two.mean()) < 5 * se
    assert stats.ks_2samp(np.abs(z[:, 0]), np.abs(reference[:, 0])).pvalue > 1e-6


SLICED = {
    "one hidden layer": lambda law: network_target(law)[1],
    "two hidden layers": lambda law: network_target(law, widths=(3, 4, 3, 1))[1],
    "with a margin": lambda law: network_target(law)[1].with_margin(0.5),
    "loss": small_losses,
}


def worst_difference(target, moved_by, share=0.02, steps=40):
    """Largest z score of moments at the end of chains against draws of the prior in the set.

    The chains start from such draws and are moved by the target `moved_by`.
    """
    fresh, threshold = inside(target, 150_000, share)
    starts, reference = fresh[:1500], fresh[1500:]
    z = run(moved_by, threshold, starts, steps)[0][:, -1]
    assert (z != starts).all(axis=1).mean() > 0.5
    found = []
    for power in (1, 2, 4):
        one, two = z**power, reference**power
        se = np.sqrt(one.var(axis=0) / len(one) + two.var(axis=0) / len(two))
        found.append(np.abs(one.mean(axis=0) - two.mean(axis=0)) / se)
    return float(np.max(found))


@pytest.mark.parametrize("law", ["normal", "uniform"])
@pytest.mark.parametrize("case", SLICED)
def test_slices_of_units_keep_the_prior_restricted_to_a_set(case, law):
    target = SLICED[case](law)
    # Sixty moments or so: six errors are beyond chance of one in a million.
    assert worst_difference(target, only(target, "units")) < 6.0


def test_slices_of_another_law_break_it():
    """Controls: the ellipse of the normal law under the uniform one, outgoing weights too large."""
    target = only(network_target("uniform")[1], "units")
    normal = dataclasses.replace(target, kernel=target.kernel._replace(law=NORMAL))
    assert worst_difference(target, normal) > 6.0
    target = only(network_target()[1], "units")
    outgoing = np.repeat([1.0, 3.0, 1.0], [16, 4, 1])
    wrong = target.kernel._replace(scales=target.scales * outgoing)
    assert worst_difference(target, dataclasses.replace(target, kernel=wrong)) > 6.0


def test_bouncing_retraces_its_path_when_the_momentum_is_turned_round():
    target = small_losses("normal")
    starts, threshold = inside(target, 400, 0.1)
    twin = PlainStep(target, threshold, sizes_of(target))
    rng = np.random.default_rng(3)
    bounced = stuck = 0
    for state in starts:
        momentum = rng.normal(size=len(state))
        arguments = (0.2, twin.inside, twin.gradient)
        end, end_momentum, moved, turned = bouncing_path(state, momentum, *arguments)
        back, back_momentum, _, _ = bouncing_path(end, -end_momentum, *arguments)
        assert np.allclose(back, state, atol=1e-9)
        assert np.allclose(back_momentum, -momentum, atol=1e-9)
        assert end @ end + end_momentum @ end_momentum == pytest.approx(
            state @ state + momentum @ momentum
        )
        bounced += moved < 8 and turned == 0
        stuck += turned > 0
    assert bounced > 5
    assert stuck > 5
