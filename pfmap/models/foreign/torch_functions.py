"""Functions and methods of PyTorch's tensors, over rows: arithmetic, means, shapes.

The first axis of a `Value` has one place where the tensor has P points, so that shapes and
dimensions are PyTorch's own; what would mix points is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from .torch_attention import mixed
from .torch_layers import linear, softmax
from .torch_values import Canvas, NoCounterpart, Value


def combined(canvas: Canvas, left: Any, right: Any, scale: float = 1.0) -> Value:
    """left + scale · right."""
    if isinstance(left, (int, float)) or isinstance(right, (int, float)):
        return _shifted(canvas, left, right, scale)
    first, second = _broadcast(canvas, left, right)
    if scale != 1.0:
        second = canvas.program.sums(second.reshape(-1, 1), scale=scale).reshape(second.shape)
    rows = canvas.program.sums(np.stack([first.ravel(), second.ravel()], axis=1))
    return Value(rows.reshape(first.shape))


def _shifted(canvas: Canvas, left: Any, right: Any, scale: float) -> Value:
    """The same where one side is a number."""
    given, factor, number = (
        (left, 1.0, scale * right) if isinstance(right, (int, float)) else (right, scale, left)
    )
    rows = canvas.value(given).rows
    constants = canvas.program.constants(np.array([factor, float(number)]))
    out = canvas.mapped(rows.reshape(-1, 1), constants[:1, None], constants[1:])
    return Value(out.reshape(rows.shape))


def times(canvas: Canvas, left: Any, right: Any) -> Value:
    """left · right, entry by entry."""
    for number, given in ((left, right), (right, left)):
        if isinstance(number, (int, float)):
            rows = canvas.value(given).rows
            scaled = canvas.program.sums(rows.reshape(-1, 1), scale=float(number))
            return Value(scaled.reshape(rows.shape))
    first, second = _broadcast(canvas, left, right)
    rows = canvas.program.products(first.reshape(-1, 1), second.reshape(-1, 1))
    return Value(rows.reshape(first.shape))


def divided(canvas: Canvas, left: Any, right: Any) -> Value:
    """left / right, right a number."""
    if not isinstance(right, (int, float)):
        raise NoCounterpart("a division by what is no number")
    return times(canvas, left, 1.0 / right)


def power(canvas: Canvas, given: Any, exponent: Any = 2) -> Value:
    """x to a positive integer."""
    if not isinstance(exponent, (int, float)) or exponent != int(exponent) or exponent < 1:
        raise NoCounterpart(f"a power of {exponent}")
    rows = canvas.value(given).rows
    one = canvas.program.constants(np.ones((1, 1)))
    out = canvas.mapped(rows.reshape(-1, 1), one, None, ("monomial", int(exponent)))
    return Value(out.reshape(rows.shape))


def product(canvas: Canvas, left: Any, right: Any) -> Value:
    """Matrix products, of rows with rows or with a matrix of parameters."""
    if isinstance(left, Value) and isinstance(right, torch.Tensor) and right.ndim == 2:
        entries = canvas.entries(right, fan_in=len(right)).T
        out = canvas.mapped(left.rows.reshape(-1, left.rows.shape[-1]), entries, None)
        return Value(out.reshape(*left.rows.shape[:-1], -1))
    first, second = canvas.value(left).rows, canvas.value(right).rows
    if min(first.ndim, second.ndim) < 2 or max(first.ndim, second.ndim) < 3:
        raise NoCounterpart("a product with a vector, or across points")
    terms = first[..., :, None, :], second.swapaxes(-1, -2)[..., None, :, :]
    pairs = np.broadcast_arrays(*terms)
    _require_points(pairs[0])
    flat = [pair.reshape(-1, pair.shape[-1]) for pair in pairs]
    return Value(canvas.program.products(*flat).reshape(pairs[0].shape[:-1]))


def total(
    canvas: Canvas, given: Value, dim: Any = None, keepdim: bool = False, *, mean: bool = False
) -> Value:
    """Sums, or means, over dimensions."""
    if dim is None:
        raise NoCounterpart("a sum across points")
    axes = tuple(given.axis(at) for at in (dim if isinstance(dim, (tuple, list)) else (dim,)))
    last = np.moveaxis(given.rows, axes, range(-len(axes), 0))
    kept = last.shape[: last.ndim - len(axes)]
    terms = last.reshape(math.prod(kept), -1)
    sums = canvas.program.sums(terms, scale=1.0 / terms.shape[1] if mean else 1.0).reshape(kept)
    return Value(np.expand_dims(sums, axes) if keepdim else sums)


def shaped(canvas: Canvas, given: Value, *shape: Any) -> Value:
    """Another shape, the points still first."""
    sizes = list(shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape)
    rest = math.prod(sizes[1:])
    if sizes[0] not in (canvas.n_points, -1) or (sizes[0] == -1 and rest != given.rows.size):
        raise NoCounterpart("a shape that joins points with what they hold")
    return Value(given.rows.reshape(1, *sizes[1:]))


def flattened(canvas: Canvas, given: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    """Dimensions joined into one."""
    first, last = given.axis(start_dim), given.axis(end_dim)
    shape = given.rows.shape
    return Value(given.rows.reshape(*shape[:first], -1, *shape[last + 1 :]))


def unflattened(canvas: Canvas, given: Value, dim: int, sizes: Any) -> Value:
    """One dimension split into several."""
    axis, shape = given.axis(dim), given.rows.shape
    return Value(given.rows.reshape(*shape[:axis], *sizes, *shape[axis + 1 :]))


def turned(canvas: Canvas, given: Any, *dims: Any) -> Any:
    """Dimensions in another order."""
    order = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    return _seen_as(canvas, given, lambda array: array.permute(tuple(order)))


def swapped(canvas: Canvas, given: Any, first: int = 0, second: int = 1) -> Any:
    """Two dimensions exchanged."""
    return _seen_as(canvas, given, lambda array: array.transpose(first, second))


def taken(canvas: Canvas, given: Any, index: Any) -> Any:
    """Some of a tensor, or of what an operation gave."""
    if isinstance(given, (tuple, list, torch.Size)):
        return given[index]
    return _seen_as(canvas, given, lambda array: array[index])


def expanded(canvas: Canvas, given: Any, *sizes: Any) -> Any:
    """Repeated without a copy; a leading dimension becomes the points."""
    shape = list(sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes)
    if shape[0] not in (canvas.n_points, -1):
        raise NoCounterpart("an expansion that is not over points")
    array = _array_of(canvas.value(given))
    return Value(array.expand(1, *shape[1:]).numpy())


def joined(canvas: Canvas, parts: Any, dim: int = 0) -> Value:
    """Tensors one after the other along a dimension."""
    rows = [canvas.value(part) for part in parts]
    return Value(np.concatenate([part.rows for part in rows], axis=rows[0].axis(dim)))


def stacked(canvas: Canvas, parts: Any, dim: int = 0) -> Value:
    """Tensors side by side along a new dimension."""
    rows = [canvas.value(part).rows for part in parts]
    out = np.stack(rows, axis=dim)
    _require_points(out)
    return Value(out)


def pieces(canvas: Canvas, given: Value, count: Any, dim: int = 0, *, sizes: bool) -> Any:
    """Parts along a dimension: so many, or of such sizes."""
    given.axis(dim)
    array = _array_of(given)
    parts = torch.split(array, count, dim) if sizes else torch.chunk(array, count, dim)
    return tuple(Value(part.numpy()) for part in parts)


def attended(
    canvas: Canvas, query: Value, key: Value, value: Value, attn_mask: Any = None,
    dropout_p: float = 0.0, is_causal: bool = False, *, scale: Any = None, enable_gqa: bool = False,
) -> Value:  # fmt: skip
    """`torch.nn.functional.scaled_dot_product_attention`."""
    if dropout_p or enable_gqa or (is_causal and attn_mask is not None):
        raise NoCounterpart("dropout_p, enable_gqa, or a mask beside is_causal")
    length, sources = query.rows.shape[-2], key.rows.shape[-2]
    if is_causal:
        hidden = ~torch.ones(length, sources, dtype=torch.bool).tril()
    else:  # here True is what is seen
        is_bool = isinstance(attn_mask, torch.Tensor) and attn_mask.dtype == torch.bool
        hidden = ~attn_mask if is_bool else attn_mask
    return Value(mixed(canvas, query.rows, key.rows, value.rows, mask=hidden, scale=scale))


def size(canvas: Canvas, given: Any, dim: int | None = None) -> Any:
    """The shape, or one number of it, with P points."""
    points = isinstance(given, Value)
    shape = (canvas.n_points, *given.rows.shape[1:]) if points else tuple(given.shape)
    return shape if dim is None else shape[dim]


def same(canvas: Canvas, given: Any, *_: Any, **__: Any) -> Any:
    """What changes nothing."""
    return given


def _array_of(value: Value) -> torch.Tensor:
    """Numbers of rows as a tensor, on which PyTorch's own operations on shapes act."""
    return torch.from_numpy(np.ascontiguousarray(value.rows))


