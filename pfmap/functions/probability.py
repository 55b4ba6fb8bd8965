"""Probabilities of functions and of their orbits, from counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from pfmap.arguments import checked_number
from pfmap.errors import DataError, SettingsError
from pfmap.functions.keys import arrow_keys_from_words, words_from_keys
from pfmap.functions.orbits import canonical_words
from pfmap.functions.symmetry import prior_symmetries

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from pfmap.settings.campaign import Campaign

LARGEST_LOG2_SE = 1.5
"""Standard error of log2 P, in bits, above which a number is no estimate of it."""

_BITS_AT_ONCE = 2**26


def clopper_pearson(
    counts: ArrayLike, n_draws: int, *, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Clopper-Pearson interval of a probability, for a function named before the draws.

    The bounds are the quantiles of beta laws,

        p_low = B(α/2; k, N - k + 1),  p_high = B(1 - α/2; k + 1, N - k),  α = 1 - level,

    with p_low = 0 at k = 0 and p_high = 1 at k = N (Clopper & Pearson, Biometrika 26, 1934). The
    interval covers P with probability `level` or more for a function named beforehand. It does
    *not* for functions picked because they were drawn: read against those, intervals at small
    counts lie too high.

    Parameters
    ----------
    counts : array_like of int
        Draws k that express the function; any shape.
    n_draws : int
        Draws N in all.
    level : float, default 0.95
        Coverage.

    Returns
    -------
    p_low, p_high : ndarray of float64, shape of `counts`

    Raises
    ------
    SettingsError
        If a count does not lie within 0 … `n_draws`, or `level` not strictly between 0 and 1.

    Examples
    --------
    >>> low, high = clopper_pearson([0, 1, 10], 1000)
    >>> low.round(6).tolist(), high.round(6).tolist()
    ([0.0, 2.5e-05, 0.004806], [0.003682, 0.005559, 0.018313])
    """
    counts = np.asarray(counts, dtype=np.int64)
    level = checked_number("level", level, above=0.0, below=1.0)
    if counts.size and not 0 <= counts.min() <= counts.max() <= n_draws:
        raise SettingsError(
            f"counts: must lie within 0 … n_draws = {n_draws}, got {counts.min()} … {counts.max()}"
        )
    # A campaign has few distinct counts: each is solved once.
    k, where = np.unique(counts, return_inverse=True)
    tail = (1.0 - level) / 2.0
    low = np.where(k > 0, _beta_quantile(np.maximum(k, 1), n_draws - k + 1.0, tail), 0.0)
    high = np.where(
        k < n_draws, _beta_quantile(k + 1.0, np.maximum(n_draws - k, 1), 1.0 - tail), 1.0
    )
    return low[where].reshape(counts.shape), high[where].reshape(counts.shape)


def _beta_quantile(a: np.ndarray, b: np.ndarray, q: float) -> np.ndarray:
    """Quantile q of the beta laws with parameters a and b.

    SciPy's inverse is wrong for some large b (1.17.1: more than twice too large at a = 1000,
    b = 1e10, q = 0.025), so every value is put back into the distribution function, and those
    that fail are found by bisection.
    """
    from scipy.special import betainc, betaincinv

    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    x = betaincinv(a, b, q)
    wrong = ~(np.abs(betainc(a, b, x) - q) <= 1e-6 * min(q, 1.0 - q))
    if wrong.any():
        a, b = a[wrong], b[wrong]
        low, high = np.zeros(len(a)), np.ones(len(a))
        for _ in range(100):
            middle = (low + high) / 2.0
            below = betainc(a, b, middle) < q
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        x[wrong] = high
    return x


