"""elu with α = 1: x above 0, e^x - 1 below (Clevert et al. 2015, arXiv 1511.07289)."""

from __future__ import annotations

import math

import numpy as np

from ._arithmetic import fma, scale_and_rest
from ._record import Activation


def _value(degree, x):
    return x if x > 0.0 else math.expm1(x)


def _slope(degree, x, y):
    return 1.0 if y > 0.0 else y + 1.0


def _single(degree, x):
    scale, rest = scale_and_rest(x)
    return x if x > np.float32(0.0) else fma(scale, rest, scale - np.float32(1.0))


ACTIVATION = Activation(
    name="elu", formula="x above 0, e^x - 1 below",
    value=_value, slope=_slope, slope_from_value=True, single=_single, single_ulps=0.5,
    parity="neither", pieces="curved", monotone=True, keeps_sign=True, zero_at_zero=True,
    zero_on_interval=False, power=None, homogeneity=None,
    low=-1.0, high=math.inf, low_attained=False, high_attained=False,
    jumps=(), kinks=(), seams=(0.0,), product_moment=None,
)  # fmt: skip
