"""When the mean of some runs is a number, and what bounds V where it is not.

Every run's V̂ is unbiased, but its law is skew: most runs lie below V and a few far above. So a mean
that hangs on one run, or from which runs are missing, is most often too low, by nobody knows how
much. It is no estimate (`is_uncertain`) where

- a run had no state left: what it would have added is not known;
- the standard error is above 1.5 bits;
- the runs differ by more than their chains say, and one of them makes more than 3/4 of the mean:
  they ended in parts of the set that no chain leaves, and the part that counts was met once.

What remains are two bounds, which hold on different grounds.

*From below*, by Markov's inequality. The mean Z of the runs, dead ones counted as 0, is at least 0
and has the expectation V, so Prob(Z >= V/α) <= α and

    V >= α Z   with probability 1 - α at least, α = 0.025,

5.3 bits below the mean. It needs nothing but that runs are unbiased: levels and moves fixed before.

*From above*, by monotony: V(0) <= V(t) for every t. V(t) plus two standard errors is taken at the
level where that is least, among those where every run was alive and ln V is known to 0.5. That V(0)
lies below V(t) is exact; that V(t) lies below its estimate and two errors holds in about 95 of 100
cases, if no part of the set that outweighs the rest was missed by all runs *at that level*.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp

from pfmap.functions.probability import LARGEST_LOG2_SE

from .combine import Curve, chains_disagree, level_variances
from .splitting import Run

LARGEST_SHARE = 0.75
"""Share of one run in the sum of runs that disagree, above which the mean hangs on that run."""

ALPHA = 0.025
"""Probability with which the lower bound may fail."""

LARGEST_SE = 0.5
"""Of ln V, beyond which two standard errors are no bound: V̂ is skew."""


def is_uncertain(curve: Curve, runs: list[Run]) -> bool:
    """Whether the mean of the runs at the last point of their levels is no estimate of V.

    Parameters
    ----------
    curve : Curve
        The runs joined.
    runs : list of Run
        At least two.

    Examples
    --------
    >>> from .combine import combine_runs
    >>> def uncertain(*bits):
    ...     runs = [Run(np.log(2.0) * np.array([b]), [np.eye(1) / 25], np.ones(1), 0) for b in bits]
    ...     return is_uncertain(combine_runs([np.array([0.0])], runs), runs)
    >>> uncertain(-20.1, -20.4, -19.8, -20.0), uncertain(-20.1, -30.4, -29.8, -25.0)
    (False, True)
    >>> uncertain(-20.1, -20.4, -19.8, -math.inf)
    True
    """
    last = np.array([run.log_volumes[-1] for run in runs])
    if not np.isfinite(last).all():
        return True
    if not curve.log_volume_se[-1] <= LARGEST_LOG2_SE * math.log(2.0):
        return True
    share = 1.0 / float(np.exp(last - last.max()).sum())
    within = math.sqrt(np.mean([level_variances(run)[-1] for run in runs]))
    disagree = chains_disagree(float(last.std(ddof=1)), within, len(runs))
    return disagree and share > LARGEST_SHARE


def log2_lower(runs: list[Run]) -> float:
    """Markov's lower bound on log2 V at the last point of the levels; NaN if no run got there.

    Examples
    --------
    >>> runs = [Run(np.log([v]), [], np.ones(0), 0) for v in (0.5, 0.25)]
    >>> round(2.0 ** log2_lower(runs), 6)  # the mean, 3/8, divided by 40
    0.009375
    """
    last = np.array([run.log_volumes[-1] for run in runs])
    if not np.isfinite(last).any():
        return math.nan
    log_mean = float(logsumexp(last)) - math.log(len(runs))
    return (log_mean + math.log(ALPHA)) / math.log(2.0)


def log2_lower_of_estimates(log_estimates: np.ndarray) -> float:
    """Lower bound on log2 V from independent unbiased estimates of V that are at least 0.

    For Z_1 … Z_R with the mean V and every share 0 < s <= 1 the product Π_i (1 - s + s Z_i/V) is
    at least 0 and has the mean 1, and so has the average over shares s = 1/R, 2/R … 1. By Markov's
    inequality it exceeds 1/α with probability α at most, and the bound is the v at which it equals
    1/α. Estimates that agree lie log2(1/α)/R bits above it and little more; of those that do not,
    the mean counts, as in `log2_lower`. (Bets of a share: Waudby-Smith & Ramdas 2024, doi
    10.1093/jrsssb/qkad009.)

    Parameters
    ----------
    log_estimates : ndarray, shape (R,)
        ln Z_i; -inf for 0.

    Returns
    -------
    float
        It fails with probability 0.025 at most; NaN where every estimate is 0.

    Examples
    --------
    >>> same, apart = np.log(2.0) * np.full(8, -20.0), np.log(2.0) * np.arange(-34.0, -18.0, 2.0)
    >>> round(log2_lower_of_estimates(same), 1), round(log2_lower_of_estimates(apart), 1)
    (-20.9, -26.1)
    """
    logs = np.asarray(log_estimates, dtype=np.float64)
    if not np.isfinite(logs).any():
        return math.nan
    largest = logs.max()
    ratios, shares = np.exp(logs - largest), np.arange(1, len(logs) + 1) / len(logs)

    def excess(log_v: float) -> float:
        with np.errstate(divide="ignore"):
            factors = np.log1p(np.outer(shares, ratios * math.exp(-log_v) - 1.0))
        return float(logsumexp(factors.sum(axis=1)) - math.log(len(shares)) + math.log(ALPHA))

    # At the upper end no product exceeds 1; at the lower one the share 1/R gives more than 1/α.
    low, high = math.log(ALPHA / (4.0 * len(logs) ** 2)), 0.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) > 0.0 else (low, middle)
    return float(largest + low) / math.log(2.0)


def log2_upper(curve: Curve, runs: list[Run]) -> float:
    """Upper bound on log2 V at the last point: the least V plus two standard errors on the way.

    Examples
    --------
    >>> from .combine import combine_runs
    >>> runs = [Run(np.log([v, v / 8]), [np.eye(2) / 100], np.ones(1), 0) for v in (0.5, 0.4)]
    >>> round(log2_upper(combine_runs([np.array([1.0, 0.0])], runs), runs), 1)
    -3.8
    """
    alive = np.all([np.isfinite(run.log_volumes) for run in runs], axis=0)
    se = curve.log_volume_se
    known = alive & (se <= LARGEST_SE)
    bounds = (curve.log_volumes + 2.0 * se)[known] / math.log(2.0)
    return float(min(0.0, bounds.min(initial=0.0)))
