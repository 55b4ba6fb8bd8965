"""Whether the λ of a ball is that of w*: another stratum of {K = 0} inside may have a smaller one.

λ̂ is the smallest λ in the ball. Where {K = 0} looks from w* like a cone, as at the deepest point
of a fibre, E[nβK] does not depend on the size of the ball but for a shift in log nβ. Where a
stratum of smaller λ passes w* at a distance, a ball that leaves it out has a higher curve.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from pfmap.llc.ladder.chains import Chains
from pfmap.llc.ladder.judge import ADVICE
from pfmap.llc.ladder.localise import prior_losses, solvable, with_radius
from pfmap.llc.ladder.problem import LadderProblem
from pfmap.llc.ladder.rungs import Rungs

if TYPE_CHECKING:
    from pfmap.llc.exact.bounds import ExactBounds
    from pfmap.llc.ladder.outcome import LadderEstimate

SHRINK = 1.0 / 64.0
"""Radius of the inner ball over that of the outer."""

MAX_SHRINKS = 2
"""Balls tried one inside the other."""

INNER_SPAN = 1e6
INNER_RUNGS = 12
INNER_CHAINS = 2
INNER_STEPS = 1500

MIN_RISE = 0.1
"""Share of the sampled part of E[nβK] by which that of the inner ball must lie above."""

MIN_Z = 4.0
"""Standard errors by which it must do so."""


def told_apart(
    whole: LadderProblem,
    estimate: LadderEstimate,
    bounds: ExactBounds,
    *,
    given_radius: bool,
    sample: Callable[[LadderProblem], LadderEstimate],
) -> LadderEstimate:
    """The estimate at w* itself where the ball holds another stratum of smaller λ, else as it is.

    No ball is tried where λ̂ is at the upper bound of λ(w*) already, since λ(w*) is no smaller than
    the λ of the ball. Else a short ladder in a ball of 1/64 of the radius tells whether E[nβK] lies
    higher there; where λ̂ is below the lower bound of λ(w*) it must. Then λ is estimated there in
    full, and so on inwards until two balls agree. A stratum nearer to w* than the last ball counts
    as its own unless the bounds tell.

    Parameters
    ----------
    whole : LadderProblem
        Not yet localised.
    estimate : LadderEstimate
        In the ball of radius ``estimate.radius``.
    bounds : ExactBounds
        Of λ(w*).
    given_radius : bool
        Whether the user chose the ball: its λ then stands, with the verdict ``stratum``.
    sample : callable
        Estimates λ in another ball.

    Returns
    -------
    LadderEstimate
        With ``wider`` set to (radius, λ̂) of the ball whose λ̂ belongs to another stratum, and the
        verdict ``stratum`` where none of the balls leaves that stratum out.
    """
    wider: tuple[float, float] | None = None
    radius = estimate.radius
    for _ in range(MAX_SHRINKS):
        if estimate.verdict != "ok" or estimate.exact or _at_most(bounds.high, estimate):
            break
        radius *= SHRINK
        inner = with_radius(whole, radius)
        sampled = estimate.means - 0.5 * whole.rank
        contradicted = _is_below(bounds.low, estimate)
        if not contradicted and not inner_curve_is_higher(inner, estimate.n_betas, sampled):
            break
        closer = sample(inner)
        if closer.low > estimate.high:
            if given_radius:
                return _of_another(estimate)
            wider = (estimate.radius, estimate.llc)
            estimate = closer
        elif not contradicted:
            break
    if _is_below(bounds.low, estimate):
        return _of_another(estimate)
    return dataclasses.replace(estimate, wider=wider)


def _is_below(low: Fraction, estimate: LadderEstimate) -> bool:
    """Whether the interval of an estimate that passes for good lies below the bound of λ(w*)."""
    return estimate.verdict == "ok" and estimate.high < float(low)


def _of_another(estimate: LadderEstimate) -> LadderEstimate:
    return dataclasses.replace(estimate, verdict="stratum", advice=ADVICE["stratum"])


def _at_most(high: Fraction | None, estimate: LadderEstimate) -> bool:
    """Whether λ̂ has reached the upper bound of λ(w*), to within its error."""
    return high is not None and estimate.llc >= float(high) - 2.0 * estimate.llc_se


def inner_curve_is_higher(inner: LadderProblem, n_betas: np.ndarray, means: np.ndarray) -> bool:
    """Whether E[nβK] in the inner ball lies above that in the ball, at the same height.

    Both are compared at equal log nβ above their lowest rungs, where nβK begins to count, on the
    upper half of a short ladder in the inner ball.

    Parameters
    ----------
    inner : LadderProblem
        On the inner ball.
    n_betas, means : ndarray, shape (rungs,)
        nβ on the ball, descending, and E[nβ(K - K*)] there, rank/2 left out.
    """
    losses = prior_losses(inner)
    if not solvable(losses) or not float(losses[np.isfinite(losses)].max()) > 0.0:
        return False
    rungs = Rungs(inner, losses).climb(span=INNER_SPAN, max_rungs=INNER_RUNGS)
    with ThreadPoolExecutor(1) as pool:
        running = Chains(inner, rungs, INNER_CHAINS, pool)
        running.run(INNER_STEPS)
        ladder = running.result()
    upper = rungs[: len(rungs) // 2]
    height, heights = np.log(upper / rungs[-1]), np.log(n_betas / n_betas[-1])
    outer = float(np.interp(height, heights[::-1], means[::-1]).mean())
    trace = ladder.trace[:, : len(upper)].mean(axis=1)
    # A tenth of a chain is long enough for its mean to forget the one before.
    tenths = np.array([part.mean(axis=1) for part in np.array_split(trace, 10, axis=1)])
    rise = float(tenths.mean()) - outer
    error = float(tenths.std(ddof=1)) / math.sqrt(tenths.size)
    return rise > MIN_RISE * outer and rise > MIN_Z * error
