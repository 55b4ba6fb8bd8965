"""The splitting as a whole: unbiased, its errors honest, its verdicts right."""

from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import stats

from pfmap.errors import SettingsError
from pfmap.models.linear import deep_linear_model
from pfmap.models.polynomial import polynomial_model
from pfmap.sampling import plan_sampling
from pfmap.settings.domain import boolean_points
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume import Settings, estimate_volume, loss_target, sign_target
from pfmap.volume.combine import combine_runs
from pfmap.volume.plain import normal_draw, normal_walk, plain_splitting
from pfmap.volume.splitting import find_levels, resample, run_levels

SHORT = Settings(chains=32, steps=8, runs=2, seed=3)


def perceptron(bits, bias=False, name=None):
    """Wanted truth table of a perceptron with standard normal weights."""
    n = int(math.log2(len(bits)))
    plan = plan_sampling(
        campaign_from_mapping(
            {
                "network": {"widths": [n, 1], "bias": bias},
                "prior": {"preset": "gaussian", "weight_scale": "none"},
            }
        )
    )
    signs = np.array([1.0 if bit == "1" else -1.0 for bit in bits])
    return sign_target(plan, signs, name=name or bits)


def sum_of_squares(d):
    """K = |w|²/2 of d weights: V(t) = P(χ²_d <= 2t)."""
    return loss_target(deep_linear_model((1, d), np.zeros((d, 1))), name=f"chi {d}")


def run_many(target, settings, n_runs, threads=1):
    """V̂ at the lowest level of many independent runs at the levels of one pilot."""
    with ThreadPoolExecutor(threads) as pool:
        levels = find_levels(target, settings, pool)
        runs = [run_levels(target, levels, settings, i, pool) for i in range(n_runs)]
    assert levels.verdict == "reached"
    return runs, levels


EXACT = {
    # All weights positive, so every point but the zero input is cut off.
    "orthant of seven": (lambda: perceptron("0" + "1" * 127), 0.0, 2.0**-7),
    "angle of a half": (lambda: perceptron("0011"), 0.0, 1 / 8),
    "angle of a half, with a margin": (lambda: perceptron("0011").with_margin(0.5), 0.0, 1 / 8),
    "w squared": (
        lambda: loss_target(polynomial_model([[1]]), name="w"),
        0.5e-6,
        2 * stats.norm.cdf(1e-3) - 1,
    ),
    "w squared, uniform": (
        lambda: loss_target(polynomial_model([[1]]), name="w", law="uniform"),
        0.5e-6,
        1e-3 / math.sqrt(3),
    ),
    "three squares": (lambda: sum_of_squares(3), 0.5e-3, stats.chi2.cdf(1e-3, 3)),
}


@pytest.mark.parametrize("case", EXACT)
def test_mean_of_many_short_runs_is_the_exact_volume(case):
    make, lowest, exact = EXACT[case]
    runs, _ = run_many(make(), dataclasses.replace(SHORT, lowest=lowest), 200)
    ratios = np.exp([run.log_volumes[-1] for run in runs]) / exact
    se = ratios.std(ddof=1) / math.sqrt(len(ratios))
    assert se < 0.2
    assert abs(ratios.mean() - 1.0) < 4 * se


def test_two_input_probabilities_are_those_of_orthant_angles():
    # Bits at 01, 10 and 11 are the signs of w2, w1 and w1 + w2; 00 is a tie, bit 0.
    eighths = {"0111": 2, "0101": 1, "0100": 1, "0011": 1, "0010": 1, "0000": 2}
    total = 0.0
    for bits, eighth in eighths.items():
        found = estimate_volume(perceptron(bits), Settings(runs=4), threads=1)
        assert found.verdict == "reached"
        error = found.log2_p - math.log2(eighth / 8)
        assert abs(error) < 5 * max(found.log2_p_se, found.curve.within_se[-1] / math.log(2))
        assert abs(error) < 0.2
        total += 2.0**found.log2_p
    assert total == pytest.approx(1.0, abs=0.05)


def test_constant_one_of_a_perceptron_without_bias_stalls():
    found = estimate_volume(perceptron("1111"), Settings(runs=2), threads=1)
    assert found.verdict == "stalled"
    assert math.isnan(found.log2_p)
    # The lowest level holds the orthant where the tie alone is wrong.
    assert abs(found.log2_p_upper - math.log2(1 / 4)) < 0.3
    proved = estimate_volume(perceptron("1111"), proof="the zero input is bit 0")
    assert (proved.verdict, proved.log2_p, proved.log2_p_se) == ("not expressible", -math.inf, 0.0)


def test_a_budget_of_levels_ends_the_pilot():
    settings = Settings(chains=64, steps=16, runs=2, max_levels=3, lowest=1e-12)
    found = estimate_volume(sum_of_squares(7), settings, threads=1)
    assert found.verdict == "budget"
    assert len(found.curve.severities) > 0
    assert -8.0 < found.log2_p_upper < -4.0


