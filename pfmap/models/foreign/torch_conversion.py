"""The conversion of a module: which model it becomes, and how that is held against PyTorch."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from pfmap.errors import DataError, SettingsError
from pfmap.models.base import CompiledModel
from pfmap.models.network import kink_margin

from .agreement import require_agreement
from .found import ForeignModel, native_kind
from .points import checked_inputs, flat_targets
from .torch_dense import network_of
from .torch_model import TorchModel, flat_outputs, slots_of, vector_of
from .torch_values import NoCounterpart
from .torch_walk import program_of, traced

LIBRARY = "PyTorch"

SPREAD = 0.1
"""How far the random place lies from the parameters, per entry, over 1 + |w|."""

LEAST_MARGIN = 1e-9
"""Nearer to a kink, rounding decides between two slopes, and gradients may differ rightly."""

DIFFERENT_IN_TRAINING = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
PREFIX = "0."
"""Of names inside the `Sequential` that every module is put into, so that it may be one layer."""


def converted(module: Any, inputs: Any, targets: Any) -> ForeignModel:
    """What `from_torch` returns."""
    if not isinstance(module, nn.Module):
        raise SettingsError(f"module: must be a torch.nn.Module, got {type(module).__name__}")
    _require_evaluation(module)
    points = _tensor(inputs)
    try:
        whole = nn.Sequential(copy.deepcopy(module)).double().cpu().eval()
    except Exception as error:  # hooks and handles that cannot be copied
        raise SettingsError(f"module: cannot be copied: {error}") from error
    own = _own(whole, points)
    names = {id(whole.get_parameter(name)): name for name in own.names}
    vector = vector_of(own)
    because, model, places = "", None, _places(own)
    try:
        if not points.is_floating_point():
            raise NoCounterpart("inputs: are integers")
        graph, values = traced(whole), points.numpy()
        found = network_of(whole, graph, values, names) or program_of(whole, graph, values, names)
        model, places = found
    except NoCounterpart as error:
        because = str(error)
    order = np.concatenate([places[name].ravel() for name in own.names])
    weights = np.empty_like(vector)
    weights[order] = vector
    apart = _own_difference(own, vector)
    if model is not None:
        apart = max(apart, _difference(model, own, order, vector))
    n_outputs = len(own.targets) // len(points)
    wanted = flat_targets(targets, len(points), n_outputs)
    return ForeignModel(
        "own" if model is None else native_kind(model),
        because,
        (own if model is None else model).with_targets(wanted),
        weights,
        {name.removeprefix(PREFIX): place for name, place in places.items()},
        apart,
    )


def _tensor(inputs: Any) -> torch.Tensor:
    """Inputs as a tensor, floats in float64; integers of a tensor stay what they are."""
    if isinstance(inputs, torch.Tensor):
        if not inputs.is_floating_point() and inputs.ndim and len(inputs):
            return inputs.detach().cpu()
        inputs = inputs.detach().cpu().double().numpy()
    return torch.tensor(checked_inputs(inputs))


def _require_evaluation(module: nn.Module) -> None:
    """SettingsError if a layer would be random, or keep statistics, at every call."""
    for name, layer in module.named_modules():
        heads = isinstance(layer, nn.MultiheadAttention) and layer.dropout > 0.0
        drops = not isinstance(layer, nn.modules.dropout._DropoutNd) or layer.p > 0.0
        if layer.training and (heads or (isinstance(layer, DIFFERENT_IN_TRAINING) and drops)):
            raise SettingsError(
                f"module: must be in evaluation mode, {type(layer).__name__} at "
                f"{name or 'the top'} is in training mode",
                next_step="call module.eval() first",
            )


def _own(module: nn.Module, points: torch.Tensor) -> TorchModel:
    """The module as it is; SettingsError unless it gives one real tensor twice alike."""
    slots = slots_of(module)
    if not slots:
        raise SettingsError("module: must have a parameter that requires a gradient, got none")
    try:
        with torch.no_grad():
            given, again = module(points), module(points)
    except Exception as error:  # whatever the user's module raises
        said = str(error).strip().partition("\n")[0]
        raise SettingsError(
            f"inputs: the module cannot be called with shape {tuple(points.shape)}: {said}",
            next_step="give what it takes as one tensor, points first",
        ) from error
    if not isinstance(given, torch.Tensor) or given.shape[:1] != points.shape[:1]:
        shape = tuple(given.shape) if isinstance(given, torch.Tensor) else type(given).__name__
        raise SettingsError(
            f"module: must give one tensor, first {len(points)} points, got {shape}"
        )
    if given.dtype == torch.float64 and not torch.isfinite(given).all():
        raise SettingsError("module: must give finite numbers at its parameters, got others")
    if given.dtype != torch.float64 or not torch.equal(given, again):
        raise SettingsError(
            "module: must give the same real numbers each time, got "
            + (str(given.dtype) if given.dtype != torch.float64 else "others at a second call")
        )
    return TorchModel(module, points, np.zeros(flat_outputs(given).numel()), slots)


def _places(own: TorchModel) -> dict[str, np.ndarray]:
    """Places of the parameters where they stand one after the other."""
    places, at = {}, 0
    for name, slot in zip(own.names, own.slots, strict=True):
        numbers = np.arange(at, at + int(np.prod(slot.shape)))
        places[name], at = numbers.reshape(slot.shape), at + numbers.size
    return places


def _own_difference(own: TorchModel, vector: np.ndarray) -> float:
    """Largest difference of `TorchModel` from the module called and differentiated by itself."""
    wanted = np.random.default_rng(0).standard_normal(len(own.targets))
    outputs = flat_outputs(own.module(own.points))
    loss = (outputs - torch.tensor(wanted)).square().sum() / (2.0 * own.n_points)
    parameters = [own.module.get_parameter(name) for name in own.names]
    if not loss.requires_grad:
        raise SettingsError("module: must have outputs that move with its parameters")
    found = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
    gradient = np.concatenate([part.reshape(-1).numpy() for part in found])
    return max(
        require_agreement(what, mine, given, library=LIBRARY)
        for what, mine, given in (
            ("outputs", own.outputs(vector), outputs.detach().numpy()),
            ("gradient", own.with_targets(wanted).gradient(vector), gradient),
        )
    )


def _difference(
    model: CompiledModel, own: TorchModel, order: np.ndarray, vector: np.ndarray
) -> float:
    """Largest difference of outputs and gradients, here and at a random place near by."""
    rng = np.random.default_rng(0)
    wanted = rng.standard_normal(len(own.targets))
    if len(model.targets) != len(wanted):
        raise DataError(f"outputs: must be {len(wanted)} as in PyTorch, got {len(model.targets)}")
    ours, theirs = model.with_targets(wanted), own.with_targets(wanted)
    near = vector + SPREAD * (1.0 + np.abs(vector)) * rng.standard_normal(len(vector))
    apart = 0.0
    for place in (vector, near):
        weights = np.empty_like(place)
        weights[order] = place
        pairs = [("outputs", ours.outputs(weights), theirs.outputs(place))]
        if not ours.without_slope and kink_margin(ours, weights) > LEAST_MARGIN:
            pairs.append(("gradient", ours.gradient(weights)[order], theirs.gradient(place)))
        for what, mine, given in pairs:
            apart = max(apart, require_agreement(what, mine, given, library=LIBRARY))
    return apart
