"""Streams as they come: any encoding, closed, full, without a reader; and odd environments."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import COMMAND, LONGEST_S, TINY, pfmap, wait_for

from pfmap.signals import stop_signals
from pfmap_cli.terminal import READER_GONE

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and signals of POSIX")


@pytest.fixture(scope="module")
def sampled(tmp_path_factory) -> Path:
    """A folder in which a tiny campaign, with λ in its name, has drawn and weighed functions."""
    folder = tmp_path_factory.mktemp("terminal")
    (folder / "tiny.toml").write_text(TINY)
    done = pfmap("sample", "tiny.toml", "--out", "λ-1", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A command as a shell runs it; its exit code is the program's, whatever is behind a pipe."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=folder, capture_output=True, check=False, timeout=LONGEST_S,
        env={**os.environ, "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}", **environment},
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16", "utf-8"])
def test_stdout_takes_every_character_in_any_encoding(sampled, encoding):
    done = shell("pfmap status λ*; pfmap status λ* --json", sampled, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    # What stands for ascii is UTF-8: a locale that claims ASCII is taken for a mistake.
    text = done.stdout.decode("utf-8" if encoding == "ascii" else encoding)
    assert ("λ-" in text) is (encoding in ("ascii", "utf-8", "utf-16")), text
    assert "20,000 of 20,000 draws" in text
    assert json.loads(text[text.index("{") :])["folder"] == "λ-1"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_files_of_the_campaign(tmp_path, closed):
    """The first file opened would get the number of a closed stream, and what is printed there."""
    (tmp_path / "tiny.toml").write_text(TINY)
    done = shell(f"pfmap sample tiny.toml --draws 2000 {closed}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert pfmap("verify", "tiny", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    "command",
    ["status λ*", "status λ* --json", "verify λ*", "--help", "--version"],
)
def test_a_reader_that_has_gone_ends_a_command_quietly(sampled, command):
    done = shell(f"pfmap {command} | true", sampled)
    assert done.returncode in (READER_GONE, 0)  # 0: all was written before the reader went
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr
    ended = shell(f"(sleep 0.5; pfmap {command}; echo $? >&3) 3>code | true", sampled)
    assert (sampled / "code").read_text() == f"{READER_GONE}\n"
    assert b"pfmap: " not in ended.stderr.replace(b"pfmap: verifying", b"")


def test_an_error_keeps_its_code_when_nobody_reads(sampled):
    shell("(sleep 0.5; pfmap status absent --json; echo $? >&3) 3>code | true", sampled)
    assert (sampled / "code").read_text() == "2\n"


@pytest.mark.parametrize("command", ["status λ*", "status λ* --json", "--help", "--version"])
def test_a_full_disk_under_stdout_is_one_line(sampled, command):
    done = shell(f"pfmap {command} > /dev/full", sampled)
    assert done.returncode == 5
    assert done.stderr.startswith(b"pfmap: the system refused: No space left on device")
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("lost", ["2> >(true)", "2> /dev/full"])
def test_progress_that_nobody_can_read_costs_no_work(tmp_path, lost):
    (tmp_path / "tiny.toml").write_text(TINY)
    done = shell(f"pfmap sample tiny.toml --draws 4000 --json {lost}", tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["draws"] == 4000


def begin_long(folder: Path, **options: object) -> subprocess.Popen[bytes]:
    """A run that has written its first shard and would take minutes more."""
    (folder / "tiny.toml").write_text(TINY.replace("draws = 20_000", "draws = 40_000_000", 1))
    command = [COMMAND, "sample", "tiny.toml", "--json"]
    running = subprocess.Popen(command, cwd=folder, **options)  # type: ignore[call-overload]
    wait_for(folder, "results/tiny/counts/part-*", running)
    return running


def test_ctrl_c_after_the_reader_has_gone_is_a_stop(tmp_path):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with begin_long(tmp_path, **pipes) as running:
        assert running.stdout is not None
        running.stdout.close()
        running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        said = running.stderr.read()
    assert running.returncode == 3, said
    assert b"stopped on request" in said
    assert b"Traceback" not in said


def test_a_terminal_that_closes_stops_a_run_resumably(tmp_path):
    ours, theirs = pty.openpty()
    with begin_long(tmp_path, stdout=theirs, stderr=theirs, stdin=theirs) as running:
        os.close(theirs)
        os.close(ours)  # what is told from now on meets an input/output error
        running.send_signal(signal.SIGHUP)
    assert running.returncode == 3
    assert pfmap("verify", "tiny", cwd=tmp_path).returncode == 0


def test_nohup_outlives_its_terminal(tmp_path):
    ignore = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    with begin_long(tmp_path, stderr=subprocess.DEVNULL, **ignore) as running:
        running.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert running.poll() is None
        running.terminate()
    assert running.returncode == 3


def test_an_ignored_hangup_is_no_signal_to_stop(monkeypatch):
    assert signal.SIGHUP in stop_signals()
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.SIG_IGN)
    assert stop_signals() == [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("NUMBA_DISABLE_JIT", "1", "NUMBA_DISABLE_JIT: must be unset or 0"),
        ("NUMBA_NUM_THREADS", "0", "NUMBA_NUM_THREADS: must be a whole number from 1"),
        ("NUMBA_OPT", "abc", "numba: Environment variable 'NUMBA_OPT'"),
    ],
)
def test_what_the_compiler_cannot_do_is_one_line(sampled, name, value, said):
    done = shell("pfmap sample tiny.toml --out other", sampled, **{name: value})
    assert done.returncode == 5
    lines = [line for line in done.stderr.decode().splitlines() if "campaign" not in line]
    assert lines[0].startswith(f"pfmap: {said}")
    assert len(lines) == 2


def test_a_backend_that_does_not_exist_is_one_line():
    done = subprocess.run(
        [sys.executable, "-c", "import pfmap.figures"],
        env={**os.environ, "MPLBACKEND": "foo"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "EnvironmentFault: matplotlib: Key backend: 'foo'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NUMBA_NUM_THREADS", "64"),
        ("NUMBA_THREADING_LAYER", "none-such"),
        ("OMP_NUM_THREADS", "abc"),
        ("HOME", "/nonexistent"),
        ("COLUMNS", "0"),
        ("TERM", "dumb"),
    ],
)
def test_odd_environments_change_nothing(sampled, tmp_path, name, value):
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    command = f"pfmap sample tiny.toml --out {tmp_path}/odd --json"
    done = shell(command, sampled, **{"XDG_CACHE_HOME": cache, name: value})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["draws"] == 20_000
