"""Standard errors of joined runs: honest where one run outweighs the others."""

import numpy as np
import pytest

from pfmap.models.polynomial import polynomial_model
from pfmap.volume import estimate, loss_target
from pfmap.volume.combine import combine_runs
from pfmap.volume.estimate import VolumeEstimate
from pfmap.volume.splitting import Levels, Run, Settings

POINT = [np.array([0.0])]


def join(logs: np.ndarray, within: float = 0.01):
    """Runs with one point each and the given ln V."""
    runs = [
        Run(np.array([log]), [np.array([[within**2 if np.isfinite(log) else np.nan]])],
            np.array([np.nan]), 1)
        for log in logs
    ]  # fmt: skip
    return combine_runs(POINT, runs)


def coverage(sd: float, n_runs: int = 8, n: int = 400) -> tuple[float, float]:
    """Share of simulations whose ln V lies within two errors of the truth: ours, and of a mean."""
    rng = np.random.default_rng(5)
    ours = plain = 0
    for logs in rng.normal(-40.0 - 0.5 * sd**2, sd, (n, n_runs)):
        found = join(logs)
        error = abs(found.log_volumes[0] + 40.0)
        volumes = np.exp(logs - logs.max())
        relative = volumes.std(ddof=1) / volumes.mean() / np.sqrt(n_runs)
        ours += error < 2.0 * found.between_se[0]
        plain += error < 2.0 * relative
    return ours / n, plain / n


def test_intervals_of_widely_spread_runs_cover_the_truth():
    """The error of a plain mean stays below 1 nat however far the runs are apart."""
    for sd in (0.3, 1.5, 4.0, 12.0):
        # Student's t with 7 degrees of freedom lies within 2 in 91 % of cases; less three errors
        # of a share of 400, and some for the law of v.
        assert coverage(sd)[0] > 0.78
    assert coverage(4.0)[1] < 0.5


def test_runs_close_together_keep_the_error_of_their_mean():
    rng = np.random.default_rng(6)
    logs = -20.0 + 0.01 * rng.normal(size=8)
    volumes = np.exp(logs)
    relative = volumes.std(ddof=1) / volumes.mean() / np.sqrt(8)
    assert join(logs).between_se[0] == pytest.approx(relative, rel=0.02)


def test_27_bits_between_runs_are_no_standard_error_of_1_bit():
    """What (7, 40, 40, 1) gave for a random function with 4,096 particles."""
    bits = np.array([-188.7, -195.9, -267.3, -207.7, -189.1, -197.4, -206.4, -179.3])
    found = join(bits * np.log(2.0))
    assert found.log_volume_se[0] / np.log(2.0) > 27.0
    assert any("standard error" in text for text in found.warnings)


def test_one_run_left_alive_gives_no_error():
    found = join(np.array([-np.inf, -30.0]))
    assert np.isnan(found.between_se[0])
    assert join(np.array([-np.inf, -30.0, -30.5])).between_se[0] > 0.1


def test_an_upper_bound_is_taken_where_it_is_least():
    """The last level is lowest but hardly known: the one before bounds V better."""
    curve = [np.array([2.0]), np.array([1.0])]
    runs = [
        Run(np.array([-9.0 + shift, -12.0 + 20 * shift]), [np.array([[1e-4]])] * 2, np.zeros(2), 1)
        for shift in (-0.1, 0.1, -0.1, 0.1)
    ]  # fmt: skip
    levels = Levels(np.array([np.inf, 2.0, 1.0]), np.zeros((3, 1)), curve, "budget", 1)
    joined = combine_runs(curve, runs)
    estimate = VolumeEstimate(None, Settings(), levels, runs, joined, "budget")
    first = joined.log_volumes[0] + 2.0 * joined.log_volume_se[0]
    assert estimate.log2_p_upper == pytest.approx(first / np.log(2.0))
    assert joined.log_volumes[1] + 2.0 * joined.log_volume_se[1] > first


def test_one_run_that_arrives_is_no_estimate(monkeypatch):
    """Of 8 runs towards parity on (7, 40, 40, 1) one arrived: a bound is known, no probability."""
    target = loss_target(polynomial_model([[1]]), name="w")
    settings = Settings(chains=16, steps=8, runs=3, lowest=1e-3)
    real = estimate.run_levels

    def mostly_dead(target, levels, settings, number, *arguments, **options):
        run = real(target, levels, settings, number, *arguments, **options)
        if number > 0:
            run.log_volumes[-2:] = -np.inf
        return run

    assert estimate.estimate_volume(target, settings, threads=1).verdict == "reached"
    monkeypatch.setattr(estimate, "run_levels", mostly_dead)
    found = estimate.estimate_volume(target, settings, threads=1)
    assert found.verdict == "stalled"
    assert np.isnan(found.log2_p)
    assert -10.0 < found.log2_p_upper < -1.0
