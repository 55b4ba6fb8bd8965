"""gaussian: exp(-x²)."""

from __future__ import annotations

import math

import numpy as np

from ._arithmetic import exponential_of_square
from ._record import Activation

_END = np.float32(9.3)  # exp(-x²) is 1e-38 there


def _value(degree, x):
    return math.exp(-x * x)


def _slope(degree, x, y):
    return -2.0 * x * y


def _single(degree, x):
    x = _END if x > _END else x
    x = -_END if x < -_END else x
    return exponential_of_square(x, np.float32(1.0))


ACTIVATION = Activation(
    name="gaussian", formula="exp(-x²)",
    value=_value, slope=_slope, slope_from_value=False, single=_single, single_ulps=1.0,
    parity="even", pieces="curved", monotone=False, keeps_sign=False, zero_at_zero=False,
    zero_on_interval=False, power=None, homogeneity=None,
    low=0.0, high=1.0, low_attained=False, high_attained=True,
    jumps=(), kinks=(), seams=(), product_moment=None,
)  # fmt: skip
