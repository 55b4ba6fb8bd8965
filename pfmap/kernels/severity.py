"""How far a parameter vector is from where it should be: what the levels of a splitting order.

Two severities, 0 where the target is met:

- signs: s(w) = Σ_x max(0, -y_x g_x) / (rms(g) · points), with y = ±1 the wanted sign at a point, 0
  where any will do, and g the outputs. It only orders; it is set to 0 exactly where no wanted bit
  is wrong by the strict rule of sampling, and to at least `TIED` elsewhere, so that an output of 0
  where a 1 is wanted counts as wrong.
- loss: K(w) of a model, `family.outputs_loss`.
"""

from __future__ import annotations

import math

import numpy as np

from ._jit import jit
from .forward_f32 import LIVE, OUTPUTS, SLACK, forward_f32
from .forward_f64 import forward_f64
from .readout import find_doubtful

TIED = 1e-12
"""Severity of signs where only outputs of exactly 0 are wrong."""

ALL_ZERO = 1.0
"""Severity of signs where every output is 0 and some wanted bit is 1."""


@jit(inline=True)
def sign_severity(
    widths, bias, code, degree, readout_code, exact, n_points, step, tolerance, signs, n_tiles,
    memory, at, weights, doubtful, chosen_outputs, scratch,
):  # fmt: skip
    """Severity of signs of the weights in the memory's part `WEIGHTS`; NaN if an output is.

    Parameters
    ----------
    widths, bias, code, degree, readout_code, exact, n_points, step, tolerance
        Fields of `Shape`, `Points` and `Readout` in `layout`.
    signs : float64[n_points]
        Wanted signs: 1, -1, or 0.
    n_tiles, memory, at : int, float32[:], int64[11]
        As for `forward_f32`.
    weights : float32[d]
        The part `WEIGHTS` of the memory.
    doubtful, chosen_outputs, scratch : int64[n_points], float64[n_points], float64[2, widest, 8]
        Work.
    """
    forward_f32(widths, bias, code, degree, readout_code, step, n_tiles, memory, at)
    n_doubtful = find_doubtful(
        memory, at[OUTPUTS], at[LIVE], at[SLACK], n_points, 0.0, tolerance, doubtful
    )  # fmt: skip
    if n_doubtful > 0:
        forward_f64(
            widths, bias, code, degree, readout_code, exact, doubtful[:n_doubtful], weights,
            scratch, chosen_outputs,
        )  # fmt: skip
    squares = missed = 0.0
    wrong = 0
    place = 0
    for p in range(n_points):
        output = np.float64(memory[at[OUTPUTS] + p])
        if place < n_doubtful and doubtful[place] == p:
            output = chosen_outputs[place]
            place += 1
        squares += output * output
        sign = signs[p]
        if sign != 0.0 and (output > 0.0) != (sign > 0.0):
            wrong += 1
            missed -= sign * output
    if not math.isfinite(squares):
        return math.nan
    if wrong == 0:
        return 0.0
    if squares == 0.0:
        return ALL_ZERO
    return max(missed / (math.sqrt(squares / n_points) * n_points), TIED)
