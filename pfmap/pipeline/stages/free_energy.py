"""Stage ``free_energy``: F(n) and λ_eff(n) of classes of functions beside P, λ_f and the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pfmap.complexity.measure import measure
from pfmap.complexity.registry import FunctionBatch
from pfmap.pipeline.batches import function_kind
from pfmap.pipeline.classes import class_bits, find_classes, kernel_covariance
from pfmap.pipeline.crossovers import begins_at
from pfmap.pipeline.job import Job
from pfmap.pipeline.proxies import campaign_proxies, proxy_columns
from pfmap.pipeline.splittings import (
    Splitting,
    measures_functions,
    run_files,
    split_all,
    splitting_settings,
)
from pfmap.settings.campaign import Campaign
from pfmap.store.question_schema import FREE_ENERGY_OF_CLASSES
from pfmap.store.schema import Column, arrow_schema
from pfmap.store.tables import write_table
from pfmap.volume import FreeEnergy, VolumeEstimate, free_energy, sign_target
from pfmap.volume.curves import Wanted, energy_frame, function_target
from pfmap.volume.evidence import RESOLUTION
from pfmap.volume.expressible import why_not_expressible
from pfmap.volume.shares import log_share_low

from ._stage import Stage

NAME = "free_energy"
TABLES = ("classes", NAME)
PER_DECADE = 8
"""Sample sizes a decade."""

SHARE_WITHIN = 0.05
"""-ln π up to which W is given: π lies between its lower bound and 1."""

_KERNEL = ("free_energy_kernel", "lambda_eff_kernel")


def free_energies(job: Job) -> list[str]:
    """Measure the classes chosen; the files written."""
    campaign = job.campaign
    if not campaign.free_energy.classes or not measures_functions(job, NAME):
        split_nothing = list(split_all(job, NAME, []))
        assert not split_nothing
        return _write(job, {name: (arrow_schema(name).empty_table(), ()) for name in TABLES})
    classes = find_classes(job)
    bits = class_bits(classes, campaign)
    signs = np.where(bits == 1, 1.0, -1.0)
    curves = [_curve(job, row, signs[place]) for place, row in _rows(classes[classes["chosen"]])]
    rare = [_rare(job, row, signs[place]) for place, row in _rows(classes[classes.log2_p.isna()])]
    wanted = curves + rare
    found = list(split_all(job, NAME, wanted))
    estimates, probabilities = found[: len(curves)], found[len(curves) :]
    classes = _with_probabilities(classes, probabilities, [item.function for item in rare])
    sizes = sample_sizes(campaign)
    measured = [free_energy(item, sizes) for item in estimates]
    classes = _with_verdicts(classes, estimates, [item.function for item in curves])
    classes = _with_starts(campaign, classes, measured, curves)
    log2_p = dict(zip(classes["function"], classes["log2_p"], strict=True))
    kernel = dict(zip(classes["function"], classes["log2_p_kernel"], strict=True))
    energies = [
        _energies(campaign, estimate, energy, item, log2_p[item.function], kernel[item.function])
        for estimate, energy, item in zip(estimates, measured, curves, strict=True)
    ]
    proxies = campaign_proxies(campaign)
    batch = FunctionBatch(function_kind(campaign), campaign.points, bits=bits)
    values = measure(batch, [item.name for item in proxies], threads=job.threads)
    classes = classes.assign(ones=bits.sum(axis=1, dtype=np.int32), **values)
    tables = {
        "classes": (_nulled(classes), proxy_columns(proxies, campaign)),
        NAME: (_nulled(pd.concat(energies)), FREE_ENERGY_OF_CLASSES),
    }
    return _write(job, tables) + run_files(job, wanted)


def sample_sizes(campaign: Campaign) -> np.ndarray:
    """Sample sizes of a campaign, eight a decade on a grid that is the same for all.

    Examples
    --------
    >>> sample_sizes(Campaign(free_energy={"n": (1.0, 10.0)})).round(2).tolist()
    [1.0, 1.33, 1.78, 2.37, 3.16, 4.22, 5.62, 7.5, 10.0]
    """
    low, high = np.log10(campaign.free_energy.n) * PER_DECADE
    return np.asarray(
        10.0 ** (np.arange(np.ceil(low - 1e-9), np.floor(high + 1e-9) + 1) / PER_DECADE)
    )


def lowest_loss(campaign: Campaign, llc_low: float) -> float:
    """Smallest t of a curve: what λ_eff at the largest n needs, if it is at least the bound on λ_f.

    Examples
    --------
    >>> campaign = Campaign(free_energy={"n": (1.0, 1e6)})
    >>> f"{lowest_loss(campaign, 1.5):.1e}"
    '5.0e-07'
    """
    section = campaign.free_energy
    if section.lowest > 0.0:
        return section.lowest
    return RESOLUTION * (llc_low if np.isfinite(llc_low) else 0.5) / section.n[1]


def _rows(frame: pd.DataFrame) -> list[tuple[int, Any]]:
    """Rows with their place in the table of classes."""
    return list(zip(frame.index.tolist(), frame.itertuples(), strict=True))


def _curve(job: Job, row: Any, signs: np.ndarray) -> Splitting:
    """The volume curve of a class."""
    campaign = job.campaign
    lowest = lowest_loss(campaign, row.function_llc_low)
    settings = splitting_settings(campaign.free_energy, campaign.seed, lowest)
    target = function_target(campaign, Wanted(row.function, signs))
    return Splitting(row.function, signs, target, settings, job.files.runs(NAME))


def _rare(job: Job, row: Any, signs: np.ndarray) -> Splitting:
    """P of a class that was not drawn often enough, with the lengths of the section volume."""
    return Splitting(
        row.function,
        signs,
        sign_target(job.plan, signs, name=row.function),
        splitting_settings(job.campaign.volume, job.campaign.seed),
        job.files.runs(NAME),
        why_not_expressible(job.campaign, signs),
    )


def _with_probabilities(
    classes: pd.DataFrame, found: list[VolumeEstimate], keys: list[str]
) -> pd.DataFrame:
    """Classes with P by splitting where it was not counted."""
    by_key = dict(zip(keys, found, strict=True))
    estimates = classes["function"].map(by_key.get)
    split = estimates.notna()
    values = {
        name: [np.nan if item is None else getattr(item, name) for item in estimates]
        for name in ("log2_p", "log2_p_se")
    }
    return classes.assign(
        log2_p=classes["log2_p"].where(~split, pd.Series(values["log2_p"], dtype=float)),
        log2_p_se=classes["log2_p_se"].where(~split, pd.Series(values["log2_p_se"], dtype=float)),
        p_from=[f"splitting: {item.verdict}" if item else "counts" for item in estimates],
    )


def _with_verdicts(
    classes: pd.DataFrame, found: list[VolumeEstimate], keys: list[str]
) -> pd.DataFrame:
    """Classes with what is to be said of their curves."""
    by_key = dict(zip(keys, found, strict=True))
    estimates = [by_key.get(key) for key in classes["function"]]
    warnings = ["; ".join(item.curve.warnings) if item else None for item in estimates]
    return classes.assign(
        curve=pd.Series([item.verdict if item else None for item in estimates], dtype=object),
        warning=pd.Series(warnings, dtype=object),
        evaluations=[item.evaluations if item else 0 for item in estimates],
    )


def _with_starts(
    campaign: Campaign, classes: pd.DataFrame, energies: list[FreeEnergy], curves: list[Splitting]
) -> pd.DataFrame:
    """Classes with the n at which λ_f log n can begin."""
    bounds = classes.set_index("function")[["function_llc_low", "function_llc_high"]]
    found = {
        item.function: begins_at(
            campaign, item.function, item.signs, tuple(bounds.loc[item.function]), energy
        )
        for item, energy in zip(curves, energies, strict=True)
    }
    return classes.assign(n_asymptote=classes["function"].map(found).astype(float))


def _energies(
    campaign: Campaign,
    estimate: VolumeEstimate,
    energy: FreeEnergy,
    item: Splitting,
    log2_p: float,
    log2_p_kernel: float,
) -> pd.DataFrame:
    """Rows of ``free_energy`` of one class."""
    from pfmap.kernel_limit import limit_free_energy

    frame = energy_frame(energy, function=item.function, loss="squared")
    share = log_share_low(estimate.curve, energy, 0.5 / campaign.n_points)
    work = energy.free_energy + np.log(2.0) * log2_p
    covariance = kernel_covariance(campaign)
    kernel: dict[str, Any] = dict.fromkeys(_KERNEL, np.nan)
    if covariance is not None and campaign.dense.output_facts.pieces == "linear":
        limit = limit_free_energy(covariance, item.signs, energy.n)
        kernel = dict(zip(_KERNEL, (limit.free_energy, limit.lambda_eff), strict=True))
    return frame.assign(
        log_share_low=share,
        w=np.where(share >= -SHARE_WITHIN, work, np.nan),
        **kernel,
        log2_p_kernel=log2_p_kernel,
    )


def _nulled(frame: pd.DataFrame) -> pa.Table:
    """The frame as a table, NaN as null."""
    return pa.Table.from_pandas(frame, preserve_index=False)


def _write(job: Job, tables: dict[str, tuple[pa.Table, tuple[Column, ...]]]) -> list[str]:
    """Write the tables; their files."""
    written = []
    for name, (table, extra) in tables.items():
        path = job.files.table(name)
        write_table(path, table, name, extra=extra, notes=job.notes)
        written.append(job.files.relative(path))
    return written


def _settings(campaign: Campaign) -> list[Any]:
    """What the stage reads of the settings; where there is nothing to measure, nothing."""
    if not campaign.free_energy.classes:
        return []
    return [campaign.digest("free_energy", "volume"), campaign.analysis.min_count]


STAGE = Stage(
    name=NAME,
    label="free energies",
    needs=("complexity",),
    tables=TABLES,
    kernels=("splitting",),
    settings=_settings,
    run=free_energies,
)
