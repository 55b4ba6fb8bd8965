"""cos."""

from __future__ import annotations

import math

import numpy as np

from ._arithmetic import sine
from ._record import Activation


def _value(degree, x):
    return math.cos(x)


def _slope(degree, x, y):
    return -math.sin(x)


def _single(degree, x):
    return -sine(x, np.float32(0.5))


ACTIVATION = Activation(
    name="cos", formula="cos x",
    value=_value, slope=_slope, slope_from_value=False, single=_single, single_ulps=1.5,
    parity="even", pieces="curved", monotone=False, keeps_sign=False, zero_at_zero=False,
    zero_on_interval=False, power=None, homogeneity=None,
    low=-1.0, high=1.0, low_attained=True, high_attained=True,
    jumps=(), kinks=(), seams=(), product_moment=None,
)  # fmt: skip
