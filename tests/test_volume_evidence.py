"""F(n) and λ_eff(n) against closed forms and thermodynamic integration; crossings."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from pfmap.errors import SettingsError
from pfmap.models.polynomial import gaussian_model, polynomial_model
from pfmap.volume import Settings, estimate_volume, loss_target
from pfmap.volume.combine import combine_runs
from pfmap.volume.crossings import Side, find_crossings
from pfmap.volume.evidence import FreeEnergy, free_energy
from pfmap.volume.fit import fit_curve

SIZES = np.geomspace(1.0, 1e5, 11)
QUICK = Settings(chains=32, steps=128, runs=16, lowest=1e-7)


def exact_product(n: float) -> float:
    """F of K = (w1 w2)²/2 under N(0, 1): E over w1 of (1 + n w1²)^-½."""
    value, _ = quad(
        lambda s: 2 * math.exp(s - math.exp(2 * s) / 2) / math.sqrt(2 * math.pi)
        / math.sqrt(1 + n * math.exp(2 * s)),
        -40.0, 5.0, limit=400,
    )  # fmt: skip
    return -math.log(value)


CASES = {
    "one": (polynomial_model([[1]]), lambda n: 0.5 * np.log1p(n)),
    "eight": (gaussian_model(np.ones(8)), lambda n: 4.0 * np.log1p(n / 8.0)),
    "product": (polynomial_model([[1, 1]]), np.vectorize(exact_product)),
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    model, exact = CASES[request.param]
    return estimate_volume(loss_target(model, name=request.param), QUICK), exact


def test_free_energy_and_its_slope_match_closed_forms(case):
    estimate, exact = case
    found = free_energy(estimate, SIZES)
    assert found.known.all()
    # Eleven n of one curve with errors from 16 runs: five of them.
    assert (np.abs(found.free_energy - exact(SIZES)) < 5 * found.free_energy_se).all()
    step = 1e-3
    slope = (exact(SIZES * math.exp(step)) - exact(SIZES * math.exp(-step))) / (2 * step)
    assert (np.abs(found.lambda_eff - slope) < 6 * found.lambda_eff_se + 0.01).all()
    assert found.free_energy_se.max() < 0.3


def test_nothing_is_said_beyond_what_the_curve_supports(case):
    estimate, _ = case
    t_min = estimate.curve.severities[-1]
    found = free_energy(estimate)
    known = found.n[found.known]
    assert (known * t_min <= found.lambda_eff[found.known] / 3).all()
    far = free_energy(estimate, [100.0 / t_min])
    assert np.isnan([far.free_energy[0], far.free_energy_se[0], far.lambda_eff[0]]).all()


def test_z_is_linear_in_the_volumes_of_a_run(case):
    # All runs twice as heavy: F falls by log 2 where the top of the curve plays no part.
    estimate, _ = case
    doubled = [replace(run, log_volumes=run.log_volumes + math.log(0.5)) for run in estimate.runs]
    before = free_energy(estimate, [1e4]).free_energy[0]
    after = free_energy(replace(estimate, runs=doubled), [1e4]).free_energy[0]
    assert after - before == pytest.approx(math.log(2.0), abs=1e-3)


def test_arguments_of_free_energy(case):
    estimate, _ = case
    with pytest.raises(SettingsError, match="n: must be finite and above 0"):
        free_energy(estimate, [0.0])
    with pytest.raises(SettingsError, match="at least 2 runs"):
        free_energy(replace(estimate, runs=estimate.runs[:1]))


def test_thermodynamic_integration_agrees(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "scripts"))
    integration = pytest.importorskip("volume_integration")
    settings = Settings(chains=32, steps=64, runs=8, lowest=1e-6)
    table = integration.compare(settings=settings, steps=2000)
    sys.modules.pop("volume_integration")
    assert table["n"].tolist() == [10.0, 1e3, 1e5]
    assert (table["z"].abs() < 4).all()
    assert (table["integrated_se"] < 0.2).all()
    # A comparison that could fail: the errors are small next to F.
    assert (table["free_energy"] > 20 * table["free_energy_se"]).all()


def made(values: np.ndarray, error: float = 0.01) -> FreeEnergy:
    n = np.geomspace(1.0, 1e6, len(values))
    return FreeEnergy(n, values, np.full(len(n), error), np.gradient(values, np.log(n)), 0 * n)


LOG_N = np.log(np.geomspace(1.0, 1e6, 97))


def test_a_crossing_has_its_place_its_interval_and_its_bits():
    f, g = Side("f", made(LOG_N), -2.0, 1.0), Side("g", made(3.0 + 0.25 * LOG_N), -7.0, 0.25)
    (found,) = find_crossings(f, g)
    assert found.n == pytest.approx(math.exp(4.0), rel=1e-6)
    assert found.n_low < found.n < found.n_high
    assert found.prior_bits == 5.0
    assert found.log_n_bits == pytest.approx(-0.75 * 4.0 / math.log(2.0))
    assert found.prior_bits + found.log_n_bits + found.rest_bits == pytest.approx(0.0)
    assert found.log_ratio_from == pytest.approx(3.0)
    assert found.settled
    (turned,) = find_crossings(g, f)
    assert (turned.n, turned.prior_bits) == (pytest.approx(found.n), -5.0)


def test_noise_around_zero_is_no_crossing():
    rng = np.random.default_rng(3)
    same = made(LOG_N, error=0.1)
    noisy = replace(same, free_energy=LOG_N + 0.05 * rng.normal(size=len(LOG_N)))
    (found,) = find_crossings(Side("f", same), Side("g", noisy))
    assert math.isnan(found.n)
    assert math.isnan(found.prior_bits)
    assert not found.settled


def test_no_crossing_is_said_only_where_the_errors_settle_the_order():
    f, apart = Side("f", made(LOG_N)), np.full(len(LOG_N), 0.5)

    def settled(ratio: np.ndarray, error: float) -> bool:
        (found,) = find_crossings(f, Side("g", made(LOG_N + ratio, error)))
        assert math.isnan(found.n)
        return found.settled

    assert settled(apart, 0.1)
    assert settled(-apart, 0.1)
    # The same order, with errors of as much as the difference.
    assert not settled(apart, 0.5)
    for place in (0, -1, 48):
        touching = apart.copy()
        touching[place] = -0.05
        assert not settled(touching, 0.1)


def test_two_crossings_and_curves_of_different_length():
    f = Side("f", made(LOG_N))
    waves = made(LOG_N + np.sin(LOG_N / 2.0) + 0.2)
    short = FreeEnergy(*(getattr(waves, name)[:90] for name in FreeEnergy.__dataclass_fields__))
    found = find_crossings(f, Side("g", short))
    assert len(found) == 2
    assert found[0].n < found[1].n
    assert found[0].n_to == short.n[-1]


def test_unknown_and_mismatched_curves():
    f = Side("f", made(LOG_N))
    nothing = replace(f.energy, free_energy=np.full(len(LOG_N), np.nan))
    assert find_crossings(f, Side("g", nothing)) == []
    with pytest.raises(SettingsError, match="one grid"):
        find_crossings(f, Side("g", replace(f.energy, n=2 * f.energy.n)))


def test_a_run_without_states_left_counts_as_nothing():
    """Its tail of V̂ = 0 leaves F as it is where the others have no tail either."""
    target = loss_target(polynomial_model([[1]]), name="w")
    found = estimate_volume(target, Settings(lowest=1e-6, runs=4), threads=1)
    before = free_energy(found, [10.0, 1e3])
    logs = found.runs[0].log_volumes.copy()
    logs[-6:] = -np.inf
    runs = [replace(found.runs[0], log_volumes=logs), *found.runs[1:]]
    curve = combine_runs(found.levels.curve, runs)
    after = free_energy(replace(found, runs=runs, curve=curve), [10.0, 1e3])
    assert np.isfinite(after.free_energy).all()
    assert np.abs(after.free_energy - before.free_energy).max() < 0.1


def test_a_curve_that_is_flat_at_its_start_says_nothing_where_that_matters():
    """Its first exponent puts the end of the mass above t_1 beyond float64."""
    target = loss_target(polynomial_model([[1]]), name="w")
    found = estimate_volume(target, Settings(lowest=1e-6, runs=4), threads=1)
    runs = []
    for run in found.runs:
        logs = run.log_volumes - 0.5
        logs[1] = logs[0]
        runs.append(replace(run, log_volumes=logs))
    flat = replace(found, runs=runs, curve=combine_runs(found.levels.curve, runs))
    n = np.array([0.01, 1e4])
    after, before = free_energy(flat, n), free_energy(found, n)
    assert after.known.tolist() == [False, True]
    assert abs(after.free_energy[1] - before.free_energy[1] - 0.5) < 0.05


def test_levels_below_the_rounding_of_the_loss_are_refused():
    target = loss_target(polynomial_model([[1]], targets=[1.0]), name="w - 1")
    with pytest.raises(SettingsError, match="lowest: must be at least"):
        estimate_volume(target, Settings(lowest=1e-40))


def test_a_curve_on_which_all_states_survive_has_few_levels():
    target = loss_target(polynomial_model([[2, 1]]), name="w1² w2")
    found = estimate_volume(target, Settings(lowest=1e9, runs=4), threads=1)
    assert fit_curve(found).verdict == "few levels"
