"""gaussian: exp(-x²)."""

from __future__ import annotations

import math

from ._record import Activation


def _value(degree, x):
    return math.exp(-x * x)


def _slope(degree, x, y):
    return -2.0 * x * y


ACTIVATION = Activation(
    name="gaussian", formula="exp(-x²)",
    value=_value, slope=_slope, slope_from_value=False, single=None, single_ulps=None,
    parity="even", pieces="curved", monotone=False, keeps_sign=False, zero_at_zero=False,
    zero_on_interval=False, power=None, homogeneity=None,
    low=0.0, high=1.0, low_attained=False, high_attained=True,
    jumps=(), kinks=(), seams=(), product_moment=None,
)  # fmt: skip
