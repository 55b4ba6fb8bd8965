"""A module of PyTorch as a model of one's own: loss, gradient and Jacobian by ``torch.func``."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any, ClassVar

import numpy as np
import torch

from pfmap.arguments import checked_array
from pfmap.display import Displayed
from pfmap.errors import SettingsError

_ONE_CALL = threading.RLock()
"""A call replaces the module's parameters while it lasts; engines call from several threads."""


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
    names : tuple of str
        Its trainable parameters, in the order of the vector; the others stay as they are.
    """

    SHOWN: ClassVar = ("n_parameters", "n_points")

    module: torch.nn.Module
    points: torch.Tensor
    targets: np.ndarray
    names: tuple[str, ...]

    @property
    def n_parameters(self) -> int:
        """Number of parameters d."""
        return sum(self.module.get_parameter(name).numel() for name in self.names)

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
        return torch.func.grad(self._loss)(self._tensor(weights)).numpy()

    def outputs(self, weights: np.ndarray) -> np.ndarray:
        """Outputs in the layout [output, point], flattened."""
        with torch.no_grad():
            return self._outputs(self._tensor(weights)).numpy()

    def jacobian(self, weights: np.ndarray) -> np.ndarray:
        """Derivatives of the outputs, shape (outputs, d)."""
        return torch.func.jacrev(self._outputs)(self._tensor(weights)).numpy()

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
        at, paths = 0, _paths(self.module)
        for name in self.names:
            parameter = self.module.get_parameter(name)
            part = weights[at : at + parameter.numel()].reshape(parameter.shape)
            given |= dict.fromkeys(paths[id(parameter)], part)
            at += parameter.numel()
        with _ONE_CALL:
            call = torch.func.functional_call
            return flat_outputs(call(self.module, given, (self.points,), tie_weights=False))


def _paths(module: torch.nn.Module) -> dict[int, list[str]]:
    """Where every parameter is found, by its id: each layer once, however often it is used.

    PyTorch's own way with tied weights takes a layer that stands at two places for two, and leaves
    the replacement behind in it.
    """
    found: dict[int, list[str]] = {}
    for place, layer in module.named_modules():
        for name, parameter in layer.named_parameters(recurse=False):
            found.setdefault(id(parameter), []).append(f"{place}.{name}" if place else name)
    return found


def flat_outputs(given: Any) -> torch.Tensor:
    """What a module gave, points first, as [output, point], flattened."""
    return given.reshape(len(given), -1).T.reshape(-1)


def vector_of(module: torch.nn.Module, names: tuple[str, ...]) -> np.ndarray:
    """Parameters of these names, one after the other, as float64."""
    parts = [module.get_parameter(name).detach().double().cpu().reshape(-1) for name in names]
    return np.concatenate([part.numpy() for part in parts]) if parts else np.empty(0)
