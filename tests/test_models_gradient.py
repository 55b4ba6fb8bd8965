"""Outputs, gradients and Jacobians against a complex-step twin, for every activation and depth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import erf

from pfmap.activations import NAMES, facts_of
from pfmap.errors import SettingsError
from pfmap.kernels.dense import add_product, outer_product
from pfmap.kernels.lowrank import add_combination, project_two
from pfmap.llc.estimate import estimate_llc
from pfmap.llc.ladder.estimate import estimate_llc_ladder
from pfmap.models.base import CompiledModel, Model, RegressionModel
from pfmap.models.linear import deep_linear_model, padded_identity
from pfmap.models.network import network_model, network_outputs, parameter_count, unflatten
from pfmap.models.own import OwnModel, check_gradient
from pfmap.models.polynomial import gaussian_model, polynomial_model

STEP = 1e-30
"""Complex step: Im f(x + i h)/h is f'(x) to rounding, with nothing to cancel."""

ANALYTIC = {
    "relu": lambda x, degree: np.where(x.real > 0, x, 0),
    "tanh": lambda x, degree: np.tanh(x),
    "erf": lambda x, degree: erf(x),
    "sin": lambda x, degree: np.sin(x),
    "linear": lambda x, degree: x,
    "monomial": lambda x, degree: x**degree,
    "gelu": lambda x, degree: x / 2 * (1 + erf(x / np.sqrt(2))),
    "silu": lambda x, degree: x / (1 + np.exp(-x)),
    "softplus": lambda x, degree: np.log(1 + np.exp(x)),
    "sigmoid": lambda x, degree: 1 / (1 + np.exp(-x)),
    "leaky_relu": lambda x, degree: np.where(x.real > 0, x, 0.01 * x),
    "elu": lambda x, degree: np.where(x.real > 0, x, np.exp(x) - 1),
    "cos": lambda x, degree: np.cos(x),
    "gaussian": lambda x, degree: np.exp(-x * x),
    "heaviside": lambda x, degree: np.where(x.real > 0, 1.0 + 0j, 0.0),
}
WITH_SLOPE = [name for name in NAMES if facts_of(name, 2).slope is not None]


def complex_outputs(weights, points, widths, activation, degree, bias, output_activation):
    """The network in complex arithmetic, in the layout [output, point]."""
    value = points.astype(complex)
    layers = unflatten(weights, widths, bias)
    for index, (matrix, offset) in enumerate(layers):
        value = value @ matrix.T + (offset if bias else 0)
        name = output_activation if index == len(layers) - 1 else activation
        value = ANALYTIC[name](value, degree)
    return value.T.ravel()


def complex_jacobian(outputs, weights):
    """Derivatives of `outputs` by complex steps, shape (outputs, d)."""
    columns = []
    for i in range(len(weights)):
        moved = weights.astype(complex)
        moved[i] += 1j * STEP
        columns.append(outputs(moved).imag / STEP)
    return np.array(columns).T


