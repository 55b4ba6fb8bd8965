"""The modules that networks and programs become, held against the model they come from."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import nn

from pfmap.errors import SettingsError
from pfmap.kernels import program_layout as layout
from pfmap.kernels.activation import facts_of_code
from pfmap.kernels.gradient import FIRST_WIDTH
from pfmap.models.base import CompiledModel
from pfmap.models.network import kink_margin, unflatten
from pfmap.models.program_model import ProgramModel

from .agreement import require_agreement
from .torch_activations import DEFAULTS, MODULES, Pointwise, function_of
from .torch_conversion import LEAST_MARGIN, LIBRARY
from .torch_model import flat_outputs

LAYERS = {name: layer for layer, (name, _) in MODULES.items()}


class ProgramModule(nn.Module):
    """A program, step by step in PyTorch's operations; see `pfmap.kernels.program_layout`.

    Parameters
    ----------
    model : ProgramModel
    weights : ndarray, shape (d,)
        The start of the parameter ``weights``.
    """

    def __init__(self, model: ProgramModel, weights: np.ndarray) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights))
        n_inputs = int(model.ints[layout.N_INPUTS])
        constants = torch.tensor(model.floats[n_inputs * model.n_points :])
        self.register_buffer("constants", constants)
        self.n_inputs, self._ints = n_inputs, model.ints
        steps = range(int(model.ints[layout.N_STEPS]))
        starts = [layout.FIRST_STEP + number * layout.STEP for number in steps]
        self._steps = [model.ints[start : start + layout.STEP] for start in starts]
        self._activations = [
            self._activation(step) if step[layout.KIND] == layout.AFFINE else ("linear", 1)
            for step in self._steps
        ]
        at, count = model.ints[layout.OUTPUTS], model.ints[layout.N_OUTPUTS]
        self._outputs = self._rows(at, count)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """Outputs, shape (points, outputs), of inputs of shape (points, inputs)."""
        if points.ndim != 2 or points.shape[1] != self.n_inputs:
            raise SettingsError(
                f"points: must have shape (points, {self.n_inputs}), got {tuple(points.shape)}"
            )
        rows: dict[int, torch.Tensor] = dict(enumerate(points.T))

        def stacked(numbers: np.ndarray) -> torch.Tensor:
            if not len(numbers):
                return points.new_empty((0, len(points)))
            return torch.stack([rows[int(number)] for number in numbers])

        entries = torch.cat([self.weights, self.constants])
        for step, activation in zip(self._steps, self._activations, strict=True):
            kind, groups, size = (
                int(step[at]) for at in (layout.KIND, layout.N_GROUPS, layout.SIZE)
            )
            if kind == layout.AFFINE:
                below = int(step[layout.N_BELOW])
                given = stacked(self._rows(step[layout.IN], groups * below))
                out = self._affine(step, given.reshape(groups, below, len(points)), entries)
                into, out = (
                    self._rows(step[layout.OUT], groups * size),
                    function_of(*activation)(out),
                )
            elif kind in (layout.DOT, layout.SUM):
                terms = stacked(self._rows(step[layout.IN], groups * size))
                if kind == layout.DOT:
                    terms = terms * stacked(self._rows(step[layout.SECOND], groups * size))
                scale = self.constants[int(step[layout.SCALE])]
                out = scale * terms.reshape(groups, size, -1).sum(dim=1)
                into = self._rows(step[layout.OUT], groups)
            elif kind == layout.SOFTMAX:
                first = int(step[layout.STARTS])
                starts = self._ints[first : first + groups + 1]
                given = stacked(self._rows(step[layout.IN], starts[-1]))
                parts = [given[a:b].softmax(dim=0) for a, b in itertools.pairwise(starts)]
                into, out = self._rows(step[layout.OUT], starts[-1]), torch.cat(parts)
            else:
                given = stacked(self._rows(step[layout.IN], groups * size))
                sets = given.reshape(groups, size, -1)
                epsilon = self.constants[int(step[layout.EPSILON])]
                spread = (sets.var(dim=1, keepdim=True, correction=0) + epsilon).sqrt()
                out = (sets - sets.mean(dim=1, keepdim=True)) / spread
                into = self._rows(step[layout.OUT], groups * size)
            rows.update(zip(into.tolist(), out.reshape(len(into), -1), strict=True))
        return stacked(self._outputs).T

    def _rows(self, at: int, count: int) -> np.ndarray:
        """Numbers of the rows that a list holds."""
        return self._ints[at : at + count] // self._ints[layout.STRIDE]

    @staticmethod
    def _activation(step: np.ndarray) -> tuple[str, int]:
        """Name and degree of an affine step's activation, which PyTorch must know."""
        code, degree = int(step[layout.CODE]), int(step[layout.POWER])
        name = facts_of_code(code, degree).name
        function_of(name, degree)
        return name, degree

    def _affine(self, step: np.ndarray, given: torch.Tensor, entries: torch.Tensor) -> torch.Tensor:
        """Sums of an affine step, shape (groups, units, points)."""
        groups, units, below = len(given), int(step[layout.SIZE]), given.shape[1]
        g, u, k = np.ogrid[:groups, :units, :below]
        if step[layout.MAP] != layout.NONE:
            index = self._ints[step[layout.MAP] + (g * units + u) * below + k]
        else:
            index = step[layout.WEIGHT] + g * step[layout.WEIGHT_STEP] + u * below + k
        sums = entries[torch.from_numpy(index)] @ given
        if step[layout.BIAS_MAP] != layout.NONE:
            index = self._ints[step[layout.BIAS_MAP] + g * units + u]
        elif step[layout.BIAS] != layout.NONE:
            index = step[layout.BIAS] + g * step[layout.BIAS_STEP] + u
        else:
            return sums
        return sums + entries[torch.from_numpy(index)]


