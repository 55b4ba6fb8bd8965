"""Commands of pfmap as a user meets them: their output, their exit codes, and a tiny campaign."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

LONGEST_S = 600  # whatever else the machine does
COMMAND = str(Path(sys.executable).with_name("pfmap"))

TINY = """\
name = "tiny"
draws = 20_000
block_draws = 4096
[network]
widths = [3, 8, 1]
[prior]
preset = "gaussian"
[llc]
functions = 4
draws_per_function = 2
steps = 100
warmup = 50
[volume]
functions = 2
named = ["and"]
chains = 16
steps = 8
runs = 2
[analysis]
bootstrap = 100
"""


def pfmap(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in `cwd`, in a process of its own that need not import everything again."""
    process = _driver()
    assert process.stdin is not None
    assert process.stdout is not None
    words = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as streams:
        files = {name: f"{streams}/{name}" for name in ("stdout", "stderr")}
        command = {
            "arguments": words,
            "folder": str(cwd),
            "environment": {k: v for k, v in os.environ.items() if k != "PFMAP_DEBUG"},
            **files,
        }
        process.stdin.write(json.dumps(command) + "\n")
        process.stdin.flush()
        code = int(process.stdout.readline())
        said = {name: Path(path).read_text(encoding="utf-8") for name, path in files.items()}
    return subprocess.CompletedProcess(["pfmap", *words], code, **said)


def started_pfmap(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the installed command in `cwd`, as a shell does."""
    environment = {key: value for key, value in os.environ.items() if key != "PFMAP_DEBUG"}
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, timeout=LONGEST_S, check=False, env=environment,
    )  # fmt: skip


def wait_for(folder: Path, pattern: str, running: subprocess.Popen) -> None:
    """Wait until a running command has written a file into `folder`."""
    began = time.monotonic()
    while not list(folder.glob(pattern)):
        if running.poll() is not None or time.monotonic() - began > LONGEST_S:
            running.kill()
            raise AssertionError(f"no {pattern} in {folder}")
        time.sleep(0.01)


@cache
def _driver() -> subprocess.Popen[str]:
    """The process whose children run the commands of this worker."""
    script = Path(__file__).with_name("command_driver.py")
    process = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(process.communicate)
    return process
