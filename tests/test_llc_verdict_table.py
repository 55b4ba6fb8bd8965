"""Every verdict is produced by a real input, stands in the docs, and prints no warning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pfmap.llc import diagnostics, faults
from pfmap.llc.estimate import estimate_llc
from pfmap.llc.ladder import judge
from pfmap.llc.ladder.estimate import estimate_llc_ladder
from pfmap.models.network import network_model
from pfmap.models.own import OwnModel
from pfmap.models.polynomial import gaussian_model, polynomial_model
from pfmap.settings.domain import boolean_points

DOCS = Path(__file__).parents[1] / "docs"
GAUSS = gaussian_model(np.ones(2))
CROSS = polynomial_model([[1, 1]])
ZERO = np.zeros(2)
GIVEN = {"center": "given", "n_beta": 1e6, "gamma": 1.0, "steps": 400}
SHORT = {"max_steps": 1000}


def half_square(w):
    return 0.5 * float(w @ w)


def network(scale):
    """A tanh network and finite weights of that size."""
    model = network_model((3, 4, 1), boolean_points(3), activation="tanh")
    return model, scale * np.random.default_rng(0).normal(size=model.n_parameters)


MALA = {
    "ok": lambda: estimate_llc(GAUSS, ZERO, n_beta=1e6, gamma=1.0, steps=1000),
    "nan": lambda: estimate_llc(OwnModel(2, half_square, lambda w: np.nan * w), ZERO, **GIVEN),
    "overflow": lambda: estimate_llc(*network(1e200)),
    "outside": lambda: estimate_llc(GAUSS, np.ones(2), support=np.full(2, 0.5)),
    "unresolved": lambda: estimate_llc(*network(1e9)),
    "not a minimum": lambda: estimate_llc(
        OwnModel(2, half_square, lambda w: w), np.array([0.1, 0.0]), **GIVEN
    ),
    "constant": lambda: estimate_llc(OwnModel(2, lambda w: 1.0, np.zeros_like), ZERO, **GIVEN),
    "stuck": lambda: estimate_llc(
        OwnModel(2, lambda w: 1e30 * half_square(w), np.zeros_like), ZERO, **GIVEN
    ),
    "not converged": lambda: estimate_llc(CROSS, ZERO, n_beta=1e8, gamma=1.0, steps=5000),
    "short": lambda: estimate_llc(GAUSS, ZERO, n_beta=1e6, gamma=1.0, steps=20),
    "soft": lambda: estimate_llc(CROSS, ZERO, n_beta=1e16, gamma=1e10),
}

FLAT = OwnModel(2, lambda w: half_square(w) ** 2, lambda w: 2.0 * half_square(w) * w)

LADDER = {
    "ok": lambda: estimate_llc_ladder(GAUSS, ZERO),
    "nan": lambda: estimate_llc_ladder(
        OwnModel(2, FLAT.loss, lambda w: FLAT.gradient(w) if w @ w < 1e-6 else np.nan * w),
        ZERO,
        **SHORT,
    ),
    "overflow": lambda: estimate_llc_ladder(*network(1e200)),
    "outside": lambda: estimate_llc_ladder(GAUSS, np.ones(2), support=np.full(2, 0.5)),
    "unresolved": lambda: estimate_llc_ladder(*network(1e60)),
    "underflow": lambda: estimate_llc_ladder(
        polynomial_model([[200]]), np.zeros(1), radius=0.1, use_exact=False
    ),
    "not a minimum": lambda: estimate_llc_ladder(GAUSS, np.ones(2)),
    "stuck": lambda: estimate_llc_ladder(
        OwnModel(2, lambda w: float(w.any()) + half_square(w), lambda w: 1e12 * w), ZERO,
        max_rungs=8, chains=2, leaps=1, **SHORT,
    ),
    "not converged": lambda: estimate_llc_ladder(
        OwnModel(2, lambda w: half_square(w) if w[0] < 0.1 else np.inf, lambda w: w),
        ZERO,
        **SHORT,
    ),
    "short": lambda: estimate_llc_ladder(
        GAUSS, ZERO, gamma=1.0, chains=2, precision=1e-4, use_exact=False, **SHORT
    ),
    "slow": lambda: estimate_llc_ladder(CROSS, ZERO, precision=1e-4, use_exact=False, **SHORT),
    "stratum": lambda: estimate_llc_ladder(
        polynomial_model([[1, 1, 10]]), np.array([0.0, 0.0, 1.0]), radius=2.0, precision=0.2,
        max_steps=2000,
    ),
}  # fmt: skip


@pytest.mark.parametrize("verdict", MALA)
def test_verdict_of_the_sampler_is_reached(verdict):
    found = MALA[verdict]()
    assert (found.verdict, found.advice) == (verdict, diagnostics.ADVICE[verdict])


@pytest.mark.parametrize("verdict", LADDER)
def test_verdict_of_the_ladder_is_reached(verdict):
    found = LADDER[verdict]()
    assert found.verdict == verdict
    assert found.advice.startswith(judge.ADVICE[verdict])


def test_no_verdict_is_without_an_input():
    assert set(MALA) == set(diagnostics.ADVICE)
    # The last is made of bounds that are wrong, in the tests of scalings: none of ours are.
    assert set(LADDER) | {"contradicted"} == set(judge.ADVICE)
    assert set(faults.ADVICE) < set(MALA)


@pytest.mark.parametrize(
    ("page", "verdicts"), [("llc.md", {*MALA, "kink"}), ("ladder.md", set(LADDER))]
)
def test_the_docs_list_every_verdict(page, verdicts):
    rows = [line for line in (DOCS / page).read_text().splitlines() if line.startswith("| `")]
    listed = {line.split("`")[1] for line in rows}
    assert verdicts <= listed, verdicts - listed


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear"])
@pytest.mark.parametrize("scale", [1e60, 1e100, 1e200, 1e300])
def test_huge_finite_weights_are_a_verdict(activation, scale):
    """Warnings are errors here: none is printed either."""
    model = network_model((3, 4, 1), boolean_points(3), activation=activation)
    weights = scale * np.random.default_rng(0).normal(size=model.n_parameters)
    assert estimate_llc(model, weights).verdict in ("overflow", "unresolved")
    assert estimate_llc_ladder(model, weights).verdict in (
        "overflow",
        "unresolved",
        "not a minimum",
    )


def test_a_gradient_that_is_undefined_away_from_the_minimum_is_nan():
    """At w* itself all is well: only the chains meet it."""
    model = OwnModel(2, half_square, lambda w: w if abs(w).max() < 1e-5 else np.nan * w)
    assert estimate_llc(model, ZERO, **GIVEN).verdict == "nan"
    # Negative control: an infinite loss there is a wall, as a constraint is.
    wall = OwnModel(2, lambda w: half_square(w) if abs(w).max() < 1e-2 else np.inf, lambda w: w)
    assert estimate_llc(wall, ZERO, **GIVEN).verdict != "nan"
