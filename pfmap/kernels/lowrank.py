"""Products with a few long rows: coordinates of vectors in a basis, and back."""

from __future__ import annotations

from ._jit import jit
from .dense import dot


@jit(fast=True)
def project_two(basis, x, y, along_x, along_y):
    """Set ``along_x = basis @ x`` and ``along_y = basis @ y``, reading the basis once."""
    n_rows, n_columns = basis.shape
    whole = n_rows - n_rows % 4
    for i in range(0, whole, 4):
        row_0, row_1, row_2, row_3 = basis[i], basis[i + 1], basis[i + 2], basis[i + 3]
        x0 = x1 = x2 = x3 = 0.0
        y0 = y1 = y2 = y3 = 0.0
        for j in range(n_columns):
            a, b = x[j], y[j]
            v0, v1, v2, v3 = row_0[j], row_1[j], row_2[j], row_3[j]
            x0 += a * v0
            x1 += a * v1
            x2 += a * v2
            x3 += a * v3
            y0 += b * v0
            y1 += b * v1
            y2 += b * v2
            y3 += b * v3
        along_x[i], along_x[i + 1], along_x[i + 2], along_x[i + 3] = x0, x1, x2, x3
        along_y[i], along_y[i + 1], along_y[i + 2], along_y[i + 3] = y0, y1, y2, y3
    for i in range(whole, n_rows):
        along_x[i] = dot(basis[i], x)
        along_y[i] = dot(basis[i], y)


@jit(inline=True)
def add_combination(basis, coefficients, out):
    """Add ``coefficients @ basis`` to `out`: no call where there are no rows, which takes time."""
    if basis.shape[0] > 0:
        add_rows(basis, coefficients, out)


@jit(fast=True)
def add_rows(basis, coefficients, out):
    """`add_combination` of at least one row."""
    n_rows, n_columns = basis.shape
    whole = n_rows - n_rows % 8
    for i in range(0, whole, 8):
        c0, c1, c2, c3 = (
            coefficients[i],
            coefficients[i + 1],
            coefficients[i + 2],
            coefficients[i + 3],
        )
        c4, c5, c6, c7 = (
            coefficients[i + 4],
            coefficients[i + 5],
            coefficients[i + 6],
            coefficients[i + 7],
        )
        row_0, row_1, row_2, row_3 = basis[i], basis[i + 1], basis[i + 2], basis[i + 3]
        row_4, row_5, row_6, row_7 = basis[i + 4], basis[i + 5], basis[i + 6], basis[i + 7]
        for j in range(n_columns):
            out[j] += (
                (c0 * row_0[j] + c1 * row_1[j])
                + (c2 * row_2[j] + c3 * row_3[j])
                + (c4 * row_4[j] + c5 * row_5[j])
                + (c6 * row_6[j] + c7 * row_7[j])
            )
    for i in range(whole, n_rows):
        c = coefficients[i]
        row = basis[i]
        for j in range(n_columns):
            out[j] += c * row[j]
