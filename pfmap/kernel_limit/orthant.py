"""P(X > a) of a normal vector, however rare, by separation of variables with minimax tilting."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from pfmap.arguments import checked_array
from pfmap.display import Displayed
from pfmap.errors import DataError, SettingsError
from pfmap.kernel_limit.factor import Factor, ordered_factor
from pfmap.kernel_limit.tilting import saddle_means

SHIFTS = 16
"""Independent random shifts of the lattice; their spread gives the standard error."""

FIRST_SAMPLES = 256
MOST_VALUES = 2**22
PRECISION = 0.003
"""Standard error in bits that is worked towards."""

LARGEST_SE = 0.1
LEAST_EFFECTIVE = 100.0
_FARTHEST = 1e8


@dataclass(frozen=True, repr=False)
class OrthantProbability(Displayed):
    """The probability of an orthant.

    Attributes
    ----------
    log2_p : float
        log2 P; -inf where the orthant is empty, NaN where it is not and no sample lay in it.
    log2_p_se : float
        Standard error in bits, from the spread over the random shifts; 0 where P is exact.
    verdict : {"exact", "ok", "uncertain"}
        ``uncertain``: the standard error is above 0.1 bits, or the weights of a shift are worth
        fewer than 100 samples, so that it may be too small itself.
    samples : int
        Samples of all shifts.
    effective_share : float
        (Σ w)² / (N Σ w²) of their weights w: 1 where all are equal.
    """

    log2_p: float
    log2_p_se: float
    verdict: Literal["exact", "ok", "uncertain"]
    samples: int
    effective_share: float


def orthant_probability(
    covariance: np.ndarray,
    signs: np.ndarray,
    *,
    mean: np.ndarray | None = None,
    precision: float = PRECISION,
    seed: int = 1,
) -> OrthantProbability:
    """Probability that a normal vector X ~ N(mean, C) has given signs.

        P = ∫ 1[s_i X_i > 0 for all i] dN(mean, C)

    X = mean + L y, and y is drawn coordinate by coordinate within what the signs allow (Genz 1992),
    from normal laws whose means minimise the largest weight (`pfmap.kernel_limit.tilting`), on a
    shifted lattice. Weights are probabilities of the intervals times the ratio of the laws, so the
    estimate is unbiased, and rare orthants cost no more than others.

    Parameters
    ----------
    covariance : ndarray, shape (m, m)
        C, positive semidefinite; a smaller rank than m is allowed.
    signs : ndarray, shape (m,)
        s_i, 1 or -1. A point of variance 0 has the sign of its mean, and -1 at 0, as in pfmap
        an output of 0 is the bit 0.
    mean : ndarray, shape (m,), optional
        None means 0.
    precision : float, default 0.003
        Standard error in bits at which no more samples are added.
    seed : int, default 1
        Seed of the shifts.

    Returns
    -------
    OrthantProbability

    Raises
    ------
    SettingsError
        If shapes differ, a sign is neither 1 nor -1, or `precision` is not above 0.
    DataError
        If C is not finite, symmetric and positive semidefinite.

    References
    ----------
    Genz, A. (1992), Numerical computation of multivariate normal probabilities, Journal of
    Computational and Graphical Statistics 1, 141-149. Botev, Z. I. (2017), The normal law under
    linear restrictions, Journal of the Royal Statistical Society B 79, 125-148.

    Examples
    --------
    Two points with correlation ρ = 1/2: P = 1/4 + asin(ρ)/2π = 1/3 (Sheppard 1899).

    >>> found = orthant_probability(np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([1, 1]))
    >>> round(2.0**found.log2_p, 3), found.verdict
    (0.333, 'ok')
    """
    covariance, signs, shift = _checked(covariance, signs, mean)
    if not precision > 0.0:
        raise SettingsError(f"precision: must be above 0, got {precision}")
    varying = np.diag(covariance) > 0.0
    fixed = np.where(shift > 0.0, 1.0, -1.0)
    if (fixed != signs)[~varying].any():
        return OrthantProbability(-math.inf, 0.0, "exact", 0, 1.0)
    turned = (covariance * np.outer(signs, signs))[np.ix_(varying, varying)]
    lower = -(shift * signs)[varying]
    if len(turned) <= 1:
        value = float(log_ndtr(-lower / np.sqrt(np.diag(turned))).sum())
        return OrthantProbability(value / math.log(2.0), 0.0, "exact", 0, 1.0)
    factor = ordered_factor(turned, lower)
    ordered, limits = turned[np.ix_(factor.order, factor.order)], lower[factor.order]
    means = saddle_means(ordered, limits, full_rank=factor.rank == len(limits))[: factor.rank]
    return _estimate(factor, limits, means, precision, seed)


def _checked(
    covariance: np.ndarray, signs: np.ndarray, mean: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The arguments as arrays of float64, or an error."""
    matrix, wanted = checked_array("covariance", covariance), checked_array("signs", signs)
    shift = np.zeros(len(wanted)) if mean is None else checked_array("mean", mean)
    if wanted.ndim != 1 or matrix.shape != 2 * wanted.shape or shift.shape != wanted.shape:
        raise SettingsError(
            f"covariance: must have shape (m, m) for m signs and means, got {matrix.shape}, "
            f"{wanted.shape} and {shift.shape}"
        )
    if not (np.abs(wanted) == 1.0).all():
        raise SettingsError("signs: every one must be 1 or -1")
    check_covariance(matrix)
    if not np.isfinite(shift).all():
        raise DataError("mean: must be finite")
    return matrix, wanted, shift


