"""What is true of every activation: one record each, every fact declared, none by default.

Proofs, symmetries, verdicts and sampling ask here. An activation without a record, and a record
without one of its facts, is an error when pfmap is imported, never a guess.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

from pfmap.errors import SettingsError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Activation:
    """Facts about an activation s, in exact arithmetic.

    Attributes
    ----------
    name : str
        As in a campaign file.
    formula : str
        s(x), as messages write it.
    parity : {"odd", "even", "neither"}
        s(-x) = -s(x), s(-x) = s(x), or neither for some x.
    pieces : {"linear", "piecewise linear", "curved"}
        Whether s is a multiple of x, linear between its kinks, or neither.
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
    kinks : tuple of float
        Where the slope jumps.
    """

    name: str
    formula: str
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
    kinks: tuple[float, ...]

    def may_reach(self, value: float) -> bool:
        """Whether the least distance of s from `value` is taken at a finite x.

        Examples
        --------
        >>> facts_of("tanh", 1).may_reach(0.99), facts_of("tanh", 1).may_reach(1.0)
        (True, False)
        """
        above_low = self.low_attained or value > self.low
        return above_low and (self.high_attained or value < self.high)


_RELU = Activation(
    name="relu", formula="max(x, 0)", parity="neither", pieces="piecewise linear", monotone=True,
    keeps_sign=True, zero_at_zero=True, zero_on_interval=True, power=None, homogeneity=1, low=0.0,
    high=math.inf, low_attained=True, high_attained=False, kinks=(0.0,),
)  # fmt: skip

_TANH = Activation(
    name="tanh", formula="tanh x", parity="odd", pieces="curved", monotone=True, keeps_sign=True,
    zero_at_zero=True, zero_on_interval=False, power=None, homogeneity=None, low=-1.0, high=1.0,
    low_attained=False, high_attained=False, kinks=(),
)  # fmt: skip

_ERF = Activation(
    name="erf", formula="erf x", parity="odd", pieces="curved", monotone=True, keeps_sign=True,
    zero_at_zero=True, zero_on_interval=False, power=None, homogeneity=None, low=-1.0, high=1.0,
    low_attained=False, high_attained=False, kinks=(),
)  # fmt: skip

_SIN = Activation(
    name="sin", formula="sin x", parity="odd", pieces="curved", monotone=False, keeps_sign=False,
    zero_at_zero=True, zero_on_interval=False, power=None, homogeneity=None, low=-1.0, high=1.0,
    low_attained=True, high_attained=True, kinks=(),
)  # fmt: skip

_LINEAR = Activation(
    name="linear", formula="x", parity="odd", pieces="linear", monotone=True, keeps_sign=True,
    zero_at_zero=True, zero_on_interval=False, power=1, homogeneity=1, low=-math.inf, high=math.inf,
    low_attained=False, high_attained=False, kinks=(),
)  # fmt: skip


def _monomial(degree: int) -> Activation:
    """x^degree, degree at least 1."""
    odd = degree % 2 == 1
    return Activation(
        name="monomial", formula=f"x^{degree}", parity="odd" if odd else "even",
        pieces="linear" if degree == 1 else "curved", monotone=odd, keeps_sign=odd,
        zero_at_zero=True, zero_on_interval=False, power=degree, homogeneity=degree,
        low=-math.inf if odd else 0.0, high=math.inf, low_attained=not odd, high_attained=False,
        kinks=(),
    )  # fmt: skip


ACTIVATIONS: dict[str, Activation | Callable[[int], Activation]] = {
    "relu": _RELU,
    "tanh": _TANH,
    "erf": _ERF,
    "sin": _SIN,
    "linear": _LINEAR,
    "monomial": _monomial,
}
"""The record of every activation, or what makes it from an exponent."""


def facts_of(name: str, degree: int) -> Activation:
    """The record of an activation.

    Parameters
    ----------
    name : str
        As in a campaign file.
    degree : int
        Exponent of ``monomial``; the others have none.

    Raises
    ------
    SettingsError
        If there is no record of that name.

    Examples
    --------
    >>> facts_of("monomial", 2).parity, facts_of("relu", 1).parity
    ('even', 'neither')
    """
    if name not in ACTIVATIONS:
        raise SettingsError(
            f"activation: must be one of {', '.join(ACTIVATIONS)}, got {name!r}",
            next_step="a new activation needs a record of its facts in pfmap/activations.py",
        )
    record = ACTIVATIONS[name]
    return record if isinstance(record, Activation) else record(degree)


def require_facts(names: tuple[str, ...] | list[str]) -> None:
    """Refuse activations without a record, and records of activations that are not there.

    Called at import, wherever activations are listed.

    Raises
    ------
    SettingsError
        Naming those that differ.
    """
    different = sorted(set(names) ^ set(ACTIVATIONS))
    if different:
        raise SettingsError(
            f"activations: must be those with a record of facts, differ in {', '.join(different)}",
            next_step="declare every fact of it in pfmap/activations.py",
        )
