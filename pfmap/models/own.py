"""A model that the user writes: any loss, with or without a gradient."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from pfmap.arguments import checked_array
from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.models.base import Model

NEIGHBOURS = 3
"""Points beside the given one where a gradient is checked too: at a minimum it is 0."""

SPREAD = 0.5
"""How far they lie from it, per coordinate, over max(1, |w|)."""


@dataclasses.dataclass(frozen=True, repr=False)
class OwnLoss(Displayed):
    """A loss alone, as a function of one parameter vector: enough for volumes and posteriors.

    Attributes
    ----------
    n_parameters : int
        Number of parameters d.
    loss : callable
        From float64 of shape (d,) to K(w).

    Examples
    --------
    >>> OwnLoss(2, lambda w: 0.5 * w @ w).loss(np.array([1.0, 1.0]))
    np.float64(1.0)
    """

    SHOWN: ClassVar = ("n_parameters",)

    n_parameters: int
    loss: Callable[[np.ndarray], float]


@dataclasses.dataclass(frozen=True, repr=False)
class OwnModel(Displayed):
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
    >>> check_gradient(model, np.zeros(2)) < 1e-12
    True
    """

    SHOWN: ClassVar = ("n_parameters",)

    n_parameters: int
    loss: Callable[[np.ndarray], float]
    gradient: Callable[[np.ndarray], np.ndarray]


def check_gradient(model: Model, weights: np.ndarray) -> float:
    """Largest deviation of the gradient from central differences of the loss, relative to both.

    At a minimum or a saddle the gradient is 0, and so is twice the gradient: nothing there tells a
    right one from a wrong one, or from rounding. So it is compared at the given weights and at
    `NEIGHBOURS` points around them, those where the loss is finite, and the largest deviation of
    all is taken over the largest gradient of all.

    Parameters
    ----------
    model : Model
        With ``n_parameters``, ``loss`` and ``gradient``.
    weights : ndarray, shape (d,)
        Where to look; may be a minimum.

    Returns
    -------
    float
        About 1e-13 to 1e-8 for a right gradient of a smooth loss; infinite if a gradient, or the
        loss at the weights, is NaN or infinite.

    Raises
    ------
    SettingsError
        If weights or gradient have the wrong shape.

    Examples
    --------
    >>> wrong = OwnModel(2, lambda w: 0.5 * w @ w, lambda w: 1.1 * w)
    >>> 0.04 < check_gradient(wrong, np.zeros(2)) < 0.06
    True
    """
    centre = checked_array("weights", weights)
    if centre.shape != (model.n_parameters,):
        raise SettingsError(
            f"weights: must have shape ({model.n_parameters},), got {np.shape(weights)}"
        )
    directions = np.random.default_rng(0).uniform(-SPREAD, SPREAD, (NEIGHBOURS, len(centre)))
    moves = np.vstack([np.zeros_like(centre), directions * np.maximum(1.0, np.abs(centre))])
    deviation = scale = 0.0
    for number, move in enumerate(moves):
        place = centre + move
        if number and not math.isfinite(float(model.loss(place))):
            continue
        gradient, numerical = _both_gradients(model, place)
        if number and not np.isfinite(numerical).all():
            continue
        with np.errstate(invalid="ignore"):
            deviation = max(deviation, _largest(gradient - numerical))
        scale = max(scale, _largest(gradient) + _largest(numerical))
    if not math.isfinite(deviation):
        return math.inf
    return deviation / scale if scale > 0.0 else 0.0


def _both_gradients(model: Model, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The model's gradient, and that of fourth-order central differences of its loss."""
    gradient = np.asarray(model.gradient(place), dtype=np.float64)
    if gradient.shape != (model.n_parameters,):
        raise SettingsError(
            f"gradient: must return shape ({model.n_parameters},), got {gradient.shape}"
        )
    # The step that balances the error of fourth-order differences and that of rounding.
    step = 1e-3 * np.maximum(1.0, np.abs(place))
    numerical = np.empty(model.n_parameters)
    for i in range(model.n_parameters):
        move = np.zeros_like(place)
        move[i] = step[i]
        near = float(model.loss(place + move)) - float(model.loss(place - move))
        far = float(model.loss(place + 2 * move)) - float(model.loss(place - 2 * move))
        numerical[i] = (8.0 * near - far) / (12.0 * step[i])
    return gradient, numerical


def _largest(values: np.ndarray) -> float:
    """Largest size; infinite where one is NaN."""
    sizes = np.abs(values)
    return float(np.where(np.isnan(sizes), math.inf, sizes).max(initial=0.0))
