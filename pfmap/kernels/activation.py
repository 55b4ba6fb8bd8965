"""Activation functions by number, in float64: value and slope of one pre-activation."""

from __future__ import annotations

import math

from ._jit import jit

RELU = 0
TANH = 1
ERF = 2
SIN = 3
LINEAR = 4
MONOMIAL = 5

CODES = {
    "relu": RELU,
    "tanh": TANH,
    "erf": ERF,
    "sin": SIN,
    "linear": LINEAR,
    "monomial": MONOMIAL,
}
_TWO_OVER_SQRT_PI = 2.0 / math.sqrt(math.pi)


@jit
def activate(code, degree, x):
    """Value s(x) of activation `code`; `degree` is the exponent of ``monomial``."""
    if code == RELU:
        return x if x > 0.0 else 0.0
    if code == TANH:
        return math.tanh(x)
    if code == ERF:
        return math.erf(x)
    if code == SIN:
        return math.sin(x)
    if code == MONOMIAL:
        return x**degree
    return x


@jit
def slope(code, degree, x):
    """Slope s'(x) of activation `code`; for relu 0 at x = 0, as autograd libraries define it."""
    if code == RELU:
        return 1.0 if x > 0.0 else 0.0
    if code == TANH:
        t = math.tanh(x)
        return 1.0 - t * t
    if code == ERF:
        return _TWO_OVER_SQRT_PI * math.exp(-x * x)
    if code == SIN:
        return math.cos(x)
    if code == MONOMIAL:
        return degree * x ** (degree - 1)
    return 1.0
