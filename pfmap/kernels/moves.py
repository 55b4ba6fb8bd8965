"""Proposals that keep a prior, on standard coordinates z = w / scale.

The normal law makes z standard normal, the uniform law makes it uniform on [-1, 1]. A proposal
that keeps the prior, accepted only if it stays inside a set, keeps the prior restricted to the set.
"""

from __future__ import annotations

import math

import numpy as np

from ._jit import jit
from .variates import NORMAL, normal_of_word, uniform_of_word


@jit(inline=True)
def reflected(z):
    """`z` folded into [-1, 1] by mirrors at both ends."""
    turn = (z + 1.0) % 4.0
    return (4.0 - turn if turn > 2.0 else turn) - 1.0


@jit
def draw_prior(law, words, trial):
    """A fresh draw of the prior."""
    if law == NORMAL:
        for i in range(trial.shape[0]):
            trial[i] = normal_of_word(words[i])
    else:
        for i in range(trial.shape[0]):
            trial[i] = uniform_of_word(words[i])


@jit
def walk(law, row, pick, size, words, state, trial):
    """Move the coordinates with ``row[i] == pick``: preconditioned Crank-Nicolson, reflected walk.

    With ξ standard normal and ρ the `size`, normal law: z' = sqrt(1 - ρ²) z + ρ ξ (Cotter, Roberts,
    Stuart, White 2013, arXiv 1202.0709, eq. 1.2). Uniform law: z + ρ ξ, folded back at the walls.
    """
    keep = math.sqrt(1.0 - size * size) if law == NORMAL else 1.0
    for i in range(trial.shape[0]):
        trial[i] = state[i]
        if row[i] == pick:
            moved = keep * state[i] + size * np.float64(normal_of_word(words[i]))
            trial[i] = moved if law == NORMAL else reflected(moved)


@jit
def scale_group(law, row, pick, log_factor, state, trial):
    """Scale a group by exp(ξ); returns log of the ratio that the Metropolis test needs.

    |g| ξ is the Jacobian of the map, the rest the prior's ratio: exp(-|z'_g|²/2 + |z_g|²/2) for
    the normal law, and 0 outside the walls of the uniform law.
    """
    factor = math.exp(log_factor)
    log_ratio = 0.0
    for i in range(trial.shape[0]):
        trial[i] = state[i]
        if row[i] == pick:
            trial[i] = factor * state[i]
            log_ratio += log_factor
            if law == NORMAL:
                log_ratio -= 0.5 * (trial[i] * trial[i] - state[i] * state[i])
            elif abs(trial[i]) > 1.0:
                log_ratio = -math.inf
    return log_ratio


@jit
def rotate(angle, state, partner, trial):
    """z' = z cos θ + ξ sin θ, on the ellipse through the state and a draw of the prior."""
    cosine, sine = math.cos(angle), math.sin(angle)
    for i in range(trial.shape[0]):
        trial[i] = cosine * state[i] + sine * partner[i]


@jit
def flow(law, angle, state, momentum):
    """Move (z, p) by the angle θ, the exact motion in the potential of the law.

    Normal law: both turn. Uniform law: z + θ p, with mirrors at the walls that turn p round too.
    """
    if law == NORMAL:
        cosine, sine = math.cos(angle), math.sin(angle)
        for i in range(state.shape[0]):
            z, p = state[i], momentum[i]
            state[i] = cosine * z + sine * p
            momentum[i] = cosine * p - sine * z
    else:
        for i in range(state.shape[0]):
            z = state[i] + angle * momentum[i]
            state[i] = reflected(z)
            if (z + 1.0) % 4.0 > 2.0:
                momentum[i] = -momentum[i]


@jit
def bounce(normal, momentum):
    """Mirror the momentum at the plane with this normal vector; unchanged where that is 0."""
    along = square = 0.0
    for i in range(momentum.shape[0]):
        along += normal[i] * momentum[i]
        square += normal[i] * normal[i]
    if square > 0.0 and math.isfinite(square):
        factor = 2.0 * along / square
        for i in range(momentum.shape[0]):
            momentum[i] -= factor * normal[i]
