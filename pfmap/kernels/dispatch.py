"""Functions of kernels with one body for each kind of target, picked when a caller is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import overload


def by_target(
    stub: Callable[..., Any], bodies: dict[type, Callable[..., Any]], *, allocates: bool = False
) -> None:
    """Give `stub` a body for every NamedTuple that its first argument may be.

    A body is a function or a kernel without fast mathematics, whose source is then taken. Where one
    makes arrays, all are said to (`allocates` of `pfmap.kernels._jit.jit`).
    """
    options = {"forceinline": True, "error_model": "numpy", "_nrt": allocates}
    sources = {kind: getattr(body, "py_func", body) for kind, body in bodies.items()}

    def pick(target: types.Type, *_: types.Type) -> Callable[..., Any] | None:
        is_tuple = isinstance(target, types.NamedTuple)
        return sources.get(target.instance_class) if is_tuple else None

    overload(stub, jit_options=options, strict=False)(pick)
