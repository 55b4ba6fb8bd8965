"""Parquet tables with checked pages, a format version, and units and meanings in their metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pfmap.errors import DataError
from pfmap.reading import reading

from .atomic import atomic_file, disk_faults, file_digest
from .schema import FORMAT_VERSION, OLDEST_FORMAT, TABLES, Column, arrow_schema

_REPAIR = "pfmap run FOLDER --resume finds and recomputes damaged files"

SHARD = "counts"
"""The table of shards: the same columns in every format, so one without is damaged."""

ROW_GROUP = 1 << 17
"""Rows written, and read, at a time: a piece of ``functions`` is then about 30 MB."""

_NUMBERS: dict[bytes, type[int] | type[float]] = {
    b"pfmap_draws": int,
    b"pfmap_counted_draws": int,
    b"pfmap_count_error": int,
    b"pfmap_level": int,
    b"pfmap_inclusion": float,
    b"evaluations": int,
}
"""Notes in a table's metadata that are numbers."""


def write_table(
    path: Path,
    table: pa.Table | pd.DataFrame,
    name: str,
    *,
    extra: tuple[Column, ...] = (),
    notes: dict[str, str] | None = None,
) -> str:
    """Write a table of the data contract, whole or not at all.

    Parameters
    ----------
    path : Path
        The Parquet file.
    table : pyarrow.Table or DataFrame
        Holds at least the columns of the contract; columns outside it and `extra` are left out.
    name : str
        Key of `pfmap.store.schema.TABLES`.
    extra : tuple of Column, default ()
        Further columns (the complexity proxies of ``functions``).
    notes : dict, optional
        Further entries of the file's metadata, such as the digest of the campaign.

    Returns
    -------
    str
        SHA-256 of the file.

    Raises
    ------
    DataError
        If a column is missing or of a type that cannot become the contract's.
    EnvironmentFault
        If the disk is full or the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "part-000000.parquet"
    >>> counts = pd.DataFrame({"function": ["8"], "count": [3], "first_draw": [0]})
    >>> _ = write_table(path, counts, "counts")
    >>> read_file(path, "counts").to_pydict()
    {'function': ['8'], 'count': [3], 'first_draw': [0]}
    """
    with table_writer(path, name, extra=extra, notes=notes) as write:
        write(table)
    return file_digest(path)


@contextmanager
def table_writer(
    path: Path,
    name: str,
    *,
    extra: tuple[Column, ...] = (),
    notes: dict[str, str] | None = None,
) -> Iterator[Callable[[pa.Table | pd.DataFrame], None]]:
    """Write a table piece by piece, whole or not at all; it need never be in memory.

    The file does not depend on the sizes of the pieces: every group of `ROW_GROUP` rows is written
    by itself.

    Parameters
    ----------
    path, name, extra, notes
        As in `write_table`.

    Yields
    ------
    callable
        Takes the next rows.

    Raises
    ------
    DataError, EnvironmentFault
        As `write_table`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "part-000000.parquet"
    >>> with table_writer(path, "counts") as write:
    ...     for place, key in enumerate("08"):
    ...         write(pd.DataFrame({"function": [key], "count": [3], "first_draw": [place]}))
    >>> read_file(path, "counts")["first_draw"].to_pylist()
    [0, 1]
    """
    schema = arrow_schema(name, extra)
    schema = schema.with_metadata({**schema.metadata, **(notes or {})})
    with atomic_file(path) as file:
        options = {"compression": "zstd", "write_page_checksum": True}
        with pq.ParquetWriter(file, schema, **options) as writer:
            waiting = schema.empty_table()

            def write(rows: pa.Table | pd.DataFrame) -> None:
                nonlocal waiting
                waiting = pa.concat_tables([waiting, conform(rows, schema, name)])
                while len(waiting) >= ROW_GROUP:
                    writer.write_table(waiting.slice(0, ROW_GROUP).combine_chunks(), ROW_GROUP)
                    waiting = waiting.slice(ROW_GROUP)

            yield write
            if len(waiting):
                writer.write_table(waiting.combine_chunks(), ROW_GROUP)


@contextmanager
def spill(path: Path) -> Iterator[Callable[[pa.Table], None]]:
    """Write rows that are read back in the same run: no contract, no name of its own.

    Yields
    ------
    callable
        Takes the next rows; the first decide the columns. Without any there is no file.
    """
    with disk_faults(path), ExitStack() as stack:
        writer: pq.ParquetWriter | None = None

        def write(rows: pa.Table) -> None:
            nonlocal writer
            if writer is None:
                file = stack.enter_context(open(path, "wb"))
                writer = stack.enter_context(pq.ParquetWriter(file, rows.schema, compression="lz4"))
            writer.write_table(rows)

        yield write


def conform(table: pa.Table | pd.DataFrame, schema: pa.Schema, name: str) -> pa.Table:
    """`table` with exactly the columns, types and metadata of `schema`."""
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False)
    missing = [column for column in schema.names if column not in table.column_names]
    if missing:
        raise DataError(f"{name}: columns missing: {', '.join(missing)}")
    try:
        return table.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{name}: a column does not fit the data contract: {error}") from error


def read_file(path: Path, name: str, columns: list[str] | None = None) -> pa.Table:
    """Read one Parquet file that pfmap wrote, verifying format, page checksums and columns.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        The table it must hold, a key of `pfmap.store.schema.TABLES`.
    columns : list of str, optional
        Columns to read; None reads all.

    Raises
    ------
    DataError
        If it is missing, is not a pfmap table or another one, has a format this version cannot
        read, or is damaged.
    """
    with _opened(path, name) as file:
        return file.read(columns=columns)


