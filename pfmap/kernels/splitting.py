"""Markov chains that keep the prior restricted to {w : severity(w) <= t}, for one level t.

Coordinates are standard, z = w / scale (`moves`). Every step makes one move, drawn at random by
the weights of the moves:

- WALK: preconditioned Crank-Nicolson or reflected walk, of all coordinates or of one group. Half of
  the steps have a size near the adapted one, half log-uniform between it and 1: no single size fits
  narrow and wide parts of a set.
- ELLIPTICAL: elliptical slice sampling (Murray, Adams, MacKay 2010, arXiv 1001.0175, fig. 2) whose
  likelihood is the indicator of the set: no size to tune. Normal law only.
- SCALING: a group times exp(ξ), with a Metropolis test.
- BOUNCING: position and normal momentum move together so that the law is kept, turning for the
  normal law and straight between the walls of the uniform one; outside the set the momentum is
  mirrored at the level set of the severity and the step tried once more, else the momentum is
  turned round (Skilling 2012, doi:10.1063/1.3703630). Losses only.

A step depends on (key, level, chain, step) and the state alone, so chains may run anywhere.
"""

from __future__ import annotations

import math

import numpy as np

from ._jit import jit
from .family import loss_pull_back, outputs_loss, scratch_size
from .forward_f32 import WEIGHTS, allocate, memory_map
from .forward_f64 import GROUP
from .metropolis import acceptance
from .moves import bounce, draw_prior, flow, rotate, scale_group, walk
from .philox import random_words
from .severity import sign_severity
from .tiles import TILE
from .variates import NORMAL, normal_of_word, unit_uniform

WALK, ELLIPTICAL, SCALING, BOUNCING = 0, 1, 2, 3
N_MOVES = 4

MAX_SHRINKS = 48
LEAPS = 8
SCALE_SPREAD = 2.0

# Random words of a step after those of the coordinates.
MOVE, KIND, PICK, SIZE, STEADY, TEST, SCALE, SHRINK = 0, 1, 2, 3, 4, 5, 6, 7
N_WORDS = SHRINK + MAX_SHRINKS

# Columns of the counts.
ACCEPTED, TRIED = 0, 1


@jit(inline=True)
def stream_of(level, chain, step):
    """Name of the random numbers of one step: 14 bits of level, 24 of chain, 24 of step."""
    return (np.int64(level) * 16777216 + np.int64(chain)) * 16777216 + np.int64(step)


