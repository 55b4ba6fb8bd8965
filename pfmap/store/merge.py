"""Shards merged and searched with DuckDB, which spills to disk what memory cannot hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from pfmap.errors import DataError, EnvironmentFault, PfmapError
from pfmap.memory import default_memory, duckdb_memory

from .atomic import scratch_folder
from .schema import arrow_schema

_SHARDS_A_QUERY = 64
_ROWS_A_BATCH = 1 << 16

# Grouping takes so much for every row, in memory and waiting on disk together. What needs more than
# this multiple of DuckDB's memory is grouped in passes over a part of the keys each: beyond it
# DuckDB has been seen to give up instead of writing more to disk.
_BYTES_A_ROW = 190
_TIMES_MEMORY = 4

_MERGED = """
    SELECT function, sum("count")::BIGINT AS "count", min(first_draw) AS first_draw
    FROM read_parquet($files) {part} GROUP BY function
"""
_ORBITS = """
    WITH members AS (FROM read_parquet($files) {part}),
    totals AS (SELECT orbit, sum("count")::BIGINT AS orbit_count FROM members GROUP BY orbit)
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
    return max(0, rows * _BYTES_A_ROW - _duckdb_limit(memory))


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
        grouped = _grouped(_MERGED, shards, "function", scratch, threads, memory, ordered=ordered)
        for rows in grouped:
            yield rows.cast(arrow_schema("counts"))


def stream_orbit_counts(
    members: Path, *, scratch: Path | None, threads: int | None = None, memory: int | None = None
) -> Iterator[pa.Table]:
    """Rows of a file of functions with the draws of their orbits, by descending count.

    Parameters
    ----------
    members : Path
        Parquet file with ``function, count, first_draw, orbit, orbit_size``.
    scratch, threads, memory
        As in `stream_counts`.

    Yields
    ------
    pyarrow.Table
        The columns of the file and ``orbit_count``: the sum of ``count`` over all rows with the
        same ``orbit``. By descending count, then by function.
    """
    yield from _grouped(_ORBITS, [members], "orbit", scratch, threads, memory, ordered=True)


def stream_query(
    query: str,
    table: Path,
    *,
    scratch: Path | None,
    threads: int | None = None,
    memory: int | None = None,
) -> Iterator[pa.Table]:
    """Rows of a query on one Parquet file, called ``$table`` in it; what is large waits on disk."""
    yield from _stream(query, {"table": str(table)}, scratch, threads, memory)


def _grouped(
    query: str,
    files: list[Path],
    key: str,
    scratch: Path | None,
    threads: int | None,
    memory: int | None,
    *,
    ordered: bool,
) -> Iterator[pa.Table]:
    """Result of a query that groups rows of Parquet files by a key, in passes if there are many."""
    named = {"files": [str(path) for path in files]}
    with scratch_folder(scratch) as folder:
        n_passes = _count_passes(named["files"], folder, threads, memory)
        parts = [f"WHERE hash({key}) % {n_passes} = {index}" for index in range(n_passes)]
        if n_passes == 1:
            parts = [""]
        if n_passes == 1 or not ordered:
            for part in parts:
                asked = f"{query.format(part=part)} {_ORDER if ordered else ''}"
                yield from _stream(asked, named, folder, threads, memory)
            return
        done = [folder / f"pass-{index:06d}.parquet" for index in range(n_passes)]
        for part, path in zip(parts, done, strict=True):
            with _session(folder, threads, memory) as session:
                session.sql(query.format(part=part), params=named).write_parquet(str(path))
        named = {"files": [str(path) for path in done]}
        yield from _stream(f"FROM read_parquet($files) {_ORDER}", named, folder, threads, memory)


def _count_passes(files: list[str], scratch: Path, threads: int | None, memory: int | None) -> int:
    """Passes in which the rows of Parquet files are grouped within a budget."""
    query = "SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata($files)"
    with _session(scratch, threads, memory) as session:
        [(rows,)] = session.sql(query, params={"files": files}).fetchall()
    return max(1, math.ceil(rows * _BYTES_A_ROW / (_TIMES_MEMORY * _duckdb_limit(memory))))


