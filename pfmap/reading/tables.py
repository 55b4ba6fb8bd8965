"""Tables of numbers from a user's Parquet file, their sizes checked before anything is unpacked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pfmap.errors import PfmapError

from .arrays import NPY_MAGIC, ZIP_MAGIC
from .guard import reading

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = 2**29
"""Of a table unpacked."""

PARQUET_MAGIC = b"PAR1"


def is_parquet(path: Path, *, argument: str = "", next_step: str = "") -> bool:
    """Whether a file is Parquet, else .npy or .npz: its beginning says so, not its name.

    Raises
    ------
    DataError
        If it is none of them, or cannot be read.
    """
    kind = "Parquet, .npy or .npz"
    with (
        reading(path, kind=kind, argument=argument, next_step=next_step),
        path.open("rb") as file,
    ):
        begins = file.read(len(NPY_MAGIC))
        if not begins.startswith((PARQUET_MAGIC, NPY_MAGIC, ZIP_MAGIC)):
            raise ValueError("it begins as none of them does")
        return begins.startswith(PARQUET_MAGIC)


def read_numbers(
    path: Path,
    *,
    argument: str = "",
    next_step: str = "",
    missing: type[PfmapError] | None = None,
) -> pd.DataFrame:
    """A Parquet file as a table; an index that pandas kept beside the columns is no column.

    Parameters
    ----------
    path : Path
        The file; its folders are names, never partitions.
    argument, next_step, missing
        As for `pfmap.reading.reading`.

    Returns
    -------
    DataFrame

    Raises
    ------
    DataError
        If it is not such a file, is damaged, or has more than 512 MiB unpacked.
    """
    import pyarrow.parquet as pq

    with (
        reading(
            path,
            kind="Parquet",
            argument=argument,
            next_step=next_step,
            missing=missing,
            most_bytes=MOST_BYTES,
        ),
        path.open("rb") as source,  # given a path, Arrow reads some names as places elsewhere
        pq.ParquetFile(source) as file,
    ):
        found = file.metadata
        size = sum(found.row_group(group).total_byte_size for group in range(found.num_row_groups))
        # Values that repeat take no bytes there, but each takes eight in memory.
        size = max(size, 8 * found.num_rows * found.num_columns)
        if size > MOST_BYTES:
            raise ValueError(f"its table has {size:,} bytes unpacked, more than {MOST_BYTES:,}")
        return file.read().to_pandas()
