"""P(f) against counts and exact values, its proofs, and runs that survive an interruption."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pfmap.errors import SettingsError
from pfmap.sampling import plan_sampling, sample_prior
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume import Settings, sign_target
from pfmap.volume.checkpoint import Checkpoint
from pfmap.volume.probability import draws_for_precision, estimate_probability

QUICK = Settings(chains=64, steps=16, runs=4)


def small(**settings) -> Campaign:
    base = {
        "network": {"widths": [3, 8, 1], "activation": "tanh"},
        "prior": {"preset": "gaussian"},
        "draws": 200_000,
    }
    return campaign_from_mapping({**base, **settings})


def test_probabilities_match_counts():
    campaign = small()
    counts = sample_prior(campaign)
    frequent = counts[counts["count"] >= 100]
    chosen = frequent.iloc[np.linspace(0, len(frequent) - 1, 8).astype(int)]
    for key, count in zip(chosen["function"], chosen["count"], strict=True):
        found = estimate_probability(campaign, key, Settings())
        assert found.verdict == "reached"
        error = math.hypot(found.log2_p_se * math.log(2), 1.0 / math.sqrt(count))
        assert abs(found.log2_p * math.log(2) - math.log(count / campaign.draws)) < 5 * error


def test_a_tie_that_severity_alone_would_miss_is_proved():
    # Bias-free perceptron, constant 1: outputs at 0…0 are 0, though severities go down to 0.
    campaign = small(network={"widths": [3, 1], "bias": False})
    found = estimate_probability(campaign, "constant-1", QUICK)
    assert (found.verdict, found.log2_p, found.log2_p_se, found.evaluations) == (
        "not expressible", -math.inf, 0.0, 0,
    )  # fmt: skip
    assert "exactly 0" in found.proof
    # By reflection symmetry the constant 0 has P = 2^-3 (Mingard et al. 2019).
    zero = estimate_probability(campaign, "constant-0", Settings())
    assert abs(zero.log2_p + 3.0) < 5 * zero.log2_p_se


def test_the_way_a_function_is_given_does_not_matter():
    campaign = small()
    found = {
        estimate_probability(campaign, text, QUICK).log2_p for text in ("and", "01", "00000001")
    }
    assert len(found) == 1


def test_functions_without_truth_table_keys_are_refused():
    with pytest.raises(SettingsError, match="2 to 8 inputs .* got 1 inputs on the domain grid"):
        estimate_probability(
            small(network={"widths": [1, 4, 1]}, domain={"kind": "grid"}), "parity", QUICK
        )
    with pytest.raises(SettingsError, match="2 to 8 inputs"):
        estimate_probability(small(network={"widths": [9, 4, 1]}), "parity", QUICK)
    with pytest.raises(SettingsError, match="must be sign"):
        estimate_probability(small(readout={"kind": "quantised"}), "parity", QUICK)


def test_counting_needs_one_over_p_times_the_precision():
    # 10,000 draws of P = 1/2 know ln P to sqrt((1 - P)/(N P)) = 0.01.
    assert draws_for_precision(-1.0, 0.01 / math.log(2)) == pytest.approx(10_000)
    assert math.isnan(draws_for_precision(-1.0, 0.0))
    assert math.isnan(draws_for_precision(-math.inf, 0.0))
    assert draws_for_precision(-5000.0, 1.0) == math.inf


def test_kept_runs_are_used_and_damaged_ones_made_again(tmp_path):
    campaign = small()
    whole = estimate_probability(campaign, "parity", QUICK)
    first = estimate_probability(campaign, "parity", QUICK, folder=tmp_path)
    assert (first.log2_p, first.log2_p_se) == (whole.log2_p, whole.log2_p_se)
    (folder,) = tmp_path.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == [
        "pilot.parquet", *(f"run-{number:04d}.parquet" for number in range(4)),
    ]  # fmt: skip
    (folder / "run-0001.parquet").unlink()
    whole_file = (folder / "run-0002.parquet").read_bytes()
    (folder / "run-0002.parquet").write_bytes(whole_file[: len(whole_file) // 2])
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = estimate_probability(campaign, "parity", QUICK, folder=tmp_path)
    assert (again.log2_p, again.log2_p_se) == (whole.log2_p, whole.log2_p_se)
    assert again.evaluations == whole.evaluations
    changed = {
        path.name for path in folder.iterdir() if path.stat().st_mtime_ns != times.get(path.name)
    }
    assert changed == {"run-0001.parquet", "run-0002.parquet"}


def test_more_runs_continue_and_other_settings_do_not(tmp_path):
    campaign = small()
    plan = plan_sampling(campaign)
    target = sign_target(plan, np.ones(8), name="ff")
    estimate_probability(campaign, "ff", QUICK, folder=tmp_path)
    kept = Checkpoint(tmp_path, target, QUICK)
    assert sorted(kept.runs()) == [0, 1, 2, 3]
    more = Settings(chains=64, steps=16, runs=6)
    assert sorted(Checkpoint(tmp_path, target, more).runs()) == [0, 1, 2, 3]
    for other in (Settings(chains=64, steps=17), Settings(chains=64, steps=16, seed=2)):
        assert Checkpoint(tmp_path, target, other).runs() == {}
        assert Checkpoint(tmp_path, target, other).levels() is None
    wider = plan_sampling(small(network={"widths": [3, 9, 1], "activation": "tanh"}))
    assert Checkpoint(tmp_path, sign_target(wider, np.ones(8), name="ff"), QUICK).runs() == {}
    flipped = sign_target(plan, np.where(np.arange(8) < 4, 1.0, -1.0), name="ff")
    assert Checkpoint(tmp_path, flipped, QUICK).runs() == {}


def test_a_pilot_that_did_not_arrive_is_kept_too(tmp_path):
    short = Settings(chains=64, steps=16, runs=4, max_levels=3)
    first = estimate_probability(small(), "parity", short, folder=tmp_path)
    again = estimate_probability(small(), "parity", short, folder=tmp_path)
    assert first.verdict == again.verdict == "budget"
    assert first.log2_p_upper == again.log2_p_upper
    assert math.isnan(first.log2_p)
    # P(parity) is near 2^-27, so that three levels of two bits are an upper bound.
    assert -8.0 < first.log2_p_upper < -4.0