def _stream(
    query: str,
    named: dict[str, Any],
    scratch: Path | None,
    threads: int | None,
    memory: int | None,
) -> Iterator[pa.Table]:
    """Result of a query, some rows at a time."""
    with _session(scratch, threads, memory) as session:
        relation = session.sql(query, params=named)
        # DuckDB renamed it in 2.0 and warns of the name it had.
        read = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
        for batch in read(_ROWS_A_BATCH):
            yield pa.Table.from_batches([batch])


def find_shards(
    shards: list[Path],
    functions: pd.Series,
    n_draws: int,
    *,
    threads: int | None = None,
    memory: int | None = None,
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
    threads, memory : int, optional
        As in `stream_counts`.

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
    with _session(None, threads, memory) as session:
        for start in range(0, len(shards), _SHARDS_A_QUERY):
            if wanted.empty:
                break
            group = [str(path) for path in shards[start : start + _SHARDS_A_QUERY]]
            session.register("wanted", pa.table({"function": pa.array(wanted, pa.string())}))
            rows = session.sql(
                """
                SELECT function, list_position($shards, filename) - 1 + $start AS shard_index,
                       "count", first_draw
                FROM read_parquet($shards, filename = true) SEMI JOIN wanted USING (function)
                """,
                params={"shards": group, "start": start},
            ).to_arrow_table()
            found.append(rows.to_pandas())
            met = pd.concat(found).groupby("function")["count"].sum()
            wanted = wanted[~wanted.isin(met.index[met >= n_draws])]
    table = pd.concat(found[1:] or found).astype({"shard_index": "int64"})
    return table.sort_values(["function", "shard_index"], ignore_index=True)


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


@contextmanager
def _session(
    scratch: Path | None, threads: int | None, memory: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory, bounded to a part of a budget, that spills into a temporary folder."""
    with (
        scratch_folder(scratch) as folder,
        _faults(folder.parent),
        duckdb.connect(":memory:", config=_settings(folder, threads, memory)) as session,
    ):
        yield session


def _settings(
    folder: Path, threads: int | None, memory: int | None
) -> dict[str, str | bool | int | float | list[str]]:
    """How DuckDB is to run: where it spills, and its part of the budget."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": str(folder),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if threads is not None:
        settings["threads"] = threads
    settings["memory_limit"] = f"{_duckdb_limit(memory) // 2**20}MiB"
    return settings


def _duckdb_limit(memory: int | None) -> int:
    """DuckDB's part of a budget; None is half of the machine's memory."""
    return duckdb_memory(default_memory() if memory is None else memory)


@contextmanager
def _faults(scratch: Path) -> Iterator[None]:
    """Turn what DuckDB says into the errors that a user should see."""
    try:
        yield
    except (duckdb.Error, RuntimeError) as error:
        # DuckDB turns the KeyboardInterrupt of a signal handler into an error of its own.
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        if not isinstance(error, duckdb.Error):
            raise
        raise _fault(error, scratch) from error


def _fault(error: duckdb.Error, scratch: Path) -> PfmapError:
    """The error a user should see when DuckDB fails on shards."""
    message = str(error).splitlines()[0]
    if "No space left" in message or "max_temp_directory_size" in str(error):
        return EnvironmentFault(
            f"disk: {scratch} has no space for what waits there while counts are merged: {message}",
            next_step="free some space there, then continue with pfmap run FOLDER --resume",
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return EnvironmentFault(
            f"memory: DuckDB's part of the budget is too small to merge these counts: {message}",
            next_step="continue with more: pfmap run FOLDER --resume --memory SIZE",
        )
    return DataError(
        f"counts: a shard cannot be read: {message}",
        next_step="pfmap run FOLDER --resume finds and recomputes damaged shards",
    )
