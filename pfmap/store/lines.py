"""Lines of a journal: what each says, its text, and every way in which a text is no line.

A line is data that a disk or a person may have changed: nothing in it is believed that pfmap could
not have written.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class CampaignEntry:
    """A campaign was started or continued: digest of what decides its draws, and their total."""

    digest: str
    draws: int


@dataclass(frozen=True)
class BlockEntry:
    """A block is done: its shard, rows, draws and SHA-256, and the wall time since the last one."""

    block_index: int
    draws: int
    rows: int
    shard: str
    sha256: str
    elapsed_s: float


@dataclass(frozen=True)
class StageEntry:
    """A stage is done: token of its inputs and settings, SHA-256 of its files, wall time."""

    stage: str
    token: str
    files: dict[str, str]
    elapsed_s: float


@dataclass(frozen=True)
class RunEntry:
    """A pilot or run of a splitting is done: its file and its SHA-256."""

    file: str
    sha256: str


@dataclass(frozen=True)
class FoldEntry:
    """Blocks 0 … `blocks` - 1 are folded into files, named with their SHA-256; 0: none are."""

    blocks: int
    files: dict[str, str]


@dataclass(frozen=True)
class BeginEntry:
    """A stage begins: until its own line comes, its files may be newer than the journal says."""

    stage: str


@dataclass(frozen=True)
class ProvenanceEntry:
    """SHA-256 of the ``provenance.json`` that is written next."""

    sha256: str


Entry = (
    CampaignEntry | BlockEntry | FoldEntry | StageEntry | RunEntry | BeginEntry | ProvenanceEntry
)
_EVENTS: dict[str, type[Entry]] = {
    "campaign": CampaignEntry,
    "block": BlockEntry,
    "fold": FoldEntry,
    "stage": StageEntry,
    "run": RunEntry,
    "begin": BeginEntry,
    "provenance": ProvenanceEntry,
}
_NAMES = {kind: name for name, kind in _EVENTS.items()}

_SUM = re.compile(rb',"crc32":"([0-9a-f]{8})"}\Z')
_DIGEST = re.compile(r"[0-9a-f]{2,64}")
_WORD = re.compile(r"[a-z_]{1,64}")
# No path that leaves the folder, no hidden file, no character that a file system forbids.
_FILE = re.compile(
    r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}/){0,2}[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}"
)
_LARGEST = 2**63 - 1


def line_text(entry: Entry) -> bytes:
    """The line of an entry, with a checksum of all before it.

    Examples
    --------
    >>> line_text(BeginEntry("plot"))
    b'{"event":"begin","stage":"plot","crc32":"3841363b"}\\n'
    """
    values = {"event": _NAMES[type(entry)], **asdict(entry)}
    text = json.dumps(values, separators=(",", ":")).encode()
    return text[:-1] + b',"crc32":"%08x"}\n' % zlib.crc32(text)


def parsed_line(line: bytes) -> Entry | None:
    """The entry of one line, without its newline; None if it is damaged, in whatever way.

    Lines without a checksum, as pfmap wrote them before, are read too.

    Examples
    --------
    >>> parsed_line(line_text(BeginEntry("plot"))[:-1])
    BeginEntry(stage='plot')
    >>> parsed_line(b"[" * 100_000) is None
    True
    """
    try:
        found = _SUM.search(line)
        if found:
            line = line[: found.start()] + b"}"
            if zlib.crc32(line) != int(found[1], 16):
                return None
        values = json.loads(line.decode(), object_pairs_hook=_once)
        entry = _EVENTS[values.pop("event")](**values)
        return entry if _sound(entry) else None
    # Whatever a parser raises on such a line, recursion and memory included, it is no line.
    except Exception:
        return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys all differ."""
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key stands twice")
    return values


def _sound(entry: Entry) -> bool:
    """Whether every value is one that pfmap could have written."""
    rules: dict[str, Callable[[Any], bool]] = {
        "int": lambda value: type(value) is int and 0 <= value <= _LARGEST,
        "float": lambda value: type(value) in (int, float) and 0 <= value < math.inf,
        "str": lambda value: type(value) is str,
        "dict[str, str]": lambda value: (
            type(value) is dict and all(map(_sound_file, value.items()))
        ),
    }
    values = {f.name: getattr(entry, f.name) for f in fields(entry)}
    if not all(rules[str(f.type)](values[f.name]) for f in fields(entry)):
        return False
    for name in ("digest", "token", "sha256"):
        if name in values and not _DIGEST.fullmatch(values[name]):
            return False
    if "stage" in values and not _WORD.fullmatch(values["stage"]):
        return False
    if isinstance(entry, BlockEntry):
        return entry.shard == f"counts/part-{entry.block_index:06d}.parquet"
    if isinstance(entry, FoldEntry):
        return bool(entry.files) == bool(entry.blocks) and all(
            name.endswith(f"-{entry.blocks:06d}.parquet") for name in entry.files
        )
    return not isinstance(entry, RunEntry) or _FILE.fullmatch(entry.file) is not None


def _sound_file(item: tuple[Any, Any]) -> bool:
    """Whether a name lies inside the folder and its digest is one."""
    name, digest = item
    return _FILE.fullmatch(name) is not None and (
        type(digest) is str and _DIGEST.fullmatch(digest) is not None
    )
