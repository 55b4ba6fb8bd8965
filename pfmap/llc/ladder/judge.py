"""Which rungs of a ladder can be trusted, and the verdict on an estimate."""

from __future__ import annotations

import math

import numpy as np

from pfmap.llc import faults

MAX_DISAGREEMENT = 3.0
"""Standard errors by which hot and cold chains may differ on a rung."""

MIN_KEPT = 8
"""Rungs that must be left below those where the chains disagree."""

MAX_RHAT = 1.1
MAX_MISFIT = 3.0
MAX_DESCENT = 0.05
CLEAR_WEIGHT = 0.7
"""Weight of one m from which on it is reported."""

N_GROUPS = 10

ADVICE = {
    "ok": "nothing to do",
    **faults.ADVICE,
    "not a minimum": "w* is not a minimum of the loss: train longer, or report the loss instead of "
    "a coefficient",
    "not converged": "the stiff coordinates cannot be solved for in most of the ball, or the "
    "chains do not settle: a smaller radius, or more max_steps",
    "stuck": "a chain never moved at some nβ: a smaller radius, a smaller span, or a gradient that "
    "fits the loss (pfmap.models.own.check_gradient)",
    "short": "the error is above the precision asked for: more max_steps, or a larger precision",
    "stratum": "a smaller ball around w* has a larger λ: λ̂ belongs to another stratum of zeros in "
    "the ball; leave radius out, or give one that leaves that stratum out",
}
"""What to do about each verdict."""


def first_agreeing(blocks: np.ndarray) -> int:
    """The highest rung from which on hot and cold chains agree all the way down.

    A rung agrees if their means differ by at most 3 standard errors there; a single rung that
    fails by chance does not end the ladder, two neighbours do. The error comes from the spread
    of a chain's means over tenths of its length.

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
    n_chains, n_blocks, n_rungs = blocks.shape
    tenths = blocks.reshape(n_chains, N_GROUPS, n_blocks // N_GROUPS, n_rungs).mean(axis=2)
    means = blocks.mean(axis=1)
    variance = tenths.var(axis=1, ddof=1) / N_GROUPS
    difference = means[::2].mean(axis=0) - means[1::2].mean(axis=0)
    n_hot, n_cold = len(means[::2]), len(means[1::2])
    error = np.sqrt(variance[::2].sum(axis=0) / n_hot**2 + variance[1::2].sum(axis=0) / n_cold**2)
    bad = ~(np.abs(difference) <= MAX_DISAGREEMENT * error)  # NaN is no agreement
    pairs = np.flatnonzero(bad[:-1] & bad[1:])
    return int(pairs[-1]) + 2 if len(pairs) else 0


def worst_rhat(trace: np.ndarray) -> float:
    """Largest split R-hat of nβK over the rungs; infinite where a chain stood still."""
    from arviz_stats.base import array_stats

    worst = 1.0
    for rung in range(trace.shape[1]):
        values = trace[:, rung]
        if float(np.ptp(values, axis=1).min()) == 0.0:
            return math.inf
        worst = max(worst, float(array_stats.rhat(values)))
    return worst


def judge_ladder(
    *,
    llc: float,
    llc_se: float,
    lowest: float,
    n_kept: int,
    rhat: float,
    misfit: float,
    precision: float,
) -> str:
    """Verdict on a ladder's estimate: the first rule below that is broken, else ``ok``.

    - ``not a minimum``: a chain met K < K(w*) by more than 0.05/nβ.
    - ``not converged``: hot and cold chains agree on fewer than 8 rungs, R-hat is above 1.1 on
      one that is kept, or no model of E[nβK] fits (χ² above 3 a degree of freedom, or every λ̂
      below 0).
    - ``short``: the standard error is above `precision` times λ̂.
    """
    if lowest < -MAX_DESCENT:
        return "not a minimum"
    fits = math.isfinite(llc) and math.isfinite(llc_se) and misfit <= MAX_MISFIT
    if n_kept < MIN_KEPT or not rhat <= MAX_RHAT or not fits:
        return "not converged"
    return "short" if llc_se > precision * llc else "ok"
