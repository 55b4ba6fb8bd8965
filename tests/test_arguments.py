"""Arguments of the public functions: every number is used as it is or refused in one line."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pfmap.errors import PfmapError
from pfmap.functions.probability import clopper_pearson
from pfmap.functions.thinning import population_limits
from pfmap.llc.estimate import estimate_llc
from pfmap.llc.exact import factored_polynomial_llc
from pfmap.llc.generalisation import simulate_generalisation
from pfmap.llc.ladder.estimate import estimate_llc_ladder
from pfmap.llc.quadratic import quadratic_llc
from pfmap.llc.sgld import estimate_llc_sgld
from pfmap.llc.train import train_to_targets
from pfmap.models.linear import deep_linear_model
from pfmap.models.network import network_model
from pfmap.models.own import check_gradient
from pfmap.models.polynomial import gaussian_model, polynomial_model
from pfmap.models.polynomial_net import polynomial_net_model
from pfmap.volume import Settings, estimate_volume, fit_curve, free_energy, loss_target
from pfmap.volume.posterior import error_bound

GAUSS = gaussian_model(np.ones(2))
CROSS = polynomial_model([[1, 1]])
ZERO = np.zeros(2)
CURVE = estimate_volume(loss_target(GAUSS, name="gauss"), Settings(steps=16, runs=2, lowest=1e-2))

HUGE = [10**400, -(10**400), 10**5000, Fraction(10**400, 3), 2**1024, np.array(10**400)]
NO_NUMBER = ["1", b"1", None, True, 1j, [1.0], {}, "nan", object()]
NOT_FINITE = [float("nan"), float("inf"), -float("inf"), np.float64("nan")]

NUMBERS = {
    "n_beta": lambda v: estimate_llc(GAUSS, ZERO, n_beta=v, gamma=1.0, steps=10),
    "gamma": lambda v: estimate_llc(GAUSS, ZERO, n_beta=1.0, gamma=v, steps=10),
    "replica_ratio": lambda v: estimate_llc(GAUSS, ZERO, replica_ratio=v, steps=10),
    "target_tolerance": lambda v: estimate_llc(GAUSS, ZERO, target_tolerance=v, steps=10),
    "radius of the ladder": lambda v: estimate_llc_ladder(CROSS, ZERO, radius=v, max_steps=1000),
    "gamma of the ladder": lambda v: estimate_llc_ladder(CROSS, ZERO, gamma=v, max_steps=1000),
    "precision": lambda v: estimate_llc_ladder(CROSS, ZERO, precision=v, max_steps=1000),
    "span": lambda v: estimate_llc_ladder(CROSS, ZERO, span=v, max_steps=1000),
    "n_beta of SGLD": lambda v: sgld(n_beta=v),
    "gamma of SGLD": lambda v: sgld(gamma=v),
    "step_size": lambda v: sgld(step_size=v),
    "decay": lambda v: sgld(decay=v),
    "damping": lambda v: sgld(damping=v),
    "gamma of data sets": lambda v: simulate_generalisation(GAUSS, ZERO, n=2, gamma=v, draws=10),
    "tolerance": lambda v: train_to_targets(GAUSS, np.ones(2), tolerance=v),
    "precision of a curve": lambda v: fit_curve(CURVE, precision=v),
    "lowest": lambda v: estimate_volume(loss_target(GAUSS, name="w"), Settings(lowest=v)),
    "delta": lambda v: error_bound(-10.0, 40, delta=v),
    "level": lambda v: clopper_pearson([1], 10, level=v),
    "inclusion": lambda v: population_limits([1], v),
    "level of a population": lambda v: population_limits([1], 0.5, level=v),
}
ARRAYS = {
    "weights": lambda v: GAUSS.loss([v, 0.0]),
    "weights of an estimate": lambda v: estimate_llc(GAUSS, [v, 0.0], steps=10),
    "weights of the ladder": lambda v: estimate_llc_ladder(GAUSS, [v, 0.0]),
    "weights of SGLD": lambda v: sgld([v, 0.0]),
    "weights to train": lambda v: train_to_targets(GAUSS, [v, 0.0], tolerance=1.0),
    "weights of a gradient": lambda v: check_gradient(GAUSS, [v, 0.0]),
    "targets": lambda v: GAUSS.with_targets([v, 0.0]),
    "features": lambda v: polynomial_model([[1]], [[v]]),
    "scales": lambda v: gaussian_model([v]),
    "truth": lambda v: deep_linear_model((1, 1), [[v]]),
    "points": lambda v: network_model((1, 1), [[v]]),
    "points of a net": lambda v: polynomial_net_model(1, [[v, 0.0]]),
    "sds": lambda v: loss_target(GAUSS, name="w", sds=[v, 1.0]),
    "n": lambda v: free_energy(CURVE, [v]),
    "n_betas": lambda v: quadratic_llc(np.eye(2), np.ones(2), 1, [v]),
    "target": lambda v: factored_polynomial_llc([1], [v]),
}


def sgld(weights=ZERO, **changed):
    given = {"n_beta": 1.0, "gamma": 1.0, "step_size": 0.1, "steps": 1, "burn_in": 0}
    return estimate_llc_sgld(GAUSS, weights, **(given | changed))


def assert_one_line(call, value):
    with pytest.raises(PfmapError) as found:
        call(value)
    said = str(found.value)
    assert "\n" not in said
    assert len(said) < 3000
    assert ": must " in said


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [*HUGE, *NO_NUMBER, *NOT_FINITE], ids=range(19))
def test_what_is_no_finite_number_is_refused(name, value):
    if value is None and name in ("radius of the ladder", "gamma of the ladder"):
        return
    if value is None and name == "lowest":
        return
    assert_one_line(NUMBERS[name], value)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("value", [*HUGE, "a", {}, 1j, object()], ids=range(10))
def test_arrays_hold_numbers_within_float64(name, value):
    assert_one_line(ARRAYS[name], value)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([name for name in NUMBERS if "ladder" not in name and name != "lowest"]),
    st.one_of(st.integers(), st.floats(), st.fractions(), st.text(max_size=3)),
)
def test_any_number_is_used_or_refused(name, value):
    """Warnings are errors here: none is printed either."""
    with suppress(PfmapError):
        NUMBERS[name](value)


@pytest.mark.parametrize("radius", [1e-100, 1e-12, 10**3, 1e100, np.float32(0.5)])
def test_balls_of_any_size_end_in_a_verdict(radius):
    found = estimate_llc_ladder(CROSS, ZERO, radius=radius, max_steps=1000, use_exact=False)
    assert found.verdict
