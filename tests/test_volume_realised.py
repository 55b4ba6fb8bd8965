"""Lower bounds by a realisation: they hold, and every function that is expressible has one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pfmap.functions import parse_function
from pfmap.sampling import plan_sampling, sample_prior
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume import Settings, realised, sign_target
from pfmap.volume.probability import estimate_probability
from pfmap.volume.realised import realised_bound
from pfmap.volume.rows import evidence_row


def network(widths, **changes) -> Campaign:
    base = {"network": {"widths": widths}, "prior": {"preset": "gaussian"}, "draws": 200_000}
    return campaign_from_mapping({**base, **changes})


@pytest.fixture
def short(monkeypatch):
    """Little work: bounds hold, and lie lower."""
    monkeypatch.setattr(realised, "MOST_STEPS", 128)
    monkeypatch.setattr(realised, "SHORTER", 4)
    monkeypatch.setattr(realised, "FITTING_STEPS", 500)


@pytest.mark.parametrize("prior", [{"preset": "gaussian"}, {"law": "uniform"}])
def test_bounds_lie_below_the_shares_counted(prior, short):
    campaign = network([2, 4, 1], prior=prior)
    counts = sample_prior(campaign).set_index("function")["count"]
    plan = plan_sampling(campaign)
    for key in ("0", "1", "6"):
        target = sign_target(plan, parse_function(key, 2).signs, name=key)
        counted = math.log2(counts[key] / campaign.draws)
        bound = realised_bound(target)
        assert bound < counted + 0.05
        assert bound > counted - 5.0


def test_short_crossings_give_bounds_too(short):
    """Parity of three inputs under (3,8,1), log2 P = -25.65 ± 0.1, by several seeds."""
    target = sign_target(
        plan_sampling(network([3, 8, 1])), parse_function("69", 3).signs, name="69"
    )
    told = []
    bounds = [
        realised_bound(target, seed=seed, threads=threads, progress=lambda *at: told.append(at))
        for seed, threads in ((1, 1), (2, 1), (3, 1), (3, 2))
    ]
    assert -45.0 < min(bounds) < max(bounds) < -25.65
    assert bounds[2] == bounds[3]  # whatever the threads
    assert told[-1] == (10, 10)


def test_a_bound_says_nothing_of_a_function_that_is_out_of_reach():
    plan = plan_sampling(network([2, 1]))
    assert math.isnan(realised_bound(sign_target(plan, parse_function("6", 2).signs, name="xor")))


def test_a_splitting_that_did_not_arrive_is_bracketed():
    """Parity of three inputs under (3,8,1): log2 P = -25.65 ± 0.1."""
    found = estimate_probability(network([3, 8, 1]), "parity", Settings(runs=2, max_levels=5))
    assert found.verdict == "budget"
    assert math.isnan(found.log2_p)
    assert -33.0 < found.log2_p_lower < -25.65 < found.log2_p_upper < -5.0
    row = evidence_row(found, function="69")
    assert (row["log2_p"], row["log2_p_lower"]) == (None, found.log2_p_lower)


def test_crossings_that_all_failed_bound_nothing(short, monkeypatch):
    made = realised.crossing

    def failing(signs, law, rng, workspace, key, powers=None):
        return made(signs, law, rng, workspace, key) if powers is None else None

    monkeypatch.setattr(realised, "crossing", failing)
    plan = plan_sampling(network([2, 2, 1]))
    assert math.isnan(realised_bound(sign_target(plan, parse_function("1", 2).signs, name="1")))


def test_runs_that_arrived_need_no_realisation():
    found = estimate_probability(network([3, 8, 1]), "and", Settings(chains=16, steps=16, runs=4))
    assert math.isnan(found.realised)
    assert np.isfinite(found.log2_p_lower)
