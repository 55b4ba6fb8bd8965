"""Moves of all parameters but those of a block in which the outputs are affine; these are redrawn.

Given the rest b, the outputs are F = c(b) + J(b) a in the offsets a of such a block, and under a
Gaussian localisation of precision γ

    a | b  ~  N(μ, S⁻¹),    S = γ + nβ JᵀJ/P,    S μ = nβ Jᵀ(t - c)/P.

A move proposes b' from a law symmetric in b or in log |b| and a' from g(. | b'), that normal law at
b', and is accepted with probability

    min(1, π(a', b') g(a | b) |∂b'/∂b| / (π(a, b) g(a' | b'))).

With the Gaussian that is a move of b alone under the law with a integrated out: valleys of {K = 0}
that bend from a to b are gone from it. With the bump, or where F is not quite affine, it still
keeps π: g is some normal law that depends on b alone.

S = RᵀR is not formed. R comes from the QR decomposition of √(nβ/P) J above √γ, which keeps the
small singular values that JᵀJ would lose.
"""

from __future__ import annotations

import math

from ._jit import jit
from .dense import dot
from .family import model_outputs, scratch_size
from .variates import normal_of_word, unit_uniform

# Random words of a move, after one for each parameter.
BLOCK, REACH, PICK, SIZE, COMMON, TEST = 0, 1, 2, 3, 4, 5
N_WORDS = 6

LEAST_LOG_SIZE, LOG_SIZES = -16.0, 17.0
"""Sizes of b' - b, or of its logarithm, are log-uniform between e^-16 and e: b may be any size."""


@jit(fast=True)
def triangular(columns, right):
    """Replace the columns of a matrix by those of its R, and `right` by Qᵀ of it; return log |R|.

    ``columns[k]`` is column k; the diagonal of R is made positive.
    """
    n_columns, n_rows = columns.shape
    log_determinant = 0.0
    for k in range(n_columns):
        column = columns[k, k:]
        norm = math.sqrt(dot(column, column))
        if not norm > 0.0:
            return math.nan
        head = column[0]
        diagonal = -norm if head > 0.0 else norm
        column[0] = head - diagonal
        half = norm * (norm + abs(head))  # |v|²/2 of the reflection's v, now in `column`
        for j in range(k + 1, n_columns + 1):
            other = columns[j, k:] if j < n_columns else right[k:]
            share = dot(column, other) / half
            for row in range(n_rows - k):
                other[row] -= share * column[row]
            if diagonal < 0.0:
                other[0] = -other[0]
        column[0] = norm
        log_determinant += math.log(norm)
    return log_determinant


@jit(inline=True)
def collapsed_scratch(family, ints, n_parameters, n_outputs):
    """Floats of working memory that `set_collapsed` needs."""
    n_rows = n_outputs + n_parameters
    return scratch_size(family, ints) + (n_parameters + 2) * n_rows


@jit(fast=True)
def set_collapsed(
    family, ints, floats, targets, n_points, center, blocks, gamma, n_beta, words, offset, trial,
    members, work,
):  # fmt: skip
    """Set `trial` to a proposal; return log (g(a | b) |∂b'/∂b| / g(a' | b')), NaN if undefined.

    Parameters
    ----------
    family, ints, floats, targets, n_points : int, int64[:], float64[:], float64[:], int
        The model, as in `family`, and P.
    center : float64[d]
        w*.
    blocks : int64[blocks, d]
        1 for the parameters of each block, else 0; one is chosen at random.
    gamma, n_beta : float, float
        γ and nβ.
    words : uint32[d + N_WORDS or more]
        Random words.
    offset, trial : float64[d]
        State x and proposal x'.
    members, work : int64[d], float64[collapsed_scratch(…)]
        Working memory.
    """
    n, n_outputs = center.shape[0], targets.shape[0]
    extra = words[n:]
    chosen = blocks[min(int(unit_uniform(extra[BLOCK]) * blocks.shape[0]), blocks.shape[0] - 1)]
    m = 0
    for i in range(n):
        if chosen[i]:
            members[m] = i
            m += 1
    n_rows = n_outputs + m
    weights, outputs = work[:n], work[n : n + n_outputs]
    work = work[n + n_outputs :]
    columns, right = work[: m * n_rows].reshape((m, n_rows)), work[m * n_rows : (m + 1) * n_rows]
    scratch = work[(m + 1) * n_rows :]
    log_ratio = 0.0
    for side in range(2):
        if side == 1:
            log_ratio += move_rest(chosen, words, offset, trial)
        place = trial if side == 1 else offset
        for i in range(n):
            weights[i] = center[i] if chosen[i] else center[i] + place[i]
        scale = math.sqrt(n_beta / n_points)
        for k in range(-1, m):  # the residual at a = 0, then the columns of J
            if k >= 0:
                weights[members[k]] += 1.0
            model_outputs(family, ints, floats, weights, outputs, scratch)
            if k >= 0:
                weights[members[k]] = center[members[k]]
                for p in range(n_outputs):
                    columns[k, p] = scale * (outputs[p] - targets[p]) + right[p]
                columns[k, n_outputs:] = 0.0
                columns[k, n_outputs + k] = math.sqrt(gamma)
            else:
                for p in range(n_outputs):
                    right[p] = scale * (targets[p] - outputs[p])
                right[n_outputs:] = 0.0
        log_density = triangular(columns, right)
        if side == 1:  # R a' = Qᵀ r + ξ
            for k in range(m - 1, -1, -1):
                value = right[k] + normal_of_word(words[members[k]])
                for j in range(k + 1, m):
                    value -= columns[j, k] * trial[members[j]]
                trial[members[k]] = value / columns[k, k]
        for k in range(m):
            along = -right[k]
            for j in range(k, m):
                along += columns[j, k] * place[members[j]]
            log_density -= 0.5 * along * along
        log_ratio += -log_density if side == 1 else log_density
    return log_ratio


@jit(inline=True)
def move_rest(chosen, words, offset, trial):
    """Set `trial` outside the block; return log |∂b'/∂b|.

    Of b one coordinate moves, or all do, each on its own or by one factor.
    """
    n = offset.shape[0]
    extra = words[n:]
    reach, size = 4.0 * unit_uniform(extra[REACH]), unit_uniform(extra[SIZE])
    size = math.exp(LEAST_LOG_SIZE + LOG_SIZES * size)
    n_rest = n - chosen.sum()
    pick = min(int(unit_uniform(extra[PICK]) * n_rest), n_rest - 1) if reach < 2.0 else -1
    multiplied = reach < 1.0 or reach >= 2.5
    log_determinant = 0.0
    place = 0
    for i in range(n):
        if chosen[i]:
            continue
        trial[i] = offset[i]
        if pick < 0 or place == pick:
            normal = normal_of_word(words[i])
            if reach >= 3.25:
                normal = normal_of_word(extra[COMMON])
            if multiplied:
                trial[i] *= math.exp(size * normal)
                log_determinant += size * normal
            else:
                trial[i] += size * normal
        place += 1
    return log_determinant
