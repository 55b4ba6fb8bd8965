"""Tensors from files of PyTorch and of safetensors, without ever unpickling an object."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pfmap.errors import DataError, EnvironmentFault, PfmapError
from pfmap.extras import needed

from .arrays import MOST_BYTES, ZIP_MAGIC
from .guard import read_bytes, reading

PICKLE_MAGIC = b"\x80"
LEAST_TORCH = (2, 10)
"""Before it a hostile file ran code under ``weights_only=True`` too: CVE-2025-32434 and
CVE-2026-24747."""

STATES = "torch.save(net.state_dict(), FILE)"


def tensor_kind(
    path: Path,
    *,
    argument: str = "",
    next_step: str = "",
    missing: type[PfmapError] | None = None,
) -> str:
    """``PyTorch`` or ``safetensors`` if a file is one of them, else empty.

    Its beginning says so, and of a ZIP archive the names inside, not the file's name.

    Parameters
    ----------
    path, argument, next_step, missing
        As for `pfmap.reading.reading`.
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
        begins = file.read(9)
        if begins.startswith(ZIP_MAGIC):
            # NumPy's archives hold arrays alone, PyTorch's a pickle beside them.
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
            return "PyTorch" if any(name.endswith("/data.pkl") for name in names) else ""
        if begins.startswith(PICKLE_MAGIC):
            return "PyTorch"
        return "safetensors" if begins[8:] == b"{" else ""


def read_tensors(path: Path, kind: str, *, argument: str = "") -> dict[str, np.ndarray]:
    """All tensors of a state dict by name.

    PyTorch reads its files with ``weights_only=True``: no object but tensors and plain containers.

    Parameters
    ----------
    path : Path
        The file.
    kind : {"PyTorch", "safetensors"}
        What `tensor_kind` says.
    argument : str, default ""
        Setting or option that names the file, for the message.

    Returns
    -------
    dict of str to ndarray
        In the order of the file; numbers of any float type as float64.

    Raises
    ------
    EnvironmentFault
        Without the packages, or for PyTorch's own files with a PyTorch older than 2.10, which a
        hostile file can get past: ``pip install 'pfmap[torch]'``.
    DataError
        If the file is damaged, holds anything but tensors by name, or more than 512 MiB.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> path = Path(tempfile.mkdtemp()) / "net.pt"
    >>> torch.save(torch.nn.Linear(2, 1).state_dict(), path)
    >>> {name: values.shape for name, values in read_tensors(path, tensor_kind(path)).items()}
    {'weight': (1, 2), 'bias': (1,)}
    """
    by = f"{path}: a file of {kind}"
    torch = needed("torch", extra="torch", by=by)
    if kind == "safetensors":
        load = needed("safetensors.torch", extra="torch", by=by).load
        content = read_bytes(path, kind=kind, argument=argument, most_bytes=MOST_BYTES)
        with reading(path, kind=kind, argument=argument):
            found = load(content)
    else:
        if tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2]) < LEAST_TORCH:
            raise EnvironmentFault(
                f"{by}: needs PyTorch 2.10 or newer to be read safely, found {torch.__version__}",
                next_step="pip install --upgrade 'pfmap[torch]', or write it with safetensors",
            )
        with reading(
            path,
            kind=f"{kind} state dict",
            argument=argument,
            next_step=f"write it with {STATES}",
            most_bytes=MOST_BYTES,
        ):
            _check_unpacked(path)
            try:
                with warnings.catch_warnings():  # of what it finds: the error says it, or nothing
                    warnings.simplefilter("ignore")
                    found = torch.load(path, map_location="cpu", weights_only=True)
            except pickle.UnpicklingError as error:
                raise ValueError(
                    "it holds objects that are no tensors, which are never unpickled"
                ) from error
    if not isinstance(found, Mapping) or not found:
        raise DataError(
            f"{path}: must hold tensors by name, found {type(found).__name__}",
            next_step=f"write it with {STATES}",
        )
    for name, tensor in found.items():
        _check_tensor(path, name, tensor, torch)
    size = 8 * sum(tensor.numel() for tensor in found.values())  # a view may repeat what is stored
    if size > MOST_BYTES:
        raise DataError(f"{path}: its tensors have {size:,} bytes, more than {MOST_BYTES:,}")
    with reading(path, kind=kind, argument=argument):
        return {
            name: (tensor.double() if tensor.is_floating_point() else tensor).detach().numpy()
            for name, tensor in found.items()
        }


def _check_unpacked(path: Path) -> None:
    """ValueError if an archive holds more than its size says, such as packed zeros."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > MOST_BYTES:
        raise ValueError(f"its tensors have {size:,} bytes unpacked, more than {MOST_BYTES:,}")


def _check_tensor(path: Path, name: Any, tensor: Any, torch: Any) -> None:
    """DataError unless it is a tensor of numbers that stand in the file."""
    if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
        raise DataError(
            f"{path}: {name}: must be a tensor, found {type(tensor).__name__}",
            next_step=f"write the state dict alone, with {STATES}",
        )
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        raise DataError(f"{path}: {name}: must be a dense tensor, found another kind")
