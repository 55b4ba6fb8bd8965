"""The column ``lz_orbit_min``: the least Lempel-Ziv complexity over each function's orbit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pandas as pd

from pfmap.functions.keys import words_from_keys
from pfmap.functions.symmetry import prior_symmetries
from pfmap.settings.campaign import Campaign
from pfmap.store.merge import stream_query
from pfmap.store.tables import stream_file

from .job import Job

MIN_COUNT = 10
"""Smallest orbit_count with a value: the analysis uses no orbit counted less often."""
MAX_MEMBERS = 10**9
"""Functions in the orbits to be parsed: without a bound, reflections can take hours."""


def wants_orbit_column(campaign: Campaign, proxies: Iterable[str]) -> bool:
    """Whether a campaign has orbits and measures ``lz``."""
    return "lz" in proxies and prior_symmetries(campaign).any


def orbit_minima(
    job: Job, path: Path, scratch: Path, progress: Callable[[int, int], None]
) -> pd.Series:
    """Values of ``lz_orbit_min`` by orbit; orbits for which it is not computed are left out.

    Parameters
    ----------
    job : Job
        The run.
    path : Path
        A file with the columns ``orbit, orbit_size, orbit_count`` of ``functions``, none null.
    scratch : Path
        Folder for what memory cannot hold.
    progress : callable
        Called with (done, total) in orbits.
    """
    from pfmap.complexity.orbit_minimum import orbit_minimum

    campaign = job.campaign
    query = f"""
        SELECT DISTINCT orbit, orbit_size, orbit_count FROM pieces
        WHERE orbit_count >= {MIN_COUNT} ORDER BY orbit_count DESC, orbit
    """
    pieces = partial(stream_file, path, "functions", ["orbit", "orbit_size", "orbit_count"])
    orbits_of = stream_query(query, pieces, scratch=scratch, threads=job.threads, memory=job.memory)
    found = [rows.to_pandas() for rows in orbits_of]
    if not found:
        return pd.Series(dtype=float)
    orbits = pd.concat(found, ignore_index=True)
    orbits = orbits[orbits["orbit_size"].cumsum() <= MAX_MEMBERS]
    least = orbit_minimum(
        words_from_keys(orbits["orbit"], campaign.n_points, True),
        campaign.n_inputs,
        prior_symmetries(campaign),
        progress=progress,
        threads=job.threads,
    )
    return pd.Series(least, index=orbits["orbit"])
