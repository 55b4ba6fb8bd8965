"""λ/n, (λ + ν)/n and ν on simulated data, against a regular model and an exact singular one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import k0

from pfmap.errors import SettingsError
from pfmap.llc.generalisation import N_NODES, simulate_generalisation
from pfmap.models.polynomial import gaussian_model, polynomial_model


def test_regular_model_has_llc_and_fluctuation_d_over_two():
    d = 6
    found = simulate_generalisation(gaussian_model(np.ones(d)), np.zeros(d), n=6000, threads=2)
    assert found.data_sets >= 200
    assert abs(found.bayes - d / 2) < 5 * found.bayes_se
    assert abs(found.gibbs - d) < 5 * found.gibbs_se
    assert abs(found.fluctuation - d / 2) < 5 * found.fluctuation_se
    assert found.gibbs_se < 0.1 * d  # the test could see λ alone
    assert abs(found.gibbs - d / 2) > 5 * found.gibbs_se


def exact_product(n, gamma=1.0):
    """n times the errors and the fluctuation of y = w1 w2 + N(0, 1), truth 0, by quadrature.

    s = w1 w2 has the prior density γ K0(γ|s|)/π, and everything depends on s and the mean of y.
    """
    s = np.r_[-np.logspace(1.3, -12, 4000), np.logspace(-12, 1.3, 4000)]
    prior = k0(gamma * np.abs(s)) * np.gradient(s)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    inner, inner_weights = np.polynomial.hermite_e.hermegauss(N_NODES)
    inner_weights = inner_weights / inner_weights.sum()
    total = np.zeros(3)
    for node, weight in zip(nodes, weights, strict=True):
        mean = node / np.sqrt(n)
        log = -0.5 * n * (s - mean) ** 2
        p = prior * np.exp(log - log.max())
        p /= p.sum()
        first, second = p @ s, p @ s**2
        third, fourth = p @ s**3, p @ s**4
        bayes = 0.0
        for y, share in zip(inner, inner_weights, strict=True):
            bayes -= share * np.log(p @ np.exp(y * s - 0.5 * s**2))
        # E over the squares of the data: n mean² + n - 1.
        squares = n * mean**2 + n - 1
        variance = squares * (second - first**2) - n * mean * (third - first * second)
        variance += 0.25 * n * (fourth - second**2)
        total += weight * np.array([n * bayes, 0.5 * n * second, 0.5 * variance])
    return total


@pytest.mark.parametrize("n", [100, 10_000])
def test_singular_model_equals_quadrature(n):
    exact = exact_product(n)
    found = simulate_generalisation(
        polynomial_model([[1, 1]]), np.zeros(2), n=n, data_sets=400, threads=2
    )
    for name, value in zip(("bayes", "gibbs", "fluctuation"), exact, strict=True):
        error = getattr(found, f"{name}_se")
        assert abs(getattr(found, name) - value) < 5 * error, name
        assert error < 0.15 * value, name
    # A regular model of one output would have ν = 1/2.
    assert abs(found.fluctuation - 0.5) > 5 * found.fluctuation_se


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"n": 7}, "n"), ({"n": 6, "data_sets": 1}, "data_sets"), ({"n": 6, "draws": 1}, "draws")],
)
def test_bad_arguments_are_named(settings, name):
    with pytest.raises(SettingsError, match=name):
        simulate_generalisation(gaussian_model(np.ones(2)), np.zeros(2), **settings)
