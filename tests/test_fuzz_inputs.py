"""Hostile inputs of every kind, a few hundred of each: scripts/fuzz.py reads thousands.

The generators are those of the script; hypothesis makes their choices here, the same in every run,
and shrinks what fails.
"""

from __future__ import annotations

import io
import os
import random
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1] / "scripts"))

import fuzz_bench
import fuzz_inputs
import fuzz_kinds

import pfmap_cli.main
from pfmap.errors import DataError
from pfmap.llc import load
from pfmap.settings.read import campaign_from_mapping

# Those that run whole commands are slower, and fewer.
EXAMPLES = {
    "campaign": 250, "npz": 250, "points": 200, "queue": 100, "name": 40, "journal": 30,
    "provenance": 15, "folder": 30, "table": 15, "stage": 8, "merge": 6, "command": 40,
}  # fmt: skip

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("short_conclusions")]


@pytest.fixture(scope="module")
def on(tmp_path_factory) -> fuzz_bench.Bench:
    """A finished campaign, and its blocks in two parts."""
    folder = tmp_path_factory.mktemp("fuzz")
    fuzz_bench.build(folder)
    return fuzz_bench.bench(folder)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_hostile_inputs_are_read_or_refused_in_a_line(on, kind):
    @settings(
        max_examples=EXAMPLES[kind],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=False))
    def reads(rng):
        began = time.process_time()
        fuzz_kinds.KINDS[kind][0](rng, on)
        assert time.process_time() - began < 60.0

    reads()


def test_every_kind_of_the_script_has_a_reader_that_is_tried_here():
    """Files of the kernel cache have tests of their own; continuing a campaign takes seconds."""
    assert set(EXAMPLES) == set(fuzz_kinds.KINDS) - {"kernel", "resume"}


def test_a_reader_that_lets_an_error_through_is_found(on, monkeypatch):
    def careless(path, **_):
        return {"weights": path.read_bytes().decode()}

    monkeypatch.setattr(load, "read_arrays", careless)
    inputs = (fuzz_kinds.weights(random.Random(number), on) for number in range(200))
    with pytest.raises(fuzz_bench.Fault, match="UnicodeDecodeError"):
        list(inputs)


def test_a_command_that_changes_what_it_reads_is_found(on, monkeypatch):
    def careless():
        (Path.cwd() / "held" / "summary.md").write_text("changed")

    monkeypatch.setattr(pfmap_cli.main, "entry", careless)
    with pytest.raises(fuzz_bench.Fault, match="changed a file"):
        fuzz_bench.reads(on, ["status", "held"])
    on.restore()
    assert (on.held / "summary.md").read_bytes() == on.content["summary.md"]


@pytest.mark.parametrize("ends", [EOFError(), ValueError("a bug")])
def test_an_internal_error_and_an_abort_are_found(on, monkeypatch, ends):
    def careless(*_):
        raise ends

    monkeypatch.setattr("pfmap.pipeline.status", careless)
    with pytest.raises(fuzz_bench.Fault, match="exit code 1"):
        fuzz_bench.command(["status", "held"], on.folder)


def test_inputs_are_made_again_from_their_number():
    made = [fuzz_inputs.npz_file(random.Random("npz 1 7"), ("weights",)) for _ in range(2)]
    assert made[0] == made[1]


def test_a_pipe_in_place_of_points_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / "points.npy")
    domain = {"kind": "points", "file": str(tmp_path / "points.npy")}
    campaign = campaign_from_mapping(fuzz_bench.BASE | {"domain": domain})
    with pytest.raises(DataError, match="it is a pipe, not a file"):
        _ = campaign.points


def flipped(place: int, behind: bytes = b"") -> bytes:
    """An .npz of weights with one byte changed: of its member, or of the list of members."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, weights=np.linspace(-1.0, 1.0, 21))
    content = bytearray(buffer.getvalue())
    content[content.index(behind) + place] ^= 0xFF
    return bytes(content)


def member_of_text() -> bytes:
    """An .npz whose member is no array."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("weights", "text")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        flipped(80),
        flipped(6, b"PK\x01\x02"),
        flipped(1, b"PK\x05\x06"),
        member_of_text(),
        b"",
        b"PK",
        b"\x93NUMPY\x01\x00",
    ],
    ids=["zlib", "version", "directory", "text", "empty", "zip cut", "npy cut"],
)
@pytest.mark.parametrize(
    "arguments",
    [
        ("llc", "held", "--weights"),
        ("curve", "held", *fuzz_bench.SHORT, "--target"),
        ("curve", "held", *fuzz_bench.SHORT, "--probabilities"),
        ("posterior", "held", *fuzz_bench.SHORT, "--draws", "1", "--data"),
    ],
    ids=lambda arguments: f"{arguments[0]} {arguments[-1]}",
)
def test_a_damaged_file_of_the_user_ends_with_exit_code_4(on, arguments, content):
    on.put("hurt.npz", content)
    assert fuzz_bench.command([*arguments, "hurt.npz"], on.folder) == "exit 4"
