"""One interpreter for models as data: programs of `program_layout`, forward and backward."""

from __future__ import annotations

from ._jit import jit
from .program_affine import affine_backward, affine_forward
from .program_layout import (
    AFFINE,
    DIFFERENTIATE,
    DOT,
    FIRST_STEP,
    KIND,
    N_INPUTS,
    N_OUTPUTS,
    N_POINTS,
    N_ROWS,
    N_STEPS,
    OUTPUT,
    OUTPUTS,
    PULL,
    PULLED,
    SOFTMAX,
    STEP,
    STRIDE,
    SUM,
    WIDE,
)
from .program_rows import (
    dot_backward,
    dot_forward,
    norm_backward,
    norm_forward,
    softmax_backward,
    softmax_forward,
    sum_backward,
    sum_forward,
)


@jit
def program_forward(ints, floats, weights, scratch):
    """Fill the planes of values and slopes."""
    size, n_points, n_inputs = ints[N_ROWS] * ints[STRIDE], ints[N_POINTS], ints[N_INPUTS]
    values, slopes, buffer = scratch[:size], scratch[2 * size : 3 * size], scratch[3 * size :]
    for k in range(n_inputs):
        row = values[k * ints[STRIDE] : k * ints[STRIDE] + ints[WIDE]]
        given = floats[k * n_points : (k + 1) * n_points]
        for p in range(n_points):
            row[p] = given[p]
        for p in range(n_points, ints[WIDE]):
            row[p] = given[0]
    constants = floats[n_inputs * n_points :]
    for number in range(ints[N_STEPS]):
        step = FIRST_STEP + number * STEP
        kind = ints[step + KIND]
        if kind == AFFINE:
            affine_forward(ints, step, weights, constants, values, slopes, buffer)
        elif kind == DOT:
            dot_forward(ints, step, constants, values)
        elif kind == SUM:
            sum_forward(ints, step, constants, values)
        elif kind == SOFTMAX:
            softmax_forward(ints, step, values, buffer)
        else:
            norm_forward(ints, step, constants, values, buffer)


@jit
def read_outputs(ints, scratch, outputs):
    """Set `outputs` in the layout [output, point]."""
    n_points = ints[N_POINTS]
    for j in range(ints[N_OUTPUTS]):
        at = ints[ints[OUTPUTS] + j]
        for p in range(n_points):
            outputs[j * n_points + p] = scratch[at + p]


@jit
def program_backward(ints, floats, weights, scratch, gradient, by_point):
    """Run the steps backward from the deltas of the outputs; the gradient is set anew."""
    size = ints[N_ROWS] * ints[STRIDE]
    values, deltas = scratch[:size], scratch[size : 2 * size]
    slopes, buffer = scratch[2 * size : 3 * size], scratch[3 * size :]
    constants = floats[ints[N_INPUTS] * ints[N_POINTS] :]
    gradient[:] = 0.0
    for number in range(ints[N_STEPS] - 1, -1, -1):
        step = FIRST_STEP + number * STEP
        kind = ints[step + KIND]
        if kind == AFFINE:
            affine_backward(
                ints, step, weights, constants, values, slopes, deltas, buffer, gradient, by_point
            )
        elif not ints[step + PULLED]:
            continue
        elif kind == DOT:
            dot_backward(ints, step, constants, values, deltas)
        elif kind == SUM:
            sum_backward(ints, step, constants, deltas)
        elif kind == SOFTMAX:
            softmax_backward(ints, step, values, deltas, buffer)
        else:
            norm_backward(ints, step, values, deltas, buffer)


@jit
def run_program(task, ints, floats, weights, vector, gradient, scratch):
    """What the other kernels ask of a program.

    Parameters
    ----------
    task : {OUTPUT, PULL, DIFFERENTIATE}
        OUTPUT sets `vector` to the outputs. PULL, once after OUTPUT at the same weights, sets
        `gradient` to Jᵀ c, c = `vector`. DIFFERENTIATE sets both: outputs, and derivatives in the
        layout [output, parameter, point], points padded to `width`.
    ints, floats, weights, scratch
        The program, parameters, and working memory of `program_scratch`.
    """
    size, n_points, wide = ints[N_ROWS] * ints[STRIDE], ints[N_POINTS], ints[WIDE]
    if task != PULL:
        program_forward(ints, floats, weights, scratch)
        read_outputs(ints, scratch, vector)
    if task == OUTPUT:
        return
    deltas, d = scratch[size : 2 * size], weights.shape[0]
    passes = ints[N_OUTPUTS] if task == DIFFERENTIATE else 1
    for output in range(passes):
        deltas[:] = 0.0
        for j in range(ints[N_OUTPUTS]):
            at = ints[ints[OUTPUTS] + j]
            for p in range(n_points):
                if task == PULL:
                    deltas[at + p] += vector[j * n_points + p]
                elif j == output:
                    deltas[at + p] += 1.0
        into = gradient
        if task == DIFFERENTIATE:
            into = gradient[output * d * wide : (output + 1) * d * wide]
        program_backward(ints, floats, weights, scratch, into, task == DIFFERENTIATE)
