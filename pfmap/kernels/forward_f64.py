"""Outputs of a network on some points, in float64 and in a fixed order: the final word on a bit."""

from __future__ import annotations

import numpy as np

from ._jit import jit
from .activation import LINEAR, activate_row

GROUP = 8
"""Points computed side by side."""


@jit
def forward_f64(widths, bias, code, degree, output_code, points, chosen, weights, scratch, out):
    """Outputs of one network in float64.

    Every pre-activation is the bias plus the products with the units below in ascending order,
    each product and each sum rounded once, so an output does not depend on its neighbours.

    Parameters
    ----------
    widths : int64[L + 1]
        Units of every layer.
    bias : int
        1 if layers have biases, else 0.
    code, degree, output_code : int
        Hidden activation, exponent of ``monomial``, activation of the output unit.
    points : float64[inputs, n_points]
        Inputs.
    chosen : int64[c]
        Indices of the points to compute.
    weights : float32[d]
        Parameter vector: for every layer the weights, row by row, then the biases.
    scratch : float64[2, max(widths), GROUP]
        Activations; layer l is in ``scratch[l % 2]``.
    out : float64[c]
        Result.
    """
    n_layers = len(widths) - 1
    for first in range(0, len(chosen), GROUP):
        n = min(GROUP, len(chosen) - first)
        for k in range(widths[0]):
            for p in range(GROUP):
                scratch[0, k, p] = points[k, chosen[first + min(p, n - 1)]]
        start = 0
        for layer in range(n_layers):
            n_below, units = widths[layer], widths[layer + 1]
            layer_code = output_code if layer == n_layers - 1 else code
            below, above = scratch[layer % 2], scratch[(layer + 1) % 2]
            for u in range(units):
                offset = np.float64(weights[start + n_below * units + u]) if bias else 0.0
                a = b = c = d = e = f = g = h = offset
                for k in range(n_below):
                    weight = np.float64(weights[start + u * n_below + k])
                    a += weight * below[k, 0]
                    b += weight * below[k, 1]
                    c += weight * below[k, 2]
                    d += weight * below[k, 3]
                    e += weight * below[k, 4]
                    f += weight * below[k, 5]
                    g += weight * below[k, 6]
                    h += weight * below[k, 7]
                row = above[u]
                row[0], row[1], row[2], row[3] = a, b, c, d
                row[4], row[5], row[6], row[7] = e, f, g, h
                if layer_code != LINEAR:
                    activate_row(layer_code, degree, row, row)
            start += n_below * units + (units if bias else 0)
        for p in range(n):
            out[first + p] = scratch[n_layers % 2, 0, p]
