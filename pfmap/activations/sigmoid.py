"""sigmoid, the logistic function: 1 / (1 + e^-x)."""

from __future__ import annotations

import math

from ._arithmetic import share
from ._record import Activation


def _value(degree, x):
    return 1.0 / (1.0 + math.exp(-x))


def _slope(degree, x, y):
    return y * (1.0 - y)


def _single(degree, x):
    return share(x)


ACTIVATION = Activation(
    name="sigmoid", formula="1 / (1 + e^-x)",
    value=_value, slope=_slope, slope_from_value=True, single=_single, single_ulps=2.0,
    parity="neither", pieces="curved", monotone=True, keeps_sign=False, zero_at_zero=False,
    zero_on_interval=False, power=None, homogeneity=None,
    low=0.0, high=1.0, low_attained=False, high_attained=False,
    jumps=(), kinks=(), seams=(), product_moment=None,
)  # fmt: skip
