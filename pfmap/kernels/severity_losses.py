"""The loss K(w) of a compiled model as a severity: networks, whose layers are kept, and others."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ._jit import jit
from .bernoulli import divergence_slope
from .cached import Cache, Net, fill_layers, new_cache, set_weights
from .family import BERNOULLI, loss_gradient, outputs_loss, scratch_size


class ModelLoss(NamedTuple):
    """Loss of a model of `family`, with the `law` and the `scales` of its prior."""

    family: int
    ints: np.ndarray
    floats: np.ndarray
    targets: np.ndarray
    n_points: int
    law: int
    scales: np.ndarray


class NetworkLoss(NamedTuple):
    """Loss of a network: as `ModelLoss`, and the network itself in `net`."""

    family: int
    ints: np.ndarray
    floats: np.ndarray
    targets: np.ndarray
    n_points: int
    law: int
    scales: np.ndarray
    net: Net


class ModelMemory(NamedTuple):
    """Work of any model."""

    weights: np.ndarray
    outputs: np.ndarray
    scratch: np.ndarray


class NetworkMemory(NamedTuple):
    """Work of a network: two caches and what its gradient needs."""

    cache: Cache
    trial: Cache
    weights: np.ndarray
    scratch: np.ndarray


@jit(allocates=True)
def model_memory(target):
    """Fresh work."""
    return ModelMemory(
        np.empty(target.scales.shape[0]), np.empty(target.targets.shape[0]),
        np.empty(scratch_size(target.family, target.ints)),
    )  # fmt: skip


@jit(allocates=True)
def network_memory(target):
    """Fresh work."""
    return NetworkMemory(
        new_cache(target.net, 0), new_cache(target.net, 2), np.empty(target.scales.shape[0]),
        np.empty(scratch_size(target.family, target.ints)),
    )  # fmt: skip


@jit
def model_loss_at(target, state, memory):
    """K at standard coordinates; NaN or infinite if an output is."""
    set_weights(target.scales, state, memory.weights)
    return outputs_loss(
        target.family, target.ints, target.floats, target.targets, target.n_points, memory.weights,
        memory.outputs, memory.scratch,
    )  # fmt: skip


@jit(fast=True)
def score_outputs(target, outputs):
    """K of a network's outputs, [output, point]; NaN or infinite if one is."""
    n_outputs, n_points = outputs.shape
    loss = 0.0
    for o in range(n_outputs):
        wanted = target.targets[o * n_points : (o + 1) * n_points]
        row = outputs[o]
        if target.family == BERNOULLI:
            for p in range(n_points):
                loss += 2.0 * divergence_slope(row[p], wanted[p])[0]
        else:
            for p in range(n_points):
                residual = row[p] - wanted[p]
                loss += residual * residual
    return 0.5 * loss / n_points


@jit
def trial_loss(target, state, memory):
    """K of the outputs in the trial cache; NaN or infinite if one is."""
    first = memory.trial.values.shape[0] - target.net.widths[target.net.widths.shape[0] - 1]
    return score_outputs(target, memory.trial.values[first:])


@jit
def network_loss_at(target, state, memory):
    """K at standard coordinates, the layers in the trial cache; NaN or infinite if an output is."""
    set_weights(target.scales, state, memory.weights)
    fill_layers(target.net, memory.weights, np.int64(1), memory.trial)
    return trial_loss(target, state, memory)


@jit
def loss_gradient_at(target, state, memory, gradient):
    """Set `gradient` to that of K by standard coordinates."""
    set_weights(target.scales, state, memory.weights)
    loss = loss_gradient(
        target.family, target.ints, target.floats, target.targets, memory.weights, gradient,
        memory.scratch,
    )  # fmt: skip
    for i in range(state.shape[0]):
        gradient[i] *= target.scales[i]
    return math.isfinite(loss)
