"""The journal of a campaign: append-only lines that say which files are done.

A shard or table counts only when its line, written after the file's rename and synced, says so.
A line torn by a killed writer or damaged by the disk is skipped: what it recorded is made again.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pfmap.reading import read_bytes

from .atomic import disk_faults


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


Entry = CampaignEntry | BlockEntry | FoldEntry | StageEntry | RunEntry
_EVENTS: dict[str, type[Entry]] = {
    "campaign": CampaignEntry,
    "block": BlockEntry,
    "fold": FoldEntry,
    "stage": StageEntry,
    "run": RunEntry,
}
_NAMES = {kind: name for name, kind in _EVENTS.items()}


@dataclass
class JournalState:
    """What a journal says: the last line about each block, stage and file wins.

    Attributes
    ----------
    campaign : CampaignEntry or None
        The last start or continuation.
    blocks : dict
        Block index to its entry.
    fold : FoldEntry
        Blocks that have no shard any more, and what holds their counts.
    stages : dict
        Stage name to its entry.
    line_of_stage : dict
        Stage name to the line of its entry: a stage older than one it depends on is stale.
    runs : list of str
        Paths of the files of finished pilots and runs.
    files : dict
        Path of a stage's or a run's file to the SHA-256 it had when it was last written.
    damaged : list of int
        Numbers of lines that could not be read, from 1.
    """

    campaign: CampaignEntry | None = None
    blocks: dict[int, BlockEntry] = field(default_factory=dict)
    fold: FoldEntry = field(default_factory=lambda: FoldEntry(0, {}))
    stages: dict[str, StageEntry] = field(default_factory=dict)
    line_of_stage: dict[str, int] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    damaged: list[int] = field(default_factory=list)

    def note(self, entry: Entry, line: int) -> None:
        """Take in one entry."""
        if isinstance(entry, CampaignEntry):
            self.campaign = entry
        elif isinstance(entry, BlockEntry):
            self.blocks[entry.block_index] = entry
        elif isinstance(entry, FoldEntry):
            self.fold = entry
            self.files.update(entry.files)
        elif isinstance(entry, RunEntry):
            self.runs.append(entry.file)
            self.files[entry.file] = entry.sha256
        else:
            self.stages[entry.stage] = entry
            self.line_of_stage[entry.stage] = line
            self.files.update(entry.files)


class Journal:
    """Append-only journal in a file of JSON lines.

    Parameters
    ----------
    path : Path
        The file; it is made by the first `append`.

    Examples
    --------
    >>> import tempfile
    >>> journal = Journal(Path(tempfile.mkdtemp()) / "journal.jsonl")
    >>> journal.append(CampaignEntry(digest="ab", draws=1000))
    >>> journal.read().campaign
    CampaignEntry(digest='ab', draws=1000)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state: JournalState | None = None
        self._lines = 0

    @property
    def state(self) -> JournalState:
        """What the journal says, kept up to date by `append`."""
        if self._state is None:
            self._state = self.read()
        return self._state

    def read(self) -> JournalState:
        """Read the file anew; an absent file is an empty journal."""
        state = JournalState()
        content = read_bytes(self.path, kind="JSON lines") if self.path.exists() else b""
        lines = content.split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):
            entry = _parse(line)
            if entry is None:
                state.damaged.append(number)
            else:
                state.note(entry, number)
        if lines[-1]:
            state.damaged.append(len(lines))
        self._lines = len(lines) - 1
        return state

    def append(self, entry: Entry) -> None:
        """Add one line and sync it.

        Raises
        ------
        EnvironmentFault
            If the disk is full or the file cannot be written.
        """
        state = self.state
        line = {"event": _NAMES[type(entry)], **asdict(entry)}
        with disk_faults(self.path), open(self.path, "ab") as file:
            _drop_torn_line(self.path)
            file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._lines += 1
        state.note(entry, self._lines)


def _parse(line: bytes) -> Entry | None:
    """The entry of one line, or None if it is damaged."""
    try:
        values: Any = json.loads(line)
        kind = _EVENTS[values.pop("event")]
        entry = kind(**values)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    types: dict[str, Any] = {
        "int": int,
        "str": str,
        "float": (int, float),
        "dict[str, str]": dict,
    }
    sound = all(isinstance(getattr(entry, f.name), types[str(f.type)]) for f in fields(entry))
    return entry if sound else None


def _drop_torn_line(path: Path) -> None:
    """Cut off a last line without its newline, so that the next one starts afresh."""
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return
        file.seek(size - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
