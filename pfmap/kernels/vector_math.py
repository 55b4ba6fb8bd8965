"""exp and tanh of float64 in loops that vectorise: no calls, no branches, explicit multiply-adds.

Rational approximations of the Cephes library (Moshier 1989), with errors of a few units in the last
place, the same on every CPU. The functions of the C library take ten numbers' time for one.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ._jit import jit

_LOG2_E = 1.0 / math.log(2.0)
_LN2_HIGH, _LN2_LOW = 6.93145751953125e-1, 1.42860682030941723212e-6
_ROUND = 1.5 * 2.0**52  # a number below 2^51 becomes an integer when this is added
_BIAS = np.int64(1023)
_EXP_END = 708.0

_EP0, _EP1, _EP2 = 1.26177193074810590878e-4, 3.02994407707441961300e-2, 9.99999999999999999910e-1
_EQ0, _EQ1 = 3.00198505138664455042e-6, 2.52448340349684104192e-3
_EQ2, _EQ3 = 2.27265548208155028766e-1, 2.00000000000000000005e0

_TANH_SMALL = 0.625
_TP0, _TP1 = -9.64399179425052238628e-1, -9.92877231001918586564e1
_TP2 = -1.61468768441708447952e3
_TQ1, _TQ2, _TQ3 = 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3


@intrinsic
def _fma(typingctx, a, b, c):
    """``a * b + c`` with one rounding."""

    def codegen(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), codegen


@intrinsic
def _bits(typingctx, value):
    """The representation of a float64 as an int64."""

    def codegen(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def _float(typingctx, bits):
    """The float64 whose representation is the int64 `bits`."""

    def codegen(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@jit(inline=True)
def exp64(x):
    """e^x; 0 below -708 and infinite above 708."""
    y = _EXP_END if x > _EXP_END else x
    y = -_EXP_END if y < -_EXP_END else y
    shifted = _fma(y, _LOG2_E, _ROUND)
    whole = shifted - _ROUND
    r = _fma(-whole, _LN2_HIGH, y)
    r = _fma(-whole, _LN2_LOW, r)
    t = r * r
    p = _fma(_fma(t, _EP0, _EP1), t, _EP2) * r
    q = _fma(_fma(_fma(t, _EQ0, _EQ1), t, _EQ2), t, _EQ3)
    power = _float((_bits(shifted) - _bits(_ROUND) + _BIAS) << np.int64(52))
    value = _fma(2.0, p / (q - p), 1.0) * power
    value = math.inf if x > _EXP_END else value
    return 0.0 if x < -_EXP_END else value


@jit(inline=True)
def tanh64(x):
    """tanh x."""
    size = abs(x)
    far = 1.0 - 2.0 / (exp64(2.0 * size) + 1.0)
    far = -far if x < 0.0 else far
    t = x * x
    p = _fma(_fma(t, _TP0, _TP1), t, _TP2)
    q = _fma(_fma(t + _TQ1, t, _TQ2), t, _TQ3)
    near = _fma(x * t, p / q, x)
    return near if size < _TANH_SMALL else far


@jit
def set_exp(values, shift, out):
    """out[i] = e^(values[i] - shift[i])."""
    for i in range(out.shape[0]):
        out[i] = exp64(values[i] - shift[i])


@jit
def set_tanh(values):
    """Replace values by their tanh."""
    for i in range(values.shape[0]):
        values[i] = tanh64(values[i])
