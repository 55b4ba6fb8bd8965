"""The prior over functions of a small campaign, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from pfmap.settings.campaign import Campaign

from .blocks import Rows, join_rows, sample_blocks
from .plan import plan_sampling

if TYPE_CHECKING:
    import pandas as pd


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

    >>> from pfmap.settings.read import campaign_from_mapping
    >>> campaign = campaign_from_mapping({
    ...     "draws": 4000,
    ...     "network": {"widths": [2, 1], "bias": False},
    ...     "domain": {"kind": "boolean", "encoding": "pm1"},
    ... })
    >>> counts = sample_prior(campaign)
    >>> sorted(counts["function"])
    ['3', '5', 'a', 'c']
    """
    plan = plan_sampling(campaign)

    def parts() -> Iterator[Rows]:
        done = 0
        for tally in sample_blocks(plan, range(plan.n_blocks), threads=threads):
            yield tally.words, tally.counts, tally.first_draws
            done += tally.draws
            if progress is not None:
                progress(done, campaign.draws)

    return count_rows(parts(), plan.n_points, campaign.exact_keys)


def count_rows(parts: Iterable[Rows], n_points: int, exact: bool) -> pd.DataFrame:
    """The table that `sample_prior` gives, of at least one part of the draws.

    Parameters
    ----------
    parts : iterable of (words, counts, first draws)
        Functions of a part of the draws.
    n_points, exact : int, bool
        As for `pfmap.functions.keys.keys_from_words`.
    """
    import pandas as pd

    from pfmap.functions.keys import keys_from_words

    known: list[Rows] = []
    new: list[Rows] = []
    for part in parts:
        new.append(part)
        # Joining only once the new rows outnumber the joined ones keeps the work in proportion.
        if sum(len(rows[0]) for rows in new) > sum(len(rows[0]) for rows in known):
            known, new = [join_rows([*known, *new])], []
    words, counts, first_draws = join_rows([*known, *new])
    order = np.lexsort((*words.T[::-1], -counts))
    keys = keys_from_words(words[order], n_points, exact)
    return pd.DataFrame(
        {"function": keys, "count": counts[order], "first_draw": first_draws[order]}
    )
