"""Arithmetic in float32 that several activations share; every sum of products is one `fma`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_f = np.float32


def fma(a: Any, b: Any, c: Any) -> Any:
    """``a * b + c`` of float32 or float64; compiled, one instruction with one rounding.

    Examples
    --------
    >>> fma(2.0, 3.0, 1.0)
    7.0
    """
    return a * b + c


# sin x = x + x³ P(x²) for |x| <= π/2, relative error 6.1e-9; π in two parts for the reduction.
_S0, _S1, _S2, _S3 = _f(-0.166666595), _f(8.33306621e-03), _f(-1.98096e-04), _f(2.60577363e-06)
_ZERO, _HALF, _ONE, _TWO = _f(0.0), _f(0.5), _f(1.0), _f(2.0)
_INVERSE_PI = _f(1.0 / math.pi)
_PI_HIGH = _f(math.pi)
_PI_LOW = _f(math.pi - float(_PI_HIGH))
_ROUND = _f(1.5 * 2.0**23)
_SINE_END = _f(1e5)
_NAN = _f(np.nan)


def whole_half_turns(x: Any, shift: Any) -> Any:
    """The whole number next to x/π - shift, shift 0 or 1/2, for |x| below 1e5."""
    # Adding and taking away 1.5 · 2^23 rounds to the nearest whole number.
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


SHARED = (whole_half_turns, sine)
"""Functions that those of several activations call."""
