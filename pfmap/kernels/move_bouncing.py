"""Bouncing moves: a state with a momentum, mirrored at the level set of the severity.

Position and normal momentum move together so that the law is kept, turning for the normal law and
straight between the walls of the uniform one; outside the set the momentum is mirrored at the level
set and the step tried once more, else the momentum is turned round (Skilling 2012,
doi:10.1063/1.3703630). The severity must have a gradient.
"""

from __future__ import annotations

import math

from ._jit import jit
from .move_walk import reflected
from .severity import gradient_at, severity_at, work_of
from .variates import NORMAL

LEAPS = 8


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


@jit
def bounce_path(target, threshold, angle, memory, state, momentum, spare):
    """`LEAPS` leaps, in place; `spare` float64[3, d] is work.

    Returns the severity of the end, -1 if no leap was made, NaN or infinite if an output is; the
    share of leaps that moved unmirrored; and the work.
    """
    before, momentum_before, gradient = spare[0], spare[1], spare[2]
    n = state.shape[0]
    severity, moved, leaps, work = -1.0, 0, 0, 0
    mirrored = False
    while leaps < LEAPS:
        if not mirrored:
            for i in range(n):
                before[i], momentum_before[i] = state[i], momentum[i]
        flow(target.law, angle, state, momentum)
        found = severity_at(target, state, memory)
        work += work_of(target)
        if not math.isfinite(found):
            return found, 0.0, work
        if found <= threshold:
            severity = found
            # A step far outside is mirrored back to where it came from: that is no move.
            moved += not mirrored
        elif not mirrored:
            gradient_at(target, state, memory, gradient)
            work += 2 * work_of(target)
            bounce(gradient, momentum)
            mirrored = True
            continue
        else:
            for i in range(n):
                state[i], momentum[i] = before[i], -momentum_before[i]
        mirrored = False
        leaps += 1
    return severity, moved / LEAPS, work
