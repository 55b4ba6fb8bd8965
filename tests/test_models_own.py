"""Models of one's own: gradients checked also where they are 0, volumes and draws of any loss."""

from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from pfmap.errors import DataError, SettingsError
from pfmap.llc.estimate import estimate_llc
from pfmap.llc.generalisation import simulate_generalisation
from pfmap.llc.ladder.estimate import estimate_llc_ladder
from pfmap.llc.train import train_to_targets
from pfmap.models.network import network_model
from pfmap.models.own import OwnLoss, OwnModel, check_gradient
from pfmap.models.polynomial import gaussian_model, polynomial_model
from pfmap.settings.domain import boolean_points
from pfmap.volume import (
    Settings,
    estimate_volume,
    fit_curve,
    free_energy,
    loss_target,
    sample_parameters,
)
from pfmap.volume.chains import Workspace, advance
from pfmap.volume.checkpoint import Checkpoint

NETWORK = network_model((3, 4, 1), boolean_points(3), activation="tanh")
TRAINED = np.random.default_rng(0).normal(size=NETWORK.n_parameters)
AT_MINIMUM = NETWORK.with_targets(NETWORK.outputs(TRAINED))

# Where the gradient is 0: minima, regular and degenerate, a saddle, a point of a valley.
PLACES = {
    "regular minimum": (
        OwnModel(2, lambda w: 0.5 * float((w - 3.3) @ (w - 3.3)), lambda w: w - 3.3),
        np.full(2, 3.3), 1e-12,
    ),
    "minimum of fourth order": (
        OwnModel(3, lambda w: float((w**4).sum()), lambda w: 4 * w**3), np.zeros(3), 1e-12,
    ),
    "saddle": (OwnModel(2, lambda w: float(w[0] * w[1]), lambda w: w[::-1]), np.zeros(2), 1e-12),
    "valley": (
        OwnModel(2, lambda w: 0.5 * float(w[0] * w[1]) ** 2, lambda w: w[0] * w[1] * w[::-1]),
        np.array([1.0, 0.0]), 1e-12,
    ),
    "network at its minimum": (AT_MINIMUM, TRAINED, 1e-11),
    "minimum of tenth order": (
        OwnModel(1, lambda w: float(w[0] ** 10), lambda w: 10 * w**9), np.zeros(1), 1e-7,
    ),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_gradient_is_told_right_from_wrong_where_it_is_zero(place):
    model, weights, tolerance = PLACES[place]
    assert np.abs(model.gradient(weights)).max() < 1e-12
    assert check_gradient(model, weights) < tolerance
    d = model.n_parameters
    wrong = {
        "doubled": lambda w: 2.0 * model.gradient(w),
        "reversed": lambda w: -model.gradient(w),
        "off by a hundredth": lambda w: 1.01 * model.gradient(w),
        "zero": np.zeros_like,
        "shifted": lambda w: model.gradient(w) + 1e-3,
    }
    for name, gradient in wrong.items():
        assert check_gradient(OwnModel(d, model.loss, gradient), weights) > 1e-4, name


def test_a_gradient_that_is_nan_deviates_from_anything():
    right = OwnModel(2, lambda w: 0.5 * float(w @ w), lambda w: w)
    nan = OwnModel(2, right.loss, lambda w: np.full(2, math.nan))
    one = OwnModel(2, right.loss, lambda w: np.array([w[0], math.inf]))
    assert check_gradient(nan, np.zeros(2)) == math.inf
    assert check_gradient(one, np.ones(2)) == math.inf
    lost = OwnModel(2, lambda w: math.nan, right.gradient)
    assert check_gradient(lost, np.zeros(2)) == math.inf


def test_a_loss_that_ends_nearby_is_checked_where_it_is():
    """log of a standard deviation: no loss where that is not above 0."""

    def loss(w):
        return float(w[0] - math.log(w[0])) if w[0] > 0.0 else math.inf

    right = OwnModel(1, loss, lambda w: 1.0 - 1.0 / w)
    assert check_gradient(right, np.array([1.0])) < 1e-6
    assert check_gradient(OwnModel(1, loss, lambda w: 1.0 / w), np.array([1.0])) > 0.1


def own(model):
    """The same model, hidden from the kernels."""
    return OwnModel(model.n_parameters, model.loss, model.gradient)


TWINS = {
    "w1 w2": polynomial_model([[1, 1]]),
    "w1² w2": polynomial_model([[2, 1]]),
    "regular": gaussian_model(np.ones(3)),
    "network": network_model((2, 3, 1), boolean_points(2), targets=-np.ones(4), activation="tanh"),
}


@pytest.mark.parametrize("law", ["normal", "uniform"])
@pytest.mark.parametrize("name", TWINS)
def test_an_own_model_makes_the_chains_of_its_compiled_twin(name, law):
    """Every kind of move, in the same places to rounding."""
    model = TWINS[name]
    target = loss_target(model, 0.8, name=name, law=law)
    twin = dataclasses.replace(target, model=own(model), kernel=None)
    for moves in [(0.4, 0.0, 0.3, 0.3), (0.5, 0.0, 0.0, 0.5)]:
        found = []
        for model_of in (target, twin):
            aim = dataclasses.replace(model_of, move_weights=moves)
            with ThreadPoolExecutor(1) as pool:
                workspace = Workspace(aim, 6, 40, pool)
                starts = np.full((6, model.n_parameters), 0.05)
                severities = np.array([aim.model.loss(z * aim.scales) for z in starts])
                threshold = float(severities.max()) * 4.0 + 1e-3
                sizes = np.full(2 * len(aim.groups) + 1, math.log(0.4))
                effort = advance(
                    aim, threshold, sizes, starts, severities, workspace, key=np.uint64(5), level=3
                )
                found.append((workspace.states.copy(), workspace.severities.copy(), effort))
        (states, severities, effort), (same, levels, twins) = found
        np.testing.assert_allclose(same, states, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(levels, severities, rtol=1e-7, atol=1e-15)
        np.testing.assert_allclose(twins.counts, effort.counts)
        assert len(np.unique(same[:, :, 0])) > 20  # they moved


def test_volumes_of_an_own_model_are_those_of_its_compiled_twin():
    model = polynomial_model([[1, 1]])
    settings = Settings(lowest=1e-6, runs=8, chains=16, steps=64)
    compiled = estimate_volume(loss_target(model, name="w1 w2"), settings, threads=1)
    twin = estimate_volume(loss_target(own(model), name="w1 w2"), settings, threads=2)
    np.testing.assert_allclose(twin.curve.log_volumes, compiled.curve.log_volumes, atol=1e-9)
    alone = OwnLoss(2, lambda w: 0.5 * float(w[0] * w[1]) ** 2)
    free = estimate_volume(loss_target(alone, name="w1 w2"), settings)
    # P(|w1 w2| <= ε) for two normal factors, ε = sqrt(2e-6): ∫ K0(x) 2/π dx.
    from scipy.integrate import quad
    from scipy.special import k0

    exact = math.log2(2.0 / math.pi * quad(k0, 0.0, math.sqrt(2e-6))[0])
    for found in (compiled, twin, free):
        assert found.verdict == "reached"
        assert abs(found.log2_p - exact) < 5.0 * found.log2_p_se
        assert found.log2_p_se < 0.5
    # The negative control: another loss has another volume.
    other = OwnLoss(2, lambda w: 0.5 * float(w[0]) ** 2)
    far = estimate_volume(loss_target(other, name="w1"), settings)
    assert abs(far.log2_p - exact) > 5.0 * far.log2_p_se
    fit, energy = fit_curve(free), free_energy(free, [100.0])
    assert abs(fit.learning_coefficient - 0.5) < 5.0 * fit.learning_coefficient_se
    assert np.isfinite(energy.free_energy).all()


def test_a_loss_alone_uses_no_gradient():
    for law in ("normal", "uniform"):
        target = loss_target(OwnLoss(1, float), name="w", law=law)
        assert target.move_weights == (0.75, 0.0, 0.25, 0.0)


@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_parameters_drawn_below_a_loss_have_its_law(law):
    """w1 = w2 = 0 to |w| <= 1/10: the squared radius is uniform, but for the slope of the prior."""
    disc = OwnModel(2, lambda w: 0.5 * float(w @ w), lambda w: w)
    settings = Settings(lowest=0.005, runs=4, chains=16, steps=32)
    found = sample_parameters(loss_target(disc, name="disc", law=law), settings)
    assert found.parameters.shape == (4, 16, 16, 2)
    assert (np.linalg.norm(found.parameters, axis=-1) <= 0.1 + 1e-12).all()
    mean, error = found.mean(lambda w: float(w @ w))
    assert abs(mean - 0.005) < 5.0 * error + 0.0025 * 0.01
    assert error < 0.0005
    assert abs(mean - 0.005 * 1.5) > 5.0 * error  # the negative control
    never = sample_parameters(
        loss_target(OwnLoss(1, lambda w: 1.0 + float(w @ w)), name="above"),
        Settings(lowest=0.5, runs=2, max_levels=3),
    )
    assert never.parameters.shape[0] == 0
    with pytest.raises(SettingsError, match="there are no draws"):
        never.mean(lambda w: 1.0)


def test_what_a_model_lacks_is_named():
    alone = OwnLoss(2, lambda w: 0.5 * float(w @ w))
    origin = np.zeros(2)
    for estimate in (estimate_llc, estimate_llc_ladder):
        with pytest.raises(SettingsError, match="needs gradient, which OwnLoss has not"):
            estimate(alone, origin)
    model = OwnModel(2, alone.loss, lambda w: w)
    with pytest.raises(SettingsError, match="training needs n_points and targets"):
        train_to_targets(model, origin, tolerance=1e-6)
    with pytest.raises(SettingsError, match="simulate_generalisation needs n_points"):
        simulate_generalisation(model, origin, n=100)
    with pytest.raises(SettingsError, match="loss_target needs loss, which SimpleNamespace"):
        loss_target(SimpleNamespace(n_parameters=2), name="nothing")


def test_what_a_loss_must_return_is_said():
    settings = Settings(runs=2, chains=8, steps=4)
    for loss, error, rule in (
        (lambda w: w, SettingsError, r"loss must return one number, got shape \(2,\)"),
        (lambda w: math.nan, DataError, "the loss must be finite, got nan"),
        (lambda w: math.inf, DataError, "the loss must be finite, got inf"),
    ):
        with pytest.raises(error, match=rule):
            estimate_volume(loss_target(OwnLoss(2, loss), name="wrong"), settings)
    for gradient, error, rule in (
        (lambda w: w[:1], SettingsError, r"gradient must return shape \(2,\), got \(1,\)"),
        (lambda w: w * math.nan, DataError, "the gradient must be finite"),
    ):
        model = OwnModel(2, lambda w: 0.5 * float(w @ w), gradient)
        with pytest.raises(error, match=rule):
            estimate_volume(loss_target(model, name="wrong"), settings)


def test_a_folder_does_not_keep_what_it_cannot_tell_apart(tmp_path):
    target = loss_target(OwnLoss(1, lambda w: float(w @ w)), name="w")
    with pytest.raises(SettingsError, match="OwnLoss is not described by arrays"):
        Checkpoint(tmp_path, target, Settings())


class Line:
    """Two parameters, one output each, in plain Python: every member of a regression model."""

    n_parameters = n_points = 2

    def __init__(self, targets=(0.0, 0.0)):
        self.targets = np.array(targets)

    def outputs(self, weights):
        return np.array(weights)

    def jacobian(self, weights):
        return np.eye(2)

    def loss(self, weights):
        return float(((weights - self.targets) ** 2).mean() / 2.0)

    def gradient(self, weights):
        return (weights - self.targets) / 2.0

    def with_targets(self, targets):
        return Line(targets)


def test_generalisation_of_an_own_model():
    found = simulate_generalisation(Line(), np.zeros(2), n=1000, data_sets=60, draws=100)
    assert abs(found.bayes - 1.0) < 5 * found.bayes_se  # regular: λ = d/2
