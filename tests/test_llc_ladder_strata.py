"""A stratum of smaller λ inside the ball is left out or said."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from pfmap.llc.exact.bounds import ExactBounds, exact_llc
from pfmap.llc.ladder import estimate as ladder_estimate
from pfmap.llc.ladder.estimate import estimate_llc_ladder
from pfmap.llc.ladder.localise import with_radius
from pfmap.llc.ladder.problem import make_problem
from pfmap.llc.ladder.strata import SHRINK, inner_curve_is_higher
from pfmap.models.network import network_model
from pfmap.models.polynomial import polynomial_model

NOTHING = ExactBounds(Fraction(0), None, None, None, ())

PASSING = polynomial_model([[1, 1, 10]])
"""w1 w2 w3^10: λ = 1/20 on w3 = 0, and 1/2 with m = 2 at (0, 0, c) for c not 0."""

SHORT = {"max_steps": 4000, "precision": 0.15}


@pytest.fixture
def without_bounds(monkeypatch):
    """As for a model of which nothing is known: only the chains can tell."""
    monkeypatch.setattr(ladder_estimate, "exact_llc", lambda *_: NOTHING)


@pytest.mark.usefixtures("without_bounds")
def test_a_stratum_that_passes_is_left_out():
    found = estimate_llc_ladder(PASSING, np.array([0.0, 0.0, 1.0]), **SHORT)
    assert found.llc == pytest.approx(0.5, abs=0.05)
    assert found.radius == SHRINK * 2.0
    radius, llc = found.wider
    assert radius == 2.0
    assert llc == pytest.approx(0.05, abs=0.01)


@pytest.mark.usefixtures("without_bounds")
def test_in_a_ball_of_the_users_it_is_said():
    found = estimate_llc_ladder(PASSING, np.array([0.0, 0.0, 1.0]), radius=2.0, **SHORT)
    assert found.verdict == "stratum"
    assert "leave radius out" in found.advice
    # Negative control: a ball that leaves w3 = 0 out.
    alone = estimate_llc_ladder(PASSING, np.array([0.0, 0.0, 1.0]), radius=0.5, **SHORT)
    assert alone.verdict != "stratum"
    assert alone.llc == pytest.approx(0.5, abs=0.05)


@pytest.fixture
def not_proved(monkeypatch):
    """Exact values that are not proved, and so are held against chains."""
    monkeypatch.setattr(
        ladder_estimate,
        "exact_llc",
        lambda *given: dataclasses.replace(exact_llc(*given), settled=False),
    )


@pytest.mark.usefixtures("not_proved")
def test_bounds_tell_a_stratum_nearer_than_the_ball():
    """At a distance of 0.01, inside the first inner ball too: λ(w*) = 1/2 is exactly known."""
    found = estimate_llc_ladder(PASSING, np.array([0.0, 0.0, 0.01]), **SHORT)
    assert found.wider is not None
    assert found.llc == pytest.approx(0.5, abs=0.05)


@pytest.mark.usefixtures("not_proved")
@pytest.mark.parametrize(
    ("model", "center"),
    [
        (polynomial_model([[1, 1]]), np.zeros(2)),
        (polynomial_model([[2, 1], [0, 3]]), np.zeros(2)),
        (polynomial_model([[2, 0], [0, 3]], [[1.0, -1.0]]), np.zeros(2)),
        (polynomial_model([[1, 1, 10]]), np.zeros(3)),
        (
            network_model(
                (1, 2, 1), np.linspace(0.2, 2, 4)[:, None], activation="tanh", bias=False
            ),
            np.zeros(4),
        ),
    ],
)
def test_at_the_deepest_point_no_ball_is_told_from_another(model, center):
    found = estimate_llc_ladder(model, center, **SHORT)
    whole = make_problem(model, center, leaps=4, key=3)
    inner = with_radius(whole, SHRINK * found.radius)
    half_rank = 0.5 * whole.rank
    assert found.wider is None
    assert not inner_curve_is_higher(inner, found.n_betas, found.means - half_rank)
    # Negative control: the same means, a tenth lower and more.
    assert inner_curve_is_higher(inner, found.n_betas, 0.6 * (found.means - half_rank))
