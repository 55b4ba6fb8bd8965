"""Runs joined to one curve: the mean of V̂, its logarithm, and two standard errors.

The mean over R runs is unbiased; its logarithm is low by about s²/(2R), s² the relative variance
of V̂, which is added back. The standard error comes twice: from the spread of the runs, and from
the spread of the chains inside each. The second does not see what all chains of a run share through
their ancestors, so where it is much the smaller the levels were too short.

The first is the larger of two. That of ln of a mean, std(V̂)/(sqrt(R) mean(V̂)), never exceeds 1, for
once one run outweighs the others there is nothing left to spread: runs that differ by 27 bits would
seem known to 1.4. So the runs are also taken as log-normal, products of many shares as they are.
With y and v the mean and variance of ln V̂ over the runs, ln V is then y + v/2 (Cox's estimate, in
Zhou & Gao 1997, Statistics in Medicine 16, 783-790), and the mean square distance from it

    s² = v/R + v²/(2 (R - 1)) + (y + v/2 - ln V reported)².

What is reported stays the mean, which needs no such law, and is too low where the runs differ much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, logsumexp

from pfmap.display import Displayed

from .splitting import Run

DISAGREEMENT = 1e-3
"""Probability of so large a spread of the runs, given the spread of their chains, to warn below."""


@dataclass(frozen=True, repr=False)
class Curve(Displayed):
    """ln V at descending severities.

    Attributes
    ----------
    severities : ndarray, shape (points,)
    log_volumes : ndarray, shape (points,)
        ln V, corrected for the variance of the mean; -inf where no run had a state left.
    between_se, within_se : ndarray, shape (points,)
        Standard error of ln V from the spread of the runs, and from the chains inside them. NaN
        for a single run; the first where less than two runs, the second where not all had a state
        left.
    warnings : list of str
        Why the standard error should not be trusted; empty if it can.
    """

    severities: np.ndarray
    log_volumes: np.ndarray
    between_se: np.ndarray
    within_se: np.ndarray
    warnings: list[str]

    @property
    def log_volume_se(self) -> np.ndarray:
        """The larger of the two standard errors."""
        return np.fmax(self.between_se, self.within_se)


def combine_runs(curve: list[np.ndarray], runs: list[Run]) -> Curve:
    """Average the runs at every point of their levels.

    Parameters
    ----------
    curve : list of ndarray
        `Levels.curve`.
    runs : list of Run
        All at those levels.

    Examples
    --------
    >>> runs = [Run(np.log([v]), [np.array([[0.01]])], np.ones(1), 0) for v in (0.2, 0.3)]
    >>> found = combine_runs([np.array([0.5])], runs)
    >>> np.round(np.exp(found.log_volumes), 3), np.round(found.between_se, 2)
    (array([0.255]), array([0.21]))
    """
    logs = np.array([run.log_volumes for run in runs])
    return average_logs(np.concatenate(curve), logs, np.array([level_variances(r) for r in runs]))


def average_logs(severities: np.ndarray, logs: np.ndarray, within_variances: np.ndarray) -> Curve:
    """Average ln V̂ of some runs, as the module says.

    Parameters
    ----------
    severities : ndarray, shape (points,)
    logs : ndarray, shape (runs, points)
        ln V̂; -inf where a run had no state left.
    within_variances : ndarray, shape (runs, points)
        Variance of ln V̂ from the chains of the run; NaN where it had no state left.

    Examples
    --------
    >>> logs = np.log([[0.2], [0.3]])
    >>> found = average_logs(np.array([0.5]), logs, np.full((2, 1), 0.01))
    >>> np.round(found.between_se, 2), np.round(found.within_se, 2)
    (array([0.21]), array([0.07]))
    """
    n_runs = len(logs)
    mean = logsumexp(logs, axis=0) - math.log(n_runs)
    with np.errstate(invalid="ignore"):
        ratios = np.exp(logs - mean)
    centres, variances = _moments_of_logs(logs)
    relative = np.full(logs.shape[1], math.nan)
    if n_runs > 1:
        relative = ratios.std(axis=0, ddof=1) / math.sqrt(n_runs)
    log_volumes = mean + np.where(np.isfinite(relative), 0.5 * relative**2, 0.0)
    squares = variances / n_runs + variances**2 / (2.0 * max(1, n_runs - 1))
    with np.errstate(invalid="ignore"):
        lognormal = np.sqrt(squares + (centres + 0.5 * variances - log_volumes) ** 2)
    between = np.where(np.isnan(variances), math.nan, np.fmax(relative, lognormal))
    within = np.sqrt(np.mean(within_variances, axis=0) / n_runs)
    return Curve(
        severities, log_volumes, between, within,
        _warnings(n_runs, logs[:, -1], between[-1], math.sqrt(variances[-1] / n_runs), within[-1]),
    )  # fmt: skip


def level_variances(run: Run) -> np.ndarray:
    """Variance of ln V̂ at every point, levels taken as independent."""
    parts, before = [], 0.0
    for covariance in run.covariances:
        parts.append(before + np.diag(covariance))
        before += float(covariance[-1, -1])
    found = np.concatenate(parts)
    return np.concatenate([found, np.full(len(run.log_volumes) - len(found), math.nan)])


def chains_disagree(spread: float, within: float, n_runs: int) -> bool:
    """Whether runs differ by more than their chains say, beyond chance of one in a thousand.

    Examples
    --------
    >>> chains_disagree(0.4, 0.2, 8), chains_disagree(0.3, 0.2, 8)
    (True, False)
    """
    ratio = (spread / within) ** 2 if within > 0.0 else math.inf
    return bool(chdtrc(n_runs - 1, (n_runs - 1) * ratio) < DISAGREEMENT)


def _moments_of_logs(logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance over the runs that have a state left; NaN where less than two have."""
    alive = np.isfinite(logs)
    n_alive = alive.sum(axis=0)
    kept = np.where(alive, logs, 0.0)
    means = kept.sum(axis=0) / np.maximum(n_alive, 1)
    squares = (np.where(alive, kept - means, 0.0) ** 2).sum(axis=0)
    enough = n_alive > 1
    variances = squares / np.maximum(n_alive - 1, 1)
    return np.where(enough, means, math.nan), np.where(enough, variances, math.nan)


def _warnings(
    n_runs: int, last: np.ndarray, between: float, spread: float, within: float
) -> list[str]:
    found = []
    dead = int((last == -math.inf).sum())
    if dead:
        found.append(f"{dead} of {n_runs} runs had no state left before the last level")
    known = n_runs > 1 and within > 0.0 and math.isfinite(spread)
    if known and chains_disagree(spread, within, n_runs):
        found.append(
            f"the runs differ by more than their chains say (standard errors {spread:.2g} "
            f"and {within:.2g} of ln V): ask for more steps"
        )
    if between > 0.5:
        found.append(f"ln V has a standard error of {between:.2g}: ask for more runs or steps")
    return found
