"""Bounds on P where runs disagree or die: they hold, and no number stands in for them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pfmap.settings.read import campaign_from_mapping
from pfmap.volume import Settings
from pfmap.volume.certainty import ALPHA, is_uncertain, log2_lower, log2_upper
from pfmap.volume.combine import combine_runs
from pfmap.volume.probability import estimate_probability
from pfmap.volume.rows import evidence_row
from pfmap.volume.splitting import Run

BITS = math.log(2.0)


def runs_of(bits: np.ndarray, within: float = 0.1) -> list[Run]:
    """Runs with the given log2 V, a row a run and a column a point; -inf where one died."""
    variance = (within * BITS) ** 2
    return [
        Run(BITS * row, [np.where(np.isfinite(bit), variance, np.nan) * np.eye(1) for bit in row],
            np.ones(len(row)), 1)
        for row in np.atleast_2d(bits)
    ]  # fmt: skip


def joined(bits: np.ndarray, within: float = 0.1):
    runs = runs_of(bits, within)
    points = np.atleast_2d(bits).shape[1]
    return combine_runs([np.array([1.0 - place]) for place in range(points)], runs), runs


def failures(share: float, sd: float, n: int = 4000) -> float:
    """How often `share` of the mean of 8 skew runs lies above the true V = 1."""
    rng = np.random.default_rng(3)
    logs = rng.normal(-0.5 * sd**2, sd, (n, 8))  # mean of V̂ exactly 1
    return float((share * np.exp(logs).mean(axis=1) > 1.0).mean())


def test_the_lower_bound_fails_no_more_often_than_it_says():
    for sd in (0.3, 2.0, 6.0):
        assert failures(ALPHA, sd) <= ALPHA
    # The mean itself is no lower bound: it lies above V in about half of the cases.
    assert failures(1.0, 0.3) > 0.4


def test_dead_runs_count_as_nothing_in_the_lower_bound():
    runs = runs_of(np.array([[-20.0], [-math.inf], [-math.inf], [-math.inf]]))
    assert log2_lower(runs) == pytest.approx(-20.0 - 2.0 - math.log2(40.0))
    assert math.isnan(log2_lower(runs_of(np.full((4, 1), -math.inf))))


@pytest.mark.parametrize(
    ("bits", "within", "uncertain"),
    [
        ([-20.0, -20.2, -19.9, -20.1, -20.0, -19.8, -20.1, -20.2], 0.2, False),
        # One of eight died: what it would have added is not known.
        ([-20.0, -20.2, -19.9, -20.1, -20.0, -19.8, -20.1, -math.inf], 0.2, True),
        # A standard error far above 1.5 bits, whatever the chains say.
        ([-60.0, -70.0, -62.0, -88.0, -99.0, -75.0, -66.0, -71.0], 5.0, True),
        # One run makes 82 % of the mean: by more than chains say, and as they say.
        ([-20.0, -25.0, -25.0, -25.0, -24.0, -25.0, -26.0, -25.0], 0.3, True),
        ([-20.0, -25.0, -25.0, -25.0, -24.0, -25.0, -26.0, -25.0], 2.0, False),
        # One run makes 55 %, as in three estimates of one function that agree with each other.
        ([-28.8, -27.9, -27.7, -27.5, -27.3, -27.1, -26.8, -24.4], 0.6, False),
        # Runs 4 bits apart by more than their chains say, none of which carries the mean.
        ([-40.0, -44.0, -40.0, -44.0, -42.0, -42.0, -40.0, -44.0], 0.3, False),
        # Half a bit apart, by more than their chains say: the standard error holds it.
        ([-9.0, -9.5, -10.0, -9.5, -9.0, -10.0, -9.5, -9.5], 0.1, False),
    ],
)
def test_what_makes_a_mean_uncertain(bits, within, uncertain):
    curve, runs = joined(np.array(bits)[:, None], within)
    assert is_uncertain(curve, runs) is uncertain


def test_the_upper_bound_ends_where_runs_begin_to_die():
    alive, dying = [-10.0, -14.0], [-10.2, -math.inf]
    curve, runs = joined(np.array([alive, dying, alive, dying]))
    assert -10.5 < log2_upper(curve, runs) < -9.5
    curve, runs = joined(np.array([alive, [-10.2, -14.2]] * 2))
    assert log2_upper(curve, runs) < -13.5


@pytest.fixture(scope="module")
def rare():
    """A random function of 5 inputs near 2^-60, by runs that are too short: two of eight die."""
    campaign = campaign_from_mapping(
        {"network": {"widths": [5, 8, 1], "activation": "tanh"}, "prior": {"preset": "gaussian"}}
    )
    return estimate_probability(campaign, "random:1", Settings())


def test_runs_that_end_far_apart_give_two_bounds_and_no_number(rare):
    assert rare.levels.verdict == "reached"
    assert rare.verdict == "uncertain"
    assert math.isnan(rare.log2_p)
    assert math.isnan(rare.log2_p_se)
    # Runs of 512 steps give -74.7 … -52.3.
    assert rare.log2_p_lower < -60.0
    assert -52.0 < rare.log2_p_upper < -10.0
    row = evidence_row(rare, function="a44e921c")
    assert (row["log2_p"], row["log2_p_se"], row["verdict"]) == (None, None, "uncertain")
    assert row["log2_p_lower"] < row["log2_p_upper"]


def test_a_number_that_is_known_lies_between_its_bounds():
    campaign = campaign_from_mapping(
        {"network": {"widths": [3, 8, 1], "activation": "tanh"}, "prior": {"preset": "gaussian"}}
    )
    found = estimate_probability(campaign, "majority", Settings(chains=32, steps=64, runs=4))
    assert found.verdict == "reached"
    assert found.log2_p_lower < found.log2_p < found.log2_p_upper
    assert found.log2_p - found.log2_p_lower == pytest.approx(math.log2(40.0), abs=0.1)
