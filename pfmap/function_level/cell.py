"""The rank of the Jacobian almost everywhere in the cell of w, where no unit switches."""

from __future__ import annotations

import numpy as np

from pfmap.llc.rank import jacobian_rank
from pfmap.models.base import CompiledModel
from pfmap.models.network import layer_values, unflatten

N_DRAWS = 2


def cell_rank(
    model: CompiledModel, widths: tuple[int, ...], weights: np.ndarray, *, seed: int
) -> int:
    """Largest rank of the Jacobian among parameters at which the units are on where they are at w.

    There the outputs are polynomials: those of a network in which every unit is multiplied by its
    pattern of 0 and 1. The rank of a polynomial map is largest almost everywhere, so it is that at
    Gaussian weights, which need not lie near w: no term is small there, of whatever degree.

    The rank at w cannot be above it. If it equals it, the rank is constant in a neighbourhood of w;
    by the constant rank theorem {K = 0} is then smooth at w with the rank as its codimension, and
    λ(w) = rank/2 with multiplicity 1.

    Parameters
    ----------
    model : CompiledModel
        A relu network with biases and one linear output.
    widths : tuple of int
        Units of every layer.
    weights : ndarray, shape (d,)
        w, away from kinks.
    seed : int
        Seed of the Gaussian weights.

    Returns
    -------
    int

    Examples
    --------
    A unit that is on at every input, with the outgoing weight 0: 1 from the output bias at w, and
    x1 and x2 besides wherever that weight is not 0:

    >>> from pfmap.settings.domain import boolean_points
    >>> from pfmap.models.network import network_model
    >>> model, weights = network_model((2, 1, 1), boolean_points(2)), np.array([0, 0, 1.0, 0, 1])
    >>> jacobian_rank(model.jacobian(weights)).rank
    1
    >>> cell_rank(model, (2, 1, 1), weights, seed=1)
    3
    """
    inputs = model.floats.reshape(widths[0], -1)
    patterns = [values > 0.0 for values in layer_values(model, weights)[:-1]]
    rng = np.random.default_rng(seed)
    jacobians = (
        _gated_jacobian(inputs, patterns, unflatten(rng.normal(size=weights.shape), widths))
        for _ in range(N_DRAWS)
    )
    return max(jacobian_rank(jacobian).rank for jacobian in jacobians)


def _gated_jacobian(
    inputs: np.ndarray, patterns: list[np.ndarray], layers: list[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Jacobian (points, d) of a network whose hidden units are on where `patterns` says."""
    values = [inputs]
    for (matrix, offset), pattern in zip(layers[:-1], patterns, strict=True):
        values.append(pattern * (matrix @ values[-1] + offset[:, None]))
    n_points = inputs.shape[1]
    slopes = np.ones((1, n_points))
    columns: list[np.ndarray] = []
    for place in reversed(range(len(layers))):
        products = slopes[:, None, :] * values[place][None]
        columns = [products.reshape(-1, n_points), slopes, *columns]
        if place > 0:
            slopes = patterns[place - 1] * (layers[place][0].T @ slopes)
    return np.vstack(columns).T