def stream_file(path: Path, name: str, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Read a file as `read_file` does, `ROW_GROUP` rows at a time.

    Yields
    ------
    pyarrow.Table
        The rows in order; one table without rows where the file has none.

    Raises
    ------
    DataError
        As `read_file`.
    """
    with _opened(path, name) as file:
        yield from _pieces(file, columns)


def stream_spilled(path: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Rows of a file of `spill`, as `stream_file` gives those of a table; raises as it does."""
    with _opened(path, None) as file:
        yield from _pieces(file, columns)


def _pieces(file: pq.ParquetFile, columns: list[str] | None) -> Iterator[pa.Table]:
    """Rows of an open file, `ROW_GROUP` at a time."""
    if file.num_row_groups == 0:
        yield file.read(columns=columns)
    for group in range(file.num_row_groups):
        rows = file.read_row_group(group, columns=columns)
        # Groups of files written by pfmap 0.1 hold up to 2^20 rows.
        for start in range(0, len(rows), ROW_GROUP):
            yield rows.slice(start, ROW_GROUP)


@contextmanager
def _opened(path: Path, name: str | None) -> Iterator[pq.ParquetFile]:
    """Open one Parquet file, pages checked, that holds the table `name`; None: any.

    The system opens it. Given a path, Arrow would take ``~`` or a missing ``file:/x`` for what they
    mean elsewhere, and pandas and DuckDB read ``*`` as a pattern and ``key=value`` as a column.
    """
    with (
        _reading(path),
        open(path, "rb") as source,
        pq.ParquetFile(source, page_checksum_verification=True) as file,
    ):
        if name is not None:
            check_format(file.schema_arrow, path, name)
        names = file.schema_arrow.names
        if len(set(names)) < len(names):
            raise DataError(
                f"{path}: holds a column twice, of {', '.join(names)}",
                next_step=_REPAIR,
            )
        if name == SHARD and (missing := sorted(set(arrow_schema(SHARD).names) - set(names))):
            raise DataError(f"{path}: lacks {', '.join(missing)}", next_step=_REPAIR)
        yield file


def _reading(path: Path) -> AbstractContextManager[None]:
    """The guard around a table, whose remedy is the same for every damage."""
    made = path.exists()
    return reading(
        path,
        kind="Parquet",
        next_step=_REPAIR if made else "make it with pfmap run FOLDER --resume",
    )


def bears_mark(path: Path) -> bool | None:
    """Whether a Parquet file is a table that pfmap wrote, of any format; None if not readable."""
    try:
        with _opened(path, None) as file:
            return b"pfmap_table" in (file.schema_arrow.metadata or {})
    except DataError:
        return None


def row_count(path: Path, name: str) -> int:
    """Rows of a pfmap table, from its footer alone; raises as `read_file` does."""
    with _opened(path, name) as file:
        return int(file.metadata.num_rows)


def column_names(path: Path, name: str) -> list[str]:
    """Columns of a pfmap table, from its footer alone; raises as `read_file` does."""
    with _opened(path, name) as file:
        return list(file.schema_arrow.names)


def counting_notes(path: Path, name: str) -> dict[str, str]:
    """What a table says of how its functions were counted; empty where all were.

    ``pfmap_keep`` (frequent or sampled), ``pfmap_draws``, and ``pfmap_count_error`` in draws or
    the probability ``pfmap_inclusion``. Raises as `read_file` does.
    """
    notes = file_notes(path, name)
    if "pfmap_keep" not in notes:
        return {}
    names = ("pfmap_keep", "pfmap_draws", "pfmap_inclusion", "pfmap_count_error")
    return {key: notes[key] for key in names if key in notes}


def file_notes(path: Path, name: str) -> dict[str, str]:
    """What pfmap noted in a table's metadata, from its footer alone; raises as `read_file` does."""
    with _opened(path, name) as file:
        metadata = file.schema_arrow.metadata or {}
    return {
        key.decode(): value.decode() for key, value in metadata.items() if key.startswith(b"pfmap_")
    }


def check_format(schema: pa.Schema, path: Path, name: str) -> None:
    """Refuse a Parquet file that is foreign, holds another table, or has another format."""
    metadata = schema.metadata or {}
    found = metadata.get(b"pfmap_table", b"").decode()
    version = metadata.get(b"pfmap_format", b"").decode()
    if found not in TABLES or not version.isdigit():
        raise DataError(
            f"{path}: not a pfmap table: its metadata names no table and format",
            next_step="point to a folder written by pfmap run",
        )
    if int(version) > FORMAT_VERSION:
        raise DataError(
            f"{path}: format {version} is newer than {FORMAT_VERSION}, the newest this version "
            "of pfmap reads",
            next_step="pip install --upgrade pfmap",
        )
    if int(version) < OLDEST_FORMAT:
        raise DataError(
            f"{path}: format {version} is older than {OLDEST_FORMAT}, the oldest this version "
            "of pfmap reads",
            next_step="read it with the version of pfmap named in provenance.json, or run the "
            "campaign again with --fresh",
        )
    if found != name:
        raise DataError(f"{path}: holds the table {found!r} where {name!r} is expected")
    # No checksum covers what stands here, and whoever reads it takes it for text, or for a number.
    for text in (*metadata.keys(), *metadata.values()):
        text.decode()
    for note, kind in _NUMBERS.items():
        kind(metadata.get(note, b"0"))
