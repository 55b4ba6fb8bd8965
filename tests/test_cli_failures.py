"""What the command line says and returns when something goes wrong, and how it finds campaigns."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import COMMAND, TINY, pfmap, wait_for

import pfmap_cli.progress
from pfmap.errors import PfmapError
from pfmap.settings.read import read_campaign
from pfmap_cli import main
from pfmap_cli.progress import ProgressReporter
from pfmap_cli.render import counted


@pytest.fixture(scope="module")
def sampled(tmp_path_factory) -> Path:
    """A folder in which a tiny campaign has drawn and weighed its functions."""
    folder = tmp_path_factory.mktemp("failures")
    (folder / "tiny.toml").write_text(TINY)
    np.savez(folder / "nan.npz", weights=np.full(41, np.nan))
    done = pfmap("sample", "tiny.toml", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("status", "absent"), 2),
        (("run", "defualt"), 2),
        (("show", "zz", "--in", "tiny"), 2),
        (("llc", "tiny", "--weights", "nan.npz"), 4),
        (("run", "tiny.toml", "--out", "tiny.toml"), 5),
    ],
)
def test_an_error_is_explained_on_stderr_and_with_json_on_stdout(sampled, arguments, code):
    plain = pfmap(*arguments, cwd=sampled)
    assert (plain.returncode, plain.stdout) == (code, "")
    told = pfmap(*arguments, "--json", cwd=sampled)
    assert told.returncode == code
    error = json.loads(told.stdout)
    assert error["exit_code"] == code
    assert error["error"] in told.stderr
    assert error["next_step"] in told.stderr


def test_a_result_with_problems_stays_one_json_document(sampled, tmp_path):
    done = pfmap("sample", "tiny.toml", "--out", tmp_path / "spoilt", cwd=sampled)
    assert done.returncode == 0
    (tmp_path / "spoilt/counts/part-000001.parquet").write_bytes(b"spoilt")
    found = pfmap("verify", tmp_path / "spoilt", "--json", cwd=sampled)
    assert found.returncode == 4
    assert json.loads(found.stdout)["ok"] is False


def test_ctrl_c_outside_of_a_stage_is_no_bug(sampled):
    command = [COMMAND, "verify", "tiny", "--blocks", "5"]
    with subprocess.Popen(command, cwd=sampled, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert "verifying" in running.stderr.readline()
        time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        errors = running.stderr.read()
    if running.returncode != 0:  # else it was done before the signal came
        assert running.returncode == 3, errors
        assert "stopped on request" in errors
        assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "--bogus"), "--bogus"),
        (("run", "--draws", "abc"), "integer"),
        (("show",), "key"),
        (("bogus",), "bogus"),
    ],
)
def test_usage_errors_are_one_json_document_too(tmp_path, arguments, words):
    told = pfmap(*arguments, "--json", cwd=tmp_path)
    assert told.returncode == 2
    error = json.loads(told.stdout)
    assert error["exit_code"] == 2
    assert words in error["error"].lower()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_twice_is_stopping_once(tmp_path, number):
    (tmp_path / "tiny.toml").write_text(TINY.replace("draws = 20_000", "draws = 40_000_000", 1))
    command = [COMMAND, "sample", "tiny.toml"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        wait_for(tmp_path, "results/tiny/counts/part-*.parquet", running)
        for _ in range(4):
            running.send_signal(number)
            time.sleep(0.02)
        assert running.stderr is not None
        errors = running.stderr.read()
    assert running.returncode == 3, errors
    assert "stopped on request" in errors
    assert "Traceback" not in errors


def test_sigterm_before_any_stage_is_a_stop(tmp_path):
    """While NumPy and the like are imported, no handler of a stage is in place yet."""
    command = [COMMAND, "run", "small"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        running.stderr.readline()
        running.send_signal(signal.SIGTERM)
        errors = running.stderr.read()
    assert running.returncode == 3, errors


def test_resuming_a_shipped_campaign_keeps_the_total_of_the_folder(tmp_path):
    assert pfmap("sample", "small", "--draws", "20000", cwd=tmp_path).returncode == 0
    done = pfmap("run", "small", "--resume", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["draws"] == 20_000


def test_a_campaign_file_is_named_after_itself(tmp_path):
    assert pfmap("init", "my net.toml", "--from", "small", cwd=tmp_path).returncode == 0
    assert read_campaign(tmp_path / "my net.toml").name == "my-net"


HALF_BUILT = """
from pfmap_cli import main

