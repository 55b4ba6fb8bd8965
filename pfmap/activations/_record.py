"""What a record of an activation declares."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Moment = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Activation:
    """An activation s: how it is computed, and facts about it in exact arithmetic.

    Functions are plain Python that numba compiles: numbers in, a number out. `degree` is the
    exponent of ``monomial``; others do not use it.

    Attributes
    ----------
    name : str
        As in a campaign file.
    formula : str
        s(x), as messages write it.
    value : callable
        ``value(degree, x)``: s(x) in float64.
    slope : callable or None
        ``slope(degree, x, y)``: s'(x) in float64, with y = s(x) at hand; the derivative from the
        left at a kink. None: s has no slope that a gradient could use, and what needs gradients
        refuses it.
    slope_from_value : bool
        `slope` uses y alone.
    single : callable or None
        ``single(degree, x)``: s(x) in float32 for sampling, with the same bits on every CPU: sums
        of products only by `fma`, no functions of ``math``. NaN where float64 must take over. None:
        sampling computes `value`.
    single_ulps : float or None
        Largest error of `single` beyond the rounding to float32 itself, where s(x) is above 1e-36:
        in units in the last place of s(x), or of x s'(x), which rounding x alone may change; None
        without it.
    parity : {"odd", "even", "neither"}
        s(-x) = -s(x), s(-x) = s(x), or neither for some x.
    pieces : {"linear", "piecewise linear", "curved"}
        Whether s is a multiple of x, linear between its breaks, or neither.
    monotone : bool
        s never falls.
    keeps_sign : bool
        s(x) > 0 exactly where x > 0.
    zero_at_zero : bool
        s(0) = 0.
    zero_on_interval : bool
        s is 0 on a whole interval, so that a unit is exactly 0 with positive probability.
    power : int or None
        p where s is x^p, so that networks are polynomials in their parameters; None for any other.
    homogeneity : int or None
        p where s(c x) = c^p s(x) for every c > 0; None where no p does.
    low, high : float
        Infimum and supremum of s, infinite where there is none.
    low_attained, high_attained : bool
        Whether s takes them at a finite x.
    jumps : tuple of float
        Where s jumps.
    kinks : tuple of float
        Where s is continuous and its slope jumps.
    seams : tuple of float
        Where slopes are continuous, and s not analytic.
    product_moment : callable or None
        E[s(u) s(v)] of centred normal pairs from arrays of var u, var v and cov(u, v); None: by
        quadrature.
    """

    name: str
    formula: str
    value: Callable[..., Any]
    slope: Callable[..., Any] | None
    slope_from_value: bool
    single: Callable[..., Any] | None
    single_ulps: float | None
    parity: Literal["odd", "even", "neither"]
    pieces: Literal["linear", "piecewise linear", "curved"]
    monotone: bool
    keeps_sign: bool
    zero_at_zero: bool
    zero_on_interval: bool
    power: int | None
    homogeneity: int | None
    low: float
    high: float
    low_attained: bool
    high_attained: bool
    jumps: tuple[float, ...]
    kinks: tuple[float, ...]
    seams: tuple[float, ...]
    product_moment: Moment | None

    @property
    def breaks(self) -> tuple[float, ...]:
        """Where s is not analytic, ascending."""
        return tuple(sorted({*self.jumps, *self.kinks, *self.seams}))

    def may_reach(self, value: float) -> bool:
        """Whether the least distance of s from `value` is taken at a finite x.

        Examples
        --------
        >>> from pfmap.activations import facts_of
        >>> facts_of("tanh", 1).may_reach(0.99), facts_of("tanh", 1).may_reach(1.0)
        (True, False)
        """
        above_low = self.low_attained or value > self.low
        return above_low and (self.high_attained or value < self.high)

    @property
    def range_text(self) -> str:
        """The range as an interval, such as ``(-1, 1)``."""
        opening, closing = "[" if self.low_attained else "(", "]" if self.high_attained else ")"
        ends = (_end(self.low), _end(self.high))
        return f"{opening}{ends[0]}, {ends[1]}{closing}"


def _end(value: float) -> str:
    return f"{'-' if value < 0.0 else ''}∞" if math.isinf(value) else f"{value:.4g}"
