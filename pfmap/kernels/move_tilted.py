"""Slices of units under a normal law of one's own in place of the prior.

The law makes the coordinates that are standard normal under the prior independent and normal, with
a centre and a spread each. A slice is that of `move_units` around the centre: with z the block from
its centre c and ν a draw of the law from it, the ellipse is c + z cos θ + ν sin θ, and under a
normal prior the sums of the unit on it are those of c plus a cos θ + b sin θ.

The functions differ from those of `move_units` by the centre alone. They stand apart so that the
machine code of splittings from the prior, whose rounding decides their chains, stays as it is.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ._jit import jit
from .cached import activate_row, copy_rows, fill_layers
from .move_units import (
    ANGLE,
    MAX_SHRINKS,
    TURN,
    Block,
    change_values,
    choose_unit,
    keep_unit,
    leave_unit,
    load_block,
    new_block,
    set_sums,
    unit_work,
)
from .philox import random_words
from .severity_signs import trial_signs
from .variates import NORMAL, unit_uniform

_ROOT_HALF = math.sqrt(0.5)


class TiltedBlock(NamedTuple):
    """A unit's block, and `middle` float64[points], its sums at the centre, 0 under a uniform
    prior."""

    block: Block
    middle: np.ndarray


@jit(allocates=True)
def tilted_block(target):
    """Work for any unit."""
    return TiltedBlock(new_block(target.net), np.zeros(target.net.inputs.shape[1]))


@jit(fast=True)
def load_tilted(target, unit, words, state, block):
    """Set the block, with the old coordinates and the partner from the centre."""
    load_block(target.law, target.net, unit, words, state, block)
    for i in range(unit.n_incoming + unit.n_outgoing):
        place = block.place[i]
        block.old[i] -= target.centre[place]
        block.partner[i] *= target.spread[place]


@jit(fast=True)
def propose_tilted(target, unit, angle, state, memory, tilted):
    """Set the trial cache to the place of the ellipse at an angle, and the block of the state."""
    net, cache, trial, block = target.net, memory.cache, memory.trial, tilted.block
    n_layers, row = net.widths.shape[0] - 1, unit.row
    cosine, sine = math.cos(angle), math.sin(angle)
    for i in range(unit.n_incoming + unit.n_outgoing):
        place = block.place[i]
        x = target.centre[place] + cosine * block.old[i] + sine * block.partner[i]
        block.new[i] = x if target.law == NORMAL else math.erf(x * _ROOT_HALF)
        state[place] = block.new[i]
    code = net.output_code if unit.layer == n_layers else net.code
    if target.law == NORMAL:
        middle, kept, turned, sums = tilted.middle, block.sums, block.turned, trial.sums
        for p in range(sums.shape[1]):
            sums[row, p] = middle[p] + cosine * kept[p] + sine * turned[p]
    else:
        for i in range(unit.n_incoming):
            block.spare[i] = block.new[i] * target.scales[block.place[i]]
        set_sums(net, unit, block.spare, cache, trial.sums[row])
    activate_row(code, net.degree, trial.sums[row], trial.values[row])
    if unit.layer == n_layers:
        return
    n_units, n_above = net.widths[unit.layer], net.widths[unit.layer + 1]
    for k in range(n_above):
        place = unit.first_above + k * n_units + unit.number
        block.before_above[k] = memory.weights[place]
        block.after_above[k] = state[place] * target.scales[place]
    code = net.output_code if unit.layer + 1 == n_layers else net.code
    change_values(code, net.degree, unit, n_above, block, cache, trial)
    if unit.layer + 1 < n_layers:
        fill_layers(net, memory.weights, unit.layer + 2, trial)


@jit(fast=True)
def start_sums(target, unit, cache, tilted):
    """Set the sums of the centre, and from it those of the block and of its partner."""
    block, middle = tilted.block, tilted.middle
    for i in range(unit.n_incoming):
        block.spare[i] = target.centre[block.place[i]] * target.scales[block.place[i]]
    set_sums(target.net, unit, block.spare, cache, middle)
    for p in range(middle.shape[0]):
        block.sums[p] = cache.sums[unit.row, p] - middle[p]
    for i in range(unit.n_incoming):
        block.spare[i] = block.partner[i] * target.scales[block.place[i]]
    set_sums(target.net, unit, block.spare, cache, block.turned)


@jit(fast=True)
def slice_tilted(target, threshold, layer_edges, words, state, memory, tilted):
    """One slice, in place; returns the severity reached and the work, or NaN if an output is."""
    net, cache, block = target.net, memory.cache, tilted.block
    unit = choose_unit(net, layer_edges, words)
    load_tilted(target, unit, words, state, block)
    work, angle_work = unit_work(net, unit, target.law != NORMAL)
    if target.law == NORMAL:
        start_sums(target, unit, cache, tilted)
        work *= 2
    if unit.layer == net.widths.shape[0] - 1:
        # The other outputs.
        copy_rows(unit.row - unit.number, cache.sums.shape[0], cache.values, memory.trial.values)
    low = -2.0 * math.pi * unit_uniform(words[TURN])
    high = low + 2.0 * math.pi
    for attempt in range(MAX_SHRINKS):
        angle = low + (high - low) * unit_uniform(words[ANGLE + attempt])
        propose_tilted(target, unit, angle, state, memory, tilted)
        severity = trial_signs(target, state, memory)
        work += angle_work
        if severity <= threshold or not math.isfinite(severity):
            keep_unit(target, unit, memory, block)
            return severity, work
        if angle < 0.0:
            low = angle
        else:
            high = angle
    leave_unit(unit, block, state)
    return -1.0, work


@jit(fast=True)
def slice_tilted_units(
    target, threshold, layer_edges, key, stream, n_slices, state, memory, tilted
):
    """As `slice_units` of `move_units`."""
    words = tilted.block.words
    severity, work = -1.0, 0
    for i in range(n_slices):
        random_words(key, stream + 1 + i, words)
        found, spent = slice_tilted(target, threshold, layer_edges, words, state, memory, tilted)
        work += spent
        if not math.isfinite(found):
            return found, work
        if found >= 0.0:
            severity = found
    return severity, work
