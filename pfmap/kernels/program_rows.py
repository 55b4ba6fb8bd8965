"""Steps of a program (`program_layout`) without parameters: products, sums, softmax, norms."""

from __future__ import annotations

import math

from ._jit import jit
from .program_layout import (
    EPSILON,
    IN,
    N_GROUPS,
    OUT,
    SCALE,
    SECOND,
    SIZE,
    SPREADS,
    STARTS,
    WIDE,
)
from .vector_math import set_exp


@jit
def add_row_products(left, right, out):
    """out[p] += left[p] right[p]."""
    for p in range(out.shape[0]):
        out[p] += left[p] * right[p]


@jit
def dot_forward(ints, step, floats, values):
    """One DOT step."""
    size, n_points = ints[step + SIZE], ints[WIDE]
    first, second, scale = ints[step + IN], ints[step + SECOND], floats[ints[step + SCALE]]
    for o in range(ints[step + N_GROUPS]):
        at = ints[ints[step + OUT] + o]
        out = values[at : at + n_points]
        out[:] = 0.0
        for j in range(o * size, (o + 1) * size):
            x, y = ints[first + j], ints[second + j]
            add_row_products(values[x : x + n_points], values[y : y + n_points], out)
        for p in range(n_points):
            out[p] *= scale


@jit
def add_scaled_product(scale, left, right, out):
    """out[p] += scale left[p] right[p]."""
    for p in range(out.shape[0]):
        out[p] += scale * left[p] * right[p]


@jit
def dot_backward(ints, step, floats, values, deltas):
    """Deltas of both factors of a DOT step."""
    size, n_points = ints[step + SIZE], ints[WIDE]
    first, second, scale = ints[step + IN], ints[step + SECOND], floats[ints[step + SCALE]]
    for o in range(ints[step + N_GROUPS]):
        at = ints[ints[step + OUT] + o]
        out = deltas[at : at + n_points]
        for j in range(o * size, (o + 1) * size):
            x, y = ints[first + j], ints[second + j]
            add_scaled_product(scale, out, values[y : y + n_points], deltas[x : x + n_points])
            add_scaled_product(scale, out, values[x : x + n_points], deltas[y : y + n_points])


@jit
def sum_forward(ints, step, floats, values):
    """One SUM step."""
    size, n_points, scale = ints[step + SIZE], ints[WIDE], floats[ints[step + SCALE]]
    for o in range(ints[step + N_GROUPS]):
        at = ints[ints[step + OUT] + o]
        out = values[at : at + n_points]
        out[:] = 0.0
        for j in range(o * size, (o + 1) * size):
            x = ints[ints[step + IN] + j]
            row = values[x : x + n_points]
            for p in range(n_points):
                out[p] += scale * row[p]


@jit
def sum_backward(ints, step, floats, deltas):
    """Deltas of the terms of a SUM step."""
    size, n_points, scale = ints[step + SIZE], ints[WIDE], floats[ints[step + SCALE]]
    for o in range(ints[step + N_GROUPS]):
        at = ints[ints[step + OUT] + o]
        out = deltas[at : at + n_points]
        for j in range(o * size, (o + 1) * size):
            x = ints[ints[step + IN] + j]
            row = deltas[x : x + n_points]
            for p in range(n_points):
                row[p] += scale * out[p]


@jit
def softmax_forward(ints, step, values, buffer):
    """One SOFTMAX step; the largest row of a group is taken out of the exponents."""
    n_points = ints[WIDE]
    largest, total = buffer[:n_points], buffer[n_points : 2 * n_points]
    for g in range(ints[step + N_GROUPS]):
        start, stop = ints[ints[step + STARTS] + g], ints[ints[step + STARTS] + g + 1]
        largest[:] = -math.inf
        total[:] = 0.0
        for j in range(start, stop):
            x = ints[ints[step + IN] + j]
            row = values[x : x + n_points]
            for p in range(n_points):
                largest[p] = max(largest[p], row[p])
        for j in range(start, stop):
            x, at = ints[ints[step + IN] + j], ints[ints[step + OUT] + j]
            row, out = values[x : x + n_points], values[at : at + n_points]
            set_exp(row, largest, out)
            for p in range(n_points):
                total[p] += out[p]
        for j in range(start, stop):
            at = ints[ints[step + OUT] + j]
            out = values[at : at + n_points]
            for p in range(n_points):
                out[p] /= total[p]


