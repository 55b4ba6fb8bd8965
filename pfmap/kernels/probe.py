"""The parts of sampling one by one, to tell where its time goes: the same code as in `express`."""

from __future__ import annotations

import numpy as np

from ._jit import jit
from .forward_f32 import LIVE, OUTPUTS, SLACK, WEIGHTS, allocate, forward_f32, memory_map
from .philox import random_words
from .readout import find_doubtful, pack_f32
from .tiles import TILE
from .variates import weights_of_words

RANDOM = 0
LAW = 1
FORWARD = 2
READ = 3


@jit(allocates=True)
def repeat_part(part, times, law, shape, points, readout):
    """Do one part of sampling `times` times over, with the weights of draw 0; sum of a few bits.

    Parameters
    ----------
    part : int
        `RANDOM`: random words. `LAW`: words to weights. `FORWARD`: outputs in float32. `READ`:
        outputs near a boundary found, and bits packed.
    times : int
        Repetitions.
    law, shape, points, readout : Law, Shape, Points, Readout
        The campaign.
    """
    n_tiles, n_points = len(points.live) // TILE, points.n_points
    at = memory_map(shape.widths, n_tiles, len(law.scales))
    memory = allocate(at, points.tiles, points.live, points.slack)
    weights = memory[at[WEIGHTS] : at[WEIGHTS] + len(law.scales)]
    random = np.empty(len(law.scales), dtype=np.uint32)
    doubtful = np.empty(n_points, dtype=np.int64)
    function = np.empty((n_points + 63) // 64, dtype=np.uint64)
    random_words(law.seed, np.int64(0), random)
    weights_of_words(law.code, random, law.scales, weights)
    step = np.float32(points.step)
    seen = np.uint64(0)
    # The first round fills in what later parts read.
    for i in range(times + 1):
        if part == RANDOM:
            random_words(law.seed, np.int64(i), random)
            seen ^= np.uint64(random[0])
        if part == LAW:
            weights_of_words(law.code, random, law.scales, weights)
            random[0] ^= np.uint32(i)
        if part == FORWARD or i == 0:
            forward_f32(
                shape.widths, shape.bias, shape.code, shape.degree, shape.readout_code, step,
                n_tiles, memory, at,
            )  # fmt: skip
            weights[0] = -weights[0]
        if part == READ:
            seen ^= np.uint64(find_doubtful(
                memory, at[OUTPUTS], at[LIVE], at[SLACK], n_points, readout.step,
                readout.tolerance, doubtful,
            ))  # fmt: skip
            pack_f32(memory, at[OUTPUTS], n_points, function)
            seen ^= function[0]
    return seen
