"""Bridges from a realisation to the prior: laws kept by their moves, and estimates of P(f)."""

from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import stats
from scipy.special import erf

from pfmap.functions import parse_function
from pfmap.kernels.severity_signs import TiltedSigns
from pfmap.sampling import plan_sampling, sample_prior
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume import sign_target
from pfmap.volume.bridge import NormalLaw, cross, next_power, normal_coordinates
from pfmap.volume.certainty import log2_lower_of_estimates
from pfmap.volume.chains import Workspace, advance, stream_key
from pfmap.volume.permuting import exchange_units, unit_places
from pfmap.volume.realised import Signs, right_draws, trained


def network(widths, law="normal", activation="relu", draws=300_000):
    return campaign_from_mapping(
        {
            "network": {"widths": widths, "activation": activation},
            "prior": {"law": law},
            "draws": draws,
        }
    )


def wanted(campaign, name):
    function = parse_function(name, campaign.network.widths[0])
    return sign_target(plan_sampling(campaign), function.signs, name=function.key)


def tilted(target, law):
    kernel = TiltedSigns(*target.kernel, law.mean, law.sds)
    return dataclasses.replace(target, kernel=kernel, move_weights=(0.0, 1.0, 0.0, 0.0))


def chains_of(target, threshold, starts, steps, level=1):
    with ThreadPoolExecutor(1) as pool:
        workspace = Workspace(target, len(starts), steps, pool)
        sizes = np.zeros(2 * len(target.groups) + 1)
        advance(
            target, threshold, sizes, starts, np.zeros(len(starts)), workspace,
            key=np.uint64(7), level=level,
        )  # fmt: skip
    return workspace.states, workspace.severities


@pytest.mark.parametrize(("law", "widths"), [("normal", [2, 3, 2, 1]), ("uniform", [2, 3, 1])])
def test_slices_keep_a_normal_law_of_ones_own(law, widths):
    target = wanted(network(widths, law), "xor2")
    rng = np.random.default_rng(3)
    d = target.n_parameters
    own = NormalLaw(rng.normal(size=d), rng.uniform(0.3, 1.0, size=d))
    x = own.mean + own.sds * rng.normal(size=(2000, d))
    starts = x if law == "normal" else erf(x / math.sqrt(2.0))
    states, _ = chains_of(tilted(target, own), 1e9, starts, 40)
    last = (normal_coordinates(target, states[:, -1]) - own.mean) / own.sds
    pvalues = [stats.kstest(column, "norm").pvalue for column in last.T]
    assert min(pvalues) > 1e-5 / d
    assert abs(np.corrcoef(last.T)[~np.eye(d, dtype=bool)]).max() < 6.0 / math.sqrt(2000)
    # They do move, and a law with another spread is told from this one.
    start = (x - own.mean) / own.sds
    assert abs(np.mean(start * last)) < 0.1
    assert min(stats.kstest(1.2 * column, "norm").pvalue for column in last.T) < 1e-5 / d


def test_chains_inside_the_signs_have_the_signs_and_the_law_restricted():
    """Against draws of the law that have the signs; the control forgets the centre."""
    target = wanted(network([2, 3, 2, 1]), "and")
    signs, rng = Signs(target), np.random.default_rng(5)
    own = NormalLaw(rng.normal(size=target.n_parameters), np.full(target.n_parameters, 0.8))
    inside = right_draws(signs, own, 20_000, rng)
    starts = inside[:400]
    states, severities = chains_of(tilted(target, own), 0.0, starts, 100)
    assert (severities == 0.0).all()
    assert all(signs.hold(x) for x in states[::40, -1])
    last = states[:, -1].mean(axis=0)
    error = inside.std(axis=0) * math.sqrt(1.0 / 400 + 1.0 / len(inside))
    assert (abs(last - inside.mean(axis=0)) < 5.0 * error).all()
    other = dataclasses.replace(own, mean=np.zeros_like(own.mean))
    states, _ = chains_of(tilted(target, other), 0.0, starts, 100)
    assert (abs(states[:, -1].mean(axis=0) - inside.mean(axis=0)) > 5.0 * error).any()


