"""Products of small dense matrices in the layout [unit, point], blocked for registers."""

from __future__ import annotations

from ._jit import jit


@jit(fast=True)
def add_product(entries, first, unit_step, below_step, below, out):
    """Add a matrix product to `out`: out[u, p] += Σ_k m[u, k] below[k, p].

    m[u, k] is ``entries[first + u * unit_step + k * below_step]``, so that one compiled kernel
    takes a matrix inside a parameter vector and its transpose alike. Blocks of 4 × 4 over (u, k)
    keep 16 factors in registers while the points stream past.
    """
    n_units, n_points = out.shape
    n_below = below.shape[0]
    whole_units = n_units - n_units % 4
    whole_below = n_below - n_below % 4
    d, e = unit_step, below_step
    for u in range(0, whole_units, 4):
        out_0, out_1, out_2, out_3 = out[u], out[u + 1], out[u + 2], out[u + 3]
        for k in range(0, whole_below, 4):
            i = first + u * d + k * e
            m00, m01, m02, m03 = entries[i], entries[i + e], entries[i + 2 * e], entries[i + 3 * e]
            i += d
            m10, m11, m12, m13 = entries[i], entries[i + e], entries[i + 2 * e], entries[i + 3 * e]
            i += d
            m20, m21, m22, m23 = entries[i], entries[i + e], entries[i + 2 * e], entries[i + 3 * e]
            i += d
            m30, m31, m32, m33 = entries[i], entries[i + e], entries[i + 2 * e], entries[i + 3 * e]
            row_0, row_1, row_2, row_3 = below[k], below[k + 1], below[k + 2], below[k + 3]
            for p in range(n_points):
                b0, b1, b2, b3 = row_0[p], row_1[p], row_2[p], row_3[p]
                out_0[p] += m00 * b0 + m01 * b1 + m02 * b2 + m03 * b3
                out_1[p] += m10 * b0 + m11 * b1 + m12 * b2 + m13 * b3
                out_2[p] += m20 * b0 + m21 * b1 + m22 * b2 + m23 * b3
                out_3[p] += m30 * b0 + m31 * b1 + m32 * b2 + m33 * b3
        for k in range(whole_below, n_below):
            i = first + u * d + k * e
            m0, m1, m2, m3 = entries[i], entries[i + d], entries[i + 2 * d], entries[i + 3 * d]
            row = below[k]
            for p in range(n_points):
                out_0[p] += m0 * row[p]
                out_1[p] += m1 * row[p]
                out_2[p] += m2 * row[p]
                out_3[p] += m3 * row[p]
    for u in range(whole_units, n_units):
        line = out[u]
        for k in range(n_below):
            m = entries[first + u * d + k * e]
            row = below[k]
            for p in range(n_points):
                line[p] += m * row[p]


@jit(fast=True)
def outer_product(delta, below, out):
    """Set `out` to ``delta @ below.T``: out[u, k] = Σ_p delta[u, p] below[k, p]."""
    n_units, n_points = delta.shape
    n_below = below.shape[0]
    whole_units = n_units - n_units % 2
    whole_below = n_below - n_below % 4
    for u in range(0, whole_units, 2):
        d0, d1 = delta[u], delta[u + 1]
        for k in range(0, whole_below, 4):
            row_0, row_1, row_2, row_3 = below[k], below[k + 1], below[k + 2], below[k + 3]
            s00 = s01 = s02 = s03 = 0.0
            s10 = s11 = s12 = s13 = 0.0
            for p in range(n_points):
                x, y = d0[p], d1[p]
                b0, b1, b2, b3 = row_0[p], row_1[p], row_2[p], row_3[p]
                s00 += x * b0
                s01 += x * b1
                s02 += x * b2
                s03 += x * b3
                s10 += y * b0
                s11 += y * b1
                s12 += y * b2
                s13 += y * b3
            out[u, k], out[u, k + 1], out[u, k + 2], out[u, k + 3] = s00, s01, s02, s03
            v = u + 1
            out[v, k], out[v, k + 1], out[v, k + 2], out[v, k + 3] = s10, s11, s12, s13
        for k in range(whole_below, n_below):
            out[u, k] = dot(d0, below[k])
            out[u + 1, k] = dot(d1, below[k])
    for u in range(whole_units, n_units):
        for k in range(n_below):
            out[u, k] = dot(delta[u], below[k])


@jit(fast=True)
def dot(x, y):
    """Inner product of two vectors."""
    total = 0.0
    for i in range(x.shape[0]):
        total += x[i] * y[i]
    return total


@jit(fast=True)
def total(x):
    """Sum of a vector."""
    result = 0.0
    for i in range(x.shape[0]):
        result += x[i]
    return result
