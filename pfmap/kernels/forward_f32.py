"""Outputs of a network on every point, in float32, with the same bits on every CPU.

All layers are computed for one tile of points before the next, so that activations stay in the
first-level cache. On the Boolean cube the first layer costs one addition a point: the inputs of
tile t differ from those of tile 0 in the leading bits only, by the same amount at each point.
"""

from __future__ import annotations

import numpy as np

from ._jit import jit
from .activation import LINEAR, RELU, activate_run
from .tiles import TILE, dense1, dense2, dense4, dense8, shift_tile

_ZERO = np.float32(0.0)
_NO_FLOOR = np.float32(-np.inf)

# Parts of the memory: entries of the array of positions from `memory_map`.
WEIGHTS = 0
NO_BIAS = 1
INPUTS = 2
LIVE = 3
SLACK = 4
EVEN = 5
ODD = 6
FIRST = 7
DIFFERENCES = 8
OUTPUTS = 9
_SIZE = 10


@jit(allocates=True)
def memory_map(widths, n_tiles, n_weights):
    """Where each part of the memory begins, int64[11]; the last entry is its length."""
    widest = 1
    for width in widths:
        widest = max(widest, width)
    sizes = np.zeros(_SIZE, dtype=np.int64)
    sizes[WEIGHTS] = n_weights
    sizes[NO_BIAS] = widest
    sizes[INPUTS] = n_tiles * widths[0] * TILE
    sizes[LIVE] = n_tiles * TILE
    sizes[SLACK] = n_tiles * TILE
    sizes[EVEN] = widest * TILE
    sizes[ODD] = widest * TILE
    sizes[FIRST] = widths[1] * TILE
    sizes[DIFFERENCES] = widths[1] * n_tiles
    sizes[OUTPUTS] = n_tiles * TILE
    at = np.zeros(_SIZE + 1, dtype=np.int64)
    for part in range(_SIZE):
        at[part + 1] = at[part] + (sizes[part] + 15) // 16 * 16
    return at


@jit(allocates=True)
def allocate(at, tiles, live, slack):
    """The memory, float32, with what all draws share filled in and zeros elsewhere.

    It begins at a multiple of 64 bytes: wide vectors across two cache lines cost twice.
    """
    buffer = np.zeros(at[_SIZE] + 16, dtype=np.float32)
    skip = (-(buffer.ctypes.data // 4)) % 16
    memory = buffer[skip : skip + at[_SIZE]]
    for i in range(len(tiles)):
        memory[at[INPUTS] + i] = tiles[i]
    for i in range(len(live)):
        memory[at[LIVE] + i] = live[i]
        memory[at[SLACK] + i] = slack[i]
    return memory


@jit
def _dense(memory, w, b, x, n_below, units, y, floor):
    """Pre-activations of one layer on one tile, not below `floor`, at `y`."""
    u = 0
    while u + 8 <= units:
        dense8(memory, w + u * n_below, b + u, x, n_below, y + u * TILE, floor)
        u += 8
    if u + 4 <= units:
        dense4(memory, w + u * n_below, b + u, x, n_below, y + u * TILE, floor)
        u += 4
    if u + 2 <= units:
        dense2(memory, w + u * n_below, b + u, x, n_below, y + u * TILE, floor)
        u += 2
    if u < units:
        dense1(memory, w + u * n_below, b + u, x, n_below, y + u * TILE, floor)


@jit
def _cube_differences(memory, w, d, n_inputs, units, n_tiles, step):
    """What the first layer adds between tile 0 and tile t for unit u, at ``d + t * units + u``."""
    for u in range(units):
        memory[d + u] = _ZERO
    known = 1
    column = n_inputs - 6
    while known < n_tiles:
        for u in range(units):
            change = memory[w + u * n_inputs + column] * step
            for t in range(known):
                memory[d + (known + t) * units + u] = memory[d + t * units + u] + change
        known *= 2
        column -= 1


@jit
def forward_f32(widths, bias, code, degree, output_code, step, n_tiles, memory, at):
    """Outputs of one network in float32, into the part `OUTPUTS` of the memory.

    Parameters
    ----------
    widths : int64[L + 1]
        Units of every layer.
    bias : int
        1 if layers have biases, else 0.
    code, degree, output_code : int
        Hidden activation, exponent of ``monomial``, activation of the output unit.
    step : float32
        Distance between the two values of an input on a Boolean cube in counting order, else 0.
    n_tiles : int
        Tiles of the domain.
    memory : float32 array
        From `allocate`; the part `WEIGHTS` holds, for every layer, the weights, row by row, then
        the biases.
    at : int64[11]
        From `memory_map`.
    """
    n_layers = len(widths) - 1
    n_inputs = widths[0]
    cube = step > _ZERO and n_tiles > 1
    if cube:
        b = at[WEIGHTS] + n_inputs * widths[1] if bias else at[NO_BIAS]
        _dense(
            memory, at[WEIGHTS], b, at[INPUTS], n_inputs, widths[1], at[FIRST], _NO_FLOOR
        )  # fmt: skip
        _cube_differences(
            memory, at[WEIGHTS], at[DIFFERENCES], n_inputs, widths[1], n_tiles, step
        )  # fmt: skip
    for tile in range(n_tiles):
        w = at[WEIGHTS]
        x = at[INPUTS] + tile * n_inputs * TILE
        for layer in range(n_layers):
            n_below, units = widths[layer], widths[layer + 1]
            last = layer == n_layers - 1
            layer_code = output_code if last else code
            floor = _ZERO if layer_code == RELU else _NO_FLOOR
            y = at[OUTPUTS] + tile * TILE if last else at[ODD] if layer % 2 else at[EVEN]
            b = w + n_below * units if bias else at[NO_BIAS]
            if layer == 0 and cube:
                d = at[DIFFERENCES] + tile * units
                for u in range(units):
                    shift_tile(memory, at[FIRST] + u * TILE, memory[d + u], y + u * TILE, floor)
            else:
                _dense(memory, w, b, x, n_below, units, y, floor)
            if layer_code not in (RELU, LINEAR):
                activate_run(layer_code, degree, memory[y : y + units * TILE])
            x = y
            w += n_below * units + (units if bias else 0)
