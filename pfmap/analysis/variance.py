"""Variance of learning coefficients: between functions, within a function, from the estimator.

Estimate k of function i is y_ik = μ + B_i + W_ik + e_ik with independent B (between functions,
variance σ_B²), W (between the draws of one function, σ_W²) and e (the estimator, whose variance is
the square of its reported standard error). Method of moments for unequal numbers of draws: with
n_i draws of function i, N = Σ n_i, S_i = Σ_k se_ik²,

    E[Σ_ik (y_ik - ȳ_i)²]  = σ_W² Σ_i (n_i - 1) + Σ_i S_i (1 - 1/n_i),
    E[Σ_i n_i (ȳ_i - ȳ)²]  = σ_B² (N - Σ_i n_i²/N) + σ_W² (F - 1) + Σ_i S_i (1/n_i - 1/N),

solved for σ_W² and σ_B² (analysis of variance, Searle, Casella & McCulloch, Variance Components,
1992, section 3.6, with the known estimator variance added to every expectation).

Only functions with three draws or more take part. Those with fewer are rare functions, and if their
draws differ more among themselves than those of the others, σ_W² is too small for them and the
rest would pass for variance between functions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

MIN_FUNCTIONS = 8
MIN_DRAWS = 3
SHARES = ("between functions", "within functions", "estimator")


@dataclass(frozen=True)
class Estimates:
    """Estimates of one definition of the learning coefficient.

    Attributes
    ----------
    functions : ndarray of str, shape (F,)
        Keys, ascending.
    group : ndarray of int64, shape (N,)
        Index of the function of every estimate.
    values : ndarray of float64, shape (N,)
        The estimates.
    errors : ndarray of float64, shape (N,)
        Reported standard errors; 0 for definitions that report none.
    """

    functions: np.ndarray
    group: np.ndarray
    values: np.ndarray
    errors: np.ndarray

    @property
    def n_draws(self) -> np.ndarray:
        """Draws of each function, float64 of shape (F,)."""
        return np.bincount(self.group, minlength=len(self.functions)).astype(float)

    @property
    def squared_errors(self) -> np.ndarray:
        """Sum of the squared standard errors of each function, shape (F,)."""
        return np.bincount(self.group, weights=self.errors**2, minlength=len(self.functions))

    @property
    def means(self) -> np.ndarray:
        """Mean estimate of each function over its draws, shape (F,)."""
        return self.summarise(self.values[:, None])[0][:, 0]

    @property
    def n_repeated(self) -> int:
        """Number of functions with three draws or more."""
        return int((self.n_draws >= MIN_DRAWS).sum())

    def repeated(self) -> tuple[Estimates, np.ndarray]:
        """The part of functions with three draws or more, and which rows it holds."""
        chosen = self.n_draws >= MIN_DRAWS
        rows = chosen[self.group]
        index = np.cumsum(chosen) - 1
        part = Estimates(
            self.functions[chosen], index[self.group[rows]], self.values[rows], self.errors[rows]
        )
        return part, rows

    def summarise(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and squared deviations by function of data sets with this design.

        Parameters
        ----------
        values : ndarray, shape (N, data sets)
            The estimates themselves, or simulated ones.

        Returns
        -------
        means, squares_within : ndarray, shape (F, data sets)
            ȳ_i and Σ_k (y_ik - ȳ_i)².
        """
        order = np.argsort(self.group, kind="stable")
        starts = np.searchsorted(self.group[order], np.arange(len(self.functions)))
        means = np.add.reduceat(values[order], starts) / self.n_draws[:, None]
        deviations = values[order] - means[self.group[order]]
        return means, np.add.reduceat(deviations**2, starts)


@dataclass(frozen=True)
class VarianceSplit:
    """Variances of one definition and what follows from them.

    Attributes
    ----------
    between, within, estimator : float
        σ_B², σ_W² (cut at 0) and the mean squared standard error.
    shares, low, high : tuple of float
        Shares of the total in the order of `SHARES`, and their 95 % bootstrap intervals.
    reliability : float
        Share of the variance of the functions' means that is between functions, over all
        functions with an estimate.
    n_functions : int
        Functions that take part: those with three draws or more.
    problem : str
        Why there is no split; empty if there is one.
    """

    between: float
    within: float
    estimator: float
    shares: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    reliability: float
    n_functions: int
    problem: str = ""

    def reliability_among(self, estimates: Estimates, chosen: np.ndarray) -> float:
        """The reliability of the means of some functions only; `chosen` is a mask of them."""
        if not chosen.any():
            return float("nan")
        n_draws = estimates.n_draws[chosen]
        noise = self.within * np.mean(1.0 / n_draws)
        noise += np.mean(estimates.squared_errors[chosen] / n_draws**2)
        total = self.between + float(noise)
        return self.between / total if total > 0.0 else float("nan")