def check_covariance(matrix: np.ndarray) -> None:
    """Refuse a matrix that is no covariance, up to rounding.

    Raises
    ------
    DataError
        If it is not finite, not symmetric, or has an eigenvalue below 0.
    """
    if not np.isfinite(matrix).all():
        raise DataError("covariance: must be finite")
    largest = float(np.abs(matrix).max(initial=0.0))
    if float(np.abs(matrix - matrix.T).max(initial=0.0)) > 1e-9 * largest:
        raise DataError("covariance: must be symmetric")
    least = float(np.linalg.eigvalsh(matrix).min(initial=0.0))
    if least < -1e-9 * largest:
        raise DataError(f"covariance: must have no eigenvalue below 0, got {least:.3g}")


def _estimate(
    factor: Factor, limits: np.ndarray, means: np.ndarray, precision: float, seed: int
) -> OrthantProbability:
    """Estimate from growing lattices, until precise or long enough."""
    rng = np.random.default_rng(seed)
    steps = np.sqrt(_primes(factor.rank))
    columns = _columns(factor, limits)
    n = FIRST_SAMPLES
    while True:
        logs, shares = np.empty(SHIFTS), np.empty(SHIFTS)
        for shift in range(SHIFTS):
            points = (np.arange(1, n + 1) * steps[:, None] + rng.random((factor.rank, 1))) % 1.0
            weights = _log_weights(columns, means, 1.0 - np.abs(2.0 * points - 1.0))
            top = float(weights.max())
            if top == -math.inf:
                logs[shift], shares[shift] = -math.inf, 0.0
                continue
            scaled = np.exp(weights - top)
            logs[shift] = top + math.log(scaled.mean())
            shares[shift] = scaled.sum() ** 2 / (n * (scaled**2).sum())
        top = float(logs.max())
        enough = 4 * n * factor.rank > MOST_VALUES
        if top == -math.inf:
            if _is_empty(factor, limits):
                return OrthantProbability(-math.inf, 0.0, "exact", SHIFTS * n, 0.0)
            if enough:
                return OrthantProbability(math.nan, math.nan, "uncertain", SHIFTS * n, 0.0)
        else:
            values = np.exp(logs - top)
            se = float(values.std(ddof=1) / math.sqrt(SHIFTS) / values.mean() / math.log(2.0))
            share = float(shares.mean())
            if enough or (se <= precision and n * share >= LEAST_EFFECTIVE):
                sound = se <= LARGEST_SE and n * share >= LEAST_EFFECTIVE
                log2_p = (top + math.log(values.mean())) / math.log(2.0)
                return OrthantProbability(
                    log2_p, se, "ok" if sound else "uncertain", SHIFTS * n, share
                )
        n *= 4


