"""Random words to weights: the uniform and the normal law, in float32, bit-identical everywhere.

Of a word k, the top bit is the sign and the lower 31 bits are n. With

    x = (n + 1/2) / 2^31,        v = (2^31 - n - 1/2) / 2^31 = 1 - x,

the uniform law takes ±x and the normal law takes ±z with P(|Z| > z) = v, so both are exactly
symmetric. x and v come from the integer, each with full relative precision: neither the centre nor
the tail is coarser than 32 bits allow (the largest normal is 6.34, where P(|Z| > z) = 2^-32).

Every operation is an IEEE addition, multiplication, division or an explicit fused multiply-add in
a fixed order; nothing may be contracted or reassociated.
"""

from __future__ import annotations

import math

import numpy as np

from ._jit import jit
from .intrinsics import bits_of_float, float_of_bits, fma

UNIFORM = 0
NORMAL = 1

CODES = {"uniform": UNIFORM, "normal": NORMAL}

_f = np.float32
_SIGN = np.uint32(0x80000000)
_REST = np.uint32(0x7FFFFFFF)
_MANTISSA = np.int32(0x007FFFFF)
_ROOT_HALF = np.int32(0x3F3504F3)
_HALF = _f(0.5)
_ONE = _f(1.0)
_SCALE = _f(2.0**-31)
_LN2 = _f(math.log(2.0))
# log(1 + f) = f (L1 + L2 f + …) for sqrt(1/2) <= 1 + f < sqrt(2), absolute error 3.4e-8.
_L1, _L2, _L3, _L4 = _f(0.9999998139), _f(-0.500006674), _f(0.33336182), _f(-0.249593434)
_L5, _L6, _L7, _L8 = _f(0.198730462), _f(-0.173334696), _f(0.164199936), _f(-0.101022282)
# z / x as a ratio of polynomials in w = -log(1 - x²), 0 < w < 22.2, relative error 1.2e-8; every
# coefficient is positive, so nothing cancels.
_P0, _P1, _P2, _P3 = _f(1.25331412), _f(0.44766429), _f(0.0911701557), _f(0.0125679751)
_P4, _P5, _P6 = _f(1.14544698e-03), _f(6.03458854e-05), _f(1.98131878e-07)
_Q1, _Q2, _Q3 = _f(0.095384711), _f(0.0347410497), _f(2.3218979e-03)
_Q4, _Q5 = _f(2.51254717e-04), _f(3.83374663e-06)


@jit(inline=True)
def uniform_of_word(word):
    """Uniform number on [-1, 1], never 0, from a uint32."""
    n = np.int32(word & _REST)
    x = (_f(n) + _HALF) * _SCALE
    return float_of_bits(np.int32(np.uint32(bits_of_float(x)) | (word & _SIGN)))


@jit(inline=True)
def unit_uniform(word):
    """Uniform number on (0, 1]."""
    return abs(np.float64(uniform_of_word(word)))


@jit(inline=True)
def normal_of_word(word):
    """Standard normal number from a uint32, by the inverse of its distribution function."""
    n = np.int32(word & _REST)
    x = (_f(n) + _HALF) * _SCALE
    v = (_f(np.int32(_REST ^ (word & _REST))) + _HALF) * _SCALE
    # 1 - x² = v (1 + x) = 2^e (1 + f); its relative precision survives in the tail.
    bits = np.int32(bits_of_float(fma(v, x, v)) - _ROOT_HALF)
    f = float_of_bits(np.int32((bits & _MANTISSA) + _ROOT_HALF)) - _ONE
    log = fma(f, _L8, _L7)
    log = fma(f, log, _L6)
    log = fma(f, log, _L5)
    log = fma(f, log, _L4)
    log = fma(f, log, _L3)
    log = fma(f, log, _L2)
    log = fma(f, log, _L1)
    w = -fma(_f(bits >> np.int32(23)), _LN2, f * log)
    p = fma(w, _P6, _P5)
    p = fma(w, p, _P4)
    p = fma(w, p, _P3)
    p = fma(w, p, _P2)
    p = fma(w, p, _P1)
    p = fma(w, p, _P0)
    q = fma(w, _Q5, _Q4)
    q = fma(w, q, _Q3)
    q = fma(w, q, _Q2)
    q = fma(w, q, _Q1)
    q = fma(w, q, _ONE)
    z = x * p / q
    return float_of_bits(np.int32(np.uint32(bits_of_float(z)) | (word & _SIGN)))


@jit
def weights_of_words(law, words, scales, weights):
    """Turn random words into weights: number of `law` times the scale of the parameter.

    Parameters
    ----------
    law : int
        `UNIFORM` or `NORMAL`.
    words : uint32[d]
        Random words.
    scales : float32[d]
        Factor of every parameter: its standard deviation, times sqrt(3) for the uniform law.
    weights : float32[d]
        Result.
    """
    if law == UNIFORM:
        for i in range(len(words)):
            weights[i] = uniform_of_word(words[i]) * scales[i]
    else:
        for i in range(len(words)):
            weights[i] = normal_of_word(words[i]) * scales[i]
