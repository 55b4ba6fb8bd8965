"""heaviside: 1 above 0, else 0. Without a slope: for sampling, not for gradients."""

from __future__ import annotations

import math

import numpy as np

from ._normal import cosine_and_angle
from ._record import Activation


def _value(degree, x):
    return 1.0 if x > 0.0 else 0.0 if x <= 0.0 else x  # NaN stays


def _single(degree, x):
    zero, one = np.float32(0.0), np.float32(1.0)
    return one if x > zero else zero if x <= zero else x


def _product_moment(u: np.ndarray, v: np.ndarray, cov: np.ndarray) -> np.ndarray:
    """(π - θ)/2π with cos θ the correlation, half the arc-cosine kernel of degree 0.

    Cho, Saul 2009, Kernel methods for deep learning, NIPS 22, eq. 4. It is 0 where u or v is the
    constant 0.
    """
    _, _, angle = cosine_and_angle(u, v, cov)
    return np.where((u > 0.0) & (v > 0.0), (math.pi - angle) / (2.0 * math.pi), 0.0)


ACTIVATION = Activation(
    name="heaviside", formula="1 above 0, else 0",
    value=_value, slope=None, slope_from_value=False, single=_single, single_ulps=0.0,
    parity="neither", pieces="piecewise linear", monotone=True, keeps_sign=True, zero_at_zero=True,
    zero_on_interval=True, power=None, homogeneity=0,
    low=0.0, high=1.0, low_attained=True, high_attained=True,
    jumps=(0.0,), kinks=(), seams=(), product_moment=_product_moment,
)  # fmt: skip