def _is_empty(factor: Factor, limits: np.ndarray) -> bool:
    """Whether no y has L y > a: by linear programming, the largest t with L y >= a + t."""
    from scipy.optimize import linprog

    lengths = np.linalg.norm(factor.matrix, axis=1)
    rows = np.column_stack([-factor.matrix / lengths[:, None], np.ones(len(limits))])
    aim = np.append(np.zeros(factor.rank), -1.0)
    bounds = [(None, None)] * factor.rank + [(None, 1.0)]
    found = linprog(aim, A_ub=rows, b_ub=-limits / lengths, bounds=bounds)
    return bool(found.status == 0 and -found.fun < 1e-7)


_Column = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _columns(factor: Factor, limits: np.ndarray) -> list[_Column]:
    """For every column k, bounds of y_k: constants and slopes by y_<k, of lower and upper bounds.

    A row whose last entry is that of column k bounds y_k from below if the entry is positive, from
    above if it is negative.
    """
    found = []
    for k in range(factor.rank):
        mine = factor.last == k
        parts: list[np.ndarray] = []
        for rows in (mine & (factor.matrix[:, k] > 0.0), mine & (factor.matrix[:, k] < 0.0)):
            pivots = factor.matrix[rows, k]
            parts += [limits[rows] / pivots, factor.matrix[rows, :k] / pivots[:, None]]
        found.append((parts[0], parts[1], parts[2], parts[3]))
    return found


def _log_weights(columns: list[_Column], means: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    """log of the weight of every sample, from uniforms of shape (rank, samples)."""
    y = np.empty_like(uniforms)
    weights = np.zeros(uniforms.shape[1])
    with np.errstate(divide="ignore"):
        logs = np.log(uniforms)
    for k, (low, low_slopes, high, high_slopes) in enumerate(columns):
        mean = means[k]
        lower = np.max(low[:, None] - low_slopes @ y[:k], axis=0, initial=-np.inf) - mean
        upper = np.min(high[:, None] - high_slopes @ y[:k], axis=0, initial=np.inf) - mean
        # Turned so that the interval lies above 0 in the main, where tails are precise.
        turned = lower + upper < 0.0
        lower, upper = np.where(turned, -upper, lower), np.where(turned, -lower, upper)
        above = log_ndtr(-upper)
        inside = _log_difference(log_ndtr(-lower), above, upper > lower)
        place = -ndtri_exp(np.minimum(np.logaddexp(above, logs[k] + inside), 0.0))
        place = np.clip(np.where(turned, -place, place), -_FARTHEST, _FARTHEST)
        y[k] = place + mean
        weights += inside + 0.5 * mean**2 - y[k] * mean
    return weights


def _log_difference(more: np.ndarray, less: np.ndarray, real: np.ndarray) -> np.ndarray:
    """log(e^more - e^less), and -inf where not `real`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(real, more + np.log(-np.expm1(np.minimum(less - more, 0.0))), -np.inf)


def _primes(n: int) -> np.ndarray:
    """The first n primes, float64."""
    limit = 20 + int(1.3 * n * math.log(n + 2.0))
    sieve = np.ones(limit, dtype=bool)
    sieve[:2] = False
    for number in range(2, math.isqrt(limit) + 1):
        if sieve[number]:
            sieve[number * number :: number] = False
    return np.flatnonzero(sieve)[:n].astype(np.float64)