def collect(rows: pd.DataFrame) -> Estimates:
    """Collect the rows of one definition (columns ``function, draw, llc, llc_se``).

    Examples
    --------
    >>> rows = pd.DataFrame(
    ...     {"function": ["b", "a", "a"], "draw": [0, 5, 3], "llc": [1.0, 2.0, 4.0],
    ...      "llc_se": [None, None, None]}
    ... )
    >>> collect(rows).functions.tolist(), collect(rows).means.tolist()
    (['a', 'b'], [3.0, 1.0])
    """
    ordered = rows.sort_values(["function", "draw"], kind="stable")
    keys, group = np.unique(ordered["function"].to_numpy(dtype=str), return_inverse=True)
    return Estimates(
        functions=keys,
        group=group,
        values=ordered["llc"].to_numpy(dtype=float),
        errors=np.nan_to_num(pd.to_numeric(ordered["llc_se"]).to_numpy(dtype=float)),
    )


def moments(
    weights: np.ndarray,
    means: np.ndarray,
    squares_within: np.ndarray,
    n_draws: np.ndarray,
    squared_errors: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """σ_B², σ_W² (either may be negative) and the mean squared standard error.

    Parameters
    ----------
    weights : ndarray, shape (resamples, F)
        How often each resample holds each function.
    means, squares_within : ndarray, shape (F, data sets)
        Of one or many (simulated) data sets with the same design.
    n_draws, squared_errors : ndarray, shape (F,)
        The design: draws of each function and Σ_k se_ik².

    Returns
    -------
    between, within, estimator : ndarray, shapes (resamples, data sets) twice and (resamples, 1)
    """
    freedom = weights @ (n_draws - 1.0)
    known_within = weights @ (squared_errors * (1.0 - 1.0 / n_draws))
    within = (weights @ squares_within - known_within[:, None]) / freedom[:, None]

    total = weights @ n_draws
    # Centring first keeps the difference of two large sums accurate.
    centred = means - means.mean(axis=0)
    weighted = n_draws[:, None] * centred
    observed = weights @ (weighted * centred) - (weights @ weighted) ** 2 / total[:, None]
    error_sum = weights @ squared_errors
    known = weights @ (squared_errors / n_draws) - error_sum / total
    spread = total - weights @ n_draws**2 / total
    n_functions = weights.sum(axis=1)
    between = (observed - (n_functions - 1.0)[:, None] * within - known[:, None]) / np.where(
        spread > 0.0, spread, np.nan
    )[:, None]
    return between, within, (error_sum / total)[:, None]


def shares_of(between: np.ndarray, within: np.ndarray, estimator: np.ndarray) -> np.ndarray:
    """Shares of the three variances, negative ones cut at 0; shape (3, ...).

    Where no share is defined (equal values) the share between functions is 0, since nothing speaks
    for it, and the other two are NaN.
    """
    cut = [np.maximum(between, 0.0), np.maximum(within, 0.0), estimator]
    parts = np.stack(np.broadcast_arrays(*cut))
    total = parts.sum(axis=0)
    shares = parts / np.where(total > 0.0, total, np.nan)
    shares[0] = np.nan_to_num(shares[0])
    return shares


def split_variance(estimates: Estimates, weights: np.ndarray) -> VarianceSplit:
    """Split the variance of one definition.

    Parameters
    ----------
    estimates : Estimates
        From `summarise`.
    weights : ndarray, shape (resamples, functions with three draws or more)
        Bootstrap over functions.

    Returns
    -------
    VarianceSplit
        `problem` says why where the data cannot carry a split.
    """
    repeated, _ = estimates.repeated()
    n_functions = len(repeated.functions)
    problem = _problem(repeated)
    nan3 = (float("nan"),) * 3
    if problem:
        nan = float("nan")
        return VarianceSplit(nan, nan, nan, nan3, nan3, nan3, nan, n_functions, problem)
    n_draws, squared_errors = repeated.n_draws, repeated.squared_errors
    means, squares_within = repeated.summarise(repeated.values[:, None])
    point = moments(np.ones((1, n_functions)), means, squares_within, n_draws, squared_errors)
    between, within, estimator = (float(np.maximum(part[0, 0], 0.0)) for part in point)
    shares = shares_of(*point)[:, 0, 0]
    resampled = shares_of(*moments(weights, means, squares_within, n_draws, squared_errors))
    low, high = np.nanquantile(resampled[:, :, 0], [0.025, 0.975], axis=1)
    split = VarianceSplit(
        between,
        within,
        estimator,
        tuple(map(float, shares)),
        tuple(map(float, low)),
        tuple(map(float, high)),
        float("nan"),
        n_functions,
    )
    everyone = np.ones(len(estimates.functions), dtype=bool)
    return replace(split, reliability=split.reliability_among(estimates, everyone))


def _problem(repeated: Estimates) -> str:
    """Why the data cannot carry a split; empty if they can."""
    n_functions = len(repeated.functions)
    if n_functions < MIN_FUNCTIONS:
        return f"functions with {MIN_DRAWS} draws or more: {n_functions}, {MIN_FUNCTIONS} needed"
    if np.ptp(repeated.values) <= 1e-9 * np.abs(repeated.values).max():
        return "all estimates are equal"
    return ""
