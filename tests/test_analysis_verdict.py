"""Verdicts on learning coefficients whose truth is known: noise, a real relation, a confounder."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from synthetic_tables import select, synthetic_campaign, synthetic_functions, synthetic_llc

from pfmap.analysis.correlate import Estimate, correlate
from pfmap.analysis.learning import llc_correlations
from pfmap.analysis.noise import between_passes, noise_rates, simulate_null
from pfmap.analysis.quantities import definitions, selected_functions
from pfmap.analysis.resampling import resample_weights, seeded
from pfmap.analysis.variance import split_variance
from pfmap.analysis.verdict import disattenuated, pair_verdict

CONTROLS = ("ones", "entropy")


def all_rows(llc: pd.DataFrame, chosen: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """Rows of every definition in `llc` with ``log2_p``, ``lz`` and the other definitions."""
    campaign = synthetic_campaign().model_copy(update={"seed": seed})
    estimates, dropped = definitions(llc, chosen)
    splits = {
        label: split_variance(item, resample_weights(len(item.functions), 200, seeded(seed, label)))
        for label, item in estimates.items()
    }
    table = selected_functions(chosen, estimates, campaign.analysis.min_count)
    quantities = ["log2_p", "lz"]
    return pd.DataFrame(
        llc_correlations(table, quantities, estimates, splits, dropped, CONTROLS, campaign)
    )


def judge(truth, *, within_sd: float, llc_se: float, seed: int, llc=None) -> pd.DataFrame:
    """Rows with ``lz`` for 40 functions with three draws each."""
    chosen = select(synthetic_functions(), 40, seed)
    if llc is None:
        llc = synthetic_llc(chosen, truth, within_sd=within_sd, llc_se=llc_se, seed=seed)
    found = all_rows(llc, chosen, seed=seed)
    return found[(found["y"] == "lz") & (found["subset"] == "all")].set_index("method")


def constant(functions: pd.DataFrame) -> np.ndarray:
    return np.full(len(functions), 50.0)


def by_lz(functions: pd.DataFrame) -> np.ndarray:
    return 20.0 + 0.3 * functions["lz"].to_numpy()


def by_entropy(functions: pd.DataFrame) -> np.ndarray:
    return 20.0 + 10.0 * functions["entropy"].to_numpy()


def test_constant_lambda_with_noise_is_not_supported():
    """Both checks pass together in about 0.2 % of data sets: 0.1 in 60, at most 2 (5 sd)."""
    supported, own_interval = 0, 0
    for seed in range(60):
        row = judge(constant, within_sd=1.0, llc_se=1.0, seed=seed).loc["spearman"]
        supported += row["verdict"] == "supported"
        own_interval += row["low"] > 0.0 or row["high"] < 0.0
        assert row["reason"]
    assert supported <= 2
    # Negative control: the plain interval excludes 0 in about 5 %, and a few are found.
    assert own_interval > supported


def test_lambda_that_follows_lz_is_supported():
    for seed in range(5):
        rows = judge(by_lz, within_sd=0.5, llc_se=0.5, seed=seed)
        for method in ("pearson", "spearman", "kendall", "partial_spearman"):
            assert rows.loc[method, "verdict"] == "supported", rows.loc[method, "reason"]
            assert "pure noise passes in 0." in rows.loc[method, "reason"]
            assert rows.loc[method, "estimate"] > 0.0


def test_lambda_that_follows_the_ones_only_is_not_supported():
    """The partial correlation excludes 0 in about 5 % of data sets: 2 in 40, at most 9 (5 sd)."""
    supported, own_interval = 0, 0
    for seed in range(40):
        row = judge(by_entropy, within_sd=0.5, llc_se=0.5, seed=seed).loc["spearman"]
        supported += row["verdict"] == "supported"
        own_interval += row["low"] > 0.0
    assert supported <= 9
    # Negative control: without the controls, lz would seem to explain λ nearly always.
    assert own_interval >= 30


def test_reasons_name_what_failed():
    rows = judge(constant, within_sd=1.0, llc_se=1.0, seed=3)
    reason = rows.loc["spearman", "reason"]
    assert "between-function share of mala/self" in reason
    assert rows.loc["spearman", "verdict"] == "not supported"


def test_attenuation_is_corrected_above_reliability_02_only():
    noisy = judge(constant, within_sd=1.0, llc_se=1.0, seed=3)
    assert "pearson_disattenuated" not in noisy.index
    clear = judge(by_lz, within_sd=0.5, llc_se=0.5, seed=3)
    plain, corrected = clear.loc["pearson"], clear.loc["pearson_disattenuated"]
    assert corrected["estimate"] > plain["estimate"] > 0.0
    assert "reliability 0." in corrected["reason"]


def test_the_limit_of_attenuation_is_a_reliability_of_02():
    item = Estimate("mala/self", "lz", "pearson", "", 40, 0.3, 0.1, 0.5, "")
    assert disattenuated(item, 0.199) is None
    assert disattenuated(item, float("nan")) is None
    corrected, _ = disattenuated(item, 0.25)
    assert (corrected.estimate, corrected.low, corrected.high) == (0.6, 0.2, 1.0)


def test_two_definitions_at_the_same_draws_are_not_corrected():
    """What their draws share is no attenuation: r = 0 between functions would read as 0.8."""
    chosen = select(synthetic_functions(), 40, 0)
    first = synthetic_llc(chosen, by_lz, within_sd=1.0, llc_se=0.1, seed=0)
    llc = pd.concat([first, first.assign(center="target")])
    rows = all_rows(llc, chosen, seed=0)
    pair = rows[(rows["x"] == "mala/self") & (rows["y"] == "mala/target")]
    assert "pearson" in set(pair["method"])
    assert "pearson_disattenuated" not in set(pair["method"])


def test_the_rate_of_noise_reaches_the_verdict(monkeypatch):
    monkeypatch.setattr(
        "pfmap.analysis.learning.noise_rates", lambda *_, **__: np.full(len(_[2][0]), 0.5)
    )
    row = judge(by_lz, within_sd=0.5, llc_se=0.5, seed=0).loc["spearman"]
    assert row["verdict"] == "not supported"
    assert row["reason"] == "pure noise passes in 50.0% of simulations"


def test_correction_for_attenuation_recovers_the_correlation_without_noise():
    chosen = select(synthetic_functions(), 40, 0)
    wobble = np.random.default_rng(0).normal(size=40)
    truth = by_lz(chosen) + wobble
    expected = np.corrcoef(truth, chosen["lz"])[0, 1]
    found = []
    for seed in range(30):
        llc = synthetic_llc(chosen, lambda _: truth, within_sd=1.0, llc_se=1.0, seed=seed)
        estimates, _ = definitions(llc, chosen)
        (item,) = estimates.values()
        split = split_variance(item, np.ones((2, 40)))
        means = pd.Series(item.means, index=item.functions).loc[chosen["function"]]
        plain = np.corrcoef(means, chosen["lz"])[0, 1]
        found.append((plain, plain / np.sqrt(split.reliability)))
    plain, corrected = np.mean(found, axis=0)
    error = np.std(found, axis=0)[1] / np.sqrt(len(found))
    assert abs(corrected - expected) < 5 * error + 0.01
    assert expected - plain > 5 * error


def test_null_simulation_has_the_reported_errors():
    chosen = select(synthetic_functions(), 30, 1)
    llc = synthetic_llc(chosen, by_lz, within_sd=1.0, llc_se=0.5, seed=1)
    (item,) = definitions(llc, chosen)[0].values()
    split = split_variance(item, np.ones((2, 30)))
    simulated = simulate_null(item, split, 400, np.random.default_rng(0))
    variance = split.within + 0.25
    # A variance from n normal values has the relative standard error sqrt(2/n).
    assert simulated.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / simulated.size))


def test_noise_passes_the_share_rarely_and_both_checks_almost_never():
    chosen = select(synthetic_functions(), 40, 2)
    llc = synthetic_llc(chosen, constant, within_sd=1.0, llc_se=1.0, seed=2)
    (item,) = definitions(llc, chosen)[0].values()
    rng = np.random.default_rng(1)
    split = split_variance(item, resample_weights(40, 200, rng))
    weights = resample_weights(40, 200, rng)
    share = between_passes(item, simulate_null(item, split, 2000, rng), weights).mean()
    # One side of a 95 % interval: 2.5 % for an ideal one, some more for 40 functions.
    assert share < 0.06
    ordered = chosen.sort_values("function")
    rates = noise_rates(
        item,
        split,
        ordered[["lz", "log2_p"]].to_numpy(),
        ordered[list(CONTROLS)].to_numpy(dtype=float),
        n_simulations=2000,
        n_resamples=200,
        rng=rng,
    )
    assert (rates < 0.01).all()
    assert (rates <= share).all()


def test_a_real_difference_passes_the_check_on_the_share():
    """Negative control of the simulation: data with a difference are not taken for noise."""
    chosen = select(synthetic_functions(), 40, 2)
    llc = synthetic_llc(chosen, by_lz, within_sd=0.5, llc_se=0.5, seed=2)
    (item,) = definitions(llc, chosen)[0].values()
    weights = resample_weights(40, 200, np.random.default_rng(1))
    assert between_passes(item, item.values[:, None], weights).all()


def test_a_high_noise_rate_alone_forbids_support():
    rows = judge(by_lz, within_sd=0.5, llc_se=0.5, seed=1)
    campaign = synthetic_campaign()
    chosen = select(synthetic_functions(), 40, 1)
    llc = synthetic_llc(chosen, by_lz, within_sd=0.5, llc_se=0.5, seed=1)
    (item,) = definitions(llc, chosen)[0].values()
    split = {"mala/self": split_variance(item, resample_weights(40, 200, seeded(1, "x")))}
    table = selected_functions(chosen, {"mala/self": item}, campaign.analysis.min_count)
    found = correlate(
        table[["mala/self", "lz", *CONTROLS]].astype(float),
        [("mala/self", "lz")],
        controls=CONTROLS,
        n_resamples=200,
    )
    partial = next(one for one in found if one.method == "partial_spearman")
    assert rows.loc["spearman", "verdict"] == "supported"
    assert pair_verdict(found[0], split, partial, 0.005).verdict == "supported"
    refused = pair_verdict(found[0], split, partial, 0.02)
    assert refused.verdict == "not supported"
    assert refused.reason == "pure noise passes in 2.0% of simulations"
    alone = pair_verdict(found[0], split, None, None)
    assert alone.reason == "no partial correlation given ones and entropy"
