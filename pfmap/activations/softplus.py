"""softplus: log(1 + e^x), the integral of the logistic function."""

from __future__ import annotations

import math

import numpy as np

from ._arithmetic import exponential, fma
from ._record import Activation

_f = np.float32
_ZERO, _TWO = _f(0.0), _f(2.0)
# log(1 + e) = 2 s P(s²) with s = e/(2 + e), relative error 7.8e-9.
_L0, _L1, _L2, _L3 = _f(1.0), _f(0.333331585), _f(0.200124547), _f(0.139803022)
_L4 = _f(0.140891626)


def _value(degree, x):
    return (x if x > 0.0 else 0.0) + math.log1p(math.exp(-abs(x)))


def _slope(degree, x, y):
    return -math.expm1(-y)


def _single(degree, x):
    small = exponential(-abs(x))
    s = small / (_TWO + small)
    t = s * s
    p = fma(t, _L4, _L3)
    p = fma(t, p, _L2)
    p = fma(t, p, _L1)
    p = fma(t, p, _L0)
    return fma(_TWO * s, p, x if x > _ZERO else _ZERO)


ACTIVATION = Activation(
    name="softplus", formula="log(1 + e^x)",
    value=_value, slope=_slope, slope_from_value=True, single=_single, single_ulps=3.0,
    parity="neither", pieces="curved", monotone=True, keeps_sign=False, zero_at_zero=False,
    zero_on_interval=False, power=None, homogeneity=None,
    low=0.0, high=math.inf, low_attained=False, high_attained=False,
    jumps=(), kinks=(), seams=(), product_moment=None,
)  # fmt: skip
