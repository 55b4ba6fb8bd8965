"""What fuzzing does with tables: right columns, wrong rows, and the commands that read them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import random
import re
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from fuzz_bench import Bench, Fault, command, merges, reads

from pfmap.errors import PfmapError
from pfmap.store.column import Column
from pfmap.store.schema import TABLES
from pfmap.store.tables import write_table

READING = (
    ("status", "held"),
    ("verify", "held", "--blocks", "0"),
    ("show", "0", "--in", "held"),
    ("show", "00", "--in", "held"),
    ("show", "ff", "--in", "held", "--json"),
)
STAGES = (
    ("plot", "held"),
    ("plot", "held"),
    ("analyze", "held"),
    ("analyze", "held", "--json"),
    ("complexity", "held"),
    ("llc", "held"),
    ("run", "held", "--resume"),
    ("sample", "held", "--resume"),
)
_SUM = re.compile(rb',"crc32":"[0-9a-f]{8}"}')


def table_content(rng: random.Random, on: Bench) -> str:
    """Tables with the right columns and the wrong rows, met by reading commands."""
    path = on.held / rng.choice([file for file in on.content if _is_table(file)])
    try:
        if not _write_wrong(rng, path):
            return "unwritable"
        return reads(on, list(rng.choice(READING)))
    finally:
        on.restore()


def stages(rng: random.Random, on: Bench) -> str:
    """The same with digests to match in the journal, met by the stages of a campaign and merge."""
    try:
        if rng.random() < 0.15:
            return _merged(rng, on)
        path = on.held / rng.choice([file for file in on.content if _is_table(file)])
        if not _write_wrong(rng, path):
            return "unwritable"
        arguments = [*rng.choice(STAGES), "--threads", "1"]
        arguments = arguments[:-2] if arguments[0] == "plot" else arguments
        outcome = command(arguments, on.folder)
        if outcome not in ("exit 0", "exit 4"):
            raise Fault(f"{path.name}: {' '.join(arguments)} ended with {outcome}")
        return outcome
    finally:
        on.restore()


def _merged(rng: random.Random, on: Bench) -> str:
    """Two parts of a campaign joined, the counts of one of them wrong."""

    def change(hurt: Path) -> bool:
        return _write_wrong(rng, rng.choice(sorted(hurt.rglob("part-*.parquet"))))

    return merges(rng, on, change)


def _is_table(file: str) -> bool:
    return file.endswith(".parquet") and "/" not in file


def _write_wrong(rng: random.Random, path: Path) -> bool:
    """Write a table again with wrong rows, and its digest into the journal beside it.

    False where the rows cannot be written.
    """
    content = path.read_bytes()
    table = pq.read_table(io.BytesIO(content))
    frame = table.to_pandas()
    column = rng.choice(list(frame.columns))
    for _ in range(rng.randint(1, 3)):
        if not len(frame):
            break
        row = rng.randrange(len(frame))
        wrong = rng.choice(
            (None, -1, 0, 2**62, np.nan, np.inf, "zz", "", "\u202e", frame[column].iloc[0])
        )
        with contextlib.suppress(TypeError, ValueError, OverflowError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            held = frame.astype({column: object})
            held.iat[row, held.columns.get_loc(column)] = wrong
            frame = rng.choice(
                (held, held, pd.concat([held, held]), held.iloc[:0], held.iloc[::-1])
            )
    notes = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
    notes.pop("pandas", None)
    name = "counts" if path.stem.startswith("part-") else path.stem
    extra = tuple(c for c in _columns(table) if c.name in frame.columns)
    try:
        write_table(path, frame, name, extra=extra, notes=notes)
    except (PfmapError, ValueError, TypeError, OverflowError):
        return False
    except Exception as error:
        if type(error).__module__.startswith("pyarrow"):
            return False
        raise
    folder = path.parent if path.stem == name else path.parent.parent
    _note(folder / "journal.jsonl", content, path.read_bytes())
    return True


def _note(journal: Path, before: bytes, after: bytes) -> None:
    """Let the journal name the digest of a file as it is now, with checksums to match."""
    old, new = (hashlib.sha256(content).hexdigest().encode() for content in (before, after))
    lines = []
    for line in journal.read_bytes().split(b"\n"):
        if old in line:
            bare = _SUM.sub(b"}", line.replace(old, new))
            line = bare[:-1] + b',"crc32":"%08x"}' % zlib.crc32(bare)  # noqa: PLW2901
        lines.append(line)
    journal.write_bytes(b"\n".join(lines))


def _columns(table: Any) -> list[Column]:
    known = {column.name for column in TABLES["functions"]}
    return [
        Column(field.name, field.type, "", "")
        for field in table.schema
        if field.name not in known and "function" in table.schema.names
    ]
