"""Full-batch training to given targets by Levenberg-Marquardt: the loss never rises."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pfmap.arguments import checked_array, checked_number
from pfmap.models.abilities import require_members
from pfmap.models.base import RegressionModel

MAX_STEPS = 100


@dataclass(frozen=True)
class Trained:
    """Where training ended.

    Attributes
    ----------
    weights : ndarray, shape (d,)
        The parameters reached.
    loss : float
        K there.
    steps : int
        Accepted steps.
    reached : bool
        Whether K fell to the tolerance.
    """

    weights: np.ndarray
    loss: float
    steps: int
    reached: bool


def train_to_targets(
    model: RegressionModel, weights: np.ndarray, *, tolerance: float, max_steps: int = MAX_STEPS
) -> Trained:
    """Descend from `weights` until K <= `tolerance`.

    Each step solves (J Jᵀ + μ I) y = r and moves by -Jᵀ y, with residuals r and Jacobian J over all
    points: for many parameters and few points the smallest move that removes the residuals to first
    order. With more points than parameters it solves (Jᵀ J + μ I) z = Jᵀ r and moves by -z, the
    same move from the smaller matrix. μ starts at the mean of that matrix's diagonal over 100,
    falls fivefold after a step that lowers K and rises threefold until one does.

    Parameters
    ----------
    model : RegressionModel
        With the targets to reach.
    weights : ndarray, shape (d,)
        Start.
    tolerance : float
        Loss at which training has succeeded.
    max_steps : int, default 100
        Budget of steps; training also ends where no step lowers K.

    Returns
    -------
    Trained

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> model = polynomial_model([[1, 1]], targets=[6.0])
    >>> trained = train_to_targets(model, np.array([1.0, 1.0]), tolerance=1e-20)
    >>> trained.reached, trained.weights.round(4).tolist()
    (True, [2.4495, 2.4495])
    """
    from scipy.linalg import cho_factor, cho_solve

    require_members(model, ("n_points", "targets", "outputs", "jacobian"), by="training")
    position = checked_array("weights", weights)
    tolerance = checked_number("tolerance", tolerance, least=0.0)
    loss = _loss(model, position)
    damping = -1.0
    for step in range(max_steps):
        if loss <= tolerance:
            return Trained(position, loss, step, True)
        jacobian = model.jacobian(position)
        residual = model.outputs(position) - model.targets
        tall = jacobian.shape[0] > jacobian.shape[1]
        gram = jacobian.T @ jacobian if tall else jacobian @ jacobian.T
        right = jacobian.T @ residual if tall else residual
        if not np.isfinite(gram).all():
            return Trained(position, loss, step, False)
        mean = float(np.trace(gram)) / len(gram)
        damping = mean / 100.0 if damping < 0.0 else damping
        floor = mean * np.finfo(float).eps
        if mean == 0.0:
            return Trained(position, loss, step, False)
        for _ in range(60):
            shifted = gram + max(damping, floor) * np.eye(len(gram))
            try:
                solution = cho_solve(cho_factor(shifted), right)
            except np.linalg.LinAlgError:
                damping = 3.0 * max(damping, floor)
                continue
            trial = position - (solution if tall else jacobian.T @ solution)
            trial_loss = _loss(model, trial)
            if trial_loss < loss:
                damping /= 5.0
                break
            damping = 3.0 * max(damping, floor)
        else:
            return Trained(position, loss, step, False)
        position, loss = trial, trial_loss
    return Trained(position, loss, max_steps, loss <= tolerance)


def _loss(model: RegressionModel, weights: np.ndarray) -> float:
    """K from the outputs alone: cheaper than with the gradient."""
    residual = model.outputs(weights) - model.targets
    return 0.5 * float(residual @ residual) / model.n_points
