"""Values of every unit of a network at every point, kept so that a change of one unit is cheap.

All layers share one numbering of rows: the inputs first, then the units of every layer. Row r of
`Cache.sums` holds the sums of unit r before its activation, row r of `Cache.values` what it gives.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._jit import jit
from .activation import LINEAR, RELU, activate_row
from .dense import add_product
from .lowrank import add_combination


class Net(NamedTuple):
    """A fully connected network over points, in float64.

    Fields: `widths` int64[L + 1]; `bias` 0 or 1; `code` of the hidden activation and its `degree`;
    `output_code` of the output units; `inputs` float64[inputs, points].
    """

    widths: np.ndarray
    bias: int
    code: int
    degree: int
    output_code: int
    inputs: np.ndarray


class Cache(NamedTuple):
    """Sums and values of all units: float64[rows, points] each."""

    sums: np.ndarray
    values: np.ndarray


@jit(inline=True)
def new_cache(net, number):
    """A cache whose first rows are the inputs; the others are 0.

    Caches of different `number` begin at different places of a page: rows of the same number would
    else lie a multiple of 4 KiB apart, where a processor takes a load to need a store before it.
    """
    n_inputs, n_points = net.inputs.shape
    n_rows = 0
    for width in net.widths:
        n_rows += width
    size = n_rows * n_points
    shift = 64 * (number + 1)
    cache = Cache(
        np.zeros(size + 64 * 4)[shift - 64 : shift - 64 + size].reshape(n_rows, n_points),
        np.zeros(size + 64 * 4)[shift : shift + size].reshape(n_rows, n_points),
    )
    for k in range(n_inputs):
        for p in range(n_points):
            cache.values[k, p] = net.inputs[k, p]
    return cache


@jit(inline=True)
def pass_work(net):
    """Multiply-adds of one forward pass."""
    work = 0
    for layer in range(net.widths.shape[0] - 1):
        work += (net.widths[layer] + net.bias) * net.widths[layer + 1]
    return work * net.inputs.shape[1]


@jit(fast=True)
def activate_cached(code, degree, sums, values):
    """Set `values` to the activation of `sums`; both may be one array. The cheapest are inlined."""
    if code == RELU:
        for p in range(sums.shape[0]):
            values[p] = sums[p] if sums[p] > 0.0 else 0.0
    elif code == LINEAR:
        for p in range(sums.shape[0]):
            values[p] = sums[p]
    else:
        activate_row(code, degree, sums, values)


@jit(fast=True)
def fill_layers(net, weights, first_layer, cache):
    """Compute the layers from `first_layer` (1 … L) on from the values below."""
    n_layers, n_points = net.widths.shape[0] - 1, net.inputs.shape[1]
    one, position, row = np.int64(1), np.int64(0), np.int64(0)
    for layer in range(1, n_layers + 1):
        n_below, n_units = net.widths[layer - 1], net.widths[layer]
        above = row + n_below
        if layer >= first_layer:
            below = cache.values[row:above]
            sums = cache.sums[above : above + n_units]
            for u in range(n_units):
                offset = weights[position + n_units * n_below + u] if net.bias else 0.0
                for p in range(n_points):
                    sums[u, p] = offset
            if n_units == 1:
                add_combination(below, weights[position : position + n_below], sums[0])
            else:
                add_product(weights, position, n_below, one, below, sums)
            code = net.output_code if layer == n_layers else net.code
            for u in range(n_units):
                activate_cached(code, net.degree, sums[u], cache.values[above + u])
        position += (n_below + net.bias) * n_units
        row = above


@jit(inline=True)
def set_weights(scales, state, weights):
    """Set `weights` to those at standard coordinates."""
    for i in range(state.shape[0]):
        weights[i] = state[i] * scales[i]


@jit
def copy_rows(first, stop, source, target):
    """Copy some rows of an array into another."""
    for row in range(first, stop):
        for p in range(source.shape[1]):
            target[row, p] = source[row, p]
