"""Markov chains that keep the prior restricted to {w : severity(w) <= t}, for one level t.

Coordinates are standard, z = w / scale. Every step makes one move, drawn at random by the weights
of the moves:

- WALK (`move_walk`), of all coordinates or of one group. Half of the steps have a size near the
  adapted one, half log-uniform between it and 1: no single size fits narrow and wide parts.
- UNITS (`move_units`): elliptical slices of some units of a network, one after the other.
- SCALING (`move_scaling`) and BOUNCING (`move_bouncing`): losses only.

A step depends on (key, level, chain, step) and the state alone, to rounding: what is kept of a
network is computed afresh where a call begins, and after every other move.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ._jit import jit
from .metropolis import acceptance
from .move_scaling import SPREAD, scale_group
from .move_walk import draw_prior, walk
from .moves import block_of, bounces, refresh, slices
from .philox import random_words
from .severity import memory_of, severity_at, work_of
from .variates import NORMAL, normal_of_word, unit_uniform

WALK, UNITS, SCALING, BOUNCING = 0, 1, 2, 3
N_MOVES = 4

# Random words of a step after those of the coordinates.
MOVE, KIND, PICK, SIZE, STEADY, TEST, SCALE = 0, 1, 2, 3, 4, 5, 6
N_WORDS = SCALE + 1

# Columns of the counts.
ACCEPTED, TRIED = 0, 1


class Moves(NamedTuple):
    """How a state moves.

    Fields: `weights` float64[4], probabilities of WALK, UNITS, SCALING, BOUNCING, which add up to
    1; `log_sizes` float64[2 kinds + 1], log of the sizes of WALK for every kind of group, of the
    spreads of SCALING, and of the angle of BOUNCING; `groups` int64[kinds, d], the group of each
    kind that holds a coordinate, or -1, kind 0 being all coordinates; `n_groups` int64[kinds];
    `slices`, units of one step; `layer_edges` float64[L], chances of the layers up to each one.
    """

    weights: np.ndarray
    log_sizes: np.ndarray
    groups: np.ndarray
    n_groups: np.ndarray
    slices: int
    layer_edges: np.ndarray


class Stretch(NamedTuple):
    """Which steps are made: `key` and `level`, names of the random numbers; the first of the
    chains; the steps. Work is made `anew` at every step where it is 1."""

    key: np.uint64
    level: int
    first_chain: int
    first_step: int
    n_steps: int
    anew: int


class Chains(NamedTuple):
    """States: `starts` float64[chains, d] and `start_severities` float64[chains], inside the set;
    results `states` float64[chains, steps, d], `severities` float64[chains, steps], the state after
    every step, in the columns of the steps made; `counts` float64[2 kinds + 1, 2], to which
    acceptances and tries are added."""

    starts: np.ndarray
    start_severities: np.ndarray
    states: np.ndarray
    severities: np.ndarray
    counts: np.ndarray


class Spare(NamedTuple):
    """Work of a step: random words, a state, a momentum, and float64[3, d]."""

    words: np.ndarray
    trial: np.ndarray
    momentum: np.ndarray
    path: np.ndarray


@jit(inline=True)
def stream_of(level, chain, step):
    """Name of the random numbers of one step: 14 bits of level, 24 of chain, 24 of step."""
    return (np.int64(level) * 16777216 + np.int64(chain)) * 16777216 + np.int64(step)


@jit(allocates=True)
def advance_splitting(target, threshold, moves, stretch, chains):
    """Run some chains of one level.

    Parameters
    ----------
    target : SignTarget, NetworkLoss or ModelLoss
        The severity, the law and the scales.
    threshold : float
        t; infinity draws every state afresh from the prior.
    moves, stretch, chains : Moves, Stretch, Chains

    Returns
    -------
    int
        Work, in the unit of `work_of`; -1 if an output was NaN or infinite.
    """
    d = chains.states.shape[2]
    spare = Spare(
        np.empty(64 * ((d + N_WORDS) // 64 + 1), dtype=np.uint32), np.empty(d), np.empty(d),
        np.empty((3, d)),
    )  # fmt: skip
    memory, block = memory_of(target), block_of(target)
    return _advance(target, threshold, moves, stretch, chains, memory, block, spare)


@jit
def _advance(target, threshold, moves, stretch, chains, memory, block, spare):
    """The loop of `advance_splitting`; the last three arguments are working memory."""
    d = chains.states.shape[2]
    law, n_kinds = target.law, moves.groups.shape[0]
    words, trial = spare.words, spare.trial
    # Slices need none of the words of the coordinates.
    last_group = (d + MOVE) // 64
    names = 1 if threshold == math.inf else 1 + moves.slices
    work = 0
    for c in range(chains.states.shape[0]):
        current = chains.start_severities[c]
        stale = True
        for m in range(stretch.first_step, stretch.first_step + stretch.n_steps):
            state = chains.starts[c] if m == stretch.first_step else chains.states[c, m - 1]
            stream = stream_of(stretch.level, stretch.first_chain + c, m * names)
            random_words(stretch.key, stream, words, last_group)
            extra = words[d:]
            move = 0
            chance = unit_uniform(extra[MOVE])
            while move < N_MOVES - 1 and chance > moves.weights[move]:
                chance -= moves.weights[move]
                move += 1
            if last_group > 0 and (move != UNITS or threshold == math.inf):
                random_words(stretch.key, stream, words)
            kind = pick = 0
            if move in (WALK, SCALING) and n_kinds > 1 and unit_uniform(extra[KIND]) > 0.5:
                # Half of the moves take all coordinates, half a kind of group at random.
                kind = 1 + int((2.0 * unit_uniform(extra[KIND]) - 1.0) * (n_kinds - 1))
                kind = min(kind, n_kinds - 1)
                n_groups = moves.n_groups[kind]
                pick = min(int(unit_uniform(extra[PICK]) * n_groups), n_groups - 1)
            row = moves.groups[kind]
            tuning = kind if move == WALK else n_kinds + kind if move == SCALING else 2 * n_kinds
            steady = unit_uniform(extra[STEADY]) <= 0.5
            size = math.exp(moves.log_sizes[tuning])
            fraction = unit_uniform(extra[SIZE])
            probability, log_ratio, found = 0.0, 0.0, -1.0
            for i in range(d):
                trial[i] = state[i]
            if threshold == math.inf:
                draw_prior(law, words, trial)
            elif move == UNITS:
                stale = stale or stretch.anew > 0
                refresh(target, state, stale, memory)
                if stale:
                    work += work_of(target)
                    stale = False
                found, spent = slices(
                    target, threshold, moves.layer_edges, stretch.key, stream, moves.slices, trial,
                    memory, block,
                )  # fmt: skip
                work += spent
            elif move == WALK:
                rho = min(1.0, size * (0.5 + fraction)) if steady else size**fraction
                walk(law, row, pick, rho, words, state, trial)
            elif move == SCALING:
                members = 0
                for i in range(d):
                    members += row[i] == pick
                spread = size * SPREAD / math.sqrt(max(members, 1))
                factor = spread * np.float64(normal_of_word(extra[SCALE]))
                log_ratio = scale_group(law, row, pick, factor, state, trial)
            else:
                draw_prior(np.int64(NORMAL), words, spare.momentum)
                angle = size * (0.5 + fraction)
                found, probability, spent = bounces(
                    target, threshold, angle, memory, trial, spare.momentum, spare.path
                )
                work += spent
                stale = True
            if threshold == math.inf or move in (WALK, SCALING):
                found = severity_at(target, trial, memory)
                work += work_of(target)
                inside = found <= threshold
                if move == SCALING and threshold < math.inf:
                    probability = acceptance(log_ratio) if inside else 0.0
                    inside = inside and unit_uniform(extra[TEST]) <= probability
                else:
                    probability = 1.0 if inside else 0.0
            else:
                inside = found >= 0.0
            if not math.isfinite(found):
                return -1
            if move in (SCALING, BOUNCING) or (move == WALK and steady):
                chains.counts[tuning, ACCEPTED] += probability
                chains.counts[tuning, TRIED] += 1.0
            if inside:
                current = found
                stale = stale or move != UNITS
            for i in range(d):
                chains.states[c, m, i] = trial[i] if inside else state[i]
            chains.severities[c, m] = current
    return work
