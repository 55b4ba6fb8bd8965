"""From outputs to functions: packed bits or symbols, and which of them float32 may decide."""

from __future__ import annotations

import math

import numpy as np

from ._jit import jit
from .tiles import TILE, positive_bits, sum_of_squares, within_margin

# Below this sum of squares float32 underflows, and an output of 0 may not be one.
_SMALLEST = np.float32(1e-30)
_ZERO = np.float32(0.0)
# Beyond 2^52 neighbouring float64 lie more than half a step apart: no symbol is right.
_LARGEST = 2.0**52
_INFINITY = np.float32(np.inf)
_NONE = np.uint64(0)
_ONE = np.uint64(1)
_HALF_WORD = np.uint64(32)


@jit
def find_doubtful(memory, outputs, live, slack, n_points, step, tolerance, doubtful):
    """Points where a rounding error of float32 may have decided what the output expresses.

    Parameters
    ----------
    memory : float32 array
        The memory; `outputs`, `live` and `slack` are positions in it, of as many tiles each.
    n_points : int
        Points of the domain.
    step : float
        Step of the quantised readout, 0 for signs.
    tolerance : float
        Distance from a boundary that is enough, over the root mean square of the outputs; infinite
        where none is.
    doubtful : int64[n_points]
        Result: indices of the points, ascending; all of them if an output is not finite.

    Returns
    -------
    int
        How many there are.
    """
    n_tiles = (n_points + TILE - 1) // TILE
    squares = _ZERO
    for tile in range(n_tiles):
        squares += sum_of_squares(memory, outputs + tile * TILE, live + tile * TILE)
    # Written so that NaN and infinity fail.
    if not (squares > _SMALLEST and squares < _INFINITY and tolerance < np.inf):
        for p in range(n_points):
            doubtful[p] = p
        return n_points
    margin = tolerance * math.sqrt(squares / n_points)
    found = 0
    if step == 0.0:
        for tile in range(n_tiles):
            place = tile * TILE
            near = within_margin(memory, outputs + place, slack + place, np.float32(margin))
            if near:
                for p in range(TILE):
                    if (np.uint64(near) >> np.uint64(p)) & _ONE:
                        doubtful[found] = place + p
                        found += 1
    else:
        for p in range(n_points):
            ratio = memory[outputs + p] / step
            distance = (0.5 - abs(ratio - math.floor(ratio + 0.5))) * step
            if not distance > margin:
                doubtful[found] = p
                found += 1
    return found


@jit
def pack_f32(memory, outputs, n_points, function):
    """Bits of float32 outputs, the first point on top of word 0, unused bits 0."""
    for word in range(len(function)):
        function[word] = _NONE
    for tile in range((n_points + TILE - 1) // TILE):
        bits = np.uint64(positive_bits(memory, outputs + tile * TILE))
        function[tile // 2] |= bits << (_NONE if tile % 2 else _HALF_WORD)
    unused = np.uint64(64 * len(function) - n_points)
    last = len(function) - 1
    function[last] = (function[last] >> unused) << unused


@jit
def pack_f64(outputs, function):
    """The same from float64 outputs, one by one."""
    for word in range(len(function)):
        function[word] = _NONE
    for p in range(len(outputs)):
        if outputs[p] > 0.0:
            function[p // 64] |= _ONE << np.uint64(63 - p % 64)


@jit
def quantise(outputs, step, function):
    """Symbols floor(g / step + 1/2), as uint64; False if an output is too large to have one."""
    within = True
    for p in range(len(outputs)):
        ratio = outputs[p] / step
        if abs(ratio) < _LARGEST:
            function[p] = np.uint64(np.int64(math.floor(ratio + 0.5)))
        else:
            within = False
    return within
