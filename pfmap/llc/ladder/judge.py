"""Which rungs of a ladder can be trusted, and the verdict on an estimate."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import uniform_filter1d

from pfmap.llc import faults
from pfmap.llc.ladder.fit import LadderFit

MAX_DISAGREEMENT = 3.0
"""Standard errors by which hot and cold chains may differ on a rung."""

MIN_KEPT = 8
"""Rungs that must be left below those where the chains disagree."""

MAX_RHAT = 1.1
OK_RHAT = 1.02
"""Split R-hat above which more steps are wanted, however small the error looks: wrong estimates
that looked precise were seen from 1.022 on."""

SURE = 2.576 / 1.96
"""An `ok` has twice the precision within 99 %, not 95 %: chains that stop at the first `ok` stop
at lucky ones, and of some hundred models one was 3.05 % off."""

MAX_MISFIT = 3.0
MAX_DESCENT = 0.05
CLEAR_WEIGHT = 0.9
"""Weight of one m from which on it is reported."""

SINGLE = 1 / 24
"""m = 1 is reported where poles closer than this are as unlikely as other m."""

DOUBLE = 1 / 60
"""m > 1 is reported where the ladder is so long that two poles as far apart as this would show."""

TELLING = 3.5
"""κ ln(span) from which on a second pole at the distance κ shows against m = 2, at the noise that
`BIAS_FLOOR` leaves."""

RHAT_DRAWS = 500
"""Values of a chain that R-hat is taken from, evenly spread: ranking all of them takes longer than
it tells more."""

N_GROUPS = 10
N_TOGETHER = 9
"""Rungs whose mean must agree too: what a whole stretch shares shows there first."""

ADVICE = {
    "ok": "nothing to do",
    **faults.ADVICE,
    "underflow": "K is below the range of float64 in a good part of the ball: a larger radius, "
    "outputs scaled up, or what is known exactly",
    "not a minimum": "w* is not a minimum of the loss: train longer, or report the loss instead of "
    "a coefficient",
    "not converged": "the stiff coordinates cannot be solved for in most of the ball, or the "
    "chains do not settle: a smaller radius, or more max_steps",
    "stuck": "a chain never moved at some nβ: a smaller radius, a smaller span, or a gradient that "
    "fits the loss (pfmap.models.own.check_gradient)",
    "short": "noise of the chains is above the precision asked for: more max_steps, or a larger "
    "precision",
    "slow": "forms of E[nβK] with different λ fit alike: more max_steps, a longer ladder, or what "
    "is known exactly",
    "stratum": "a smaller ball around w* has a larger λ: λ̂ belongs to another stratum of zeros in "
    "the ball; leave radius out, or give one that leaves that stratum out",
    "contradicted": "the chains contradict what is known exactly of λ(w*): the ball holds another "
    "stratum, or they do not mix; a smaller radius, or more max_steps",
}
"""What to do about each verdict; `advise` adds by how much."""

MOST = 1e300
"""No ladder reaches so high."""


def advise(verdict: str, excess: float, n_betas: np.ndarray, rounded: bool) -> tuple[str, float]:
    """What to do about an estimate, and the nβ of the ladder that would be needed (NaN if ok).

    The differences between forms shrink like 1/ln(span), noise like one over the root of the
    steps.

    Parameters
    ----------
    verdict : str
    excess : float
        Error over what is allowed.
    n_betas : ndarray
        nβ of the rungs, descending.
    rounded : bool
        Whether the ladder ended where rounding bites.
    """
    advice = ADVICE[verdict]
    if verdict == "short":
        return f"{advice}; about {math.ceil(excess**2)} times the steps", math.nan
    if verdict != "slow":
        return advice, math.nan
    decades = math.log10(n_betas[-1]) + excess * math.log10(n_betas[0] / n_betas[-1])
    needed = 10.0 ** min(decades, math.log10(MOST))
    advice += f"; nβ would have to reach about 1e{min(decades, math.log10(MOST)):.0f}"
    if rounded:
        advice += f", and rounding ends the ladder at {n_betas[0]:.0e}"
    return advice, needed


def state_multiplicity(fit: LadderFit, n_betas: np.ndarray) -> tuple[int | None, float]:
    """m if it can be told, and with which resolution.

    m = 1: no other pole lies within the resolution of λ. m > 1: so many poles lie within the
    resolution of λ, and nothing tells them from one of that order.

    m = 1 asks for a resolution of at least 1/24; m > 1 for a ladder of ln(span) >= 210, on which
    two poles 1/60 apart would show; both for a weight of 0.9.
    """
    best = int(np.argmax(fit.multiplicity_weights))
    if fit.multiplicity_weights[best] < CLEAR_WEIGHT:
        return None, math.nan
    if best == 0:
        return (1, fit.resolution) if fit.resolution >= SINGLE - 1e-12 else (None, math.nan)
    shown = TELLING / math.log(n_betas[0] / n_betas[-1])
    return (best + 1, max(shown, fit.resolution)) if shown <= DOUBLE else (None, math.nan)


def first_agreeing(blocks: np.ndarray) -> int:
    """The highest rung from which on hot and cold chains agree all the way down.

    A rung agrees if their means, its own and that of it with the eight below, differ by at most 3
    standard errors; a single rung that fails by chance does not end the ladder, two neighbours do.
    The error comes from the spread of a chain's means over tenths of its length.

    Parameters
    ----------
    blocks : ndarray, shape (chains, blocks, rungs)
        Block means; chains 0, 2, … started hot and 1, 3, … cold.

    Returns
    -------
    int
        Number of rungs to leave out at the top.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> blocks = rng.normal(size=(4, 50, 12))
    >>> blocks[1::2, :, :3] += 5.0  # the cold chains are elsewhere on the three highest
    >>> first_agreeing(blocks)
    3
    """
    n_rungs = blocks.shape[2]
    bad = _disagree(blocks)
    if n_rungs > N_TOGETHER:
        below = -(N_TOGETHER // 2)
        bad |= _disagree(uniform_filter1d(blocks, N_TOGETHER, origin=below, mode="nearest"))
    pairs = np.flatnonzero(bad[:-1] & bad[1:])
    return int(pairs[-1]) + 2 if len(pairs) else 0


def _disagree(blocks: np.ndarray) -> np.ndarray:
    """Whether hot and cold chains differ on a rung by more than their errors allow."""
    n_chains, n_blocks, n_rungs = blocks.shape
    tenths = blocks.reshape(n_chains, N_GROUPS, n_blocks // N_GROUPS, n_rungs).mean(axis=2)
    means = blocks.mean(axis=1)
    variance = tenths.var(axis=1, ddof=1) / N_GROUPS
    difference = means[::2].mean(axis=0) - means[1::2].mean(axis=0)
    n_hot, n_cold = len(means[::2]), len(means[1::2])
    error = np.sqrt(variance[::2].sum(axis=0) / n_hot**2 + variance[1::2].sum(axis=0) / n_cold**2)
    agree: np.ndarray = np.abs(difference) <= MAX_DISAGREEMENT * error  # NaN is no agreement
    return ~agree


def worst_rhat(trace: np.ndarray) -> float:
    """Largest split R-hat of nβK over the rungs; infinite where a chain stood still."""
    from arviz_stats.base import array_stats

    worst = 1.0
    trace = trace[:, :, :: max(1, trace.shape[2] // RHAT_DRAWS)]
    for rung in range(trace.shape[1]):
        values = trace[:, rung]
        if float(np.ptp(values, axis=1).min()) == 0.0:
            return math.inf
        worst = max(worst, float(array_stats.rhat(values)))
    return worst


def judge_ladder(
    *,
    fit: LadderFit,
    half_rank: float,
    lowest: float,
    n_kept: int,
    rhat: float,
    precision: float,
) -> tuple[str, float]:
    """Verdict on a ladder's estimate, the first rule below that is broken, else ``ok``; the excess.

    - ``not a minimum``: a chain met K < K(w*) by more than 0.05/nβ.
    - ``not converged``: hot and cold chains agree on fewer than 8 rungs, R-hat is above 1.1 on
      one that is kept, or no form of E[nβK] fits (χ² above 3 a degree of freedom, or every λ̂
      below 0).
    - ``short``: R-hat is above 1.02; or
      the standard error is above `precision` times λ̂ or the 99 % interval, 1.31 times as wide as
      that of 95 %, reaches farther than twice that, and most of it is noise of the chains.
    - ``slow``: the same, and most of it is the choice of the form.

    The excess is by which factor the error is too large.
    """
    if lowest < -MAX_DESCENT:
        return "not a minimum", math.nan
    fits = math.isfinite(fit.llc) and math.isfinite(fit.llc_se) and fit.misfit <= MAX_MISFIT
    if n_kept < MIN_KEPT or not rhat <= MAX_RHAT or not fits:
        return "not converged", math.nan
    allowed = precision * (half_rank + fit.llc)
    reach = max(fit.high - fit.llc, fit.llc - fit.low)
    excess = max(fit.llc_se, 0.5 * SURE * reach) / allowed
    if rhat > OK_RHAT:
        return "short", max(excess, 1.0)
    if excess <= 1.0:
        return "ok", excess
    return ("short" if fit.noise_se**2 > 0.5 * fit.llc_se**2 else "slow"), excess