def test_errors_reported_are_errors_made():
    """200 estimates of eight runs: bias of log2 after the correction, and share within two."""
    target, exact = sum_of_squares(1), math.log2(stats.chi2.cdf(1e-5, 1))
    settings = dataclasses.replace(SHORT, lowest=0.5e-5)
    runs, levels = run_many(target, settings, 1600)
    errors, ses, within = [], [], []
    for first in range(0, len(runs), 8):
        curve = combine_runs(levels.curve, runs[first : first + 8])
        errors.append(curve.log_volumes[-1] / math.log(2) - exact)
        ses.append(curve.log_volume_se[-1] / math.log(2))
        within.append(curve.within_se[-1] / math.log(2))
    errors, ses = np.array(errors), np.array(ses)
    spread = errors.std(ddof=1)
    assert spread < 0.5
    # What is left of the bias is of third order: a tenth of the spread allows for it.
    assert abs(errors.mean()) < 4 * spread / math.sqrt(200) + 0.1 * spread
    # A Student variable of seven degrees of freedom lies within two in 91 % of cases.
    share = (np.abs(errors) < 2 * ses).mean()
    assert share > 0.914 - 5 * math.sqrt(0.914 * 0.086 / 200)
    # Chains of one run share ancestors, which the spread within does not see.
    assert np.nanmedian(within) < 1.2 * spread


def test_estimates_depend_on_the_seed_and_the_name_alone():
    target = perceptron("00010111")
    settings = Settings(chains=24, steps=8, runs=2)
    one = estimate_volume(target, settings, threads=1)
    two = estimate_volume(target, settings, threads=2)
    assert np.array_equal(one.curve.log_volumes, two.curve.log_volumes)
    assert one.evaluations == two.evaluations
    kept = {}
    estimate_volume(target, settings, keep=kept.__setitem__, threads=1)
    assert sorted(kept) == [0, 1]
    again = estimate_volume(target, settings, finished={1: kept[1]}, threads=1)
    assert np.array_equal(again.curve.log_volumes, one.curve.log_volumes)
    for other in (
        estimate_volume(target, dataclasses.replace(settings, seed=2), threads=1),
        estimate_volume(perceptron("00010111", name="other"), settings, threads=1),
    ):
        assert other.log2_p != one.log2_p


def test_resampling_is_unbiased():
    severities = np.array([0.3, 2.0, 0.1, 0.9, 5.0, 0.5])
    counts = np.zeros(6)
    for level in range(4000):
        found = resample(severities, 1.0, 3, np.uint64(1), level)
        assert len(found) == 3
        counts += np.bincount(found, minlength=6)
    assert (counts[[1, 4]] == 0).all()
    # 3/4 each; its variance is at most that of a draw.
    limit = 5 * math.sqrt(0.75 * 0.25 / 4000)
    assert np.abs(counts[[0, 2, 3, 5]] / 4000 - 0.75).max() < limit


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"chains": 1}, "chains"), ({"runs": 1}, "runs"), ({"lowest": -1.0}, "lowest")],
)
def test_lengths_that_cannot_be_used_are_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        estimate_volume(perceptron("0111"), Settings(**changes))


# A tanh network, small enough for the plain engine.
WIDTHS = (2, 3, 1)
CAMPAIGN = {
    "network": {"widths": list(WIDTHS), "activation": "tanh"},
    "prior": {"preset": "gaussian"},
}


def severity_of(bits, scales):
    """Severity of signs of the tanh network, for rows of standard coordinates."""
    points = boolean_points(2)
    signs = 2.0 * bits - 1.0

    def severity(z):
        w = z * scales
        hidden = np.tanh(w[:, :6].reshape(-1, 3, 2) @ points.T + w[:, 6:9, None])
        outputs = (w[:, None, 9:12] @ hidden)[:, 0] + w[:, 12:13]
        hinge = np.maximum(0.0, -signs * outputs).sum(axis=1)
        return hinge / np.sqrt(np.mean(outputs**2, axis=1)) / 4

    return severity


def test_the_plain_engine_and_the_compiled_one_agree():
    plan = plan_sampling(campaign_from_mapping(CAMPAIGN))
    bits = np.array([0.0, 1.0, 1.0, 0.0])
    problem = (
        severity_of(bits, plan.law.scales[:13].astype(float)), normal_draw(13), normal_walk()
    )  # fmt: skip
    _, levels = plain_splitting(*problem, seed=0)
    runs = [plain_splitting(*problem, thresholds=levels, seed=seed)[0] for seed in range(1, 9)]
    plain = np.exp(runs)
    found = estimate_volume(sign_target(plan, 2.0 * bits - 1.0, name="xor"), threads=1)
    se = plain.std(ddof=1) / math.sqrt(8) / plain.mean() / math.log(2)
    assert abs(found.log2_p - math.log2(plain.mean())) < 5 * math.hypot(se, found.log2_p_se)


def test_signs_are_explored_by_layers_too():
    plan = plan_sampling(campaign_from_mapping({"network": {"widths": [2, 3, 2, 1]}}))
    target = sign_target(plan, np.ones(4), name="one")
    assert target.groups.tolist() == [[0] * 20, [0] * 9 + [1] * 8 + [2] * 3]
    assert perceptron("0111").groups.tolist() == [[0, 0]]
