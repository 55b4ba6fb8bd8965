"""From given weights to functions: the bits that sampling would tally for them."""

from __future__ import annotations

import math

import numpy as np

from ._jit import jit
from .forward_f32 import LIVE, OUTPUTS, SLACK, WEIGHTS, allocate, forward_f32, memory_map
from .forward_f64 import GROUP, forward_f64
from .readout import find_doubtful, pack_f32, pack_f64
from .tiles import TILE


@jit(allocates=True)
def read_functions(scales, shape, points, readout, states, words):
    """Packed bits of networks given by their weights, by the strict rule of sampling.

    Weights are rounded to float32 and evaluated as `severity` does: float64 decides where rounding
    could, so that a state of severity 0 has the wanted bits.

    Parameters
    ----------
    scales : float64[d]
        Factor of every parameter.
    shape, points, readout : Shape, Points, Readout
        The network, with the readout of signs.
    states : float64[k, d]
        Standard coordinates, weight over scale.
    words : uint64[k, ceil(points / 64)]
        Result: the bits, the first point on top of word 0.

    Returns
    -------
    bool
        False if an output was NaN or infinite.
    """
    widths, n_points = shape.widths, points.n_points
    d = len(scales)
    n_tiles = len(points.live) // TILE
    at = memory_map(widths, n_tiles, d)
    memory = allocate(at, points.tiles, points.live, points.slack)
    weights = memory[at[WEIGHTS] : at[WEIGHTS] + d]
    doubtful = np.empty(n_points, dtype=np.int64)
    again, final = np.empty(n_points), np.empty(n_points)
    scratch = np.zeros((2, max(widths), GROUP))
    for k in range(len(states)):
        for i in range(d):
            weights[i] = np.float32(states[k, i] * scales[i])
        forward_f32(
            widths, shape.bias, shape.code, shape.degree, shape.readout_code,
            np.float32(points.step), n_tiles, memory, at,
        )  # fmt: skip
        n_doubtful = find_doubtful(
            memory, at[OUTPUTS], at[LIVE], at[SLACK], n_points, 0.0, readout.tolerance, doubtful
        )
        if n_doubtful == 0:
            pack_f32(memory, at[OUTPUTS], n_points, words[k])
            continue
        forward_f64(
            widths, shape.bias, shape.code, shape.degree, shape.readout_code, points.exact,
            doubtful[:n_doubtful], weights, scratch, again,
        )  # fmt: skip
        for p in range(n_points):
            final[p] = np.float64(memory[at[OUTPUTS] + p])
        for j in range(n_doubtful):
            if not math.isfinite(again[j]):
                return False
            final[doubtful[j]] = again[j]
        pack_f64(final, words[k])
    return True
