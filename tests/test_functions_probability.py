"""Probabilities: interval coverage, the table of functions, the bias of the once-seen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.special import gammaincinv
from scipy.stats import beta, binom

from pfmap.errors import DataError, SettingsError
from pfmap.functions import (
    arrow_keys_from_words,
    bits_from_words,
    clopper_pearson,
    functions_table,
    keys_from_words,
    words_from_bits,
)
from pfmap.sampling import bits_of_draws, plan_sampling, sample_blocks
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping
from pfmap.store.schema import arrow_schema


def sampled_counts(campaign: Campaign) -> pd.DataFrame:
    """Merged counts of a campaign."""
    exact = campaign.exact_keys
    frames = [
        pd.DataFrame(
            {
                "function": keys_from_words(tally.words, campaign.n_points, exact),
                "count": tally.counts,
                "first_draw": tally.first_draws,
            }
        )
        for tally in sample_blocks(plan_sampling(campaign), range(campaign.n_blocks))
    ]
    merged = pd.concat(frames).groupby("function", as_index=False)
    return merged.agg({"count": "sum", "first_draw": "min"})


def sampled_table(**settings: Any) -> pd.DataFrame:
    """Table of functions of a sampled campaign."""
    campaign = campaign_from_mapping(settings)
    return functions_table(sampled_counts(campaign), campaign).to_pandas()


# Clopper-Pearson


def test_intervals_are_those_of_the_beta_law() -> None:
    n_draws = 5000
    counts = np.array([[0, 1, 2], [17, 4999, 5000]])
    low, high = clopper_pearson(counts, n_draws)
    assert low.shape == counts.shape
    inner = (counts > 0) & (counts < n_draws)
    k = counts[inner]
    np.testing.assert_allclose(low[inner], beta.ppf(0.025, k, n_draws - k + 1), rtol=1e-10)
    np.testing.assert_allclose(high[inner], beta.ppf(0.975, k + 1, n_draws - k), rtol=1e-10)
    assert low[0, 0] == 0.0
    assert high[1, 2] == 1.0
    assert high[0, 0] == pytest.approx(1 - 0.025 ** (1 / n_draws))


def test_intervals_hold_at_the_largest_campaigns() -> None:
    """SciPy's inverse incomplete beta function is wrong at a = 1000, b = 10^10."""
    n_draws = 10**10
    counts = np.arange(1, 3000)
    low, high = clopper_pearson(counts, n_draws)
    # Poisson limit: relative error of order 1/N.
    np.testing.assert_allclose(low, gammaincinv(counts, 0.025) / n_draws, rtol=1e-6)
    np.testing.assert_allclose(high, gammaincinv(counts + 1, 0.975) / n_draws, rtol=1e-6)


@pytest.mark.parametrize("n_draws", [20, 1000])
def test_exact_coverage_of_a_named_function_is_at_least_the_level(n_draws: int) -> None:
    counts = np.arange(n_draws + 1)
    low, high = clopper_pearson(counts, n_draws)
    for p in np.concatenate([np.geomspace(1e-6, 0.5, 60), [0.9, 0.999]]):
        coverage = binom.pmf(counts, n_draws, p)[(low <= p) & (p <= high)].sum()
        assert coverage >= 0.95
    # Negative control: the normal approximation undercovers.
    share = counts / n_draws
    half = 1.96 * np.sqrt(share * (1 - share) / n_draws)
    p = 2 / n_draws
    covered = (share - half <= p) & (p <= share + half)
    assert binom.pmf(counts, n_draws, p)[covered].sum() < 0.9


def test_coverage_over_campaigns_of_a_perceptron() -> None:
    """400 campaigns of a perceptron without bias, where P(all zeros) = 2^-n exactly."""
    n_campaigns, n_draws = 400, 256
    campaign = campaign_from_mapping(
        {
            "draws": n_campaigns * n_draws,
            "block_draws": n_draws,
            "network": {"widths": [5, 1], "bias": False},
            "prior": {"law": "uniform", "bias_sd": 0.0},
        }
    )
    tallies = sample_blocks(plan_sampling(campaign), range(n_campaigns))
    counts = np.array([t.counts[(t.words == 0).all(axis=1)].sum() for t in tallies])
    low, high = clopper_pearson(counts, n_draws)
    covered = np.mean((low <= 2**-5) & (high >= 2**-5))
    assert covered >= 0.95 - 5 * math.sqrt(0.95 * 0.05 / n_campaigns)
    # Negative control: the same intervals miss a P that is twice too large.
    assert np.mean((low <= 2**-4) & (high >= 2**-4)) < 0.5


