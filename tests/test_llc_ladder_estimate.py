"""The ladder's estimator: the fit of λ and m, its errors, its verdicts, its limits."""

from __future__ import annotations

import numpy as np
import pytest

from pfmap.calibration.known import NET_POINTS, deep_linear, line_plus_dot, monomials
from pfmap.errors import SettingsError
from pfmap.llc.exact.bounds import exact_llc
from pfmap.llc.ladder.estimate import estimate_llc_ladder
from pfmap.llc.ladder.fit import LadderFit, fit_ladder
from pfmap.llc.ladder.forms import make_forms
from pfmap.llc.ladder.judge import advise, first_agreeing, judge_ladder, state_multiplicity
from pfmap.llc.ladder.means import covariance_of_means
from pfmap.models.network import network_model
from pfmap.models.own import OwnModel
from pfmap.models.polynomial import gaussian_model, polynomial_model
from pfmap.models.polynomial_net import polynomial_net_model
from pfmap.settings.domain import boolean_points

N_BETAS = np.geomspace(1e60, 10.0, 60)
U = np.log(N_BETAS)

# Means of nβK over a ladder, by m, with the scales c inside P.
CURVES = {
    1: (0.5, 0.5 - 0.3 * N_BETAS**-0.5),
    2: (0.5, 0.5 - 1 / (U + 1.0)),
    3: (1.0, 1.0 - 1 / (U + 1.0) - 1 / (U + 3.0)),
}


@pytest.mark.parametrize("multiplicity", CURVES)
def test_fit_finds_llc_and_multiplicity_in_exact_means(multiplicity):
    exact, means = CURVES[multiplicity]
    fit = fit_ladder(N_BETAS, means, np.diag(np.full(60, 1e-3**2)))
    assert abs(fit.llc - exact) < 0.005
    assert int(np.argmax(fit.multiplicity_weights)) + 1 == multiplicity
    assert sum(fit.multiplicity_weights) == pytest.approx(1)


@pytest.mark.parametrize("multiplicity", CURVES)
def test_intervals_hold_the_truth_as_often_as_they_say(multiplicity):
    exact, means = CURVES[multiplicity]
    rng = np.random.default_rng(multiplicity)
    held = []
    for _ in range(60):
        noise = 0.006 * rng.normal(size=60)
        fit = fit_ladder(N_BETAS, means + noise, np.diag(np.full(60, 0.006**2)))
        held.append(fit.low <= exact <= fit.high)
    # A share of 0.95 or more: 60 trials are 5 binomial errors above 0.8.
    assert np.mean(held) > 0.95 - 5 * np.sqrt(0.95 * 0.05 / 60)


def test_forms_are_averaged_over_spans():
    # Q = 1 + v/3: log Q over spans of 3 is no slope at their middle.
    edges = np.linspace(0.0, 18.0, 7)
    middle, spans = 0.5 * (edges[1:] + edges[:-1]), np.full(6, 3.0)
    exact = np.diff(np.log1p(edges / 3.0)) / 3.0
    over, at = (
        make_forms(middle, widths, 0.5, 2).corrections[-14:] for widths in (spans, np.zeros(6))
    )
    depths = make_forms(middle, spans, 0.5, 2).depth[-14:]
    nearest = int(np.abs(np.log(depths * 3.0)).argmin())
    scaled = np.diff(np.log1p(edges * depths[nearest])) / 3.0
    assert over[nearest] == pytest.approx(scaled)
    assert np.abs(at[nearest] - scaled).max() > 0.005
    assert np.abs(scaled - exact).max() < 0.05


def test_without_logarithms_the_same_means_would_miss():
    exact, means = CURVES[3]
    covariance = np.diag(np.full(60, 1e-3**2))
    whole = fit_ladder(N_BETAS, means, covariance)
    plain = fit_ladder(N_BETAS, means, covariance, max_multiplicity=1)
    assert abs(whole.llc - exact) < 2 * whole.llc_se
    assert abs(plain.llc - exact) > 5 * plain.llc_se


def test_chains_that_differ_widen_the_covariance():
    rng = np.random.default_rng(1)
    blocks = rng.normal(size=(4, 50, 10))
    alike = np.diag(covariance_of_means(blocks)).mean()
    blocks += rng.normal(size=(4, 1, 10))  # chains with means of their own
    apart = np.diag(covariance_of_means(blocks)).mean()
    assert alike == pytest.approx(1 / 200, rel=0.5)
    assert apart > 10 * alike