@pytest.mark.parametrize("activation", WITH_SLOPE)
@pytest.mark.parametrize(
    "widths", [(3, 1), (3, 5, 1), (2, 6, 5, 2), (3, 4, 7, 4, 1), (3, 4, 5, 6, 4, 2)]
)
@pytest.mark.parametrize("bias", [True, False])
def test_network_matches_complex_steps(activation, widths, bias):
    rng = np.random.default_rng([len(widths), bias])
    output_activation = "tanh" if activation == "relu" else "linear"
    options = {"activation": activation, "degree": 3, "bias": bias}
    points = rng.normal(size=(11, widths[0]))
    targets = rng.normal(size=(11, widths[-1]))
    model = network_model(
        widths, points, targets=targets, output_activation=output_activation, **options
    )
    weights = rng.normal(size=parameter_count(widths, bias))

    def twin(w):
        return complex_outputs(w, points, widths, activation, 3, bias, output_activation)

    jacobian = complex_jacobian(twin, weights)
    residual = twin(weights.astype(complex)).real - targets.T.ravel()
    gradient = jacobian.T @ residual / 11
    naive = network_outputs(weights, points, widths, output_activation=output_activation, **options)
    atol = 1e-12 * max(1.0, np.abs(naive).max())
    assert np.allclose(model.outputs(weights), naive.T.ravel(), rtol=0, atol=atol)
    assert np.isclose(model.loss(weights), residual @ residual / 22, rtol=1e-12)
    scale = np.abs(jacobian).max()
    assert np.abs(model.jacobian(weights) - jacobian).max() < 1e-13 * scale * len(weights)
    error = np.abs(model.gradient(weights) - gradient).max() / np.abs(gradient).max()
    assert error < 1e-12
    # Negative control: the limit sees a gradient that is wrong by one part in a billion.
    assert np.abs((1 + 1e-9) * gradient - gradient).max() / np.abs(gradient).max() > 1e-12


@pytest.mark.parametrize("place", ["activation", "output_activation"])
def test_what_needs_a_slope_refuses_an_activation_without_by_name(place):
    rng = np.random.default_rng(0)
    model = network_model((2, 3, 1), rng.normal(size=(4, 2)), **{place: "heaviside"})
    weights = rng.normal(size=model.n_parameters)
    options = {"activation": "relu", "output_activation": "linear", place: "heaviside"}
    twin = network_outputs(weights, model.floats.reshape(2, 4).T, (2, 3, 1), **options)
    assert np.allclose(model.outputs(weights), twin.ravel())
    assert model.loss(weights) == pytest.approx((twin**2).mean() / 2)
    for refused in (model.gradient, model.jacobian, model.loss_gradient):
        with pytest.raises(SettingsError, match="heaviside has no slope"):
            refused(weights)
    with pytest.raises(SettingsError, match="heaviside has no slope"):
        estimate_llc(model.with_targets(twin), weights)
    with pytest.raises(SettingsError, match="heaviside has no slope"):
        estimate_llc_ladder(model.with_targets(twin), weights)
    # Without hidden layers nothing is asked of their activation.
    assert network_model((2, 1), np.eye(2), activation="heaviside").jacobian(np.ones(3)).any()


