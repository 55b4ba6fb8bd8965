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

NETWORK = 0
POLYNOMIAL = 1
BERNOULLI = 2  # a network too: its outputs are logits, and only the loss differs
POLYNOMIAL_NET = 3


@jit(inline=True)
def scratch_size(family, ints):
    """Floats of working memory that the functions below need."""
    if family == POLYNOMIAL:
        return polynomial_scratch(ints)
    if family == POLYNOMIAL_NET:
        return net_scratch(ints)
    return network_scratch(ints)


@jit
def loss_gradient(family, ints, floats, targets, weights, gradient, scratch):
    """Return K(w) and set `gradient` to its gradient."""
    if family == POLYNOMIAL:
        return polynomial_loss_gradient(ints, floats, targets, weights, gradient, scratch)
    if family == POLYNOMIAL_NET:
        return net_loss_gradient(ints, floats, targets, weights, gradient, scratch)
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
    else:
        network_outputs(ints, floats, weights, scratch, outputs)


@jit(inline=True)
def outputs_loss(family, ints, floats, targets, n_points, weights, outputs, scratch):
    """Return K(w) alone, without its gradient; `outputs` are set on the way."""
    model_outputs(family, ints, floats, weights, outputs, scratch)
    loss = 0.0
    for i in range(targets.shape[0]):
        if family == BERNOULLI:
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
    else:
        network_pull_back(ints, weights, cotangent, gradient, scratch)


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
    else:
        network_jacobian(ints, floats, weights, scratch, outputs, jacobian)
