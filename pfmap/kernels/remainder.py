"""What is left of the loss around w* once the directions of full rank are solved for.

Let J, the derivatives of the outputs at w*, have rank k with left singular vectors u_i (rows of
`left`), right ones v_i (rows of `right`) and singular values s_i (`values`), and let F be the
outputs and t the targets. For an offset x orthogonal to every v_i, the implicit function theorem
gives the stiff coordinates y(x) at which u_iᵀ (F(w* + x + Σ_i y_i v_i) - t) = 0 for all i. The
remaining residual and loss are

    G(x) = (I - Σ_i u_i u_iᵀ) (F(w* + x + Σ_i y_i(x) v_i) - t),    K_G(x) = |G(x)|² / (2P).

In the coordinates (uᵀ(F - t), x) the loss lies between two multiples of |uᵀ(F - t)|² + |G(x)|², so
λ(K) = k/2 + λ(K_G) with the same multiplicity, and G has no linear terms.

y comes from chord steps y_i -= u_iᵀ (F - t) / s_i, which converge where the derivatives have
not turned far from J. They start from the y of the state before: balance in detail then holds
where every start leads to one y, which the balls in use are small enough for.
"""

from __future__ import annotations

import math

from ._jit import jit
from .dense import dot
from .family import model_outputs, pull_back_outputs, scratch_size
from .lowrank import add_combination

MAX_CHORDS = 30


@jit(inline=True)
def remainder_scratch(family, ints, n_parameters, n_outputs, rank):
    """Floats of working memory that `remainder_loss_force` needs."""
    return scratch_size(family, ints) + n_parameters + 2 * n_outputs + rank


@jit(fast=True)
def remainder_loss_force(
    family, ints, floats, targets, n_points, center, left, right, values, tolerance, offset, stiff,
    force, scratch,
):  # fmt: skip
    """Return K_G at `offset` and set `force` to its gradient; infinity where y is out of reach.

    `stiff` holds a first guess of y and then y, at which every |u_iᵀ (F - t)| <= `tolerance`. The
    gradient is that along x of the loss with the stiff coordinates following,
    Nᵀ Jᵀ (G - Σ_i u_i v_iᵀ Jᵀ G / s_i) / P with J taken at the solution and s_i at w*: exact to
    first order in the turn of J, which is enough for a proposal. Without stiff directions it is
    exact.
    """
    n, n_outputs, rank = offset.shape[0], targets.shape[0], left.shape[0]
    weights = scratch[:n]
    residual = scratch[n : n + n_outputs]
    cotangent = scratch[n + n_outputs : n + 2 * n_outputs]
    along = scratch[n + 2 * n_outputs : n + 2 * n_outputs + rank]
    rest = scratch[n + 2 * n_outputs + rank :]
    loss = 0.0
    solved = False
    before = math.inf
    # One call of each kernel of the model serves the chord steps and both pull-backs: calls are
    # inlined, and every further one would add seconds of compilation.
    for chord in range(MAX_CHORDS + 1):
        for i in range(n):
            weights[i] = center[i] + offset[i]
        add_combination(right, stiff, weights)
        model_outputs(family, ints, floats, weights, residual, rest)
        if not solved:
            for p in range(n_outputs):
                residual[p] -= targets[p]
            largest = 0.0
            for i in range(rank):
                along[i] = -dot(left[i], residual)
                largest = max(largest, abs(along[i]))
            if not largest <= tolerance:
                # Far from w* the chords spiral away; NaN compares false.
                if chord >= MAX_CHORDS - 1 or not largest < 4.0 * before:
                    return math.inf
                before = largest
                for i in range(rank):
                    stiff[i] += along[i] / values[i]
                continue
            add_combination(left, along, residual)
            for p in range(n_outputs):
                loss += residual[p] * residual[p]
                cotangent[p] = residual[p] / n_points
        pull_back_outputs(family, ints, floats, weights, cotangent, force, rest)
        for i in range(rank):
            along[i] = -dot(right[i], force)
        if solved or rank == 0:
            break
        solved = True
        for i in range(rank):
            along[i] /= values[i]
        add_combination(left, along, cotangent)
    add_combination(right, along, force)
    return 0.5 * loss / n_points
