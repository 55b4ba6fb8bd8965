"""Scaling moves: a group of coordinates times exp(ξ), with a Metropolis test.

Sizes of a parameter that differ by orders of magnitude are reached in one move.
"""

from __future__ import annotations

import math

from ._jit import jit
from .variates import NORMAL

SPREAD = 2.0
"""Standard deviation of ξ for one coordinate at size 1."""


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
