"""λ and m from the means of nβK over a ladder.

With Z(nβ) = ∫ exp(-nβ K) φ dw ~ (nβ)^(-λ) Q(log nβ) + (nβ)^(-λ-κ) …, Q a polynomial of degree
m - 1 and -λ - κ the next pole of the zeta function, the mean of nβK is

    E[nβK] = -d log Z / d log nβ = λ - d log Q(u)/du + a e^(-κ u) + …,    u = log nβ.

Models of this form are fitted to all rungs above a cut, for every m, every κ in `KAPPAS` or no
such term, every cut, and Q = Π_i (u + c_i) with the c_i evenly spaced between two ends on a grid,
so that m = 2 has one scale and higher m two. λ and a are linear and integrated exactly. A model
of k rungs left out has the weight

    exp(-χ²/2) · (Occam factor of a) · 2^(1-m) · e^(-k),

after Jay & Neil 2021 (arXiv 2008.01069), who average over cuts in this way. The factor 2^(1-m) asks
for evidence before a logarithm is believed. The result is the mean over all models, and its
standard error holds both the error within each model and their disagreement.

The slope -d log V/d log(1/t) of a volume curve V(t) ~ t^λ P(log 1/t) has the same form in
u = log 1/t. A curve is known at points, so what is fitted there is the mean slope between two of
them, and the models are averaged over the same spans of u.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.optimize import brentq
from scipy.special import ndtr

KAPPAS = (1 / 6, 1 / 4, 1 / 3, 1 / 2, 1.0)
MAX_MULTIPLICITY = 4
MIN_RUNGS = 6
CUT_PRICE = 1.0
M_PRICE = math.log(2.0)
WIDEST_SCALE = 10.0
N_SCALES = 20
N_SCALE_ENDS = 8
N_BLOCKS = 50
N_SMOOTH = 9
N_FIFTHS = 5
NEGLIGIBLE = 1e-8


@dataclass(frozen=True)
class LadderFit:
    """λ of the sampled remainder, by the mean over models.

    Attributes
    ----------
    llc, llc_se : float
        Mean and standard deviation of λ.
    low, high : float
        95 % interval: the wider one, on each side, of the quantiles and 1.96 standard deviations.
    multiplicity_weights : tuple of float
        Weight of m = 1, 2, ….
    misfit : float
        χ² over degrees of freedom of the model of the largest weight.
    """

    llc: float
    llc_se: float
    low: float
    high: float
    multiplicity_weights: tuple[float, ...]
    misfit: float


def block_means(trace: np.ndarray) -> np.ndarray:
    """Means over 50 blocks of each chain, shape (chains, blocks, rungs)."""
    n_chains, n_rungs, steps = trace.shape
    length = steps // N_BLOCKS
    blocks = trace[:, :, steps - N_BLOCKS * length :].reshape(n_chains, n_rungs, N_BLOCKS, length)
    return blocks.mean(axis=3).transpose(0, 2, 1)


def covariance_of_means(blocks: np.ndarray) -> np.ndarray:
    """Covariance of the rungs' means, from block means of shape (chains, blocks, rungs).

    Shrunk towards a diagonal by Ledoit & Wolf 2004 in units of each rung's own spread: there are
    not many more blocks than rungs. The spread is smoothed over neighbours: nβK is skew, so a rung
    that by chance lies low would also look precise, and weights taken from it would pull the fit
    down. What shrinkage and correlations longer than a block leave out is put back as one factor:
    by how much the variance of the mean over all rungs, from fifths of the chains, exceeds what
    the matrix says, and likewise rung by rung from whole chains.
    """
    from sklearn.covariance import LedoitWolf

    n_chains, n_blocks, n_rungs = blocks.shape
    flat = blocks.reshape(-1, n_rungs)
    spread = flat.std(axis=0, ddof=1)
    standard = (flat - flat.mean(axis=0)) / spread
    shrunk = LedoitWolf(assume_centered=True).fit(standard).covariance_
    between = blocks.mean(axis=1).var(axis=0, ddof=1)
    within = blocks.var(axis=1, ddof=1).mean(axis=0) / n_blocks
    fifths = standard.reshape(n_chains * N_FIFTHS, -1, n_rungs).mean(axis=(1, 2))
    together = fifths.var(ddof=1) * (n_blocks / N_FIFTHS) / (shrunk.sum() / n_rungs**2)
    inflation = max(1.0, float(np.mean(between / within)), float(together))
    smooth = np.exp(uniform_filter1d(np.log(spread), N_SMOOTH, mode="nearest"))
    return inflation * shrunk * np.outer(smooth, smooth) / len(flat)


def logarithms(v: np.ndarray, spans: np.ndarray, multiplicity: int) -> np.ndarray:
    """Mean of d log Q/du over `spans` around v = u - u_low, for every choice of scales.

    The smallest c keeps every factor of Q at least 1 on the first rung in use: a smaller one would
    let the logarithm's pole explain a change of regime.

    Returns
    -------
    ndarray, shape (choices, rungs)
        The mean of 1/(u + c) over a span s is 2 artanh(s/(2 (u + c)))/s.
    """
    if multiplicity == 1:
        return np.zeros((1, len(v)))
    low = 1.0 - (v[0] - 0.5 * spans[0])
    if multiplicity == 2:
        scales = np.linspace(low, WIDEST_SCALE, N_SCALES)[:, None]
    else:
        ends = np.linspace(low, WIDEST_SCALE, N_SCALE_ENDS)
        pairs = itertools.combinations_with_replacement(ends, 2)
        scales = np.array([np.linspace(a, b, multiplicity - 1) for a, b in pairs])
    factors = v[None, None, :] + scales[:, :, None]
    halves = 0.5 * spans / factors
    wide = np.where(halves > 0.0, halves, 1.0 - np.finfo(float).eps)
    ratios = np.where(halves > 0.0, np.arctanh(wide) / wide, 1.0)
    return (ratios / factors).sum(axis=1)


def powers(v: np.ndarray, spans: np.ndarray, kappa: float) -> np.ndarray:
    """Mean of e^(-κu) over `spans` around v, in units of its value at v[0]."""
    halves = 0.5 * kappa * spans
    wide = np.where(halves > 0.0, halves, 1.0)
    return np.exp(-kappa * (v - v[0])) * np.where(halves > 0.0, np.sinh(wide) / wide, 1.0)


def fit_ladder(
    n_betas: np.ndarray,
    means: np.ndarray,
    covariance: np.ndarray,
    *,
    spans: np.ndarray | None = None,
    max_multiplicity: int = MAX_MULTIPLICITY,
) -> LadderFit:
    """Mean of λ over all models.

    Parameters
    ----------
    n_betas, means : ndarray, shape (rungs,)
        nβ, descending, and the mean of nβK there; at least `MIN_RUNGS`.
    covariance : ndarray, shape (rungs, rungs)
        Of the means.
    spans : ndarray, shape (rungs,), optional
        Length in log nβ, around log `n_betas`, of which each mean is the average; None: 0.
    max_multiplicity : int, default 4
        Largest m among the models.

    Returns
    -------
    LadderFit

    Examples
    --------
    >>> n_betas = np.geomspace(1e12, 1e2, 20)
    >>> u = np.log(n_betas)
    >>> fit = fit_ladder(n_betas, 0.5 - 1 / (u + 1), np.diag(np.full(20, 1e-3**2)))
    >>> abs(fit.llc - 0.5) < 0.01, int(np.argmax(fit.multiplicity_weights)) + 1
    (True, 2)
    """
    order = np.argsort(n_betas)
    v = np.log(n_betas[order]) - math.log(n_betas[order[0]])
    y, covariance = means[order], covariance[np.ix_(order, order)]
    widths = np.zeros(len(v)) if spans is None else spans[order]
    parts = []
    for cut in range(max(1, len(v) - MIN_RUNGS + 1)):
        precision = np.linalg.inv(covariance[cut:, cut:])
        for multiplicity in range(1, max_multiplicity + 1):
            for kappa in (None, *KAPPAS):
                part = _fit_one(v[cut:], widths[cut:], y[cut:], precision, multiplicity, kappa)
                part[:, 2] -= CUT_PRICE * cut + M_PRICE * (multiplicity - 1)
                labels = np.broadcast_to([multiplicity, len(v) - cut - 1.0], (len(part), 2))
                parts.append(np.hstack([part, labels]))
    llc, variance, log_weight, misfit, multiplicity_of, freedom = np.concatenate(parts).T
    weight = np.where(llc > 0.0, np.exp(log_weight - log_weight.max()), 0.0)
    if not weight.sum() > 0.0:
        nothing = (math.nan,) * max_multiplicity
        return LadderFit(math.nan, math.nan, math.nan, math.nan, nothing, math.nan)
    heavy = weight > NEGLIGIBLE * weight.max()
    llc, variance, weight, misfit, multiplicity_of, freedom = (
        column[heavy] for column in (llc, variance, weight, misfit, multiplicity_of, freedom)
    )
    weight /= weight.sum()
    mean = float(weight @ llc)
    spread = np.sqrt(variance)

    def quantile(share: float) -> float:
        def excess(value: float) -> float:
            return float(weight @ ndtr((value - llc) / spread)) - share

        reach = 10.0 * float(spread.max())
        return float(brentq(excess, float(llc.min()) - reach, float(llc.max()) + reach))

    best = int(weight.argmax())
    deviation = math.sqrt(float(weight @ (variance + (llc - mean) ** 2)))
    return LadderFit(
        llc=mean,
        llc_se=deviation,
        low=min(quantile(0.025), mean - 1.96 * deviation),
        high=max(quantile(0.975), mean + 1.96 * deviation),
        multiplicity_weights=tuple(
            float(weight[multiplicity_of == m].sum()) for m in range(1, max_multiplicity + 1)
        ),
        misfit=float(misfit[best] / freedom[best]),
    )


def _fit_one(
    v: np.ndarray,
    spans: np.ndarray,
    y: np.ndarray,
    precision: np.ndarray,
    multiplicity: int,
    kappa: float | None,
) -> np.ndarray:
    """λ, its variance, log weight and χ² for every choice of scales, shape (choices, 4).

    a has a normal prior as wide as half of the mean: the term is a correction.
    """
    logs = logarithms(v, spans, multiplicity)
    columns = [np.ones(len(v))]
    log_price = math.log(2.0 * len(logs))
    prior = np.zeros((1, 1))
    width = 0.5 * max(float(y.mean()), 0.1)
    if kappa is not None:
        columns.append(powers(v, spans, kappa))
        log_price += math.log(len(KAPPAS))
        prior = np.diag([0.0, width**-2])
    design = np.stack(columns, axis=1)
    curvature = design.T @ precision @ design + prior
    inverse = np.linalg.inv(curvature)
    wanted = y + logs
    solution = wanted @ precision @ design @ inverse
    rest = wanted - solution @ design.T
    misfit = ((rest @ precision) * rest).sum(axis=1)
    log_weight = -0.5 * misfit - log_price
    if kappa is not None:
        log_weight -= 0.5 * (solution[:, 1] / width) ** 2
        occam = width**2 * float(np.linalg.det(curvature)) / curvature[0, 0]
        log_weight -= 0.5 * math.log(occam)
    variance = np.full(len(logs), inverse[0, 0])
    return np.stack([solution[:, 0], variance, log_weight, misfit], axis=1)
