"""The guard around reading: any file, any damage, one line that names it."""

from __future__ import annotations

import io
import os
import socket
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pfmap.errors import DataError, PfmapError, SettingsError, shown
from pfmap.models.polynomial import polynomial_model
from pfmap.pipeline.report import RunResult, StageOutcome
from pfmap.pipeline.tasks import sent
from pfmap.reading import arrays, read_bytes, reading, tables
from pfmap.reading.arrays import read_arrays
from pfmap.reading.settings import read_toml
from pfmap.reading.tables import is_parquet, read_numbers
from pfmap.settings.campaign import Campaign
from pfmap.store.tables import counting_notes, read_file, row_count, write_table
from pfmap.volume.checkpoint import Checkpoint
from pfmap.volume.splitting import Run, Settings
from pfmap.volume.target import loss_target
from pfmap_cli.run import _text


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "held.bin"
    path.write_bytes(b"content")
    return path


@pytest.mark.parametrize(
    "raised",
    [
        zlib.error("invalid block type"),
        EOFError(),
        zipfile.BadZipFile("no end"),
        NotImplementedError("compression type 9"),
        AttributeError("no read"),
        RecursionError("maximum recursion depth"),
        OverflowError("too large"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        MemoryError(),
        KeyError("runs"),
        ValueError("two\nlines"),
        OSError("footer damaged"),
        OSError(5, "Input/output error"),
    ],
)
def test_whatever_reading_raises_becomes_one_line_that_names_the_file(file, raised):
    with pytest.raises(DataError) as found, reading(file, kind="JSON", next_step="write it anew"):
        raise raised
    assert str(file) in found.value.message
    assert found.value.next_step == "write it anew"
    assert found.value.__cause__ is raised
    assert "\n" not in found.value.message


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), SystemExit(3), SettingsError("a rule")])
def test_stops_and_rules_pass_unchanged(file, raised):
    with pytest.raises(type(raised)) as found, reading(file, kind="JSON"):
        raise raised
    assert found.value is raised


def test_pipes_sockets_devices_and_folders_are_refused_before_they_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for path in (tmp_path / "pipe", tmp_path / "socket", Path("/dev/zero"), tmp_path):
            for read in (
                lambda path: read_bytes(path, kind="JSON"),
                lambda path: read_toml(path, argument="campaign file"),
                read_arrays,
                read_numbers,
                is_parquet,
            ):
                with pytest.raises(PfmapError, match=r"cannot be read: it is a .*, not a file"):
                    read(path)


@pytest.mark.parametrize("name", ["nul\0inside", "half\ud800", "x" * 5000])
def test_names_that_no_file_can_have_are_refused(tmp_path, name):
    with pytest.raises(DataError, match="cannot be read"):
        read_bytes(tmp_path / name, kind="JSON")


def test_files_that_are_too_large_are_not_read(tmp_path):
    path = tmp_path / "large.toml"
    with path.open("wb") as held:
        held.truncate(10**12)
    with pytest.raises(SettingsError, match=r"1,000,000,000,000 bytes, more than"):
        read_toml(path, argument="campaign file")
    with pytest.raises(DataError, match=r"1,000,000,000,000 bytes, more than"):
        read_arrays(path)
    if Path("/proc/self/maps").exists():  # it says that it has no bytes
        with pytest.raises(DataError, match="more than 10 bytes"):
            read_bytes(Path("/proc/self/maps"), kind="JSON", most_bytes=10)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "9" * 5000, "not valid TOML"),
        ("a = " + "[" * 3000, "nested too deep"),
        ("[" + "a." * 100_000 + "a]", "nested too deep"),
        ("a = '\ud800'", "utf-8"),
        ("draws = = 1", "Invalid value"),
    ],
)
def test_no_toml_ends_in_anything_but_a_line(tmp_path, text, words):
    path = tmp_path / "a.toml"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(SettingsError, match=words):
        read_toml(path, argument="campaign file")


