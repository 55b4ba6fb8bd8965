"""Shards merged and searched with DuckDB, which spills to disk what memory cannot hold."""

from __future__ import annotations

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

_MERGED = """
    SELECT function, sum("count")::BIGINT AS "count", min(first_draw) AS first_draw
    FROM read_parquet($shards) GROUP BY function
"""
_ORDER = 'ORDER BY "count" DESC, function'


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
        query = f"{_MERGED} {_ORDER if ordered else ''}"
        named = {"shards": [str(path) for path in shards]}
        yield from _stream(query, named, arrow_schema("counts"), scratch, threads, memory)


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
    query = f"""
        WITH members AS (FROM read_parquet($members)),
        totals AS (SELECT orbit, sum("count")::BIGINT AS orbit_count FROM members GROUP BY orbit)
        SELECT function, "count", first_draw, orbit, orbit_size, orbit_count
        FROM members JOIN totals USING (orbit) {_ORDER}
    """
    yield from _stream(query, {"members": str(members)}, None, scratch, threads, memory)


def stream_query(
    query: str,
    table: Path,
    *,
    scratch: Path | None,
    threads: int | None = None,
    memory: int | None = None,
) -> Iterator[pa.Table]:
    """Rows of a query on one Parquet file, called ``$table`` in it; what is large waits on disk."""
    yield from _stream(query, {"table": str(table)}, None, scratch, threads, memory)


def _stream(
    query: str,
    named: dict[str, Any],
    schema: pa.Schema | None,
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
            rows = pa.Table.from_batches([batch])
            yield rows if schema is None else rows.cast(schema)


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
    limit = duckdb_memory(default_memory() if memory is None else memory)
    settings["memory_limit"] = f"{limit // 2**20}MiB"
    return settings


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
    if isinstance(error, duckdb.OutOfMemoryException) or "No space left" in message:
        return EnvironmentFault(
            f"out of memory, and of space in {scratch}, while merging counts: {message}",
            next_step="free some space there, then continue with pfmap run FOLDER --resume",
        )
    return DataError(
        f"counts: a shard cannot be read: {message}",
        next_step="pfmap run FOLDER --resume finds and recomputes damaged shards",
    )
