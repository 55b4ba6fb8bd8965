"""Blocks of attention and two dense layers, as PyTorch's own transformer encoder has them."""

from __future__ import annotations

from typing import Any

from torch import nn

from .torch_activations import Named, applied, native_name, of_call, of_module
from .torch_functions import combined
from .torch_layers import LINEAR, attention, dense, layer_norm
from .torch_values import Canvas, NoCounterpart, Value


def encoder_layer(
    canvas: Canvas,
    layer: nn.TransformerEncoderLayer,
    given: Value,
    src_mask: Any = None,
    src_key_padding_mask: Any = None,
    is_causal: bool = False,
) -> Value:
    """x + attention, then x + V s(U x), with a norm before or behind each."""
    if src_key_padding_mask is not None:
        raise NoCounterpart("src_key_padding_mask")

    def attend(path: Value) -> Value:
        return attention(canvas, layer.self_attn, path, path, path, attn_mask=src_mask)[0]

    def feed(path: Value) -> Value:
        named = _activation(layer.activation)
        name = native_name(named)
        hidden = dense(canvas, layer.linear1, path, (name, 1) if name else LINEAR)
        if not name:
            rows = applied(canvas.program, named, hidden.rows)
            if rows is None:
                raise NoCounterpart(f"settings {named.settings}")
            hidden = hidden.having(rows)
        return dense(canvas, layer.linear2, hidden)

    path = given
    for inner, norm in ((attend, layer.norm1), (feed, layer.norm2)):
        if layer.norm_first:
            path = combined(canvas, path, inner(layer_norm(canvas, norm, path)))
        else:
            path = layer_norm(canvas, norm, combined(canvas, path, inner(path)))
    return path


def encoder(
    canvas: Canvas,
    stack: nn.TransformerEncoder,
    given: Value,
    mask: Any = None,
    src_key_padding_mask: Any = None,
    is_causal: Any = None,
) -> Value:
    """Such layers one behind the other, and a last norm where there is one."""
    for layer in stack.layers:
        if type(layer) is not nn.TransformerEncoderLayer:
            raise NoCounterpart(f"a layer {type(layer).__name__}")
        given = encoder_layer(canvas, layer, given, mask, src_key_padding_mask)
    if stack.norm is None:
        return given
    if type(stack.norm) is not nn.LayerNorm:
        raise NoCounterpart(f"a norm {type(stack.norm).__name__}")
    return layer_norm(canvas, stack.norm, given)


def _activation(given: Any) -> Named:
    """The activation of a layer, a module or a function."""
    is_module = isinstance(given, nn.Module)
    found = of_module(given) if is_module else of_call(getattr(given, "__name__", ""), (), {})
    if found is None:
        raise NoCounterpart(f"the activation {given}")
    return found
