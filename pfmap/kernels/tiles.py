"""Vector instructions on tiles: `TILE` numbers, one for each of as many points, side by side.

numba leaves it to the compiler to find vectors in a loop; here they are written out, so that a
dense layer keeps every sum in a register. Each sum is a chain of fused multiply-adds in a fixed
order, so its bits are the same on every CPU; only how much is done at a time suits the machine.

All tiles of a draw, and its weights, lie in one float32 array, the *memory*: a tile is named by the
position of its first number, and no call has to count references to arrays.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

TILE = 32
"""Points of a tile."""

_FLOAT = ir.FloatType()
_BITS = ir.IntType(TILE)
_INT64 = ir.IntType(64)
_WHOLE = ir.VectorType(_FLOAT, TILE)
_MEMORY = types.Array(types.float32, 1, "C")


def _lanes(context):
    """Floats of the widest vector that the CPU being compiled for handles at full speed."""
    features = context.codegen().magic_tuple()[-1]
    return 16 if "+avx512f" in features else 8 if "+avx" in features else 4


def _data(context, builder, memory):
    """Address of the first number of the memory."""
    return context.make_array(_MEMORY)(context, builder, memory).data


def _load(builder, data, position, vector=_WHOLE):
    place = builder.bitcast(builder.gep(data, [position]), vector.as_pointer())
    return builder.load(place, align=4)


def _store(builder, value, data, position):
    place = builder.bitcast(builder.gep(data, [position]), value.type.as_pointer())
    builder.store(value, place, align=4)


def _zeros(vector):
    return ir.Constant(vector, [0.0] * vector.count)


def _splat(builder, scalar, vector=_WHOLE):
    """A vector with `scalar` in every lane."""
    nothing = ir.Constant(vector, ir.Undefined)
    single = builder.insert_element(nothing, scalar, _INT64(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(single, nothing, mask)


def _fma(builder, a, b, c):
    """``a * b + c`` of vectors, lane by lane, with one rounding."""
    name = f"llvm.fma.v{a.type.count}f32"
    function = ir.FunctionType(a.type, [a.type] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, function, name), [a, b, c])


def _not_below(builder, value, floor):
    """The larger of two vectors, lane by lane; NaN compares false and stays NaN."""
    return builder.select(builder.fcmp_ordered("<", value, floor), floor, value)


def _dense(units, phases):
    """Make the operation for `units` units whose sums are split into `phases` interleaved chains.

    Several units give enough independent sums to hide the latency of the multiply-add; one or two
    units do so by summing k = 0, phases, 2 phases, … and k = 1, phases + 1, … apart.
    """

    def dense(typingctx, memory, w, b, x, n_below, y, floor):
        def codegen(context, builder, signature, arguments):
            memory, w, b, x, n_below, y, floor = arguments
            data = _data(context, builder, memory)
            lanes = _lanes(context)
            vector = ir.VectorType(_FLOAT, lanes)
            # Two vectors at a time: with 8 units this fills the 32 registers of AVX-512 without
            # spilling; narrower machines have half as many and take 4 units at a time.
            rows = units if lanes == 16 else min(units, 4)
            for first in range(0, units, rows):
                for column in range(0, TILE, 2 * lanes):
                    _sums(
                        builder, data, (w, b, x, n_below, y, floor), vector,
                        range(first, first + rows), (column, column + lanes), phases,
                    )  # fmt: skip
            return context.get_dummy_value()

        position = types.int64
        return types.none(
            _MEMORY, position, position, position, types.int64, position, types.float32
        ), codegen

    dense.__doc__ = (
        f"Pre-activations of {units} units on one tile, not below `floor`.\n\n"
        "Unit u has its weights at ``w + u * n_below`` and its bias at ``b + u``; the tile of unit "
        "k of the layer\nbelow is at ``x + k * TILE``, the result of unit u at ``y + u * TILE``."
    )
    return intrinsic(dense)


def _sums(builder, data, arguments, vector, rows, columns, phases):
    """Emit the loop over the layer below for some units and two vectors of points."""
    w, b, x, n_below, y, floor = arguments
    cells = {}
    for u in rows:
        bias = builder.load(builder.gep(data, [builder.add(b, _INT64(u))]), align=4)
        for phase in range(phases):
            for column in columns:
                cell = cgutils.alloca_once(builder, vector)
                start = _zeros(vector) if phase else _splat(builder, bias, vector)
                builder.store(start, cell)
                cells[u, phase, column] = cell

    def add_products(k, phase):
        row = builder.add(x, builder.mul(k, _INT64(TILE)))
        inputs = {c: _load(builder, data, builder.add(row, _INT64(c)), vector) for c in columns}
        for u in rows:
            place = builder.add(builder.add(w, builder.mul(_INT64(u), n_below)), k)
            weight = builder.load(builder.gep(data, [place]), align=4)
            weight = _splat(builder, weight, vector)
            for column in columns:
                cell = cells[u, phase, column]
                builder.store(_fma(builder, weight, inputs[column], builder.load(cell)), cell)

    rounds = builder.sdiv(n_below, _INT64(phases))
    with cgutils.for_range(builder, rounds, intp=_INT64) as loop:
        for phase in range(phases):
            add_products(builder.add(builder.mul(loop.index, _INT64(phases)), _INT64(phase)), phase)
    if phases > 1:
        done = builder.mul(rounds, _INT64(phases))
        with cgutils.for_range(builder, builder.sub(n_below, done), intp=_INT64) as loop:
            add_products(builder.add(done, loop.index), 0)
    for u in rows:
        for column in columns:
            total = builder.load(cells[u, 0, column])
            for phase in range(1, phases):
                total = builder.fadd(total, builder.load(cells[u, phase, column]))
            total = _not_below(builder, total, _splat(builder, floor, vector))
            _store(builder, total, data, builder.add(y, _INT64(u * TILE + column)))


dense8 = _dense(8, 1)
dense4 = _dense(4, 1)
dense2 = _dense(2, 2)
dense1 = _dense(1, 4)


@intrinsic
def shift_tile(typingctx, memory, source, difference, target, floor):
    """The tile at `source` plus a number, not below `floor`, into the tile at `target`."""

    def codegen(context, builder, signature, arguments):
        memory, source, difference, target, floor = arguments
        data = _data(context, builder, memory)
        total = builder.fadd(_load(builder, data, source), _splat(builder, difference))
        _store(builder, _not_below(builder, total, _splat(builder, floor)), data, target)
        return context.get_dummy_value()

    return types.none(_MEMORY, types.int64, types.float32, types.int64, types.float32), codegen


@intrinsic
def sum_of_squares(typingctx, memory, tile, live):
    """Sum of the squares of a tile times the factors in the tile at `live`, in halves."""

    def codegen(context, builder, signature, arguments):
        memory, tile, live = arguments
        data = _data(context, builder, memory)
        values = _load(builder, data, tile)
        total = builder.fmul(builder.fmul(values, values), _load(builder, data, live))
        count = TILE
        while count > 1:
            count //= 2
            low, high = (
                ir.Constant(ir.VectorType(ir.IntType(32), count), list(range(start, start + count)))
                for start in (0, count)
            )
            nothing = ir.Constant(total.type, ir.Undefined)
            total = builder.fadd(
                builder.shuffle_vector(total, nothing, low),
                builder.shuffle_vector(total, nothing, high),
            )
        return builder.extract_element(total, _INT64(0))

    return types.float32(_MEMORY, types.int64, types.int64), codegen


@intrinsic
def within_margin(typingctx, memory, tile, slack, margin):
    """Where \\|g\\| + s > margin fails, g and s in the tiles at `tile` and `slack`.

    A uint32, bit p for point p; it fails where an output is NaN.
    """

    def codegen(context, builder, signature, arguments):
        memory, tile, slack, margin = arguments
        data = _data(context, builder, memory)
        values = _load(builder, data, tile)
        negative = builder.fcmp_ordered("<", values, _zeros(_WHOLE))
        size = builder.select(negative, builder.fneg(values), values)
        size = builder.fadd(size, _load(builder, data, slack))
        far = builder.bitcast(builder.fcmp_ordered(">", size, _splat(builder, margin)), _BITS)
        return builder.not_(far)

    return types.uint32(_MEMORY, types.int64, types.int64, types.float32), codegen


@intrinsic
def positive_bits(typingctx, memory, tile):
    """Which numbers of a tile are > 0, as a uint32, the first on top."""

    def codegen(context, builder, signature, arguments):
        memory, tile = arguments
        values = _load(builder, _data(context, builder, memory), tile)
        positive = builder.fcmp_ordered(">", values, _zeros(_WHOLE))
        return builder.bitreverse(builder.bitcast(positive, _BITS))

    return types.uint32(_MEMORY, types.int64), codegen
