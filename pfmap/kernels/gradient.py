"""Outputs, loss and gradient of a fully connected network over all points, in float64.

A network is described by integers and floats, so that one compiled kernel serves every network:

    ints = [layers, points, bias, activation, degree, output activation, widths ...]
    floats = inputs in the layout [input, point], flattened
    targets = targets in the layout [output, point], flattened

The loss is K = 1/(2P) Σ_p Σ_o (output[o, p] - target[o, p])², P points.
"""

from __future__ import annotations

import numpy as np

from ._jit import jit
from .activation import LINEAR, RELU, differentiate_row
from .dense import add_product, outer_product, total

HIDDEN_CODE, DEGREE, OUTPUT_CODE = 3, 4, 5
FIRST_WIDTH = 6


@jit(inline=True)
def network_scratch(ints):
    """Floats of working memory: value and slope of every unit at every point, and one buffer."""
    units = 0
    widest = 0
    for layer in range(ints[0] + 1):
        width = ints[FIRST_WIDTH + layer]
        units += width
        widest = max(widest, width)
    return (2 * units + widest) * ints[1]


@jit(fast=True)
def activate_layer(code, degree, values, slopes):
    """Replace pre-activations in `values` by s(x) and set `slopes` to s'(x)."""
    n_units, n_points = values.shape
    for u in range(n_units):
        value, slope_row = values[u], slopes[u]
        if code == RELU:
            for p in range(n_points):
                on = value[p] > 0.0
                slope_row[p] = 1.0 if on else 0.0
                value[p] = value[p] if on else 0.0
        elif code == LINEAR:
            for p in range(n_points):
                slope_row[p] = 1.0
        else:
            differentiate_row(code, degree, value, slope_row)


@jit(fast=True)
def network_forward(ints, floats, weights, scratch):
    """Fill `scratch` with values and slopes of every layer; return where the output layer starts.

    Layer l starts at 2·P·(units of the layers below): first its values, then its slopes, each in
    the layout [unit, point]. The input layer's slopes are not used.
    """
    n_layers, n_points, bias = ints[0], ints[1], ints[2]
    n_inputs = ints[FIRST_WIDTH]
    for i in range(n_inputs * n_points):
        scratch[i] = floats[i]
    start = 0
    # Plain literals would make numba compile add_product anew for each of them.
    one, position = np.int64(1), np.int64(0)
    for layer in range(n_layers):
        n_below, n_units = ints[FIRST_WIDTH + layer], ints[FIRST_WIDTH + layer + 1]
        below = scratch[start : start + n_below * n_points].reshape(n_below, n_points)
        start += 2 * n_below * n_points
        size = n_units * n_points
        values = scratch[start : start + size].reshape(n_units, n_points)
        slopes = scratch[start + size : start + 2 * size].reshape(n_units, n_points)
        first_bias = position + n_units * n_below
        for u in range(n_units):
            offset = weights[first_bias + u] if bias else 0.0
            for p in range(n_points):
                values[u, p] = offset
        add_product(weights, position, n_below, one, below, values)
        position = first_bias + n_units * bias
        code = ints[OUTPUT_CODE] if layer == n_layers - 1 else ints[HIDDEN_CODE]
        activate_layer(code, ints[DEGREE], values, slopes)
    return start


@jit(fast=True)
def pull_back(weights, position, deltas, slopes, buffer):
    """Turn the slopes of the layer below into deltas: slopes[k, p] *= Σ_u W[u, k] deltas[u, p].

    W stands row by row in `weights` from `position` on.
    """
    n_below, n_points = slopes.shape
    back = buffer[: n_below * n_points].reshape(n_below, n_points)
    for k in range(n_below):
        for p in range(n_points):
            back[k, p] = 0.0
    add_product(weights, position, np.int64(1), n_below, deltas, back)
    for k in range(n_below):
        for p in range(n_points):
            slopes[k, p] *= back[k, p]


