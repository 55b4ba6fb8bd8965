"""Arrays from NumPy's files, their sizes checked before anything is unpacked."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path

import numpy as np

from pfmap.errors import PfmapError

from .guard import reading

MOST_BYTES = 2**29
"""Of all arrays of a file together, unpacked: 10^7 parameters take a sixth."""

NPY_MAGIC = b"\x93NUMPY"
ZIP_MAGIC = b"PK"


def read_arrays(
    path: Path,
    *,
    argument: str = "",
    next_step: str = "",
    missing: type[PfmapError] | None = None,
) -> dict[str, np.ndarray]:
    """All arrays of an .npz file by name; a file with one array gives it the name ``""``.

    What the file is says its beginning, not its name.

    Parameters
    ----------
    path : Path
        The file.
    argument, next_step, missing
        As for `pfmap.reading.reading`.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    DataError
        If it is not such a file, is damaged, holds objects, or more than 512 MiB unpacked.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.npz"
    >>> np.savez(path, target=np.ones(2))
    >>> read_arrays(path)
    {'target': array([1., 1.])}
    """
    with (
        reading(
            path,
            kind=".npz",
            argument=argument,
            next_step=next_step,
            missing=missing,
            most_bytes=MOST_BYTES,
        ),
        path.open("rb") as file,
    ):
        if file.read(len(NPY_MAGIC)) == NPY_MAGIC:
            file.seek(0)
            return {"": _array(file.read())}
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if size > MOST_BYTES:
                raise ValueError(
                    f"its arrays have {size:,} bytes unpacked, more than {MOST_BYTES:,}"
                )
            return {
                member.filename.removesuffix(".npy"): _array(archive.read(member))
                for member in members
            }


def _array(content: bytes) -> np.ndarray:
    """The array of an .npy file, whose header must not promise more than there is."""
    buffer = io.BytesIO(content)
    version = np.lib.format.read_magic(buffer)
    if version > (2, 0):
        raise ValueError("it holds no array of numbers")
    read_header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read_header(buffer)
    if math.prod(shape) * dtype.itemsize > len(content) - buffer.tell():
        raise ValueError(f"its header promises an array of shape {shape}, and the file is shorter")
    buffer.seek(0)
    return np.lib.format.read_array(buffer, allow_pickle=False)
