"""Activation functions in float32, in place on a run of numbers, with the same bits on every CPU.

Each is a ratio of polynomials or a polynomial evaluated by explicit fused multiply-adds, so that a
loop over it vectorises. Largest errors, measured against float64 by the tests: tanh and erf 4e-7
relative, sin 2e-7 absolute for \\|x\\| < 1000, monomial 6e-7 relative at degree 9. NaN stays NaN.
"""

from __future__ import annotations

import math

import numpy as np

from ._jit import jit
from .activation import ERF, MONOMIAL, SIN, TANH
from .intrinsics import fma

_f = np.float32
_HALF, _ONE, _TWO = _f(0.5), _f(1.0), _f(2.0)

# tanh x = x P(x²) / Q(x²) for |x| <= 9.02, beyond which it rounds to 1; relative error 2.1e-8.
_TANH_END = _f(9.02)
_TP0, _TP1, _TP2 = _f(0.999999979), _f(0.133797087), _f(3.49402358e-03)
_TP3, _TP4 = _f(2.05832981e-05), _f(1.33188154e-08)
_TQ1, _TQ2 = _f(0.46713024), _f(0.0258710315)
_TQ3, _TQ4 = _f(3.28307482e-04), _f(7.76191531e-07)

# erf x = x P(x²) / Q(x²) for |x| <= 4, beyond which it rounds to 1; relative error 2.5e-8.
_ERF_END = _f(4.0)
_EP0, _EP1, _EP2 = _f(1.12837914), _f(0.193547398), _f(0.053102023)
_EP3, _EP4, _EP5 = _f(3.88343659e-03), _f(2.84566678e-04), _f(1.98674671e-06)
_EQ1, _EQ2, _EQ3 = _f(0.50485947), _f(0.115350937), _f(0.0152074361)
_EQ4, _EQ5 = _f(1.18559125e-03), _f(3.74198474e-05)

# sin x = x + x³ P(x²) for |x| <= π/2, relative error 6.1e-9; π in three parts for the reduction.
_SP0, _SP1, _SP2, _SP3 = _f(-0.166666595), _f(8.33306621e-03), _f(-1.98096e-04), _f(2.60577363e-06)
_INVERSE_PI = _f(1.0 / math.pi)
_PI_HIGH = _f(math.pi)
_PI_LOW = _f(math.pi - float(_PI_HIGH))
_ROUND = _f(1.5 * 2.0**23)
_SIN_END = _f(1e5)
_NAN = _f(np.nan)


@jit(inline=True)
def tanh32(x):
    """tanh of a float32."""
    x = _TANH_END if x > _TANH_END else x
    x = -_TANH_END if x < -_TANH_END else x
    t = x * x
    p = fma(t, _TP4, _TP3)
    p = fma(t, p, _TP2)
    p = fma(t, p, _TP1)
    p = fma(t, p, _TP0)
    q = fma(t, _TQ4, _TQ3)
    q = fma(t, q, _TQ2)
    q = fma(t, q, _TQ1)
    q = fma(t, q, _ONE)
    return x * p / q


@jit(inline=True)
def erf32(x):
    """erf of a float32."""
    x = _ERF_END if x > _ERF_END else x
    x = -_ERF_END if x < -_ERF_END else x
    t = x * x
    p = fma(t, _EP5, _EP4)
    p = fma(t, p, _EP3)
    p = fma(t, p, _EP2)
    p = fma(t, p, _EP1)
    p = fma(t, p, _EP0)
    q = fma(t, _EQ5, _EQ4)
    q = fma(t, q, _EQ3)
    q = fma(t, q, _EQ2)
    q = fma(t, q, _EQ1)
    q = fma(t, q, _ONE)
    return x * p / q


@jit(inline=True)
def sin32(x):
    """sin of a float32; NaN beyond 1e5, where the reduction loses too much: float64 takes over."""
    # Adding and taking away 1.5 · 2^23 rounds to the nearest whole number.
    turns = fma(x, _INVERSE_PI, _ROUND) - _ROUND
    r = fma(turns, -_PI_HIGH, x)
    r = fma(turns, -_PI_LOW, r)
    t = r * r
    p = fma(t, _SP3, _SP2)
    p = fma(t, p, _SP1)
    p = fma(t, p, _SP0)
    value = fma(r * t, p, r)
    odd = turns - _TWO * (fma(turns, _HALF, _ROUND) - _ROUND)
    value = value * (_ONE - _TWO * abs(odd))
    return value if abs(x) < _SIN_END else _NAN


@jit(inline=True)
def power32(x, degree):
    """x^degree of a float32 for degree 1…15, by squaring."""
    x2 = x * x
    x4 = x2 * x2
    power = x if degree & 1 else _ONE
    power = power * x2 if degree & 2 else power
    power = power * x4 if degree & 4 else power
    return power * (x4 * x4) if degree & 8 else power


@jit
def activate_run(code, degree, values):
    """Apply activation `code` in place to a float32 array; relu and linear leave it unchanged.

    relu is done before, where a dense layer stores its sums.
    """
    if code == TANH:
        for i in range(len(values)):
            values[i] = tanh32(values[i])
    elif code == ERF:
        for i in range(len(values)):
            values[i] = erf32(values[i])
    elif code == SIN:
        for i in range(len(values)):
            values[i] = sin32(values[i])
    elif code == MONOMIAL:
        for i in range(len(values)):
            values[i] = power32(values[i], degree)
