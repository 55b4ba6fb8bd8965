"""Functions and methods of PyTorch's tensors, over rows: arithmetic, means, shapes.

The first axis of a `Value` with points has one place where the tensor has P, so that shapes and
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
    like, first, second = _broadcast(canvas.value(left), canvas.value(right))
    if scale != 1.0:
        second = canvas.program.sums(second.reshape(-1, 1), scale=scale).reshape(second.shape)
    rows = canvas.program.sums(np.stack([first.ravel(), second.ravel()], axis=1))
    return like.having(rows.reshape(first.shape))


def _shifted(canvas: Canvas, left: Any, right: Any, scale: float) -> Value:
    """The same where one side is a number."""
    given, factor, number = (
        (left, 1.0, scale * right) if isinstance(right, (int, float)) else (right, scale, left)
    )
    value = canvas.value(given)
    constants = canvas.program.constants(np.array([factor, float(number)]))
    out = canvas.mapped(value.rows.reshape(-1, 1), constants[:1, None], constants[1:])
    return value.having(out.reshape(value.rows.shape))


def times(canvas: Canvas, left: Any, right: Any) -> Value:
    """left · right, entry by entry."""
    for number, given in ((left, right), (right, left)):
        if isinstance(number, (int, float)):
            value = canvas.value(given)
            scaled = canvas.program.sums(value.rows.reshape(-1, 1), scale=float(number))
            return value.having(scaled.reshape(value.rows.shape))
    like, first, second = _broadcast(canvas.value(left), canvas.value(right))
    rows = canvas.program.products(first.reshape(-1, 1), second.reshape(-1, 1))
    return like.having(rows.reshape(first.shape))


def divided(canvas: Canvas, left: Any, right: Any) -> Value:
    """left / right, right a number."""
    if not isinstance(right, (int, float)):
        raise NoCounterpart("a division by what is no number")
    return times(canvas, left, 1.0 / right)


def power(canvas: Canvas, given: Value, exponent: Any = 2) -> Value:
    """x to a positive integer."""
    if not isinstance(exponent, (int, float)) or exponent != int(exponent) or exponent < 1:
        raise NoCounterpart(f"a power of {exponent}")
    one = canvas.program.constants(np.ones((1, 1)))
    out = canvas.mapped(given.rows.reshape(-1, 1), one, None, ("monomial", int(exponent)))
    return given.having(out.reshape(given.rows.shape))


def product(canvas: Canvas, left: Any, right: Any) -> Value:
    """Matrix products, of rows with rows or with a matrix of parameters."""
    if isinstance(left, Value) and isinstance(right, torch.Tensor) and right.ndim == 2:
        entries = canvas.entries(right, fan_in=len(right)).T
        out = canvas.mapped(left.rows.reshape(-1, left.rows.shape[-1]), entries, None)
        return left.having(out.reshape(*left.rows.shape[:-1], -1))
    first, second = canvas.value(left), canvas.value(right)
    if min(first.rows.ndim, second.rows.ndim) < 2 or (second.points and second.rows.ndim < 3):
        raise NoCounterpart("a product with a vector, or across points")
    like, *pairs = _broadcast(
        first.having(first.rows[..., :, None, :]),
        second.having(second.rows.swapaxes(-1, -2)[..., None, :, :]),
    )
    flat = [pair.reshape(-1, pair.shape[-1]) for pair in pairs]
    return like.having(canvas.program.products(*flat).reshape(pairs[0].shape[:-1]))


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
    return given.having(np.expand_dims(sums, axes) if keepdim else sums)


def shaped(canvas: Canvas, given: Value, *shape: Any) -> Value:
    """Another shape, the points still first."""
    sizes = list(shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape)
    if given.points:
        rest = math.prod(sizes[1:])
        if sizes[0] not in (canvas.n_points, -1) or (sizes[0] == -1 and rest != given.rows.size):
            raise NoCounterpart("a shape that joins points with what they hold")
        sizes[0] = 1
    return given.having(given.rows.reshape(sizes))


def flattened(canvas: Canvas, given: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    """Dimensions joined into one."""
    first, last = given.axis(start_dim), given.axis(end_dim)
    shape = given.rows.shape
    return given.having(given.rows.reshape(*shape[:first], -1, *shape[last + 1 :]))


def unflattened(canvas: Canvas, given: Value, dim: int, sizes: Any) -> Value:
    """One dimension split into several."""
    axis, shape = given.axis(dim), given.rows.shape
    return given.having(given.rows.reshape(*shape[:axis], *sizes, *shape[axis + 1 :]))


def turned(canvas: Canvas, given: Value, *dims: Any) -> Value:
    """Dimensions in another order."""
    order = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    return _seen_as(given, lambda array: array.permute(tuple(order)))


def swapped(canvas: Canvas, given: Value, first: int = 0, second: int = 1) -> Value:
    """Two dimensions exchanged."""
    return _seen_as(given, lambda array: array.transpose(first, second))


def taken(canvas: Canvas, given: Any, index: Any) -> Any:
    """Some of a tensor, or of what an operation gave."""
    if isinstance(given, (tuple, list)):
        return given[index]
    return _seen_as(given, lambda array: array[index])


def expanded(canvas: Canvas, given: Value, *sizes: Any) -> Value:
    """Repeated without a copy; of what has no points, a leading dimension may become the points."""
    shape = list(sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes)
    leads = shape[0] == canvas.n_points and given.rows.shape[0] == 1
    if given.points and not leads and shape[0] != -1:
        raise NoCounterpart("an expansion that is not over points")
    if given.points or leads:
        shape[0] = 1
    return Value(_array_of(given).expand(shape).numpy(), points=given.points or leads)


def joined(canvas: Canvas, parts: Any, dim: int = 0) -> Value:
    """Tensors one after the other along a dimension."""
    values = _alike(canvas, parts)
    rows = [value.rows for value in values]
    return values[0].having(np.concatenate(rows, axis=values[0].axis(dim)))


def stacked(canvas: Canvas, parts: Any, dim: int = 0) -> Value:
    """Tensors side by side along a new dimension."""
    values = _alike(canvas, parts)
    wider = values[0].having(values[0].rows[..., None])
    return values[0].having(np.stack([value.rows for value in values], axis=wider.axis(dim)))


def _alike(canvas: Canvas, parts: Any) -> list[Value]:
    """Values that all have points, or all have none."""
    values = [canvas.value(part) for part in parts]
    if len({value.points for value in values}) > 1:
        raise NoCounterpart("parameters beside what has points: expand them")
    return values


def pieces(canvas: Canvas, given: Value, count: Any, dim: int = 0, *, sizes: bool) -> Any:
    """Parts along a dimension: so many, or of such sizes."""
    given.axis(dim)
    array = _array_of(given)
    parts = torch.split(array, count, dim) if sizes else torch.chunk(array, count, dim)
    return tuple(given.having(part.numpy()) for part in parts)


def attended(
    canvas: Canvas, query: Value, key: Value, value: Value, attn_mask: Any = None,
    dropout_p: float = 0.0, is_causal: bool = False, *, scale: Any = None, enable_gqa: bool = False,
) -> Value:  # fmt: skip
    """`torch.nn.functional.scaled_dot_product_attention`."""
    if not (query.points and key.points and value.points):
        raise NoCounterpart("parameters alone: expand them")
    if dropout_p or enable_gqa or (is_causal and attn_mask is not None):
        raise NoCounterpart("dropout_p, enable_gqa, or a mask beside is_causal")
    length, sources = query.rows.shape[-2], key.rows.shape[-2]
    if is_causal:
        hidden = ~torch.ones(length, sources, dtype=torch.bool).tril()
    else:  # here True is what is seen
        is_bool = isinstance(attn_mask, torch.Tensor) and attn_mask.dtype == torch.bool
        hidden = ~attn_mask if is_bool else attn_mask
    return Value(mixed(canvas, query.rows, key.rows, value.rows, mask=hidden, scale=scale))


def size(canvas: Canvas, given: Value, dim: int | None = None) -> Any:
    """The shape, or one number of it, with P points."""
    first = (canvas.n_points,) if given.points else given.rows.shape[:1]
    shape = first + given.rows.shape[1:]
    return shape if dim is None else shape[dim]


def attribute(canvas: Canvas, given: Value, name: str) -> Any:
    """What a tensor says of itself."""
    known = {
        "shape": size(canvas, given),
        "ndim": given.rows.ndim,
        "dtype": torch.float64,
        "device": torch.device("cpu"),
    }
    return known[name] if name in known else _refuse(f"attribute {name}")


def same(canvas: Canvas, given: Any, *_: Any, **__: Any) -> Any:
    """What changes nothing."""
    return given


def _array_of(value: Value) -> torch.Tensor:
    """Numbers of rows as a tensor, on which PyTorch's own operations on shapes act."""
    return torch.from_numpy(np.ascontiguousarray(value.rows))


