"""The rows of the verification table about classes, with short runs: each control must fail."""

from __future__ import annotations

import math

import numpy as np
import pytest
import verification_question as checks
from scipy.special import logsumexp
from synthetic_classes import asking, synthetic

from pfmap.analysis.question import at_size, question_of
from pfmap.experiments import named_campaign
from pfmap.functions.named import parse_function
from pfmap.volume import Settings, estimate_volume, free_energy
from pfmap.volume.curves import Wanted, function_target

DEFAULT = named_campaign("default")


def passes(rows, n_controls: int) -> list:
    """The rows, all of which pass, so many of them controls."""
    found = list(rows)
    assert [row.check for row in found if row.verdict != "pass"] == []
    assert sum(row.control for row in found) == n_controls
    return found


@pytest.fixture(scope="module")
def reference():
    return checks.reference_tables()


def test_closure_of_all_classes_by_splitting_alone():
    short, long = Settings(64, 16, 4), Settings(64, 64, 40)
    closed, control = passes(checks.closure_rows(checks.network(3, 8, 1), short, long), 1)
    assert "over 14 classes" in closed.detail
    assert control.statistic < 0.05


def test_free_energies_by_integration():
    settings = Settings(32, 64, 6, 200, 1e-4)
    rows = checks.integration_rows(4, ("and", "majority"), settings, steps=800, chains=3)
    assert len(passes(rows, 1)) == 3


def test_both_ends_of_the_slope():
    passes(checks.limit_rows(400_000, Settings(64, 64, 4, 60, 0.02), Settings(64, 128, 4)), 3)


def test_wide_networks_are_the_kernel_and_narrow_ones_are_not():
    passes(checks.kernel_rows(40_000), 2)


def test_shuffled_p_goes_with_nothing(reference):
    shuffled, real = passes(checks.shuffled_rows(*reference, DEFAULT, seeds=2), 1)
    assert (shuffled.statistic, real.statistic > 0.7) == (0.0, True)


def test_halves_of_the_classes_agree(reference):
    question = question_of(*reference, DEFAULT)
    table = at_size(question, question.n_judged)
    for y in ("log2_p", "sensitivity"):
        passes(checks.split_rows(table, "lambda_eff", y, (), seed=2), 1)
    built = question_of(*synthetic(seed=3, n=200), asking())
    rows = checks.split_rows(built.classes, "log2_p", "halfspaces", built.controls, seed=0)
    passes(rows, 1)


def test_free_energy_is_minus_log_mass_within_the_resolution():
    """exp(-n t) <= 1 everywhere and >= exp(-n t_0) below t_0: V(t_0) e^(-n t_0) <= Z <= 1."""
    campaign = checks.network(4, 8, 1)
    function = parse_function("majority", 4)
    target = function_target(campaign, Wanted(function.key, function.signs))
    found = estimate_volume(target, Settings(32, 64, 4, 100, 1e-3), threads=1)
    sizes = np.array([10.0, 100.0])
    energy = free_energy(found, sizes)
    t, logs = found.curve.severities, found.curve.log_volumes
    bound = [logsumexp([(logs - n * t).max()]) for n in sizes]
    slack = 3.0 * energy.free_energy_se
    assert (-energy.free_energy + slack >= bound).all()
    assert (energy.free_energy > 0.0).all()
    # Control: a curve with a tenth of the mass breaks the bound from below.
    assert not (-(energy.free_energy + math.log(10.0)) + slack >= np.array(bound)).all()
