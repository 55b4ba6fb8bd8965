"""Correlations of log2 P and the complexities with each other: no learning coefficient in them."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from pfmap.analysis.correlate import correlate
from pfmap.analysis.quantities import LZ_MEAN, controls_of, numeric, strata
from pfmap.analysis.verdict import judged, table_verdict
from pfmap.settings.campaign import Campaign


def function_correlations(
    functions: pd.DataFrame, complexities: list[str], controls: tuple[str, ...], campaign: Campaign
) -> list[dict[str, object]]:
    """Rows for functions counted often enough: log2 P and every complexity, all pairs.

    Parameters
    ----------
    functions : DataFrame
        From `pfmap.analysis.quantities.counted_functions`.
    complexities : list of str
        Columns with a complexity.
    controls : tuple of str
        Columns held fixed in partial correlations.
    campaign : Campaign
        Bootstrap resamples, seed and ``min_count``.
    """
    names = ["log2_p", *complexities]
    pairs = list(itertools.combinations(names, 2))
    within = [("log2_p", name) for name in complexities]
    return _rows(functions, pairs, within, controls, campaign)


def orbit_correlations(
    orbits: pd.DataFrame, complexities: list[str], controls: tuple[str, ...], campaign: Campaign
) -> list[dict[str, object]]:
    """Rows for orbits counted often enough: orbit-based log2 P with every complexity.

    Parameters
    ----------
    orbits : DataFrame
        From `pfmap.analysis.quantities.counted_orbits`.
    complexities, controls, campaign
        As in `function_correlations`; the size of the orbit is held fixed as well.
    """
    names = complexities + [LZ_MEAN] * (LZ_MEAN in orbits.columns)
    pairs = [("log2_p_orbit", name) for name in names]
    return _rows(orbits, pairs, pairs, controls_of("log2_p_orbit", controls), campaign)


def _rows(
    frame: pd.DataFrame,
    pairs: list[tuple[str, str]],
    within: list[tuple[str, str]],
    controls: tuple[str, ...],
    campaign: Campaign,
) -> list[dict[str, object]]:
    """Rows of all `pairs`, and of those in `within` by strata of T."""
    names = list(dict.fromkeys([*itertools.chain.from_iterable(pairs), *controls]))
    values = numeric(frame, names, campaign.seed)
    settings = campaign.analysis
    rows = [
        judged(item, table_verdict(item, settings.min_count))
        for item in correlate(
            values,
            pairs,
            controls=controls,
            n_resamples=settings.bootstrap,
            seed=campaign.seed,
        )
    ]
    if "ones" in values.columns:
        for label, mask in strata(values["ones"].to_numpy(dtype=float), campaign.n_points):
            for item in correlate(
                values[np.asarray(mask)],
                within,
                methods=["spearman"],
                n_resamples=settings.bootstrap,
                seed=campaign.seed,
            ):
                rows.append(judged(item, table_verdict(item, settings.min_count), label))
    return rows
