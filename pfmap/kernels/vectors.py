"""Blocks of row products in registers: what LLVM does not find by itself in loops over points.

A row is a run of `n` float64 in one array, `n` a multiple of `WIDTH`; rows are named by where they
begin. A block of sums stays in registers while the products stream past, so that an inner step
loads a number or two for every two multiply-adds and stores none. Sums are taken in one fixed order
with one rounding a multiply-add, so their bits depend neither on the CPU nor on the compiler.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ._jit import jit

WIDTH = 8
"""Rows are padded to a multiple of this many points."""

_WIDE = bool(get_host_cpu_features().get("avx512f"))
_LANES = 8 if _WIDE else 4
"""Numbers of a vector register; with 32 of them, blocks are twice as large as with 16."""

_DOUBLE, _INDEX = ir.DoubleType(), ir.IntType(64)
_VECTOR = ir.VectorType(_DOUBLE, _LANES)


def _data(context: Any, builder: Any, signature: Any, arguments: Any, k: int) -> Any:
    """Pointer to the first entry of array argument k."""
    return context.make_array(signature.args[k])(context, builder, arguments[k]).data


def _load(builder: Any, pointer: Any, at: Any) -> Any:
    """A vector from anywhere."""
    place = builder.bitcast(builder.gep(pointer, [at]), _VECTOR.as_pointer())
    return builder.load(place, align=8)


def _store(builder: Any, value: Any, pointer: Any, at: Any) -> None:
    place = builder.bitcast(builder.gep(pointer, [at]), _VECTOR.as_pointer())
    builder.store(value, place, align=8)


def _spread(builder: Any, number: Any) -> Any:
    """A vector of equal numbers."""
    none = ir.Constant(_VECTOR, ir.Undefined)
    one = builder.insert_element(none, number, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)
    return builder.shuffle_vector(one, none, mask)


def _fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    name = f"llvm.fma.v{_LANES}f64"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [a, b, c])


def _sum(builder: Any, vector: Any) -> Any:
    """Sum of a vector's numbers, halves first."""
    size = _LANES
    while size > 1:
        size //= 2
        halves = [
            builder.shuffle_vector(
                vector, vector, ir.Constant(ir.VectorType(ir.IntType(32), size), list(part))
            )
            for part in (range(size), range(size, 2 * size))
        ]
        vector = builder.fadd(*halves)
    return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))


def _product_block(units: int, vectors: int, *, adds: bool) -> Callable[..., Any]:
    """Kernel: out[u] += Σ_k entries[first + u unit_step + k below_step] below[k], at some points.

    Rows of `below` begin at ``rows[below_at + k]`` of `source`, those of `out` at
    ``rows[out_at + u]`` of `target`. A kernel that does not add sets: sums begin at
    ``offsets[offset_at + u]``, and where `cut` is 1 negative ones become 0.
    """

    @intrinsic
    def product_block(
        typingctx, entries, first, unit_step, below_step, n_below, rows, below_at, source, out_at,
        target, point, offsets, offset_at, cut,
    ):  # fmt: skip
        def codegen(context, builder, signature, arguments):
            def data(k: int) -> Any:
                return _data(context, builder, signature, arguments, k)

            _, first, unit_step, below_step, n_below, _, below_at, _, out_at, _, point = arguments[
                :11
            ]
            offset_at, cut = arguments[12:]
            entries, rows, source, target, offsets = (data(k) for k in (0, 5, 7, 9, 11))
            outs = []
            for u in range(units):
                at = builder.add(out_at, _INDEX(u))
                outs.append(builder.add(builder.load(builder.gep(rows, [at])), point))
            places = [
                [builder.add(out, _INDEX(v * _LANES)) for v in range(vectors)] for out in outs
            ]
            sums = []
            for u in range(units):
                sums.append([cgutils.alloca_once(builder, _VECTOR) for _ in range(vectors)])
                at = builder.add(offset_at, _INDEX(u))
                offset = None
                if not adds:
                    offset = _spread(builder, builder.load(builder.gep(offsets, [at])))
                for v in range(vectors):
                    start = _load(builder, target, places[u][v]) if adds else offset
                    builder.store(start, sums[u][v])
            with cgutils.for_range(builder, n_below) as loop:
                row = builder.load(builder.gep(rows, [builder.add(below_at, loop.index)]))
                row = builder.add(row, point)
                values = [
                    _load(builder, source, builder.add(row, _INDEX(v * _LANES)))
                    for v in range(vectors)
                ]
                at = builder.add(first, builder.mul(loop.index, below_step))
                for u in range(units):
                    factor = _spread(builder, builder.load(builder.gep(entries, [at])))
                    at = builder.add(at, unit_step)
                    for v in range(vectors):
                        total = builder.load(sums[u][v])
                        builder.store(_fma(builder, factor, values[v], total), sums[u][v])
            zero = ir.Constant(_VECTOR, [0.0] * _LANES)
            is_cut = builder.icmp_signed("!=", cut, cut.type(0))
            for u in range(units):
                for v in range(vectors):
                    total = builder.load(sums[u][v])
                    if not adds:
                        positive = builder.select(
                            builder.fcmp_ordered(">", total, zero), total, zero
                        )
                        total = builder.select(is_cut, positive, total)
                    _store(builder, total, target, places[u][v])
            return context.get_dummy_value()

        arguments = (
            entries, first, unit_step, below_step, n_below, rows, below_at, source, out_at, target,
            point, offsets, offset_at, cut,
        )  # fmt: skip
        return types.void(*arguments), codegen

    return product_block


