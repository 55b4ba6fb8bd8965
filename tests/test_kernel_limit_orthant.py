"""Probabilities of orthants: closed forms, one-dimensional integrals, any rank, rare events."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import log_ndtr, ndtr
from scipy.stats import multivariate_normal

from pfmap.errors import DataError, SettingsError
from pfmap.kernel_limit import orthant as orthant_module
from pfmap.kernel_limit import orthant_probability, product_moments


def equicorrelated(size: int, rho: float) -> np.ndarray:
    return (1.0 - rho) * np.eye(size) + rho * np.ones((size, size))


def equicorrelated_log2_p(plus: int, minus: int, rho: float) -> float:
    """P of `plus` positive and `minus` negative signs: ∫ φ(z) Φ(bz)^plus Φ(-bz)^minus dz."""
    b = math.sqrt(rho / (1.0 - rho))

    def log_density(z: float) -> float:
        logs = plus * log_ndtr(b * z) + minus * log_ndtr(-b * z)
        return float(logs) - 0.5 * z * z - 0.5 * math.log(2.0 * math.pi)

    top = max(log_density(z) for z in np.linspace(-4.0, 4.0, 801))
    value, _ = quad(lambda z: math.exp(log_density(z) - top), -8.0, 8.0, points=[0.0], limit=500)
    return (top + math.log(value)) / math.log(2.0)


@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.3, 0.999])
def test_two_points_follow_sheppard(rho: float) -> None:
    covariance = np.array([[4.0, 2.0 * rho], [2.0 * rho, 1.0]])
    for signs in ([1, 1], [1, -1]):
        exact = 0.25 + signs[0] * signs[1] * math.asin(rho) / (2.0 * math.pi)
        found = orthant_probability(covariance, np.array(signs))
        assert found.verdict == "ok"
        assert abs(found.log2_p - math.log2(exact)) < 6.0 * found.log2_p_se + 1e-9


def test_three_points_follow_the_sum_of_arcs() -> None:
    covariance = np.array([[1.0, 0.5, -0.2], [0.5, 1.0, 0.4], [-0.2, 0.4, 1.0]])
    for signs in np.array([[1, 1, 1], [1, -1, 1], [-1, 1, 1], [1, 1, -1]]):
        arcs = (np.arcsin(covariance) * np.outer(signs, signs))[np.triu_indices(3, 1)].sum()
        found = orthant_probability(covariance, signs)
        assert abs(found.log2_p - math.log2(0.125 + arcs / (4.0 * math.pi))) < 6 * found.log2_p_se


@pytest.mark.parametrize(
    ("plus", "minus", "rho"), [(16, 0, 0.5), (8, 8, 0.5), (16, 16, 0.95), (48, 48, 0.9)]
)
def test_equal_correlations_against_an_integral(plus: int, minus: int, rho: float) -> None:
    """Down to 2^-250."""
    signs = np.r_[np.ones(plus), -np.ones(minus)]
    found = orthant_probability(equicorrelated(plus + minus, rho), signs, precision=0.02)
    exact = equicorrelated_log2_p(plus, minus, rho)
    assert found.verdict == "ok"
    assert found.log2_p_se < 0.1
    assert abs(found.log2_p - exact) < 6.0 * found.log2_p_se


def test_without_tilting_a_rare_orthant_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the same sampler from the untilted laws misses parity by bits, and says so.

    Parity of 5 under a relu kernel has 2^-89.
    """
    points = np.array(list(itertools.product([-1.0, 1.0], repeat=5)))
    below = 1.0 + points @ points.T / 5.0
    moments = product_moments("relu", 1, np.full(1024, 2.0), np.full(1024, 2.0), below.ravel())
    covariance, parity = 1.0 + moments.reshape(32, 32), points.prod(axis=1)
    found = orthant_probability(covariance, parity)
    assert found.verdict == "ok"
    monkeypatch.setattr(
        orthant_module, "saddle_means", lambda covariance, *_, **__: np.zeros(len(covariance))
    )
    monkeypatch.setattr(orthant_module, "MOST_VALUES", 2**16)
    untilted = orthant_probability(covariance, parity)
    assert untilted.verdict == "uncertain"
    assert abs(untilted.log2_p - found.log2_p) > 1.0


def test_stated_errors_are_those_of_repeated_estimates() -> None:
    """Over 30 seeds: mean z² of a t law of 15 degrees is 1.15, its standard deviation .35."""
    exact = equicorrelated_log2_p(8, 8, 0.5)
    signs = np.r_[np.ones(8), -np.ones(8)]
    found = [
        orthant_probability(equicorrelated(16, 0.5), signs, precision=0.05, seed=seed)
        for seed in range(30)
    ]
    z = np.array([(item.log2_p - exact) / item.log2_p_se for item in found])
    assert 0.3 < (z**2).mean() < 2.5
    assert abs(z.mean()) < 5.0 / math.sqrt(30)


def test_a_mean_shifts_the_limits() -> None:
    covariance = np.array([[1.0, 0.6, 0.2], [0.6, 2.0, -0.4], [0.2, -0.4, 0.5]])
    mean = np.array([0.7, -1.0, 0.4])
    for signs in np.array([[1, 1, 1], [-1, 1, -1]]):
        law = multivariate_normal(-signs * mean, covariance * np.outer(signs, signs), seed=1)
        found = orthant_probability(covariance, signs, mean=mean)
        # Of the reference: an absolute error of 1e-5.
        known = math.log2(float(law.cdf(np.zeros(3))))
        assert abs(found.log2_p - known) < 6.0 * found.log2_p_se + 1e-3
    alone = orthant_probability(np.array([[4.0]]), np.array([-1]), mean=np.array([1.0]))
    assert alone.verdict == "exact"
    assert 2.0**alone.log2_p == pytest.approx(ndtr(-0.5))


def test_points_that_others_determine() -> None:
    """x3 = x1, x4 = -x2, x5 = x1 + x2, and x6 = 0: no region is cut by rounding."""
    rows = np.array([[1, 0], [0, 1], [1, 0], [0, -1], [1, 1], [0, 0]], dtype=float)
    covariance = rows @ rows.T
    whole = orthant_probability(covariance, np.array([1, 1, 1, -1, 1, -1]))
    assert whole.log2_p == pytest.approx(-2.0, abs=1e-9)
    eighth = orthant_probability(covariance, np.array([1, -1, 1, 1, 1, -1]))
    assert eighth.log2_p == pytest.approx(-3.0, abs=6 * eighth.log2_p_se)
    for empty in ([1, 1, -1, -1, 1, -1], [1, 1, 1, -1, -1, -1], [1, 1, 1, -1, 1, 1]):
        found = orthant_probability(covariance, np.array(empty))
        assert (found.log2_p, found.verdict) == (-math.inf, "exact")


def test_what_is_no_covariance_is_refused() -> None:
    signs = np.array([1, -1])
    with pytest.raises(DataError, match="eigenvalue below 0"):
        orthant_probability(np.array([[1.0, 2.0], [2.0, 1.0]]), signs)
    with pytest.raises(DataError, match="symmetric"):
        orthant_probability(np.array([[1.0, 0.5], [0.1, 1.0]]), signs)
    with pytest.raises(DataError, match="finite"):
        orthant_probability(np.full((2, 2), np.nan), signs)
    with pytest.raises(SettingsError, match="1 or -1"):
        orthant_probability(np.eye(2), np.array([1, 0]))
    with pytest.raises(SettingsError, match="shape"):
        orthant_probability(np.eye(3), signs)
    with pytest.raises(SettingsError, match="precision"):
        orthant_probability(np.eye(2), signs, precision=0.0)
