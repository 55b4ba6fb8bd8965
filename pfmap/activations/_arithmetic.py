"""Arithmetic in float32 that several activations share, with the same bits on every CPU.

Each function is a polynomial, or a ratio of two, by explicit multiply-adds, so that a loop over it
vectorises. Of what is compared, NaN stays NaN.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_f = np.float32
_ZERO, _HALF, _ONE, _TWO = _f(0.0), _f(0.5), _f(1.0), _f(2.0)


def fma(a: Any, b: Any, c: Any) -> Any:
    """``a * b + c`` of float32 or float64; compiled, one instruction with one rounding.

    Examples
    --------
    >>> fma(2.0, 3.0, 1.0)
    7.0
    """
    return a * b + c


def power_of_two(n: Any) -> Any:
    """2^n of a whole float32 from -126 to 127; compiled, a shift.

    Examples
    --------
    >>> float(power_of_two(np.float32(-2.0)))
    0.25
    """
    return _TWO**n


# sin x = x + x³ P(x²) for |x| <= π/2, relative error 6.1e-9; π in two parts for the reduction.
_S0, _S1, _S2, _S3 = _f(-0.166666595), _f(8.33306621e-03), _f(-1.98096e-04), _f(2.60577363e-06)
_INVERSE_PI = _f(1.0 / math.pi)
_PI_HIGH = _f(math.pi)
_PI_LOW = _f(math.pi - float(_PI_HIGH))
_ROUND = _f(1.5 * 2.0**23)  # adding and taking it away rounds to the nearest whole number
_SINE_END = _f(1e5)
_NAN = _f(np.nan)


def whole_half_turns(x: Any, shift: Any) -> Any:
    """The whole number next to x/π - shift, shift 0 or 1/2, for |x| below 1e5."""
    if shift == _ZERO:
        return fma(x, _INVERSE_PI, _ROUND) - _ROUND
    return (fma(x, _INVERSE_PI, -shift) + _ROUND) - _ROUND


def sine(x: Any, shift: Any) -> Any:
    """sin(x - π shift), shift 0 or 1/2; NaN beyond 1e5, where the reduction loses too much."""
    whole = whole_half_turns(x, shift)
    turns = whole + shift
    r = fma(turns, -_PI_HIGH, x)
    r = fma(turns, -_PI_LOW, r)
    t = r * r
    p = fma(t, _S3, _S2)
    p = fma(t, p, _S1)
    p = fma(t, p, _S0)
    value = fma(r * t, p, r)
    odd = whole - _TWO * (fma(whole, _HALF, _ROUND) - _ROUND)
    value = value * (_ONE - _TWO * abs(odd))
    return value if abs(x) < _SINE_END else _NAN


# e^r = 1 + r + r² P(r) for |r| <= 0.3475, relative error 1.0e-8; ln 2 in two parts.
_E0, _E1, _E2, _E3, _E4 = map(_f, (0.5, 0.166665763, 0.0416668542, 0.0083633, 0.00139013468))
_INVERSE_LOG_2 = _f(1.0 / math.log(2.0))
_LOG_2_HIGH = _f(math.log(2.0))
_LOG_2_LOW = _f(math.log(2.0) - float(_LOG_2_HIGH))
_LEAST, _MOST = _f(-87.0), _f(88.0)


def scale_and_rest(x: Any) -> Any:
    """2^n and e^r - 1 with 2^n e^r = e^x, for x from -87 to 88, to which it is brought."""
    x = _LEAST if x < _LEAST else x
    x = _MOST if x > _MOST else x
    n = fma(x, _INVERSE_LOG_2, _ROUND) - _ROUND
    r = fma(n, -_LOG_2_HIGH, x)
    r = fma(n, -_LOG_2_LOW, r)
    p = fma(r, _E4, _E3)
    p = fma(r, p, _E2)
    p = fma(r, p, _E1)
    p = fma(r, p, _E0)
    return power_of_two(n), fma(r * r, p, r)


def exponential(x: Any) -> Any:
    """e^x."""
    scale, rest = scale_and_rest(x)
    return fma(scale, rest, scale)


def exponential_of_square(x: Any, factor: Any) -> Any:
    """exp(-factor x²), factor a power of two; what rounds off x² is made good."""
    square = x * x
    rounded_off = fma(x, x, -square)
    value = exponential(-factor * square)
    return fma(-factor * rounded_off, value, value)


def share(x: Any) -> Any:
    """1 / (1 + e^-x)."""
    small = exponential(-abs(x))
    larger = _ONE / (_ONE + small)
    return larger if x > _ZERO else small * larger


SHARED = (whole_half_turns, sine, scale_and_rest, exponential, exponential_of_square, share)
"""Functions that those of several activations call; numba compiles them too."""
