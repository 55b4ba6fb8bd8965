"""The switch over model families: every kernel above this line takes any family by its number.

Numba can write machine code to disk only for kernels that do not take other kernels as arguments,
so families are told apart by a number. A new family is one more branch in each function here.
"""

from __future__ import annotations

import numpy as np

from ._jit import jit
from .bernoulli import divergence, divergence_slope
from .gradient import (
    network_backward,
    network_forward,
    network_jacobian,
    network_outputs,
    network_pull_back,
    network_scratch,
    squared_error,
)
from .polynomial import (
    polynomial_jacobian,
    polynomial_loss_gradient,
    polynomial_outputs,
    polynomial_pull_back,
    polynomial_scratch,
)
from .polynomial_net import (
    net_jacobian,
    net_loss_gradient,
    net_outputs,
    net_pull_back,
    net_scratch,
)
from .program_entry import call_program
from .program_layout import (
    DIFFERENTIATE,
    N_OUTPUTS,
    N_POINTS,
    OUTPUT,
    PULL,
    WIDE,
    program_scratch,
)

NETWORK = 0
POLYNOMIAL = 1
BERNOULLI = 2  # a network too: its outputs are logits, and only the loss differs
POLYNOMIAL_NET = 3
PROGRAM = 4
PROGRAM_BERNOULLI = 5  # a program too, in its Bernoulli form; all from PROGRAM on are programs


@jit(inline=True)
def scratch_size(family, ints):
    """Floats of working memory that the functions below need."""
    if family == POLYNOMIAL:
        return polynomial_scratch(ints)
    if family == POLYNOMIAL_NET:
        return net_scratch(ints)
    if family >= PROGRAM:
        return program_scratch(ints)
    return network_scratch(ints)


@jit
def program_loss_gradient(family, ints, floats, targets, weights, gradient, scratch):
    """`loss_gradient` of a program."""
    size, n_points = targets.shape[0], ints[N_POINTS]
    vector, rest = scratch[:size], scratch[size:]
    call_program(OUTPUT, ints, floats, weights, vector, gradient, rest)
    loss = 0.0
    for i in range(size):
        if family == PROGRAM_BERNOULLI:
            distance, slope = divergence_slope(vector[i], targets[i])
            loss += 2.0 * distance
        else:
            slope = vector[i] - targets[i]
            loss += slope * slope
        vector[i] = slope / n_points
    call_program(PULL, ints, floats, weights, vector, gradient, rest)
    return 0.5 * loss / n_points


@jit
def loss_gradient(family, ints, floats, targets, weights, gradient, scratch):
    """Return K(w) and set `gradient` to its gradient."""
    if family == POLYNOMIAL:
        return polynomial_loss_gradient(ints, floats, targets, weights, gradient, scratch)
    if family == POLYNOMIAL_NET:
        return net_loss_gradient(ints, floats, targets, weights, gradient, scratch)
    if family >= PROGRAM:
        return program_loss_gradient(family, ints, floats, targets, weights, gradient, scratch)
    # Calls are inlined: both losses share one forward and one backward pass.
    start = network_forward(ints, floats, weights, scratch)
    if family == BERNOULLI:
        loss = divergence(ints, targets, scratch, start)
    else:
        loss = squared_error(ints, targets, scratch, start)
    network_backward(ints, weights, scratch, start, gradient)
    return loss


@jit(inline=True)
def model_outputs(family, ints, floats, weights, outputs, scratch):
    """Set `outputs` to the outputs over all points."""
    if family == POLYNOMIAL:
        polynomial_outputs(ints, floats, weights, scratch, outputs)
    elif family == POLYNOMIAL_NET:
        net_outputs(ints, floats, weights, scratch, outputs)
    elif family >= PROGRAM:
        call_program(OUTPUT, ints, floats, weights, outputs, outputs, scratch)
    else:
        network_outputs(ints, floats, weights, scratch, outputs)


@jit(inline=True)
def outputs_loss(family, ints, floats, targets, n_points, weights, outputs, scratch):
    """Return K(w) alone, without its gradient; `outputs` are set on the way."""
    model_outputs(family, ints, floats, weights, outputs, scratch)
    loss = 0.0
    for i in range(targets.shape[0]):
        if family in (BERNOULLI, PROGRAM_BERNOULLI):
            loss += 2.0 * divergence_slope(outputs[i], targets[i])[0]
        else:
            residual = outputs[i] - targets[i]
            loss += residual * residual
    return 0.5 * loss / n_points


@jit(inline=True)
def pull_back_outputs(family, ints, floats, weights, cotangent, gradient, scratch):
    """Set `gradient` to Jᵀ c, J the derivatives of the outputs and c the `cotangent`.

    `scratch` comes from `model_outputs` at the same weights, once: it is used up.
    """
    if family == POLYNOMIAL:
        one = np.int64(1)
        polynomial_pull_back(ints, floats, weights, cotangent, one, gradient, scratch)
    elif family == POLYNOMIAL_NET:
        net_pull_back(ints, weights, cotangent, gradient, scratch)
    elif family >= PROGRAM:
        call_program(PULL, ints, floats, weights, cotangent, gradient, scratch)
    else:
        network_pull_back(ints, weights, cotangent, gradient, scratch)


@jit(allocates=True)
def program_jacobian(ints, floats, weights, scratch, outputs, jacobian):
    """`outputs_jacobian` of a program, whose derivatives come with points last."""
    if jacobian.shape[0] == 0:
        call_program(OUTPUT, ints, floats, weights, outputs, outputs, scratch)
        return
    d, n_points, wide = weights.shape[0], ints[N_POINTS], ints[WIDE]
    found = np.empty(ints[N_OUTPUTS] * d * wide)
    call_program(DIFFERENTIATE, ints, floats, weights, outputs, found, scratch)
    for j in range(ints[N_OUTPUTS]):
        for p in range(n_points):
            row = jacobian[j * n_points + p]
            for i in range(d):
                row[i] = found[(j * d + i) * wide + p]


@jit(allocates=True)
def outputs_jacobian(family, ints, floats, weights, outputs, jacobian):
    """Set `outputs` and, unless it has no rows, ``jacobian[i]`` to the gradient of output i."""
    scratch = np.empty(scratch_size(family, ints))
    if family == POLYNOMIAL:
        polynomial_outputs(ints, floats, weights, scratch, outputs)
        if jacobian.shape[0] > 0:
            polynomial_jacobian(ints, floats, weights, scratch, jacobian)
    elif family == POLYNOMIAL_NET:
        net_outputs(ints, floats, weights, scratch, outputs)
        if jacobian.shape[0] > 0:
            net_jacobian(ints, weights, scratch, jacobian)
    elif family >= PROGRAM:
        program_jacobian(ints, floats, weights, scratch, outputs, jacobian)
    else:
        network_jacobian(ints, floats, weights, scratch, outputs, jacobian)
