"""A model as data: a program of steps over rows of points, run forward, backward and per point.

Row r holds one number per point: an input, a constant of the architecture, or what a step gave.
Three planes of rows share one numbering: values, deltas (derivatives of what is pulled back by the
values), and slopes (of activations). Rows are padded to `width` points by copies of the first
point, whose deltas are 0, and lie `stride` numbers apart.

    ints   = [n_steps, rows, stride, width, points, inputs, outputs, list of outputs, buffer]
             + STEP integers a step + lists of rows, each row stated by where it begins
    floats = inputs [input, point] + constants

Steps (fields in `STEP` integers; lists are positions in ints, numbers are positions in floats):

    AFFINE   out = s(W x + b): groups G of U units over K rows each. The weight of (g, u, k) is
             parameter first + g·step + u·K + k, or what its map says; so is the bias.
    DOT      out[o] = c Σ_j x[o, j] y[o, j]
    SUM      out[o] = c Σ_j x[o, j]
    SOFTMAX  over each group of rows: e^x / Σ e^x
    NORM     over each group of rows: (x - mean) / sqrt(variance + ε)
"""

from __future__ import annotations

from ._jit import jit

N_STEPS, N_ROWS, STRIDE, WIDE, N_POINTS, N_INPUTS, N_OUTPUTS, OUTPUTS, BUFFER = range(9)
FIRST_STEP, STEP = 9, 16
AFFINE, DOT, SUM, SOFTMAX, NORM = range(5)

# Fields of every step, then those of AFFINE, of DOT and SUM, of SOFTMAX and NORM.
KIND, N_GROUPS, SIZE, IN, OUT, PULLED = range(6)
N_BELOW, WEIGHT, WEIGHT_STEP, BIAS, BIAS_STEP, CODE, POWER, MAP, BIAS_MAP = range(6, 15)
SECOND, SCALE = 6, 7
STARTS, EPSILON, SPREADS = 6, 7, 8

NONE = -1

OUTPUT, PULL, DIFFERENTIATE = range(3)


@jit(inline=True)
def program_scratch(ints):
    """Floats of working memory: the planes, a step's buffer, and one vector of outputs."""
    outputs = ints[N_OUTPUTS] * ints[N_POINTS]
    return outputs + 3 * ints[N_ROWS] * ints[STRIDE] + ints[BUFFER]
