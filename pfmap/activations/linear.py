"""linear: x itself."""

from __future__ import annotations

import math

import numpy as np

from ._record import Activation


def _value(degree, x):
    return x


def _slope(degree, x, y):
    return 1.0


def _single(degree, x):
    return x


def _product_moment(u: np.ndarray, v: np.ndarray, cov: np.ndarray) -> np.ndarray:
    return cov


ACTIVATION = Activation(
    name="linear", formula="x",
    value=_value, slope=_slope, slope_from_value=True, single=_single, single_ulps=0.0,
    parity="odd", pieces="linear", monotone=True, keeps_sign=True, zero_at_zero=True,
    zero_on_interval=False, power=1, homogeneity=1,
    low=-math.inf, high=math.inf, low_attained=False, high_attained=False,
    jumps=(), kinks=(), seams=(), product_moment=_product_moment,
)  # fmt: skip
