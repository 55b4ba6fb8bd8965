"""Linear pieces of a curve of one input."""

from __future__ import annotations

import numpy as np

from pfmap.kernels.curve import count_pieces

from .grid import grid_shape
from .registry import FunctionBatch, proxy


@proxy(
    "kinks",
    meaning="Fewest linear pieces that reproduce the curve to half a step of the readout; null "
    "unless the domain is a grid in 1 dimension.",
    unit="pieces",
    kinds=("curve",),
    reads_order=False,
)
def kinks(batch: FunctionBatch) -> np.ndarray:
    """Fewest runs of neighbouring grid points that each lie on a line to half a step.

    A property of the quantised function, hence of its key, not of a draw: a network whose curve
    has k breakpoints has at most k + 1 pieces, and pieces that the step does not resolve are not
    counted. Smooth curves get the number of chords that the step needs. Pieces need not join.
    """
    shape = grid_shape(batch.points)
    if shape is None or len(shape) != 1:
        return np.full(len(batch), np.nan)
    pieces = np.empty(len(batch), np.int64)
    count_pieces(batch.values, pieces)
    return pieces.astype(np.float64)
