"""Elliptical slices of one unit of a network, on sums and values that are kept.

The block is the incoming weights and the bias of one unit, in half of the moves of a hidden unit
its outgoing weights too. With z the block in coordinates that are standard normal under the prior,
and ν a fresh draw, all of z' = z cos θ + ν sin θ keep the prior (Murray, Adams, MacKay 2010, arXiv
1001.0175, fig. 2), and the slice is that part of the ellipse where the severity is at most the
threshold: θ is drawn from a bracket, the whole ellipse at first, that shrinks towards 0 with every
θ outside. No size is tuned.

What an angle costs. Sums of the unit are linear in its weights, so that under a normal law they
are a cos θ + b sin θ with a and b computed once; only what lies downstream is updated, the next
layer by the change of this one unit alone, the layers above by a pass.

A uniform law on [-1, 1] is the normal one through z = 2 Φ(x) - 1; there the sums are computed anew
at every angle.

- *Propose*: `propose_unit` sets the row of the unit and the layers above in the trial cache.
- *Update*: `keep_unit` takes them over into the cache, the weights and the state.
- *Undo*: nothing but the trial cache and the block was touched; `leave_unit` restores the block.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ._jit import jit
from .activation import RELU
from .cached import activate_cached, copy_rows, fill_layers
from .lowrank import add_combination
from .philox import random_words
from .severity import score_trial
from .variates import NORMAL, normal_of_word, unit_uniform

MAX_SHRINKS = 40

# Random words of a slice, before those of the block.
LAYER, UNIT, OUTGOING, TURN, ANGLE = 0, 1, 2, 3, 4
BLOCK = ANGLE + MAX_SHRINKS

_ROOT_HALF = math.sqrt(0.5)


class Block(NamedTuple):
    """A unit's parameters and what a slice of them needs.

    Fields: `place` int64[block], positions in the state; float64[block]: `old` and `partner`,
    coordinates that are normal under the prior, `new` and `before`, those of the trial and of the
    state, `spare`, weights; float64[points]: `sums` and `turned`, the unit's sums a and those b of
    the partner, 0 under a uniform law; float64[widest]: `before_above` and `after_above`, its
    outgoing weights.
    """

    place: np.ndarray
    old: np.ndarray
    partner: np.ndarray
    new: np.ndarray
    before: np.ndarray
    sums: np.ndarray
    turned: np.ndarray
    spare: np.ndarray
    before_above: np.ndarray
    after_above: np.ndarray
    words: np.ndarray


class Unit(NamedTuple):
    """Which unit: its layer, the rows of its layer and its own, where its weights and those of the
    next layer begin, and the numbers of its incoming and outgoing parameters."""

    layer: int
    number: int
    row_below: int
    row: int
    row_above: int
    first: int
    first_above: int
    n_incoming: int
    n_outgoing: int


@jit(fast=True, allocates=True)
def new_block(net):
    """Work for any unit of the network."""
    largest, widest = 0, 0
    n_layers, n_points = net.widths.shape[0] - 1, net.inputs.shape[1]
    for layer in range(1, n_layers + 1):
        n_incoming = net.widths[layer - 1] + net.bias
        widest = max(widest, net.widths[layer])
        largest = max(largest, n_incoming + (net.widths[layer + 1] if layer < n_layers else 0))
    return Block(
        np.empty(largest, dtype=np.int64), np.empty(largest), np.empty(largest), np.empty(largest),
        np.empty(largest), np.empty(n_points), np.zeros(n_points), np.empty(largest),
        np.empty(widest), np.empty(widest),
        np.empty(64 * ((largest + BLOCK + 63) // 64), dtype=np.uint32),
    )  # fmt: skip


@jit(fast=True)
def normal_coordinate(z):
    """x with 2 Φ(x) - 1 = z, for z in (-1, 1)."""
    size = abs(z)
    rest = 1.0 - size
    w = -math.log(rest * (1.0 + size))
    p = 1.25331412 + w * (0.44766429 + w * (0.0911701557 + w * (0.0125679751 + w * (
        1.14544698e-03 + w * (6.03458854e-05 + w * 1.98131878e-07)))))  # fmt: skip
    q = 1.0 + w * (0.095384711 + w * (0.0347410497 + w * (2.3218979e-03 + w * (
        2.51254717e-04 + w * 3.83374663e-06))))  # fmt: skip
    x = size * p / q
    for _ in range(2):  # Newton's steps for the upper tail, whose digits count
        slope = math.sqrt(2.0 / math.pi) * math.exp(-0.5 * x * x)
        x += (math.erfc(x * _ROOT_HALF) - rest) / slope
    return x if z > 0.0 else -x


@jit(fast=True)
def choose_unit(net, layer_edges, words):
    """The unit that the words pick: a layer by `layer_edges`, then a unit of it."""
    n_layers = net.widths.shape[0] - 1
    chance = unit_uniform(words[LAYER])
    layer, first, row_below = 1, 0, 0
    while layer < n_layers and chance > layer_edges[layer - 1]:
        first += (net.widths[layer - 1] + net.bias) * net.widths[layer]
        row_below += net.widths[layer - 1]
        layer += 1
    n_below, n_units = net.widths[layer - 1], net.widths[layer]
    number = min(int(unit_uniform(words[UNIT]) * n_units), n_units - 1)
    with_outgoing = layer < n_layers and unit_uniform(words[OUTGOING]) <= 0.5
    row_layer = row_below + n_below
    return Unit(
        layer, number, row_below, row_layer + number, row_layer + n_units, first,
        first + (n_below + net.bias) * n_units, n_below + net.bias,
        net.widths[layer + 1] if with_outgoing else 0,
    )  # fmt: skip


@jit(fast=True)
def load_block(law, net, unit, words, state, block):
    """Set places, coordinates and partner of the block."""
    n_below, n_units = net.widths[unit.layer - 1], net.widths[unit.layer]
    size = unit.n_incoming + unit.n_outgoing
    for k in range(n_below):
        block.place[k] = unit.first + unit.number * n_below + k
    if net.bias:
        block.place[n_below] = unit.first + n_units * n_below + unit.number
    for k in range(unit.n_outgoing):
        block.place[unit.n_incoming + k] = unit.first_above + k * n_units + unit.number
    for i in range(size):
        block.before[i] = state[block.place[i]]
    noise = words[BLOCK:]
    for i in range(size):
        block.partner[i] = normal_of_word(noise[i])
    if law == NORMAL:
        for i in range(size):
            block.old[i] = block.before[i]
    else:
        for i in range(size):
            block.old[i] = normal_coordinate(block.before[i])


@jit(fast=True)
def set_sums(net, unit, weights, cache, sums):
    """Set `sums` to those of the unit with the incoming `weights`, the bias last."""
    n_below = net.widths[unit.layer - 1]
    offset = weights[n_below] if net.bias else 0.0
    for p in range(sums.shape[0]):
        sums[p] = offset
    below = cache.values[unit.row_below : unit.row_below + n_below]
    add_combination(below, weights[:n_below], sums)


@jit(fast=True)
def turn_block(law, unit, cosine, sine, block, state):
    """Set the block of the state to the place on the ellipse at an angle."""
    for i in range(unit.n_incoming + unit.n_outgoing):
        x = cosine * block.old[i] + sine * block.partner[i]
        block.new[i] = x if law == NORMAL else math.erf(x * _ROOT_HALF)
        state[block.place[i]] = block.new[i]


@jit(fast=True)
def turn_row(code, degree, cosine, sine, block, row, trial):
    """Set the unit's row of the trial cache to the place of the ellipse at an angle."""
    kept, turned, sums, values = block.sums, block.turned, trial.sums, trial.values
    for p in range(sums.shape[1]):
        x = cosine * kept[p] + sine * turned[p]
        sums[row, p] = x
        values[row, p] = x if x > 0.0 else 0.0
    if code != RELU:
        activate_cached(code, degree, sums[row], values[row])