def test_a_single_chance_disagreement_does_not_end_the_ladder():
    blocks = np.random.default_rng(2).normal(size=(4, 50, 12))
    assert first_agreeing(blocks) == 0
    together = blocks.copy()
    together[1::2, :, :9] += 0.25  # 1.8 standard errors on each of nine rungs
    assert first_agreeing(together) >= 1
    blocks[1::2, :, 4] += 0.6  # 4 standard errors on one
    assert first_agreeing(blocks) == 0
    blocks[1::2, :, 0:2] += 3.0
    assert first_agreeing(blocks) == 2
    blocks[1::2, :, 7:9] += 3.0
    assert first_agreeing(blocks) == 9
    assert first_agreeing(np.full_like(blocks, np.nan)) == 12


def a_fit(**changes):
    """A fit that ends ok, changed."""
    good = {
        "llc": 1.0, "llc_se": 0.01, "noise_se": 0.003, "low": 0.98, "high": 1.02, "misfit": 1.0,
        "multiplicity_weights": (1.0, 0.0, 0.0, 0.0), "resolution": 1 / 6,
    }  # fmt: skip
    return LadderFit(**{**good, **changes})


GOOD = {"half_rank": 0.0, "lowest": 0.0, "n_kept": 20, "rhat": 1.01, "precision": 0.015}


@pytest.mark.parametrize(
    ("fit", "change", "verdict"),
    [
        ({}, {}, "ok"),
        ({"llc": np.nan}, {}, "not converged"),
        ({"misfit": np.nan}, {}, "not converged"),
        ({}, {"lowest": -0.1}, "not a minimum"),
        ({}, {"n_kept": 7}, "not converged"),
        ({}, {"rhat": 1.2}, "not converged"),
        ({}, {"rhat": np.nan}, "not converged"),
        ({"misfit": 4.0}, {}, "not converged"),
        ({"llc_se": 0.02}, {}, "slow"),
        ({"llc_se": 0.02, "noise_se": 0.019}, {}, "short"),
        ({"high": 1.04}, {}, "slow"),
        ({"high": 1.025}, {}, "slow"),  # 3.3 % within 99 %
        ({"high": 1.04}, {"half_rank": 1.0}, "ok"),  # 3 % of the whole
    ],
)
def test_verdicts(fit, change, verdict):
    assert judge_ladder(fit=a_fit(**fit), **{**GOOD, **change})[0] == verdict


def test_advice_names_what_would_be_needed():
    n_betas = np.array([1e21, 1e1])
    advice, needed = advise("slow", 1.5, n_betas, False)
    assert needed == pytest.approx(1e31)  # half as long again in the logarithm
    assert "1e31" in advice
    assert "rounding ends the ladder at 1e+21" in advise("slow", 1.5, n_betas, True)[0]
    assert "about 4 times the steps" in advise("short", 1.9, n_betas, False)[0]
    assert np.isnan(advise("ok", 0.5, n_betas, False)[1])


def test_multiplicity_is_stated_with_its_resolution():
    short, long = np.array([1e30, 1.0]), np.array([1e100, 1.0])
    two = a_fit(multiplicity_weights=(0.04, 0.95, 0.01, 0.0), resolution=1 / 84)
    assert state_multiplicity(a_fit(), short) == (1, 1 / 6)
    assert state_multiplicity(two, short)[0] is None  # 1/60 apart would look the same
    m, resolution = state_multiplicity(two, long)
    assert (m, 1 / 84 < resolution <= 1 / 60) == (2, True)
    close = a_fit(resolution=1 / 42)  # m = 1, but another pole may be near
    assert state_multiplicity(close, long)[0] is None
    open_ = a_fit(multiplicity_weights=(0.5, 0.5, 0.0, 0.0))
    assert state_multiplicity(open_, long)[0] is None


def test_constant_rank_is_exact_and_needs_no_chain():
    found = estimate_llc_ladder(gaussian_model(np.ones(7)), np.zeros(7))
    assert (found.llc, found.llc_se, found.exact, found.multiplicity) == (3.5, 0.0, True, 1)
    assert found.n_gradients == 0
    model = network_model((4, 20, 1), boolean_points(4))
    weights = np.random.default_rng(3).normal(size=model.n_parameters)
    found = estimate_llc_ladder(model.with_targets(model.outputs(weights)), weights)
    assert found.exact
    assert found.llc == found.rank / 2


