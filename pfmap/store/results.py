"""Folders of single results, outside of campaigns: which settings they are of.

A file ``settings.json`` stands beside the tables, so that results of other settings never replace
them unasked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pfmap.errors import DataError, SettingsError
from pfmap.reading import reading

from .aside import set_aside
from .atomic import file_digest, write_bytes
from .folder import CampaignFolder
from .provenance import machine, now
from .tables import bears_mark

SETTINGS = "settings.json"
_FORMAT = 1


def settings_digest(settings: dict[str, Any]) -> str:
    """Eight digits that tell settings apart in the name of a folder.

    Examples
    --------
    >>> settings_digest({"seed": 1}), settings_digest({"seed": 2})
    ('fbe47f6d', 'a61e75dc')
    """
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def read_record(folder: Path) -> dict[str, Any] | None:
    """What ``settings.json`` in a folder says; None if there is none, or it is not pfmap's."""
    path = folder / SETTINGS
    with suppress(DataError), reading(path, kind="JSON"):
        record = json.loads(path.read_bytes())
        sound = isinstance(record["command"], str) and isinstance(record["settings"], dict)
        return record if sound and isinstance(record["files"], dict) else None
    return None


def check_results(
    folder: Path, command: str, settings: dict[str, Any], files: Sequence[str], *, fresh: bool
) -> None:
    """Refuse a folder that holds anything but results of these very settings.

    Parameters
    ----------
    folder : Path
        Where results are to be written; it need not exist.
    command : str
        What makes them: ``curve``, ``posterior``, ``probability``.
    settings : dict
        All that decides them, as plain data.
    files : sequence of str
        Names of the files that will be written there; none where every setting has a place of its
        own, so that nothing is ever replaced.
    fresh : bool
        Whether results of other settings may be replaced.

    Raises
    ------
    SettingsError
        If it holds a campaign, or results of other settings and `fresh` is not set.
    DataError
        If a file that pfmap did not write has one of the names.
    """
    if (folder / "campaign.toml").exists() or CampaignFolder(folder).holds_campaign():
        raise SettingsError(
            f"{folder}: holds a campaign, and results of {command} would stand among its tables",
            next_step="choose another folder with --out",
        )
    record = read_record(folder)
    known = record["files"] if record is not None else {}
    for name in (*files, SETTINGS):
        path = folder / name
        if path.suffix == ".parquet":
            own = bears_mark(path) is not False
        else:
            own = record is not None and (name in known or name == SETTINGS)
        if path.exists() and not own:
            raise DataError(
                f"{path}: pfmap did not write it, and would write over it",
                next_step="move it away, or choose another folder with --out",
            )
    there = [name for name in files if (folder / name).exists()]
    if fresh or (record is None and not there):
        return
    remedy = "choose another folder with --out"
    if files:
        remedy = f"replace them with --fresh, or {remedy}"
    if record is None:
        raise SettingsError(
            f"{folder}: holds {there[0]} of settings that are not known", next_step=remedy
        )
    if record["command"] != command:
        raise SettingsError(
            f"{folder}: holds results of pfmap {record['command']}", next_step=remedy
        )
    found = [
        f"{key} is {_short(record['settings'].get(key))} there, {_short(settings.get(key))} here"
        for key in sorted(record["settings"].keys() | settings.keys())
        if record["settings"].get(key) != settings.get(key)
    ]
    if found:
        raise SettingsError(
            f"{folder}: holds results of other settings: {'; '.join(found)}", next_step=remedy
        )


def record_results(folder: Path, command: str, settings: dict[str, Any]) -> None:
    """Note of which settings a folder is whose results never replace one another."""
    if read_record(folder) is None:
        _write(folder, {"format": _FORMAT, "command": command, "settings": settings, "files": {}})


@contextmanager
def recorded_results(
    folder: Path, command: str, settings: dict[str, Any], files: Sequence[str]
) -> Iterator[None]:
    """Write results inside the block; ``settings.json`` says of which settings, before and after.

    Results of other settings that stand there are removed; figures that somebody has changed are
    kept under another name (`set_aside`).
    """
    old = read_record(folder) or {"files": {}}
    for name, digest in old["files"].items():
        path = folder / Path(name).name
        if path.suffix != ".parquet" and digest:
            set_aside(path, digest)
        if name not in files or old["settings"] != settings:
            path.unlink(missing_ok=True)
    record = {"format": _FORMAT, "command": command, "settings": settings, "begun": now()}
    _write(folder, record | {"files": dict.fromkeys(files, "")})
    yield
    digests = {name: file_digest(folder / name) for name in files}
    _write(folder, record | {"files": digests, "finished": now(), **machine()})


def _write(folder: Path, record: dict[str, Any]) -> None:
    write_bytes(folder / SETTINGS, json.dumps(record, indent=2).encode() + b"\n")


def _short(value: Any) -> str:
    """A setting as an error shows it."""
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