@jit(fast=True)
def change_values(code, degree, unit, n_above, block, cache, trial):
    """Set the values of the next layer in the trial cache: of the sums kept, less what the unit
    gave, plus what it gives. The sums themselves wait for `change_sums`."""
    kept, value, values = cache.sums, cache.values, trial.values
    unit_row, befores, afters = unit.row, block.before_above, block.after_above
    for k in range(n_above):
        row = unit.row_above + k
        before, after = befores[k], afters[k]
        for p in range(values.shape[1]):
            x = kept[row, p] + (after * values[unit_row, p] - before * value[unit_row, p])
            values[row, p] = x if code != RELU or x > 0.0 else 0.0
        if code != RELU:
            activate_cached(code, degree, values[row], values[row])


@jit(fast=True)
def change_sums(unit, n_above, block, cache, trial):
    """Change the sums of the next layer in the cache by what the unit gives in the trial."""
    kept, value, values = cache.sums, cache.values, trial.values
    unit_row, befores, afters = unit.row, block.before_above, block.after_above
    for k in range(n_above):
        row = unit.row_above + k
        before, after = befores[k], afters[k]
        for p in range(values.shape[1]):
            kept[row, p] += after * values[unit_row, p] - before * value[unit_row, p]


@jit(fast=True)
def propose_unit(target, unit, angle, state, memory, block):
    """Set the trial cache to the place of the ellipse at an angle, and the block of the state."""
    net, cache, trial = target.net, memory.cache, memory.trial
    n_layers = net.widths.shape[0] - 1
    cosine, sine = math.cos(angle), math.sin(angle)
    turn_block(target.law, unit, cosine, sine, block, state)
    code = net.output_code if unit.layer == n_layers else net.code
    if target.law != NORMAL:
        for i in range(unit.n_incoming):
            block.spare[i] = block.new[i] * target.scales[block.place[i]]
        set_sums(net, unit, block.spare, cache, block.sums)
        turn_row(code, net.degree, 1.0, 0.0, block, unit.row, trial)
    else:
        turn_row(code, net.degree, cosine, sine, block, unit.row, trial)
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
def keep_unit(target, unit, memory, block):
    """Take the trial over into the cache and the weights."""
    net, cache, trial = target.net, memory.cache, memory.trial
    if unit.layer < net.widths.shape[0] - 1:
        n_above = net.widths[unit.layer + 1]
        change_sums(unit, n_above, block, cache, trial)
        above = unit.row_above + n_above
        copy_rows(unit.row_above, above, trial.values, cache.values)
        copy_rows(above, cache.sums.shape[0], trial.sums, cache.sums)
        copy_rows(above, cache.sums.shape[0], trial.values, cache.values)
    copy_rows(unit.row, unit.row + 1, trial.sums, cache.sums)
    copy_rows(unit.row, unit.row + 1, trial.values, cache.values)
    for i in range(unit.n_incoming + unit.n_outgoing):
        place = block.place[i]
        memory.weights[place] = block.new[i] * target.scales[place]


