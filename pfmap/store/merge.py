"""Shards merged with DuckDB, which spills to disk what memory cannot hold, and searched."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .atomic import scratch_folder
from .query import Pieces, duckdb_limit, stream_query
from .schema import arrow_schema
from .tables import read_file, row_count, spill, stream_file, stream_spilled

_SHARDS_AT_ONCE = 64

# Grouping takes so much for every row, in memory and waiting on disk together. What needs more than
# this multiple of DuckDB's memory is grouped in passes over a part of the keys each: beyond it
# DuckDB has been seen to give up instead of writing more to disk.
_BYTES_A_ROW = 190
_TIMES_MEMORY = 4

_MERGED = """
    SELECT function, sum("count")::BIGINT AS "count", min(first_draw) AS first_draw
    FROM pieces {part} GROUP BY function
"""
# A stream is read once: rows that are needed twice are two streams.
_ORBITS = """
    WITH members AS (FROM pieces {part}),
    totals AS (
        SELECT orbit, sum("count")::BIGINT AS orbit_count FROM again {part} GROUP BY orbit
    )
    SELECT function, "count", first_draw, orbit, orbit_size, orbit_count
    FROM members JOIN totals USING (orbit)
"""
_ORDER = 'ORDER BY "count" DESC, function'


def waiting_bytes(rows: int, memory: int | None = None) -> int:
    """Most bytes that wait on disk while so many rows of shards are merged.

    Examples
    --------
    >>> waiting_bytes(100, 2**30), waiting_bytes(10**9, 2**30)
    (0, 189597346816)
    """
    return max(0, rows * _BYTES_A_ROW - duckdb_limit(memory))


def merge_counts(
    shards: list[Path], *, scratch: Path | None, threads: int | None = None
) -> pa.Table:
    """Add up the counts of shards, into memory.

    Parameters
    ----------
    shards : list of Path
        Parquet files of the table ``counts``.
    scratch : Path or None
        Folder in which DuckDB's temporary folder is made and removed again; None uses the
        system's.
    threads : int, optional
        Threads of DuckDB; None leaves it to DuckDB.

    Returns
    -------
    pyarrow.Table
        ``function``, ``count`` (sum) and ``first_draw`` (smallest), by descending count, then by
        function. `stream_counts` gives the same rows without holding them all.

    Raises
    ------
    DataError
        If a shard cannot be read.
    EnvironmentFault
        If the temporary folder runs out of space.
    """
    batches = list(stream_counts(shards, scratch=scratch, threads=threads))
    return pa.concat_tables(batches) if batches else arrow_schema("counts").empty_table()


def stream_counts(
    shards: list[Path],
    *,
    scratch: Path | None,
    threads: int | None = None,
    memory: int | None = None,
    ordered: bool = True,
) -> Iterator[pa.Table]:
    """Add up the counts of shards; what memory cannot hold waits on disk.

    Parameters
    ----------
    shards, scratch, threads
        As in `merge_counts`.
    memory : int, optional
        Budget of the whole run in bytes, of which DuckDB gets a part; None is half of the
        machine's memory. The rows do not depend on it.
    ordered : bool, default True
        Whether rows come by descending count, then by function; else in any order.

    Yields
    ------
    pyarrow.Table
        Some rows of ``function, count, first_draw``, each function once in all.

    Raises
    ------
    DataError, EnvironmentFault
        As `merge_counts`.
    """
    if shards:
        n_rows = sum(row_count(path, "counts") for path in shards)
        pieces = partial(_stream_shards, shards)
        grouped = _grouped(
            _MERGED, pieces, n_rows, "function", scratch, threads, memory, ordered=ordered
        )
        for rows in grouped:
            yield rows.cast(arrow_schema("counts"))


def _stream_shards(shards: list[Path]) -> Iterator[pa.Table]:
    """Rows of shards, one after another."""
    for path in shards:
        yield from stream_file(path, "counts", arrow_schema("counts").names)


def stream_orbit_counts(
    members: Path,
    n_rows: int,
    *,
    scratch: Path | None,
    threads: int | None = None,
    memory: int | None = None,
) -> Iterator[pa.Table]:
    """Rows of a file of functions with the draws of their orbits, by descending count.

    Parameters
    ----------
    members : Path
        File of `pfmap.store.tables.spill` with ``function, count, first_draw, orbit, orbit_size``.
    n_rows : int
        Its rows.
    scratch, threads, memory
        As in `stream_counts`.

    Yields
    ------
    pyarrow.Table
        The columns of the file and ``orbit_count``: the sum of ``count`` over all rows with the
        same ``orbit``. By descending count, then by function.
    """
    pieces = partial(stream_spilled, members)
    yield from _grouped(_ORBITS, pieces, n_rows, "orbit", scratch, threads, memory, ordered=True)


def _grouped(
    query: str,
    pieces: Pieces,
    n_rows: int,
    key: str,
    scratch: Path | None,
    threads: int | None,
    memory: int | None,
    *,
    ordered: bool,
) -> Iterator[pa.Table]:
    """Result of a query that groups rows by a key, in passes if there are many."""
    n_passes = _count_passes(n_rows, memory)
    parts = [f"WHERE hash({key}) % {n_passes} = {index}" for index in range(n_passes)]
    if n_passes == 1:
        parts = [""]
    with scratch_folder(scratch) as folder:
        stream = partial(stream_query, scratch=folder, threads=threads, memory=memory)
        if n_passes == 1 or not ordered:
            for part in parts:
                yield from stream(f"{query.format(part=part)} {_ORDER if ordered else ''}", pieces)
            return
        done = folder / "passes.parquet"
        with spill(done) as write:
            for part in parts:
                for rows in stream(query.format(part=part), pieces):
                    write(rows)
        yield from stream(f"FROM pieces {_ORDER}", partial(stream_spilled, done))


def _count_passes(n_rows: int, memory: int | None) -> int:
    """Passes in which so many rows are grouped within a budget."""
    return max(1, math.ceil(n_rows * _BYTES_A_ROW / (_TIMES_MEMORY * duckdb_limit(memory))))


def find_shards(
    shards: list[Path],
    functions: pd.Series,
    n_draws: int,
    *,
    threads: int | None = None,
) -> pd.DataFrame:
    """Where functions were drawn, searching shards in order until each was met often enough.

    Parameters
    ----------
    shards : list of Path
        Parquet files of the table ``counts``, in the order of their blocks.
    functions : Series of str
        Keys to look for.
    n_draws : int
        A function is no longer looked for once this many of its draws were met.
    threads : int, optional
        Shards read at a time; None leaves it to Python.

    Returns
    -------
    DataFrame
        ``function, shard_index, count, first_draw``, by function and shard; a function may be met
        more often than asked for.

    Raises
    ------
    DataError
        If a shard cannot be read.
    """
    found = [pd.DataFrame({"function": [], "shard_index": [], "count": [], "first_draw": []})]
    found[0] = found[0].astype({"function": "str"} | dict.fromkeys(found[0].columns[1:], "int64"))
    wanted = pd.Series(functions.unique(), dtype="str")
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(shards), _SHARDS_AT_ONCE):
            if wanted.empty:
                break
            group = shards[start : start + _SHARDS_AT_ONCE]
            keys = pa.array(wanted, pa.string())
            rows = pool.map(partial(_rows_of, keys), group)
            found += [table.assign(shard_index=start + i) for i, table in enumerate(rows)]
            met = pd.concat(found).groupby("function")["count"].sum()
            wanted = wanted[~wanted.isin(met.index[met >= n_draws])]
    table = pd.concat(found)
    return table.sort_values(["function", "shard_index"], ignore_index=True)


def _rows_of(keys: pa.Array, shard: Path) -> pd.DataFrame:
    """Rows of a shard whose functions are among `keys`."""
    rows = read_file(shard, "counts")
    return rows.filter(pc.is_in(rows["function"], value_set=keys)).to_pandas()


def same_counts(left: pa.Table, right: pa.Table) -> bool:
    """Whether two tables of counts hold the same rows in the same order."""
    return len(left) == len(right) and all(
        np.array_equal(left[name].to_numpy(), right[name].to_numpy())
        for name in arrow_schema("counts").names
    )


def same_rows(left: Iterable[pa.Table], right: Iterable[pa.Table]) -> bool:
    """Whether two streams of counts hold the same rows in the same order, however cut."""
    pieces = [(table for table in stream if len(table)) for stream in (left, right)]
    waiting: list[pa.Table | None] = [None, None]
    while True:
        waiting = [
            next(stream, None) if table is None else table
            for table, stream in zip(waiting, pieces, strict=True)
        ]
        one, two = waiting
        if one is None or two is None:
            return one is two
        size = min(len(one), len(two))
        if not same_counts(one.slice(0, size), two.slice(0, size)):
            return False
        waiting = [table.slice(size) if len(table) > size else None for table in (one, two)]
