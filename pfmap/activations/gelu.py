"""gelu: x Φ(x), Φ the normal distribution function (Hendrycks, Gimpel 2016, arXiv 1606.08415)."""

from __future__ import annotations

import math

from ._record import Activation

_ROOT_HALF = math.sqrt(0.5)
_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)


def _value(degree, x):
    return 0.5 * x * math.erfc(-x * _ROOT_HALF)


def _slope(degree, x, y):
    return 0.5 * math.erfc(-x * _ROOT_HALF) + x * _DENSITY * math.exp(-0.5 * x * x)


ACTIVATION = Activation(
    name="gelu", formula="x Φ(x)",
    value=_value, slope=_slope, slope_from_value=False, single=None, single_ulps=None,
    parity="neither", pieces="curved", monotone=False, keeps_sign=True, zero_at_zero=True,
    zero_on_interval=False, power=None, homogeneity=None,
    low=-0.16997120747990369, high=math.inf, low_attained=True, high_attained=False,
    jumps=(), kinks=(), seams=(), product_moment=None,
)  # fmt: skip
