"""gelu: x Φ(x), Φ the normal distribution function (Hendrycks, Gimpel 2016, arXiv 1606.08415)."""

from __future__ import annotations

import math

import numpy as np

from ._arithmetic import exponential_of_square, fma
from ._record import Activation

_ROOT_HALF = math.sqrt(0.5)
_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)
_f = np.float32
_ZERO, _HALF, _ONE = _f(0.0), _f(0.5), _f(1.0)
# Φ(-a) = exp(-a²/2) P(1/(1 + 0.3 a)) for a <= 13, where it is 1e-38; relative error 8.1e-8.
_END, _TURN = _f(13.0), _f(0.3)
_P0, _P1, _P2 = _f(6.85411351e-06), _f(0.119493045), _f(0.12188223)
_P3, _P4, _P5 = _f(0.0948322341), _f(0.142186925), _f(-0.0760024861)
_P6, _P7, _P8 = _f(0.228219986), _f(-0.168953314), _f(0.0383345596)


def _value(degree, x):
    return 0.5 * x * math.erfc(-x * _ROOT_HALF)


def _slope(degree, x, y):
    return 0.5 * math.erfc(-x * _ROOT_HALF) + x * _DENSITY * math.exp(-0.5 * x * x)


def _single(degree, x):
    a = abs(x)
    a = _END if a > _END else a
    t = _ONE / fma(_TURN, a, _ONE)
    p = fma(t, _P8, _P7)
    p = fma(t, p, _P6)
    p = fma(t, p, _P5)
    p = fma(t, p, _P4)
    p = fma(t, p, _P3)
    p = fma(t, p, _P2)
    p = fma(t, p, _P1)
    p = fma(t, p, _P0)
    below = exponential_of_square(a, _HALF) * p
    return fma(-x, below, x) if x > _ZERO else x * below


ACTIVATION = Activation(
    name="gelu", formula="x Φ(x)",
    value=_value, slope=_slope, slope_from_value=False, single=_single, single_ulps=5.5,
    parity="neither", pieces="curved", monotone=False, keeps_sign=True, zero_at_zero=True,
    zero_on_interval=False, power=None, homogeneity=None,
    low=-0.16997120747990369, high=math.inf, low_attained=True, high_attained=False,
    jumps=(), kinks=(), seams=(), product_moment=None,
)  # fmt: skip
