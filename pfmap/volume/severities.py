"""Which severity orders wanted signs: the pilot tries margins, and the runs keep what it chose.

Without a margin a severity rewards outputs that shrink where a bit is wrong, wherever the bias
alone reaches: parity stalls there. A margin κ takes that reward away, but adds many points that are
right and near, among which a lone wrong one drowns. No rule tells beforehand which of the two a
function has, so a pilot is made without a margin, and where that one did not arrive, or its chains
say that a run would be off by more than `ENOUGH`, also with those of `MARGINS`. Of the pilots that
arrived the one with the least variance times passes is kept. Runs at its levels are unbiased all
the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from .splitting import Levels, Settings, find_levels
from .target import Target

MARGINS = (0.3, 2.0)
"""Margins tried beside none."""

ENOUGH = 0.5
"""Standard deviation of ln V of a run, from its chains, below which nothing else is tried."""


def choose_levels(
    target: Target,
    settings: Settings,
    pool: ThreadPoolExecutor,
    *,
    watch: Callable[[int], None] | None = None,
) -> Levels:
    """The pilot's levels under the severity that suits; passes are those of all pilots.

    Parameters
    ----------
    target, settings, pool, watch
        As for `pfmap.volume.splitting.find_levels`.

    Returns
    -------
    Levels
        With their margin; without margin where no pilot arrived.
    """
    found = [find_levels(target, settings, pool, watch=watch)]
    if target.loss != "signs" or _is_enough(found[0]):
        return found[0]
    if found[0].verdict == "reached":
        # A severity that needs many more levels is no better one.
        settings = replace(settings, max_levels=2 * len(found[0].curve))
    found += [
        find_levels(target.with_margin(margin), settings, pool, watch=watch) for margin in MARGINS
    ]
    best = min(found, key=_cost)
    return replace(best, evaluations=sum(levels.evaluations for levels in found))


def _is_enough(levels: Levels) -> bool:
    return levels.verdict == "reached" and math.sqrt(levels.log_variance) <= ENOUGH


def _cost(levels: Levels) -> float:
    """Variance of ln V times passes; infinite where the pilot did not arrive."""
    if levels.verdict != "reached":
        return math.inf
    return levels.log_variance * levels.evaluations