def functions_table(
    counts: pa.Table | pd.DataFrame,
    campaign: Campaign,
    *,
    bits_of: Callable[[np.ndarray], np.ndarray] | None = None,
    threads: int | None = None,
) -> pa.Table:
    """Table of functions with probabilities, intervals and orbits.

    Parameters
    ----------
    counts : pyarrow.Table or pandas.DataFrame
        One row a function: ``function``, ``count`` and ``first_draw``, merged over all blocks.
    campaign : Campaign
        The settings; the counts must add up to its draws N.
    bits_of : callable, optional
        From draw indices (int64, shape (k,)) to bits (uint8, shape (k, points)), such as
        `pfmap.sampling.bits_of_draws` with its plan. It is needed for ``ones`` where keys are
        hashes (sign readout beyond 256 points) and forwards one draw for every function; without
        it ``ones`` is null there. Elsewhere it is not called.
    threads : int, optional
        Threads that find the orbits; None means every CPU. Results do not depend on it.

    Returns
    -------
    pyarrow.Table
        The columns of ``functions`` in `pfmap.store.schema`, sorted by count, the largest first,
        then by function. ``ones`` is null for quantised functions; ``orbit``, ``orbit_size``,
        ``orbit_count`` and ``log2_p_orbit`` are null where no symmetry holds; ``log2_p_orbit`` is
        also null at orbit_count = 1, where it would be -log2(N orbit_size) by construction.

    Raises
    ------
    DataError
        If a key is not one of this campaign, a function stands in two rows, a count is below 1, or
        the counts do not add up to the campaign's draws.

    Examples
    --------
    >>> import pandas as pd
    >>> from pfmap.settings.campaign import Campaign
    >>> from pfmap.settings.network import Network
    >>> campaign = Campaign(draws=10, network=Network(widths=(2, 4, 1)))
    >>> counts = pd.DataFrame(
    ...     {"function": ["0", "3", "5", "c"], "count": [6, 1, 2, 1], "first_draw": [0, 3, 2, 7]}
    ... )
    >>> table = functions_table(counts, campaign).to_pandas()
    >>> table[["function", "count", "p", "orbit", "orbit_size", "orbit_count"]]
      function  count    p orbit  orbit_size  orbit_count
    0        0      6  0.6     0           2            6
    1        5      2  0.2     3           4            4
    2        3      1  0.1     3           4            4
    3        c      1  0.1     3           4            4
    """
    import pyarrow as pa

    function, count, first_draw = (
        _column(counts, name) for name in ("function", "count", "first_draw")
    )
    words = words_from_keys(function, campaign.n_points, campaign.exact_keys)
    count = np.asarray(count, dtype=np.int64)
    order = np.lexsort((*words.T[::-1], -count))
    words, count = words[order], count[order]
    _check_counts(words, count, campaign.draws)
    merged = pa.table(
        {
            "function": arrow_keys_from_words(words, campaign.n_points, campaign.exact_keys),
            "count": pa.array(count),
            "first_draw": pa.array(np.asarray(first_draw, dtype=np.int64)[order]),
        }
    )
    if prior_symmetries(campaign).any:
        merged = orbit_table(merged, campaign, threads=threads)
        merged = merged.append_column("orbit_count", _orbit_counts(merged))
    return weighed_rows(merged, campaign, bits_of=bits_of)


def orbit_table(counts: pa.Table, campaign: Campaign, *, threads: int | None = None) -> pa.Table:
    """Counts with the columns ``orbit`` and ``orbit_size`` of each function.

    Parameters
    ----------
    counts : pyarrow.Table
        A column ``function``, and others that are kept; some rows of a larger table will do.
    campaign : Campaign
        Its prior has symmetries.
    threads : int, optional
        Threads; None means every CPU. Results do not depend on it.

    Raises
    ------
    DataError
        If a key is not one of this campaign.
    """
    import pyarrow as pa

    words = words_from_keys(counts["function"], campaign.n_points, campaign.exact_keys)
    canonical, size = canonical_words(
        words, campaign.n_inputs, prior_symmetries(campaign), threads=threads
    )
    orbit = arrow_keys_from_words(canonical, campaign.n_points, True)
    return counts.append_column("orbit", orbit).append_column("orbit_size", pa.array(size))


def weighed_rows(
    counts: pa.Table,
    campaign: Campaign,
    *,
    bits_of: Callable[[np.ndarray], np.ndarray] | None = None,
) -> pa.Table:
    """Rows of ``functions`` from merged counts, each by itself: some rows of a table will do.

    Parameters
    ----------
    counts : pyarrow.Table
        ``function, count, first_draw`` and, where the prior has symmetries, ``orbit, orbit_size,
        orbit_count``; without ``orbit_count``, which takes all members of an orbit, that column
        and ``log2_p_orbit`` are null. With ``count_error``, counts are too small by that at most.
    campaign, bits_of
        As in `functions_table`.

    Returns
    -------
    pyarrow.Table
        The columns of `functions_table`, rows in the order given, and ``count_error`` if given.
    """
    import pyarrow as pa

    words = words_from_keys(counts["function"], campaign.n_points, campaign.exact_keys)
    count = counts["count"].to_numpy()
    first_draw = counts["first_draw"].to_numpy()
    p = count / campaign.draws
    p_low, p_high = clopper_pearson(count, campaign.draws)
    extra = {}
    if "count_error" in counts.column_names:
        extra["count_error"] = counts["count_error"]
        most = np.minimum(count + counts["count_error"].to_numpy(), campaign.draws)
        p_high = clopper_pearson(most, campaign.draws)[1]
    columns = {
        "function": counts["function"],
        "count": counts["count"],
        "p": pa.array(p),
        "log2_p": pa.array(np.log2(p)),
        "p_low": pa.array(p_low),
        "p_high": pa.array(p_high),
        "first_draw": counts["first_draw"],
        "ones": _ones(words, first_draw, campaign, bits_of),
        **_orbit_columns(counts, campaign),
        **extra,
    }
    return pa.table(columns)