def _dot_block(units: int, below: int) -> Callable[..., Any]:
    """Kernel: out[first + u unit_step + k] += Σ_p delta[u, p] below[k, p], over n points."""

    @intrinsic
    def dot_block(
        typingctx, rows, unit_at, deltas, below_at, source, n_points, out, first, unit_step
    ):
        def codegen(context, builder, signature, arguments):
            def data(k: int) -> Any:
                return _data(context, builder, signature, arguments, k)

            _, unit_at, _, below_at, _, n_points, _, first, unit_step = arguments
            rows, deltas, source, out = data(0), data(2), data(4), data(6)

            def begin(at: Any, k: int) -> Any:
                return builder.load(builder.gep(rows, [builder.add(at, _INDEX(k))]))

            firsts = [begin(unit_at, u) for u in range(units)]
            seconds = [begin(below_at, k) for k in range(below)]
            zero = ir.Constant(_VECTOR, [0.0] * _LANES)
            sums = []
            for _ in range(units):
                sums.append([cgutils.alloca_once(builder, _VECTOR) for _ in range(below)])
                for k in range(below):
                    builder.store(zero, sums[-1][k])
            count = builder.sdiv(n_points, _INDEX(_LANES))
            with cgutils.for_range(builder, count) as loop:
                point = builder.mul(loop.index, _INDEX(_LANES))
                left = [_load(builder, deltas, builder.add(row, point)) for row in firsts]
                right = [_load(builder, source, builder.add(row, point)) for row in seconds]
                for u in range(units):
                    for k in range(below):
                        total = builder.load(sums[u][k])
                        builder.store(_fma(builder, left[u], right[k], total), sums[u][k])
            for u in range(units):
                for k in range(below):
                    step = builder.add(builder.mul(unit_step, _INDEX(u)), _INDEX(k))
                    place = builder.gep(out, [builder.add(first, step)])
                    total = _sum(builder, builder.load(sums[u][k]))
                    builder.store(builder.fadd(builder.load(place), total), place)
            return context.get_dummy_value()

        arguments = (
            rows, unit_at, deltas, below_at, source, n_points, out, first, unit_step,
        )  # fmt: skip
        return types.void(*arguments), codegen

    return dot_block


