"""Activations of PyTorch: which of pfmap's they are, and how others are made of those."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional

from pfmap.errors import SettingsError
from pfmap.models.program import Program, Rows


class Named(NamedTuple):
    """An activation of PyTorch: its name there, and its settings."""

    name: str
    settings: dict[str, Any]


MODULES: dict[type[nn.Module], tuple[str, tuple[str, ...]]] = {
    nn.ReLU: ("relu", ()),
    nn.Tanh: ("tanh", ()),
    nn.Sigmoid: ("sigmoid", ()),
    nn.SiLU: ("silu", ()),
    nn.GELU: ("gelu", ("approximate",)),
    nn.Softplus: ("softplus", ("beta", "threshold")),
    nn.LeakyReLU: ("leaky_relu", ("negative_slope",)),
    nn.ELU: ("elu", ("alpha",)),
}
"""Modules: name of the function, and attributes that are its settings."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "relu": {},
    "tanh": {},
    "sigmoid": {},
    "silu": {},
    "sin": {},
    "cos": {},
    "erf": {},
    "gelu": {"approximate": "none"},
    "softplus": {"beta": 1.0, "threshold": 20.0},
    "leaky_relu": {"negative_slope": 0.01},
    "elu": {"alpha": 1.0},
}
"""Functions and methods by name: their settings in PyTorch's order, with PyTorch's defaults."""

LEAST_THRESHOLD = 15.0
"""Softplus is x beyond its threshold t, e^-t too little: more than this goes unseen at 1e-6."""

FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "softplus": lambda x: functional.softplus(x, threshold=40.0),
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "erf": torch.erf,
    "sin": torch.sin,
    "cos": torch.cos,
    "gaussian": lambda x: torch.exp(-x * x),
    "heaviside": lambda x: torch.where(x > 0.0, 1.0, torch.where(x <= 0.0, 0.0, x)),  # NaN stays
}
"""pfmap's activations in PyTorch's operations; ``monomial`` is a power."""


class Pointwise(nn.Module):
    """An activation for which PyTorch has no layer: cos, gaussian, powers, …

    Parameters
    ----------
    name : str
        As in a campaign file.
    degree : int
        Exponent of ``monomial``.
    """

    def __init__(self, name: str, degree: int) -> None:
        super().__init__()
        function_of(name, degree)  # an error here, not at the first call
        self.name, self.degree = name, degree

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """s of every number."""
        return function_of(self.name, self.degree)(given)

    def extra_repr(self) -> str:
        """Which one it is, for ``repr``."""
        return f"{self.name}, {self.degree}" if self.name == "monomial" else self.name


def function_of(name: str, degree: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """pfmap's activation in PyTorch's operations."""
    if name == "monomial":
        return lambda given: given**degree
    if name not in FUNCTIONS:
        raise SettingsError(
            f"activation: {name} is not known to PyTorch, only {', '.join(FUNCTIONS)} and monomial"
        )
    return FUNCTIONS[name]


def of_module(module: nn.Module) -> Named | None:
    """The activation that a module is; None if it is none."""
    if isinstance(module, Pointwise):
        return Named(module.name, {})
    if type(module) not in MODULES:
        return None
    name, settings = MODULES[type(module)]
    return Named(name, {setting: getattr(module, setting) for setting in settings})


def call_name(node: fx.Node) -> str:
    """Name of a function or method; in place is no difference where nothing is changed."""
    target = node.target
    name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    return name.rstrip("_")


def of_call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Named | None:
    """The activation that a function or method of this name is; None if it is none."""
    if name not in DEFAULTS:
        return None
    given = dict(zip(DEFAULTS[name], args, strict=False)) | kwargs
    return Named(name, DEFAULTS[name] | {key: given[key] for key in DEFAULTS[name] if key in given})


def native_name(activation: Named) -> str:
    """pfmap's name of an activation that it has as it is; empty for others.

    Examples
    --------
    >>> native_name(Named("elu", {"alpha": 1.0})), native_name(Named("elu", {"alpha": 2.0}))
    ('elu', '')
    """
    settings = dict(activation.settings)
    threshold = settings.pop("threshold", LEAST_THRESHOLD)
    defaults = DEFAULTS.get(activation.name, {})
    usual = {key: value for key, value in defaults.items() if key in settings}
    return activation.name if settings == usual and threshold >= LEAST_THRESHOLD else ""


def applied(program: Program, activation: Named, rows: Rows) -> Rows | None:
    """An activation of rows of any shape; None if pfmap's steps cannot make it.

    ELU with another α is α elu + (1 - α) relu, a leaky relu a x + (1 - a) relu, a softplus with β
    s(β x)/β, and GELU by tanh x σ(2 c (x + 0.044715 x³)), c = sqrt(2/π), as PyTorch defines them.
    """
    flat, name, settings = rows.ravel(), native_name(activation), activation.settings
    if name:
        made = _combined(program, [flat], [1.0], name)
    elif activation.name == "leaky_relu":
        slope = settings["negative_slope"]
        above = _combined(program, [flat], [1.0], "relu")
        made = _combined(program, [flat, above], [slope, 1.0 - slope])
    elif activation.name == "elu":
        alpha = settings["alpha"]
        parts = [_combined(program, [flat], [1.0], name) for name in ("elu", "relu")]
        made = _combined(program, parts, [alpha, 1.0 - alpha])
    elif activation.name == "softplus" and settings["threshold"] >= LEAST_THRESHOLD:
        beta = settings["beta"]
        made = _combined(program, [flat], [beta], "softplus")
        made = _combined(program, [made], [1.0 / beta])
    elif activation.name == "gelu":
        cubes = _combined(program, [flat], [1.0], "monomial", degree=3)
        scale = 2.0 * np.sqrt(2.0 / np.pi)
        share = _combined(program, [flat, cubes], [scale, 0.044715 * scale], "sigmoid")
        made = program.products(flat[:, None], share[:, None])
    else:
        return None
    return made.reshape(rows.shape)


def _combined(
    program: Program,
    rows: list[Rows],
    factors: list[float],
    activation: str = "linear",
    degree: int = 1,
) -> Rows:
    """s(Σ_j factors[j] rows[j]) of several rows each."""
    sets = np.stack(rows, axis=1)
    weights = np.broadcast_to(program.constants(np.array(factors)), (len(sets), 1, len(factors)))
    return program.mapped(sets, weights, activation=activation, degree=degree)[:, 0]
