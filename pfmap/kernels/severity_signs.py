"""How far the signs of a network's outputs are from the wanted ones.

With y = ±1 the wanted sign at a point, 0 where any will do, g the outputs and κ >= 0 a margin

    s(w) = Σ_x max(0, κ - y_x g_x / rms(g)) / points.

It only orders: it is set to 0 exactly where no wanted bit is wrong by the strict rule of sampling,
and to at least `TIED` elsewhere, so that an output of 0 where a 1 is wanted counts as wrong.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ._jit import jit
from .cached import Cache, Net, fill_layers, new_cache, set_weights
from .forward_f64 import GROUP, forward_f64

TIED = 1e-12
"""Severity where only outputs of exactly 0 are wrong."""

ALL_ZERO = 1.0
"""Severity without margin where every output is 0 and some wanted bit is 1."""

DOUBTFUL = -1.0
"""What `score_signs` returns where rounding may have decided a bit."""

VANISHING = 1e-20
"""Sum of squares, over the largest one seen, below which outputs may be nothing but rounding."""


class SignTarget(NamedTuple):
    """Wanted signs of a network's outputs.

    Fields: `net`, with one output; `law` and `scales` float64[d] of the prior; `signs`
    float64[points]; `checked` float64[points], 1 where an output near 0 is decided anew, 0 where
    any sign will do or the output is 0 for every draw; `tolerance`, how near, over the root mean
    square; `margin` κ.
    """

    net: Net
    law: int
    scales: np.ndarray
    signs: np.ndarray
    checked: np.ndarray
    tolerance: float
    margin: float


class TiltedSigns(NamedTuple):
    """Wanted signs under a normal law of one's own in place of the prior (`move_tilted`).

    Fields: those of `SignTarget`; `centre` and `spread` float64[d] of the coordinates that are
    standard normal under the prior.
    """

    net: Net
    law: int
    scales: np.ndarray
    signs: np.ndarray
    checked: np.ndarray
    tolerance: float
    margin: float
    centre: np.ndarray
    spread: np.ndarray


class SignMemory(NamedTuple):
    """Work: two caches, weights in both precisions, and what settles a doubtful bit."""

    cache: Cache
    trial: Cache
    weights: np.ndarray
    rounded: np.ndarray
    peak: np.ndarray
    outputs: np.ndarray
    doubtful: np.ndarray
    chosen: np.ndarray
    scratch: np.ndarray


@jit(allocates=True)
def sign_memory(target):
    """Fresh work."""
    d, n_points = target.scales.shape[0], target.signs.shape[0]
    return SignMemory(
        new_cache(target.net, 0), new_cache(target.net, 2), np.empty(d),
        np.empty(d, dtype=np.float32), np.zeros(1), np.empty(n_points),
        np.empty(n_points, dtype=np.int64), np.empty(n_points),
        np.zeros((2, max(target.net.widths), GROUP)),
    )  # fmt: skip


@jit(fast=True)
def score_signs(target, outputs, peak):
    """Severity of outputs; `DOUBTFUL` where float64 in a fixed order must decide; NaN stays NaN."""
    n_points = outputs.shape[0]
    squares = 0.0
    for p in range(n_points):
        squares += outputs[p] * outputs[p]
    if not math.isfinite(squares):
        return math.nan
    peak[0] = max(peak[0], squares)
    if not squares > VANISHING * peak[0]:
        return DOUBTFUL
    rms = math.sqrt(squares / n_points)
    near, edge = target.tolerance * rms, target.margin * rms
    missed = wrong = close = 0.0
    signs, checked = target.signs, target.checked
    for p in range(n_points):
        output, sign = outputs[p], signs[p]
        missed += max(0.0, edge * abs(sign) - sign * output)
        wrong += abs(sign) if (output > 0.0) != (sign > 0.0) else 0.0
        close += checked[p] if abs(output) <= near else 0.0
    if close > 0.0:
        return DOUBTFUL
    if wrong == 0.0:
        return 0.0
    return max(missed / (rms * n_points), TIED)


@jit
def settle_signs(target, state, outputs, memory):
    """Severity where outputs are near 0: those are computed anew, as sampling does."""
    net, n_points = target.net, outputs.shape[0]
    squares = 0.0
    for p in range(n_points):
        squares += outputs[p] * outputs[p]
    near = math.inf
    if squares > VANISHING * memory.peak[0]:
        near = target.tolerance * math.sqrt(squares / n_points)
    found = 0
    for p in range(n_points):
        memory.outputs[p] = outputs[p]
        if abs(outputs[p]) <= near and (target.checked[p] > 0.0 or near == math.inf):
            memory.doubtful[found] = p
            found += 1
    for i in range(state.shape[0]):
        memory.rounded[i] = np.float32(state[i] * target.scales[i])
    forward_f64(
        net.widths, net.bias, net.code, net.degree, net.output_code, net.inputs,
        memory.doubtful[:found], memory.rounded, memory.scratch, memory.chosen,
    )  # fmt: skip
    for i in range(found):
        memory.outputs[memory.doubtful[i]] = memory.chosen[i]
    squares, wrong = 0.0, 0
    for p in range(n_points):
        output, sign = memory.outputs[p], target.signs[p]
        squares += output * output
        wrong += sign != 0.0 and (output > 0.0) != (sign > 0.0)
    if wrong == 0:
        return 0.0
    if squares == 0.0:
        return ALL_ZERO + target.margin
    rms = math.sqrt(squares / n_points)
    missed = 0.0
    for p in range(n_points):
        sign = target.signs[p]
        missed += max(0.0, target.margin * abs(sign) - sign * memory.outputs[p] / rms)
    return max(missed / n_points, TIED)


@jit
def trial_signs(target, state, memory):
    """Severity of the outputs in the trial cache, which are those at `state`."""
    outputs = memory.trial.values[memory.trial.values.shape[0] - 1]
    severity = score_signs(target, outputs, memory.peak)
    if severity == DOUBTFUL:
        severity = settle_signs(target, state, outputs, memory)
    return severity


@jit
def signs_at(target, state, memory):
    """Severity at standard coordinates."""
    set_weights(target.scales, state, memory.weights)
    fill_layers(target.net, memory.weights, np.int64(1), memory.trial)
    return trial_signs(target, state, memory)
