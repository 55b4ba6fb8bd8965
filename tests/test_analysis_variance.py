"""The split of variance between functions, draws and estimator against known components."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pfmap.analysis.resampling import resample_weights
from pfmap.analysis.variance import Estimates, collect, moments, shares_of, split_variance

N_DRAWS = np.array([1, 2, 3, 3, 4, 3, 5, 3, 1, 3, 3, 2])
GROUP = np.repeat(np.arange(len(N_DRAWS)), N_DRAWS)


def design(errors: np.ndarray) -> Estimates:
    keys = np.array([f"{index:02x}" for index in range(len(N_DRAWS))])
    return Estimates(keys, GROUP, np.zeros(len(GROUP)), errors)


def simulate(between_sd: float, within_sd: float, errors: np.ndarray, n: int) -> np.ndarray:
    rng = np.random.default_rng(11)
    values = between_sd * rng.normal(size=(len(N_DRAWS), n))[GROUP]
    values += within_sd * rng.normal(size=(len(GROUP), n))
    return 7.0 + values + errors[:, None] * rng.normal(size=(len(GROUP), n))


def mean_moments(estimates: Estimates, values: np.ndarray, squared_errors: np.ndarray):
    """Mean and standard error of σ_B² and σ_W² over data sets."""
    means, squares = estimates.summarise(values)
    found = moments(np.ones((1, len(N_DRAWS))), means, squares, estimates.n_draws, squared_errors)
    return [(part[0].mean(), part[0].std() / np.sqrt(part.shape[1])) for part in found[:2]]


@pytest.mark.parametrize(("between", "within"), [(1.0, 0.5), (0.0, 1.0), (2.0, 0.0), (0.0, 0.0)])
def test_moments_are_unbiased(between, within):
    errors = np.linspace(0.2, 1.5, len(GROUP))
    estimates = design(errors)
    values = simulate(between, within, errors, 4000)
    found = mean_moments(estimates, values, estimates.squared_errors)
    for (mean, error), truth in zip(found, (between**2, within**2), strict=True):
        assert abs(mean - truth) < 5 * error


def test_moments_without_the_estimators_error_are_biased():
    """Negative control: forgetting the reported errors adds them to the variance within."""
    errors = np.linspace(0.2, 1.5, len(GROUP))
    estimates = design(errors)
    values = simulate(1.0, 0.5, errors, 4000)
    (_, (within, error)) = mean_moments(estimates, values, np.zeros(len(N_DRAWS)))
    assert within - 0.25 > 20 * error


def test_moments_of_a_resample_are_those_of_the_repeated_table():
    rng = np.random.default_rng(3)
    errors = rng.uniform(0.1, 1.0, size=len(GROUP))
    estimates = design(errors)
    values = rng.normal(size=(len(GROUP), 1))
    means, squares = estimates.summarise(values)
    weights = resample_weights(len(N_DRAWS), 5, rng)
    found = moments(weights, means, squares, estimates.n_draws, estimates.squared_errors)
    for index, weight in enumerate(weights):
        rows = np.repeat(np.arange(len(N_DRAWS)), weight.astype(int))
        again = moments(
            np.ones((1, len(rows))),
            means[rows],
            squares[rows],
            estimates.n_draws[rows],
            estimates.squared_errors[rows],
        )
        for part, expected in zip(found, again, strict=True):
            assert part[index, 0] == pytest.approx(expected[0, 0], abs=1e-10)


def frame(values: np.ndarray, errors: np.ndarray | float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "function": [f"{index:02x}" for index in GROUP],
            "draw": np.arange(len(GROUP)),
            "llc": values,
            "llc_se": errors,
        }
    )


def split(table: pd.DataFrame):
    estimates = collect(table)
    weights = resample_weights(estimates.n_repeated, 300, np.random.default_rng(0))
    return split_variance(estimates, weights)


def test_shares_add_up_and_find_the_larger_part():
    rng = np.random.default_rng(2)
    means = 4.0 * rng.normal(size=len(N_DRAWS))[GROUP]
    found = split(frame(means + 0.1 * rng.normal(size=len(GROUP)), 0.05))
    assert sum(found.shares) == pytest.approx(1.0)
    assert found.shares[0] > 0.99
    assert found.low[0] > 0.9
    assert found.reliability > 0.99
    assert found.problem == ""


def test_noise_has_no_share_between_functions_with_a_lower_bound_above_0():
    rng = np.random.default_rng(4)
    found = split(frame(50.0 + rng.normal(size=len(GROUP)), 1.0))
    assert found.low[0] == 0.0


def test_rare_functions_with_noisier_draws_do_not_pass_for_a_difference():
    """Ten of forty functions have one draw, three times as far from λ as those of the others."""
    group = np.r_[np.repeat(np.arange(30), 3), np.arange(30, 40)]
    spread = np.where(group < 30, 1.0, 3.0)
    keys = np.array([f"{index:02x}" for index in range(40)])
    rng = np.random.default_rng(6)
    weights, everyone = (resample_weights(n, 300, rng) for n in (30, 40))
    passes = naive_passes = 0
    for _ in range(100):
        values = spread * rng.normal(size=len(group))
        item = Estimates(keys, group, values, np.zeros(len(group)))
        passes += split_variance(item, weights).low[0] > 0.0
        means, squares = item.summarise(values[:, None])
        parts = moments(everyone, means, squares, item.n_draws, item.squared_errors)
        naive_passes += np.nanquantile(shares_of(*parts)[0], 0.025) > 0.0
    # One side of a 95 % interval, 2.5 % for an ideal one: at most 11 (5 sd).
    assert passes <= 11
    assert naive_passes > 30  # the control: with every function in, noise passes


def test_definitions_without_errors_have_no_share_of_the_estimator():
    rng = np.random.default_rng(5)
    found = split(frame(rng.integers(0, 5, size=len(GROUP)) / 2.0, np.nan))
    assert found.shares[2] == 0.0
    assert found.estimator == 0.0


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (frame(np.full(len(GROUP), 0.1), np.nan), "all estimates are equal"),
        (frame(np.arange(len(GROUP)), 1.0).head(8), "functions with 3 draws or more: 1, 8 needed"),
        (
            frame(np.arange(len(GROUP)), 1.0).drop_duplicates("function"),
            "functions with 3 draws or more: 0, 8 needed",
        ),
        (frame(np.arange(len(GROUP)), 1.0).head(0), "functions with 3 draws or more: 0, 8 needed"),
    ],
)
def test_what_cannot_be_split_says_why(table, reason):
    estimates = collect(table)
    found = split_variance(estimates, np.ones((10, max(1, estimates.n_repeated))))
    assert found.problem == reason
    assert np.isnan(found.shares).all()
    assert np.isnan(found.reliability)