def _seen_as(given: Value, change: Callable[[torch.Tensor], torch.Tensor]) -> Value:
    """An operation on shapes alone; `NoCounterpart` unless the points stay first."""
    out = change(_array_of(given)).numpy()
    if given.points:  # with two of them, it must do the same to each
        both = change(_array_of(Value(np.repeat(given.rows, 2, axis=0)))).numpy()
        if both.shape != (2, *out.shape[1:]) or not np.array_equal(both, np.repeat(out, 2, axis=0)):
            raise NoCounterpart("an operation across points")
    return given.having(out)


def _broadcast(left: Value, right: Value) -> tuple[Value, np.ndarray, np.ndarray]:
    """Rows of both of one shape, before them a value that has points if one of them has.

    Shapes are aligned at their ends: what has points must reach as far to the front as the result.
    """
    first, second = np.broadcast_arrays(left.rows, right.rows)
    holding = [side for side in (left, right) if side.points]
    if holding and (len(first) != 1 or any(side.rows.ndim < first.ndim for side in holding)):
        raise NoCounterpart("arithmetic across points")
    return (holding or [left])[0], first, second


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": combined,
    "sub": lambda canvas, left, right: combined(canvas, left, right, -1.0),
    "mul": times,
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
        given, lambda array: array.unsqueeze(dim)
    ),
    "squeeze": lambda canvas, given, dim: _seen_as(given, lambda array: array.squeeze(dim)),
    "getitem": taken,
    "expand": expanded,
    "cat": joined,
    "concat": joined,
    "stack": stacked,
    "chunk": lambda canvas, given, count, dim=0: pieces(canvas, given, count, dim, sizes=False),
    "split": lambda canvas, given, size, dim=0: pieces(canvas, given, size, dim, sizes=True),
    "size": size,
    "getattr": attribute,
    "dim": lambda canvas, given: given.rows.ndim,
    "contiguous": same,
    "dropout": lambda canvas, given, p=0.5, training=True, inplace=False: (
        _refuse("dropout that is on") if training and p else given
    ),
}  # fmt: skip
"""By the name that functions and methods share; arguments as PyTorch has them."""


def _refuse(what: str) -> Any:
    raise NoCounterpart(what)
