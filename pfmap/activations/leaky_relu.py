"""leaky_relu: x above 0, x/100 below."""

from __future__ import annotations

import math

import numpy as np

from ._record import Activation

_LEAK = 0.01
_LEAK_SINGLE = np.float32(_LEAK)


def _value(degree, x):
    return x if x > 0.0 else _LEAK * x


def _slope(degree, x, y):
    return 1.0 if y > 0.0 else _LEAK


def _single(degree, x):
    return x if x > np.float32(0.0) else _LEAK_SINGLE * x


ACTIVATION = Activation(
    name="leaky_relu", formula="max(x, x/100)",
    value=_value, slope=_slope, slope_from_value=True, single=_single, single_ulps=0.5,
    parity="neither", pieces="piecewise linear", monotone=True, keeps_sign=True, zero_at_zero=True,
    zero_on_interval=False, power=None, homogeneity=1,
    low=-math.inf, high=math.inf, low_attained=False, high_attained=False,
    jumps=(), kinks=(0.0,), seams=(), product_moment=None,
)  # fmt: skip
