"""Queries by DuckDB on rows that it is handed: it never sees the path of a file."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from pfmap.errors import DataError, EnvironmentFault, PfmapError
from pfmap.memory import default_memory, duckdb_memory

from .atomic import scratch_folder

Pieces = Callable[[], Iterator[pa.Table]]
"""Reads some rows anew, a piece at a time."""

_ROWS_A_BATCH = 1 << 16


def stream_query(
    query: str,
    pieces: Pieces,
    *,
    scratch: Path | None,
    threads: int | None = None,
    memory: int | None = None,
) -> Iterator[pa.Table]:
    """Rows of a query on some rows, called ``pieces`` in it; what is large waits on disk.

    DuckDB is given rows and never a path, in which it would see patterns and columns. If it reads
    the rows twice, the second reading is called ``again``.
    """
    met: list[BaseException] = []
    with _session(scratch, threads, memory) as session:
        for name in ("pieces", "again"):
            if name in query:
                session.register(name, _reader(pieces(), met))
        try:
            relation = session.sql(query)
            # DuckDB renamed it in 2.0 and warns of the name it had.
            read = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
            for batch in read(_ROWS_A_BATCH):
                yield pa.Table.from_batches([batch])
        except Exception as error:
            if met:  # DuckDB tells it in words of its own
                raise met[0] from error
            raise


def _reader(pieces: Iterator[pa.Table], met: list[BaseException]) -> pa.RecordBatchReader:
    """Rows as a stream that DuckDB reads once; what reading them meets is noted in `met`."""
    first = next(pieces)
    schema = pa.schema([field.remove_metadata() for field in first.schema])

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for rows in itertools.chain([first], pieces):
                yield from rows.cast(schema).to_batches()
        except BaseException as error:
            met.append(error)
            raise

    return pa.RecordBatchReader.from_batches(schema, batches())


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
    settings["memory_limit"] = f"{duckdb_limit(memory) // 2**20}MiB"
    return settings


def duckdb_limit(memory: int | None) -> int:
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
