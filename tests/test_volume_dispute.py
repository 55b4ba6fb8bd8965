"""The polynomial of the dispute: exact pairs, and the order of 1 and x⁴ at finite t."""

from __future__ import annotations

from fractions import Fraction

import dispute_posterior as posterior
import numpy as np
import pytest
from scipy.special import k0

from pfmap.llc.exact import (
    factored_polynomial_llc,
    independent_sum,
    monomial_llc,
    regular_llc,
    same_pair,
)
from pfmap.volume import Settings, estimate_volume, loss_target
from pfmap.volume.fit import fit_curve


@pytest.fixture(scope="module")
def dispute():
    import dispute as script

    return script


@pytest.mark.parametrize(
    ("order", "function", "m"),
    [("longer", "1", 11), ("longer", "x⁴", 7), ("shorter", "1", 7), ("shorter", "x⁴", 11)],
)
def test_exact_pairs_by_calculus_and_by_the_newton_polyhedron(dispute, order, function, m):
    factors, target = dispute.ORDERS[order], dispute.FUNCTIONS[function]
    found = factored_polynomial_llc(factors, target)
    assert (found.llc, found.multiplicity) == (Fraction(5, 2), m)
    # The zero coefficients as one sum of monomials, the other as one regular direction.
    zeros = [count for count, true in zip(factors, target, strict=True) if not true]
    rows = np.zeros((len(zeros), sum(zeros)), dtype=int)
    for row, count in enumerate(zeros):
        rows[row, sum(zeros[:row]) : sum(zeros[:row]) + count] = 1
    assert same_pair(found, independent_sum(monomial_llc(rows.tolist()), regular_llc(1)))


@pytest.mark.parametrize("order", ["longer", "shorter"])
def test_one_training_point_is_regular_everywhere(dispute, order):
    model = dispute.dispute_model(dispute.ORDERS[order], dispute.FUNCTIONS["1"], np.ones(1))
    bare = 0 if order == "longer" else model.n_parameters - 1
    weights = np.random.default_rng(1).normal(size=(20, model.n_parameters))
    assert all(model.jacobian(w)[0, bare] == 1.0 for w in weights)
    target = loss_target(model, name=f"one point, {order}")
    found = estimate_volume(target, Settings(chains=32, steps=128, runs=8, lowest=1e-12))
    fit = fit_curve(found)
    assert abs(fit.learning_coefficient - 0.5) < 4 * fit.learning_coefficient_se
    assert fit.multiplicity in (1, None)
    # 1 and x⁴ are one function at x = 1.
    quartic = dispute.dispute_model(dispute.ORDERS[order], dispute.FUNCTIONS["x⁴"], np.ones(1))
    assert quartic.targets.tolist() == model.targets.tolist()


@pytest.mark.parametrize(("order", "sign"), [("longer", 1), ("shorter", -1)])
def test_the_parametrisation_decides_which_function_has_more_volume(dispute, order, sign):
    settings = Settings(chains=32, steps=128, runs=8, lowest=1e-4)
    ends = []
    for function, target in dispute.FUNCTIONS.items():
        model = dispute.dispute_model(dispute.ORDERS[order], target, dispute.CHEBYSHEV)
        name = f"dispute {order} {function}"
        ends.append(estimate_volume(loss_target(model, name=name), settings))
    one, quartic = ends
    gap = one.curve.log_volumes[-1] - quartic.curve.log_volumes[-1]
    error = np.hypot(one.curve.log_volume_se[-1], quartic.curve.log_volume_se[-1])
    assert sign * gap > 4 * error


def test_density_of_a_product_of_normal_factors():
    """Two factors have the density K_0(|c|)/π; five have mass 1 and variance 1."""
    y, density = posterior.log_density(2)
    seen = (y > -20.0) & (y < 2.5)
    assert np.abs(density / np.exp(y) - 2.0 * k0(np.exp(y)) / np.pi)[seen].max() < 1e-12
    y, density = posterior.log_density(5)
    assert posterior.STEP * density.sum() == pytest.approx(1.0, abs=1e-11)
    assert posterior.STEP * (density * np.exp(2.0 * y)).sum() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("n", [0.0, 1.0, 10.0])
def test_posterior_on_one_point_against_plain_draws(dispute, n):
    rng, draws = np.random.default_rng(0), 200_000
    factors = dispute.ORDERS["longer"]
    drawn = np.array([rng.normal(size=(count, draws)).prod(axis=0) for count in factors])
    weights = np.exp(-0.5 * n * (drawn.sum(axis=0) - 1.0) ** 2)
    error = weights.std() / draws**0.5
    total = posterior.evidence(factors, n)
    assert abs(total - weights.mean()) <= 5.0 * error + 1e-10
    masses = {}
    for name, target in dispute.FUNCTIONS.items():
        inside = (np.abs(drawn - np.array(target)[:, None]) <= 0.5).all(axis=0) * weights
        masses[name] = posterior.box_mass(factors, target, 0.5, n)
        assert abs(masses[name] - inside.mean()) < 5.0 * inside.std() / draws**0.5
    # Control: the two are not one another's.
    assert abs(masses["1"] - masses["x⁴"]) > 0.5 * masses["1"]
    mirrored = posterior.box_mass(dispute.ORDERS["shorter"], dispute.FUNCTIONS["x⁴"], 0.5, n)
    assert mirrored == pytest.approx(masses["1"], rel=1e-12)
