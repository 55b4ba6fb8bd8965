"""What forbids an estimate at w* before any chain, each a verdict of its own."""

from __future__ import annotations

import numpy as np

from pfmap.models.base import CompiledModel, Model, RegressionModel

LARGEST = 1e150
"""Outputs, gradients and derivatives above this have squares beyond the range of float64."""

SUPPORT_ROUNDING = 1e-6
"""Draws are float32: one at the edge of the prior may round to just beyond it."""

MIN_STEPS = 100.0
"""Spacings of float64 at w* that must fit into the reach of the chains."""

MAX_NOISE = 0.05
"""Most that the rounding of the outputs may add to nβK."""

ADVICE = {
    "nan": "the loss, its gradient or an output is NaN at w* or near it: find the operation that "
    "makes it; pfmap.models.own.check_gradient compares gradient and loss",
    "overflow": "numbers at w* exceed what float64 can square: scale weights, inputs or targets "
    "down",
    "outside": "the prior has no mass around w*, so that P and λ are not defined there: take "
    "weights inside the support of the uniform law, or a normal law",
    "unresolved": "w* or its outputs are so large that the steps of the chains drown in rounding: "
    "lower n_beta and gamma, or scale the weights down",
}
"""What to do about each."""


class UndefinedGradient(Exception):
    """A model has a finite loss and no finite gradient at the same weights."""


def fault_at(model: Model, weights: np.ndarray, *, support: np.ndarray | None = None) -> str:
    """The verdict that w* has whatever the chains would say: one of `ADVICE`, or "".

    - ``outside``: beyond `support`, the half-widths of the box in which the prior has mass.
    - ``nan``: loss, gradient, outputs or their derivatives are NaN.
    - ``overflow``: one of them is infinite, or its square would be. Inside a compiled model NaN
      comes from infinities, so it counts as overflow.

    Examples
    --------
    >>> from pfmap.models.own import OwnModel
    >>> broken = OwnModel(1, lambda w: 0.0, lambda w: w * np.nan)
    >>> fault_at(broken, np.zeros(1))
    'nan'
    >>> fault_at(OwnModel(1, lambda w: 0.0, lambda w: w), np.ones(1), support=np.array([0.5]))
    'outside'
    """
    if support is not None and (np.abs(weights) > support * (1.0 + SUPPORT_ROUNDING)).any():
        return "outside"
    parts = [np.asarray(model.loss(weights)), np.asarray(model.gradient(weights))]
    if isinstance(model, RegressionModel):
        parts += [np.ravel(model.outputs(weights)), np.ravel(model.jacobian(weights))]
    numbers = np.concatenate([np.ravel(part).astype(np.float64) for part in parts])
    if np.isnan(numbers).any() and not isinstance(model, CompiledModel):
        return "nan"
    return "" if np.abs(numbers).max() <= LARGEST else "overflow"


def is_resolved(
    model: Model, weights: np.ndarray, *, reach: float, n_beta: float | None = None
) -> bool:
    """Whether float64 can tell points of the chains from w*, and nβK from its rounding.

    Parameters
    ----------
    model : Model
    weights : ndarray, shape (d,)
        w*.
    reach : float
        How far the chains go from w* in a direction in which K is flat.
    n_beta : float, optional
        nβ of the chains; None leaves the rounding of K out.

    Examples
    --------
    >>> from pfmap.models.polynomial import gaussian_model
    >>> model = gaussian_model(np.ones(2))
    >>> [is_resolved(model, np.array([w, 0.0]), reach=1e-5) for w in (1.0, 1e12)]
    [True, False]
    """
    if MIN_STEPS * float(np.spacing(np.abs(weights)).max()) > reach:
        return False
    if n_beta is None or not isinstance(model, RegressionModel):
        return True
    rounding = np.spacing(
        np.maximum(np.abs(np.ravel(model.outputs(weights))), np.abs(model.targets))
    )
    return 0.5 * n_beta * float(rounding @ rounding) / model.n_points <= MAX_NOISE


def defined_gradient(model: Model, weights: np.ndarray) -> np.ndarray:
    """The gradient where the loss is finite; `UndefinedGradient` if it is not.

    Chains would take such a point for one that no step may reach, and say that they converged.
    """
    gradient = np.asarray(model.gradient(weights), dtype=np.float64)
    if not np.isfinite(gradient).all():
        raise UndefinedGradient
    return gradient