def test_exchanges_of_units_keep_outputs_and_the_law():
    target = wanted(network([2, 3, 3, 1]), "xor2")
    signs, rng = Signs(target), np.random.default_rng(1)
    d, net = target.n_parameters, target.kernel.net
    x = rng.normal(size=(50, d))
    changed, states = x.copy(), 2.0 * x
    exchange_units(net, changed, states, np.zeros(d), np.ones(d), rng)
    assert (states == 2.0 * changed).all()
    assert (changed != x).any(axis=1).mean() > 0.9
    for before, after in zip(x, changed, strict=True):
        expected = signs.model.outputs(signs.weights(before))
        assert np.allclose(signs.model.outputs(signs.weights(after)), expected, atol=1e-12)
    # Draws of a law that tells the units apart stay draws of it; at random order they do not.
    own = NormalLaw(0.7 * rng.normal(size=d), np.full(d, 0.9))
    x = own.mean + own.sds * rng.normal(size=(4000, d))
    changed = x.copy()
    exchange_units(net, changed, x.copy(), own.mean, own.sds, rng)
    moved = (changed != x).any(axis=1).mean()
    assert 0.05 < moved < 0.95

    def z(drawn):
        return abs(drawn.mean(axis=0) - own.mean).max() / (0.9 / math.sqrt(4000))

    assert z(changed) < 5.0
    exchange_units(net, changed, x.copy(), np.zeros(d), np.full(d, 1e9), rng)
    assert z(changed) > 10.0


def test_places_of_units_are_a_permutation_of_all_but_the_output_bias():
    net = wanted(network([2, 3, 1]), "xor2").kernel.net
    (places,) = unit_places(net)
    assert places.shape == (3, 4)
    assert sorted(places.ravel()) == list(range(12))


@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_the_mean_of_crossings_is_the_probability(law):
    """Against counts; the share of q's draws must not be forgotten."""
    campaign = network([2, 3, 1], law)
    counts = sample_prior(campaign).set_index("function")["count"]
    target = wanted(campaign, "and")
    truth = counts["1"] / campaign.draws
    signs, rng = Signs(target), np.random.default_rng(2)
    d = target.n_parameters
    centre = next(x for _ in range(100) if (x := trained(signs, rng)) is not None)
    own = NormalLaw(centre, np.full(d, 0.3))
    powers = np.append(0.8 ** np.arange(24), 0.0)
    estimates, shares = np.zeros(64), np.zeros(64)
    with ThreadPoolExecutor(1) as pool:
        workspace = Workspace(target, 16, 128, pool)
        for number in range(64):
            drawn = right_draws(signs, own, 128, rng)
            shares[number] = len(drawn) / 128
            if len(drawn):
                states = drawn if law == "normal" else erf(drawn / math.sqrt(2.0))
                key = stream_key(1, "test", number)
                log_share = math.log(shares[number])
                found = cross(target, own, states, log_share, workspace, key=key, powers=powers)
                estimates[number] = math.exp(found.log_mass)
    error = estimates.std(ddof=1) / 8.0 + truth * 0.01
    assert abs(estimates.mean() - truth) < 5.0 * error
    assert abs(estimates.mean() / shares.mean() - truth) > 5.0 * error


def test_powers_fall_to_zero_where_weights_are_even():
    assert next_power(np.zeros(10), 1.0) == 0.0
    ratios = np.random.default_rng(1).normal(size=1000) * 30.0
    wanted_power = next_power(ratios, 1.0)
    weights = np.exp((1.0 - wanted_power) * ratios)
    assert abs(weights.sum() ** 2 / (weights @ weights) / 1000 - 0.5) < 0.01


def test_a_bound_by_estimates_fails_as_seldom_as_it_says():
    """Of sets of skew estimates; counting three units as 3! places though they overlap fails."""
    rng = np.random.default_rng(4)
    logs = 2.0 * rng.normal(size=(500, 4)) - 2.0  # the mean of exp is 1
    bounds = np.array([log2_lower_of_estimates(row) for row in logs])
    allowed = 0.025 + 5.0 * math.sqrt(0.025 / 500)
    assert np.mean(bounds > 0.0) < allowed
    assert np.mean(bounds + math.log2(math.factorial(3)) > 0.0) > allowed
    assert log2_lower_of_estimates(np.full(4, 0.0)) > -2.0
    assert math.isnan(log2_lower_of_estimates(np.full(4, -math.inf)))
