"""How well each complexity predicts log2 P of rows whose log2 P took no part in the fit.

A correlation describes the rows it was computed from. Here a model is fitted to four fifths of the
rows and judged on the rest, so that a measure which only follows the noise scores 0, a measure that
predicts in a curved way is not marked down, and measures can be ranked and added to each other.

Where functions have orbits the rows are orbits: members of one have equal P, and a member in the
training part would tell that of another in the test part. The size of an orbit decides how small a
P can be counted, so it is a row of its own and one of the controls.

Scores of overlapping training parts are correlated; intervals allow for that by the corrected
resampled t-test (Nadeau & Bengio 2003, Machine Learning 52, 239-281): over J folds of repeated
K-fold cross-validation, with scores of variance s²,

    mean ± t_{J-1} sqrt((1/J + 1/(K - 1)) s²),    J = 20, K = 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pfmap.analysis.resampling import seeded

FOLDS = 5
REPEATS = 4
MIN_ROWS = 40
MAX_ROWS = 5000
MIN_COVERAGE = 0.5
RIDGE = 0.01
JOINT = "all measures"

BEYOND = "beyond controls"
SKILL = "skill"
NO_SKILL = "no skill"
NOT_COMPUTED = "not computed"
REFERENCE = "reference"


@dataclass(frozen=True)
class Scores:
    """Scores of one model on every test fold.

    Attributes
    ----------
    r_squared : ndarray, shape (folds,)
        1 - Σ (y - ŷ)² / Σ (y - mean of the training part)²: 0 is no better than the mean.
    rank_correlation : ndarray, shape (folds,)
        Spearman's coefficient of y and ŷ; 0 where the prediction is constant.
    """

    r_squared: np.ndarray
    rank_correlation: np.ndarray


def predictor_rows(
    frame: pd.DataFrame,
    response: str,
    measures: Sequence[str],
    controls: Sequence[str],
    *,
    counts: np.ndarray,
    seed: int,
) -> list[dict[str, object]]:
    """Rank measures as predictors of `response`, out of sample.

    Every measure alone: isotonic regression, rising or falling as the training part says. With the
    controls, and all measures jointly: an additive model, ridge regression on cubic splines of
    every measure and of its ranks, so that each effect may be curved and may jump at its ends.

    Parameters
    ----------
    frame : DataFrame
        Rows counted often enough, numeric columns `response` and `measures`.
    response : str
        ``log2_p_orbit`` or ``log2_p``.
    measures : sequence of str
        Columns to rank. One without a value in at least half of the rows is not; rows where any
        other has none are left out, so that all are judged on the same rows.
    controls : sequence of str
        Those of `measures` that a further one must improve on: ``ones``, ``entropy`` and, for
        orbits, ``log2_orbit_size``.
    counts : ndarray, shape (rows,)
        Draws behind each value of `response`, for the share of its variance that is counting noise.
    seed : int
        Seed of the folds.

    Returns
    -------
    list of dict
        Rows of ``predictors.parquet``, the best measure first. What cannot be computed is a row
        with its reason.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> frame = pd.DataFrame({"good": rng.normal(size=300), "bad": rng.normal(size=300)})
    >>> frame["log2_p"] = -np.exp(frame["good"]) + 0.3 * rng.normal(size=300)
    >>> rows = predictor_rows(frame, "log2_p", ["bad", "good"], [], counts=np.full(300, 10**6),
    ...                       seed=1)
    >>> [(row["predictor"], row["place"], row["verdict"]) for row in rows[:2]]
    [('good', 1, 'skill'), ('bad', 2, 'no skill')]
    """
    values = frame[[response, *measures]].apply(pd.to_numeric).astype(float)
    covered = values[list(measures)].notna().mean()
    ranked = [name for name in measures if covered[name] >= MIN_COVERAGE]
    complete = np.flatnonzero(values[[response, *ranked]].notna().all(axis=1))
    ranked = [name for name in ranked if values[name].iloc[complete].nunique() > 1]
    rng = seeded(seed, "predictors", response)
    if len(complete) > MAX_ROWS:
        complete = np.sort(rng.choice(complete, size=MAX_ROWS, replace=False))
    n_rows = len(complete)
    problem = ""
    if n_rows < MIN_ROWS or not ranked:
        problem = f"{n_rows} rows, {MIN_ROWS} needed"
    elif values[response].iloc[complete].nunique() == 1:
        problem = f"{response} takes one value only"
    if problem:
        return [_missing(response, name, n_rows, problem) for name in measures]
    table = values.iloc[complete]
    y = table[response].to_numpy()
    folds = _folds(n_rows, rng)
    held = [name for name in controls if name in ranked]
    bases = {name: _spline_basis(table[name].to_numpy()) for name in ranked}
    alone = {name: _isotonic_scores(table[name].to_numpy(), y, folds) for name in ranked}

    def joint(names: Sequence[str]) -> Scores:
        return _additive_scores(np.hstack([bases[name] for name in names]), y, folds)

    baseline = joint(held) if held else None
    rows: list[dict[str, object]] = []
    for name in sorted(ranked, key=lambda name: -float(alone[name].r_squared.mean())):
        gain = None
        if baseline is not None and name not in held:
            gain = joint([*held, name]).r_squared - baseline.r_squared
        rows.append(
            _row(response, name, "isotonic", n_rows, alone[name], gain, place=len(rows) + 1)
        )
    if baseline is not None:
        rows.append(_row(response, " + ".join(held), "additive", n_rows, baseline, None))
    if len(ranked) > 1:
        everything = joint(ranked)
        gain = None if baseline is None else everything.r_squared - baseline.r_squared
        rows.append(_row(response, JOINT, "additive", n_rows, everything, gain))
    rows.append(_ceiling(response, y, counts[complete]))
    for name in measures:
        if name not in ranked:
            n_known = int(values[name].notna().sum())
            reason = f"a value in {n_known} of {len(values)} rows, {MIN_COVERAGE:.0%} needed"
            if covered[name] >= MIN_COVERAGE:
                reason = f"{name} takes one value only"
            rows.append(_missing(response, name, n_known, reason))
    return rows


def corrected_interval(scores: np.ndarray) -> tuple[float, float, float]:
    """Mean of the scores of repeated cross-validation, and its 95 % interval.

    Examples
    --------
    >>> corrected_interval(np.array([0.5, 0.5, 0.5]))
    (0.5, 0.5, 0.5)
    """
    from scipy.stats import t

    n_scores = len(scores)
    mean = float(scores.mean())
    error = float(scores.std(ddof=1) * np.sqrt(1.0 / n_scores + 1.0 / (FOLDS - 1.0)))
    half = float(t.ppf(0.975, n_scores - 1)) * error
    return mean, mean - half, mean + half


def _folds(n_rows: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Masks of the test rows: in every repetition, each row falls in one of `FOLDS` folds."""
    masks = []
    for _ in range(REPEATS):
        fold = rng.permutation(n_rows) % FOLDS
        masks += [fold == index for index in range(FOLDS)]
    return masks


