"""What rounding leaves of a loss where it is zero."""

from __future__ import annotations

import numpy as np

from pfmap.models.base import Model, RegressionModel

MAX_ITERATIONS = 60
LEAST_DESCENT = 0.5
"""The iteration ends where K falls by less than this factor."""

REACHED = 1e4
"""A zero of K is reached where K is at most so many times its rounding."""


def rounding_floor(model: Model, weights: np.ndarray) -> float:
    """K of rounding alone at a zero of K near `weights`; 0 where there is none to be seen.

    Gauss and Newton's iteration leads to a zero w of K. There the outputs f_j, which cancel to
    their targets, are off by their derivatives times half a unit in the last place of the
    parameters:

        K ~ 1/(2P) Σ_j Σ_i (∂_i f_j(w) ulp(w_i)/2)²,

    and a chain that should come closer to {K = 0} cannot. A chain's own states do not tell:
    it samples the rounded loss, and leaves the places where that is too large. Where a parameter
    itself is zero on {K = 0}, as along the axes of w1 w2, nothing cancels and the floor is 0.

    Parameters
    ----------
    model : Model
        One without outputs has no floor that could be seen.
    weights : ndarray, shape (d,)
        Where the iteration starts.

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> hyperbola = polynomial_model([[2, 0], [0, 2]], [[1.0, -1.0]])  # K = (x² - y²)²/2
    >>> 1e-33 < rounding_floor(hyperbola, np.array([1.0, 0.9])) < 1e-31
    True
    >>> rounding_floor(polynomial_model([[1, 1]]), np.array([1.0, 0.1]))  # K = (x y)²/2
    0.0
    """
    if not isinstance(model, RegressionModel):
        return 0.0
    place, loss = weights.copy(), np.inf
    for _ in range(MAX_ITERATIONS):
        errors, jacobian = model.outputs(place) - model.targets, model.jacobian(place)
        now = float(errors @ errors)
        if not (np.isfinite(now) and np.isfinite(jacobian).all()):
            return 0.0
        if not now <= LEAST_DESCENT * loss:
            break
        loss, kept = now, place
        place = place - np.linalg.lstsq(jacobian, errors, rcond=None)[0]
    ulps = 0.5 * np.spacing(np.abs(kept))
    floor = float(((model.jacobian(kept) * ulps) ** 2).sum())
    return 0.5 * floor / model.n_points if loss <= REACHED * floor else 0.0