def test_intervals_of_the_once_seen_do_not_cover() -> None:
    """A Zipf law: 95 % for functions named beforehand, far less for those drawn once."""
    n_draws = 100_000
    rank = np.arange(1, 2_000_001)
    p = 1 / rank
    p /= p.sum()
    draws = np.random.default_rng(1).choice(len(p), size=n_draws, p=p)
    counts = np.bincount(draws, minlength=len(p))
    low, high = clopper_pearson(counts, n_draws)
    covered = (low <= p) & (p <= high)
    named = np.unique(np.geomspace(1, len(p), 2000).astype(int)) - 1
    assert covered[named].mean() >= 0.95 - 5 * math.sqrt(0.95 * 0.05 / len(named))
    assert covered[counts == 1].mean() < 0.65
    assert covered[counts >= 2].mean() < 0.9
    assert covered[counts >= 100].mean() > 0.9


def test_clopper_pearson_refuses_impossible_arguments() -> None:
    with pytest.raises(SettingsError, match=r"n_draws = 10, got -1 … 3"):
        clopper_pearson([3, -1], 10)
    with pytest.raises(SettingsError, match=r"got 3 … 11"):
        clopper_pearson([3, 11], 10)
    with pytest.raises(SettingsError, match="level"):
        clopper_pearson([3], 10, level=95)
    assert clopper_pearson([], 10)[0].shape == (0,)


# The table


def small_counts() -> pd.DataFrame:
    """Counts of eight functions of three inputs."""
    return pd.DataFrame(
        {
            "function": ["0f", "33", "00", "ff", "80", "fe", "96", "e8"],
            "count": [20, 30, 300, 500, 1, 2, 1, 146],
            "first_draw": [9, 8, 7, 6, 5, 4, 3, 2],
        }
    )


@pytest.fixture
def three_inputs() -> Campaign:
    """A campaign of 1000 draws on three inputs: orders and the complement hold."""
    return campaign_from_mapping({"draws": 1000, "network": {"widths": [3, 4, 1]}})


def test_the_table_has_the_columns_of_the_schema(three_inputs: Campaign) -> None:
    table = functions_table(small_counts(), three_inputs)
    schema = arrow_schema("functions")
    assert table.schema.names == schema.names
    assert table.schema.types == schema.types
    assert table.cast(schema).schema.equals(schema, check_metadata=True)


def test_values_of_the_table(three_inputs: Campaign) -> None:
    table = functions_table(small_counts(), three_inputs).to_pandas().set_index("function")
    assert table.index.tolist() == ["ff", "00", "e8", "33", "0f", "fe", "80", "96"]
    assert table.ones.to_dict() == {
        "ff": 8, "00": 0, "e8": 4, "33": 4, "0f": 4, "fe": 7, "80": 1, "96": 4,
    }  # fmt: skip
    assert table.first_draw["ff"] == 6
    np.testing.assert_allclose(table.p, table["count"] / 1000)
    np.testing.assert_allclose(table.log2_p, np.log2(table["count"] / 1000))
    low, high = clopper_pearson(table["count"], 1000)
    np.testing.assert_array_equal(table.p_low, low)
    np.testing.assert_array_equal(table.p_high, high)
    # Constants are complements; 33 and 0f are x2 and x1; 80 (all inputs 0) complements 7f, while
    # fe complements 01 (all inputs 1): flips of inputs are no symmetry here.
    assert table.orbit["ff"] == table.orbit["00"] == "00"
    assert table.orbit["33"] == table.orbit["0f"]
    assert table.orbit["fe"] != table.orbit["80"]
    assert table.orbit_size.to_dict() == {
        "ff": 2, "00": 2, "e8": 2, "33": 6, "0f": 6, "fe": 2, "80": 2, "96": 2,
    }  # fmt: skip
    assert table.orbit_count.to_dict() == {
        "ff": 800, "00": 800, "e8": 146, "33": 50, "0f": 50, "fe": 2, "80": 1, "96": 1,
    }  # fmt: skip
    assert table.log2_p_orbit["33"] == pytest.approx(math.log2(50 / (1000 * 6)))
    assert table.log2_p_orbit["fe"] == pytest.approx(math.log2(2 / (1000 * 2)))
    assert table.log2_p_orbit[["80", "96"]].isna().all()


def test_pandas_and_arrow_counts_give_the_same_table(three_inputs: Campaign) -> None:
    counts = small_counts()
    shuffled = counts.sample(frac=1.0, random_state=3)
    expected = functions_table(counts, three_inputs)
    assert functions_table(pa.Table.from_pandas(counts), three_inputs).equals(expected)
    assert functions_table(shuffled, three_inputs).equals(expected)
    chunks = pa.concat_tables([pa.Table.from_pandas(counts[:3]), pa.Table.from_pandas(counts[3:])])
    assert functions_table(chunks, three_inputs).equals(expected)


def test_counts_of_another_campaign_are_refused(three_inputs: Campaign) -> None:
    counts = small_counts()
    with pytest.raises(DataError, match="1000 draws, got 997"):
        functions_table(counts[~counts.function.isin(["fe", "96"])], three_inputs)
    twice = pd.concat([counts, counts[:1]])
    twice["count"] = [19, *twice["count"][1:-1], 1]
    with pytest.raises(DataError, match="stands in two rows"):
        functions_table(twice, three_inputs)
    with pytest.raises(DataError, match="2 hexadecimal digits, got '0ff'"):
        functions_table(counts.replace("ff", "0ff"), three_inputs)
    with pytest.raises(DataError, match="count: must be at least 1, got 0"):
        functions_table(counts.replace({"count": {1: 0}}), three_inputs)
    with pytest.raises(DataError, match="needs a column first_draw"):
        functions_table(counts.drop(columns="first_draw"), three_inputs)


