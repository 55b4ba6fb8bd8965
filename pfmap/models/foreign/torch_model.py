"""A module of PyTorch as a model of one's own: called through ``torch.func``."""

from __future__ import annotations

import dataclasses
import math
import threading
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

from pfmap.arguments import checked_array
from pfmap.display import Displayed
from pfmap.errors import SettingsError

_ONE_CALL = threading.RLock()
"""A call replaces the module's parameters while it lasts; engines call from several threads."""


class Slot(NamedTuple):
    """A parameter of a module: every path to it, the first its name, and its shape."""

    paths: tuple[str, ...]
    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True, repr=False)
class TorchModel(Displayed):
    """A module over all points at once, K(w) = 1/(2P) Σ (output - target)², in float64.

    Attributes
    ----------
    module : torch.nn.Module
        In float64, its parameters replaced by those of a vector at every call.
    points : torch.Tensor, shape (P, …)
    targets : ndarray of float64, shape (outputs · P,)
        In the layout [output, point], flattened.
    slots : tuple of Slot
        Its trainable parameters, in the order of the vector; the others stay as they are.
    """

    SHOWN: ClassVar = ("n_parameters", "n_points")

    module: torch.nn.Module
    points: torch.Tensor
    targets: np.ndarray
    slots: tuple[Slot, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Name of every trainable parameter."""
        return tuple(slot.paths[0] for slot in self.slots)

    @property
    def n_parameters(self) -> int:
        """Number of parameters d."""
        return sum(math.prod(slot.shape) for slot in self.slots)

    @property
    def n_points(self) -> int:
        """Points P."""
        return len(self.points)

    def loss(self, weights: np.ndarray) -> float:
        """K at a parameter vector of shape (d,)."""
        with torch.no_grad():
            return float(self._loss(self._tensor(weights)))

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        """Gradient of K, shape (d,)."""
        vector = self._tensor(weights).requires_grad_()
        loss = self._loss(vector)  # `torch.func.grad` of it takes twice as long
        if not loss.requires_grad:  # outputs that do not move here
            return np.zeros(self.n_parameters)
        return torch.autograd.grad(loss, vector)[0].numpy()

    def outputs(self, weights: np.ndarray) -> np.ndarray:
        """Outputs in the layout [output, point], flattened."""
        with torch.no_grad():
            return self._outputs(self._tensor(weights)).numpy()

    def jacobian(self, weights: np.ndarray) -> np.ndarray:
        """Derivatives of the outputs, shape (outputs, d)."""
        vector = self._tensor(weights)
        try:
            return torch.func.jacrev(self._outputs)(vector).numpy()
        except RuntimeError:  # an operation that torch.func cannot do for all rows at once
            return torch.autograd.functional.jacobian(self._outputs, vector).numpy()

    def with_targets(self, targets: np.ndarray) -> TorchModel:
        """The same model with other targets; SettingsError unless one finite one per output."""
        vector = checked_array("targets", targets).ravel()
        if vector.shape != self.targets.shape or not np.isfinite(vector).all():
            raise SettingsError(
                f"targets: must be {len(self.targets)} finite numbers, one per output, got shape "
                f"{np.shape(targets)}"
            )
        return dataclasses.replace(self, targets=vector)

    def _tensor(self, weights: np.ndarray) -> torch.Tensor:
        vector = checked_array("weights", weights)
        if vector.shape != (self.n_parameters,):
            raise SettingsError(
                f"weights: must have shape ({self.n_parameters},), got {vector.shape}"
            )
        return torch.tensor(vector)

    def _loss(self, weights: torch.Tensor) -> torch.Tensor:
        apart = self._outputs(weights) - torch.from_numpy(self.targets)
        return apart.square().sum() / (2.0 * len(self.points))

    def _outputs(self, weights: torch.Tensor) -> torch.Tensor:
        given: dict[str, torch.Tensor] = {}
        at = 0
        for slot in self.slots:
            stop = at + math.prod(slot.shape)
            given |= dict.fromkeys(slot.paths, weights[at:stop].reshape(slot.shape))
            at = stop
        with _ONE_CALL:
            call = torch.func.functional_call
            return flat_outputs(call(self.module, given, (self.points,), tie_weights=False))


def slots_of(module: torch.nn.Module) -> tuple[Slot, ...]:
    """The trainable parameters of a module, each layer once, however often it is used.

    PyTorch's own way with tied weights takes a layer that stands at two places for two, and leaves
    the replacement behind in it.
    """
    found: dict[int, tuple[list[str], tuple[int, ...]]] = {}
    for place, layer in module.named_modules():
        for name, parameter in layer.named_parameters(recurse=False):
            if parameter.requires_grad:
                paths, _ = found.setdefault(id(parameter), ([], tuple(parameter.shape)))
                paths.append(f"{place}.{name}" if place else name)
    return tuple(Slot(tuple(paths), shape) for paths, shape in found.values())


def flat_outputs(given: Any) -> torch.Tensor:
    """What a module gave, points first, as [output, point], flattened."""
    return given.reshape(len(given), -1).T.reshape(-1)


def vector_of(model: TorchModel) -> np.ndarray:
    """The module's own parameters, one after the other, as float64."""
    parts = [model.module.get_parameter(name).detach().reshape(-1) for name in model.names]
    return torch.cat(parts).numpy()