def _isotonic_scores(x: np.ndarray, y: np.ndarray, folds: list[np.ndarray]) -> Scores:
    """Scores of isotonic regression on one measure."""
    from scipy.stats import rankdata
    from sklearn.isotonic import IsotonicRegression

    found = []
    for test in folds:
        # Rising or falling by Spearman's coefficient of the training part.
        ranks = rankdata(x[~test]), rankdata(y[~test])
        rising = float(np.cov(*ranks)[0, 1]) >= 0.0
        model = IsotonicRegression(increasing=rising, out_of_bounds="clip")
        predicted = model.fit(x[~test], y[~test]).predict(x[test])
        found.append(_score(y[test], predicted, float(y[~test].mean())))
    return Scores(*np.array(found).T)


def _spline_basis(x: np.ndarray) -> np.ndarray:
    """Cubic splines with five knots, of a measure and of its ranks; they do not see the response.

    Ranks spread out what is crowded; the measure itself reaches the few rows at its ends, such as
    the constants.
    """
    from scipy.stats import rankdata
    from sklearn.preprocessing import SplineTransformer

    scaled = (x - x.min()) / np.ptp(x), rankdata(x) / len(x)
    splines = SplineTransformer(n_knots=5, degree=3)
    return np.hstack([splines.fit_transform(part[:, None]) for part in scaled])


