"""Kendall's tau-b of two columns and its bootstrap, from the signs of all pairs of rows."""

from __future__ import annotations

import numpy as np


def pair_signs(values: np.ndarray) -> np.ndarray:
    """Signs of all differences of a column, float32 of shape (rows, rows)."""
    difference = values[:, None] - values[None, :]
    return np.sign(difference).astype(np.float32)


def pair_total(weights: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Σ_ij w_i w_j signs_ij of every resample, shape (resamples,).

    Parameters
    ----------
    weights : ndarray, shape (resamples, rows)
        From `pfmap.analysis.resampling.resample_weights`.
    signs : ndarray of float32, shape (rows, rows)
        Values -1, 0 or 1.
    """
    # float32 is exact here: the weights are small integers and sums stay below 2^24.
    held = weights.astype(np.float32)
    return np.einsum("rn,rn->r", held @ signs, held, dtype=np.float64)


def kendall_taus(
    weights: np.ndarray, columns: dict[str, np.ndarray], pairs: list[tuple[str, str]]
) -> dict[tuple[str, str], np.ndarray]:
    """Kendall's tau-b of pairs of columns in every resample.

    With s_ij the sign of x_i - x_j, t_ij of y_i - y_j, and w_i how often the resample holds row i,

        tau_b = Σ w_i w_j s_ij t_ij / sqrt(Σ w_i w_j |s_ij| · Σ w_i w_j |t_ij|).

    Parameters
    ----------
    weights : ndarray, shape (resamples, rows)
        From `pfmap.analysis.resampling.resample_weights`; ones give the sample's own tau. At most
        4,000 rows.
    columns : dict of str to ndarray, shape (rows,)
        The columns.
    pairs : list of (str, str)
        Names of the columns to be correlated.

    Returns
    -------
    dict of (str, str) to ndarray of float64, shape (resamples,)
        NaN where a column is constant in a resample.

    References
    ----------
    Kendall, M. G. (1945), The treatment of ties in ranking problems, Biometrika 33, 239-251.

    Examples
    --------
    >>> columns = {"x": np.array([1, 2, 3, 4]), "y": np.array([1, 2, 4, 3])}
    >>> kendall_taus(np.ones((1, 4)), columns, [("x", "y")])["x", "y"].round(4).tolist()
    [0.6667]
    """
    signs = {name: pair_signs(column) for name, column in columns.items()}
    untied = {name: pair_total(weights, np.abs(item)) for name, item in signs.items()}
    result = {}
    for x, y in pairs:
        scale = np.sqrt(untied[x] * untied[y])
        total = pair_total(weights, signs[x] * signs[y])
        result[x, y] = total / np.where(scale > 0.0, scale, np.nan)
    return result