def test_relu_slope_is_zero_at_zero():
    model = network_model((1, 1, 1), np.array([[0.0], [1.0]]), bias=False)
    assert model.jacobian(np.array([0.0, 1.0]))[:, 0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("seed", range(4))
def test_polynomial_matches_complex_steps(seed):
    rng = np.random.default_rng(seed)
    exponents = rng.integers(0, 4, size=(5, 3))
    features = rng.normal(size=(7, 5))
    targets = rng.normal(size=7)
    model = polynomial_model(exponents, features, targets=targets)
    weights = rng.normal(size=3)
    weights[seed % 3] = 0.0  # where dividing by a factor would fail

    def twin(w):
        return features @ np.prod(w**exponents, axis=1)

    jacobian = complex_jacobian(twin, weights)
    residual = twin(weights.astype(complex)).real - targets
    assert np.allclose(model.jacobian(weights), jacobian, rtol=0, atol=1e-12)
    assert np.allclose(model.gradient(weights), jacobian.T @ residual / 7, rtol=0, atol=1e-12)
    assert np.isclose(model.loss(weights), residual @ residual / 14, rtol=1e-13)


def test_deep_linear_loss_is_the_frobenius_norm():
    rng = np.random.default_rng(1)
    widths, truth = (4, 3, 5), rng.normal(size=(5, 4))
    model = deep_linear_model(widths, truth)
    weights = rng.normal(size=model.n_parameters)
    (first, _), (second, _) = unflatten(weights, widths, bias=False)
    expected = 0.5 * np.sum((second @ first - truth) ** 2)
    assert np.isclose(model.loss(weights), expected, rtol=1e-13)


@pytest.mark.parametrize(("widths", "rank"), [((4, 3, 4), 2), ((5, 4, 4, 5), 2), ((2, 2), 0)])
def test_padded_identity_has_its_rank_and_no_loss(widths, rank):
    truth = np.zeros((widths[-1], widths[0]))
    truth[:rank, :rank] = np.eye(rank)
    assert deep_linear_model(widths, truth).loss(padded_identity(widths, rank)) < 1e-30


def test_dense_products_for_every_remainder():
    rng = np.random.default_rng(2)
    for units, below, points in itertools.product(range(1, 10), range(1, 10), (1, 7, 16)):
        matrix, x = rng.normal(size=(units, below)), rng.normal(size=(below, points))
        start = rng.normal(size=(units, points))
        out = start.copy()
        add_product(matrix.ravel(), 0, below, 1, x, out)
        assert np.allclose(out, start + matrix @ x, rtol=0, atol=1e-12)
        transposed = np.zeros((below, points))
        add_product(matrix.ravel(), 0, 1, below, start, transposed)
        assert np.allclose(transposed, matrix.T @ start, rtol=0, atol=1e-12)
        products = np.empty((units, below))
        outer_product(start, x, products)
        assert np.allclose(products, start @ x.T, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_rows", range(11))
def test_basis_products_for_every_remainder(n_rows):
    rng = np.random.default_rng(n_rows)
    basis, x, y = rng.normal(size=(n_rows, 13)), rng.normal(size=13), rng.normal(size=13)
    along_x, along_y = np.empty(n_rows), np.empty(n_rows)
    project_two(basis, x, y, along_x, along_y)
    assert np.allclose(along_x, basis @ x)
    assert np.allclose(along_y, basis @ y)
    out = y.copy()
    add_combination(basis, along_x, out)
    assert np.allclose(out, y + along_x @ basis)


def test_own_model_is_a_model_and_its_gradient_can_be_checked():
    right = OwnModel(3, lambda w: float(np.sum(w**4)), lambda w: 4 * w**3)
    wrong = OwnModel(3, right.loss, lambda w: 3.9 * w**3)
    weights = np.array([0.5, -1.0, 2.0])
    assert isinstance(right, Model)
    assert not isinstance(right, RegressionModel)
    assert isinstance(gaussian_model(np.ones(2)), RegressionModel)
    assert check_gradient(right, weights) < 1e-9
    assert check_gradient(wrong, weights) > 1e-2
    with pytest.raises(SettingsError, match=r"shape \(3,\)"):
        check_gradient(OwnModel(3, right.loss, lambda w: w[:2]), weights)


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: polynomial_model([[1, -1]]), "integers >= 0"),
        (lambda: polynomial_model([[0.5]]), "integers >= 0"),
        (lambda: polynomial_model([[1]], np.ones((2, 2))), r"\(points, 1\)"),
        (lambda: network_model((2, 1), np.ones((4, 3))), r"\(points, 2\)"),
        (lambda: deep_linear_model((2, 2), np.ones((3, 2))), r"\(2, 2\)"),
        (lambda: padded_identity((2, 3), 3), "between 0 and 2"),
        (lambda: gaussian_model(np.ones(2)).with_targets([1.0]), "one per output"),
        (lambda: gaussian_model(np.ones(2)).with_targets([1.0, np.nan]), "finite"),
        (lambda: gaussian_model(np.ones(2)).loss(np.ones(3)), r"\(2,\)"),
    ],
)
def test_errors_name_the_rule(make, rule):
    with pytest.raises(SettingsError, match=rule):
        make()


def test_one_kernel_serves_every_network():
    points = np.eye(3)
    models = [network_model((3, width, 1), points) for width in (2, 3)]
    assert all(isinstance(model, CompiledModel) for model in models)
    assert len({(m.family, m.ints.dtype, m.floats.dtype) for m in models}) == 1
