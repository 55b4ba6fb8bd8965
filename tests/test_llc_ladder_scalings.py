"""Scalings of K, control variates, rounding, and what is known exactly, on a ladder."""

from __future__ import annotations

import dataclasses
import doctest
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import ladder_curves
import numpy as np
import pytest
from ladder_curves import power, product_means, sum_means

from pfmap.llc.exact.bounds import ExactBounds
from pfmap.llc.ladder.chains import Chains
from pfmap.llc.ladder.estimate import estimate_llc_ladder
from pfmap.llc.ladder.euler import euler_fields
from pfmap.llc.ladder.localise import prior_losses, with_gaussian
from pfmap.llc.ladder.means import block_means, effective_places, ladder_means
from pfmap.llc.ladder.problem import make_problem
from pfmap.llc.ladder.rungs import Rungs
from pfmap.llc.ladder.settle import NOTHING_KNOWN, settled
from pfmap.models.linear import deep_linear_model, padded_identity
from pfmap.models.polynomial import polynomial_model


def test_the_examples_of_the_exact_curves_run():
    assert doctest.testmod(ladder_curves) == (0, 5)


def cusp():
    """K = (x² - y³)²/2: λ = 5/12, next pole 1/12 above."""
    return polynomial_model([[2, 0], [0, 3]], [[1.0, -1.0]])


def under_normal_prior(model, key=3):
    problem = make_problem(model, np.zeros(model.n_parameters), reduced=False, leaps=4, key=key)
    return with_gaussian(problem, 1.0)


def sampled(problem, n_betas, steps=4000):
    with ThreadPoolExecutor(2) as pool:
        running = Chains(problem, n_betas, 4, pool)
        running.run(steps)
        return running.result()


def test_fields_are_those_of_the_weights():
    assert euler_fields(cusp(), np.zeros(2)) == pytest.approx(np.array([[1 / 4, 1 / 6, 1.0]]))
    fields = euler_fields(polynomial_model([[1, 1]]), np.zeros(2))
    assert fields[0] == pytest.approx([1 / 4, 1 / 4, 1.0])
    assert fields[1, :2].sum() == pytest.approx(0.0)
    model = deep_linear_model((2, 2, 2), np.zeros((2, 2)))
    fields = euler_fields(model, padded_identity((2, 2, 2), 0))
    w = np.random.default_rng(1).normal(size=8)
    along = fields[:, :8] @ (w * model.gradient(w))
    assert along == pytest.approx(fields[:, 8] * model.loss(w))


def test_what_is_not_homogeneous_has_no_field():
    bent = polynomial_model([[2, 0], [0, 3], [0, 4]], [[1.0, -1.0, 1.0]])
    assert len(euler_fields(bent, np.zeros(2))) == 0
    away = polynomial_model([[1, 0]], targets=np.array([1.0]))
    assert len(euler_fields(away, np.zeros(2))) == 0  # no zero there


# The curve {f = 0}, half of an f² that mixes slowly; a monomial; both far beyond 1e18.
EXACT = {
    "cusp": (cusp, lambda n: sum_means(n, [power(2), power(3, -1)])),
    "saddle": (
        lambda: polynomial_model([[2, 0], [0, 2]], [[1.0, -1.0]]),
        lambda n: sum_means(n, [power(2), power(2, -1)]),
    ),
    "monomial": (lambda: polynomial_model([[1, 1]]), lambda n: product_means(n, [1, 1])),
}


@pytest.mark.parametrize("name", EXACT)
def test_means_up_to_1e30_equal_the_exact_ones(name):
    model, exact = EXACT[name]
    problem = under_normal_prior(model())
    n_betas = Rungs(problem, prior_losses(problem)).climb(span=1e30, max_rungs=60)
    ladder = sampled(problem, n_betas)
    means, covariance = ladder_means(ladder)
    errors = np.sqrt(np.diag(covariance))
    assert n_betas[0] >= 1e28
    # 40 correlated rungs: one of them 4 standard errors off by chance has a probability of 1/400.
    assert (np.abs(means - exact(n_betas)) < 4.0 * errors).all()
    plain, controlled = block_means(ladder)
    assert controlled.std(axis=(0, 1)).mean() < 0.6 * plain.std(axis=(0, 1)).mean()