def _additive_scores(basis: np.ndarray, y: np.ndarray, folds: list[np.ndarray]) -> Scores:
    """Scores of ridge regression on a basis."""
    from sklearn.linear_model import Ridge

    found = []
    for test in folds:
        predicted = Ridge(alpha=RIDGE).fit(basis[~test], y[~test]).predict(basis[test])
        found.append(_score(y[test], predicted, float(y[~test].mean())))
    return Scores(*np.array(found).T)


def _score(y: np.ndarray, predicted: np.ndarray, mean: float) -> tuple[float, float]:
    """R² over the mean of the training part, and Spearman's coefficient, on one test fold."""
    from scipy.stats import rankdata

    spread = float(((y - mean) ** 2).sum())
    r_squared = 1.0 - float(((y - predicted) ** 2).sum()) / spread if spread > 0.0 else 0.0
    ranks = rankdata(y), rankdata(predicted)
    if np.ptp(ranks[0]) == 0.0 or np.ptp(ranks[1]) == 0.0:
        return r_squared, 0.0
    return r_squared, float(np.corrcoef(*ranks)[0, 1])


def _row(
    response: str,
    predictor: str,
    model: str,
    n: int,
    scores: Scores,
    gain: np.ndarray | None,
    *,
    place: int | None = None,
) -> dict[str, object]:
    """One row of the table, with its verdict."""
    r_squared = corrected_interval(scores.r_squared)
    correlation = corrected_interval(scores.rank_correlation)
    nan = float("nan")
    gained = (nan, nan, nan) if gain is None else corrected_interval(gain)
    reason = f"R² out of sample {r_squared[0]:.3f} [{r_squared[1]:.3f}, {r_squared[2]:.3f}]"
    verdict = SKILL if r_squared[1] > 0.0 else NO_SKILL
    if gain is not None:
        reason += f"; gain over the controls {gained[0]:.3f} [{gained[1]:.3f}, {gained[2]:.3f}]"
        if gained[1] > 0.0:
            verdict = BEYOND
    return {
        "response": response,
        "predictor": predictor,
        "model": model,
        "place": place,
        "n": n,
        **dict(zip(("r_squared", "r_squared_low", "r_squared_high"), r_squared, strict=True)),
        **dict(
            zip(
                ("rank_correlation", "rank_correlation_low", "rank_correlation_high"),
                correlation,
                strict=True,
            )
        ),
        **dict(zip(("gain", "gain_low", "gain_high"), gained, strict=True)),
        "verdict": verdict,
        "reason": reason,
    }


def _ceiling(response: str, y: np.ndarray, counts: np.ndarray) -> dict[str, object]:
    """The R² that counting noise leaves: log2 of a Poisson count c has variance 1/(c ln² 2)."""
    noise = float(np.mean(1.0 / counts)) / np.log(2.0) ** 2
    row = _missing(response, "log2 P itself", len(y), "what counting noise leaves to predict")
    return row | {
        "model": "ceiling",
        "r_squared": max(0.0, 1.0 - noise / float(np.var(y))),
        "verdict": REFERENCE,
    }


def _missing(response: str, predictor: str, n: int, reason: str) -> dict[str, object]:
    """A row without numbers."""
    numbers = (
        "r_squared", "r_squared_low", "r_squared_high", "rank_correlation", "rank_correlation_low",
        "rank_correlation_high", "gain", "gain_low", "gain_high",
    )  # fmt: skip
    return {
        "response": response,
        "predictor": predictor,
        "model": "isotonic",
        "place": None,
        "n": n,
        **dict.fromkeys(numbers, float("nan")),
        "verdict": NOT_COMPUTED,
        "reason": reason,
    }