@jit(fast=True)
def leave_unit(unit, block, state):
    """Put the block of the state back."""
    for i in range(unit.n_incoming + unit.n_outgoing):
        state[block.place[i]] = block.before[i]


@jit(fast=True)
def unit_work(net, unit, uniform):
    """Multiply-adds of starting a slice, and of one angle of it."""
    n_layers, n_points = net.widths.shape[0] - 1, net.inputs.shape[1]
    sums = unit.n_incoming * n_points
    angle = sums if uniform else n_points
    for layer in range(unit.layer, n_layers):
        n_below = 1 if layer == unit.layer else net.widths[layer] + net.bias
        angle += n_below * net.widths[layer + 1] * n_points
    return 0 if uniform else sums, angle


@jit(fast=True)
def slice_unit(target, threshold, layer_edges, words, state, memory, block):
    """One slice, in place; returns the severity reached and the work, or NaN if an output is."""
    net, law, cache, trial = target.net, target.law, memory.cache, memory.trial
    unit = choose_unit(net, layer_edges, words)
    load_block(law, net, unit, words, state, block)
    start_work, angle_work = unit_work(net, unit, law != NORMAL)
    if law == NORMAL:
        for p in range(block.sums.shape[0]):
            block.sums[p] = cache.sums[unit.row, p]
        for i in range(unit.n_incoming):
            block.spare[i] = block.partner[i] * target.scales[block.place[i]]
        set_sums(net, unit, block.spare, cache, block.turned)
    if unit.layer == net.widths.shape[0] - 1:
        # The other outputs.
        copy_rows(unit.row - unit.number, cache.sums.shape[0], cache.values, trial.values)
    low = -2.0 * math.pi * unit_uniform(words[TURN])
    high = low + 2.0 * math.pi
    for attempt in range(MAX_SHRINKS):
        angle = low + (high - low) * unit_uniform(words[ANGLE + attempt])
        propose_unit(target, unit, angle, state, memory, block)
        severity = score_trial(target, state, memory)
        start_work += angle_work
        if severity <= threshold or not math.isfinite(severity):
            keep_unit(target, unit, memory, block)
            return severity, start_work
        if angle < 0.0:
            low = angle
        else:
            high = angle
    leave_unit(unit, block, state)
    return -1.0, start_work


@jit(fast=True)
def slice_units(target, threshold, layer_edges, key, stream, n_slices, state, memory, block):
    """Slices of `n_slices` units, in place; the severity of the last that moved, -1 if none did.

    The cache must be that of the state. Slice i takes the random words of ``stream + 1 + i``.
    """
    words = block.words
    severity, work = -1.0, 0
    for i in range(n_slices):
        random_words(key, stream + 1 + i, words)
        found, spent = slice_unit(target, threshold, layer_edges, words, state, memory, block)
        work += spent
        if not math.isfinite(found):
            return found, work
        if found >= 0.0:
            severity = found
    return severity, work
