"""From draws to functions: weights, outputs, and the words that name what a draw expresses.

A draw is evaluated in float32. Outputs so near a boundary of the readout that rounding could
decide, and all outputs if one is not finite, are evaluated again in float64, and that decides.
"""

from __future__ import annotations

import math

import numpy as np

from ._jit import jit
from .forward_f32 import LIVE, OUTPUTS, SLACK, WEIGHTS, allocate, forward_f32, memory_map
from .forward_f64 import GROUP, forward_f64
from .hash128 import hash128
from .philox import random_words
from .readout import find_doubtful, pack_f32, pack_f64, quantise
from .tiles import TILE
from .variates import weights_of_words

TO_WORDS = 0
TO_FUNCTIONS = 1
TO_OUTPUTS = 2
TO_ERRORS = 3

OK = 0
NOT_FINITE = 1
TOO_LARGE = 2


@jit
def _all_finite(values):
    finite = True
    for value in values:
        finite &= math.isfinite(value)
    return finite


@jit
def _relative_error(approximate, exact):
    """Largest difference over the root mean square of the exact values."""
    worst = 0.0
    squares = 0.0
    for p in range(len(exact)):
        worst = max(worst, abs(approximate[p] - exact[p]))
        squares += exact[p] * exact[p]
    return worst / math.sqrt(squares / len(exact))


@jit(allocates=True)
def express(task, law, shape, points, readout, draws, words, values):
    """Do one task for every draw of a list.

    Parameters
    ----------
    task : int
        `TO_WORDS`: what is tallied, into `words`. `TO_FUNCTIONS`: packed bits or symbols, into
        `words`. `TO_OUTPUTS`: float64 outputs, into `values`. `TO_ERRORS`: error of float32 over
        the root mean square of the outputs, into ``values[:, 0]``.
    law, shape, points, readout : Law, Shape, Points, Readout
        The campaign.
    draws : int64[k]
        Indices of draws.
    words : uint64[k, any]
        Result of the first two tasks.
    values : float64[k, any]
        Result of the other two.

    Returns
    -------
    status : int
        `OK`, or why the first draw that failed did so.
    position : int
        Its position in `draws`, else -1.
    """
    seed, law_code, scales = law.seed, law.code, law.scales
    widths, bias, code, degree = shape.widths, shape.bias, shape.code, shape.degree
    exact, n_points = points.exact, points.n_points
    cube_step = np.float32(points.step)
    step, hashed, tolerance = readout.step, readout.hashed, readout.tolerance
    output_code = shape.output_code if task == TO_OUTPUTS else shape.readout_code

    n_tiles = len(points.live) // TILE
    at = memory_map(widths, n_tiles, len(scales))
    memory = allocate(at, points.tiles, points.live, points.slack)
    weights = memory[at[WEIGHTS] : at[WEIGHTS] + len(scales)]
    outputs = memory[at[OUTPUTS] : at[OUTPUTS] + n_points]
    random = np.empty(len(scales), dtype=np.uint32)
    scratch = np.zeros((2, max(widths), GROUP))
    everywhere = np.arange(n_points)
    doubtful = np.empty(n_points, dtype=np.int64)
    again = np.empty(n_points)
    final = np.empty(n_points)
    function = np.empty((n_points + 63) // 64 if step == 0.0 else n_points, dtype=np.uint64)

    for i in range(len(draws)):
        random_words(seed, draws[i], random)
        weights_of_words(law_code, random, scales, weights)
        if task != TO_OUTPUTS:
            forward_f32(
                widths, bias, code, degree, output_code, cube_step, n_tiles, memory, at
            )  # fmt: skip
        if task in (TO_OUTPUTS, TO_ERRORS):
            forward_f64(
                widths, bias, code, degree, output_code, exact, everywhere, weights, scratch, final
            )  # fmt: skip
            if task == TO_ERRORS:
                values[i, 0] = _relative_error(outputs, final)
                continue
            if not _all_finite(final):
                return NOT_FINITE, i
            for p in range(n_points):
                values[i, p] = final[p]
            continue
        n_doubtful = find_doubtful(
            memory, at[OUTPUTS], at[LIVE], at[SLACK], n_points, step, tolerance, doubtful
        )  # fmt: skip
        if n_doubtful == 0 and step == 0.0:
            pack_f32(memory, at[OUTPUTS], n_points, function)
        else:
            chosen = doubtful[:n_doubtful]
            forward_f64(
                widths, bias, code, degree, output_code, exact, chosen, weights, scratch, again
            )  # fmt: skip
            if not _all_finite(again[:n_doubtful]):
                return NOT_FINITE, i
            for p in range(n_points):
                final[p] = outputs[p]
            for j in range(n_doubtful):
                final[doubtful[j]] = again[j]
            if step == 0.0:
                pack_f64(final, function)
            elif not quantise(final, step, function):
                return TOO_LARGE, i
        if task == TO_WORDS and hashed:
            words[i, 0], words[i, 1] = hash128(function)
        else:
            for w in range(len(function)):
                words[i, w] = function[w]
    return OK, -1


@jit(allocates=True)
def weights_of(law, draws, weights):
    """Weights of a list of draws, into ``weights[k, d]``."""
    random = np.empty(len(law.scales), dtype=np.uint32)
    padded = np.empty(len(law.scales), dtype=np.float32)
    for i in range(len(draws)):
        random_words(law.seed, draws[i], random)
        weights_of_words(law.code, random, law.scales, padded)
        for p in range(weights.shape[1]):
            weights[i, p] = padded[p]
