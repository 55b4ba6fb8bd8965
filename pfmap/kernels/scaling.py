"""Moves that scale coordinates, and control variates from the same maps.

Euler fields. Where K = Σ_i m_i x_i ∂_i K everywhere, K is homogeneous under x_i -> e^(m_i ξ) x_i, a
map that leaves {K = 0} as it is; where the sum is 0, K itself is left as it is. Some scaling moves
follow such fields m, which are given: they have the right size everywhere, along {K = 0} too.

Control variates. With h = 1 - s⁴, s = |x|²/R², which vanishes at the edge, integration by parts
along h x_i gives variates of mean 0,

    c_i = h (1 - x_i ∂_i U) - 8 s³ x_i²/R²,    E[c_i] = 0,

where the gradient is exact, without stiff directions. With Euler fields Σ_i m_i c_i is used in
their place, which needs no gradient and is -h nβ K but for what the localisation adds.
"""

from __future__ import annotations

import math

from ._jit import jit
from .dense import dot

SCALE_SPREAD = 2.0
"""Standard deviation of the log factor of a scaling move of one coordinate."""

CONTROL_STEPS = 8
"""Steps over which control variates are summed."""


@jit(inline=True)
def set_scaled(row, pick, partner, sign, log_factor, offset, trial):
    """Set `trial` to `offset` with group `pick` scaled, or its combination with `partner`.

    `row` holds the group of every coordinate. With a `partner` other than `pick`, of the same size,
    (x_g - σ x_h)/2 is scaled for both and their σ-sum kept.
    """
    factor = math.exp(log_factor)
    n = offset.shape[0]
    if partner == pick:
        for i in range(n):
            trial[i] = factor * offset[i] if row[i] == pick else offset[i]
        return
    for i in range(n):
        trial[i] = offset[i]
    half = 0.5 * (factor - 1.0)
    j = 0
    for i in range(n):
        if row[i] == pick:
            while row[j] != partner:
                j += 1
            change = half * (offset[i] - sign * offset[j])
            trial[i] = offset[i] + change
            trial[j] = offset[j] - sign * change
            j += 1


@jit(inline=True)
def set_flowed(field, normal, offset, trial):
    """Set `trial` to `offset` moved along an Euler field; return the log of the Jacobian.

    K or the coordinate of the largest |m_i| scales by about e^2, less where many scale.
    """
    n = offset.shape[0]
    total = 0.0
    for i in range(n):
        total += field[i]
    xi = SCALE_SPREAD * normal / max(1.0, abs(total))
    for i in range(n):
        trial[i] = math.exp(xi * field[i]) * offset[i]
    return xi * total


@jit(inline=True)
def add_controls(euler, gamma, radius, offset, force, excess, sums):
    """Add the control variates at a state to `sums`: one a field, one a coordinate, or one.

    The last two of `sums` are log |x|² and log(nβ |∇K|²/K), for K = f²/2 log |∇f|² but for a
    constant: how far the state is from w*, and how far from any singular zero.
    """
    n, n_variates = offset.shape[0], sums.shape[0] - 2
    curvature = 0.0 if radius == math.inf else 1.0 / (radius * radius)
    square = dot(offset, offset)
    local = gamma / (1.0 - curvature * square)
    slope = 0.0
    for i in range(n):
        slope += (force[i] - local * offset[i]) ** 2
    sums[n_variates] += math.log(square + 1e-300)
    sums[n_variates + 1] += math.log(slope + 1e-300) - math.log(abs(excess) + 1e-300)
    if n_variates == 0:
        return
    s = curvature * square
    inside, bend = 1.0 - s * s * s * s, 8.0 * s * s * s * curvature
    if euler.shape[0] == 0:
        for i in range(n):
            control = inside * (1.0 - offset[i] * force[i]) - bend * offset[i] * offset[i]
            sums[i if n_variates == n else 0] += control
        return
    pull = gamma * (1.0 + s + s * s + s * s * s)  # h times that of -log φ
    if curvature == 0.0:
        pull = gamma
    for e in range(min(euler.shape[0], n_variates)):
        total, second = 0.0, 0.0
        for i in range(n):
            total += euler[e, i]
            second += euler[e, i] * offset[i] * offset[i]
        sums[e] += inside * (total - euler[e, n] * excess) - (pull + bend) * second
