"""Wanted signs of the outputs of any compiled model, with the severity of `severity_signs`.

The float64 outputs of the model's own kernel decide every bit: there is no second precision.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ._jit import jit
from .cached import set_weights
from .family import model_outputs, scratch_size
from .severity_losses import ModelMemory
from .severity_signs import ALL_ZERO, TIED


class ModelSigns(NamedTuple):
    """Wanted signs of the outputs of a model of `family`.

    Fields: `law` and `scales` float64[d] of the prior; `signs` float64[outputs], ±1, or 0 where any
    will do; `margin` κ.
    """

    family: int
    ints: np.ndarray
    floats: np.ndarray
    law: int
    scales: np.ndarray
    signs: np.ndarray
    margin: float


@jit(allocates=True)
def model_signs_memory(target):
    """Fresh work."""
    return ModelMemory(
        np.empty(target.scales.shape[0]), np.empty(target.signs.shape[0]),
        np.empty(scratch_size(target.family, target.ints)),
    )  # fmt: skip


@jit
def model_signs_at(target, state, memory):
    """Severity at standard coordinates; NaN if an output is, or is infinite."""
    set_weights(target.scales, state, memory.weights)
    outputs, n_outputs = memory.outputs, target.signs.shape[0]
    model_outputs(
        target.family, target.ints, target.floats, memory.weights, outputs, memory.scratch
    )
    squares, wrong = 0.0, 0
    for i in range(n_outputs):
        output, sign = outputs[i], target.signs[i]
        squares += output * output
        wrong += sign != 0.0 and (output > 0.0) != (sign > 0.0)
    if not math.isfinite(squares):
        return math.nan
    if wrong == 0:
        return 0.0
    if squares == 0.0:
        return ALL_ZERO + target.margin
    rms = math.sqrt(squares / n_outputs)
    missed = 0.0
    for i in range(n_outputs):
        sign = target.signs[i]
        missed += max(0.0, target.margin * abs(sign) - sign * outputs[i] / rms)
    return max(missed / n_outputs, TIED)
