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
    # All coordinates, those that stay too, in loops without branches: these are vectorised.
    for i in range(trial.shape[0]):
        moved = keep * state[i] + size * np.float64(normal_of_word(words[i]))
        trial[i] = moved if row[i] == pick else state[i]
    if law != NORMAL:
        for i in range(trial.shape[0]):
            trial[i] = reflected(trial[i])