class PassBuilder:
    def __init__(self):
        {raised}
        self.handle = 1

    def __del__(self):
        del self.handle

main.app = PassBuilder
main.entry()
"""


@pytest.mark.parametrize(
    ("raised", "code", "silent"),
    [
        ("raise SystemExit(main.INTERRUPTED) from KeyboardInterrupt()", 3, True),
        ("raise main.StoppedEarly('stopped') from KeyboardInterrupt()", 3, True),
        ("raise main.PfmapError('why')", 1, False),  # the control: elsewhere nothing is hushed
    ],
)
def test_what_a_stop_leaves_half_built_prints_no_traceback(raised, code, silent):
    script = HALF_BUILT.format(raised=raised)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert ("Traceback" not in done.stderr) is silent, done.stderr


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "out.txt"), 5, "No space left on device"),
        (MemoryError("Unable to allocate 9 TiB"), 5, "Unable to allocate 9 TiB"),
        (SystemExit(main.INTERRUPTED), 3, "stopped on request"),
        (PfmapError("why"), 1, "why"),
        (ZeroDivisionError("by zero"), 1, "internal error: ZeroDivisionError: by zero"),
    ],
)
def test_every_kind_of_error_has_its_exit_code(monkeypatch, capsys, raised, code, words):
    def fail() -> None:
        raise raised

    monkeypatch.setattr(main, "app", fail)
    # Restored, since a stop changes it, and so are the handlers of signals.
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        main.entry()
    assert ended.value.code == code
    assert words in capsys.readouterr().err


def test_a_full_disk_under_stdout_is_an_environment_error(sampled):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [COMMAND, "status", "tiny"],
            cwd=sampled, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 5
    assert "No space left on device" in done.stderr


def test_a_campaign_is_found_by_folder_name_and_file(sampled):
    for command in (("status", "tiny.toml"), ("status", "results/tiny")):
        assert pfmap(*command, cwd=sampled).returncode == 0
    again = pfmap("sample", "tiny", "--resume", cwd=sampled)
    assert again.returncode == 0, again.stderr
    assert "sampling the prior: up to date" in again.stderr


def test_show_counts_the_draws_of_its_table_not_those_asked_for_since(sampled):
    settings = sampled / "results/tiny/campaign.toml"
    before = settings.read_text()
    settings.write_text(before.replace("draws = 20000", "draws = 90000", 1))
    shown = pfmap("show", "00", "--in", "tiny", cwd=sampled)
    settings.write_text(before)
    assert "of 20,000 draws" in shown.stdout


def test_time_left_is_measured_after_the_first_units(monkeypatch, capsys):
    """Ten seconds of compilation, then one second a unit: 7 more are 7 s, not 31 s."""
    clock = iter([0.0, 11.0, 14.0])
    monkeypatch.setattr(pfmap_cli.progress.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    with ProgressReporter() as reporter:
        reporter.started("llc")
        reporter.progress("llc", 1, 11)
        monkeypatch.setattr(pfmap_cli.progress, "LINE_EVERY_S", 0.0)
        reporter.progress("llc", 4, 11)
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "learning coefficients: 1 of 11 (9%)"
    assert lines[2] == "learning coefficients: 4 of 11 (36%), 0:00:07 left"


def test_progress_is_utf8_where_the_locale_claims_ascii(sampled):
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [COMMAND, "sample", "tiny", "--resume"],
        cwd=sampled, env={**os.environ, **ascii_only}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "sampling the prior …" in done.stderr.decode("utf-8")


def test_a_terminal_gets_bars_with_the_time_left(sampled):
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [COMMAND, "sample", "tiny", "--resume"],
        cwd=sampled, stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "COLUMNS": "100"},
    ) as running:  # fmt: skip
        os.close(theirs)
        seen = b""
        try:
            while piece := os.read(ours, 65536):
                seen += piece
        except OSError:  # Linux ends a pseudo-terminal with EIO
            pass
    os.close(ours)
    assert running.returncode == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode("utf-8"))
    assert re.search(r"sampling the prior \(up to date\).*elapsed, +0:00:00 left", text)


def test_a_count_of_one_has_no_plural():
    assert [counted(n, "shard") for n in (0, 1, 2, 1000)] == [
        "0 shards",
        "1 shard",
        "2 shards",
        "1,000 shards",
    ]
