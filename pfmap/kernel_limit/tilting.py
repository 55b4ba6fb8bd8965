"""Where to draw from, so that the estimate of a rare orthant's probability varies least.

Draws of X > a come one coordinate after another, from normal laws of mean μ_k cut off at the limit.
Their weight is exp ψ(y, μ), and the μ of the saddle min_μ max_y ψ makes the largest weight as small
as it can be (Botev 2017, section 3). Any μ gives an unbiased estimate, so that the saddle may be
that of a covariance nearby.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import root
from scipy.special import erfcx

SMOOTHING = (1.0, 1e-1, 1e-2, 1e-3, 1e-4)
"""Shares of the variances added to the diagonal, one after another, each from the last saddle."""

_CONVERGED = 1e-6


def saddle_means(covariance: np.ndarray, lower: np.ndarray, *, full_rank: bool) -> np.ndarray:
    """The means μ at the saddle, for coordinates in the order of the rows.

    Parameters
    ----------
    covariance : ndarray, shape (m, m)
        C, in the order in which coordinates are drawn, every variance above 0.
    lower : ndarray, shape (m,)
        Limits a of the region X > a.
    full_rank : bool
        Whether C has rank m: else the saddle of C itself has no slope, and that of the last
        smoothed covariance is given.

    Returns
    -------
    ndarray, shape (m,)
        0 where no saddle was found. With a smaller rank only the first r are of use.

    References
    ----------
    Botev, Z. I. (2017), The normal law under linear restrictions: simulation and estimation via
    minimax tilting, Journal of the Royal Statistical Society B 79, 125-148, eqs. 9-11.
    """
    size = len(covariance)
    nowhere = np.zeros(2 * max(size - 1, 0))
    found = _saddle(covariance, lower, nowhere) if full_rank and size > 1 else None
    if found is None:
        found = nowhere
        for share in SMOOTHING if size > 1 else ():
            smoothed = covariance + share * np.diag(np.diag(covariance))
            nearer = _saddle(smoothed, lower, found)
            if nearer is None:
                break
            found = nearer
    return np.append(found[size - 1 :], np.zeros(min(size, 1)))


def _saddle(covariance: np.ndarray, lower: np.ndarray, start: np.ndarray) -> np.ndarray | None:
    """Place (y, μ) of the saddle, each without its last coordinate; None where none is found."""
    matrix = np.linalg.cholesky(covariance)
    pivots = np.diag(matrix)
    below = np.tril(matrix, -1) / pivots[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        found = root(_slopes, start, args=(below, lower / pivots), jac=True, method="hybr")
    close = np.isfinite(found.fun).all() and np.abs(found.fun).max() < _CONVERGED
    return found.x if close else None


def _slopes(
    place: np.ndarray, below: np.ndarray, lower: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes of ψ by y and by μ, and their derivatives; the last y and μ are held at 0.

    ψ = Σ_k μ_k²/2 - y_k μ_k + ln Φ(-t_k), t_k = a_k/L_kk - Σ_{i<k} L_ki y_i/L_kk - μ_k.
    """
    n = len(lower) - 1
    y, mu = np.append(place[:n], 0.0), np.append(place[n:], 0.0)
    t = lower - below @ y - mu
    hazard = np.sqrt(2.0 / np.pi) / erfcx(t / np.sqrt(2.0))
    rising = hazard * (hazard - t)
    weighted = rising[:, None] * below
    by_y = (below.T @ hazard - mu)[:n]
    by_mu = (mu - y + hazard)[:n]
    identity = np.eye(n)
    derivatives = np.block(
        [
            [-(below.T @ weighted)[:n, :n], -identity - weighted.T[:n, :n]],
            [-identity - weighted[:n, :n], identity - np.diag(rising[:n])],
        ]
    )
    return np.concatenate([by_y, by_mu]), derivatives
