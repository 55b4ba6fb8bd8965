"""Uniform and normal numbers: ends of the law, accuracy, distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from pfmap.kernels.philox import random_words
from pfmap.kernels.variates import NORMAL, UNIFORM, weights_of_words

SIGN = 2**31
N = 2**20


def _numbers(law: int, words: np.ndarray) -> np.ndarray:
    words = np.asarray(words, dtype=np.uint32)
    out = np.empty(len(words), dtype=np.float32)
    weights_of_words(law, words, np.ones(len(words), dtype=np.float32), out)
    return out


def _exact_normal(n: np.ndarray) -> np.ndarray:
    """z with P(|Z| > z) = 1 - (n + 1/2) / 2^31, from the tail or from the centre."""
    x = (n + 0.5) / 2.0**31
    v = (2.0**31 - n - 0.5) / 2.0**31
    return math.sqrt(2.0) * np.where(v < 0.5, special.erfcinv(v), special.erfinv(x))


@pytest.fixture(scope="module")
def sample() -> dict[int, np.ndarray]:
    words = np.empty(N, dtype=np.uint32)
    random_words(11, 0, words)
    return {law: _numbers(law, words).astype(float) for law in (UNIFORM, NORMAL)}


def test_ends_of_the_uniform() -> None:
    low, high = _numbers(UNIFORM, [0, SIGN - 1])
    assert low == 2.0**-32
    assert high == 1.0
    assert np.array_equal(_numbers(UNIFORM, [SIGN, 2 * SIGN - 1]), [-low, -high])


def test_ends_of_the_normal() -> None:
    low, high = _numbers(NORMAL, [0, SIGN - 1])
    assert low == pytest.approx(2.0**-32 * math.sqrt(math.pi / 2.0), rel=1e-6)
    assert high == pytest.approx(-stats.norm.ppf(2.0**-33), rel=1e-6)
    assert np.array_equal(_numbers(NORMAL, [SIGN, 2 * SIGN - 1]), [-low, -high])


def test_normal_is_accurate_to_single_precision_in_centre_and_tails() -> None:
    rng = np.random.default_rng(0)
    near = np.floor(2.0 ** rng.uniform(0, 31, 100_000)).clip(max=SIGN - 1)
    n = np.concatenate([near, SIGN - 1 - near, rng.integers(0, SIGN, 200_000)])
    z = _numbers(NORMAL, n)
    assert np.max(np.abs(z / _exact_normal(n) - 1.0)) < 5e-7


def test_normal_never_falls_by_more_than_rounding_as_its_word_grows() -> None:
    n = np.sort(np.random.default_rng(1).integers(0, SIGN, 300_000))
    z = _numbers(NORMAL, n).astype(float)
    assert np.min(np.diff(z) / z[1:]) > -5e-7


@pytest.mark.parametrize("law", [UNIFORM, NORMAL])
def test_laws_are_exactly_symmetric(law: int) -> None:
    n = np.random.default_rng(2).integers(0, SIGN, 10_000)
    assert np.array_equal(_numbers(law, n), -_numbers(law, n + SIGN))


def _ks(sample: np.ndarray, distribution: stats.rv_frozen) -> float:
    """sqrt(n) times the Kolmogorov-Smirnov distance."""
    return math.sqrt(len(sample)) * stats.ks_1samp(sample, distribution.cdf).statistic


# P(sqrt(n) D > c) <= 2 exp(-2 c²) (Massart 1990): this c is exceeded once in 1.7 million, as five
# standard errors are.
KS_LIMIT = math.sqrt(math.log(2.0 / 5.7e-7) / 2.0)


def test_uniform_follows_its_law(sample: dict[int, np.ndarray]) -> None:
    law = stats.uniform(-1.0, 2.0)
    assert _ks(sample[UNIFORM], law) < KS_LIMIT
    assert _ks(sample[UNIFORM] * 0.99, law) > KS_LIMIT  # negative control


def test_normal_follows_its_law(sample: dict[int, np.ndarray]) -> None:
    assert _ks(sample[NORMAL], stats.norm()) < KS_LIMIT
    assert _ks(sample[NORMAL] * 1.02, stats.norm()) > KS_LIMIT  # negative control


def test_normal_moments(sample: dict[int, np.ndarray]) -> None:
    z = sample[NORMAL]
    # Var(Z^k) = E Z^2k - (E Z^k)²: 1, 2, 15, 96 for k = 1…4.
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        error = (np.mean(z**power) - mean) / math.sqrt(variance / N)
        assert abs(error) < 5.0
    wrong = np.clip(z, -3.0, 3.0)  # negative control: a law without tails
    assert abs(np.mean(wrong**4) - 3.0) / math.sqrt(96 / N) > 5.0


@pytest.mark.parametrize("z", [2.0, 3.0, 4.0])
def test_normal_tails(sample: dict[int, np.ndarray], z: float) -> None:
    expected = N * stats.norm.sf(z)
    for tail in (sample[NORMAL] > z, sample[NORMAL] < -z):
        assert abs(tail.sum() - expected) < 5.0 * math.sqrt(expected)


def test_neighbouring_numbers_and_draws_are_uncorrelated() -> None:
    draws = np.empty((2048, 512))
    words = np.empty(512, dtype=np.uint32)
    for draw in range(len(draws)):
        random_words(5, draw, words)
        draws[draw] = _numbers(UNIFORM, words)
    # Products of independent numbers with variance 1/3 have variance 1/9.
    for a, b in (
        (draws[1:], draws[:-1]),
        (draws[:, 1:], draws[:, :-1]),
        (draws[:, 16:], draws[:, :-16]),
    ):
        assert abs(np.mean(a * b)) < 5.0 / 3.0 / math.sqrt(a.size)
    moved = 0.1 * draws[:-1] + draws[1:]  # negative control
    assert abs(np.mean(moved * draws[:-1])) > 5.0 / 3.0 / math.sqrt(moved.size)
