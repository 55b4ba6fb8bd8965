"""Stage ``complexity``: one column a proxy, and the bounds on λ_f."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pfmap.complexity.measure import measure
from pfmap.complexity.registry import Proxy
from pfmap.pipeline.batches import function_batches
from pfmap.pipeline.function_coefficients import write_function_llc
from pfmap.pipeline.job import Job
from pfmap.pipeline.orbit_column import orbit_minima, wants_orbit_column
from pfmap.pipeline.proxies import BASE, campaign_proxies, measured_names, proxy_columns, why_null
from pfmap.pipeline.selection import selected_for_llc
from pfmap.settings.campaign import Campaign
from pfmap.settings.domain import has_order
from pfmap.store.atomic import scratch_folder
from pfmap.store.schema import COUNT_ERROR, LZ_ORBIT_MIN
from pfmap.store.tables import counting_notes, row_count, stream_file, table_writer

from ._stage import Stage


def complexity(job: Job) -> list[str]:
    """Measure every function with the campaign's proxies, and its orbit; the files written.

    The cheap proxies come first: the selection for the learning coefficient, which the dear ones
    cover too, is stratified over them.
    """
    path = job.files.table("functions")
    n_rows = row_count(path, "functions")
    proxies = campaign_proxies(job.campaign)
    cheap = [item for item in proxies if not item.dear]
    dear = [item for item in proxies if item.dear]
    # Without all members of an orbit its count is not known, nor which orbits are worth it.
    all_kept = job.campaign.counting.keep == "all"
    orbits = all_kept and wants_orbit_column(job.campaign, [item.name for item in proxies])
    error = (COUNT_ERROR,) if job.campaign.counting.keep == "frequent" else ()
    base = [*BASE, *(column.name for column in error)]
    notes = {**job.notes, **counting_notes(path, "functions")}
    # How long each part takes is not known beforehand: each counts the same.
    parts = 2 + orbits
    progress = job.progress("complexity")
    for name, reason in why_null(proxies, job.campaign).items():
        job.reporter.message(f"{name} is null: {reason}")

    def tell(part: int, done: int, total: int) -> None:
        progress(n_rows * part + n_rows * done // max(1, total), parts * n_rows)

    def teller(part: int, before: int, total: int) -> Callable[[int], None]:
        return lambda done: tell(part, before + done, total)

    with scratch_folder(job.files.path) as scratch:
        measured = scratch / path.name
        with table_writer(
            measured, "functions", extra=(*error, *proxy_columns(cheap, job.campaign))
        ) as write:
            for start, rows in numbered(stream_file(path, "functions", base)):
                write(measured_rows(job, rows, cheap, teller(0, start, n_rows)))
        least = None
        if orbits:
            least = orbit_minima(job, measured, scratch, partial(tell, parts - 1))
        chosen = dear_rows(job, measured) if dear else np.zeros(0, dtype=np.int64)
        extra = (*error, *proxy_columns(proxies, job.campaign), *([LZ_ORBIT_MIN] if orbits else []))
        with table_writer(path, "functions", extra=extra, notes=notes) as write:
            for start, rows in numbered(stream_file(measured, "functions")):
                inside = chosen[(chosen >= start) & (chosen < start + len(rows))] - start
                done = int(np.searchsorted(chosen, start))
                full = measured_rows(job, rows, dear, teller(1, done, len(chosen)), inside)
                if least is not None:
                    values = full["orbit"].to_pandas().map(least)
                    full = full.append_column(LZ_ORBIT_MIN.name, pa.array(values, pa.float64()))
                write(full)
    progress(parts * n_rows, parts * n_rows)
    return [job.files.relative(path), *write_function_llc(job)]


def numbered(pieces: Iterable[pa.Table]) -> Iterator[tuple[int, pa.Table]]:
    """Pieces of a table with the number of their first row."""
    start = 0
    for rows in pieces:
        yield start, rows
        start += len(rows)


def measured_rows(
    job: Job,
    table: pa.Table,
    proxies: list[Proxy],
    progress: Callable[[int], None],
    chosen: np.ndarray | None = None,
) -> pa.Table:
    """Rows of ``functions`` with a column a proxy, null in rows outside `chosen` (None is all).

    `progress` hears of rows done.
    """
    values = {item.name: np.full(len(table), np.nan) for item in proxies}
    rows = np.arange(len(table)) if chosen is None else chosen
    names = list(values)
    if names and len(rows):
        for start, batch in function_batches(job, table.take(pa.array(rows))):
            place = rows[start : start + len(batch)]

            def tell(done: int, total: int, start: int = start, size: int = len(batch)) -> None:
                progress(start + size * done // total)

            for name, column in measure(batch, names, progress=tell, threads=job.threads).items():
                values[name][place] = column
    for name, column in values.items():
        table = table.append_column(name, pa.array(column, pa.float64(), from_pandas=True))
    return table


def dear_rows(job: Job, path: Path) -> np.ndarray:
    """Rows that get the dear proxies, ascending: the most frequent, and those selected for llc."""
    selected = selected_for_llc(path, job.campaign)["row"].to_numpy(dtype=np.int64)
    frequent = min(job.campaign.complexity.dear_functions, row_count(path, "functions"))
    return np.union1d(np.arange(frequent), selected)


def _settings(campaign: Campaign) -> list[Any]:
    # The selection for llc decides where the dear proxies are computed.
    selection = campaign.llc.model_dump(mode="json", include={"functions", "selection", "named"})
    return [
        campaign.digest("complexity"),
        list(measured_names(campaign)),
        selection,
        *([] if has_order(campaign.domain) else ["no order"]),
    ]


STAGE = Stage(
    name="complexity",
    label="measuring complexity",
    needs=("functions",),
    tables=("functions", "function_llc"),
    kernels=("lz",),
    settings=_settings,
    run=complexity,
)
