"""λ and m from the small-t end of a volume curve.

As t -> 0, V(t) = t^λ P(log 1/t) + O(t^(λ+κ)), P a positive polynomial of degree m - 1, so the slope

    d log V / d log t = λ - d log P(u)/du + a e^(-κu) + …,    u = log 1/t,

has the form that `pfmap.llc.ladder.fit` fits to a ladder of temperatures, and is fitted by it: all
m, all κ, all cuts, averaged with their weights. The slopes are differences of log V̂ between points
of the curve, and the models are averaged over the same spans.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from pfmap.errors import SettingsError
from pfmap.llc.ladder.fit import MIN_RUNGS, fit_ladder
from pfmap.llc.ladder.judge import MAX_MISFIT

from .estimate import VolumeEstimate
from .splitting import Run

MAX_SLOPES = 28
"""Slopes that are fitted: as many as a ladder has rungs. More would not change the fit."""

MIN_RUNS = 4
"""Runs from which on the spread between them can be told."""

LOG_BULK = math.log(0.75)
"""ln V above which a point belongs to the bulk of the prior and not to the fit."""

N_PARTS = 5
"""Parts of the curve whose spread between runs is compared with that within them."""

MAX_RATIO = 4.0
"""Variance between runs over that within them above which the chains were too short."""

MAX_MULTIPLICITY = 6
"""Largest m that is fitted; V falls by fewer decades than a ladder spans, and more is not told."""

CLEAR_WEIGHT = 0.9
"""Weight of one m from which on it is reported. A ladder asks for 0.7 of four values of m; here
there are six, and 0.8 was seen on a wrong one."""

OPEN_WEIGHT = 0.1
"""Weight of the largest m from which on m may be larger still, and λ with it. In advance it is
2^-6."""

M_HIDDEN = 5.0
"""Above this λ̂ the logarithms are too small a part of the slope to tell m."""

ADVICE = {
    "ok": "nothing to do",
    "short": "the error is above the precision asked for: more runs or steps, or a smaller lowest",
    "m open": "m may be larger than any fitted, and λ is then larger too: a smaller lowest",
    "not converged": "the runs disagree or no model fits: more steps, or another prior or loss",
    "not reached": "the curve ends above the lowest t: more max_levels; or the loss has no zero, "
    "and then there is no λ",
    "few levels": "the curve has too few levels for a fit: a smaller lowest",
}
"""What to do about each verdict."""


@dataclass(frozen=True)
class CurveFit:
    """λ and m of a volume curve, with what is needed to judge them.

    Attributes
    ----------
    learning_coefficient, learning_coefficient_se : float
        λ̂ and its standard error: that of the curve, and the choice of the model, m included. NaN
        where nothing was fitted.
    low, high : float
        95 % interval.
    multiplicity : int or None
        m where its weight is at least 0.9 and λ̂ at most 5, else None: undetermined.
    multiplicity_weights : tuple of float
        Weight of m = 1, 2, ….
    verdict, advice : str
        ok | short | m open | not converged | not reached | few levels, and what to do.
    t_high, t_low : float
        Range of the slopes.
    misfit : float
        χ² a degree of freedom of the best model.
    ratio : float
        Variance between runs over that within them; the covariance of the slopes is multiplied by
        it where it is above 1.
    """

    learning_coefficient: float
    learning_coefficient_se: float
    low: float
    high: float
    multiplicity: int | None
    multiplicity_weights: tuple[float, ...]
    verdict: str
    advice: str
    t_high: float = math.nan
    t_low: float = math.nan
    misfit: float = math.nan
    ratio: float = math.nan


@dataclass(frozen=True)
class Slopes:
    """Mean slopes of log V against log t over spans that follow each other.

    Attributes
    ----------
    t : ndarray, shape (slopes,)
        Geometric mean of the ends of a span, descending.
    spans : ndarray, shape (slopes,)
        Length of a span in log t.
    values : ndarray, shape (slopes,)
    covariance : ndarray, shape (slopes, slopes)
    ratio : float
        Variance between runs over that within them, before it multiplied the covariance.
    """

    t: np.ndarray
    spans: np.ndarray
    values: np.ndarray
    covariance: np.ndarray
    ratio: float


def fit_curve(
    estimate: VolumeEstimate, *, precision: float = 0.05, max_multiplicity: int = MAX_MULTIPLICITY
) -> CurveFit:
    """λ and m of a loss from its volume curve.

    Parameters
    ----------
    estimate : VolumeEstimate
        Of a loss, from `estimate_volume` with ``lowest`` above 0. At least four runs.
    precision : float, default 0.05
        Relative standard error of λ̂ above which the verdict is ``short``.
    max_multiplicity : int, default 6
        Largest m that is fitted.

    Returns
    -------
    CurveFit
        Read ``verdict`` first: the first rule that is broken, else ``ok``.

        - ``not reached``: the curve ends above the lowest t that was asked for.
        - ``few levels``: fewer than six slopes.
        - ``not converged``: the runs differ by more than four times the variance that their chains
          say, or no model fits (χ² above 3 a degree of freedom, or every λ̂ below 0).
        - ``short``: the standard error is above `precision` times λ̂.
        - ``m open``: the largest m has a weight above 0.1, and λ̂ is at most 5.

    Raises
    ------
    SettingsError
        If the severity is not a loss, or there are fewer than four runs.

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> from pfmap.volume import Settings, estimate_volume, loss_target
    >>> target = loss_target(polynomial_model([[1, 1]]), name="w1 w2")
    >>> fit = fit_curve(estimate_volume(target, Settings(steps=256, lowest=1e-12)))
    >>> fit.verdict, abs(fit.learning_coefficient - 0.5) < 0.05, fit.multiplicity in (2, None)
    ('ok', True, True)
    """
    if estimate.target.loss == "signs":
        raise SettingsError(
            "estimate: must be of a loss, got one of signs: its zeros have positive mass and λ = 0",
            next_step="make the target with loss_target",
        )
    if len(estimate.runs) < MIN_RUNS and estimate.verdict == "reached":
        raise SettingsError(
            f"estimate: must hold at least {MIN_RUNS} runs, got {len(estimate.runs)}",
            next_step="set runs=8",
        )
    if estimate.verdict != "reached":
        return _unfitted("not reached", max_multiplicity)
    slopes = curve_slopes(estimate.levels.curve, estimate.runs)
    if len(slopes.t) < MIN_RUNGS:
        return _unfitted("few levels", max_multiplicity)
    fit = fit_ladder(
        1.0 / slopes.t, slopes.values, slopes.covariance, spans=slopes.spans,
        max_multiplicity=max_multiplicity,
    )  # fmt: skip
    known = math.isfinite(fit.llc) and fit.misfit <= MAX_MISFIT and slopes.ratio <= MAX_RATIO
    verdict = "not converged"
    if known:
        verdict = "short" if fit.llc_se > precision * fit.llc else "ok"
        is_open = fit.multiplicity_weights[-1] > OPEN_WEIGHT and fit.llc <= M_HIDDEN
        if verdict == "ok" and is_open:
            verdict = "m open"
    best = int(np.argmax(fit.multiplicity_weights))
    clear = fit.multiplicity_weights[best] >= CLEAR_WEIGHT and fit.llc <= M_HIDDEN
    return CurveFit(
        learning_coefficient=fit.llc,
        learning_coefficient_se=fit.llc_se,
        low=fit.low,
        high=fit.high,
        multiplicity=best + 1 if clear and known else None,
        multiplicity_weights=fit.multiplicity_weights,
        verdict=verdict,
        advice=ADVICE[verdict],
        t_high=float(slopes.t[0] * math.exp(0.5 * slopes.spans[0])),
        t_low=float(slopes.t[-1] * math.exp(-0.5 * slopes.spans[-1])),
        misfit=fit.misfit,
        ratio=slopes.ratio,
    )


def _unfitted(verdict: str, max_multiplicity: int) -> CurveFit:
    nan = math.nan
    return CurveFit(nan, nan, nan, nan, None, (nan,) * max_multiplicity, verdict, ADVICE[verdict])


def curve_slopes(curve: list[np.ndarray], runs: list[Run]) -> Slopes:
    """Slopes between the points of a curve, joined to at most 28 spans of about equal length.

    The share of a level's states below a point is the mean over the runs, not that of V̂ with its
    few heaviest runs: slopes need no unbiased V̂.

    Parameters
    ----------
    curve : list of ndarray
        `Levels.curve`.
    runs : list of Run
        All at those levels. Levels that some run did not reach are left out.
    """
    finite = np.all([np.isfinite(run.log_volumes) for run in runs], axis=0)
    sizes = [len(points) for points in curve]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    steps, step_variances, each = [], [], []
    for level, (start, stop) in enumerate(itertools.pairwise(starts)):
        if not finite[start:stop].all():
            break
        before = [0.0 if start == 0 else run.log_volumes[start - 1] for run in runs]
        logs = np.array([run.log_volumes[start:stop] for run in runs]) - np.array(before)[:, None]
        share = np.exp(logs).mean(axis=0)
        difference = np.eye(stop - start) - np.eye(stop - start, k=-1)
        steps.append(difference @ np.log(share))
        covariance = np.mean([run.covariances[level] for run in runs], axis=0)
        step_variances.append(difference @ covariance @ difference.T)
        each.append(logs @ difference.T)
    if not steps:
        nothing = np.zeros(0)
        return Slopes(nothing, nothing, nothing, np.zeros((0, 0)), math.nan)
    drops = np.concatenate(steps)
    by_run = np.concatenate(each, axis=1)
    covariance = block_diag(*step_variances)
    ratio = _spread_ratio(by_run, covariance)
    log_t = np.log(np.concatenate(curve)[: len(drops)])
    first, last = _spans(log_t, int((np.cumsum(drops) > LOG_BULK).sum()))
    summed = np.zeros((len(first), len(log_t)))
    for row, (start, stop) in enumerate(zip(first, last, strict=True)):
        summed[row, start + 1 : stop + 1] = 1.0
    lengths = log_t[first] - log_t[last]
    scaled = summed / lengths[:, None]
    return Slopes(
        t=np.exp(0.5 * (log_t[first] + log_t[last])),
        spans=lengths,
        values=-(scaled @ drops),
        covariance=max(1.0, ratio) / len(runs) * scaled @ covariance @ scaled.T,
        ratio=ratio,
    )


def _spans(log_t: np.ndarray, begin: int) -> tuple[np.ndarray, np.ndarray]:
    """First and last point of at most `MAX_SLOPES` spans that follow each other from `begin`."""
    used = log_t[begin:]
    if len(used) < 2:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    parts = (used[0] - used) / (used[0] - used[-1]) * MAX_SLOPES
    ends = begin + np.flatnonzero(np.diff(np.floor(parts + 1e-9)) > 0) + 1
    return np.append(begin, ends[:-1]), ends


def _spread_ratio(by_run: np.ndarray, covariance: np.ndarray) -> float:
    """Variance between runs over that within them, of the drops over fifths of the curve."""
    found = []
    for part in np.array_split(np.arange(by_run.shape[1]), min(N_PARTS, by_run.shape[1])):
        within = float(covariance[np.ix_(part, part)].sum())
        if within > 0.0:  # 0 where every state of every run survived
            found.append(float(by_run[:, part].sum(axis=1).var(ddof=1)) / within)
    return float(np.mean(found)) if found else 1.0
