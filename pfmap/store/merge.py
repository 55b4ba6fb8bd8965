"""Shards merged and searched with DuckDB, which spills to disk what memory cannot hold."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from pfmap.errors import DataError, EnvironmentFault, PfmapError

from .atomic import TEMPORARY_SUFFIX, disk_faults
from .schema import arrow_schema

_SHARDS_A_QUERY = 64


def merge_counts(
    shards: list[Path], *, scratch: Path | None, threads: int | None = None
) -> pa.Table:
    """Add up the counts of shards.

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
        function. Memory is bounded by distinct functions, not by draws.

    Raises
    ------
    DataError
        If a shard cannot be read.
    EnvironmentFault
        If the temporary folder runs out of space.
    """
    schema = arrow_schema("counts")
    if not shards:
        return schema.empty_table()
    with _session(scratch, threads) as session:
        merged = session.sql(
            """
            SELECT function, sum("count")::BIGINT AS "count", min(first_draw) AS first_draw
            FROM read_parquet($shards) GROUP BY function ORDER BY "count" DESC, function
            """,
            params={"shards": [str(path) for path in shards]},
        ).to_arrow_table()
        return merged.cast(schema)


def find_shards(shards: list[Path], functions: pd.Series, n_draws: int) -> pd.DataFrame:
    """Where functions were drawn, searching shards in order until each was met often enough.

    Parameters
    ----------
    shards : list of Path
        Parquet files of the table ``counts``, in the order of their blocks.
    functions : Series of str
        Keys to look for.
    n_draws : int
        A function is no longer looked for once this many of its draws were met.

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
    with _session(None, None) as session:
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


@contextmanager
def _session(scratch: Path | None, threads: int | None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB in memory, bounded to half of the machine's, that spills into a temporary folder."""
    with disk_faults(scratch or Path(tempfile.gettempdir())):
        folder = Path(tempfile.mkdtemp(prefix=".merge-", suffix=TEMPORARY_SUFFIX, dir=scratch))
    settings: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": str(folder),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if threads is not None:
        settings["threads"] = threads
    if hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        settings["memory_limit"] = f"{memory // 2**21}MiB"
    try:
        with duckdb.connect(":memory:", config=settings) as session:
            yield session
    except (duckdb.Error, RuntimeError) as error:
        # DuckDB turns the KeyboardInterrupt of a signal handler into an error of its own.
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        if not isinstance(error, duckdb.Error):
            raise
        raise _fault(error, folder.parent) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
