"""The information limit: two merging poles, and what a ladder of given errors can tell."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ladder_exact_means import exact_means

from pfmap.calibration.known import monomials
from pfmap.calibration.limit import (
    TOLD,
    confusion,
    information_limit,
    limit_columns,
    logarithms,
    resolution,
    two_poles,
)
from pfmap.calibration.singular_suite import singular_suite
from pfmap.llc.ladder.estimate import estimate_llc_ladder

SUITE = {model.name: model for model in singular_suite()}


def rungs(top, lowest=1e3, spacing=1.6):
    return np.arange(0.0, np.log(top / lowest), spacing)


def test_two_poles_become_a_double_one():
    v = rungs(1e18)
    gaps = [
        np.abs(two_poles(v, kappa, 0.1) - logarithms(v, 2, 0.1)).max() for kappa in (1e-3, 1e-6)
    ]
    assert gaps[0] < 1e-2
    assert gaps[1] < 1e-5
    assert np.abs(two_poles(v, 0.1, 0.1) - logarithms(v, 2, 0.1)).max() > 0.01  # control


def test_curves_are_those_of_the_partition_sum():
    v, kappa, depth, c = rungs(1e12), 0.2, 0.15, 0.15 / (0.15 + 0.2)
    fine = np.linspace(0.0, v[-1], 200_001)
    slope = -np.gradient(np.log(1.0 - c * np.exp(-kappa * fine)), fine)
    assert np.allclose(np.interp(v[1:-1], fine, slope), two_poles(v, kappa, depth)[1:-1], atol=1e-6)


@pytest.mark.parametrize("name", ["x^2 - y^3", "x^2 + y^3 + z^5", "x^2 + y^3 + z^7", "x^2 - y^6"])
def test_two_poles_are_the_exact_curves_of_the_suite(name):
    """Within a third of a ladder's errors from nβ = 1000 on, where other κ are further off."""
    n_betas = np.logspace(3, 30, 28)
    model = SUITE[name]
    excess = exact_means(model, n_betas) - float(model.exact.llc)
    v = np.log(n_betas / n_betas[0])
    kappa = float(model.next_pole)
    assert np.abs(two_poles(v, kappa, -excess[0]) - excess).max() < 0.002
    assert np.abs(two_poles(v, 2.0 * kappa, -excess[0]) - excess).max() > 0.004


def test_a_longer_ladder_tells_more_and_so_do_smaller_errors():
    values = [confusion(1 / 12, rungs(top), 0.006, 0.1) for top in (1e12, 1e18, 1e30)]
    assert values == sorted(values)
    half = confusion(1 / 12, rungs(1e18), 0.003, 0.1)
    assert half == pytest.approx(4 * values[1], rel=1e-3)  # χ² falls like 1/se²
    # Range beats noise: 4/3 of the range in ln nβ, or 16/9 of the draws.
    assert confusion(1 / 12, rungs(1e24), 0.006, 0.1) > 16 / 9 * values[1]
    assert confusion(1 / 60, rungs(1e30), 0.006, 0.1) < 0.5  # E8 surface: out of reach


def test_the_curve_asked_for_is_told_and_a_shorter_one_is_not():
    n_betas = np.geomspace(1e3, 1e18, 22)
    found = information_limit(1, 1 / 12, n_betas, np.full(22, 0.006), 0.1)
    assert found.n_beta > 1e18
    assert f"{found.n_beta:.0e}".replace("e+", "e") in found.said
    spacing = float(np.log(n_betas[1] / n_betas[0]))
    enough = np.arange(0.0, np.log(found.n_beta / 1e3) + 1e-9, spacing)
    assert confusion(1 / 12, enough, 0.006, 0.1) >= TOLD
    assert confusion(1 / 12, enough[:-4], 0.006, 0.1) < TOLD
    far = information_limit(1, 1 / 4, n_betas, np.full(22, 0.006), 0.1)
    assert (far.said, far.n_beta < 1e18) == ("", True)


def test_a_double_pole_is_told_down_to_a_resolution():
    finer = [1 / resolution(2, rungs(top), 0.006, 0.1) for top in (1e18, 1e30, 1e38)]
    assert finer == sorted(finer)
    assert 8 < finer[0] < 12
    unknown = information_limit(1, None, np.geomspace(1e3, 1e18, 22), np.full(22, 0.006), 0.1)
    assert np.isnan(unknown.n_beta)
    assert unknown.said == ""


def test_columns_of_a_ladder():
    cusp = SUITE["x^2 - y^3"]
    estimate = estimate_llc_ladder(
        cusp.model, cusp.center, precision=0.1, max_steps=1000, use_exact=False
    )
    columns = limit_columns(cusp, estimate)
    assert columns["limit"].startswith("m = 1 and 2 look alike")
    assert columns["limit_n_beta"] > estimate.n_betas[0]
    exact = monomials([[1, 0]])
    shown = estimate_llc_ladder(exact.model, exact.center)
    assert limit_columns(exact, shown)["limit"] == ""
    assert np.isnan(
        limit_columns(dataclasses.replace(cusp, next_pole=None), estimate)["limit_n_beta"]
    )
