"""λ and m from the means of nβK over a ladder.

Every form of `pfmap.llc.ladder.forms`, alone or with a further term a e^(-κ₂ v), is fitted to all
rungs above every cut, and the result is the mean over all fits. λ and a are linear and integrated
exactly. A fit with k rungs left out has the weight

    exp(-χ²/2) · (Occam factors of λ and a) · (prior of m, κ and the depth r) · e^(-k),

after Jay & Neil 2021 (arXiv 2008.01069), who average over cuts in this way. The standard error
holds both the error within each fit and their disagreement.

m = 2 is the limit κ -> 0 of two poles of opposite sign. Below some κ, which falls as the ladder
grows, no data tell the two apart: `LadderFit.resolution` says where.

The slope -d log V/d log(1/t) of a volume curve V(t) ~ t^λ P(log 1/t) has the same form in
u = log 1/t. A curve is known at points, so what is fitted there is the mean slope between two of
them, and the forms are averaged over the same spans of u.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from .forms import FALLING, KAPPAS, depth_floor, falling, make_forms

MAX_MULTIPLICITY = 4
MIN_RUNGS = 6
"""Rungs that a fit needs."""

LEAST_KEPT = 8
"""Rungs above the highest cut, where there are as many."""

CUT_PRICE = 1.0
BIAS_FLOOR = 0.006
"""Relative error of every mean beside its noise: the forms are not exact."""

WIDTH = 0.5
"""Standard deviation of a in advance, over the mean."""

TOP = 1.3
"""Largest λ in question, over the largest mean of the highest rungs."""

UNRESOLVED = 0.05
"""Weight that poles beyond the resolution may have."""

NEGLIGIBLE = 1e-8


@dataclass(frozen=True)
class LadderFit:
    """λ of the sampled remainder, by the mean over fits.

    Attributes
    ----------
    llc, llc_se : float
        Mean and standard deviation of λ.
    noise_se : float
        The part of `llc_se` within fits; the rest is their disagreement, which a longer ladder
        reduces more than samples do.
    low, high : float
        95 % interval: the wider one, on each side, of the quantiles and 1.96 standard deviations.
    multiplicity_weights : tuple of float
        Weight of m = 1, 2, ….
    resolution : float
        Where m > 1 has more weight than m = 1: the least κ such that two single poles farther
        apart than it have a weight of at most 0.05. Else the largest κ such that m > 1 and poles
        closer than it have. Infinite or 0 where there is none.
    misfit : float
        χ² over degrees of freedom of the fit of the largest weight.
    """

    llc: float
    llc_se: float
    noise_se: float
    low: float
    high: float
    multiplicity_weights: tuple[float, ...]
    resolution: float
    misfit: float


def fit_ladder(
    n_betas: np.ndarray,
    means: np.ndarray,
    covariance: np.ndarray,
    *,
    spans: np.ndarray | None = None,
    max_multiplicity: int = MAX_MULTIPLICITY,
    slowest: float = 0.0,
) -> LadderFit:
    """Mean of λ over all fits.

    Parameters
    ----------
    n_betas, means : ndarray, shape (rungs,)
        nβ, descending, and the mean of nβK there; at least `MIN_RUNGS`.
    covariance : ndarray, shape (rungs, rungs)
        Of the means.
    spans : ndarray, shape (rungs,), optional
        Length in log nβ, around log `n_betas`, of which each mean is the average; None: 0.
    max_multiplicity : int, default 4
        Largest m among the forms, up to 6.
    slowest : float, default 0.0
        Least κ₂ of a further term. One that has hardly fallen at the end of the data looks like
        a part of λ, or like a logarithm.

    Returns
    -------
    LadderFit

    Examples
    --------
    >>> n_betas = np.geomspace(1e30, 1e2, 40)
    >>> u = np.log(n_betas)
    >>> fit = fit_ladder(n_betas, 0.5 - 1 / (u + 1), np.diag(np.full(40, 1e-3**2)))
    >>> fit.low < 0.5 < fit.high, fit.multiplicity_weights[1] > 0.2  # m = 2, or two close poles
    (True, True)
    """
    order = np.argsort(n_betas)
    u, y = np.log(n_betas[order]), means[order]
    widths = np.zeros(len(u)) if spans is None else spans[order]
    covariance = covariance[np.ix_(order, order)] + np.diag((BIAS_FLOOR * y) ** 2)
    top = TOP * max(float(y[-MIN_RUNGS:].max()), float(np.finfo(float).tiny))
    parts = []
    for cut in range(max(1, len(u) - LEAST_KEPT + 1)):
        v = u[cut:] - (u[cut] - 0.5 * widths[cut])
        part = _fit_all(
            v, widths[cut:], y[cut:], covariance[cut:, cut:], top, max_multiplicity, slowest
        )
        part[2] -= CUT_PRICE * cut
        parts.append(part)
    return _mean_over(np.concatenate(parts, axis=1), max_multiplicity)


def _fit_all(
    v: np.ndarray,
    spans: np.ndarray,
    y: np.ndarray,
    covariance: np.ndarray,
    top: float,
    max_multiplicity: int,
    slowest: float,
) -> np.ndarray:
    """λ, its variance, log weight, χ² a degree of freedom, m and κ of every fit, shape (6, fits).

    λ has a flat prior and a a normal one as wide as half of the mean.
    """
    forms = make_forms(v, spans, top, max_multiplicity)
    # In units in which the noise is white; the first direction is that of λ.
    root = np.linalg.cholesky(np.linalg.inv(covariance))
    one = np.ones(len(y)) @ root
    scale = float(one @ one)
    wanted = (y + forms.corrections) @ root
    alone = wanted @ one / scale
    rest = wanted - alone[:, None] * one
    misfit = (rest**2).sum(axis=1)
    width = WIDTH * max(float(y.mean()), 0.1 * top)
    columns = []
    terms = [kappa for kappa in FALLING if kappa >= slowest]
    for kappa in (None, *terms):
        llc, variance, chi = alone, 1.0 / scale, misfit
        log_weight = -0.5 * chi - 0.5 * math.log(scale) + math.log(0.5)
        if kappa is not None:
            term = falling(v, spans, kappa) @ root
            shift = float(term @ one) / scale
            term = term - shift * one
            along = rest @ term
            curvature = float(term @ term) + width**-2
            size = along / curvature
            llc = alone - size * shift
            variance = 1.0 / scale + shift**2 / curvature
            chi = misfit - 2.0 * size * along + size**2 * float(term @ term)
            log_weight = -0.5 * (chi + (size / width) ** 2) - 0.5 * math.log(scale)
            log_weight -= 0.5 * math.log(curvature * width**2) + math.log(2.0 * len(terms))
        floor = depth_floor(np.maximum(llc, 1e-300))
        # Half a step of the grid of depths is allowed at both ends.
        possible = (llc > 0.0) & (forms.depth <= 1.1 * llc) & (forms.depth >= 0.9 * floor)
        log_prior = forms.log_prior - np.log(np.log(np.maximum(llc, floor * math.e) / floor))
        freedom = max(len(y) - 1.0 - (kappa is not None), 1.0)
        log_weight = np.where(possible, log_weight + log_prior, -np.inf)
        spread = np.full(len(llc), variance)
        columns.append(
            np.stack([llc, spread, log_weight, chi / freedom, forms.multiplicity, forms.kappa])
        )
    return np.concatenate(columns, axis=1)


def _mean_over(fits: np.ndarray, max_multiplicity: int) -> LadderFit:
    """What all fits say together."""
    from scipy.optimize import brentq

    best = float(fits[2].max())
    if not math.isfinite(best):
        nan = math.nan
        return LadderFit(nan, nan, nan, nan, nan, (nan,) * max_multiplicity, nan, nan)
    weight = np.exp(fits[2] - best)
    heavy = weight > NEGLIGIBLE
    llc, variance, _, misfit, multiplicity, kappa = fits[:, heavy]
    weight = weight[heavy] / weight[heavy].sum()
    spread = np.sqrt(variance)
    mean = float(weight @ llc)
    deviation = math.sqrt(float(weight @ (variance + (llc - mean) ** 2)))

    def quantile(share: float) -> float:
        def excess(value: float) -> float:
            return float(weight @ ndtr((value - llc) / spread)) - share

        reach = 10.0 * float(spread.max())
        return float(brentq(excess, float(llc.min()) - reach, float(llc.max()) + reach))

    shares = [float(weight[multiplicity == m].sum()) for m in range(1, max_multiplicity + 1)]
    return LadderFit(
        llc=mean,
        llc_se=deviation,
        noise_se=math.sqrt(float(weight @ variance)),
        low=min(quantile(0.025), mean - 1.96 * deviation),
        high=max(quantile(0.975), mean + 1.96 * deviation),
        multiplicity_weights=tuple(shares),
        resolution=_resolution(weight, kappa, single=shares[0] >= 0.5),
        misfit=float(misfit[int(weight.argmax())]),
    )


def _resolution(weight: np.ndarray, kappa: np.ndarray, *, single: bool) -> float:
    """See `LadderFit.resolution`."""
    if single:
        found = [k for k in KAPPAS if weight[kappa < k].sum() <= UNRESOLVED]
        return max(found, default=0.0)
    found = [k for k in (0.0, *KAPPAS) if weight[kappa > k].sum() <= UNRESOLVED]
    return min(found, default=math.inf)
