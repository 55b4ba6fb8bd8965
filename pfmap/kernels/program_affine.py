"""AFFINE steps of a program (`program_layout`): sums of rows by parameters, and an activation."""

from __future__ import annotations

import numpy as np

from ._jit import jit
from .activation import LINEAR, NAMES, RELU, differentiate_row
from .dense import total
from .program_layout import (
    BIAS,
    BIAS_MAP,
    BIAS_STEP,
    CODE,
    IN,
    MAP,
    N_BELOW,
    N_GROUPS,
    NONE,
    OUT,
    POWER,
    PULLED,
    SIZE,
    WEIGHT,
    WEIGHT_STEP,
    WIDE,
)
from .program_rows import add_row_products
from .vector_math import set_tanh
from .vectors import add_dots, add_products, set_products

TANH = NAMES.index("tanh")


@jit
def multiply_slopes(code, deltas, values, slopes):
    """Turn deltas of a row's values into those of its sums."""
    if code == RELU:
        for p in range(deltas.shape[0]):
            deltas[p] = deltas[p] if values[p] > 0.0 else 0.0
    elif code == TANH:
        for p in range(deltas.shape[0]):
            deltas[p] *= 1.0 - values[p] * values[p]
    elif code != LINEAR:
        for p in range(deltas.shape[0]):
            deltas[p] *= slopes[p]


@jit
def gather(ints, at, count, weights, constants, buffer):
    """Set `buffer` to the mapped parameters: weights first, constants behind them."""
    d = weights.shape[0]
    for i in range(count):
        index = ints[at + i]
        buffer[i] = weights[index] if index < d else constants[index - d]


@jit
def affine_forward(ints, step, weights, constants, values, slopes, buffer):
    """One AFFINE step."""
    n_units, n_below, n_points = ints[step + SIZE], ints[step + N_BELOW], ints[WIDE]
    below, out = ints[step + IN], ints[step + OUT]
    entries, first, moved = weights, ints[step + WEIGHT], ints[step + WEIGHT_STEP]
    code, one, zero, count = ints[step + CODE], np.int64(1), np.int64(0), n_units * n_below
    for g in range(ints[step + N_GROUPS]):
        if ints[step + MAP] != NONE:
            gather(ints, ints[step + MAP] + g * count, count, weights, constants, buffer)
            entries, first, moved = buffer, zero, zero
        offsets, offset_at = weights, ints[step + BIAS] + g * ints[step + BIAS_STEP]
        if ints[step + BIAS_MAP] != NONE:
            offsets, offset_at = buffer[2 * count :], zero
            gather(ints, ints[step + BIAS_MAP] + g * n_units, n_units, weights, constants, offsets)
        elif ints[step + BIAS] == NONE:
            offsets, offset_at = buffer[2 * count :], zero
            offsets[:n_units] = 0.0
        set_products(
            entries, first + g * moved, n_below, one, n_units, n_below, ints, below, values, out,
            values, n_points, offsets, offset_at, one if code == RELU else zero,
        )  # fmt: skip
        if code not in (RELU, LINEAR):
            for u in range(n_units):
                at = ints[out + u]
                row = values[at : at + n_points]
                if code == TANH:
                    set_tanh(row)
                else:
                    differentiate_row(code, ints[step + POWER], row, slopes[at : at + n_points])
        below += n_below
        out += n_units


@jit
def scatter(ints, at, count, parts, gradient):
    """Add derivatives by mapped entries to those by the parameters they are."""
    d = gradient.shape[0]
    for i in range(count):
        if ints[at + i] < d:
            gradient[ints[at + i]] += parts[i]


@jit
def affine_backward(
    ints, step, weights, constants, values, slopes, deltas, buffer, gradient, by_point
):
    """Deltas of one AFFINE step's inputs; derivatives by its parameters join `gradient`.

    With `by_point` the gradient holds one row of points a parameter.
    """
    n_units, n_below, n_points = ints[step + SIZE], ints[step + N_BELOW], ints[WIDE]
    below, out, d = ints[step + IN], ints[step + OUT], weights.shape[0]
    entries, first, moved = weights, ints[step + WEIGHT], ints[step + WEIGHT_STEP]
    one, zero, count = np.int64(1), np.int64(0), n_units * n_below
    mapped = ints[step + MAP] != NONE
    for g in range(ints[step + N_GROUPS]):
        if mapped:
            gather(ints, ints[step + MAP] + g * count, count, weights, constants, buffer)
            entries, first, moved = buffer, zero, zero
        for u in range(n_units):
            at = ints[out + u]
            row = deltas[at : at + n_points]
            multiply_slopes(
                ints[step + CODE], row, values[at : at + n_points], slopes[at : at + n_points]
            )
            bias = ints[step + BIAS]
            if ints[step + BIAS_MAP] != NONE:
                bias = ints[ints[step + BIAS_MAP] + g * n_units + u]
            elif bias != NONE:
                bias += g * ints[step + BIAS_STEP] + u
            if bias != NONE and bias < d:
                if by_point:
                    target = gradient[bias * n_points : (bias + 1) * n_points]
                    for p in range(n_points):
                        target[p] += row[p]
                else:
                    gradient[bias] += total(row)
        if by_point:
            for i in range(count):
                index = first + g * moved + i
                if mapped:
                    index = ints[ints[step + MAP] + g * count + i]
                if index < d:
                    at, under = ints[out + i // n_below], ints[below + i % n_below]
                    add_row_products(
                        deltas[at : at + n_points], values[under : under + n_points],
                        gradient[index * n_points : (index + 1) * n_points],
                    )  # fmt: skip
        elif mapped:
            parts = buffer[count : 2 * count]
            parts[:] = 0.0
            add_dots(
                ints, out, n_units, deltas, below, n_below, values, n_points, parts, zero,
                n_below,
            )  # fmt: skip
            scatter(ints, ints[step + MAP] + g * count, count, parts, gradient)
        else:
            add_dots(
                ints, out, n_units, deltas, below, n_below, values, n_points, gradient,
                first + g * moved, n_below,
            )  # fmt: skip
        if ints[step + PULLED]:
            add_products(
                entries, first + g * moved, one, n_below, n_below, n_units, ints, out, deltas,
                below, deltas, n_points,
            )  # fmt: skip
        below += n_below
        out += n_units