def test_what_is_settled_exactly_needs_no_chain():
    cross = polynomial_model([[1, 1]])
    found = estimate_llc_ladder(cross, np.zeros(2))
    assert (found.llc, found.llc_se, found.multiplicity, found.verdict) == (0.5, 0.0, 2, "ok")
    assert (found.low, found.high, found.multiplicity_weights) == (0.5, 0.5, (0.0, 1.0, 0.0, 0.0))
    assert found.exact
    assert found.n_gradients == 0
    assert found.settled_by[0].startswith("λ = 1/2: Newton polyhedron")
    # Controls: chains run where the exact results are left out, where a ball is given, which may
    # hold another stratum, under a Gaussian, and where the value is not proved.
    for changed in ({"use_exact": False}, {"radius": 0.5}, {"gamma": 1.0}):
        assert estimate_llc_ladder(cross, np.zeros(2), max_steps=1000, **changed).n_gradients > 0
    cubes = polynomial_net_model(2, NET_POINTS, 3)
    assert exact_llc(cubes, np.zeros(2)).llc is not None
    assert estimate_llc_ladder(cubes, np.zeros(2), max_steps=1000).n_gradients > 0
    # A point that is no minimum has no bounds.
    shifted = polynomial_model([[1, 1]], targets=np.array([1.0]))
    assert estimate_llc_ladder(shifted, np.array([1.0, 0.0])).verdict == "not a minimum"
    outside = estimate_llc_ladder(cross, np.array([0.0, 1.0]), support=np.full(2, 0.5))
    assert outside.verdict == "outside"


def test_a_singularity_of_high_degree_is_not_taken_for_regular():
    # (w1 w2)² vanishes to rounding within 1e-5 of w*, where the rank looks constant.
    known = monomials([[2, 2]], n_regular=5)
    found = estimate_llc_ladder(known.model, known.center, max_steps=4000, use_exact=False)
    assert not found.exact
    assert abs(found.llc - 2.75) < 5 * found.llc_se


def test_an_idle_unit_lifts_the_coefficient_above_half_the_rank():
    # y = a tanh(b x) + tanh(x) at a = b = 0: the unit in use gives its rank, the idle one the
    # 1/2 of K ~ (a b)² with m = 2.
    x = np.linspace(0.3, 2.0, 6)[:, None]
    model = network_model((1, 2, 1), x, activation="tanh", bias=False)
    weights = np.array([1.0, 0.0, 1.0, 0.0])
    found = estimate_llc_ladder(
        model.with_targets(model.outputs(weights)), weights, precision=0.02, threads=2
    )
    assert found.rank == 2
    assert not found.exact
    assert found.verdict in ("ok", "short")  # which, hangs on the last bits of the arithmetic
    assert abs(found.llc - 1.5) < 5 * found.llc_se
    assert found.llc - 5 * found.llc_se > found.rank / 2


def test_deep_linear_beside_its_rank():
    known = deep_linear((4, 3, 4), 1)
    found = estimate_llc_ladder(known.model, known.center, max_steps=8000, threads=2)
    assert abs(found.llc - 6.0) < 5 * max(found.llc_se, 0.03)
    assert found.rank == 7
    assert found.means[0] > found.means[-1] > found.rank / 2


def test_equal_arguments_give_equal_results():
    model = polynomial_model([[2, 1]])
    one, two = (
        estimate_llc_ladder(model, np.zeros(2), max_steps=2000, threads=threads, use_exact=False)
        for threads in (1, 2)
    )
    assert (one.means == two.means).all()
    assert one.llc == two.llc
    other = estimate_llc_ladder(model, np.zeros(2), max_steps=2000, seed=2, use_exact=False)
    assert not np.array_equal(one.means, other.means)


def test_a_ball_keeps_the_strata_apart_and_a_gaussian_does_not():
    line, dot = line_plus_dot("line"), line_plus_dot("dot")
    at_line = estimate_llc_ladder(line.model, line.center, radius=0.5)
    at_dot = estimate_llc_ladder(dot.model, dot.center, radius=0.5, use_exact=False)
    assert (at_line.llc, at_line.exact) == (0.5, True)
    assert abs(at_dot.llc - 0.25) < 5 * at_dot.llc_se
    drifting = estimate_llc_ladder(line.model, line.center, gamma=1.0)
    assert abs(drifting.llc - 0.25) < 5 * drifting.llc_se


def test_a_model_with_loss_and_gradient_only_is_estimated():
    model = OwnModel(1, lambda w: 0.5 * float(w[0]) ** 4, lambda w: 2.0 * w**3)
    found = estimate_llc_ladder(
        model, np.zeros(1), max_steps=1000, max_rungs=10, leaps=1, precision=0.1
    )
    assert found.rank is None
    assert abs(found.llc - 0.25) < 5 * found.llc_se


def test_what_is_no_minimum_is_refused():
    model = polynomial_model([[1, 0]], targets=np.array([1.0]))
    found = estimate_llc_ladder(model, np.zeros(2))
    assert found.verdict == "not a minimum"
    assert np.isnan(found.llc)
    for top in (
        OwnModel(2, lambda w: w[0] ** 2 - w[1] ** 2, lambda w: np.r_[2 * w[0], -2 * w[1]]),
        OwnModel(1, lambda w: -0.5 * float(w[0]) ** 2, lambda w: -w),
    ):
        found = estimate_llc_ladder(top, np.zeros(top.n_parameters))
        assert found.verdict == "not a minimum"
        assert np.isnan(found.llc)