def test_a_header_that_promises_more_than_the_file_holds_is_refused(tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f8", "fortran_order": False, "shape": (10**18,)}
    )
    (tmp_path / "a.npy").write_bytes(buffer.getvalue() + b"short")
    with pytest.raises(DataError, match="promises an array of shape"):
        read_arrays(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("weights.npy", buffer.getvalue())
    with pytest.raises(DataError, match="promises an array of shape"):
        read_arrays(tmp_path / "a.npz")


def test_what_unpacks_to_more_than_memory_should_hold_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MOST_BYTES", 2**20)
    monkeypatch.setattr(tables, "MOST_BYTES", 2**20)
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for index in range(9):
            archive.writestr(f"w{index}.npy", bytes(2**18))
    assert path.stat().st_size < 2**14
    with pytest.raises(DataError, match="unpacked, more than"):
        read_arrays(path)
    pd.DataFrame({"x": np.zeros(2**18, dtype=np.int8)}).to_parquet(tmp_path / "bomb.parquet")
    assert (tmp_path / "bomb.parquet").stat().st_size < 2**14
    with pytest.raises(DataError, match="unpacked, more than"):
        read_numbers(tmp_path / "bomb.parquet")


def test_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", w=np.array([{}], dtype=object))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(DataError, match=r"[Oo]bject"):
            read_arrays(tmp_path / name)


def test_arrays_are_known_by_content_not_by_name(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.ones(2))
    np.save(tmp_path / "b.npy", np.ones((2, 3), order="F"))
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    (tmp_path / "b.npy").rename(tmp_path / "b.npz")
    assert {name: v.tolist() for name, v in read_arrays(tmp_path / "a.npy").items()} == {
        "w": [1.0, 1.0]
    }
    assert read_arrays(tmp_path / "b.npz")[""].tolist() == [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]


def test_folders_of_a_table_are_names_not_partitions(tmp_path):
    folder = tmp_path / "y=7"
    folder.mkdir()
    pd.DataFrame({"x": [0.5, 1.5]}).to_parquet(folder / "points.parquet")
    assert list(read_numbers(folder / "points.parquet").columns) == ["x"]


def test_every_error_is_one_line_whatever_value_it_quotes():
    error = PfmapError("name: got a\nb\x1b[2J\udc80", next_step="line\r\nbreak")
    assert str(error) == "name: got a\\nb\\x1b[2J\\udc80 (next: line\\r\\nbreak)"
    assert len(PfmapError("9" * 10**6).message) < 3000
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep) == "tables nested too deep to be shown"
    assert shown([2**20000]) == "an integer of more than 4,300 digits"


@pytest.mark.parametrize("note", ["pfmap_draws", "pfmap_count_error", "pfmap_inclusion"])
@pytest.mark.parametrize("value", ["1x", "", "9" * 5000])
def test_notes_of_a_table_that_are_no_numbers_are_damages(tmp_path, note, value):
    if note == "pfmap_inclusion" and value.startswith("9"):
        return  # infinite, and a number
    path = tmp_path / "part-000000.parquet"
    counts = pd.DataFrame({"function": ["8"], "count": [3], "first_draw": [0]})
    write_table(path, counts, "counts", notes={note: value})
    for read in (read_file, counting_notes, row_count):
        with pytest.raises(DataError, match=r"part-000000\.parquet: damaged or not valid Parquet"):
            read(path, "counts")


def test_a_kept_run_that_cannot_be_understood_is_made_again(tmp_path):
    target = loss_target(polynomial_model([[1]]), name="w")
    kept = Checkpoint(tmp_path, target, Settings())
    kept.keep_run(0, Run(np.zeros(1), [np.zeros((1, 1))], np.ones(1), 100))
    kept.keep_run(1, Run(np.zeros(1), [np.zeros((1, 1))], np.ones(1), 100))
    (kept.folder / "run-0000.parquet").rename(kept.folder / "run-x.parquet")
    assert list(kept.runs()) == [1]


def test_points_that_are_gone_when_a_campaign_is_sent_are_named(tmp_path):
    path = tmp_path / "points.npy"
    np.save(path, np.eye(2))
    campaign = Campaign(domain={"kind": "points", "file": str(path)}, network={"widths": (2, 2, 1)})
    assert sent(campaign).points == path.read_bytes()
    path.unlink()
    with pytest.raises(DataError, match=r"^domain.file: no such file: .*points\.npy"):
        sent(campaign)
    path.mkdir()
    with pytest.raises(
        DataError, match=r"^domain.file: .*points\.npy: cannot be read: .* a folder"
    ):
        sent(campaign)


def test_a_summary_that_is_no_text_any_more_is_named(tmp_path):
    analyzed = StageOutcome(elapsed_s=0.0, up_to_date=True, files=())
    result = RunResult(tmp_path, Campaign(), {"analyze": analyzed})
    path = tmp_path / "summary.md"
    path.write_text("# λ", encoding="utf-8")
    assert _text(result).startswith("# λ")
    path.write_bytes(b"# \xff\xfe")
    with pytest.raises(DataError, match=r"summary\.md: damaged or not valid text: 'utf-8'"):
        _text(result)
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match=r"summary\.md: cannot be read: it is a folder"):
        _text(result)
