"""Networks and linear models of scikit-learn as native networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from pfmap.arguments import checked_array
from pfmap.errors import SettingsError
from pfmap.models.network import network_model

from .agreement import require_agreement
from .found import ForeignModel, native_kind
from .points import checked_inputs, flat_targets

ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
"""Names of scikit-learn and of pfmap."""

LIBRARY = "scikit-learn"


def from_sklearn(
    estimator: Any, inputs: np.ndarray, *, targets: np.ndarray | None = None
) -> ForeignModel:
    """A fitted network or linear model of scikit-learn as a native network, with its weights.

    Outputs are those before the last function: what `predict` gives for regression, logits for
    classification, so that an `MLPClassifier` of two classes has P(class 1) = σ(output). They are
    compared with what the estimator itself predicts.

    Parameters
    ----------
    estimator : MLPRegressor, MLPClassifier, or a linear model with ``coef_`` and ``intercept_``
        Fitted.
    inputs : ndarray, shape (P, features)
        The domain.
    targets : ndarray, shape (P,) or (P, outputs), optional
        Targets of the loss; None means 0, as in `pfmap.network`.

    Returns
    -------
    ForeignModel
        Native always; `places` by the names ``coefs_0``, ``intercepts_0``, … in scikit-learn's
        own shapes, (inputs, units).

    Raises
    ------
    SettingsError
        If it is not fitted or no such estimator, or the inputs do not fit.
    DataError
        If outputs differ from the estimator's by more than 1e-6 of max(1, largest).

    Examples
    --------
    >>> from sklearn.neural_network import MLPRegressor
    >>> inputs = np.random.default_rng(0).normal(size=(50, 2))
    >>> mlp = MLPRegressor(hidden_layer_sizes=(4,), activation="tanh", tol=1e-3, max_iter=5000)
    >>> found = from_sklearn(mlp.fit(inputs, inputs[:, 0] * inputs[:, 1]), inputs)
    >>> found.kind, found.model.n_parameters, found.difference < 1e-12
    ('native network', 17, True)
    """
    points = checked_inputs(inputs)
    matrices, offsets, hidden = _layers(estimator)
    if points.shape[1:] != (len(matrices[0]),):
        raise SettingsError(
            f"inputs: must have shape (P, {len(matrices[0])}) for this estimator, got "
            f"{points.shape}"
        )
    widths = (len(matrices[0]), *(matrix.shape[1] for matrix in matrices))
    model = network_model(widths, points, activation=hidden, bias=bool(offsets))
    weights, places, at = np.empty(model.n_parameters), {}, 0
    for number, matrix in enumerate(matrices):
        place = np.arange(at, at + matrix.size).reshape(matrix.shape[::-1]).T
        places[f"coefs_{number}"], weights[place] = place, matrix
        at += matrix.size
        if offsets:
            place = np.arange(at, at + matrix.shape[1])
            places[f"intercepts_{number}"], weights[place] = place, offsets[number]
            at += matrix.shape[1]
    outputs = model.outputs(weights).reshape(widths[-1], -1).T
    apart = max(
        require_agreement(what, ours, theirs, library=LIBRARY)
        for what, ours, theirs in _compared(estimator, points, outputs)
    )
    model = model.with_targets(flat_targets(targets, len(points), widths[-1]))
    return ForeignModel(native_kind(model), "", model, weights, places, apart)


def _layers(estimator: Any) -> tuple[list[np.ndarray], list[np.ndarray], str]:
    """Matrices (inputs, units), biases or none, and pfmap's name of the hidden activation."""
    if hasattr(estimator, "coefs_"):
        out = estimator.out_activation_
        if estimator.activation not in ACTIVATIONS or out not in (
            "identity",
            "logistic",
            "softmax",
        ):
            raise SettingsError(
                f"estimator: activations must be among {', '.join(ACTIVATIONS)}, and softmax at "
                f"the output, got {estimator.activation} and {out}"
            )
        matrices = [checked_array("coefs_", values) for values in estimator.coefs_]
        offsets = [checked_array("intercepts_", values) for values in estimator.intercepts_]
        return matrices, offsets, ACTIVATIONS[estimator.activation]
    if hasattr(estimator, "coef_") and hasattr(estimator, "intercept_"):
        matrix = np.atleast_2d(checked_array("coef_", estimator.coef_)).T
        offset = np.atleast_1d(checked_array("intercept_", estimator.intercept_))
        # Without an intercept scikit-learn writes one number 0, whatever the number of outputs.
        has_bias = bool(getattr(estimator, "fit_intercept", True))
        return [matrix], [offset] if has_bias else [], "linear"
    raise SettingsError(
        "estimator: must be a fitted MLPRegressor, MLPClassifier or linear model of scikit-learn, "
        f"got {type(estimator).__name__} without coefs_ and coef_",
        next_step="fit it; of a pipeline give the last step, and the inputs that it sees",
    )


def _compared(
    estimator: Any, points: np.ndarray, outputs: np.ndarray
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """What the estimator says of the points, beside the same from our outputs, (P, outputs)."""
    alone = outputs.shape[1] == 1
    if hasattr(estimator, "decision_function"):
        theirs = np.asarray(estimator.decision_function(points), dtype=np.float64)
        return [("decision_function", outputs[:, 0] if alone else outputs, theirs)]
    if not hasattr(estimator, "predict_proba"):
        theirs = np.asarray(estimator.predict(points), dtype=np.float64)
        return [("predict", outputs.reshape(theirs.shape), theirs)]
    if estimator.out_activation_ == "softmax":
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        ours = powers / powers.sum(axis=1, keepdims=True)
    else:
        ours = 1.0 / (1.0 + np.exp(-outputs))
        ours = np.hstack([1.0 - ours, ours]) if alone else ours
    return [("predict_proba", ours, estimator.predict_proba(points))]
