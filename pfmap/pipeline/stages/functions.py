"""Stage ``functions``: one row a function, with P, its interval and the count of its orbit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import pfmap
from pfmap import sampling
from pfmap.counting import HashedSample
from pfmap.errors import DataError
from pfmap.functions.probability import orbit_table, weighed_rows
from pfmap.functions.symmetry import prior_symmetries
from pfmap.functions.thinning import population_limits
from pfmap.pipeline.job import Job
from pfmap.pipeline.limited_counts import counts_table, everything_kept, ranked
from pfmap.profiling import timed, timed_items
from pfmap.settings.campaign import Campaign
from pfmap.store.atomic import scratch_folder
from pfmap.store.merge import stream_counts, stream_orbit_counts
from pfmap.store.schema import COUNT_ERROR, FORMAT_VERSION, Column
from pfmap.store.tables import ROW_GROUP, spill, table_writer, write_table

from ._stage import Stage


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


def _settings(_campaign: Campaign) -> list[str | int]:
    return [pfmap.__version__, FORMAT_VERSION]


STAGE = Stage(
    name="functions",
    label="weighing functions",
    needs=("sample",),
    tables=("functions", "frequencies"),
    kernels=(),
    settings=_settings,
    run=functions,
)
