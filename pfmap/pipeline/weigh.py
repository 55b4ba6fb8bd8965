"""Stages ``functions`` and ``complexity``: one row a function, then one column a proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from pfmap import sampling
from pfmap.campaign import Campaign
from pfmap.complexity.measure import measure
from pfmap.complexity.registry import FunctionBatch, Kind, Proxy, proxies_for
from pfmap.functions.keys import bits_from_words, words_from_keys
from pfmap.functions.probability import functions_table
from pfmap.llc.select import select_functions
from pfmap.store.merge import merge_counts
from pfmap.store.schema import FUNCTIONS, LZ_ORBIT_MIN, Column
from pfmap.store.tables import column_names, read_file, write_table

from .job import Job
from .orbit_column import orbit_column, wants_orbit_column

_BASE = [column.name for column in FUNCTIONS]


def functions(job: Job) -> list[str]:
    """Merge the shards and weigh every function; the files written."""
    shards = [job.files.shard(index) for index in range(job.campaign.n_blocks)]
    counts = merge_counts(shards, scratch=job.files.path, threads=job.threads)
    table = functions_table(
        counts,
        job.campaign,
        bits_of=lambda draws: sampling.bits_of_draws(job.plan, draws, threads=job.threads),
        threads=job.threads,
    )
    path = job.files.table("functions")
    write_table(path, table, "functions", notes=job.notes)
    return [job.files.relative(path)]


def complexity(job: Job) -> list[str]:
    """Measure every function with the campaign's proxies, and its orbit; the files written."""
    path = job.files.table("functions")
    table = read_file(path, "functions", _BASE)
    proxies = campaign_proxies(job.campaign)
    orbits = wants_orbit_column(job.campaign, [item.name for item in proxies])
    # How long each part takes is not known beforehand: each counts the same.
    n_rows, n_parts = len(table), 2 + orbits
    progress = job.progress("complexity")
    values = measure_functions(job, table, proxies, lambda done: progress(done, n_parts * n_rows))
    extra = []
    for item in proxies:
        column = pa.array(values[item.name], pa.float64(), from_pandas=True)
        table = table.append_column(item.name, column)
        extra.append(Column(item.name, pa.float64(), item.unit, item.meaning))
    if orbits:

        def tell(done: int, total: int) -> None:
            progress(2 * n_rows + n_rows * done // total, n_parts * n_rows)

        least = orbit_column(job, table, tell)
        table = table.append_column(LZ_ORBIT_MIN.name, pa.array(least, from_pandas=True))
        extra.append(LZ_ORBIT_MIN)
    progress(n_parts * n_rows, n_parts * n_rows)
    write_table(path, table, "functions", extra=tuple(extra), notes=job.notes)
    return [job.files.relative(path)]


def function_kind(campaign: Campaign) -> Kind:
    """What kind of functions a campaign draws: boolean, labels or curve.

    Examples
    --------
    >>> function_kind(Campaign())
    'boolean'
    """
    if campaign.readout.kind == "quantised":
        return "curve"
    return "boolean" if campaign.domain.kind == "boolean" else "labels"


def campaign_proxies(campaign: Campaign) -> list[Proxy]:
    """Proxies of a campaign that are columns of their own (``ones`` already is one)."""
    chosen = proxies_for(function_kind(campaign), campaign.complexity.proxies)
    return [item for item in chosen if item.name not in (*_BASE, LZ_ORBIT_MIN.name)]


def measure_functions(
    job: Job, table: pa.Table, proxies: list[Proxy], progress: Callable[[int], None]
) -> dict[str, np.ndarray]:
    """Values of proxies on every function, NaN where a dear one was not computed.

    The cheap proxies come first: the selection for the learning coefficient, which the dear ones
    cover too, is stratified over them. `progress` hears of rows done, each function counting once
    for the cheap proxies and once for the dear ones.
    """
    values = {item.name: np.full(len(table), np.nan) for item in proxies}
    cheap = [item.name for item in proxies if not item.dear]
    dear = [item.name for item in proxies if item.dear]
    everything = np.arange(len(table))
    measure_rows(job, table, everything, cheap, values, progress)
    if dear:
        rows = np.flatnonzero(dear_rows(job.campaign, table, values))
        scale = len(table) / max(1, len(rows))
        measure_rows(
            job,
            table,
            rows,
            dear,
            values,
            lambda done: progress(len(table) + int(done * scale)),
        )
    return values


def measure_rows(
    job: Job,
    table: pa.Table,
    rows: np.ndarray,
    names: list[str],
    values: dict[str, np.ndarray],
    progress: Callable[[int], None],
) -> None:
    """Fill `values` of some proxies on some rows; `progress` hears of rows done."""
    if not names:
        return
    for start, batch in function_batches(job, table.take(pa.array(rows))):
        place = rows[start : start + len(batch)]

        def tell(done: int, total: int, start: int = start, size: int = len(batch)) -> None:
            progress(start + size * done // total)

        measured = measure(batch, names, progress=tell, threads=job.threads)
        for name, column in measured.items():
            values[name][place] = column


def dear_rows(campaign: Campaign, table: pa.Table, values: dict[str, np.ndarray]) -> np.ndarray:
    """Which functions get the dear proxies: the most frequent ones and those selected for llc."""
    frame = table.to_pandas().assign(**values)
    selected = select_functions(frame, campaign.llc)["function"]
    frequent = np.arange(len(frame)) < campaign.complexity.dear_functions
    return np.asarray(frequent | frame["function"].isin(selected).to_numpy())


def function_batches(job: Job, table: pa.Table) -> Iterator[tuple[int, FunctionBatch]]:
    """The functions of a table as arrays, in pieces that keep memory bounded."""
    size = max(1024, min(1 << 16, (1 << 25) // job.campaign.n_points))
    for start in range(0, len(table), size):
        piece = table.slice(start, size)
        yield start, function_batch(job, piece)


def function_batch(job: Job, table: pa.Table) -> FunctionBatch:
    """Functions as arrays: from their keys where these are exact, else drawn again."""
    campaign = job.campaign
    kind = function_kind(campaign)
    draws = table["first_draw"].to_numpy()
    if kind == "curve":
        symbols = sampling.symbols_of_draws(job.plan, draws, threads=job.threads)
        return FunctionBatch(kind, campaign.points, symbols=symbols, step=campaign.readout.step)
    if campaign.exact_keys:
        words = words_from_keys(table["function"], campaign.n_points, True)
        bits = bits_from_words(words, campaign.n_points)
    else:
        bits = sampling.bits_of_draws(job.plan, draws, threads=job.threads)
    return FunctionBatch(kind, campaign.points, bits=bits)


def functions_frame(job: Job, columns: list[str] | None = None) -> pd.DataFrame:
    """``functions.parquet`` with its complexities, or the columns named that it has."""
    path = job.files.table("functions")
    if columns is not None:
        columns = [name for name in columns if name in column_names(path, "functions")]
    return read_file(path, "functions", columns).to_pandas()
