"""Total variation of a curve or surface."""

from __future__ import annotations

import numpy as np

from .grid import grid_shape
from .registry import FunctionBatch, proxy


@proxy(
    "total_variation",
    meaning="Total variation along the grid: sum of absolute differences between "
    "neighbours; in 2 dimensions the mean over grid lines, added over both axes; null off a grid.",
    unit="outputs",
    kinds=("curve",),
    reads_order=False,
)
def total_variation(batch: FunctionBatch) -> np.ndarray:
    """δ Σ_i |s_(i+1) - s_i|, δ the step; the anisotropic total variation in 2 dimensions.

    In 2 dimensions ∫∫ |∂f/∂u| + |∂f/∂v| du dv over the domain scaled to the unit square.
    """
    shape = grid_shape(batch.points)
    if shape is None:
        return np.full(len(batch), np.nan)
    surface = batch.values.reshape(len(batch), *shape)
    total = np.zeros(len(batch))
    for axis in range(1, surface.ndim):
        lines = np.abs(np.diff(surface, axis=axis)).sum(axis=axis, dtype=np.float64)
        total += lines.reshape(len(batch), -1).mean(axis=1)
    return total * batch.step