_UNITS, _SPAN = (8, 16) if _WIDE else (4, 8)
_add_many, _add_one, _add_many_end, _add_one_end = (
    _product_block(units, span // _LANES, adds=True)
    for span in (_SPAN, WIDTH)
    for units in (_UNITS, 1)
)
_set_many, _set_one, _set_many_end, _set_one_end = (
    _product_block(units, span // _LANES, adds=False)
    for span in (_SPAN, WIDTH)
    for units in (_UNITS, 1)
)

_TALL, _LONG = (4, 4) if _WIDE else (2, 4)
_dot_many, _dot_row = _dot_block(_TALL, _LONG), _dot_block(1, _LONG)
_dot_column, _dot_one = _dot_block(_TALL, 1), _dot_block(1, 1)


@jit
def add_products(
    entries, first, unit_step, below_step, n_units, n_below, rows, below_at, source, out_at, target,
    n_points,
):  # fmt: skip
    """Add a product to rows: out[u] += Σ_k m[u, k] below[k], m[u, k] in `entries` by two steps.

    Parameters
    ----------
    entries, first, unit_step, below_step : float64[:], int, int, int
        m[u, k] = ``entries[first + u * unit_step + k * below_step]``.
    n_units, n_below : int
        Rows of `out` and of `below`.
    rows : int64[:]
        Where rows begin: those of `below` from ``rows[below_at]`` on in `source`, those of `out`
        from ``rows[out_at]`` on in `target`.
    n_points : int
        Length of a row, a multiple of `WIDTH`.
    """
    far = n_points - n_points % _SPAN
    u = 0
    while u < n_units:
        at, out = first + u * unit_step, out_at + u
        many = u + _UNITS <= n_units
        for p in range(0, far, _SPAN):
            if many:
                _add_many(
                    entries, at, unit_step, below_step, n_below, rows, below_at, source, out,
                    target, p, entries, first, first,
                )  # fmt: skip
            else:
                _add_one(
                    entries, at, unit_step, below_step, n_below, rows, below_at, source, out,
                    target, p, entries, first, first,
                )  # fmt: skip
        if far < n_points:
            if many:
                _add_many_end(
                    entries, at, unit_step, below_step, n_below, rows, below_at, source, out,
                    target, far, entries, first, first,
                )  # fmt: skip
            else:
                _add_one_end(
                    entries, at, unit_step, below_step, n_below, rows, below_at, source, out,
                    target, far, entries, first, first,
                )  # fmt: skip
        u += _UNITS if many else 1


@jit
def set_products(
    entries, first, unit_step, below_step, n_units, n_below, rows, below_at, source, out_at, target,
    n_points, offsets, offset_at, cut,
):  # fmt: skip
    """Set rows to a product: out[u] = offsets[offset_at + u] + Σ_k m[u, k] below[k].

    Negative sums become 0 where `cut` is 1. The other parameters are those of `add_products`.
    """
    far = n_points - n_points % _SPAN
    u = 0
    while u < n_units:
        at, out = first + u * unit_step, out_at + u
        many = u + _UNITS <= n_units
        for p in range(0, far, _SPAN):
            if many:
                _set_many(
                    entries, at, unit_step, below_step, n_below, rows, below_at, source, out,
                    target, p, offsets, offset_at + u, cut,
                )  # fmt: skip
            else:
                _set_one(
                    entries, at, unit_step, below_step, n_below, rows, below_at, source, out,
                    target, p, offsets, offset_at + u, cut,
                )  # fmt: skip
        if far < n_points:
            if many:
                _set_many_end(
                    entries, at, unit_step, below_step, n_below, rows, below_at, source, out,
                    target, far, offsets, offset_at + u, cut,
                )  # fmt: skip
            else:
                _set_one_end(
                    entries, at, unit_step, below_step, n_below, rows, below_at, source, out,
                    target, far, offsets, offset_at + u, cut,
                )  # fmt: skip
        u += _UNITS if many else 1


@jit
def add_dots(
    rows, unit_at, n_units, deltas, below_at, n_below, source, n_points, out, first, unit_step
):
    """Add inner products of rows: out[u, k] += Σ_p delta[u, p] below[k, p].

    out[u, k] is ``out[first + u * unit_step + k]``; rows as in `add_products`, over n_points.
    """
    whole, whole_below = n_units - n_units % _TALL, n_below - n_below % _LONG
    for u in range(0, n_units, 1):
        if u < whole and u % _TALL:
            continue
        for k in range(0, whole_below, _LONG):
            place = first + u * unit_step + k
            if u < whole:
                _dot_many(
                    rows, unit_at + u, deltas, below_at + k, source, n_points, out, place, unit_step
                )
            else:
                _dot_row(
                    rows, unit_at + u, deltas, below_at + k, source, n_points, out, place, unit_step
                )
        for k in range(whole_below, n_below):
            place = first + u * unit_step + k
            if u < whole:
                _dot_column(
                    rows, unit_at + u, deltas, below_at + k, source, n_points, out, place, unit_step
                )
            else:
                _dot_one(
                    rows, unit_at + u, deltas, below_at + k, source, n_points, out, place, unit_step
                )
