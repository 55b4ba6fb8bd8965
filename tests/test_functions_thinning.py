"""Numbers of functions, and what draws have not shown, from a random subset of the functions."""

import numpy as np
import pytest

from pfmap.errors import SettingsError
from pfmap.functions.richness import (
    Frequencies,
    count_frequencies,
    estimate_richness,
    extrapolate_distinct,
    rarefaction,
)
from pfmap.functions.thinning import population_limits


def test_intervals_cover_the_numbers_of_functions():
    """95 % or more of 4,000 subsets each; a probability that is wrong by a third does not."""
    rng = np.random.default_rng(3)
    error = np.sqrt(0.95 * 0.05 / 4000)
    for number, q in ((3, 0.5), (40, 0.25), (1000, 0.125), (200_000, 2.0**-10)):
        kept = rng.binomial(number, q, 4000)
        low, high = population_limits(kept, q)
        covered = ((low <= number) & (number <= high)).mean()
        assert covered > 0.95 - 5.0 * error
        if number >= 40:
            low, high = population_limits(kept, q * 4 / 3)
            assert ((low <= number) & (number <= high)).mean() < 0.95 - 5.0 * error


def test_limits_are_those_of_the_binomial_tails():
    """Against sums of the binomial law, number by number."""
    from scipy.stats import binom

    for q in (0.5, 0.125):
        kept = np.arange(0, 30)
        low, high = population_limits(kept, q)
        for k, least, most in zip(kept, low, high, strict=True):
            possible = [
                n
                for n in range(k, 1000)
                if binom.sf(k - 1, n, q) > 0.025 and binom.cdf(k, n, q) > 0.025
            ]
            assert (least, most) == (possible[0], possible[-1])
    assert [part.tolist() for part in population_limits([[3], [0]], 1.0)] == [[[3.0], [0.0]]] * 2
    with pytest.raises(SettingsError, match=r"inclusion: must be finite and above 0, got 0"):
        population_limits([1], 0.0)


def test_a_subset_of_everything_changes_nothing():
    counts = np.r_[np.ones(40), np.full(9, 2), [5, 8, 30]].astype(int)
    whole = count_frequencies(counts)
    same = Frequencies(whole.count, whole.functions, inclusion=1.0, drawn=whole.n_draws)
    assert estimate_richness(same) == estimate_richness(whole)
    assert (whole.kept, whole.distinct) == (52, 52)


@pytest.fixture(scope="module")
def campaigns():
    """800 campaigns of 3,000 draws from 6,000 functions, each with a subset of 1 in 4 functions."""
    rng = np.random.default_rng(11)
    p = 1.0 / np.arange(1, 6001) ** 0.8
    p /= p.sum()
    found = []
    for _ in range(800):
        counts, further = rng.poisson(3000 * p), rng.poisson(3000 * p)
        inside = rng.random(6000) < 0.25
        values = np.unique(counts[inside & (counts > 0)], return_counts=True)
        found.append(
            {
                "subset": Frequencies(*values, inclusion=0.25, drawn=3000),
                "distinct": (counts > 0).sum(),
                "once": (counts == 1).sum(),
                "missing": p[counts == 0].sum(),
                "later": ((counts + further) > 0).sum(),
            }
        )
    return found, p


def test_estimates_of_a_subset_are_unbiased_and_their_errors_right(campaigns):
    """Missing mass, functions and growth: z has mean 0 and variance 1, within 5 s.e."""
    found, _ = campaigns
    richness = [estimate_richness(item["subset"]) for item in found]
    off = np.array([r.missing_mass for r in richness]) - [item["missing"] for item in found]
    mass = off / [r.missing_mass_se for r in richness]
    # Negative control: the error of Good and Turing alone, as if all had been counted.
    single = off / [np.sqrt(r.singletons + 2 * r.doubletons) / r.n_draws for r in richness]
    limit = 5.0 / np.sqrt(len(found))
    assert abs(mass.mean()) < limit
    assert abs((mass**2).mean() - 1.0) < np.sqrt(2.0) * limit
    assert (single**2).mean() - 1.0 > np.sqrt(2.0) * limit
    growth = [extrapolate_distinct(item["subset"], 6000) for item in found]
    later, error = np.array(growth).T
    z = (later - [item["later"] for item in found]) / error
    assert abs(z.mean()) < limit
    assert (z**2).mean() - 1.0 < np.sqrt(2.0) * limit
    seen = np.array([r.distinct for r in richness]) - [item["distinct"] for item in found]
    error = np.sqrt(np.mean([item["distinct"] for item in found]) * 3.0)
    assert abs(seen.mean()) < error * limit


def test_intervals_of_a_subset_cover(campaigns):
    found, p = campaigns
    richness = [estimate_richness(item["subset"]) for item in found]
    least = 0.95 - 5.0 * np.sqrt(0.95 * 0.05 / len(found))
    for low, high, truth in (
        ("distinct_low", "distinct_high", "distinct"),
        ("singletons_low", "singletons_high", "once"),
        ("missing_mass_low", "missing_mass_high", "missing"),
    ):
        inside = [
            getattr(r, low) <= item[truth] <= getattr(r, high)
            for r, item in zip(richness, found, strict=True)
        ]
        assert np.mean(inside) > least
    # Chao1 bounds the number of functions from below.
    assert np.mean([r.chao1_low <= len(p) for r in richness]) > least


def test_rarefaction_of_a_subset_is_unbiased(campaigns):
    found, p = campaigns
    values = np.array([rarefaction(item["subset"], [300, 1500, 3000]) for item in found])
    expected = np.array([(1.0 - np.exp(-n * p)).sum() for n in (300, 1500, 3000)])
    # Each function adds at most 4, with a quarter of the probability that it was seen.
    error = np.sqrt(4.0 * expected / len(found))
    assert (np.abs(values.mean(axis=0) - expected) < 5.0 * error).all()
