"""Whether the points of a domain form a regular grid, which proxies of curves need."""

from __future__ import annotations

import numpy as np


def grid_shape(points: np.ndarray) -> tuple[int, ...] | None:
    """Points along every axis of a regular grid in 1 or 2 dimensions, or None.

    A grid is evenly spaced, ascends along every axis, and lists its last coordinate fastest.

    Parameters
    ----------
    points : ndarray, shape (points, inputs)
        The domain.

    Examples
    --------
    >>> grid_shape(np.array([[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]))
    (2, 3)
    >>> grid_shape(np.array([[0.0], [1.0], [5.0]])) is None
    True
    """
    n_inputs = points.shape[1]
    if n_inputs not in (1, 2):
        return None
    axes = [np.unique(points[:, k]) for k in range(n_inputs)]
    mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, n_inputs)
    if len(mesh) != len(points) or not np.array_equal(mesh, points):
        return None
    for axis in axes:
        gaps = np.diff(axis)
        if len(gaps) == 0 or not np.allclose(gaps, gaps[0], rtol=1e-6):
            return None
    return tuple(len(axis) for axis in axes)
