"""Files are whole or absent, whatever the disk does, and one folder has one writer."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pfmap.errors import EnvironmentFault
from pfmap.store import atomic
from pfmap.store.atomic import atomic_file, sweep, write_bytes
from pfmap.store.journal import BlockEntry, Journal
from pfmap.store.lock import folder_lock
from pfmap.store.tables import write_table

LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
import pandas as pd
from pfmap.errors import EnvironmentFault
from pfmap.store.tables import write_table

resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
keys = np.random.default_rng(0).integers(0, 2**60, 20_000)
frame = pd.DataFrame({"function": keys.astype(str), "count": keys, "first_draw": keys})
try:
    write_table(Path(sys.argv[1]), frame, "counts")
except EnvironmentFault as error:
    print(error)
    sys.exit(error.exit_code)
"""


def small() -> pd.DataFrame:
    return pd.DataFrame({"function": ["0"], "count": [1], "first_draw": [0]})


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")

    def fail() -> None:
        with atomic_file(path) as file:
            file.write(b"half of the new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_an_environment_fault_and_keeps_the_old_table(tmp_path, monkeypatch):
    path = tmp_path / "part-000000.parquet"
    write_table(path, small(), "counts")
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(
        EnvironmentFault, match=r"disk full while writing.*free some space"
    ) as caught:
        write_table(path, pd.concat([small(), small()]), "counts")
    assert caught.value.exit_code == 5
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_size_limit_met_in_the_middle_of_a_table_is_reported(tmp_path):
    path = tmp_path / "counts" / "part-000000.parquet"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 5, done.stderr
    assert "disk full while writing" in done.stdout
    assert list(path.parent.iterdir()) == []


def test_a_file_in_place_of_a_folder_is_reported(tmp_path):
    (tmp_path / "occupied").write_text("a file")
    with pytest.raises(EnvironmentFault, match=r"a file stands where a folder is needed"):
        write_table(tmp_path / "occupied" / "a.parquet", small(), "counts")
    assert (tmp_path / "occupied").read_text() == "a file"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_an_unwritable_folder_is_reported(tmp_path, monkeypatch, number):
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(atomic.os, "replace", refuse)
    with pytest.raises(EnvironmentFault, match=r"cannot write.*make the folder writable"):
        write_bytes(tmp_path / "a.txt", b"x")
    assert list(tmp_path.iterdir()) == []


def test_sweep_removes_only_what_killed_writers_left(tmp_path):
    (tmp_path / ".a.parquet.pfmap-tmp").write_bytes(b"half")
    (tmp_path / ".merge-x.pfmap-tmp").mkdir()
    (tmp_path / ".merge-x.pfmap-tmp" / "spill").write_bytes(b"x")
    kept = [tmp_path / name for name in ("a.parquet", ".hidden", "b.pfmap-tmp")]
    for path in kept:
        path.write_bytes(b"x")
    assert len(sweep(tmp_path)) == 2
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def block(index: int) -> BlockEntry:
    return BlockEntry(index, 256, 10, f"counts/part-{index:06d}.parquet", "ab" * 32, 0.5)


def test_a_torn_last_line_is_dropped_and_written_over(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    for index in range(3):
        journal.append(block(index))
    whole = journal.path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for keep in (1, 20, len(lines[2]) - 1):
        journal.path.write_bytes(b"".join(lines[:2]) + lines[2][:keep])
        torn = Journal(journal.path)
        assert sorted(torn.state.blocks) == [0, 1]
        assert torn.state.damaged == [3]
        torn.append(block(2))
        assert journal.path.read_bytes() == whole


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b'{"event":"block","block_index":1}',
        b'{"event":"block","block_index":"1","draws":256,"rows":1,"shard":"","sha256":"",'
        b'"elapsed_s":0}',
        b'{"event":"sunrise"}',
        b"[]",
        b"\xff\xfe",
    ],
)
def test_a_damaged_line_is_named_and_its_neighbours_count(tmp_path, line):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append(block(0))
    with open(journal.path, "ab") as file:
        file.write(line + b"\n")
    journal = Journal(journal.path)
    journal.append(block(2))
    state = Journal(journal.path).state
    assert sorted(state.blocks) == [0, 2]
    assert state.damaged == [2]


def test_a_second_writer_is_turned_away_and_a_dead_one_does_not_block(tmp_path):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys\nfrom pathlib import Path\nfrom pfmap.store.lock import folder_lock\n"
            "with folder_lock(Path(sys.argv[1])):\n    print('held', flush=True)\n"
            "    sys.stdin.read()",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(EnvironmentFault, match=f"another pfmap.*process {holder.pid}"),
            folder_lock(tmp_path),
        ):
            pass
        holder.kill()
    with folder_lock(tmp_path) as held:
        assert held


def test_a_lock_in_a_place_that_cannot_be_a_folder_is_reported(tmp_path):
    (tmp_path / "occupied").write_text("a file")
    with (
        pytest.raises(EnvironmentFault, match=r"a file stands where a folder"),
        folder_lock(Path(tmp_path / "occupied")),
    ):
        pass
