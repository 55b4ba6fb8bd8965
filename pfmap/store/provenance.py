"""What it takes to run a campaign again: settings, versions, machine, threads, wall times."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pfmap
from pfmap.errors import DataError
from pfmap.reading import reading
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping

from .atomic import write_bytes
from .schema import FORMAT_VERSION

PACKAGES = (
    "numpy",
    "numba",
    "llvmlite",
    "scipy",
    "scikit-learn",
    "pyarrow",
    "pandas",
    "duckdb",
    "pydantic",
    "matplotlib",
    "fbool",
)


@cache
def machine() -> dict[str, Any]:
    """Versions, processor and operating system of this process.

    Examples
    --------
    >>> sorted(machine())
    ['cores', 'cpu', 'packages', 'pfmap', 'platform', 'python']
    """
    packages = {}
    for package in PACKAGES:
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "pfmap": pfmap.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "packages": packages,
    }


def _cpu_name() -> str:
    """Name of the processor, as the operating system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def now() -> str:
    """The present time in UTC, to the second, in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_provenance(
    path: Path,
    campaign: Campaign,
    run: dict[str, Any],
    *,
    first: bool,
    note: Callable[[str], None],
) -> None:
    """Write ``provenance.json``: the settings, and one record a run.

    Parameters
    ----------
    path : Path
        The file.
    campaign : Campaign
        Settings of the campaign.
    run : dict
        Record of the present run: ``started``, ``threads``, ``threading_layer``, ``stages`` (wall
        time in seconds by stage), ``finished``. `machine` is added.
    first : bool
        Whether to add the record; else it replaces the last one.
    note : callable
        Told the SHA-256 before the file is written.
    """
    runs = read_provenance(path)["runs"] if path.exists() else []
    if runs and not first:
        runs.pop()
    record = {
        "format": FORMAT_VERSION,
        "campaign": campaign.model_dump(mode="json", exclude_none=True),
        "runs": [*runs, {**run, **machine()}],
    }
    content = json.dumps(record, indent=2).encode() + b"\n"
    note(hashlib.sha256(content).hexdigest())
    write_bytes(path, content)


def read_provenance(path: Path) -> dict[str, Any]:
    """Read ``provenance.json``.

    Returns
    -------
    dict
        ``format``, ``campaign`` (settings) and ``runs`` (one record a run, in order). A missing or
        damaged file has no runs: no result depends on it.
    """
    with suppress(DataError), reading(path, kind="JSON"):
        record = json.loads(path.read_bytes())
        settings, runs = record["campaign"], record["runs"]
        if isinstance(settings, dict) and all(isinstance(run, dict) for run in runs):
            return {**record, "runs": list(runs)}
    return {"format": FORMAT_VERSION, "campaign": {}, "runs": []}


def campaign_of_provenance(path: Path) -> Campaign:
    """The campaign that ``provenance.json`` describes, ready to be run again.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    settings = read_provenance(path)["campaign"]
    if not settings:
        raise DataError(f"{path}: missing or damaged", next_step="use campaign.toml beside it")
    return campaign_from_mapping(settings, source=str(path))