@pytest.mark.parametrize(("power", "radius"), [(2, 1e-3), (3, 1e-2)])
def test_a_small_ball_does_not_make_a_high_power_exact(power, radius):
    model = polynomial_model([[power, power]])
    found = estimate_llc_ladder(model, np.zeros(2), radius=radius, max_steps=1000)
    assert not found.exact


def test_a_deep_relu_network_is_not_exact_by_small_perturbations():
    # Behind the first unit every weight is 0: K_G ~ (w2 w3 w4 w5)² w1² and more, λ = 1, not 1/2.
    widths = (1,) * 6
    model = network_model(widths, np.array([[0.5], [1.0], [2.0]]))
    weights = np.array([1.0, 1.0] + [0.0, 1.0] * 4)
    weights[-1] = 0.0
    found = estimate_llc_ladder(
        model.with_targets(model.outputs(weights)), weights, radius=0.3, max_steps=2000
    )
    assert not found.exact


def test_a_plateau_has_half_the_rank():
    # relu(b x) on positive inputs is dead for half of all b.
    model = network_model((1, 1, 1), np.array([[0.5], [1.0]]), bias=False)
    found = estimate_llc_ladder(model, np.zeros(2))
    assert (found.llc, found.verdict) == (0.0, "ok")


def test_a_short_span_still_has_rungs_enough():
    found = estimate_llc_ladder(
        polynomial_model([[1, 1]]), np.zeros(2), span=10.0, max_steps=1000, use_exact=False
    )
    assert len(found.n_betas) >= 8


def test_a_radius_beyond_what_can_be_solved_for_is_refused():
    known = deep_linear((4, 3, 4), 1)
    found = estimate_llc_ladder(known.model, known.center, radius=20.0)
    assert found.verdict == "not converged"
    assert np.isnan(found.llc)


def test_bernoulli_has_the_coefficient_of_its_logits():
    x = np.linspace(0.3, 2.0, 6)[:, None]
    model = network_model((1, 2, 1), x, activation="tanh", bias=False)
    weights = np.array([1.0, 0.0, 1.0, 0.0])
    logits = model.with_targets(model.outputs(weights))
    bernoulli = logits.in_bernoulli_form()
    one, two = (estimate_llc_ladder(m, weights, max_steps=2000) for m in (logits, bernoulli))
    assert one.llc == two.llc
    with pytest.raises(SettingsError, match="gamma"):
        estimate_llc_ladder(bernoulli, weights, gamma=1.0)
    with pytest.raises(SettingsError, match="weights"):
        estimate_llc_ladder(bernoulli, weights + 0.1)


class Plain:
    """A user's regression model: the outputs of another, in NumPy."""

    def __init__(self, inner):
        self.inner = inner
        self.n_parameters, self.n_points = inner.n_parameters, inner.n_points
        self.targets = inner.targets

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def with_targets(self, targets):
        return Plain(self.inner.with_targets(targets))


def test_a_regression_model_of_the_user_has_its_rank_taken_out():
    known = deep_linear((2, 1, 2), 1)
    found = estimate_llc_ladder(Plain(known.model), known.center)
    assert (found.llc, found.exact) == (float(known.exact.llc), True)


def test_a_loss_that_is_not_finite_is_refused():
    model = OwnModel(1, lambda w: float("nan"), lambda w: w)
    assert estimate_llc_ladder(model, np.zeros(1)).verdict == "nan"


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("radius", 0.0), ("gamma", -1.0), ("precision", 0.0), ("span", 1.0), ("max_steps", 10),
        ("max_rungs", 3), ("chains", 1), ("leaps", 0), ("threads", 0),
    ],
)  # fmt: skip
def test_bad_arguments_are_named(argument, value):
    with pytest.raises(SettingsError, match=argument):
        estimate_llc_ladder(polynomial_model([[1, 1]]), np.zeros(2), **{argument: value})


def test_radius_and_gamma_exclude_each_other():
    with pytest.raises(SettingsError, match="radius"):
        estimate_llc_ladder(polynomial_model([[1, 1]]), np.zeros(2), radius=1.0, gamma=1.0)


@pytest.mark.parametrize("weights", [np.zeros(3), np.array([0.0, np.inf])])
def test_bad_weights_are_named(weights):
    with pytest.raises(SettingsError, match="weights"):
        estimate_llc_ladder(polynomial_model([[1, 1]]), weights)
