"""Inputs and targets of a model of another library, one point a row."""

from __future__ import annotations

import numpy as np

from pfmap.arguments import checked_array
from pfmap.errors import SettingsError


def checked_inputs(inputs: object) -> np.ndarray:
    """Inputs as float64, points first; SettingsError unless there are some and all are finite."""
    points = checked_array("inputs", inputs)
    if points.ndim < 2 or not points.size or not np.isfinite(points).all():
        raise SettingsError(
            f"inputs: must be finite, points first, of shape (P, …), got shape {points.shape}",
            next_step="one input of P points is inputs.reshape(-1, 1)",
        )
    return points


def flat_targets(targets: object | None, n_points: int, n_outputs: int) -> np.ndarray:
    """Targets, points first, in the layout [output, point], flattened; None is 0.

    Examples
    --------
    >>> flat_targets([[1.0, 2.0], [3.0, 4.0]], 2, 2).tolist()
    [1.0, 3.0, 2.0, 4.0]
    """
    if targets is None:
        return np.zeros(n_points * n_outputs)
    wanted = checked_array("targets", targets)
    if wanted.shape[:1] != (n_points,) or wanted.size != n_points * n_outputs:
        raise SettingsError(
            f"targets: must have shape ({n_points}, …), {n_outputs} a point, got {wanted.shape}"
        )
    return np.ascontiguousarray(wanted.reshape(n_points, n_outputs).T).ravel()