def _seen_as(canvas: Canvas, given: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """An operation on shapes alone; `NoCounterpart` unless the points stay first."""
    if not isinstance(given, Value):  # parameters have no points
        return Value(change(_array_of(canvas.value(given))).numpy())
    # With two points it must do the same to each of them.
    out = change(_array_of(given)).numpy()
    twice = change(_array_of(Value(np.repeat(given.rows, 2, axis=0)))).numpy()
    if twice.shape != (2, *out.shape[1:]) or not np.array_equal(twice, np.repeat(out, 2, axis=0)):
        raise NoCounterpart("an operation across points")
    return Value(out)


def _broadcast(canvas: Canvas, left: Any, right: Any) -> list[np.ndarray]:
    """Rows of both of one shape."""
    pair = np.broadcast_arrays(canvas.value(left).rows, canvas.value(right).rows)
    _require_points(pair[0])
    return list(pair)


def _require_points(rows: np.ndarray) -> None:
    """The points are still the first dimension."""
    if rows.shape[0] != 1:
        raise NoCounterpart("arithmetic across points, or of parameters alone")


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": combined,
    "iadd": combined,
    "sub": lambda canvas, left, right: combined(canvas, left, right, -1.0),
    "mul": times,
    "imul": times,
    "truediv": divided,
    "div": divided,
    "neg": lambda canvas, given: times(canvas, given, -1.0),
    "pow": power,
    "square": power,
    "matmul": product,
    "bmm": product,
    "linear": linear,
    "softmax": lambda canvas, given, dim, dtype=None, _stacklevel=3: softmax(canvas, given, dim),
    "scaled_dot_product_attention": attended,
    "mean": lambda canvas, given, dim=None, keepdim=False: total(
        canvas, given, dim, keepdim, mean=True
    ),
    "sum": total,
    "flatten": flattened,
    "unflatten": unflattened,
    "view": shaped,
    "reshape": shaped,
    "permute": turned,
    "transpose": swapped,
    "unsqueeze": lambda canvas, given, dim: _seen_as(
        canvas, given, lambda array: array.unsqueeze(dim)
    ),
    "squeeze": lambda canvas, given, dim: _seen_as(canvas, given, lambda array: array.squeeze(dim)),
    "getitem": taken,
    "expand": expanded,
    "cat": joined,
    "concat": joined,
    "stack": stacked,
    "chunk": lambda canvas, given, count, dim=0: pieces(canvas, given, count, dim, sizes=False),
    "split": lambda canvas, given, size, dim=0: pieces(canvas, given, size, dim, sizes=True),
    "size": size,
    "getattr": lambda canvas, given, name: (
        size(canvas, given) if name == "shape" else _refuse(f"attribute {name}")
    ),
    "contiguous": same,
    "dropout": lambda canvas, given, p=0.5, training=True, inplace=False: (
        _refuse("dropout that is on") if training and p else given
    ),
}  # fmt: skip
"""By the name that functions and methods share; arguments as PyTorch has them."""


def _refuse(what: str) -> Any:
    raise NoCounterpart(what)