@jit
def network_backward(ints, weights, scratch, start, gradient):
    """Gradient from the outputs' deltas, which stand in the output layer's slopes.

    `scratch` comes from `network_forward` and `start` is what it returned; slopes are replaced by
    deltas d loss / d pre-activation on the way down.
    """
    n_layers, n_points, bias = ints[0], ints[1], ints[2]
    buffer = scratch[start + 2 * ints[FIRST_WIDTH + n_layers] * n_points :]
    position = gradient.shape[0]
    for layer in range(n_layers - 1, -1, -1):
        n_below, n_units = ints[FIRST_WIDTH + layer], ints[FIRST_WIDTH + layer + 1]
        size, size_below = n_units * n_points, n_below * n_points
        deltas = scratch[start + size : start + 2 * size].reshape(n_units, n_points)
        start -= 2 * size_below
        below = scratch[start : start + size_below].reshape(n_below, n_points)
        if bias:
            position -= n_units
            for u in range(n_units):
                gradient[position + u] = total(deltas[u])
        stop = position
        position -= n_units * n_below
        outer_product(deltas, below, gradient[position:stop].reshape(n_units, n_below))
        if layer > 0:
            slopes = scratch[start + size_below : start + 2 * size_below]
            pull_back(weights, position, deltas, slopes.reshape(n_below, n_points), buffer)


@jit(inline=True)
def network_outputs(ints, floats, weights, scratch, outputs):
    """Set `outputs` to the outputs in the layout [output, point], flattened."""
    start = network_forward(ints, floats, weights, scratch)
    for i in range(outputs.shape[0]):
        outputs[i] = scratch[start + i]


@jit(inline=True)
def squared_error(ints, targets, scratch, start):
    """Return K after `network_forward`, the output layer's slopes replaced by its deltas."""
    size = targets.shape[0]
    n_points = ints[1]
    loss = 0.0
    for i in range(size):
        residual = scratch[start + i] - targets[i]
        loss += residual * residual
        scratch[start + size + i] *= residual / n_points
    return 0.5 * loss / n_points


@jit(fast=True, inline=True)
def network_pull_back(ints, weights, cotangent, gradient, scratch):
    """Set `gradient` to Jᵀ c, J the derivatives of the outputs and c the `cotangent`.

    `scratch` comes from `network_forward` at the same weights, once: it is used up.
    """
    start, size = np.int64(0), cotangent.shape[0]
    for layer in range(ints[0]):
        start += 2 * ints[FIRST_WIDTH + layer] * ints[1]
    for i in range(size):
        scratch[start + size + i] *= cotangent[i]
    network_backward(ints, weights, scratch, start, gradient)


@jit
def network_jacobian(ints, floats, weights, scratch, outputs, jacobian):
    """Set `outputs` and, unless it has no rows, ``jacobian[i]`` to the gradient of output i.

    i counts in the layout [output, point].

    One backward pass per output unit serves all points: with the other units' deltas at 0, the
    delta of any unit at point p belongs to output p alone.
    """
    n_layers, n_points, bias = ints[0], ints[1], ints[2]
    n_outputs = ints[FIRST_WIDTH + n_layers]
    for output in range(n_outputs):
        start = network_forward(ints, floats, weights, scratch)
        size = n_outputs * n_points
        for i in range(size):
            outputs[i] = scratch[start + i]
        if jacobian.shape[0] == 0:
            break
        for i in range(size):
            if i // n_points != output:
                scratch[start + size + i] = 0.0
        buffer = scratch[start + 2 * size :]
        position = jacobian.shape[1]
        for layer in range(n_layers - 1, -1, -1):
            n_below, n_units = ints[FIRST_WIDTH + layer], ints[FIRST_WIDTH + layer + 1]
            size, size_below = n_units * n_points, n_below * n_points
            deltas = scratch[start + size : start + 2 * size].reshape(n_units, n_points)
            start -= 2 * size_below
            below = scratch[start : start + size_below].reshape(n_below, n_points)
            if bias:
                position -= n_units
            stop = position
            position -= n_units * n_below
            for p in range(n_points):
                row = jacobian[output * n_points + p]
                for u in range(n_units):
                    delta = deltas[u, p]
                    if bias:
                        row[stop + u] = delta
                    for k in range(n_below):
                        row[position + u * n_below + k] = delta * below[k, p]
            if layer > 0:
                slopes = scratch[start + size_below : start + 2 * size_below]
                pull_back(weights, position, deltas, slopes.reshape(n_below, n_points), buffer)
