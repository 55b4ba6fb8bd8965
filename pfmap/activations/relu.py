"""relu: max(x, 0)."""

from __future__ import annotations

import math

import numpy as np

from ._normal import cosine_and_angle
from ._record import Activation


def _value(degree, x):
    return x if x > 0.0 else 0.0


def _slope(degree, x, y):
    return 1.0 if y > 0.0 else 0.0


def _single(degree, x):
    return x if x > np.float32(0.0) else np.float32(0.0)


def _product_moment(u: np.ndarray, v: np.ndarray, cov: np.ndarray) -> np.ndarray:
    """sqrt(var u var v) (sin θ + (π - θ) cos θ)/2π with cos θ the correlation.

    Half the arc-cosine kernel of degree 1 (Cho, Saul 2009, Kernel methods for deep learning,
    NIPS 22, eq. 6).
    """
    cosine, sine, angle = cosine_and_angle(u, v, cov)
    return np.sqrt(u) * np.sqrt(v) * (sine + (math.pi - angle) * cosine) / (2.0 * math.pi)


ACTIVATION = Activation(
    name="relu", formula="max(x, 0)",
    value=_value, slope=_slope, slope_from_value=True, single=_single, single_ulps=0.0,
    parity="neither", pieces="piecewise linear", monotone=True, keeps_sign=True, zero_at_zero=True,
    zero_on_interval=True, power=None, homogeneity=1,
    low=0.0, high=math.inf, low_attained=True, high_attained=False,
    jumps=(), kinks=(0.0,), seams=(), product_moment=_product_moment,
)  # fmt: skip