def test_a_wrong_field_has_another_mean_than_0():
    problem = under_normal_prior(cusp())
    wrong = dataclasses.replace(problem, euler=np.array([[0.3, 0.3, 1.0]]))
    n_betas = np.geomspace(1e12, 1e2, 20)
    for one, found in ((problem, True), (wrong, False)):
        sums = sampled(one, n_betas).controls[:, :, :, 0]
        blocks = sums.reshape(4, 20, 50, -1).mean(axis=3)  # long enough to forget one another
        error = blocks.std(axis=(0, 2)) / np.sqrt(200)
        assert (np.abs(blocks.mean(axis=(0, 2))) < 5.0 * error).all() == found


# Along x = y² and x = y the difference has an error of 1e-16 where both terms are about 1. The
# second zeros cross at 0, and walkers flee there from the rounding.
@pytest.mark.parametrize("exponents", [[[1, 0], [0, 2]], [[2, 0], [0, 2]]])
@pytest.mark.parametrize("key", [1, 2, 3])
def test_a_ladder_ends_where_rounding_bites(exponents, key):
    problem = under_normal_prior(polynomial_model(exponents, [[1.0, -1.0]]))
    problem = dataclasses.replace(problem, key=key)
    rungs = Rungs(problem, prior_losses(problem))
    rungs.climb(span=1e60, max_rungs=100)
    assert rungs.rounded
    assert 1e27 < rungs.n_betas[0] < 1e34


def test_without_rounding_a_ladder_goes_on():
    monomial = under_normal_prior(polynomial_model([[1, 1]]))
    rungs = Rungs(monomial, prior_losses(monomial))
    rungs.climb(span=1e60, max_rungs=100)
    assert not rungs.rounded
    assert rungs.n_betas[0] > 1e60


def test_the_slowest_measure_of_place_counts():
    rng = np.random.default_rng(1)
    fast = rng.normal(size=(4, 1, 500))
    slow = np.repeat(rng.normal(size=(4, 1, 10)), 50, axis=2)
    still = np.zeros((4, 1, 500))
    assert effective_places(np.stack([fast, still], axis=3))[0] > 1000
    assert effective_places(np.stack([fast, slow], axis=3))[0] < 100
    high, low = np.stack([fast, fast], axis=3), np.stack([slow, slow], axis=3)
    found = effective_places(np.concatenate([high, low, high], axis=1))
    assert (found[:2] < 100).all()
    assert found[2] > 1000


@pytest.fixture(scope="module")
def estimate():
    """λ of the cusp, blind."""
    return estimate_llc_ladder(cusp(), np.zeros(2), use_exact=False)


def test_the_cusp_is_not_taken_for_a_double_pole(estimate):
    assert estimate.low <= 5 / 12 <= estimate.high
    assert estimate.multiplicity in (1, None)
    assert estimate.verdict != "ok" or abs(estimate.llc / (5 / 12) - 1.0) < 0.03
    assert estimate.settled_by == ()


def bounds(low, high=None, llc=None, multiplicity=None):
    def fraction(value):
        return None if value is None else Fraction(value)

    return ExactBounds(Fraction(low), fraction(high), fraction(llc), multiplicity, ("as told",))


def test_bounds_cut_settle_or_contradict(estimate):
    assert settled(estimate, NOTHING_KNOWN) is estimate
    cut = settled(estimate, bounds(0, "5/12"))
    assert (cut.low, cut.high) == (estimate.low, pytest.approx(5 / 12))
    assert cut.llc <= 5 / 12 + 1e-12
    known = settled(estimate, bounds("5/12", "5/12", "5/12", 1))
    assert (known.llc, known.llc_se, known.multiplicity) == (pytest.approx(5 / 12), 0.0, 1)
    assert known.settled_by == ("as told",)
    wrong = settled(estimate, bounds("1/2"))
    assert wrong.verdict == "contradicted"
    assert wrong.llc == estimate.llc
