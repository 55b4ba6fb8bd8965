"""Groups of coordinates that a scaling move stretches, and blocks in which outputs are affine."""

from __future__ import annotations

import numpy as np

from pfmap.kernels.family import NETWORK, PROGRAM
from pfmap.kernels.gradient import FIRST_WIDTH
from pfmap.models.base import CompiledModel, LossModel
from pfmap.models.program_model import ProgramModel

MAX_BLOCK = 16
"""Parameters of the largest affine block: its decomposition costs their square times the points."""


def scaling_groups(model: LossModel, tangent: np.ndarray) -> np.ndarray:
    """Groups of the coordinates where `tangent`: all of x, each alone, and what the model joins.

    Networks join the parameters of a layer, those that enter a unit, and those that leave one;
    programs join those of a step and those that enter a unit.

    Parameters
    ----------
    model : LossModel
    tangent : ndarray of bool, shape (d,)
        Coordinates of the null space; the others belong to no group but the first.

    Returns
    -------
    ndarray of int64, shape (kinds, d)
        Number of the group of that kind which holds the coordinate, or -1. Kind 0 is all of x.

    Examples
    --------
    >>> from pfmap.models.network import network_model
    >>> model = network_model((1, 2, 1), np.ones((1, 1)), bias=False)
    >>> scaling_groups(model, np.ones(4, dtype=bool)).tolist()
    [[0, 0, 0, 0], [0, 1, 2, 3], [0, 0, 1, 1], [0, 1, 2, 2], [0, 0, 1, 2]]
    """
    d = len(tangent)
    kinds = [np.arange(d)]
    if isinstance(model, ProgramModel):
        kinds += [model.origins.step, model.origins.unit]
    if isinstance(model, CompiledModel) and model.is_network:
        kinds += _network_groups(model.ints, d)
    rows = [np.zeros(d, dtype=np.int64)]
    for kind in kinds:
        row = np.full(d, -1, dtype=np.int64)
        if tangent.any():
            row[tangent] = np.unique(kind[tangent], return_inverse=True)[1]
            rows.append(row)
    return np.array(rows)


def affine_blocks(model: LossModel) -> np.ndarray:
    """Blocks of parameters in which the outputs are affine while the others stay.

    Of a network or program with squared error and linear outputs that is the last layer, and every
    layer of a network if all units are linear. Blocks of one parameter or of more than 16 are left
    out, and so are models about which nothing is known.

    Parameters
    ----------
    model : LossModel

    Returns
    -------
    ndarray of int64, shape (blocks, d)
        1 for the parameters of the block, else 0.

    Examples
    --------
    >>> from pfmap.models.network import network_model
    >>> affine_blocks(network_model((1, 2, 1), np.ones((1, 1)), activation="tanh")).tolist()
    [[0, 0, 0, 0, 1, 1, 1]]
    """
    d = model.n_parameters
    found: list[np.ndarray] = []
    if isinstance(model, ProgramModel) and model.family == PROGRAM:
        first, stop = model.last_block
        block = np.zeros(d, dtype=np.int64)
        if model.ranges[0][0] == "linear":
            block[first:stop] = 1
        if 1 < block.sum() <= MAX_BLOCK and block.sum() < d:
            found = [block]
    elif (
        isinstance(model, CompiledModel)
        and model.family == NETWORK
        and model.output_facts.pieces == "linear"
    ):
        layers = _network_groups(model.ints, d)[0]
        n_layers = int(model.ints[0])
        first = 0 if model.hidden_facts.pieces == "linear" else n_layers - 1
        blocks = ((layers == layer).astype(np.int64) for layer in range(first, n_layers))
        found = [block for block in blocks if 1 < block.sum() <= MAX_BLOCK and block.sum() < d]
    return np.array(found, dtype=np.int64).reshape(len(found), d)


def _network_groups(ints: np.ndarray, d: int) -> list[np.ndarray]:
    """Layer, unit that is entered, and unit that is left, of every parameter."""
    layers, entered, left = (np.empty(d, dtype=np.int64) for _ in range(3))
    position = n_entered = n_left = 0
    has_bias = bool(ints[2])
    for layer in range(int(ints[0])):
        below, units = (int(width) for width in ints[FIRST_WIDTH + layer : FIRST_WIDTH + layer + 2])
        size = below * units
        stop = position + size + units * has_bias
        layers[position:stop] = layer
        entered[position : position + size] = n_entered + np.repeat(np.arange(units), below)
        left[position : position + size] = n_left + np.tile(np.arange(below), units)
        if has_bias:  # a bias leaves no unit: the group of the whole layer's biases
            entered[position + size : stop] = n_entered + np.arange(units)
            left[position + size : stop] = n_left + below
        position, n_entered, n_left = stop, n_entered + units, n_left + below + has_bias
    return [layers, entered, left]