def _column(counts: pa.Table | pd.DataFrame, name: str) -> pa.ChunkedArray | pd.Series:
    """One column of the counts."""
    names = getattr(counts, "column_names", None) or list(counts.columns)
    if name not in names:
        raise DataError(f"counts: needs a column {name}, got {', '.join(map(str, names))}")
    return counts[name]


def _check_counts(words: np.ndarray, count: np.ndarray, n_draws: int) -> None:
    """Refuse counts that cannot be those of the whole campaign."""
    if len(count) and count[-1] < 1:
        raise DataError(f"count: must be at least 1, got {count[-1]}", next_step="pfmap verify")
    total = int(count.sum())
    if total != n_draws:
        raise DataError(
            f"counts: must add up to the campaign's {n_draws} draws, got {total}",
            next_step="finish the sampling stage, or verify the counts: pfmap verify",
        )
    # Rows with equal words need not be neighbours: their counts may differ.
    by_words = words[np.lexsort(words.T[::-1])]
    if (by_words[1:] == by_words[:-1]).all(axis=1).any():
        raise DataError(
            "counts: a function stands in two rows; the counts of all blocks must be merged first",
            next_step="pfmap verify",
        )


def _ones(
    words: np.ndarray,
    first_draw: np.ndarray,
    campaign: Campaign,
    bits_of: Callable[[np.ndarray], np.ndarray] | None,
) -> pa.Array:
    """Number of points where each function is 1, int32; null where it is not known."""
    import pyarrow as pa

    if campaign.exact_keys:
        return pa.array(np.bitwise_count(words).sum(axis=1, dtype=np.int32))
    if campaign.readout.kind != "sign" or bits_of is None:
        return pa.nulls(len(words), pa.int32())
    ones = np.empty(len(words), dtype=np.int32)
    step = max(1, _BITS_AT_ONCE // campaign.n_points)
    for start in range(0, len(words), step):
        ones[start : start + step] = bits_of(first_draw[start : start + step]).sum(axis=1)
    return pa.array(ones)


def _orbit_counts(members: pa.Table) -> pa.Array:
    """Draws of the orbit of every row, the rows being all functions."""
    import pyarrow as pa

    codes = members["orbit"].combine_chunks().dictionary_encode().indices.to_numpy()
    totals = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    np.add.at(totals, codes, members["count"].to_numpy())
    return pa.array(totals[codes])


def _orbit_columns(counts: pa.Table, campaign: Campaign) -> dict[str, pa.Array]:
    """Columns orbit, orbit_size, orbit_count and log2_p_orbit; null where no symmetry holds."""
    import pyarrow as pa

    if "orbit" not in counts.column_names:
        types = (pa.string(), pa.int64(), pa.int64(), pa.float64())
        names = ("orbit", "orbit_size", "orbit_count", "log2_p_orbit")
        return {name: pa.nulls(len(counts), kind) for name, kind in zip(names, types, strict=True)}
    if "orbit_count" not in counts.column_names:
        return {
            "orbit": counts["orbit"],
            "orbit_size": counts["orbit_size"],
            "orbit_count": pa.nulls(len(counts), pa.int64()),
            "log2_p_orbit": pa.nulls(len(counts), pa.float64()),
        }
    size, orbit_count = counts["orbit_size"].to_numpy(), counts["orbit_count"].to_numpy()
    log2_p_orbit = np.log2(orbit_count) - np.log2(campaign.draws) - np.log2(size)
    return {
        "orbit": counts["orbit"],
        "orbit_size": counts["orbit_size"],
        "orbit_count": counts["orbit_count"],
        "log2_p_orbit": pa.array(log2_p_orbit, mask=orbit_count == 1),
    }
