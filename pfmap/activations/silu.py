"""silu, also called swish: x / (1 + e^-x)."""

from __future__ import annotations

import math

from ._arithmetic import share
from ._record import Activation


def _value(degree, x):
    return x / (1.0 + math.exp(-x))


def _slope(degree, x, y):
    share = 1.0 / (1.0 + math.exp(-x))
    return share * (1.0 + x * (1.0 - share))


def _single(degree, x):
    return x * share(x)


ACTIVATION = Activation(
    name="silu", formula="x / (1 + e^-x)",
    value=_value, slope=_slope, slope_from_value=False, single=_single, single_ulps=2.5,
    parity="neither", pieces="curved", monotone=False, keeps_sign=True, zero_at_zero=True,
    zero_on_interval=False, power=None, homogeneity=None,
    low=-0.27846454276107379, high=math.inf, low_attained=True, high_attained=False,
    jumps=(), kinks=(), seams=(), product_moment=None,
)  # fmt: skip
