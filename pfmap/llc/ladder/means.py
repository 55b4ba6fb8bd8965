"""Means of nβK over blocks of the chains of a ladder, and their covariance."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import uniform_filter1d

from pfmap.kernels.ladder import CONTROL_STEPS
from pfmap.llc.ladder.chains import Ladder

UNCONTROLLED = 0.02
"""Share of the variance that is believed of the means without control variates in any case."""

MISSED = 1.0
"""By how much nβK may differ, over its mean, in a part of the space that no chain saw."""

MAX_CONTROL = 1e13
"""Size of control variates up to which combinations of size 1 are left after rounding."""

RCOND = 1e-14
"""Singular values this small beside the largest are left out of a regression."""

N_BLOCKS = 50
N_SMOOTH = 9
NOTHING = 1e-9
"""Least spread of block means: control variates can leave none at all."""

N_FIFTHS = 5

MOST_PLACES = 500
"""Values of a chain that the effective number of places is taken from, evenly spread: beyond some
2,000 independent ones in all, an error of one over their number is none."""


def ladder_means(ladder: Ladder) -> tuple[np.ndarray, np.ndarray]:
    """Mean of nβK on every rung and the covariance of the means.

    What the chains have missed is no part of their spread. In n independent places a part of the
    space of probability 1/n can be missed, whose nβK may differ by the mean: so much error is
    added, n the effective number of log |x|² or of log(nβ |∇K|²/K), the smaller. A valley {f = 0},
    or the singular part of one, whose share changes slowly with nβ would else be missed by every
    chain alike, and control variates would make the mean without it look exact. A rung gets to
    other places through lower ones: what these have missed it misses too, and more of its own, as
    in a random walk upward. (One error for all rungs, in proportion to n, would let a fit read its
    size off the means and take it away.)
    """
    plain, controlled = block_means(ladder)
    covariance = covariance_of_means(controlled)
    if controlled is not plain:
        covariance = covariance + UNCONTROLLED * covariance_of_means(plain)
    means = controlled.mean(axis=(0, 1))
    missed = MISSED * means / effective_places(ladder.places)
    return means, covariance + np.minimum.outer(missed, missed) ** 2


def effective_places(places: np.ndarray) -> np.ndarray:
    """Effective number of independent places on every rung, at least 1: the least of the measures.

    Never more than on a lower rung: where the zeros of K fall apart into regions, each rung gets to
    the others through lower ones alone, and one that has lost a region moves freely in what is
    left. A measure that never changes says nothing.
    """
    from arviz_stats.base import array_stats

    def effective(values: np.ndarray) -> float:
        if float(np.ptp(values)) == 0.0:
            return math.inf
        return float(np.nan_to_num(array_stats.ess(values, method="mean"), nan=1.0))

    places = places[:, :, :: -(-places.shape[2] // MOST_PLACES)]
    n_rungs, n_measures = places.shape[1], places.shape[3]
    numbers = [
        min(effective(places[:, rung, :, measure]) for measure in range(n_measures))
        for rung in range(n_rungs)
    ]
    return np.maximum(np.minimum.accumulate(numbers[::-1])[::-1], 1.0)


def block_means(ladder: Ladder) -> tuple[np.ndarray, np.ndarray]:
    """Means over 50 blocks of each chain, (chains, blocks, rungs), without and with control.

    The control variates c of `pfmap.kernels.ladder` have mean 0, so E[nβK - b c] = E[nβK] for every
    b; the b of least variance comes from the regression of the block means of all chains, rung by
    rung. Deviations from the mean are widened by what the regression takes from their number.
    """
    n_chains, n_rungs, steps = ladder.trace.shape
    n_variates = ladder.controls.shape[3]
    length = steps // N_BLOCKS
    if n_variates:
        length = ladder.controls.shape[2] // N_BLOCKS * CONTROL_STEPS
    trace = ladder.trace[:, :, : N_BLOCKS * length]
    blocks = trace.reshape(n_chains, n_rungs, N_BLOCKS, length).mean(axis=3).transpose(0, 2, 1)
    if not n_variates:
        return blocks, blocks
    groups = ladder.controls[:, :, : N_BLOCKS * length // CONTROL_STEPS]
    sums = groups.reshape(n_chains, n_rungs, N_BLOCKS, -1, n_variates).sum(axis=3)
    controls = sums.transpose(1, 0, 2, 3).reshape(n_rungs, -1, n_variates) / length
    return blocks, _controlled(blocks, controls)


def _controlled(blocks: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """Block means less their regression on `controls`, shape (rungs, chains × blocks, variates)."""
    n = blocks.shape[0] * blocks.shape[1]
    flat = blocks.reshape(n, -1)
    result = np.empty_like(flat)
    for rung, variates in enumerate(controls):
        scale = np.sqrt((variates**2).mean(axis=0))
        used = (scale > 0.0) & (scale < MAX_CONTROL)
        centered = (variates - variates.mean(axis=0))[:, used] / scale[used]
        slope = np.linalg.lstsq(centered, flat[:, rung] - flat[:, rung].mean(), rcond=RCOND)[0]
        less = flat[:, rung] - variates[:, used] / scale[used] @ slope
        mean = less.mean()
        result[:, rung] = mean + (less - mean) * math.sqrt(n / max(n - 1.0 - used.sum(), 1.0))
    return result.reshape(blocks.shape)


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
    spread = np.maximum(flat.std(axis=0, ddof=1), NOTHING)
    standard = (flat - flat.mean(axis=0)) / spread
    shrunk = LedoitWolf(assume_centered=True).fit(standard).covariance_
    between = blocks.mean(axis=1).var(axis=0, ddof=1)
    within = blocks.var(axis=1, ddof=1).mean(axis=0) / n_blocks
    fifths = standard.reshape(n_chains * N_FIFTHS, -1, n_rungs).mean(axis=(1, 2))
    together = fifths.var(ddof=1) * (n_blocks / N_FIFTHS) / (shrunk.sum() / n_rungs**2)
    inflation = max(1.0, float(np.mean(between / within)), float(together))
    smooth = np.exp(uniform_filter1d(np.log(spread), N_SMOOTH, mode="nearest"))
    smooth = np.maximum(smooth, spread)  # control variates let it grow fast from rung to rung
    return inflation * shrunk * np.outer(smooth, smooth) / len(flat)
