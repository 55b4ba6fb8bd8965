"""An error asked for: rounds grow until it is met, and the last one is unbiased."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pfmap.errors import SettingsError
from pfmap.models.polynomial import polynomial_model
from pfmap.volume import Settings, estimate_to_error, estimate_volume, loss_target, rounds
from pfmap.volume.certainty import is_uncertain
from pfmap.volume.combine import combine_runs
from pfmap.volume.estimate import VolumeEstimate
from pfmap.volume.splitting import Levels, Run

LN2 = math.log(2.0)
TARGET = SimpleNamespace(n_parameters=100, name="simulated", loss="signs")
POINT = [np.array([0.0])]


def levels(verdict: str = "reached") -> Levels:
    return Levels(np.array([math.inf, 0.0]), np.zeros((2, 1)), POINT, verdict, 0)


def skew_logs(n_states: int, n_runs: int, rng: np.random.Generator) -> np.ndarray:
    """ln V̂ of runs with mean 1, 70 % of it from a part that short runs seldom find."""
    chance = min(1.0, 0.15 * n_states / 256)
    found = rng.random(n_runs) < chance
    return np.log(0.3 + 0.7 / chance * found) + rng.normal(-0.02, 0.2, n_runs)


def joined(target, lengths: Settings, logs: np.ndarray) -> VolumeEstimate:
    """The estimate of runs with these ln V̂, whose chains explain a fifth of a nat."""
    runs = [Run(np.array([log]), [np.array([[0.04]])], np.ones(1), 1) for log in logs]
    curve = combine_runs(POINT, runs)
    verdict = "uncertain" if is_uncertain(curve, runs) else "reached"
    return VolumeEstimate(target, lengths, levels(), runs, curve, verdict)


def mean_of(found: VolumeEstimate) -> float:
    """The plain mean of the runs, which is what is unbiased."""
    return float(np.mean([math.exp(run.log_volumes[-1]) for run in found.runs]))


def added_until_met(given: Settings, error: float, rng: np.random.Generator) -> VolumeEstimate:
    """The control: runs are added until their spread is small enough, and all are averaged."""
    logs = np.zeros(0)
    while len(logs) < 128:
        logs = np.append(logs, skew_logs(given.chains * given.steps, max(8, len(logs)), rng))
        found = joined(TARGET, given, logs)
        if found.log2_p_se <= error:
            break
    return found


def test_the_last_round_is_unbiased_and_runs_added_until_they_agree_are_not(monkeypatch):
    rng = np.random.default_rng(4)
    given = Settings(chains=16, steps=16)
    made = []

    def estimate(target, lengths, **_):
        logs = skew_logs(lengths.chains * lengths.steps, lengths.runs, rng)
        made.append(joined(target, lengths, logs))
        return made[-1]

    monkeypatch.setattr(rounds, "estimate_volume", estimate)
    found = {
        "rounds": [mean_of(estimate_to_error(TARGET, 0.4, given)) for _ in range(800)],
        "added": [mean_of(added_until_met(given, 0.4, rng)) for _ in range(800)],
    }
    excess = {
        name: (np.mean(means) - 1.0) / (np.std(means, ddof=1) / math.sqrt(len(means)))
        for name, means in found.items()
    }
    assert abs(excess["rounds"]) < 4.0
    assert excess["added"] < -4.0, excess
    # Rounds of several lengths were made.
    assert len({(one.settings.steps, len(one.runs)) for one in made}) > 3


def test_rounds_of_the_engine_are_unbiased():
    """P(w² <= 10^-3) under a normal law, in 40 estimates of rounds that are much too short."""
    target = loss_target(polynomial_model([[1]]), name="w")
    exact = math.erf(math.sqrt(1e-3 / 2.0))
    means, sizes = [], set()
    for seed in range(40):
        given = Settings(chains=8, steps=8, lowest=0.5e-3, seed=seed)
        found = estimate_to_error(target, 0.3, given, threads=1)
        means.append(mean_of(found) / exact)
        sizes.add((found.settings.chains, found.settings.steps, len(found.runs)))
    assert abs(np.mean(means) - 1.0) < 4 * np.std(means, ddof=1) / math.sqrt(len(means))
    assert len(sizes) > 2


def test_longer_runs_meet_an_error_that_short_ones_do_not():
    target = loss_target(polynomial_model([[1]]), name="w")
    given = Settings(chains=8, steps=8, lowest=0.5e-4, seed=3)
    assert not estimate_volume(target, given, threads=1).log2_p_se <= 0.2
    found = estimate_to_error(target, 0.2, given, threads=1)
    assert found.log2_p_se <= 0.24
    assert found.settings.chains * found.settings.steps * len(found.runs) > 8 * 8 * 8
    assert found.error == 0.2
    last = found.levels.evaluations + sum(run.evaluations for run in found.runs)
    assert 0 < found.discarded == found.evaluations - last
    again = estimate_to_error(target, 0.2, given, threads=2)
    assert (again.log2_p, again.evaluations) == (found.log2_p, found.evaluations)


def test_kept_rounds_are_not_made_again(tmp_path):
    target = loss_target(polynomial_model([[1]]), name="w")
    given = Settings(chains=8, steps=8, lowest=0.5e-4, seed=3)
    found = estimate_to_error(target, 0.5, given, folder=tmp_path, threads=1)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    assert len({path.parent for path in files}) > 1
    again = estimate_to_error(target, 0.5, given, folder=tmp_path, threads=1)
    assert (again.log2_p, again.log2_p_se, again.evaluations) == (
        found.log2_p, found.log2_p_se, found.evaluations,
    )  # fmt: skip
    assert files == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}


def round_of(bits, lengths: Settings, verdict: str = "reached") -> VolumeEstimate:
    """A round whose runs gave these log2 V."""
    runs = [Run(np.array([LN2 * b]), [np.eye(1) / 50], np.ones(1), 1) for b in bits]
    curve = combine_runs(POINT, runs)
    pilot = "reached" if verdict == "uncertain" else verdict
    return VolumeEstimate(TARGET, lengths, levels(pilot), runs, curve, verdict)


def test_what_follows_a_round():
    given = Settings()
    trial = replace(given, steps=32)
    near = [-20.0, -20.1, -19.9, -20.0, -20.1, -19.9, -20.0, -20.0]
    # Good enough at its own length: once more, and that is the last.
    assert rounds.next_round(round_of(near, trial), 0.5, given) == (trial, True)
    following, is_last = rounds.next_round(round_of(near, trial), 0.05, given)
    assert (following.chains, following.steps, is_last) == (32, 32, True)
    assert 8 < following.runs <= 8 * rounds.MORE
    apart = [-20.0, -21.5, -19.0, -20.5, -18.0, -22.0, -20.0, -19.5]
    following, is_last = rounds.next_round(round_of(apart, given), 0.1, given)
    assert (following.chains, following.steps, is_last) == (32, 128, False)
    assert following.runs == 8 * rounds.MORE
    # Runs that lie far apart become longer, the steps asked for first, then chains and steps.
    far = [-20.0, -31.5, -19.0, -26.5, -18.0, -29.0, -20.0, -19.5]
    following, is_last = rounds.next_round(round_of(far, trial, "uncertain"), 0.5, given)
    assert following == given
    assert not is_last
    following, is_last = rounds.next_round(round_of(far, following, "uncertain"), 0.5, given)
    assert (following.chains, following.steps, following.runs, is_last) == (64, 256, 8, False)
    dead = [*near[:7], -math.inf]
    assert rounds.next_round(round_of(dead, trial, "uncertain"), 0.5, given) == (given, False)
    # Where they cannot be longer there are more; so much work is the last, whatever it says.
    longest = replace(given, chains=128, steps=512)
    following, is_last = rounds.next_round(round_of(far, longest, "uncertain"), 0.5, given)
    assert (following.chains, following.steps, following.runs, is_last) == (128, 512, 32, True)


def test_a_pilot_that_did_not_arrive_gets_longer_chains_and_no_more_levels():
    given = Settings()
    following, is_last = rounds.next_round(round_of([-9.0, -9.1], given, "stalled"), 0.5, given)
    assert (following.chains, following.steps, is_last) == (64, 256, False)
    longest = replace(given, chains=128, steps=512)
    assert rounds.next_round(round_of([-9.0, -9.1], longest, "stalled"), 0.5, given) is None
    assert rounds.next_round(round_of([-9.0, -9.1], given, "budget"), 0.5, given) is None


@pytest.mark.parametrize("error", [0.0, 1e-4, 11.0, math.nan, "0.5"])
def test_errors_that_cannot_be_met_are_refused(error):
    target = loss_target(polynomial_model([[1]]), name="w")
    with pytest.raises(SettingsError, match="error: must be"):
        estimate_to_error(target, error, Settings(lowest=1e-3))
