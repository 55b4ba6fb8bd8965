"""The journal of a campaign: append-only lines that say which files are done.

A shard or table counts only when its line, written after the file's rename and synced, says so.
A line torn by a killed writer or damaged by the disk is skipped: what it recorded is made again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from pfmap.reading import read_bytes

from .atomic import disk_faults, write_bytes
from .lines import (
    BeginEntry,
    BlockEntry,
    CampaignEntry,
    Entry,
    FoldEntry,
    ProvenanceEntry,
    RunEntry,
    StageEntry,
    line_text,
    parsed_line,
)

__all__ = [
    "BeginEntry",
    "BlockEntry",
    "CampaignEntry",
    "FoldEntry",
    "Journal",
    "JournalState",
    "ProvenanceEntry",
    "RunEntry",
    "StageEntry",
]


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
    begun : set of str
        Stages that began after their last entry, if any: killed there, or still in work.
    provenance : list of str
        The last two SHA-256 of ``provenance.json``: the last one is noted before it is written.
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
    begun: set[str] = field(default_factory=set)
    provenance: list[str] = field(default_factory=list)
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
        elif isinstance(entry, BeginEntry):
            self.begun.add(entry.stage)
        elif isinstance(entry, ProvenanceEntry):
            self.provenance = [*self.provenance[-1:], entry.sha256]
        else:
            self.begun.discard(entry.stage)
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
            entry = parsed_line(line)
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
        with disk_faults(self.path), open(self.path, "ab") as file:
            _drop_torn_line(self.path)
            file.write(line_text(entry))
            file.flush()
            os.fsync(file.fileno())
        self._lines += 1
        state.note(entry, self._lines)

    def drop_damaged(self) -> list[int]:
        """Write the file anew without the lines that cannot be read; their numbers."""
        damaged = self.state.damaged
        if damaged:
            lines = self.path.read_bytes().split(b"\n")
            kept = [line for number, line in enumerate(lines[:-1], 1) if number not in damaged]
            write_bytes(self.path, b"".join(line + b"\n" for line in kept))
            self._state = None
        return damaged


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
