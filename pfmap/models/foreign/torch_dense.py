"""Modules that are fully connected networks, as pfmap's own kernels have them."""

from __future__ import annotations

import numpy as np
from torch import fx, nn

from pfmap.models.base import CompiledModel
from pfmap.models.network import network_model

from .torch_activations import call_name, native_name, of_call, of_module
from .torch_layers import IDENTITIES


def network_of(
    module: nn.Module, graph: fx.Graph, points: np.ndarray, names: dict[int, str]
) -> tuple[CompiledModel, dict[str, np.ndarray]] | None:
    """A network with the outputs of a module, and the places of its parameters.

    None unless the module is a chain of `Linear` layers, all with biases or all without, with one
    activation between them that pfmap has, every parameter trainable and used once.
    """
    layers = _chain(module, graph)
    if points.ndim != 2 or not layers:
        return None
    tensors = [[layer.weight, *([] if layer.bias is None else [layer.bias])] for layer, _ in layers]
    used = [id(tensor) for pair in tensors for tensor in pair]
    hidden = {activation for _, activation in layers[:-1]}
    same_bias = len({len(pair) for pair in tensors}) == 1
    if sorted(used) != sorted(names) or len(hidden) > 1 or not same_bias:
        return None
    widths = (points.shape[1], *(layer.out_features for layer, _ in layers))
    model = network_model(
        widths,
        points,
        activation=next(iter(hidden), "linear"),
        bias=len(tensors[0]) == 2,
        output_activation=layers[-1][1],
    )
    places, at = {}, 0
    for pair in tensors:  # in both, every layer's W is unit by unit, and then its b
        for tensor in pair:
            numbers = np.arange(at, at + tensor.numel())
            places[names[id(tensor)]] = numbers.reshape(tuple(tensor.shape))
            at += tensor.numel()
    return model, places


def _chain(module: nn.Module, graph: fx.Graph) -> list[tuple[nn.Linear, str]]:
    """Dense layers one behind the other, each with its activation; none if it is anything else."""
    layers: list[tuple[nn.Linear, str]] = []
    before: fx.Node | None = None
    for node in graph.nodes:
        if node.op == "output":
            return layers if node.args == (before,) else []
        if before is not None and (node.args[:1] != (before,) or len(before.users) != 1):
            return []
        layer = module.get_submodule(str(node.target)) if node.op == "call_module" else None
        if node.op in ("call_function", "call_method"):
            activation = of_call(call_name(node), node.args[1:], dict(node.kwargs))
        else:
            activation = None if layer is None else of_module(layer)
        if type(layer) is nn.Linear:
            layers.append((layer, "linear"))
        elif activation is not None and layers and layers[-1][1] == "linear":
            if not native_name(activation):
                return []
            layers[-1] = (layers[-1][0], native_name(activation))
        elif not isinstance(layer, IDENTITIES) and node.op != "placeholder":
            return []
        before = node
    return []
