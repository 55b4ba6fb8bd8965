"""The classes that the stage ``free_energy`` measures: orbits of the prior, one member each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from pfmap.errors import SettingsError
from pfmap.functions.keys import bits_from_words, keys_from_words, words_from_keys
from pfmap.functions.orbits import canonical_words
from pfmap.functions.symmetry import prior_symmetries
from pfmap.llc.select import shuffle_key, take_in_turn
from pfmap.settings.campaign import Campaign
from pfmap.store.tables import stream_file

from .function_coefficients import campaign_bounds, has_function_llc
from .job import Job
from .named import key_of_text
from .selection import thinned

MAX_LISTED_INPUTS = 4
"""Inputs up to which all orbits are listed, drawn or not."""

MAX_CLASSES = 256
"""Orbits up to which the table holds all of them; beyond, those chosen."""

KERNEL_PRECISION = 0.02
"""Standard error in bits of P of the kernel: below that of counts and splittings."""


def find_classes(job: Job) -> pd.DataFrame:
    """Orbits with P as far as it was counted, P of the kernel, bounds on λ_f, and which are chosen.

    Columns ``function`` (a member), ``orbit_size``, ``orbit_count``, ``log2_p`` and ``log2_p_se``
    (NaN below `analysis.min_count`), ``log2_p_kernel``, ``log2_p_kernel_se``, ``function_llc``,
    ``function_llc_low``, ``function_llc_high``, ``reason`` and ``chosen``. All orbits where there
    are few, else those chosen.
    """
    campaign = job.campaign
    listed = _lists_all(campaign)
    named = _named_orbits(campaign)
    frame = _all_orbits(job) if listed else _drawn_orbits(job, named)
    count = frame["orbit_count"].to_numpy(dtype=float)
    rows = count / frame["orbit_size"].to_numpy()
    enough = count >= campaign.analysis.min_count
    with np.errstate(divide="ignore"):
        frame["log2_p"] = np.where(enough, np.log2(rows / campaign.draws), np.nan)
        error = np.sqrt((1.0 - count / campaign.draws) / count) / math.log(2.0)
    frame["log2_p_se"] = np.where(enough, error, np.nan)
    bits = class_bits(frame, campaign)
    frame = frame.assign(**_kernel_columns(campaign, bits, listed), **_llc_columns(campaign, bits))
    is_named = frame["orbit"].isin(named["orbit"]).to_numpy()
    frame = frame.drop(columns="orbit")
    frame["chosen"] = choose_classes(frame, campaign.free_energy.classes, is_named)
    if len(frame) > MAX_CLASSES:
        frame = frame[frame["chosen"]]
        if not listed:
            bits = class_bits(frame, campaign)
            frame = frame.assign(**_kernel_columns(campaign, bits, True))
    return frame.reset_index(drop=True)


def class_bits(frame: pd.DataFrame, campaign: Campaign) -> np.ndarray:
    """Truth tables of the members, uint8 of shape (classes, points)."""
    words = words_from_keys(frame["function"].tolist(), campaign.n_points, True)
    return bits_from_words(words, campaign.n_points)


def _named_orbits(campaign: Campaign) -> pd.DataFrame:
    """Orbits of the functions under ``free_energy.named``: ``orbit``, its key, and ``orbit_size``.

    A function stands for itself where the prior has no symmetry.
    """
    keys = [
        key_of_text(text, campaign, "free_energy.named")[0] for text in campaign.free_energy.named
    ]
    sizes = np.ones(len(keys), dtype=np.int64)
    symmetries = prior_symmetries(campaign)
    if keys and symmetries.any:
        words = words_from_keys(keys, campaign.n_points, True)
        canonical, sizes = canonical_words(words, campaign.n_inputs, symmetries)
        keys = keys_from_words(canonical, campaign.n_points, True).tolist()
    frame = pd.DataFrame({"orbit": np.array(keys, dtype=object), "orbit_size": sizes})
    return frame.drop_duplicates("orbit", ignore_index=True)


def choose_classes(
    frame: pd.DataFrame, n_wanted: int, named: np.ndarray | None = None
) -> np.ndarray:
    """Which classes get a curve: those named, and others stratified over log2 P and λ_f.

    The most probable class and the rarest; of the others, the range of log2 P and that of the lower
    bound on λ_f are cut into equal parts, and every cell gives one class in turn
    (`pfmap.llc.select.take_in_turn`), probable ones first. Where P was not counted, that of the
    kernel takes its place; where there is none, the class counts as rare.

    Parameters
    ----------
    frame : DataFrame
        Columns of `find_classes` but ``chosen``.
    n_wanted : int
        Number of classes, those named among them; all of those are chosen.
    named : ndarray of bool, shape (classes,), optional
        Classes named; none by default.

    Returns
    -------
    ndarray of bool, shape (classes,)

    Examples
    --------
    >>> frame = pd.DataFrame({"function": ["0", "1", "6"], "log2_p": [-1.0, -3.0, np.nan],
    ...                       "log2_p_kernel": [-1.1, -3.0, -5.0],
    ...                       "function_llc_low": [0.5, 1.0, 1.5]})
    >>> choose_classes(frame, 2).tolist()
    [True, False, True]
    """
    places = pd.DataFrame(
        {
            "log2_p": frame["log2_p"].fillna(frame["log2_p_kernel"]),
            "function_llc": frame["function_llc_low"],
        }
    )
    codes = np.array([int(key[:16], 16) for key in frame["function"]], dtype=np.uint64)
    rows = np.arange(len(frame))
    order = np.argsort(-places["log2_p"].to_numpy(), kind="stable")
    chosen = dict.fromkeys(np.flatnonzero(named).tolist() if named is not None else [], "named")
    for row in order[[0, -1]].tolist() if len(order) else []:
        if len(chosen) < n_wanted:
            chosen.setdefault(row, "extreme")
    take_in_turn(places, rows, "function_llc", shuffle_key(codes), n_wanted, "", chosen)
    return np.isin(rows, list(chosen))


def _lists_all(campaign: Campaign) -> bool:
    """Whether all orbits are listed and counted."""
    return (
        campaign.domain.kind == "boolean"
        and campaign.n_inputs <= MAX_LISTED_INPUTS
        and prior_symmetries(campaign).any
        and campaign.counting.keep == "all"
    )


def _all_orbits(job: Job) -> pd.DataFrame:
    """Every orbit of the functions of up to four inputs, with the draws of it."""
    campaign = job.campaign
    n_points = campaign.n_points
    shift = np.uint64(64 - n_points)
    words = (np.arange(2**n_points, dtype=np.uint64) << shift)[:, None]
    symmetries = prior_symmetries(campaign)
    canonical, sizes = canonical_words(words, campaign.n_inputs, symmetries, threads=job.threads)
    members, places = np.unique(canonical[:, 0], return_index=True)
    frame = pd.DataFrame(
        {
            "function": keys_from_words(members[:, None], n_points, True),
            "orbit_size": sizes[places],
        }
    )
    return frame.assign(orbit=frame["function"], orbit_count=_draws_of(job, frame["function"]))


def _drawn_orbits(job: Job, named: pd.DataFrame) -> pd.DataFrame:
    """Orbits drawn, thinned out, and those named, drawn or not.

    Functions stand for themselves where the prior has no symmetry.
    """
    wanted = job.campaign.free_energy.classes
    also = ("orbit", "orbit_size", "orbit_count")
    frame = thinned(job.files.table("functions"), ("count",), wanted, also=also)
    alone = frame["orbit_count"].isna()
    frame = pd.DataFrame(
        {
            "function": frame["function"],
            "orbit": frame["orbit"].where(~alone, frame["function"]),
            "orbit_size": frame["orbit_size"].where(~alone, 1).astype(np.int64),
            "orbit_count": frame["orbit_count"].where(~alone, frame["count"]).astype(np.int64),
        }
    )
    frame = frame.drop_duplicates("orbit")
    lacking = named[~named["orbit"].isin(frame["orbit"])]
    if not lacking.empty:
        counted = _draws_of(job, lacking["orbit"])
        frame = pd.concat([frame, lacking.assign(function=lacking["orbit"], orbit_count=counted)])
    return frame.reset_index(drop=True)


def _draws_of(job: Job, orbits: pd.Series) -> pd.Series:
    """Draws of some orbits, 0 where there are none."""
    columns = ["function", "count"]
    if prior_symmetries(job.campaign).any:
        columns = ["orbit", "orbit_count"]
    counts: dict[str, int] = {}
    for rows in stream_file(job.files.table("functions"), "functions", columns):
        frame = rows.to_pandas()
        found = frame[frame[columns[0]].isin(orbits)]
        counts |= dict(zip(found[columns[0]], found[columns[1]], strict=True))
    return orbits.map(counts).fillna(0).astype(np.int64)


def kernel_covariance(campaign: Campaign) -> np.ndarray | None:
    """Covariance of the limit of infinite width; None where there is none, or no signs."""
    from pfmap.kernel_limit import check_signs, limit_covariance

    try:
        check_signs(campaign)
        return limit_covariance(campaign)
    except SettingsError:
        return None


def _kernel_columns(campaign: Campaign, bits: np.ndarray, wanted: bool) -> dict[str, np.ndarray]:
    """P of the kernel; NaN where there is none, or it is not wanted."""
    from pfmap.kernel_limit import orthant_probability

    values = np.full((2, len(bits)), np.nan)
    covariance = kernel_covariance(campaign) if wanted else None
    if covariance is not None:
        for place, row in enumerate(bits):
            signs = np.where(row == 1, 1.0, -1.0)
            found = orthant_probability(covariance, signs, precision=KERNEL_PRECISION)
            if found.verdict != "uncertain":
                values[:, place] = found.log2_p, found.log2_p_se
    return {"log2_p_kernel": values[0], "log2_p_kernel_se": values[1]}


def _llc_columns(campaign: Campaign, bits: np.ndarray) -> dict[str, Any]:
    """λ_f or bounds on it; NaN where nothing is known."""
    if not has_function_llc(campaign):
        nothing = np.full(len(bits), np.nan)
        names = ("function_llc", "function_llc_low", "function_llc_high")
        return {**dict.fromkeys(names, nothing), "reason": ""}
    found = campaign_bounds(campaign, bits)
    return {
        "function_llc": found.exact,
        "function_llc_low": found.low,
        "function_llc_high": found.high,
        "reason": found.reason,
    }
