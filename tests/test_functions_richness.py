"""Missing mass, number of functions, growth: against laws whose exact values are known."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from pfmap.errors import SettingsError
from pfmap.functions import (
    Richness,
    count_frequencies,
    estimate_richness,
    extrapolate_distinct,
    rarefaction,
)

N_DRAWS = 2000
N_CAMPAIGNS = 400


def zipf(n_functions: int) -> np.ndarray:
    """Zipf law: P at rank r proportional to 1/r."""
    p = 1 / np.arange(1, n_functions + 1)
    return p / p.sum()


LAWS = {"zipf": zipf(20_000), "uniform": np.full(3000, 1 / 3000)}


@pytest.fixture(scope="module", params=LAWS)
def campaigns(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, list[Richness]]:
    """A law, the counts of many campaigns at N and of their next N draws, and estimates at N."""
    p = LAWS[request.param]
    rng = np.random.default_rng(len(p))
    counts = rng.multinomial(N_DRAWS, p, size=(N_CAMPAIGNS, 2))
    return p, counts, [estimate_richness(row[row > 0]) for row in counts[:, 0]]


def attribute(richness: list[Richness], name: str) -> np.ndarray:
    """One attribute of many estimates."""
    return np.array([getattr(item, name) for item in richness], dtype=float)


def assert_mean(sample: np.ndarray, expected: float) -> None:
    """The mean of independent values lies within five standard errors of its expectation."""
    standard_error = sample.std(ddof=1) / math.sqrt(len(sample))
    assert abs(sample.mean() - expected) <= 5 * standard_error


def test_missing_mass_has_its_expectation_and_error(campaigns) -> None:
    p, counts, richness = campaigns
    estimate = attribute(richness, "missing_mass")
    assert_mean(estimate, (p * (1 - p) ** (N_DRAWS - 1)).sum())
    truth = np.where(counts[:, 0] == 0, p, 0.0).sum(axis=1)
    error = estimate - truth
    # The variance of a variance of normal values is 2/(n-1) times its square.
    ratio = np.mean(error**2) / np.mean(attribute(richness, "missing_mass_se") ** 2)
    assert abs(ratio - 1) <= 5 * math.sqrt(2 / (N_CAMPAIGNS - 1))
    low = attribute(richness, "missing_mass_low")
    high = attribute(richness, "missing_mass_high")
    limit = 0.95 - 5 * math.sqrt(0.95 * 0.05 / N_CAMPAIGNS)
    assert np.mean((low <= truth) & (truth <= high)) >= limit
    # Negative control: the binomial error of a share f_1/N is too small.
    binomial = np.mean(estimate * (1 - estimate) / N_DRAWS)
    assert np.mean(error**2) / binomial - 1 > 5 * math.sqrt(2 / (N_CAMPAIGNS - 1))


def test_chao1_is_a_lower_bound_and_right_for_a_uniform_law(campaigns) -> None:
    p, _, richness = campaigns
    chao1 = attribute(richness, "chao1")
    standard_error = attribute(richness, "chao1_se")
    low, high = attribute(richness, "chao1_low"), attribute(richness, "chao1_high")
    assert (chao1 >= attribute(richness, "distinct")).all()
    assert (low <= chao1).all()
    assert (chao1 <= high).all()
    ratio = chao1.var(ddof=1) / np.mean(standard_error**2)
    if np.allclose(p, p[0]):
        # f_1²/f_2 is convex: biased upwards by about variance/(functions not seen).
        sd = chao1.std(ddof=1)
        bias = sd**2 / (len(p) - attribute(richness, "distinct").mean())
        assert abs(chao1.mean() - len(p)) <= bias + 5 * sd / math.sqrt(N_CAMPAIGNS)
        limit = 0.95 - 5 * math.sqrt(0.95 * 0.05 / N_CAMPAIGNS)
        assert np.mean((low <= len(p)) & (len(p) <= high)) >= limit
        assert abs(ratio - 1) <= 5 * math.sqrt(2 / (N_CAMPAIGNS - 1)) + 0.05
    else:
        # Far below the number of functions, as the name says: not an estimate of it.
        assert (high < len(p)).all()
        assert chao1.mean() > 1.5 * attribute(richness, "distinct").mean()


def test_good_toulmin_forecasts_what_further_draws_show(campaigns) -> None:
    p, counts, richness = campaigns
    missed = (1 - p) ** N_DRAWS
    for t in (0.5, 1.0):
        n_more = int(t * N_DRAWS)
        forecast = np.array(
            [
                extrapolate_distinct(count_frequencies(row[row > 0]), N_DRAWS + n_more)
                for row in counts[:, 0]
            ]
        )
        expected = (1 - missed * (1 - p) ** n_more).sum()
        assert_mean(forecast[:, 0], expected)
    seen = (counts.sum(axis=1) > 0).sum(axis=1)
    np.testing.assert_array_equal(forecast[:, 0], attribute(richness, "distinct_at_double"))
    assert np.mean((forecast[:, 0] - seen) ** 2) <= np.mean(forecast[:, 1] ** 2)
    assert np.mean(np.abs(forecast[:, 0] - seen) <= 1.96 * forecast[:, 1]) >= 0.95
    # Negative control: going on at the rate of the missing mass ignores what is found on the way.
    straight = attribute(richness, "distinct") + N_DRAWS * attribute(richness, "missing_mass")
    with pytest.raises(AssertionError):
        assert_mean(straight, expected)


def test_good_toulmin_stays_within_twice_the_draws() -> None:
    frequencies = count_frequencies([1, 1, 2, 6])
    assert extrapolate_distinct(frequencies, 10) == (4.0, 0.0)
    with pytest.raises(SettingsError, match=r"10 … 20, got 21"):
        extrapolate_distinct(frequencies, 21)
    with pytest.raises(SettingsError, match="got 9"):
        extrapolate_distinct(frequencies, 9)
    # More functions seen twice than once would forecast a loss: never below what is seen.
    assert extrapolate_distinct(count_frequencies([2, 2]), 8)[0] == 2.0


def test_a_saturated_campaign_still_leaves_room_for_the_unseen() -> None:
    richness = estimate_richness([500, 300, 200])
    assert richness.missing_mass == 0.0
    assert richness.missing_mass_low == 0.0
    assert richness.missing_mass_high == pytest.approx(-math.log(0.025) / 1000)
    assert richness.chao1 == richness.chao1_low == richness.chao1_high == 3.0
    assert richness.distinct_at_double == 3.0


def test_chao1_by_hand() -> None:
    # N = 23, S = 8, f_1 = 4, f_2 = 2: A = 22/23, r = 2.
    with_doubletons = estimate_richness([10, 5, 2, 2, 1, 1, 1, 1])
    a = 22 / 23
    assert with_doubletons.chao1 == pytest.approx(8 + a * 4)
    variance = 2 * (a * 2**2 / 2 + a**2 * 2**3 + a**2 * 2**4 / 4)
    assert with_doubletons.chao1_se == pytest.approx(math.sqrt(variance))
    factor = math.exp(1.959964 * math.sqrt(math.log(1 + variance / (a * 4) ** 2)))
    assert with_doubletons.chao1_low == pytest.approx(8 + a * 4 / factor, rel=1e-6)
    assert with_doubletons.chao1_high == pytest.approx(8 + a * 4 * factor, rel=1e-6)
    # N = 10, S = 5, f_1 = 4, f_2 = 0.
    without = estimate_richness([6, 1, 1, 1, 1])
    assert without.chao1 == pytest.approx(5 + 0.9 * 6)
    assert without.chao1_low == pytest.approx(5 + 0.9 * 6 / -math.log(0.025))
    assert without.chao1_se == without.chao1_high == math.inf


@pytest.mark.parametrize("n_draws", [2, 100, 50_000])
def test_draws_that_are_all_new_set_no_upper_bound(n_draws: int) -> None:
    richness = estimate_richness(np.ones(n_draws, dtype=int))
    # A uniform law on K functions shows no repeat with probability exp(-N(N-1)/2K): 2.5 % at K.
    fewest = n_draws * (n_draws - 1) / 2 / -math.log(0.025)
    assert n_draws < richness.chao1_low < n_draws + fewest
    assert richness.chao1_high == math.inf
    assert richness.missing_mass == richness.missing_mass_high == 1.0
    assert richness.missing_mass_low == pytest.approx(max(0, 1 + 2 * math.log(0.025) / n_draws))


def test_a_law_that_may_show_no_repeat_lies_above_both_low_ends() -> None:
    # 2,000 equal functions and 100 draws: no repeat with probability exp(-2.5) = 8 %.
    rng = np.random.default_rng(7)
    n_functions, n_draws, n_campaigns = 2_000, 100, 2_000
    wrong_chao1 = wrong_mass = without = 0
    for _ in range(n_campaigns):
        counts = np.bincount(rng.integers(n_functions, size=n_draws))
        richness = estimate_richness(counts[counts > 0])
        missing = 1.0 - richness.distinct / n_functions
        if richness.distinct == n_draws:
            without += 1
            wrong_chao1 += richness.chao1_low > n_functions
            wrong_mass += richness.missing_mass_low > missing
            # Without the limits both low ends would be wrong every time.
            assert richness.missing_mass - 1.96 * richness.missing_mass_se > missing
            assert richness.chao1 > n_functions
    assert without > 100
    assert wrong_chao1 == wrong_mass == 0


def naive_rarefaction(counts: list[int], n: int) -> float:
    """Exact expectation with rational numbers."""
    total = sum(counts)
    every = math.comb(total, n)
    return float(sum(1 - Fraction(math.comb(total - k, n), every) for k in counts))


def test_rarefaction_is_the_exact_expectation() -> None:
    for counts in ([6, 1, 2, 1], [1] * 30 + [2] * 5 + [400], [5000, 3000, 1500, 7, 1, 1]):
        total = sum(counts)
        n = np.unique(np.concatenate([np.arange(12), np.geomspace(1, total, 30).astype(int)]))
        n = n[n <= total]
        expected = [naive_rarefaction(counts, int(m)) for m in n]
        np.testing.assert_allclose(rarefaction(count_frequencies(counts), n), expected, rtol=1e-8)
    frequencies = count_frequencies([6, 1, 2, 1])
    assert rarefaction(frequencies, 10) == 4.0
    assert rarefaction(frequencies, [[0, 1], [1, 10]]).shape == (2, 2)
    with pytest.raises(SettingsError, match=r"0 … N = 10, got 3 … 11"):
        rarefaction(frequencies, [3, 11])


def test_rarefaction_is_the_mean_over_subsets_of_draws() -> None:
    rng = np.random.default_rng(2)
    counts = rng.multinomial(N_DRAWS, LAWS["zipf"])
    draws = np.repeat(np.arange(len(counts)), counts)
    subsets = [len(np.unique(rng.permutation(draws)[:300])) for _ in range(400)]
    assert_mean(np.array(subsets), float(rarefaction(count_frequencies(counts[counts > 0]), 300)))


def test_rarefaction_stays_accurate_at_the_largest_campaigns() -> None:
    counts = np.array([5 * 10**9, 4 * 10**9, 10**9 - 10**6 - 10**5] + [10**6] + [1] * 10**5)
    total = int(counts.sum())
    assert total == 10**10
    n = np.array([10**4, 10**8, 5 * 10**9])
    # Binomial subsets instead of hypergeometric ones: relative error of order 1/N per draw.
    share = n[:, None] / total
    expected = -np.expm1(counts * np.log1p(-share)).sum(axis=1)
    np.testing.assert_allclose(rarefaction(count_frequencies(counts), n), expected, rtol=1e-4)


def test_counts_must_be_counts() -> None:
    with pytest.raises(SettingsError, match="got none"):
        count_frequencies([])
    with pytest.raises(SettingsError, match="got 0"):
        estimate_richness([3, 0])
