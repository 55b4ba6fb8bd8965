"""What is known exactly of λ and m, put to use on an estimate from chains."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction
from typing import TYPE_CHECKING

from pfmap.llc.exact.bounds import ExactBounds
from pfmap.llc.ladder.judge import ADVICE

if TYPE_CHECKING:
    from pfmap.llc.ladder.outcome import LadderEstimate

NOTHING_KNOWN = ExactBounds(Fraction(0), None, None, None, ())

TOLERANCE = 1e-9
"""Rounding of an estimate that lies on a bound."""

CHANGEABLE = ("ok", "slow", "short")
"""Verdicts that bounds may change: the others say that there is no estimate."""


def settled(estimate: LadderEstimate, bounds: ExactBounds) -> LadderEstimate:
    """The estimate with its interval cut to the bounds, or λ and m themselves where they are known.

    Where the interval, made twice as wide, lies wholly outside of the bounds the verdict is
    ``contradicted``: one 95 % interval in twenty misses by chance, at four standard errors none
    does. Else, where λ is known, λ̂ becomes λ with the verdict ``ok``; m then is the known one or,
    where that is not known, what the chains say of it.
    """
    if estimate.exact or estimate.verdict not in CHANGEABLE:
        return estimate
    low = float(bounds.low)
    high = math.inf if bounds.high is None else float(bounds.high)
    if not bounds.sources or (low < estimate.low and high > estimate.high):
        return estimate
    slack = 0.5 * (estimate.high - estimate.low) + TOLERANCE
    if estimate.high < low - slack or estimate.low > high + slack:
        return dataclasses.replace(
            estimate, verdict="contradicted", advice=ADVICE["contradicted"],
            settled_by=bounds.sources, needed_n_beta=math.nan,
        )  # fmt: skip
    if bounds.llc is None:
        width = estimate.high - estimate.low
        if estimate.high < low:  # by chance: as wide, on the right side of the bound
            high = min(high, low + width)
        elif estimate.low > high:
            low = max(low, high - width)
        else:
            low, high = max(low, estimate.low), min(high, estimate.high)
        llc = min(max(estimate.llc, low), high)
        return dataclasses.replace(
            estimate, llc=llc, low=low, high=high, settled_by=bounds.sources
        )  # fmt: skip
    m, resolution = estimate.multiplicity, estimate.multiplicity_resolution
    if bounds.multiplicity is not None:
        m, resolution = bounds.multiplicity, 0.0
    return dataclasses.replace(
        estimate, llc=low, llc_se=0.0, low=low, high=low, multiplicity=m,
        multiplicity_resolution=resolution, verdict="ok", advice=ADVICE["ok"],
        needed_n_beta=math.nan, settled_by=bounds.sources,
    )  # fmt: skip
