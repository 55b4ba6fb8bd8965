"""Bootstrap resamples as weights, and correlation matrices of all resamples at once.

`scipy.stats.bootstrap` calls a statistic once a resample and once a pair of columns; the tables
here have about twenty columns. Written as weights (how often a resample holds each row), ranks,
correlations and partial correlations of every resample and pair are a few matrix products.
"""

from __future__ import annotations

import zlib

import numpy as np

_CHUNK_VALUES = 2**19


def seeded(seed: int, *labels: str) -> np.random.Generator:
    """Generator that depends on the campaign's seed and on what it is used for, nothing else."""
    return np.random.default_rng([seed, zlib.crc32("|".join(labels).encode())])


def resample_weights(n_rows: int, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of `n_resamples` bootstrap resamples holds each row.

    Returns
    -------
    ndarray of float64, shape (n_resamples, n_rows)
        Every row of it sums to `n_rows`.

    Examples
    --------
    >>> resample_weights(4, 3, np.random.default_rng(0)).sum(axis=1).tolist()
    [4.0, 4.0, 4.0]
    """
    share = np.full(n_rows, 1.0 / n_rows)
    return rng.multinomial(n_rows, share, size=n_resamples).astype(np.float64)


def subset_rows(n_rows: int, limit: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of at most `limit` rows, a random subset where there are more, ascending."""
    if n_rows <= limit:
        return np.arange(n_rows)
    return np.sort(rng.choice(n_rows, size=limit, replace=False))


def midranks(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Average ranks of `values` in every resample, ties and repeated rows included.

    Parameters
    ----------
    weights : ndarray, shape (resamples, rows)
        From `resample_weights`; ones give ordinary average ranks.
    values : ndarray, shape (rows,)
        One column, without NaN.

    Returns
    -------
    ndarray of float64, shape (resamples, rows)

    Examples
    --------
    >>> midranks(np.ones((1, 4)), np.array([10.0, 30.0, 10.0, 20.0])).tolist()
    [[1.5, 4.0, 1.5, 3.0]]
    >>> midranks(np.array([[2.0, 1.0, 0.0]]), np.array([5.0, 6.0, 7.0])).tolist()
    [[1.5, 3.0, 3.5]]
    """
    distinct, level = np.unique(values, return_inverse=True)
    order = np.argsort(level, kind="stable")
    starts = np.searchsorted(level[order], np.arange(len(distinct)))
    level_weights = np.add.reduceat(weights[:, order], starts, axis=1)
    ends = np.cumsum(level_weights, axis=1)
    return (ends - (level_weights - 1.0) / 2.0)[:, level]


def correlation_matrices(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Pearson correlations of every pair of columns in every resample.

    Parameters
    ----------
    weights : ndarray, shape (resamples, rows)
        From `resample_weights`.
    values : ndarray, shape (rows, columns) or (resamples, rows, columns)
        The same values in every resample, or values (ranks, residuals) of each.

    Returns
    -------
    ndarray of float64, shape (resamples, columns, columns)
        NaN where a column is constant in a resample.

    Examples
    --------
    >>> values = np.array([[1.0, 2.0, 5.0], [2.0, 4.0, 5.0], [3.0, 3.0, 5.0]])
    >>> correlation_matrices(np.ones((1, 3)), values)[0].round(3).tolist()
    [[1.0, 0.5, nan], [0.5, 1.0, nan], [nan, nan, nan]]
    """
    values = values if values.ndim == 3 else values[None]
    weight = weights[:, :, None]
    total = weights.sum(axis=1)[:, None, None]
    size = np.abs(values).max(axis=1, keepdims=True)
    scaled = values / np.where(size > 0.0, size, 1.0)
    centred = scaled - (weight * scaled).sum(axis=1, keepdims=True) / total
    products = np.swapaxes(weight * centred, 1, 2) @ centred
    variance = np.einsum("rcc->rc", products) / total[:, :, 0]
    # Rounding leaves about 1e-32 of a constant column's square.
    spread = np.sqrt(np.where(variance > 1e-24, variance, np.nan) * total[:, :, 0])
    return np.clip(products / (spread[:, :, None] * spread[:, None, :]), -1.0, 1.0)


def residuals(weights: np.ndarray, values: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """What is left of `values` after linear regression on `controls`, in every resample.

    Parameters
    ----------
    weights : ndarray, shape (resamples, rows)
        From `resample_weights`.
    values, controls : ndarray, shape (resamples, rows, columns)
        Ranks in each resample. Constant or collinear controls are harmless.

    Returns
    -------
    ndarray of float64, shape of `values`
        Exactly 0 where the controls explain a column to rounding.
    """
    weight = weights[:, :, None]
    total = weights.sum(axis=1)[:, None, None]

    def centre(array: np.ndarray) -> np.ndarray:
        return array - (weight * array).sum(axis=1, keepdims=True) / total

    centred, held = centre(values), centre(controls)
    gram = np.swapaxes(weight * held, 1, 2) @ held
    cross = np.swapaxes(weight * held, 1, 2) @ centred
    left = centred - held @ (np.linalg.pinv(gram, rcond=1e-10, hermitian=True) @ cross)
    before = (weight * centred**2).sum(axis=1, keepdims=True)
    after = (weight * left**2).sum(axis=1, keepdims=True)
    return np.where(after > 1e-9 * before, left, 0.0)


def interval(resampled: np.ndarray, *, level: float = 0.95) -> tuple[float, float, float]:
    """Percentile interval of resampled values, and the share of resamples without a value.

    Examples
    --------
    >>> interval(np.arange(5.0), level=0.5)
    (1.0, 3.0, 0.0)
    """
    missing = float(np.isnan(resampled).mean())
    if missing == 1.0:
        return float("nan"), float("nan"), missing
    tail = (1.0 - level) / 2.0
    low, high = np.nanquantile(resampled, [tail, 1.0 - tail])
    return float(low), float(high), missing


def rank_statistics(
    weights: np.ndarray, values: np.ndarray, n_controls: int = 0
) -> dict[str, np.ndarray]:
    """Pearson, Spearman and partial Spearman correlations in every resample.

    Parameters
    ----------
    weights : ndarray, shape (resamples, rows)
        From `resample_weights`.
    values : ndarray, shape (rows, columns)
        The columns, without NaN; the last `n_controls` of them are the controls.
    n_controls : int, default 0
        Columns held fixed in the partial correlation; 0 leaves it out.

    Returns
    -------
    dict of str to ndarray, each of shape (resamples, columns, columns)
        ``pearson``, ``spearman`` and, with controls, ``partial_spearman`` (its controls are NaN):
        the correlation of what linear regression on the ranks of the controls leaves of the ranks.
    """
    chunks: list[dict[str, np.ndarray]] = []
    step = max(1, _CHUNK_VALUES // values.size)
    for start in range(0, len(weights), step):
        part = weights[start : start + step]
        ranks = np.stack([midranks(part, column) for column in values.T], axis=2)
        statistics = {
            "pearson": correlation_matrices(part, values),
            "spearman": correlation_matrices(part, ranks),
        }
        if n_controls:
            left = residuals(part, ranks, ranks[:, :, -n_controls:])
            statistics["partial_spearman"] = correlation_matrices(part, left)
        chunks.append(statistics)
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
