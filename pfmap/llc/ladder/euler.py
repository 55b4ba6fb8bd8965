"""Scalings of the coordinates around w* under which a loss is homogeneous."""

from __future__ import annotations

import numpy as np

from pfmap.models.base import Model

MAX_PARAMETERS = 64
"""Beyond this many parameters no fields are looked for."""

RELATIVE = 1e-10
"""A singular value this small beside the largest belongs to a field."""

REACH = 0.7
"""Standard deviation of the offsets at which K is looked at."""


def euler_fields(model: Model, center: np.ndarray) -> np.ndarray:
    """Fields m with Σ_i m_i x_i ∂_i K = t K around w*, x = w - w*, shape (fields, d + 1).

    Each row is (m, t). The first has t = 1 and the smallest |m|; the others have t = 0, are
    orthogonal to each other and have max |m_i| = 1. There is none where no field has t = 1: K
    is then not homogeneous in these coordinates.

    The fields solve linear equations at 2 d + 10 normal offsets; gradients must be right to about
    ten digits.

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> cusp = polynomial_model([[2, 0], [0, 3]], [[1.0, -1.0]])  # K = (x² - y³)²/2
    >>> euler_fields(cusp, np.zeros(2)).round(6)
    array([[0.25    , 0.166667, 1.      ]])
    >>> len(euler_fields(polynomial_model([[1, 1]]), np.zeros(2)))
    2
    """
    d = len(center)
    nothing = np.empty((0, d + 1))
    if d > MAX_PARAMETERS or model.loss(center) > 0.0:
        return nothing
    rng = np.random.default_rng(d)
    equations = np.zeros((2 * d + 10, d + 1))
    for index, offset in enumerate(REACH * rng.normal(size=(len(equations), d))):
        equations[index, :d] = offset * model.gradient(center + offset)
        equations[index, d] = -model.loss(center + offset)
    sizes = np.linalg.norm(equations, axis=1, keepdims=True)
    if not np.isfinite(sizes).all():
        return nothing
    equations /= np.where(sizes > 0.0, sizes, 1.0)
    _, values, directions = np.linalg.svd(equations)
    null = directions[values <= RELATIVE * values[0]]
    last = null[:, d]
    if not len(null) or float(last @ last) < RELATIVE:
        return nothing
    homogeneous = last @ null / float(last @ last)
    # What is left of the null space is orthogonal to the first field, and so has t = 0.
    rest = np.linalg.svd(last[None, :])[2][1:] @ null
    rest[:, d] = 0.0
    if len(rest):
        rest /= np.abs(rest).max(axis=1, keepdims=True)
    return np.vstack([homogeneous, rest])
