"""Layers of PyTorch as steps of a program: dense, convolutions, norms, means, attention."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from pfmap.models.program import Rows

from .torch_attention import mixed
from .torch_values import Canvas, NoCounterpart, Value

LINEAR = ("linear", 1)
PADDINGS = {"circular": "wrap", "reflect": "reflect", "replicate": "edge"}
"""How PyTorch and NumPy name what stands beyond the edge."""


def dense(canvas: Canvas, layer: nn.Linear, given: Value, activation: Any = LINEAR) -> Value:
    """W x + b of the last dimension."""
    return linear(canvas, given, layer.weight, layer.bias, activation)


def linear(
    canvas: Canvas,
    given: Value,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    activation: Any = LINEAR,
) -> Value:
    """The same of tensors."""
    sets = given.rows.reshape(-1, given.rows.shape[-1])
    out = canvas.affine(sets, weight, bias, activation)
    return given.having(out.reshape(*given.rows.shape[:-1], len(weight)))


def convolution(
    canvas: Canvas, layer: nn.Conv1d | nn.Conv2d, given: Value, activation: Any = LINEAR
) -> Value:
    """Windows over one or two dimensions: stride, padding, dilation and groups too."""
    planes, dims = given.rows[0], len(layer.kernel_size)
    if planes.ndim != dims + 1:
        raise NoCounterpart("channels that are the first dimension, without points")
    pads = _pads(layer)
    if layer.padding_mode == "zeros":
        padded = np.pad(planes, [(0, 0), *pads], constant_values=-1)
        if (padded < 0).any():
            padded = np.where(padded < 0, canvas.zero(), padded)
    else:
        padded = np.pad(planes, [(0, 0), *pads], mode=PADDINGS[layer.padding_mode])  # type: ignore[call-overload]
    spans = tuple(
        (size - 1) * gap + 1 for size, gap in zip(layer.kernel_size, layer.dilation, strict=True)
    )
    windows = np.lib.stride_tricks.sliding_window_view(
        padded, spans, axis=tuple(range(1, dims + 1))
    )
    windows = windows[(slice(None), *(slice(None, None, step) for step in layer.stride))]
    inside = [slice(None, None, gap) for gap in layer.dilation]
    windows = windows[(slice(None),) * (dims + 1) + tuple(inside)]
    places = windows.shape[1 : dims + 1]
    # [place, channel, window]
    sets = np.moveaxis(windows, 0, dims).reshape(math.prod(places), len(planes), -1)
    if layer.groups == 1:
        rows = canvas.affine(sets.reshape(len(sets), -1), layer.weight, layer.bias, activation)
    else:
        rows = _grouped(canvas, layer, sets, activation)
    return Value(rows.T.reshape(1, -1, *places))


def _grouped(canvas: Canvas, layer: Any, sets: Rows, activation: Any) -> Rows:
    """Groups of channels, each with units of its own that see it alone."""
    below = layer.weight[0].numel()
    weights = canvas.entries(layer.weight, fan_in=below).reshape(layer.groups, -1, below)
    offsets: Any = [None] * layer.groups
    if layer.bias is not None:
        offsets = canvas.entries(layer.bias, fan_in=below, is_bias=True).reshape(layer.groups, -1)
    parts = [
        canvas.mapped(chosen.reshape(len(sets), -1), weight, offset, activation)
        for chosen, weight, offset in zip(
            np.split(sets, layer.groups, axis=1), weights, offsets, strict=True
        )
    ]
    return np.concatenate(parts, axis=1)


def _pads(layer: Any) -> list[tuple[int, int]]:
    """Positions before and behind every dimension."""
    if layer.padding == "valid":
        return [(0, 0)] * len(layer.kernel_size)
    if layer.padding == "same":
        beyond = [
            gap * (size - 1) for size, gap in zip(layer.kernel_size, layer.dilation, strict=True)
        ]
        return [(total // 2, total - total // 2) for total in beyond]
    return [(pad, pad) for pad in layer.padding]


def layer_norm(
    canvas: Canvas, layer: nn.LayerNorm, given: Value, activation: Any = LINEAR
) -> Value:
    """(x - mean)/sqrt(variance + ε) over the last dimensions, then a gain and an offset."""
    size = math.prod(layer.normalized_shape)
    normed = canvas.program.norm(given.rows.reshape(-1, size), epsilon=layer.eps)
    return given.having(_scaled(canvas, layer, normed.reshape(given.rows.shape), size, activation))


def group_norm(
    canvas: Canvas, layer: nn.GroupNorm, given: Value, activation: Any = LINEAR
) -> Value:
    """The same within groups of channels, then a gain and an offset a channel."""
    planes = given.rows
    normed = canvas.program.norm(planes.reshape(layer.num_groups, -1), epsilon=layer.eps)
    last = np.moveaxis(normed.reshape(planes.shape), 1, -1)
    found = _scaled(canvas, layer, last, layer.num_channels, activation)
    return Value(np.moveaxis(found, -1, 1))


def batch_norm(canvas: Canvas, layer: Any, given: Value, activation: Any = LINEAR) -> Value:
    """With the mean and variance that it kept: constants, then a gain and an offset a channel."""
    if layer.running_mean is None:
        raise NoCounterpart("statistics of a batch")
    last = np.moveaxis(given.rows, 1, -1)
    spread = torch.sqrt(layer.running_var + layer.eps).numpy()
    scale = canvas.program.constants(1.0 / spread)
    shift = canvas.program.constants(-layer.running_mean.numpy() / spread)
    normed = _by_entries(canvas, last, scale, shift, LINEAR)
    found = _scaled(canvas, layer, normed, len(spread), activation)
    return Value(np.moveaxis(found, -1, 1))


def _scaled(canvas: Canvas, layer: Any, rows: Rows, size: int, activation: Any) -> Rows:
    """A gain and an offset for each of the last `size` numbers, where a norm has them."""
    gain, offset = layer.weight, layer.bias
    if gain is None:
        one = canvas.program.constants(np.ones(size))
        return rows if activation == LINEAR else _by_entries(canvas, rows, one, None, activation)
    shifts = None if offset is None else canvas.entries(offset, is_bias=True).ravel()
    return _by_entries(canvas, rows, canvas.entries(gain).ravel(), shifts, activation)


def _by_entries(
    canvas: Canvas, rows: Rows, scale: np.ndarray, shift: np.ndarray | None, activation: Any
) -> Rows:
    """s(scale x + shift), entries for the last numbers repeated over those before."""
    repeats = rows.size // scale.size
    weights = np.tile(scale, repeats).reshape(-1, 1, 1)
    offsets = None if shift is None else np.tile(shift, repeats).reshape(-1, 1)
    return canvas.mapped(rows.reshape(-1, 1), weights, offsets, activation).reshape(rows.shape)


def mean_windows(canvas: Canvas, layer: nn.AvgPool1d | nn.AvgPool2d, given: Value) -> Value:
    """Means of windows that fit."""
    planes = given.rows[0]
    dims = planes.ndim - 1
    sizes, steps, pads = (
        value if isinstance(value, tuple) else (value,) * dims
        for value in (layer.kernel_size, layer.stride, layer.padding)
    )
    if any(pads) or layer.ceil_mode or getattr(layer, "divisor_override", None):
        raise NoCounterpart("padding, ceil_mode or divisor_override")
    windows = np.lib.stride_tricks.sliding_window_view(
        planes, sizes, axis=tuple(range(1, dims + 1))
    )
    windows = windows[(slice(None), *(slice(None, None, step) for step in steps))]
    terms = windows.reshape(-1, math.prod(sizes))
    means = canvas.program.sums(terms, scale=1.0 / terms.shape[1])
    return Value(means.reshape(1, *windows.shape[: dims + 1]))


def mean_shares(canvas: Canvas, layer: Any, given: Value) -> Value:
    """Means of as many parts as the output has positions, one dimension after the other."""
    rows = given.rows
    dims = rows.ndim - 2
    wanted = (
        layer.output_size if isinstance(layer.output_size, tuple) else (layer.output_size,) * dims
    )
    for axis, count in enumerate(wanted, start=2):
        length = rows.shape[axis]
        parts = []
        for place in range(length if count is None else count):
            first, stop = place * length // count, -(-(place + 1) * length // count)
            chosen = np.take(np.moveaxis(rows, axis, -1), range(first, stop), axis=-1)
            terms = chosen.reshape(-1, stop - first)
            means = canvas.program.sums(terms, scale=1.0 / (stop - first))
            parts.append(means.reshape(chosen.shape[:-1]))
        rows = np.stack(parts, axis=axis)
    return Value(rows)


def softmax(canvas: Canvas, given: Value, dim: int) -> Value:
    """e^x / Σ e^x along a dimension."""
    last = np.moveaxis(given.rows, given.axis(dim), -1)
    groups = canvas.program.softmax(list(last.reshape(-1, last.shape[-1])))
    return given.having(np.moveaxis(np.stack(groups).reshape(last.shape), -1, given.axis(dim)))


def attention(
    canvas: Canvas,
    layer: nn.MultiheadAttention,
    query: Value,
    key: Value,
    value: Value,
    *,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: torch.Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Value, None]:
    """Heads of softmax attention; the weights that PyTorch returns too are not to be had."""
    if not (layer.batch_first and layer._qkv_same_embed_dim):
        raise NoCounterpart("batch_first=False, or keys of another width than queries")
    if layer.bias_k is not None or layer.add_zero_attn or key_padding_mask is not None:
        raise NoCounterpart("add_bias_kv, add_zero_attn or key_padding_mask")
    width, heads = layer.embed_dim, layer.num_heads
    if query is key is value:
        projected = linear(canvas, query, layer.in_proj_weight, layer.in_proj_bias)
        parts = np.split(projected.rows, 3, axis=-1)
    else:
        entries = canvas.entries(layer.in_proj_weight, fan_in=width)
        offsets = [None] * 3
        if layer.in_proj_bias is not None:
            found = canvas.entries(layer.in_proj_bias, fan_in=width, is_bias=True)
            offsets = np.split(found, 3)  # type: ignore[assignment]
        parts = [
            canvas.mapped(given.rows[0], matrix, offset)[None]
            for given, matrix, offset in zip(
                (query, key, value), np.split(entries, 3), offsets, strict=True
            )
        ]
    split = [part.reshape(1, part.shape[1], heads, -1).swapaxes(1, 2) for part in parts]
    rows = mixed(canvas, *split, mask=attn_mask)
    joined = Value(rows.swapaxes(1, 2).reshape(1, -1, width))
    return linear(canvas, joined, layer.out_proj.weight, layer.out_proj.bias), None


WEIGHTED: dict[type[nn.Module], Callable[..., Value]] = {
    nn.Linear: dense,
    nn.Conv1d: convolution,
    nn.Conv2d: convolution,
    nn.LayerNorm: layer_norm,
    nn.GroupNorm: group_norm,
    nn.BatchNorm1d: batch_norm,
    nn.BatchNorm2d: batch_norm,
}
"""Layers that take the activation behind them into their own step."""

PLAIN: dict[type[nn.Module], Callable[..., Any]] = {
    nn.AvgPool1d: mean_windows,
    nn.AvgPool2d: mean_windows,
    nn.AdaptiveAvgPool1d: mean_shares,
    nn.AdaptiveAvgPool2d: mean_shares,
    nn.MultiheadAttention: attention,
    nn.Softmax: lambda canvas, layer, given: softmax(canvas, given, layer.dim),
}
"""Layers that do not."""

IDENTITIES = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout)
"""What changes nothing in evaluation mode."""
