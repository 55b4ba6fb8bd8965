"""Instructions on single numbers that plain numba cannot spell: multiply-add, casts of bits."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from pfmap.activations import fma as plain_fma
from pfmap.activations._arithmetic import power_of_two


@intrinsic
def fma(typingctx, a, b, c):
    """``a * b + c`` of float32, or of float64 if one of them is, with one rounding."""

    def codegen(context, builder, signature, arguments):
        return builder.fma(*arguments)

    kind = types.float64 if types.float64 in (a, b, c) else types.float32
    return kind(kind, kind, kind), codegen


@overload(plain_fma, inline="always")
def _fma(a, b, c):
    """Functions of activations write it as plain Python."""

    def fused(a, b, c):
        return fma(a, b, c)

    return fused


@intrinsic
def float_of_bits(typingctx, bits):
    """The float32 whose representation is the int32 `bits`."""

    def codegen(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), codegen


@intrinsic
def bits_of_float(typingctx, value):
    """The representation of a float32 as an int32."""

    def codegen(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), codegen


@overload(power_of_two, inline="always")
def _power_of_two(n):
    def shifted(n):
        return float_of_bits(np.int32((np.int32(n) + np.int32(127)) << np.int32(23)))

    return shifted
