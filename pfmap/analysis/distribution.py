"""P(K): how the prior's probability is spread over complexity."""

from __future__ import annotations

import numpy as np
import pandas as pd


def complexity_distribution(
    functions: pd.DataFrame,
    *,
    column: str = "lz",
    n_draws: int | None = None,
    multiples: np.ndarray | None = None,
) -> pd.DataFrame:
    """Probability that a draw expresses a function of each complexity.

    P(K) is the share of *draws*, so it is a plain binomial proportion: its interval needs no
    caution about functions that were never seen (those have their complexities among the draws
    to come, in the share that the interval allows).

    Parameters
    ----------
    functions : DataFrame
        Columns ``count`` and `column`; every function of the campaign.
    column : str, default "lz"
        The complexity. Functions without a value are left out of the rows, not of the draws.
    n_draws : int, optional
        Number of draws N; None is the sum of the counts.
    multiples : ndarray of int, shape (rows,), optional
        How many functions each row stands for; None: one.

    Returns
    -------
    DataFrame
        Columns: `column`, ``n_functions``, ``count``, ``p``, ``low``, ``high`` (95 %
        Clopper-Pearson), ascending in the complexity.

    References
    ----------
    Clopper, C. J. & Pearson, E. S. (1934), Biometrika 26, 404-413.

    Examples
    --------
    >>> table = pd.DataFrame({"count": [5, 3, 2], "lz": [7.0, 21.0, 21.0]})
    >>> complexity_distribution(table)[["lz", "n_functions", "count", "p"]].values.tolist()
    [[7.0, 1.0, 5.0, 0.5], [21.0, 2.0, 5.0, 0.5]]
    """
    from pfmap.functions.probability import clopper_pearson

    counts = functions["count"].to_numpy(dtype=np.int64)
    multiples = np.ones(len(counts), dtype=np.int64) if multiples is None else multiples
    counts = counts * multiples
    total = int(counts.sum()) if n_draws is None else n_draws
    values = functions[column].to_numpy(dtype=float)
    known = np.isfinite(values)
    levels, group = np.unique(values[known], return_inverse=True)
    count = np.bincount(group, weights=counts[known], minlength=len(levels)).astype(np.int64)
    n_functions = np.bincount(group, weights=multiples[known], minlength=len(levels))
    low, high = clopper_pearson(count, total)
    return pd.DataFrame(
        {
            column: levels,
            "n_functions": n_functions.astype(np.int64),
            "count": count,
            "p": count / total,
            "low": low,
            "high": high,
        }
    )
