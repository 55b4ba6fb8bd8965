"""λ and m from the small-t end of a volume curve.

As t -> 0, V(t) = t^λ P(log 1/t) + O(t^(λ+κ)), P a positive polynomial of degree m - 1, so the slope

    d log V / d log t = λ - d log P(u)/du + a e^(-κu) + …,    u = log 1/t,

has the form that `pfmap.llc.ladder.fit` fits to a ladder of temperatures, and is fitted by it: all
m, all κ, all cuts, averaged with their weights. The slopes are differences of log V̂ between points
of the curve, and the models are averaged over the same spans.

**Plateaus.** A slope that stays the same over ten decades may still not be λ: a wide relu network
first falls with half the number of points. So a fit is ``ok`` only if two things hold. Its interval
must meet what is known of λ (`pfmap.volume.known`). And the last third of the slopes, fitted alone,
must agree with the third before, fitted alone, within three standard errors of the difference; the
models allow for logarithms and for one correction that dies out. What neither sees is a plateau
that is flat down to the end of the curve, in a model of which no bound is known.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.linalg import block_diag

from pfmap.arguments import checked_number
from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.llc.ladder.fit import MIN_RUNGS, LadderFit, fit_ladder
from pfmap.llc.ladder.judge import MAX_MISFIT

from .estimate import VolumeEstimate
from .known import NOTHING_KNOWN, KnownBounds
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

SLOWEST = 1 / 6
"""Least κ₂ of a falling term: slower ones, which ladders allow, do not die out along a curve, and
take the weight of m = 6 where m is larger."""

CLEAR_WEIGHT = 0.9
"""Weight of one m from which on it is reported. A ladder asks for 0.7 of four values of m; here
there are six, and 0.8 was seen on a wrong one."""

OPEN_WEIGHT = 0.1
"""Weight of the largest m from which on m may be larger still, and λ with it. In advance it is
2^-6."""

M_HIDDEN = 5.0
"""Above this λ̂ the logarithms are too small a part of the slope to tell m."""

PLATEAU_Z = 3.0
"""Standard errors by which λ̂ of the last third of the slopes and of the third before may differ."""

ADVICE = {
    "ok": "nothing to do",
    "plateau": "the slope is not that of t -> 0: it breaks a bound on λ, or still changes; a much "
    "smaller lowest, where the prior mass allows",
    "short": "the error is above the precision asked for: more runs or steps, or a smaller lowest",
    "m open": "m may be larger than any fitted, and λ is then larger too: a smaller lowest",
    "not converged": "the runs disagree or no model fits: more steps, or another prior or loss",
    "not reached": "the curve ends above the lowest t: more max_levels; or the loss has no zero, "
    "and then there is no λ",
    "few levels": "the curve has too few levels for a fit: a smaller lowest",
}
"""What to do about each verdict."""


@dataclass(frozen=True, repr=False)
class CurveFit(Displayed):
    """λ and m of a volume curve, with what is needed to judge them.

    Attributes
    ----------
    learning_coefficient, learning_coefficient_se : float
        λ̂ and its standard error: that of the curve, and the choice of the model, m included. NaN
        where nothing was fitted.
    low, high : float
        95 % interval.
    multiplicity : int or None
        m where it is known; else where its weight is at least 0.9 and λ̂ at most 5, and not on a
        plateau. None: undetermined.
    multiplicity_weights : tuple of float
        Weight of m = 1, 2, ….
    verdict, advice : str
        ok | plateau | short | m open | not converged | not reached | few levels, and what to do.
    t_high, t_low : float
        Range of the slopes.
    misfit : float
        χ² a degree of freedom of the best model.
    ratio : float
        Variance between runs over that within them; the covariance of the slopes is multiplied by
        it where it is above 1.
    drift : float
        λ̂ of the last third of the slopes less that of the third before, in standard errors; NaN
        where there are too few slopes.
    known : KnownBounds
        What λ̂ was held against.
    """

    SHOWN: ClassVar = (
        "learning_coefficient",
        "learning_coefficient_se",
        "low",
        "high",
        "multiplicity",
        "verdict",
    )

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
    drift: float = math.nan
    known: KnownBounds = NOTHING_KNOWN


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
    estimate: VolumeEstimate,
    *,
    precision: float = 0.05,
    max_multiplicity: int = MAX_MULTIPLICITY,
    known: KnownBounds = NOTHING_KNOWN,
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
    known : KnownBounds, default NOTHING_KNOWN
        Bounds on λ, from `pfmap.volume.known`. Where m is known, no larger one is fitted.

    Returns
    -------
    CurveFit
        Read ``verdict`` first: the first rule that is broken, else ``ok``.

        - ``not reached``: the curve ends above the lowest t that was asked for.
        - ``few levels``: fewer than six slopes.
        - ``not converged``: a run had no state left, the runs differ by more than four times the
          variance that their chains say, or no model fits (χ² above 3 a degree of freedom, or
          every λ̂ below 0).
        - ``plateau``: the 95 % interval of λ̂ lies outside of what is known, or `drift` is above 3
          standard errors.
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
    precision = checked_number("precision", precision, above=0.0)
    if estimate.target.loss == "signs":
        raise SettingsError(
            "estimate: must be of a loss, got one of signs: its zeros have positive mass and λ = 0",
            next_step="make the target with loss_target",
        )
    arrived = estimate.verdict in ("reached", "uncertain")
    if len(estimate.runs) < MIN_RUNS and arrived:
        raise SettingsError(
            f"estimate: must hold at least {MIN_RUNS} runs, got {len(estimate.runs)}",
            next_step="set runs=8",
        )
    if known.multiplicity is not None:
        max_multiplicity = min(max_multiplicity, known.multiplicity)
    if not arrived:
        return _unfitted("not reached", max_multiplicity, known)
    slopes = curve_slopes(estimate.levels.curve, estimate.runs)
    if len(slopes.t) < MIN_RUNGS:
        return _unfitted("few levels", max_multiplicity, known)
    fit = fit_slopes(slopes, max_multiplicity)
    fits = math.isfinite(fit.llc) and fit.misfit <= MAX_MISFIT and slopes.ratio <= MAX_RATIO
    alive = all(np.isfinite(run.log_volumes[-1]) for run in estimate.runs)
    change = drift(slopes, max_multiplicity)
    low, high = known.limits
    verdict = "not converged"
    if fits and alive:
        verdict = "short" if fit.llc_se > precision * fit.llc else "ok"
        is_open = fit.multiplicity_weights[-1] > OPEN_WEIGHT and fit.llc <= M_HIDDEN
        if verdict == "ok" and is_open and known.multiplicity is None:
            verdict = "m open"
        if fit.low > high or fit.high < low or abs(change) > PLATEAU_Z:
            verdict = "plateau"
    best = int(np.argmax(fit.multiplicity_weights))
    clear = fit.multiplicity_weights[best] >= CLEAR_WEIGHT and fit.llc <= M_HIDDEN
    settled = clear and fits and verdict != "plateau"
    return CurveFit(
        learning_coefficient=fit.llc,
        learning_coefficient_se=fit.llc_se,
        low=fit.low,
        high=fit.high,
        multiplicity=known.multiplicity or (best + 1 if settled else None),
        multiplicity_weights=fit.multiplicity_weights,
        verdict=verdict,
        advice=ADVICE[verdict],
        t_high=float(slopes.t[0] * math.exp(0.5 * slopes.spans[0])),
        t_low=float(slopes.t[-1] * math.exp(-0.5 * slopes.spans[-1])),
        misfit=fit.misfit,
        ratio=slopes.ratio,
        drift=change,
        known=known,
    )


def _unfitted(verdict: str, max_multiplicity: int, known: KnownBounds) -> CurveFit:
    nan = math.nan
    weights = (nan,) * max_multiplicity
    return CurveFit(nan, nan, nan, nan, None, weights, verdict, ADVICE[verdict], known=known)


def fit_slopes(slopes: Slopes, max_multiplicity: int, part: slice = slice(None)) -> LadderFit:
    """λ and m from some of the slopes; at least `MIN_RUNGS`."""
    return fit_ladder(
        1.0 / slopes.t[part], slopes.values[part], slopes.covariance[part, part],
        spans=slopes.spans[part], max_multiplicity=max_multiplicity, slowest=SLOWEST,
    )  # fmt: skip


def drift(slopes: Slopes, max_multiplicity: int) -> float:
    """λ̂ of the last third of the slopes less that of the third before, in standard errors.

    Each third is fitted alone. NaN with fewer than `MIN_RUNGS` slopes in it, or where no model fits
    one of them.

    Examples
    --------
    A slope of 4 that turns to 1/2 in the last third, and one that does not:

    >>> t, spans = np.geomspace(1e-1, 1e-12, 27), np.full(27, 0.97)
    >>> turned = np.where(t > 4e-9, 4.0, 0.5)
    >>> errors = np.diag(np.full(27, 0.05**2))
    >>> drift(Slopes(t, spans, turned, errors, 1.0), 1) < -20.0
    True
    >>> abs(drift(Slopes(t, spans, 0 * t + 4.0, errors, 1.0), 1)) < 1.0
    True
    """
    size, third = len(slopes.t), len(slopes.t) // 3
    if third < MIN_RUNGS:
        return math.nan
    last = fit_slopes(slopes, max_multiplicity, slice(size - third, size))
    before = fit_slopes(slopes, max_multiplicity, slice(size - 2 * third, size - third))
    return (last.llc - before.llc) / math.hypot(last.llc_se, before.llc_se)


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
