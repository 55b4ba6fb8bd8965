"""Lines through log2 P against complexity: least squares, and the upper envelope."""

from __future__ import annotations

import numpy as np

from pfmap.analysis.fit import FitRow, missing_rows
from pfmap.analysis.resampling import interval, resample_weights, subset_rows

MIN_ROWS = 8
INTERVAL_ROWS = 10_000
ENVELOPE_ROWS = 5_000
ENVELOPE_INTERVAL_ROWS = 400
ENVELOPE_RESAMPLES = 100


def least_squares_rows(
    x: np.ndarray,
    y: np.ndarray,
    *,
    response: str,
    predictor: str,
    n_resamples: int,
    rng: np.random.Generator,
) -> list[FitRow]:
    """Ordinary least squares y = intercept + slope x, one row equal weight.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Complexity and log2 P of functions or orbits, without NaN.
    response, predictor : str
        Names of y and x.
    n_resamples : int
        Bootstrap resamples of rows, percentile intervals. Above `INTERVAL_ROWS` rows the width
        comes from a random subset of m of the n rows, times sqrt(m/n).
    rng : Generator
        Source of randomness.

    Returns
    -------
    list of FitRow
        Coefficients ``slope`` (bits per unit of complexity), ``intercept`` (bits), ``r_squared``.

    Examples
    --------
    >>> x = np.arange(10.0)
    >>> rows = least_squares_rows(x, 3 - 2 * x, response="log2_p", predictor="lz",
    ...                           n_resamples=100, rng=np.random.default_rng(0))
    >>> [(row.coefficient, round(row.estimate, 6), round(row.low, 6)) for row in rows]
    [('slope', -2.0, -2.0), ('intercept', 3.0, 3.0), ('r_squared', 1.0, 1.0)]
    """
    names = ("slope", "intercept", "r_squared")
    problem = _problem(x, y, predictor, response)
    if problem:
        return missing_rows("least_squares", response, predictor, names, len(x), problem)
    rows = subset_rows(len(x), INTERVAL_ROWS, rng)
    shrink = np.sqrt(len(rows) / len(x))
    point = np.ravel(_least_squares(np.ones((1, len(x))), x, y))
    centre = np.ravel(_least_squares(np.ones((1, len(rows))), x[rows], y[rows]))
    chunks = []
    step = max(1, 2**22 // len(rows))
    for start in range(0, n_resamples, step):
        weights = resample_weights(len(rows), min(step, n_resamples - start), rng)
        chunks.append(np.stack(_least_squares(weights, x[rows], y[rows])))
    resampled = np.concatenate(chunks, axis=1)
    ends = np.array([interval(values)[:2] for values in resampled])
    low, high = point + shrink * (ends.T - centre)
    return [
        FitRow(
            "least_squares",
            response,
            predictor,
            name,
            float(point[index]),
            low=float(low[index]),
            high=float(high[index]),
            n=len(x),
            method="least squares, bootstrap of rows",
        )
        for index, name in enumerate(names)
    ]


def _least_squares(
    weights: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slope, intercept and share of variance explained in every resample."""
    shift_x, shift_y = x.mean(), y.mean()
    x, y = x - shift_x, y - shift_y
    sums = weights @ np.column_stack([np.ones_like(x), x, y, x * x, x * y, y * y])
    total, mean_x, mean_y = sums[:, 0], sums[:, 1] / sums[:, 0], sums[:, 2] / sums[:, 0]
    var_x = sums[:, 3] / total - mean_x**2
    cov = sums[:, 4] / total - mean_x * mean_y
    var_y = sums[:, 5] / total - mean_y**2
    slope = cov / np.where(var_x > 0.0, var_x, np.nan)
    intercept = mean_y + shift_y - slope * (mean_x + shift_x)
    return slope, intercept, slope * cov / np.where(var_y > 0.0, var_y, np.nan)


def envelope_rows(
    x: np.ndarray,
    y: np.ndarray,
    *,
    response: str,
    predictor: str,
    quantile: float,
    n_resamples: int,
    rng: np.random.Generator,
) -> list[FitRow]:
    """Upper envelope: the line below which a share `quantile` of the rows lies at each complexity.

    Linear quantile regression: minimises Σ ρ_q(y - intercept - slope x) with
    ρ_q(r) = r (q - 1[r < 0]).

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Complexity and log2 P, without NaN; of more than `ENVELOPE_ROWS` rows, a random subset.
    response, predictor : str
        Names of y and x.
    quantile : float
        q, for example 0.95.
    n_resamples : int
        Bootstrap resamples, at most `ENVELOPE_RESAMPLES` of them (each is a linear programme), of
        at most `ENVELOPE_INTERVAL_ROWS` rows. The interval is ± 1.96 of their standard deviation,
        scaled to n rows.
    rng : Generator
        Source of randomness.

    Returns
    -------
    list of FitRow
        Coefficients ``quantile``, ``slope`` and ``intercept``.

    References
    ----------
    Koenker, R. & Bassett, G. (1978), Regression quantiles, Econometrica 46, equation (3.1).
    """
    names = ("slope", "intercept")
    problem = _problem(x, y, predictor, response)
    if problem:
        return missing_rows("quantile_envelope", response, predictor, names, len(x), problem)
    held = subset_rows(len(x), ENVELOPE_ROWS, rng)
    x, y = x[held], y[held]
    point = _quantile_line(x, y, np.ones(len(x)), quantile)
    rows = subset_rows(len(x), ENVELOPE_INTERVAL_ROWS, rng)
    n_resamples = min(n_resamples, ENVELOPE_RESAMPLES)
    weights = resample_weights(len(rows), n_resamples, rng)
    resampled = np.array([_quantile_line(x[rows], y[rows], one, quantile) for one in weights])
    half = 1.96 * resampled.std(axis=0, ddof=1) * np.sqrt(len(rows) / len(x))
    method = (
        f"quantile regression, ± 1.96 standard errors of {n_resamples} bootstrap resamples of "
        f"{len(rows)} rows"
    )
    result = [
        FitRow(
            "quantile_envelope",
            response,
            predictor,
            name,
            float(point[index]),
            low=float(point[index] - half[index]),
            high=float(point[index] + half[index]),
            n=len(x),
            method=method,
        )
        for index, name in enumerate(names)
    ]
    level = FitRow("quantile_envelope", response, predictor, "quantile", quantile, n=len(x))
    return [level, *result]


def _quantile_line(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, quantile: float
) -> tuple[float, float]:
    """Slope and intercept of weighted linear quantile regression."""
    import sklearn
    from sklearn.linear_model import QuantileRegressor

    held = weights > 0.0
    model = QuantileRegressor(quantile=quantile, alpha=0.0, solver="highs")
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        model.fit(x[held, None], y[held], sample_weight=weights[held])
    return float(model.coef_[0]), float(model.intercept_)


def _problem(x: np.ndarray, y: np.ndarray, predictor: str, response: str) -> str:
    """Why no line can be fitted; empty if one can."""
    if len(x) < MIN_ROWS:
        return f"{len(x)} rows counted often enough, {MIN_ROWS} needed"
    for values, name in ((x, predictor), (y, response)):
        if np.ptp(values) == 0.0:
            return f"{name} takes one value only"
    return ""
