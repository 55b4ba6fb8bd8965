"""The prior over functions of a small campaign, in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from pfmap.campaign import Campaign

from .blocks import sample_blocks, sort_words
from .plan import plan_sampling

if TYPE_CHECKING:
    import pandas as pd

_Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def sample_prior(
    campaign: Campaign,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Draw a whole campaign and count the functions, without writing anything.

    Parameters
    ----------
    campaign : Campaign
        The settings; memory grows with the number of distinct functions.
    threads : int, optional
        Threads that share the work; None means every CPU. Results do not depend on it.
    progress : callable, optional
        Called with (draws done, draws in all) after every block.

    Returns
    -------
    pandas.DataFrame
        Columns ``function`` (key), ``count`` and ``first_draw``; most frequent first, then by key.

    Raises
    ------
    DataError
        If an output is NaN or infinite, naming the draw.

    Examples
    --------
    A perceptron without bias on two inputs of {-1, 1} follows the larger of its two weights:

    >>> from pfmap.campaign import campaign_from_mapping
    >>> campaign = campaign_from_mapping({
    ...     "draws": 4000,
    ...     "network": {"widths": [2, 1], "bias": False},
    ...     "domain": {"kind": "boolean", "encoding": "pm1"},
    ... })
    >>> counts = sample_prior(campaign)
    >>> sorted(counts["function"])
    ['3', '5', 'a', 'c']
    """
    import pandas as pd

    from pfmap.functions.keys import keys_from_words

    plan = plan_sampling(campaign)
    none = np.zeros(0, dtype=np.int64)
    parts: list[_Rows] = [(np.zeros((0, plan.n_words), dtype=np.uint64), none, none)]
    done = 0
    for tally in sample_blocks(plan, range(plan.n_blocks), threads=threads):
        parts.append((tally.words, tally.counts, tally.first_draws))
        # Merging only once the new rows outnumber the merged ones keeps the work in proportion.
        if sum(len(part[0]) for part in parts[1:]) > len(parts[0][0]):
            parts = [_merge(parts)]
        done += tally.draws
        if progress is not None:
            progress(done, campaign.draws)
    words, counts, first_draws = _merge(parts)
    order = np.lexsort((*words.T[::-1], -counts))
    keys = keys_from_words(words[order], plan.n_points, campaign.exact_keys)
    return pd.DataFrame(
        {"function": keys, "count": counts[order], "first_draw": first_draws[order]}
    )


def _merge(parts: list[_Rows]) -> _Rows:
    """Join rows of equal words: sum of counts, smallest first draw."""
    words, counts, first_draws = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = sort_words(words)
    words = words[order]
    starts = np.flatnonzero(np.r_[True, (words[1:] != words[:-1]).any(axis=1)])
    return (
        words[starts],
        np.add.reduceat(counts[order], starts),
        np.minimum.reduceat(first_draws[order], starts),
    )