def module_of(model: CompiledModel, weights: np.ndarray) -> nn.Module:
    """What `to_torch` returns."""
    if isinstance(model, ProgramModel):
        made: nn.Module = ProgramModule(model, weights)
        n_inputs = int(model.ints[layout.N_INPUTS])
    else:
        made, n_inputs = _sequential(model, weights), int(model.ints[FIRST_WIDTH])
    made = made.double().eval()
    points = torch.tensor(model.floats[: n_inputs * model.n_points].reshape(n_inputs, -1).T)
    _require_same(model.with_squared_error(), weights, made, points)
    return made


def _sequential(model: CompiledModel, weights: np.ndarray) -> nn.Sequential:
    """Dense layers with their activations."""
    n_layers, bias = int(model.ints[0]), bool(model.ints[2])
    widths = tuple(int(width) for width in model.ints[FIRST_WIDTH : FIRST_WIDTH + n_layers + 1])
    parts: list[nn.Module] = []
    for number, (matrix, offset) in enumerate(unflatten(weights, widths, bias), start=1):
        layer = nn.Linear(matrix.shape[1], matrix.shape[0], bias=bias, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(matrix))
            if bias:
                layer.bias.copy_(torch.tensor(offset))
        parts.append(layer)
        facts = model.output_facts if number == n_layers else model.hidden_facts
        if facts.name in LAYERS:
            parts.append(LAYERS[facts.name](**DEFAULTS[facts.name]))
        elif facts.name != "linear":
            parts.append(Pointwise(facts.name, facts.power or 1))
    return nn.Sequential(*parts)


def _require_same(
    model: CompiledModel, weights: np.ndarray, module: nn.Module, points: torch.Tensor
) -> None:
    """DataError unless outputs are the same and, where there are slopes, gradients too.

    Parameters stand in the same order on both sides.
    """
    outputs = flat_outputs(module(points))
    require_agreement("outputs", model.outputs(weights), outputs.detach().numpy(), library=LIBRARY)
    if model.without_slope or kink_margin(model, weights) <= LEAST_MARGIN:
        return
    wanted = np.random.default_rng(0).standard_normal(len(model.targets))
    loss = (outputs - torch.tensor(wanted)).square().sum() / (2.0 * len(points))
    found = torch.autograd.grad(loss, list(module.parameters()))
    theirs = np.concatenate([part.reshape(-1).numpy() for part in found])
    ours = model.with_targets(wanted).gradient(weights)
    require_agreement("gradient", ours, theirs, library=LIBRARY)
