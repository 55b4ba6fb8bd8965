"""A model that the user writes: any loss and gradient."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from pfmap.errors import SettingsError


@dataclasses.dataclass(frozen=True)
class OwnModel:
    """A loss and its gradient, as functions of one parameter vector.

    Attributes
    ----------
    n_parameters : int
        Number of parameters d.
    loss : callable
        From float64 of shape (d,) to K(w).
    gradient : callable
        From float64 of shape (d,) to the gradient, shape (d,).

    Examples
    --------
    >>> model = OwnModel(2, lambda w: 0.5 * w @ w, lambda w: w)
    >>> check_gradient(model, np.array([1.0, -2.0])) < 1e-6
    True
    """

    n_parameters: int
    loss: Callable[[np.ndarray], float]
    gradient: Callable[[np.ndarray], np.ndarray]


def check_gradient(model: OwnModel, weights: np.ndarray) -> float:
    """Largest deviation of the gradient from central differences of the loss, relative to both.

    Raises
    ------
    SettingsError
        If the gradient has the wrong shape.
    """
    centre = np.asarray(weights, dtype=np.float64)
    gradient = np.asarray(model.gradient(centre))
    if gradient.shape != (model.n_parameters,):
        raise SettingsError(
            f"gradient: must return shape ({model.n_parameters},), got {gradient.shape}"
        )
    # The step that balances the error of fourth-order differences and that of rounding.
    step = 1e-3 * np.maximum(1.0, np.abs(centre))
    numerical = np.empty(model.n_parameters)
    for i in range(model.n_parameters):
        move = np.zeros_like(centre)
        move[i] = step[i]
        near = model.loss(centre + move) - model.loss(centre - move)
        far = model.loss(centre + 2 * move) - model.loss(centre - 2 * move)
        numerical[i] = (8.0 * near - far) / (12.0 * step[i])
    scale = np.abs(gradient).max() + np.abs(numerical).max()
    return float(np.abs(gradient - numerical).max() / scale) if scale > 0 else 0.0
