"""The polynomial of the dispute: exact pairs, and the order of 1 and x⁴ at finite t."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

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