@jit
def softmax_backward(ints, step, values, deltas, buffer):
    """δx_j += s_j (δs_j - Σ_i δs_i s_i)."""
    n_points = ints[WIDE]
    total = buffer[:n_points]
    for g in range(ints[step + N_GROUPS]):
        start, stop = ints[ints[step + STARTS] + g], ints[ints[step + STARTS] + g + 1]
        total[:] = 0.0
        for j in range(start, stop):
            at = ints[ints[step + OUT] + j]
            add_row_products(values[at : at + n_points], deltas[at : at + n_points], total)
        for j in range(start, stop):
            x, at = ints[ints[step + IN] + j], ints[ints[step + OUT] + j]
            share, out = values[at : at + n_points], deltas[at : at + n_points]
            row = deltas[x : x + n_points]
            for p in range(n_points):
                row[p] += share[p] * (out[p] - total[p])


@jit
def norm_forward(ints, step, floats, values, buffer):
    """One NORM step; row g of its spreads keeps 1/sqrt(variance + ε)."""
    size, n_points, epsilon = ints[step + SIZE], ints[WIDE], floats[ints[step + EPSILON]]
    mean = buffer[:n_points]
    for g in range(ints[step + N_GROUPS]):
        at = ints[ints[step + SPREADS] + g]
        spread = values[at : at + n_points]
        mean[:] = 0.0
        spread[:] = 0.0
        for j in range(g * size, (g + 1) * size):
            x = ints[ints[step + IN] + j]
            row = values[x : x + n_points]
            for p in range(n_points):
                mean[p] += row[p] / size
        for j in range(g * size, (g + 1) * size):
            x, at = ints[ints[step + IN] + j], ints[ints[step + OUT] + j]
            row, out = values[x : x + n_points], values[at : at + n_points]
            for p in range(n_points):
                out[p] = row[p] - mean[p]
                spread[p] += out[p] * out[p]
        for p in range(n_points):
            spread[p] = 1.0 / math.sqrt(spread[p] / size + epsilon)
        for j in range(g * size, (g + 1) * size):
            at = ints[ints[step + OUT] + j]
            out = values[at : at + n_points]
            for p in range(n_points):
                out[p] *= spread[p]


@jit
def norm_backward(ints, step, values, deltas, buffer):
    """δx_j += (δy_j - mean δy - y_j mean(δy y)) / sqrt(variance + ε)."""
    size, n_points = ints[step + SIZE], ints[WIDE]
    mean, along = buffer[:n_points], buffer[n_points : 2 * n_points]
    for g in range(ints[step + N_GROUPS]):
        at = ints[ints[step + SPREADS] + g]
        spread = values[at : at + n_points]
        mean[:] = 0.0
        along[:] = 0.0
        for j in range(g * size, (g + 1) * size):
            at = ints[ints[step + OUT] + j]
            y, out = values[at : at + n_points], deltas[at : at + n_points]
            for p in range(n_points):
                mean[p] += out[p] / size
                along[p] += out[p] * y[p] / size
        for j in range(g * size, (g + 1) * size):
            x, at = ints[ints[step + IN] + j], ints[ints[step + OUT] + j]
            y, out = values[at : at + n_points], deltas[at : at + n_points]
            row = deltas[x : x + n_points]
            for p in range(n_points):
                row[p] += (out[p] - mean[p] - y[p] * along[p]) * spread[p]
