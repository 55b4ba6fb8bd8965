"""Curves that end on a plateau: bounds on λ, stability, and where the asymptote can begin."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pfmap.function_level import least_ranks
from pfmap.function_level.spaces import least_spaces, patterns_within
from pfmap.functions import parse_function
from pfmap.llc.exact.polynomials import polynomial_net_llc
from pfmap.models.polynomial_net import polynomial_net_model
from pfmap.settings.campaign import Campaign
from pfmap.settings.network import Network
from pfmap.settings.prior import Prior
from pfmap.volume import Settings, estimate_volume, loss_target
from pfmap.volume.asymptote import asymptote_start, least_n_by_mass, log_cheap_mass
from pfmap.volume.curves import FunctionCurve, Wanted, function_target, measure_curve
from pfmap.volume.evidence import FreeEnergy, free_energy
from pfmap.volume.fit import PLATEAU_Z, fit_curve
from pfmap.volume.known import NOTHING_KNOWN, known_at, known_bounds


def network(*widths: int, activation: str = "relu", **prior) -> Campaign:
    law = Prior(**({"preset": "gaussian"} | prior))
    return Campaign(network=Network(widths=widths, activation=activation), prior=law)


def wanted(name: str, n_inputs: int) -> Wanted:
    function = parse_function(name, n_inputs)
    return Wanted(function.key, function.signs, function=function)


def curve_of(campaign: Campaign, name: str, **lengths) -> FunctionCurve:
    item = replace(wanted(name, campaign.network.widths[0]), function=None)
    found = measure_curve(campaign, item, Settings(**lengths))
    return replace(found, wanted=wanted(name, campaign.network.widths[0]))


@pytest.fixture(scope="module")
def turned() -> FunctionCurve:
    """The constant under (3,8,1): the curve turns at n of about 3e5 and is followed to 1e11."""
    return curve_of(network(3, 8, 1), "constant", lowest=1e-12, runs=16)


@pytest.fixture(scope="module")
def flat() -> FunctionCurve:
    """The same under (3,32,1), which is still on its plateau at the end."""
    return curve_of(network(3, 32, 1), "constant", lowest=1e-5, runs=4)


def test_the_constant_reaches_one_half_where_its_curve_turns(turned):
    narrow = curve_of(network(3, 2, 1), "constant", lowest=1e-12)
    for found in (narrow, turned):
        fit = found.fit
        assert (fit.verdict, fit.multiplicity) == ("ok", 1)
        assert fit.learning_coefficient_se < 0.05 * 0.5
        assert abs(fit.learning_coefficient - 0.5) < 3.0 * fit.learning_coefficient_se
        assert math.isnan(found.n_asymptote)


def test_a_plateau_above_the_bound_is_never_ok(flat):
    assert str(flat.fit.known) == "1/2"
    assert flat.fit.verdict == "plateau"
    assert flat.fit.low > 2.0
    # The crossing would take λ of no other verdict than ok.
    assert math.isnan(flat.side.learning_coefficient)
    # Control: nothing in the slopes says so, they agree with each other.
    assert abs(flat.fit.drift) < PLATEAU_Z
    blind = fit_curve(flat.estimate, precision=0.2, known=NOTHING_KNOWN)
    assert blind.verdict == "ok"
    assert blind.learning_coefficient > 3.0


def test_a_slope_that_still_changes_is_no_coefficient():
    """Cut off in the middle of its turn; nothing known."""
    found = curve_of(network(3, 8, 1), "constant", lowest=1e-5, runs=24, steps=64)
    fit = fit_curve(found.estimate, precision=10.0, known=NOTHING_KNOWN)
    assert abs(fit.drift) > PLATEAU_Z
    assert fit.verdict == "plateau"


def test_the_polynomial_net_of_cubes_is_not_ok_off_its_coefficient():
    points = np.array([[1.0, 0.5], [0.3, -1.0], [-0.7, 0.8], [1.2, 0.9]])
    model, exact = polynomial_net_model(3, points, 3), float(polynomial_net_llc(3, 3).llc)
    assert exact == pytest.approx(3 / 52)
    estimate = estimate_volume(loss_target(model, name="cubes"), Settings(lowest=1e-50))
    at_origin = known_at(model, np.zeros(2))
    for known in (NOTHING_KNOWN, at_origin):
        fit = fit_curve(estimate, known=known)
        error = abs(fit.learning_coefficient / exact - 1.0)
        assert fit.verdict != "ok" or error < 0.05


@pytest.mark.parametrize(
    ("campaign", "name", "said", "multiplicity"),
    [
        (network(3, 8, 1), "and", "1", 1),
        (network(3, 8, 1), "majority", "5/2", 1),
        # Two units cannot carry the four vertices; what holds for any width still holds.
        (network(3, 2, 1), "parity", ">= 5/2", None),
        (network(4, 16, 1), "parity", "4", 1),
        (network(3, 8, 8, 1), "parity", "1", 1),
        (network(3, 8, 1, activation="tanh"), "constant", "1/2 … 9/2", None),
        (network(3, 8, 1, activation="tanh"), "and", ">= 1", None),
        # The output bias of a uniform law ends below 1 in absolute value.
        (network(3, 8, 1, preset="vallePerez2019"), "constant", ">= 1/2", None),
        # K of a perceptron is a quadratic form; AND is not among its outputs.
        (network(3, 1), "constant", "2", 1),
        (network(3, 1), "and", "-", None),
    ],
)
def test_what_is_known_before_anything_is_sampled(campaign, name, said, multiplicity):
    known = known_bounds(campaign, wanted(name, campaign.network.widths[0]))
    assert (str(known), known.multiplicity) == (said, multiplicity)
    assert bool(known.source) == (said != "-")


def test_every_function_of_three_inputs_is_known_exactly_in_a_wide_layer():
    ranks = least_ranks(3).ranks
    campaign = network(3, 16, 1)
    for place in range(0, 256, 5):
        key = f"{int(f'{place:08b}'[::-1], 2):02x}"
        known = known_bounds(campaign, wanted(key, 3))
        assert known.limits == (ranks[place] / 2, ranks[place] / 2)


def test_the_contribution_of_units_that_are_off_is_all_there_is_at_the_end(turned):
    """F(n) = -H ln P(off) + ½ ln(1 + n) + ½ n/(1 + n) beyond the turn, b ~ N(0, 1) at ±1."""
    campaign = network(3, 8, 1)
    energy, known = turned.energy, turned.energy.known
    n = energy.n[known][-1]
    rest = 0.5 * math.log1p(n) + 0.5 * n / (1.0 + n)
    exact = rest - log_cheap_mass(campaign, np.zeros(8), 1)
    error = energy.free_energy_se[known][-1]
    assert abs(energy.free_energy[known][-1] - exact) < 4.0 * error
    # Control: one unit more.
    wider = rest - log_cheap_mass(network(3, 12, 1), np.zeros(8), 1)
    assert abs(energy.free_energy[known][-1] - wider) > 4.0 * error


def half_share(turned: FunctionCurve) -> float:
    """The n from which on weights with all units off make half of Z."""
    n = turned.energy.n
    cheap = 0.5 * np.log1p(n) + 0.5 * n / (1 + n) - log_cheap_mass(network(3, 8, 1), np.zeros(8), 1)
    return float(n[np.flatnonzero(turned.energy.free_energy >= cheap - math.log(2.0))[0]])


def until(energy: FreeEnergy, n: float) -> FreeEnergy:
    """The free energy of a curve that ends earlier."""
    kept = energy.n <= n
    columns = ("n", "free_energy", "free_energy_se", "lambda_eff", "lambda_eff_se")
    return FreeEnergy(*(getattr(energy, name)[kept] for name in columns))


def test_the_asymptote_begins_no_earlier_than_its_bound(turned):
    campaign, half = network(3, 8, 1), half_share(turned)
    assert 3e4 < half < 3e6
    mass = log_cheap_mass(campaign, np.zeros(8), 1)
    bounds = [least_n_by_mass(campaign, mass, until(turned.energy, n)) for n in (1e3, 1e4, 1e9)]
    assert all(1e3 < bound <= half for bound in bounds)
    # Control: half the mass a unit has, and the bound would be wrong.
    wrong = mass - 8 * math.log(2.0)
    assert least_n_by_mass(campaign, wrong, turned.energy) > half


def test_a_plateau_says_from_where_on_it_can_end(flat):
    last = flat.energy.n[flat.energy.known][-1]
    campaign = network(3, 32, 1)
    begins = asymptote_start(campaign, flat.wanted, flat.energy, flat.fit.known)
    assert begins > 10 * last
    # Without the mass of realisations: λ_eff is far above the bound at the end.
    deep = asymptote_start(network(3, 32, 32, 1), flat.wanted, flat.energy, flat.fit.known)
    assert last / 10 < deep <= last


def test_spaces_of_a_function_hold_it_and_their_units():
    table = parse_function("majority", 3).bits.astype(int)
    spaces = least_spaces(table, 5)
    assert len(spaces) > 1
    vertices = np.eye(8, dtype=bool)
    for basis in spaces:
        np.testing.assert_allclose(basis @ basis.T, np.eye(5), atol=1e-9)
        np.testing.assert_allclose(basis.T @ (basis @ table), table, atol=1e-9)
        assert patterns_within(vertices, basis).sum() <= 4
    ones = vertices[table == 1]
    assert any(patterns_within(ones, basis).all() for basis in spaces)


def test_targets_of_a_file_have_the_bounds_that_hold_for_any_function():
    campaign = network(3, 4, 1)
    slope = Wanted("slope", np.linspace(-1.0, 1.0, 8))
    same = Wanted("same", np.full(8, 0.3), "bernoulli")
    assert str(known_bounds(campaign, slope)) == ">= 1"
    assert str(known_bounds(campaign, same)) == "1/2"
    estimate = estimate_volume(function_target(campaign, same), Settings(lowest=1e-3, runs=4))
    assert free_energy(estimate).known.any()