def test_ones_of_hashed_functions_need_their_bits() -> None:
    campaign = campaign_from_mapping(
        {"draws": 500, "network": {"widths": [9, 4, 1]}, "prior": {"preset": "gaussian"}}
    )
    plan = plan_sampling(campaign)
    counts = sampled_counts(campaign)
    table = functions_table(counts, campaign).to_pandas()
    assert table.ones.isna().all()
    assert table.orbit.isna().all()
    assert table.log2_p_orbit.isna().all()
    known = functions_table(counts, campaign, bits_of=lambda draws: bits_of_draws(plan, draws))
    expected = bits_of_draws(plan, table.first_draw.to_numpy()).sum(axis=1)
    assert known["ones"].to_pylist() == expected.tolist()
    assert known.schema.types == arrow_schema("functions").types


def test_quantised_functions_have_neither_ones_nor_orbits() -> None:
    campaign = campaign_from_mapping(
        {
            "draws": 3,
            "network": {"widths": [1, 4, 1]},
            "domain": {"kind": "grid"},
            "readout": {"kind": "quantised"},
        }
    )
    words = np.array([[1, 2], [3, 4]], dtype=np.uint64)
    counts = pa.table(
        {
            "function": arrow_keys_from_words(words, 64, False),
            "count": [1, 2],
            "first_draw": [0, 1],
        }
    )
    table = functions_table(counts, campaign)
    assert table.schema.types == arrow_schema("functions").types
    for name in ("ones", "orbit", "orbit_size", "orbit_count", "log2_p_orbit"):
        assert table[name].null_count == 2
    assert table["count"].to_pylist() == [2, 1]


def test_labels_of_data_have_ones_and_no_orbits() -> None:
    campaign = campaign_from_mapping(
        {
            "draws": 4,
            "network": {"widths": [64, 2, 1]},
            "domain": {"kind": "digits", "images": 70},
        }
    )
    bits = np.random.default_rng(0).integers(0, 2, (2, 70))
    keys = keys_from_words(words_from_bits(bits), 70, True)
    counts = pd.DataFrame({"function": keys, "count": [3, 1], "first_draw": [0, 2]})
    table = functions_table(counts, campaign)
    assert table["ones"].to_pylist() == bits.sum(axis=1).tolist()
    assert table["orbit"].null_count == 2


# The bias of the once-seen


def test_orbits_seen_once_are_too_high_against_a_run_100_times_longer() -> None:
    """(5,16,1): at orbit_count = 1 the estimate would be bits too high; from 10 on it is right."""
    n_draws = 20_000
    network = {"widths": [5, 16, 1]}
    prior = {"preset": "gaussian"}
    short = sampled_table(draws=n_draws, seed=1, network=network, prior=prior)
    long = sampled_table(draws=100 * n_draws, seed=2, network=network, prior=prior)
    orbits = short.drop_duplicates("orbit").set_index("orbit")
    truth = long.drop_duplicates("orbit").set_index("orbit").orbit_count / (100 * n_draws)
    share = orbits.orbit_count / n_draws
    # An orbit the long run never saw is rarer still: it counts as infinitely too high.
    bias = np.log2(share) - np.log2(truth.reindex(orbits.index).fillna(1e-300))
    once, frequent = orbits.orbit_count == 1, orbits.orbit_count >= 10
    assert once.sum() > 500
    assert frequent.sum() > 50
    # The once-seen scatter by about 3 bits, so the median's error is about 1.25 * 3 / sqrt(924).
    assert bias[once].median() > 1.5
    # One orbit's log2 P at count 10 has the standard error 1/(sqrt(10) ln 2) = 0.46.
    assert abs(bias[frequent].median()) < 5 * 1.25 * 0.46 / math.sqrt(frequent.sum())
    # So the table gives no value there, and the naive one would be -log2(N orbit_size).
    assert orbits.log2_p_orbit[once].isna().all()
    assert orbits.log2_p_orbit[~once].notna().all()
    np.testing.assert_allclose(
        orbits.log2_p_orbit[frequent], np.log2(share / orbits.orbit_size)[frequent], rtol=1e-12
    )


def test_bits_of_keys_are_the_functions() -> None:
    """The key of a sampled function is the truth table that its first draw expresses."""
    campaign = campaign_from_mapping(
        {"draws": 300, "network": {"widths": [7, 5, 1]}, "prior": {"preset": "gaussian"}}
    )
    plan = plan_sampling(campaign)
    tally = next(iter(sample_blocks(plan, [0])))
    assert (bits_from_words(tally.words, 128) == bits_of_draws(plan, tally.first_draws)).all()
