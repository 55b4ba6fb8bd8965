"""The forms that E[nβK] takes over a ladder, with what is believed of them in advance.

Z(nβ) = ∫ exp(-nβ K) φ dw falls like (nβ)^(-λ) Q, and with v = ln nβ above the lowest rung in use
the mean of nβK is λ - d log Q/dv. Q(v), 1 at v = 0, is one of

    1 + (r/κ) (1 - e^(-κv))          m = 1, and the next pole of the zeta function κ above λ,
    1 + r v                          m = 2: the limit κ -> 0 of the same,
    Π_i (1 + v/c_i), Σ 1/c_i = r     m = 3, 4, …

All have the same r, the *depth*: by how much the mean lies below λ on the lowest rung. It is what
the prior is put on, uniform in its logarithm between `depth_floor` and λ (a mean is positive). A
uniform prior on the residues of the poles would penalise a small κ tenfold, since two poles close
together need large residues of opposite signs: then m = 2 would be found wherever two poles are
close.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

FAST = (1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 1.0)
SLOW = (1 / 84, 1 / 60, 1 / 42, 1 / 30, 1 / 24, 1 / 18, 1 / 12)
KAPPAS = SLOW + FAST
"""Distances of the next pole. For K = f²/2 they are 1/12 at x² - y³, 1/24, 1/36 and 1/60 at the
surfaces E6, E7 and E8 and 1/84 at x² + y³ + z⁷; for the monomial x⁶y⁴ 1/12."""

FALLING = (1 / 24, 1 / 12, 1 / 6, 1 / 4, 1 / 2, 1.0)
"""κ₂ of a further term a e^(-κ₂ v) of either sign."""

MULTIPLICITY_PRIOR = (0.47, 0.27, 0.16, 0.10, 0.06, 0.04)
"""Of m = 1, 2, …, before division by the sum over those that are fitted."""

N_DEPTHS = 14

SCALE_RATIOS = (1.0, 3.0, 10.0, 30.0)
"""The largest c over the smallest, for m >= 3."""


@dataclass(frozen=True)
class Forms:
    """Forms on the rungs in use, one row each.

    Attributes
    ----------
    corrections : ndarray, shape (forms, rungs)
        d log Q/dv, averaged over the span of each rung.
    multiplicity : ndarray of int, shape (forms,)
        m.
    kappa : ndarray, shape (forms,)
        κ of m = 1, 0 for the others.
    depth : ndarray, shape (forms,)
        r.
    log_prior : ndarray, shape (forms,)
        Of m, κ and the ratio of scales; that of r depends on λ.
    """

    corrections: np.ndarray
    multiplicity: np.ndarray
    kappa: np.ndarray
    depth: np.ndarray
    log_prior: np.ndarray


def depth_floor(llc: np.ndarray) -> np.ndarray:
    """The smallest depth: a smaller correction does not matter."""
    return np.minimum(0.08, 0.15 * llc)


def make_forms(v: np.ndarray, spans: np.ndarray, top: float, max_multiplicity: int) -> Forms:
    """All forms on rungs at v.

    Parameters
    ----------
    v, spans : ndarray, shape (rungs,)
        Middle and length of the span in ln nβ that each mean is the average of, counted from the
        lower end of the first; 0: a point.
    top : float
        The largest λ in question.
    max_multiplicity : int
        Largest m.
    """
    depths = np.geomspace(0.7 * float(depth_floor(np.array(top))), top, N_DEPTHS)
    prior = np.array(MULTIPLICITY_PRIOR[:max_multiplicity])
    prior = np.log(prior / prior.sum())
    rows = [
        _row(1, kappa, _simple_poles(v, spans, depths, kappa), depths, prior[0] - _log(KAPPAS))
        for kappa in KAPPAS
    ]
    for m in range(2, max_multiplicity + 1):
        ratios = SCALE_RATIOS[: 1 if m == 2 else None]
        rows += [
            _row(
                m, 0.0, _logarithms(v, spans, depths, m, ratio), depths, prior[m - 1] - _log(ratios)
            )
            for ratio in ratios
        ]
    return Forms(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def falling(v: np.ndarray, spans: np.ndarray, kappa: float) -> np.ndarray:
    """Mean of e^(-κv) over `spans` around v."""
    halves = 0.5 * kappa * spans
    wide = np.where(halves > 0.0, halves, 1.0)
    return np.exp(-kappa * v) * np.where(halves > 0.0, np.sinh(wide) / wide, 1.0)


def _log(choices: tuple[float, ...]) -> float:
    return math.log(len(choices))


def _row(
    multiplicity: int, kappa: float, corrections: np.ndarray, depths: np.ndarray, log_prior: float
) -> tuple[np.ndarray, ...]:
    n = len(depths)
    return (
        corrections, np.full(n, multiplicity), np.full(n, kappa), depths, np.full(n, log_prior)
    )  # fmt: skip


def _simple_poles(v: np.ndarray, spans: np.ndarray, depths: np.ndarray, kappa: float) -> np.ndarray:
    """d log Q/dv of m = 1, shape (depths, rungs)."""
    ratio = depths[:, None] / kappa

    def log_q(x: np.ndarray) -> np.ndarray:
        return np.log1p(-ratio * np.expm1(-kappa * x))

    slope = ratio * kappa * np.exp(-kappa * v) / (1.0 - ratio * np.expm1(-kappa * v))
    return _averaged(log_q, slope, v, spans)


def _logarithms(
    v: np.ndarray, spans: np.ndarray, depths: np.ndarray, multiplicity: int, ratio: float
) -> np.ndarray:
    """d log Q/dv of m >= 2 with scales evenly spaced in the logarithm, shape (depths, rungs)."""
    relative = np.geomspace(1.0, ratio, multiplicity - 1)
    scales = ((1.0 / relative).sum() / depths)[:, None, None] * relative[None, :, None]

    def log_q(x: np.ndarray) -> np.ndarray:
        return np.log1p(x / scales).sum(axis=1)

    slope = (1.0 / (scales + v)).sum(axis=1)
    return _averaged(log_q, slope, v, spans)


def _averaged(
    log_q: Callable[[np.ndarray], np.ndarray], slope: np.ndarray, v: np.ndarray, spans: np.ndarray
) -> np.ndarray:
    """The slope of log Q at v where a span is 0, elsewhere its mean over the span."""
    if not spans.any():
        return slope
    rise = log_q(v + 0.5 * spans) - log_q(v - 0.5 * spans)
    return np.where(spans > 0.0, rise / np.where(spans > 0.0, spans, 1.0), slope)
