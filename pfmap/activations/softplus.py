"""softplus: log(1 + e^x), the integral of the logistic function."""

from __future__ import annotations

import math

from ._record import Activation


def _value(degree, x):
    return (x if x > 0.0 else 0.0) + math.log1p(math.exp(-abs(x)))


def _slope(degree, x, y):
    return -math.expm1(-y)


ACTIVATION = Activation(
    name="softplus", formula="log(1 + e^x)",
    value=_value, slope=_slope, slope_from_value=True, single=None, single_ulps=None,
    parity="neither", pieces="curved", monotone=True, keeps_sign=False, zero_at_zero=False,
    zero_on_interval=False, power=None, homogeneity=None,
    low=0.0, high=math.inf, low_attained=False, high_attained=False,
    jumps=(), kinks=(), seams=(), product_moment=None,
)  # fmt: skip
