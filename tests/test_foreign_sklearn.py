"""Estimators of scikit-learn as native networks: the same predictions, or an error."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

import pfmap
from pfmap.errors import DataError, SettingsError

# How well a network was fitted is nothing to its conversion.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
ONE = X[:, 0] * X[:, 1] - X[:, 2]
TWO = np.c_[ONE, X[:, 0] ** 2]
CLASSES = np.digitize(ONE, [-0.5, 0.5])


def mlp(kind, hidden=(4, 3), activation="tanh", **settings):
    return kind(
        hidden_layer_sizes=hidden, activation=activation, solver="lbfgs", alpha=1.0,
        max_iter=2000, random_state=0, **settings,
    )  # fmt: skip


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("wanted", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize("hidden", [(4,), (3, 3)])
def test_regression_networks_predict_as_they_did(activation, wanted, hidden):
    found = pfmap.from_sklearn(fitted := mlp(MLPRegressor, hidden, activation).fit(X, wanted), X)
    assert (found.kind, found.because) == ("native network", "")
    outputs = found.model.outputs(found.weights).reshape(-1, len(X)).T
    np.testing.assert_allclose(outputs.squeeze(), fitted.predict(X), atol=1e-9)
    for number, matrix in enumerate(fitted.coefs_):
        np.testing.assert_array_equal(found.weights[found.places[f"coefs_{number}"]], matrix)
        offsets = found.weights[found.places[f"intercepts_{number}"]]
        np.testing.assert_array_equal(offsets, fitted.intercepts_[number])
    if hidden == (3, 3):  # the negative control: a square matrix as its transpose
        wrong = found.weights.copy()
        place = found.places["coefs_1"]
        wrong[place] = wrong[place.T]
        apart = np.abs(found.model.outputs(wrong) - found.model.outputs(found.weights)).max()
        assert apart > 1e-3


def test_classifying_networks_give_logits():
    two = mlp(MLPClassifier).fit(X, ONE > 0)
    found = pfmap.from_sklearn(two, X)
    logits = found.model.outputs(found.weights)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), two.predict_proba(X)[:, 1], atol=1e-9)
    np.testing.assert_array_equal(logits > 0, two.predict(X))
    three = mlp(MLPClassifier).fit(X, CLASSES)
    found = pfmap.from_sklearn(three, X)
    logits = found.model.outputs(found.weights).reshape(3, -1)
    np.testing.assert_array_equal(three.classes_[logits.argmax(axis=0)], three.predict(X))
    labels = mlp(MLPClassifier).fit(X, np.c_[ONE > 0, X[:, 0] > 0])
    assert pfmap.from_sklearn(labels, X).difference < 1e-9


@pytest.mark.parametrize("bias", [True, False])
def test_linear_models_are_networks_of_one_layer(bias):
    for kind, wanted in (
        (LinearRegression, ONE),
        (LinearRegression, TWO),
        (Ridge, TWO),
        (LogisticRegression, ONE > 0),
        (LogisticRegression, CLASSES),
        (RidgeClassifier, CLASSES),
    ):
        fitted = kind(fit_intercept=bias).fit(X, wanted)
        found = pfmap.from_sklearn(fitted, X)
        assert found.difference < 1e-12
        units = 1 if np.ndim(wanted) == 1 and len(np.unique(wanted)) != 3 else found.model.ints[-1]
        assert found.model.n_parameters == units * (3 + bias)


def test_numbers_of_float32_are_taken_exactly():
    fitted = mlp(MLPRegressor).fit(X.astype(np.float32), ONE.astype(np.float32))
    found = pfmap.from_sklearn(fitted, X.astype(np.float32))
    assert found.difference < 1e-6
    assert (found.weights[found.places["coefs_0"]] == fitted.coefs_[0]).all()


def test_targets_are_those_of_the_loss():
    fitted = mlp(MLPRegressor).fit(X, TWO)
    found = pfmap.from_sklearn(fitted, X, targets=TWO)
    expected = ((fitted.predict(X) - TWO) ** 2).sum() / (2 * len(X))
    assert abs(found.model.loss(found.weights) - expected) < 1e-12


def test_predictions_that_differ_are_an_error():
    fitted = mlp(MLPRegressor, (3, 3)).fit(X, ONE)
    right = fitted.predict(X)
    fitted.coefs_[1] = fitted.coefs_[1].T
    assert np.abs(fitted.predict(X) - right).max() > 1e-3
    fitted.predict = lambda inputs: right
    with pytest.raises(DataError, match=r"predict: differ from scikit-learn's"):
        pfmap.from_sklearn(fitted, X)
    counted = PoissonRegressor().fit(X, np.abs(ONE).round())
    with pytest.raises(DataError, match=r"predict: differ"):  # it takes the exponential
        pfmap.from_sklearn(counted, X)


@pytest.mark.parametrize(
    ("estimator", "inputs", "rule"),
    [
        (MLPRegressor, X, "must be a fitted MLPRegressor"),
        (lambda: DecisionTreeRegressor().fit(X, ONE), X, "got DecisionTreeRegressor"),
        (lambda: make_pipeline(StandardScaler(), Ridge()).fit(X, ONE), X, "of a pipeline give"),
        (lambda: Ridge().fit(X, ONE), X[:, :2], r"inputs: must have shape \(P, 3\)"),
        (lambda: Ridge().fit(X, ONE), X[0], "inputs: must be finite, points first"),
    ],
)  # fmt: skip
def test_what_is_no_network_is_refused(estimator, inputs, rule):
    with pytest.raises(SettingsError, match=rule):
        pfmap.from_sklearn(estimator(), inputs)