@jit(allocates=True)
def advance_splitting(
    signs_wanted, law, scales, shape, points, readout, signs, family, ints, floats, targets,
    n_points, threshold, move_weights, log_sizes, groups, n_groups, key, level, first_chain,
    first_step, n_steps, starts, start_severities, states, severities, counts,
):  # fmt: skip
    """Run some chains of one level.

    Parameters
    ----------
    signs_wanted : int
        1: severity of signs; 0: loss of a model.
    law, scales : int, float64[d]
        Code of the law in `variates`, and factor of every parameter.
    shape, points, readout, signs : Shape, Points, Readout, float64[n_points]
        The network and the wanted signs (`sign_severity`); anything if not wanted.
    family, ints, floats, targets, n_points : int, int64[:], float64[:], float64[:], int
        The model (`family`); anything if signs are wanted.
    threshold : float
        t; infinity draws every state afresh from the prior.
    move_weights : float64[4]
        Probability of WALK, ELLIPTICAL, SCALING, BOUNCING; they add up to 1.
    log_sizes : float64[2 kinds + 1]
        log of the sizes of WALK for every kind of group, of the spreads of SCALING, and of the
        angle of BOUNCING.
    groups, n_groups : int64[kinds, d], int64[kinds]
        Group of each kind that holds a coordinate, or -1; kind 0 is all coordinates.
    key, level, first_chain : uint64, int, int
        Names of the random numbers.
    first_step, n_steps : int, int
        Steps to make.
    starts, start_severities : float64[chains, d], float64[chains]
        States to start from, inside the set.
    states, severities : float64[chains, steps, d], float64[chains, steps]
        Result: the state after every step, in the columns of the steps made.
    counts : float64[2 kinds + 1, 2]
        Acceptances and tries are added here.

    Returns
    -------
    int
        Evaluations of the severity; -1 if an output was NaN or infinite.
    """
    n_chains, _, d = states.shape
    n_kinds = groups.shape[0]
    words = np.empty(64 * ((d + N_WORDS) // 64 + 1), dtype=np.uint32)
    trial, momentum, gradient = np.empty(d), np.empty(d), np.empty(d)
    before, momentum_before, weights64 = np.empty(d), np.empty(d), np.empty(d)
    n_tiles = len(points.live) // TILE
    at = memory_map(shape.widths, n_tiles, d)
    memory = allocate(at, points.tiles, points.live, points.slack)
    weights32 = memory[at[WEIGHTS] : at[WEIGHTS] + d]
    doubtful = np.empty(points.n_points, dtype=np.int64)
    chosen_outputs = np.empty(points.n_points)
    widest = 1
    for width in shape.widths:
        widest = max(widest, width)
    scratch32 = np.zeros((2, widest, GROUP))
    outputs = np.empty(targets.shape[0])
    scratch64 = np.empty(1 if signs_wanted else scratch_size(family, ints))
    evaluations = 0
    for c in range(n_chains):
        current = start_severities[c]
        for m in range(first_step, first_step + n_steps):
            state = starts[c] if m == first_step else states[c, m - 1]
            stream = stream_of(level, first_chain + c, m)
            random_words(key, stream, words)
            extra = words[d:]
            move = 0
            chance = unit_uniform(extra[MOVE])
            while move < N_MOVES - 1 and chance > move_weights[move]:
                chance -= move_weights[move]
                move += 1
            kind = pick = 0
            if move in (WALK, SCALING) and n_kinds > 1 and unit_uniform(extra[KIND]) > 0.5:
                # Half of the moves take all coordinates, half a kind of group at random.
                kind = 1 + int((2.0 * unit_uniform(extra[KIND]) - 1.0) * (n_kinds - 1))
                kind = min(kind, n_kinds - 1)
                pick = min(int(unit_uniform(extra[PICK]) * n_groups[kind]), n_groups[kind] - 1)
            row = groups[kind]
            tuning = kind if move == WALK else n_kinds + kind if move == SCALING else 2 * n_kinds
            steady = unit_uniform(extra[STEADY]) <= 0.5
            size = math.exp(log_sizes[tuning])
            fraction = unit_uniform(extra[SIZE])
            log_ratio = 0.0
            attempts = 1
            low, high, angle = -math.pi, math.pi, 0.0
            # Calls are inlined, so that each kernel is called in one place.
            if threshold == math.inf or move in (ELLIPTICAL, BOUNCING):
                afresh = threshold == math.inf or move == ELLIPTICAL
                fresh = trial if threshold == math.inf else momentum
                draw_prior(law if afresh else np.int64(NORMAL), words, fresh)
            if threshold == math.inf:
                pass
            elif move == WALK:
                rho = min(1.0, size * (0.5 + fraction)) if steady else size**fraction
                walk(law, row, pick, rho, words, state, trial)
            elif move == SCALING:
                members = 0
                for i in range(d):
                    members += row[i] == pick
                spread = size * SCALE_SPREAD / math.sqrt(max(members, 1))
                factor = spread * np.float64(normal_of_word(extra[SCALE]))
                log_ratio = scale_group(law, row, pick, factor, state, trial)
            elif move == ELLIPTICAL:
                # The first bracket is the whole ellipse, placed at random around the state.
                low = -2.0 * math.pi * unit_uniform(extra[STEADY])
                high = low + 2.0 * math.pi
                angle = low + (high - low) * fraction
                attempts = MAX_SHRINKS
            else:
                angle = size * (0.5 + fraction)
                attempts = 2 * LEAPS
                for i in range(d):
                    trial[i] = state[i]
            found = current
            inside = mirrored = False
            leaps = moved = 0
            for attempt in range(attempts):
                if threshold < math.inf:
                    if move == ELLIPTICAL:
                        rotate(angle, state, momentum, trial)
                    elif move == BOUNCING:
                        if not mirrored:
                            for i in range(d):
                                before[i], momentum_before[i] = trial[i], momentum[i]
                        flow(law, angle, trial, momentum)
                evaluations += 1
                if signs_wanted:
                    for i in range(d):
                        weights32[i] = np.float32(trial[i] * scales[i])
                    severity = sign_severity(
                        shape.widths, shape.bias, shape.code, shape.degree, shape.readout_code,
                        points.exact, points.n_points, np.float32(points.step), readout.tolerance,
                        signs, n_tiles, memory, at, weights32, doubtful, chosen_outputs, scratch32,
                    )  # fmt: skip
                else:
                    for i in range(d):
                        weights64[i] = trial[i] * scales[i]
                    severity = outputs_loss(
                        family, ints, floats, targets, n_points, weights64, outputs, scratch64
                    )  # fmt: skip
                if not math.isfinite(severity):
                    return -1
                inside = severity <= threshold
                if threshold == math.inf or move in (WALK, SCALING):
                    found = severity
                    break
                if move == ELLIPTICAL:
                    found = severity
                    if inside:
                        break
                    if angle < 0.0:
                        low = angle
                    else:
                        high = angle
                    angle = low + (high - low) * unit_uniform(extra[SHRINK + attempt])
                    continue
                if inside:
                    found = severity
                    # A step far outside is mirrored back to where it came from: that is no move.
                    moved += not mirrored
                elif not mirrored:
                    evaluations += 2
                    loss_pull_back(
                        family, ints, floats, targets, n_points, weights64, outputs, gradient,
                        scratch64,
                    )  # fmt: skip
                    for i in range(d):
                        gradient[i] *= scales[i]
                    bounce(gradient, momentum)
                    mirrored = True
                    continue
                else:
                    for i in range(d):
                        trial[i], momentum[i] = before[i], -momentum_before[i]
                mirrored = False
                inside = True
                leaps += 1
                if leaps == LEAPS:
                    break
            probability = acceptance(log_ratio) if inside else 0.0
            if move == SCALING and inside and unit_uniform(extra[TEST]) > probability:
                inside = False
            if move == BOUNCING:
                probability = moved / LEAPS
            if steady or move != WALK:
                counts[tuning, ACCEPTED] += probability
                counts[tuning, TRIED] += 1.0
            if inside:
                current = found
            for i in range(d):
                states[c, m, i] = trial[i] if inside else state[i]
            severities[c, m] = current
    return evaluations
