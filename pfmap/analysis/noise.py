"""How often pure noise would pass the checks on a correlation with a learning coefficient.

The null hypothesis: every function has the same λ. A simulated estimate is noise with the reported
standard error of the real one, plus noise with the variance found between the draws of one
function; number of draws, complexities and controls are those of the real table. The checks are
those of `pfmap.analysis.verdict`: lower bound of the between-function share above 0, and partial
rank correlation given the controls excluding 0.
"""

from __future__ import annotations

import numpy as np

from pfmap.analysis.resampling import (
    correlation_matrices,
    interval,
    midranks,
    resample_weights,
    residuals,
)
from pfmap.analysis.variance import Estimates, VarianceSplit, moments, shares_of


def simulate_null(
    estimates: Estimates, split: VarianceSplit, n_simulations: int, rng: np.random.Generator
) -> np.ndarray:
    """Estimates of functions that all have the same λ, shape (N, n_simulations), around 0."""
    shape = (len(estimates.values), n_simulations)
    noise = estimates.errors[:, None] * rng.standard_normal(shape)
    return noise + np.sqrt(split.within) * rng.standard_normal(shape)


def between_passes(estimates: Estimates, simulated: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Which simulated data sets have a between-function share with its lower bound above 0.

    Parameters
    ----------
    estimates : Estimates
        The design.
    simulated : ndarray, shape (N, data sets)
        From `simulate_null`.
    weights : ndarray, shape (resamples, functions with three draws or more)
        Bootstrap over functions.
    """
    repeated, rows = estimates.repeated()
    means, squares_within = repeated.summarise(simulated[rows])
    parts = moments(weights, means, squares_within, repeated.n_draws, repeated.squared_errors)
    return np.quantile(shares_of(*parts)[0], 0.025, axis=0) > 0.0


def noise_rates(
    estimates: Estimates,
    split: VarianceSplit,
    quantities: np.ndarray,
    controls: np.ndarray,
    *,
    n_simulations: int,
    n_resamples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Share of pure-noise simulations that pass both checks, for each quantity.

    Parameters
    ----------
    estimates : Estimates
        Estimates of one definition.
    split : VarianceSplit
        Its variance split.
    quantities : ndarray, shape (F, quantities)
        What λ is correlated with, NaN where a function has none.
    controls : ndarray, shape (F, controls)
        What is held fixed, without NaN.
    n_simulations, n_resamples : int
        Simulated data sets, and bootstrap resamples of each.
    rng : Generator
        Source of randomness.

    Returns
    -------
    ndarray of float64, shape (quantities,)
    """
    simulated = simulate_null(estimates, split, n_simulations, rng)
    weights = resample_weights(split.n_functions, n_resamples, rng)
    passing = between_passes(estimates, simulated, weights)
    means = estimates.summarise(simulated[:, passing])[0]
    counts = np.zeros(quantities.shape[1])
    masks = ~np.isnan(quantities)
    for mask in np.unique(masks, axis=1).T:
        columns = np.flatnonzero((masks == mask[:, None]).all(axis=0))
        if mask.sum() < 3:
            continue
        weights = resample_weights(int(mask.sum()), n_resamples, rng)
        counts[columns] = _partial_passes(
            weights, means[mask], quantities[mask][:, columns], controls[mask]
        )
    return counts / n_simulations


def _partial_passes(
    weights: np.ndarray, means: np.ndarray, quantities: np.ndarray, controls: np.ndarray
) -> np.ndarray:
    """Of the data sets in the columns of `means`, how many pass the partial check, by quantity."""
    held = np.stack([midranks(weights, column) for column in controls.T], axis=2)
    ranks = np.stack([midranks(weights, column) for column in quantities.T], axis=2)
    left = residuals(weights, ranks, held)
    counts = np.zeros(quantities.shape[1])
    for column in means.T:
        own = residuals(weights, midranks(weights, column)[:, :, None], held)
        partial = correlation_matrices(weights, np.concatenate([own, left], axis=2))[:, 0, 1:]
        for index in range(len(counts)):
            low, high, _ = interval(partial[:, index])
            counts[index] += low > 0.0 or high < 0.0
    return counts
