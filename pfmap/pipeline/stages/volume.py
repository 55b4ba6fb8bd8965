"""Stage ``volume``: prior probabilities of selected and named functions by multilevel splitting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from pfmap.complexity.measure import measure
from pfmap.complexity.registry import FunctionBatch
from pfmap.errors import SettingsError
from pfmap.functions.keys import bits_from_words, words_from_keys
from pfmap.pipeline.batches import function_kind
from pfmap.pipeline.job import Job
from pfmap.pipeline.named import key_of_text
from pfmap.pipeline.proxies import campaign_proxies, proxy_columns
from pfmap.pipeline.selection import selected_for_volume
from pfmap.pipeline.splittings import (
    Splitting,
    measures_functions,
    run_files,
    split_all,
    splitting_settings,
)
from pfmap.store.schema import Column, arrow_schema
from pfmap.store.tables import write_table
from pfmap.volume import sign_target
from pfmap.volume.expressible import why_not_expressible
from pfmap.volume.realised import bracketed
from pfmap.volume.rows import evidence_row, volume_rows

from ._stage import Stage

NAME = "volume"


def volume(job: Job) -> list[str]:
    """Measure the selected and the named functions; the files written."""
    names, wanted = wanted_functions(job)
    curves: list[dict[str, Any]] = []
    evidence: list[dict[str, Any]] = []
    for item, name, estimate in zip(wanted, names, split_all(job, NAME, wanted), strict=True):
        curves += volume_rows(estimate, function=item.function)
        found = bracketed(estimate, threads=job.threads)
        evidence.append(evidence_row(found, function=item.function, name=name))
    return write_volume(job, wanted, curves, evidence)


def wanted_functions(job: Job) -> tuple[list[str], list[Splitting]]:
    """Names asked for by and functions to measure, drawn ones by descending P first.

    None for other readouts.
    """
    campaign = job.campaign
    section = campaign.volume
    if section.functions == 0 and not section.named:
        return [], []
    if not measures_functions(job, NAME):
        return [], []
    names: dict[str, list[str]] = {}
    if section.functions:
        path = job.files.table("functions")
        names = {key: [] for key in selected_for_volume(path, campaign)}
    passed_over = []
    for text in section.named:
        try:
            key, label = key_of_text(text, campaign, "volume.named")
        except SettingsError:
            # Refused before the first draw, but for the default names.
            passed_over.append(text)
            continue
        names.setdefault(key, []).append(label)
    if passed_over:
        job.reporter.message(
            f"volume.named: passed over, not functions of this domain: {', '.join(passed_over)}"
        )
    words = words_from_keys(list(names), campaign.n_points, True)
    signs = np.where(bits_from_words(words, campaign.n_points) == 1, 1.0, -1.0)
    settings = splitting_settings(section, campaign.seed)
    shown = [", ".join(dict.fromkeys(labels)) for labels in names.values()]
    return shown, [
        Splitting(
            key,
            row,
            sign_target(job.plan, row, name=key),
            settings,
            job.files.runs(NAME),
            why_not_expressible(campaign, row),
        )
        for key, row in zip(names, signs, strict=True)
    ]


def write_volume(
    job: Job, wanted: list[Splitting], curves: list[dict[str, Any]], evidence: list[dict[str, Any]]
) -> list[str]:
    """Write both tables, evidence with the complexities of its functions; files of the stage."""
    campaign = job.campaign
    extra: tuple[Column, ...] = ()
    values: dict[str, np.ndarray] = {}
    if wanted:
        bits = np.array([item.signs > 0.0 for item in wanted], dtype=np.uint8)
        batch = FunctionBatch(function_kind(campaign), campaign.points, bits=bits)
        proxies = campaign_proxies(campaign)
        extra = proxy_columns(proxies, campaign)
        values = measure(batch, [item.name for item in proxies], threads=job.threads)
        for row, ones in zip(evidence, bits.sum(axis=1).tolist(), strict=True):
            row["ones"] = ones
    tables = {
        "volume": pa.Table.from_pylist(curves, schema=arrow_schema("volume")),
        "evidence": pa.Table.from_pylist(evidence, schema=arrow_schema("evidence")),
    }
    for column in extra:
        found = pa.array(values[column.name], pa.float64(), from_pandas=True)
        tables["evidence"] = tables["evidence"].append_column(column.name, found)
    written = []
    for name, table in tables.items():
        path = job.files.table(name)
        columns = extra if name == "evidence" else ()
        write_table(path, table, name, extra=columns, notes=job.notes)
        written.append(path)
    return [job.files.relative(path) for path in written] + run_files(job, wanted)


STAGE = Stage(
    name=NAME,
    label="volumes by splitting",
    needs=("complexity",),
    tables=("volume", "evidence"),
    kernels=("splitting",),
    settings=lambda campaign: [campaign.digest("volume"), campaign.analysis.min_count],
    run=volume,
)
