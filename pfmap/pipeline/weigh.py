"""Stages ``functions`` and ``complexity``: one row a function, then one column a proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pfmap import sampling
from pfmap.campaign import Campaign
from pfmap.complexity.measure import measure
from pfmap.complexity.registry import Proxy, proxies_for
from pfmap.counting import HashedSample
from pfmap.domain import has_order
from pfmap.errors import DataError
from pfmap.functions.probability import orbit_table, weighed_rows
from pfmap.functions.symmetry import prior_symmetries
from pfmap.functions.thinning import population_limits
from pfmap.profiling import timed, timed_items
from pfmap.store.atomic import scratch_folder
from pfmap.store.merge import stream_counts, stream_orbit_counts
from pfmap.store.schema import COUNT_ERROR, FUNCTIONS, LZ_ORBIT_MIN, Column
from pfmap.store.tables import (
    ROW_GROUP,
    counting_notes,
    row_count,
    spill,
    stream_file,
    table_writer,
    write_table,
)

from .batches import function_batches, function_kind
from .choosing import selected_for_llc
from .function_coefficients import write_function_llc
from .job import Job
from .kept import counts_table, everything_kept, ranked
from .orbit_column import orbit_minima, wants_orbit_column

_BASE = [column.name for column in FUNCTIONS]

UNORDERED = (
    "WARNING: it depends on the order in which the points are listed, and nothing orders them: it "
    "enters no fit, bound, correlation or figure unless domain.order is declared."
)
"""What the Parquet metadata say of a measure that reads an order which the points do not have."""


def functions(job: Job) -> list[str]:
    """Merge the shards and weigh every function; the files written.

    No step holds more than some rows: DuckDB keeps the rest in a hidden folder while it works.
    """
    if job.campaign.counting.keep != "all":
        return kept_functions(job)
    path = job.files.table("functions")
    counted = 0
    with (
        scratch_folder(job.files.path) as scratch,
        table_writer(path, "functions", notes=job.notes) as write,
    ):
        for rows in merged_rows(job, scratch):
            counted += int(pc.sum(rows["count"]).as_py() or 0)
            with timed("probabilities and intervals"):
                weighed = weighed_rows(rows, job.campaign, bits_of=partial(_bits_of, job))
            with timed("writing tables"):
                write(weighed)
        if counted != job.campaign.draws:
            raise DataError(
                f"counts: must add up to the campaign's {job.campaign.draws} draws, got {counted}",
                next_step="pfmap verify",
            )
    return [job.files.relative(path)]


def kept_functions(job: Job) -> list[str]:
    """Weigh the functions that were kept, and estimate how many have each count.

    No more are held than `counting.functions` and a group of blocks.
    """
    with timed("reading shards"):
        kept = everything_kept(job.files, job.campaign)
    rows = counts_table(ranked(kept.counts), job.campaign)
    extra: tuple[Column, ...] = ()
    if kept.summary is not None:
        extra = (COUNT_ERROR,)
        errors = np.full(len(rows), kept.count_error)
        rows = rows.append_column(COUNT_ERROR.name, pa.array(errors, COUNT_ERROR.type))
    if prior_symmetries(job.campaign).any:
        with timed("orbits"):
            rows = orbit_table(rows, job.campaign, threads=job.threads)
    notes = {**job.notes, **kept.table_notes}
    path = job.files.table("functions")
    with table_writer(path, "functions", extra=extra, notes=notes) as write:
        for start in range(0, len(rows), ROW_GROUP):
            piece = rows.slice(start, ROW_GROUP)
            with timed("probabilities and intervals"):
                weighed = weighed_rows(piece, job.campaign, bits_of=partial(_bits_of, job))
            with timed("writing tables"):
                write(weighed)
    frequencies = job.files.table("frequencies")
    write_table(frequencies, frequencies_table(kept.sample), "frequencies", notes=notes)
    return [job.files.relative(path), job.files.relative(frequencies)]


def frequencies_table(sample: HashedSample) -> pa.Table:
    """How many functions have each count, estimated from a hashed subset of them.

    Examples
    --------
    >>> from pfmap.counting import Counts
    >>> ones = np.ones(3, dtype=np.int64)
    >>> counts = Counts(np.arange(3, dtype=np.uint64)[:, None], ones, np.arange(3))
    >>> frequencies_table(HashedSample(counts, capacity=3, level=1)).to_pylist()[0]["functions"]
    6.0
    """
    count, kept = np.unique(sample.counts.counts, return_counts=True)
    low, high = population_limits(kept, sample.inclusion)
    columns = {
        "count": count,
        "functions": kept / sample.inclusion,
        "low": low,
        "high": high,
        "kept": kept,
        "inclusion": np.full(len(kept), sample.inclusion),
    }
    return pa.table({name: pa.array(column) for name, column in columns.items()})


def merged_rows(job: Job, scratch: Path) -> Iterator[pa.Table]:
    """Counts of all functions, most frequent first, with the counts of their orbits if any."""
    shards = [job.files.shard(index) for index in range(job.campaign.n_blocks)]
    merged = partial(stream_counts, shards, scratch=scratch, threads=job.threads, memory=job.memory)
    if not prior_symmetries(job.campaign).any:
        yield from timed_items("merging (DuckDB)", merged())
        return
    members = scratch / "members.parquet"
    n_rows = 0
    with spill(members) as write:
        for rows in timed_items("merging (DuckDB)", merged(ordered=False)):
            n_rows += len(rows)
            with timed("orbits"):
                write(orbit_table(rows, job.campaign, threads=job.threads))
    sums = stream_orbit_counts(
        members, n_rows, scratch=scratch, threads=job.threads, memory=job.memory
    )
    yield from timed_items("merging (DuckDB)", sums)


def _bits_of(job: Job, draws: np.ndarray) -> np.ndarray:
    """Bits of the functions of draws, drawn again."""
    return sampling.bits_of_draws(job.plan, draws, threads=job.threads)


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
    base = [*_BASE, *(column.name for column in error)]
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


def proxy_columns(proxies: list[Proxy], campaign: Campaign) -> tuple[Column, ...]:
    """Proxies as columns of the data contract, with what is wrong with them here, if anything."""
    bound, empty = order_bound(campaign), why_null(proxies, campaign)
    return tuple(
        Column(
            item.name,
            pa.float64(),
            item.unit,
            item.meaning
            + (f" {UNORDERED}" if item.name in bound else "")
            + (f" NULL: {empty[item.name]}." if item.name in empty else ""),
        )
        for item in proxies
    )


def why_null(proxies: list[Proxy], campaign: Campaign) -> dict[str, str]:
    """Proxies without any value in the campaign, as pfmap is installed here, and why.

    Examples
    --------
    >>> campaign = Campaign(complexity={"proxies": ("lz", "formula")})
    >>> why_null(campaign_proxies(campaign), campaign)
    {'formula': 'it is known for at most 4 inputs'}
    """
    reasons = {item.name: item.why_null(campaign.n_inputs) for item in proxies}
    return {name: reason for name, reason in reasons.items() if reason}


def measured_names(campaign: Campaign) -> tuple[str, ...]:
    """Names of the proxies in force; of those without any value with a mark.

    What gives them one, as a package that is installed, makes the tables stale.

    Examples
    --------
    >>> measured_names(Campaign(complexity={"proxies": ("lz", "formula")}))
    ('lz', 'formula (null)')
    """
    proxies = campaign_proxies(campaign)
    empty = why_null(proxies, campaign)
    return tuple(item.name + " (null)" * (item.name in empty) for item in proxies)


def order_bound(campaign: Campaign) -> list[str]:
    """Columns that depend on an order of the points which the campaign does not have.

    Examples
    --------
    >>> from pfmap.domain import DigitsDomain
    >>> order_bound(Campaign(domain=DigitsDomain(kind="digits"), network={"widths": (64, 4, 1)}))
    ['lz', 'lz_mingard2025']
    >>> order_bound(Campaign())
    []
    """
    if has_order(campaign.domain):
        return []
    return [item.name for item in campaign_proxies(campaign) if item.reads_order]


def campaign_proxies(campaign: Campaign) -> list[Proxy]:
    """Proxies of a campaign that are columns of their own (``ones`` already is one)."""
    n_inputs = campaign.n_inputs
    chosen = proxies_for(function_kind(campaign), campaign.complexity.proxies, n_inputs=n_inputs)
    return [item for item in chosen if item.name not in (*_BASE, LZ_ORBIT_MIN.name)]


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
