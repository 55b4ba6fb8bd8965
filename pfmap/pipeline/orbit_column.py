"""The column ``lz_orbit_min``: the least Lempel-Ziv complexity over each function's orbit."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pfmap.campaign import Campaign
from pfmap.functions.keys import words_from_keys
from pfmap.functions.symmetry import prior_symmetries

from .job import Job

MIN_COUNT = 10
"""Smallest orbit_count with a value: the analysis uses no orbit counted less often."""
MAX_MEMBERS = 10**9
"""Functions in the orbits to be parsed: without a bound, reflections can take hours."""


def wants_orbit_column(campaign: Campaign, proxies: Iterable[str]) -> bool:
    """Whether a campaign has orbits and measures ``lz``."""
    return "lz" in proxies and prior_symmetries(campaign).any


def orbit_column(job: Job, table: pa.Table, progress: Callable[[int, int], None]) -> np.ndarray:
    """Values of ``lz_orbit_min`` for the rows of ``functions``; NaN where it is not computed.

    Parameters
    ----------
    job : Job
        The run.
    table : pyarrow.Table
        Columns ``orbit, orbit_size, orbit_count`` of ``functions``, none null.
    progress : callable
        Called with (done, total) in orbits.
    """
    from pfmap.complexity.orbit_minimum import orbit_minimum

    campaign = job.campaign
    counted = pc.greater_equal(table["orbit_count"], MIN_COUNT)
    rows = table.select(["orbit", "orbit_size", "orbit_count"]).filter(counted).to_pandas()
    orbits = rows.drop_duplicates("orbit")
    orbits = orbits.sort_values(["orbit_count", "orbit"], ascending=[False, True])
    orbits = orbits[orbits["orbit_size"].cumsum() <= MAX_MEMBERS]
    least = orbit_minimum(
        words_from_keys(orbits["orbit"], campaign.n_points, True),
        campaign.network.widths[0],
        prior_symmetries(campaign),
        progress=progress,
        threads=job.threads,
    )
    values = np.full(len(table), np.nan)
    values[counted.to_numpy()] = rows["orbit"].map(pd.Series(least, index=orbits["orbit"]))
    return values
