"""A module, traced by ``torch.fx``, as a program: node by node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import fx, nn

from pfmap.errors import SettingsError
from pfmap.models.program_model import ProgramModel

from .torch_activations import Named, Pointwise, applied, call_name, native_name, of_call, of_module
from .torch_encoder import encoder, encoder_layer
from .torch_functions import FUNCTIONS, flattened, product, unflattened
from .torch_layers import IDENTITIES, PLAIN, WEIGHTED, linear
from .torch_values import Canvas, NoCounterpart, Value

OTHERS: dict[type[nn.Module], Callable[..., Any]] = {
    nn.TransformerEncoderLayer: encoder_layer,
    nn.TransformerEncoder: encoder,
    nn.Flatten: lambda canvas, layer, given: flattened(
        canvas, given, layer.start_dim, layer.end_dim
    ),
    nn.Unflatten: lambda canvas, layer, given: unflattened(
        canvas, given, layer.dim, layer.unflattened_size
    ),
}

UNKNOWN = (NoCounterpart, SettingsError, AttributeError, IndexError, TypeError, ValueError)
"""What shows that an operation is used in a way not known here: PyTorch itself allowed it."""


class Tracer(fx.Tracer):
    """Layers of PyTorch, and those that `to_torch` adds, are taken whole."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is a node of its own; powers are an operation, which has a node."""
        added = isinstance(m, Pointwise) and m.name != "monomial"
        return added or super().is_leaf_module(m, module_qualified_name)


def traced(module: nn.Module) -> fx.Graph:
    """The graph of a module's operations; `NoCounterpart` where they depend on values."""
    try:
        return Tracer().trace(module)
    except Exception as error:  # whatever its own code raises at a stand-in of a tensor
        said = str(error).strip().partition("\n")[0]
        raise NoCounterpart(f"torch.fx cannot trace it: {said}") from error


def program_of(
    module: nn.Module, graph: fx.Graph, points: np.ndarray, names: dict[int, str]
) -> tuple[ProgramModel, dict[str, np.ndarray]]:
    """A program with the outputs of a traced module, and the places of its parameters.

    Parameters
    ----------
    module : torch.nn.Module
        In float64 and evaluation mode.
    graph : torch.fx.Graph
        Of this module.
    points : ndarray, shape (P, …)
    names : dict of int to str
        Name of every trainable parameter, by the id of its tensor.

    Raises
    ------
    NoCounterpart
        Naming the layer or operation that pfmap's steps cannot make.
    """
    canvas = Canvas(points, names)
    values: dict[fx.Node, Any] = {}
    passed: dict[fx.Node, fx.Node] = {}
    outputs: Any = None
    for node in graph.nodes:
        try:
            if node in passed:
                values[node] = values[passed[node]]
            elif node.op == "placeholder":
                values[node] = _placeholder(canvas, node)
            elif node.op == "output":
                outputs = fx.map_arg(node.args[0], values.__getitem__)
            elif node.op == "get_attr":
                values[node] = _attribute(module, str(node.target))
            else:
                follower, activation = _follower(module, node)
                values[node], took = _made(canvas, module, node, values, activation)
                if took and follower is not None:
                    passed[follower] = node
        except UNKNOWN as error:
            raise NoCounterpart(f"{_described(module, node)}: {error}") from error
    unused = [name for name in names.values() if name not in canvas.places]
    if unused:
        raise NoCounterpart(f"{unused[0]}: moves no output")
    if not (isinstance(outputs, Value) and outputs.points):
        raise NoCounterpart("outputs: are not one tensor of all points")
    return canvas.program.model(outputs.rows.ravel()), canvas.places


def _placeholder(canvas: Canvas, node: fx.Node) -> Any:
    """The inputs, or the default of a further argument."""
    if node.prev.op != "root":
        if not node.args:
            raise NoCounterpart("more than one input")
        return node.args[0]
    return canvas.points


def _attribute(module: nn.Module, target: str) -> Any:
    """A parameter or buffer of a module by its path."""
    *path, last = target.split(".")
    return getattr(module.get_submodule(".".join(path)), last)


def _activation_at(module: nn.Module, node: fx.Node) -> Named | None:
    """The activation that a node applies."""
    if node.op == "call_module":
        return of_module(module.get_submodule(str(node.target)))
    if node.op in ("call_function", "call_method"):
        return of_call(call_name(node), node.args[1:], dict(node.kwargs))
    return None


def _follower(module: nn.Module, node: fx.Node) -> tuple[fx.Node | None, tuple[str, int]]:
    """The activation that alone uses a node, if pfmap has it as it is."""
    if len(node.users) == 1:
        (user,) = node.users
        activation = _activation_at(module, user)
        if activation is not None and (name := native_name(activation)):
            return user, (name, 1)
    return None, ("linear", 1)


def _made(
    canvas: Canvas,
    module: nn.Module,
    node: fx.Node,
    values: dict[fx.Node, Any],
    activation: tuple[str, int],
) -> tuple[Any, bool]:
    """What a node gives, and whether it took the activation behind it."""
    args, kwargs = fx.map_arg((node.args, dict(node.kwargs)), values.__getitem__)
    named = _activation_at(module, node)
    if named is not None:
        given = canvas.value(args[0] if args else kwargs["input"])
        rows = applied(canvas.program, named, given.rows)
        if rows is None:
            raise NoCounterpart(f"settings {named.settings}")
        return given.having(rows), False
    if node.op == "call_module":
        layer = module.get_submodule(str(node.target))
        if any(isinstance(part, Value) and not part.points for part in args):
            raise NoCounterpart("is called with parameters alone")
        if type(layer) in WEIGHTED:
            return WEIGHTED[type(layer)](canvas, layer, *args, activation, **kwargs), True
        if isinstance(layer, IDENTITIES):
            return args[0], False
        found = PLAIN.get(type(layer)) or OTHERS.get(type(layer))
        if found is None:
            raise NoCounterpart("has no counterpart")
        return found(canvas, layer, *args, **kwargs), False
    held = [*args, *kwargs.values()]
    if not any(isinstance(part, Value) or canvas.is_trainable(part) for part in _leaves(held)):
        return _constant(node, args, kwargs), False
    function = FUNCTIONS.get(call_name(node))
    if function is None:
        raise NoCounterpart("has no counterpart")
    if function not in (linear, product):  # these have a use for parameters as they are
        args, kwargs = fx.node.map_aggregate((args, kwargs), canvas.valued)
    if "input" in kwargs:
        args = (kwargs.pop("input"), *args)
    return function(canvas, *args, **kwargs), False


def _leaves(held: Any) -> list[Any]:
    """What lists and tuples hold, those inside each other too."""
    if isinstance(held, (list, tuple)):
        return [leaf for part in held for leaf in _leaves(part)]
    return [held]


def _constant(node: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What an operation gives that meets no points and no parameters: sizes, masks, positions."""
    if isinstance(node.target, str):
        return getattr(args[0], node.target)(*args[1:], **kwargs)
    return node.target(*args, **kwargs)


def _described(module: nn.Module, node: fx.Node) -> str:
    """A node as its user knows it."""
    if node.op == "call_module":
        path = str(node.target)
        return f"{type(module.get_submodule(path)).__name__} at {path.partition('.')[2] or path}"
    return call_name(node) if node.op.startswith("call") else node.name
