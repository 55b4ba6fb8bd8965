"""Functions of the infinite-width limit by counting: draws of N(0, C), all functions at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from pfmap.errors import SettingsError
from pfmap.functions.keys import words_from_bits
from pfmap.kernel_limit.covariance import check_signs, limit_covariance
from pfmap.kernel_limit.factor import ordered_factor
from pfmap.sampling.blocks import Rows
from pfmap.sampling.prior import count_rows
from pfmap.threads import count_threads

if TYPE_CHECKING:
    import pandas as pd

    from pfmap.settings.campaign import Campaign

_STREAM = 0x6B65726E656C
_BLOCK_VALUES = 2**20


# Threads that share a matrix product change its last digit.
@threadpool_limits.wrap(limits=1, user_api="blas")
def sample_limit(
    campaign: Campaign,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Draw the limit of a campaign's network at infinite width, and count the functions.

    The twin of `pfmap.sampling.sample_prior`: as many draws as the campaign has, from the Gaussian
    process instead of the network. `pfmap.functions.functions_table` turns the counts into
    probabilities with Clopper-Pearson intervals, and orbits.

    Parameters
    ----------
    campaign : Campaign
        Network, prior, domain, draws and seed.
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
    SettingsError
        If there is no limit (`limit_covariance`), the readout is not that of signs, or the domain
        has more than 256 points.

    Examples
    --------
    >>> from pfmap.settings.read import campaign_from_mapping
    >>> campaign = campaign_from_mapping({
    ...     "draws": 4000,
    ...     "network": {"widths": [2, 1], "bias": False},
    ...     "prior": {"preset": "gaussian"},
    ...     "domain": {"kind": "boolean", "encoding": "pm1"},
    ... })
    >>> sorted(sample_limit(campaign)["function"])  # a perceptron follows the larger weight
    ['3', '5', 'a', 'c']
    """
    from pfmap.kernels.tally import tally

    check_signs(campaign)
    if not campaign.exact_keys:
        raise SettingsError(
            f"domain: the limit is counted on at most 256 points, got {campaign.n_points}",
            next_step="use a smaller domain",
        )
    covariance = limit_covariance(campaign)
    varying = np.flatnonzero(np.diag(covariance) > 0.0)
    factor = ordered_factor(covariance[np.ix_(varying, varying)], np.zeros(len(varying)))
    places = varying[factor.order]
    n_points, draws = campaign.n_points, campaign.draws
    block_draws = _BLOCK_VALUES // n_points
    n_blocks = -(-draws // block_draws)

    def work(block: int) -> Rows:
        start = block * block_draws
        size = min(block_draws, draws - start)
        rng = np.random.default_rng([campaign.seed, _STREAM, block])
        # The bit of an output that is always 0 is 0.
        bits = np.zeros((size, n_points), dtype=bool)
        bits[:, places] = rng.standard_normal((size, factor.rank)) @ factor.matrix.T > 0.0
        words = words_from_bits(bits)
        first, counts = tally(words)
        return words[first], counts, start + first

    def parts() -> Iterator[Rows]:
        with ThreadPoolExecutor(count_threads(threads)) as pool:
            for block, part in enumerate(pool.map(work, range(n_blocks))):
                yield part
                if progress is not None:
                    progress(min((block + 1) * block_draws, draws), draws)

    return count_rows(parts(), n_points, True)
