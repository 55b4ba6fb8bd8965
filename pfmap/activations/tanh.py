"""tanh."""

from __future__ import annotations

import math

import numpy as np

from ._arithmetic import fma
from ._record import Activation

_f = np.float32
_ONE = _f(1.0)
# tanh x = x P(x²) / Q(x²) for |x| <= 9.02, beyond which it rounds to 1; relative error 2.1e-8.
_END = _f(9.02)
_P0, _P1, _P2 = _f(0.999999979), _f(0.133797087), _f(3.49402358e-03)
_P3, _P4 = _f(2.05832981e-05), _f(1.33188154e-08)
_Q1, _Q2 = _f(0.46713024), _f(0.0258710315)
_Q3, _Q4 = _f(3.28307482e-04), _f(7.76191531e-07)


def _value(degree, x):
    return math.tanh(x)


def _slope(degree, x, y):
    return fma(-y, y, 1.0)


def _single(degree, x):
    x = _END if x > _END else x
    x = -_END if x < -_END else x
    t = x * x
    p = fma(t, _P4, _P3)
    p = fma(t, p, _P2)
    p = fma(t, p, _P1)
    p = fma(t, p, _P0)
    q = fma(t, _Q4, _Q3)
    q = fma(t, q, _Q2)
    q = fma(t, q, _Q1)
    q = fma(t, q, _ONE)
    return x * p / q


ACTIVATION = Activation(
    name="tanh", formula="tanh x",
    value=_value, slope=_slope, slope_from_value=True, single=_single, single_ulps=5.0,
    parity="odd", pieces="curved", monotone=True, keeps_sign=True, zero_at_zero=True,
    zero_on_interval=False, power=None, homogeneity=None,
    low=-1.0, high=1.0, low_attained=False, high_attained=False,
    jumps=(), kinks=(), seams=(), product_moment=None,
)  # fmt: skip
