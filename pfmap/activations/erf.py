"""erf, the error function."""

from __future__ import annotations

import math

import numpy as np

from ._arithmetic import fma
from ._record import Activation

_TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)
_f = np.float32
_ONE = _f(1.0)
# erf x = x P(x²) / Q(x²) for |x| <= 4, beyond which it rounds to 1; relative error 2.5e-8.
_END = _f(4.0)
_P0, _P1, _P2 = _f(1.12837914), _f(0.193547398), _f(0.053102023)
_P3, _P4, _P5 = _f(3.88343659e-03), _f(2.84566678e-04), _f(1.98674671e-06)
_Q1, _Q2, _Q3 = _f(0.50485947), _f(0.115350937), _f(0.0152074361)
_Q4, _Q5 = _f(1.18559125e-03), _f(3.74198474e-05)


def _value(degree, x):
    return math.erf(x)


def _slope(degree, x, y):
    return _TWO_OVER_SQRT_PI * math.exp(-x * x)


def _single(degree, x):
    x = _END if x > _END else x
    x = -_END if x < -_END else x
    t = x * x
    p = fma(t, _P5, _P4)
    p = fma(t, p, _P3)
    p = fma(t, p, _P2)
    p = fma(t, p, _P1)
    p = fma(t, p, _P0)
    q = fma(t, _Q5, _Q4)
    q = fma(t, q, _Q3)
    q = fma(t, q, _Q2)
    q = fma(t, q, _Q1)
    q = fma(t, q, _ONE)
    return x * p / q


def _product_moment(u: np.ndarray, v: np.ndarray, cov: np.ndarray) -> np.ndarray:
    """(2/π) asin(2 cov / sqrt((1 + 2 var u)(1 + 2 var v))).

    Williams 1997, Computing with infinite networks, NIPS 9, eq. 11.
    """
    ratio = 2.0 * cov / (np.sqrt(1.0 + 2.0 * u) * np.sqrt(1.0 + 2.0 * v))
    return 2.0 / math.pi * np.arcsin(np.clip(ratio, -1.0, 1.0))


ACTIVATION = Activation(
    name="erf", formula="erf x",
    value=_value, slope=_slope, slope_from_value=False, single=_single, single_ulps=5.0,
    parity="odd", pieces="curved", monotone=True, keeps_sign=True, zero_at_zero=True,
    zero_on_interval=False, power=None, homogeneity=None,
    low=-1.0, high=1.0, low_attained=False, high_attained=False,
    jumps=(), kinks=(), seams=(), product_moment=_product_moment,
)  # fmt: skip
