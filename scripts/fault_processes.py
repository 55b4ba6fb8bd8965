"""Runs, workers and schedulers in processes of their own, for `faults.py` and the tests."""

from __future__ import annotations

import contextlib
import json
import math
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

BUSY_S = 0.05
STARTED_S = 2.0
WAIT_S = 300.0


@dataclass
class Outcome:
    """One row of the table."""

    fault: str
    injected: int = 0
    exit_codes: list[int] = field(default_factory=list)
    said: str = ""
    draws_lost: int = -1
    tables: str = "not run"

    @property
    def recovered(self) -> bool:
        """Whether the run ended and nothing differs from the undisturbed one."""
        return self.tables == "identical" and self.draws_lost == 0


class Campaign:
    """A folder that runs are made in, and what is in it so far."""

    def __init__(self, folder: Path, settings: Path) -> None:
        self.folder = folder
        self.settings = settings

    def start(self, *options: str) -> subprocess.Popen[str]:
        """`pfmap run` in a process of its own."""
        command = [sys.executable, "-c", "from pfmap_cli.main import entry; entry()", "run"]
        command += [str(self.settings), "--out", str(self.folder), "--resume", *options]
        return subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def finish(self, outcome: Outcome, *options: str) -> None:
        """Run to the end."""
        end(self.start(*options), outcome)

    def events(self) -> list[dict[str, Any]]:
        """Lines of the journal."""
        path = self.folder / "journal.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def blocks(self) -> int:
        """Blocks in the journal."""
        return len({event["block_index"] for event in self.events() if event["event"] == "block"})

    def wait_for_blocks(self, number: int, process: subprocess.Popen[str]) -> bool:
        """Wait until the journal holds some number of blocks; False if the process ended before."""
        return wait(lambda: self.blocks() >= number, process)

    def compare(self, other: Path, outcome: Outcome) -> Outcome:
        """Note how the tables differ from those of an undisturbed run, and the draws lost."""
        differ = differing(self.folder, other)
        outcome.tables = f"differ: {', '.join(differ[:3])}" if differ else "identical"
        outcome.draws_lost = counted(other) - counted(self.folder)
        return outcome


def counted(folder: Path) -> int:
    """Sum of the counts of all shards."""
    shards = (folder / "counts").glob("*.parquet")
    return sum(int(frame(path)["count"].sum()) for path in shards)


def frame(path: Path) -> pd.DataFrame:
    """A Parquet file; pandas would read columns out of the names of folders in its path."""
    with path.open("rb") as file:
        return pd.read_parquet(file)


def differing(one: Path, two: Path) -> list[str]:
    """Parquet files, of all that are in either folder, whose tables differ."""
    names = {path.relative_to(at) for at in (one, two) for path in at.rglob("*.parquet")}
    return [str(name) for name in sorted(names) if not same(one / name, two / name)]


def same(one: Path, two: Path) -> bool:
    """Whether two tables agree in all columns but `elapsed_s`."""
    if not (one.exists() and two.exists()):
        return False
    tables = [frame(path).drop(columns="elapsed_s", errors="ignore") for path in (one, two)]
    return tables[0].equals(tables[1])


def wait(true: Callable[[], bool], process: subprocess.Popen[str]) -> bool:
    """Wait until something is true; False if the process ended first."""
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        if true():
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    raise SystemExit("a run stands still")


def end(process: subprocess.Popen[str], outcome: Outcome) -> int:
    """Wait for a run to end; its exit code and last words are noted."""
    _, said = process.communicate(timeout=2 * WAIT_S)
    outcome.exit_codes.append(process.returncode)
    if process.returncode > 0:
        found = re.findall(r"^pfmap: (.*)$", said, re.MULTILINE)
        outcome.said = found[-1] if found else said[-200:]
    return process.returncode


def busy_workers(pids: set[int]) -> list[psutil.Process]:
    """The processes among some that compute right now."""
    before = {pid: processor_s(pid) for pid in pids}
    time.sleep(BUSY_S)
    busy = [pid for pid, taken in before.items() if processor_s(pid) - taken > 0.2 * BUSY_S]
    return [psutil.Process(pid) for pid in busy if psutil.pid_exists(pid)]


def processor_s(pid: int) -> float:
    """Processor time that a process has taken; NaN, which exceeds nothing, if it is gone."""
    try:
        return sum(psutil.Process(pid).cpu_times()[:2])
    except psutil.NoSuchProcess:
        return math.nan


def local_workers(process: subprocess.Popen[str]) -> set[int]:
    """Worker processes of a run with --cluster local:N."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
        return {child.pid for child in children if "spawn_main" in " ".join(child.cmdline())}
    except psutil.NoSuchProcess:
        return set()


def is_drawing(worker: psutil.Process) -> bool:
    """Whether a worker, being busy, is busy with a task: starting takes less processor time."""
    return processor_s(worker.pid) > STARTED_S


@contextlib.contextmanager
def by_hand(workers: int) -> Iterator[Any]:
    """A scheduler and workers, started as a user does; yields the functions that tests need."""
    with tempfile.TemporaryDirectory() as scratch:
        hand = Hand(Path(scratch))
        try:
            hand.start_scheduler()
            for _ in range(workers):
                hand.start_worker()
            yield hand
        finally:
            hand.stop()


LISTENS_S = 60
"""Seconds that a scheduler may take to start on a crowded machine."""


class Hand:
    """A scheduler and workers in processes of their own."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.port = random.randint(20_000, 60_000)
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def address(self) -> str:
        """What --cluster gets."""
        return f"tcp://127.0.0.1:{self.port}"

    def start_scheduler(self) -> None:
        """`dask scheduler`."""
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        self.scheduler = self._start("distributed.cli.dask_scheduler", *options)
        until = time.monotonic() + LISTENS_S
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.1)
        raise TimeoutError(f"dask scheduler: does not listen after {LISTENS_S} s")

    def start_worker(self) -> None:
        """`dask worker`, without the process that would start it again."""
        options = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--death-timeout", "60"]
        options += ["--local-directory", str(self.scratch)]
        self.workers.append(self._start("distributed.cli.dask_worker", self.address, *options))

    def pids(self) -> set[int]:
        """Worker processes that run."""
        return {worker.pid for worker in self.workers if worker.poll() is None}

    def stop(self) -> None:
        """Kill everything."""
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            process.kill()
            process.wait()
        self.workers.clear()

    def _start(self, module: str, *options: str) -> subprocess.Popen[bytes]:
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(
            [sys.executable, "-m", module, *options], cwd=self.scratch, **silent
        )
