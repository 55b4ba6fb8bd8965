"""monomial: x^degree."""

from __future__ import annotations

import math

import numpy as np

from ._record import Activation

_ONE = np.float32(1.0)


def _value(degree, x):
    return x**degree


def _slope(degree, x, y):
    return degree * x ** (degree - 1)


def _single(degree, x):
    """By squaring, for degrees up to 15."""
    x2 = x * x
    x4 = x2 * x2
    power = x if degree & 1 else _ONE
    power = power * x2 if degree & 2 else power
    power = power * x4 if degree & 4 else power
    return power * (x4 * x4) if degree & 8 else power


def ACTIVATION(degree: int) -> Activation:
    """The record for an exponent, at least 1."""
    odd = degree % 2 == 1
    return Activation(
        name="monomial", formula=f"x^{degree}",
        value=_value, slope=_slope, slope_from_value=degree == 1, single=_single, single_ulps=0.5,
        parity="odd" if odd else "even", pieces="linear" if degree == 1 else "curved",
        monotone=odd, keeps_sign=odd, zero_at_zero=True, zero_on_interval=False,
        power=degree, homogeneity=degree,
        low=-math.inf if odd else 0.0, high=math.inf, low_attained=not odd, high_attained=False,
        jumps=(), kinks=(), seams=(), product_moment=None,
    )  # fmt: skip
