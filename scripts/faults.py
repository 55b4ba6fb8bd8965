"""Real faults, done to real runs: what each costs, and whether the tables come out the same.

    python scripts/faults.py [--only NAME ...] [--json]

Every fault is done to a `pfmap run` in processes of its own: workers killed in the middle of a
block, those of a cluster that pfmap starts and others started by hand, over TCP; the client killed,
in every stage; the scheduler killed; a disk that fills up (a small tmpfs, where the system lets one
be mounted); a worker paused beyond its lease. Afterwards every Parquet table of the folder is
compared with that of an undisturbed run, all columns but `elapsed_s`, and draws are counted.

Needs the extra `cluster`. Prints the table of docs/faults.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import psutil
from fault_processes import (
    Campaign,
    Outcome,
    busy_workers,
    by_hand,
    end,
    is_drawing,
    local_workers,
    wait,
)

SEED = 20260
CAMPAIGN = """
name = "faults"
draws = 6000000
block_draws = 32768
[network]
widths = [7, 40, 40, 1]
[complexity]
proxies = ["lz"]
[llc]
functions = 4
draws_per_function = 1
ladder_steps = 0
[volume]
functions = 2
named = ["parity"]
runs = 4
max_levels = 8
"""
STAGES = (
    "sample", "functions", "complexity", "llc", "volume", "free_energy", "analyze", "plot",
)  # fmt: skip


def kill_some(campaign: Campaign, process: subprocess.Popen[str], times: int,
              pids: Callable[[], set[int]], after: Callable[[], None]) -> int:  # fmt: skip
    """Kill workers in the middle of a block at random moments; how many were killed."""
    chance = random.Random(SEED)
    campaign.wait_for_blocks(1, process)
    killed = 0
    while killed < times and process.poll() is None:
        time.sleep(chance.uniform(0.0, 0.6))
        busy = [worker for worker in busy_workers(pids()) if is_drawing(worker)]
        if busy:
            chance.choice(busy).kill()
            killed += 1
            after()
    return killed


def workers_killed(campaign: Campaign, outcome: Outcome) -> None:
    """20 workers of local:2 killed."""
    process = campaign.start("--cluster", "local:2")
    outcome.injected = kill_some(
        campaign, process, 20, lambda: local_workers(process), lambda: None
    )
    end(process, outcome)


def workers_killed_by_hand(campaign: Campaign, outcome: Outcome) -> None:
    """20 workers over TCP killed, each followed by a new one."""
    with by_hand(2) as hand:
        process = campaign.start("--cluster", hand.address)
        outcome.injected = kill_some(campaign, process, 20, hand.pids, hand.start_worker)
        end(process, outcome)


def client_killed(campaign: Campaign, outcome: Outcome, *options: str) -> None:
    """The client killed in the middle of every stage, sampling three times; --resume after each."""
    chance = random.Random(SEED)
    for stage in ("sample", "sample", *STAGES):
        process = campaign.start(*options)
        before = campaign.blocks()
        if stage == "sample":
            campaign.wait_for_blocks(before + 2, process)
        else:
            wait(lambda stage=stage: began(campaign, stage), process)
        time.sleep(chance.uniform(0.05, 0.4))
        orphans = local_workers(process)
        if process.poll() is None:
            process.kill()
            outcome.injected += 1
        end(process, outcome)
        until = time.monotonic() + 30.0
        while any(psutil.pid_exists(pid) for pid in orphans) and time.monotonic() < until:
            time.sleep(0.1)
        if any(psutil.pid_exists(pid) for pid in orphans):
            outcome.said = "workers outlived their client"
    campaign.finish(outcome, *options)


def began(campaign: Campaign, stage: str) -> bool:
    """Whether a stage began: the one before it is in the journal."""
    before = STAGES[STAGES.index(stage) - 1]
    ended = [event["stage"] for event in campaign.events() if event["event"] == "stage"]
    return before in ended


def scheduler_killed(campaign: Campaign, outcome: Outcome) -> None:
    """The scheduler killed three times, then started again with new workers."""
    for wanted in (20, 60, 100):
        with by_hand(2) as hand:
            process = campaign.start("--cluster", hand.address)
            if campaign.wait_for_blocks(wanted, process):
                hand.scheduler.kill()
                outcome.injected += 1
            end(process, outcome)
    with by_hand(2) as hand:
        campaign.finish(outcome, "--cluster", hand.address)


@contextmanager
def small_disk(campaign: Campaign, outcome: Outcome, size: str) -> Iterator[bool]:
    """The folder on a tmpfs of some size, copied elsewhere at the end; whether there is one."""
    campaign.folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(campaign.folder)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True, check=False).returncode:
        outcome.said = "no tmpfs can be mounted here"
        yield False
        return
    try:
        yield True
        kept = campaign.folder.with_suffix(".kept")
        shutil.copytree(campaign.folder, kept)
    finally:
        subprocess.run(["umount", str(campaign.folder)], check=True)
    campaign.folder = kept


def disk_too_small(campaign: Campaign, outcome: Outcome) -> None:
    """The folder on a disk too small for the shards, then enlarged."""
    with small_disk(campaign, outcome, "6m") as mounted:
        if mounted:
            outcome.injected = 1
            campaign.finish(outcome, "--cluster", "local:2")
            larger = ["mount", "-o", "remount,size=2g", str(campaign.folder)]
            subprocess.run(larger, check=True)
            campaign.finish(outcome, "--cluster", "local:2")


def disk_filled(campaign: Campaign, outcome: Outcome, *options: str) -> None:
    """The disk filled up by another program in the middle of sampling, then freed."""
    with small_disk(campaign, outcome, "500m") as mounted:
        if not mounted:
            return
        ballast = campaign.folder / "ballast"
        process = campaign.start(*options)
        campaign.wait_for_blocks(20, process)
        with ballast.open("wb", buffering=0) as file:
            for size in (2**20, 2**12):
                with suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass
        outcome.injected = 1
        end(process, outcome)
        ballast.unlink()
        campaign.finish(outcome, *options)


def worker_paused(campaign: Campaign, outcome: Outcome) -> None:
    """A worker over TCP stopped in the middle of a block, and woken when the others are done."""
    with by_hand(2) as hand:
        process = campaign.start("--cluster", hand.address)
        campaign.wait_for_blocks(10, process)
        paused: list[psutil.Process] = []
        while not paused and process.poll() is None:
            paused = busy_workers(hand.pids())[:1]
        for worker in paused:
            worker.send_signal(signal.SIGSTOP)
            outcome.injected += 1
        wait(lambda: began(campaign, "functions"), process)
        for worker in paused:
            worker.send_signal(signal.SIGCONT)
        end(process, outcome)


FAULTS: dict[str, tuple[str, Callable[..., None]]] = {
    "workers": ("worker killed in a block, `local:2`", workers_killed),
    "hand": ("worker killed in a block, started by hand, TCP", workers_killed_by_hand),
    "client": (
        "client killed, every stage, `local:2`",
        lambda campaign, outcome: client_killed(campaign, outcome, "--cluster", "local:2"),
    ),
    "local": ("run killed, every stage, no cluster", client_killed),
    "scheduler": ("scheduler killed, TCP", scheduler_killed),
    "disk": ("disk too small for the shards, then enlarged, `local:2`", disk_too_small),
    "filled": (
        "disk filled up while shards are written, then freed, `local:2`",
        lambda campaign, outcome: disk_filled(campaign, outcome, "--cluster", "local:2"),
    ),
    "filled-local": ("the same, no cluster", disk_filled),
    "paused": ("worker paused beyond its lease, TCP", worker_paused),
}


def lines(outcomes: list[Outcome]) -> Iterator[str]:
    """Markdown table."""
    yield "| fault | times | exit codes | draws lost | tables | recovered |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for row in outcomes:
        ended = ["killed" if code < 0 else str(code) for code in row.exit_codes]
        runs = [(code, len(list(same))) for code, same in itertools.groupby(ended)]
        codes = ", ".join(code if number == 1 else f"{number} × {code}" for code, number in runs)
        yield (
            f"| {row.fault} | {row.injected} | {codes} | {row.draws_lost} | {row.tables} | "
            f"{'yes' if row.recovered else 'no'} |"
        )


def main() -> None:
    """Inject the faults, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(FAULTS), default=list(FAULTS))
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory() as temporary:
        settings = Path(temporary) / "faults.toml"
        settings.write_text(CAMPAIGN)
        undisturbed = Campaign(Path(temporary) / "undisturbed", settings)
        undisturbed.finish(Outcome("none"))
        for name in options.only:
            title, inject = FAULTS[name]
            outcome = Outcome(title)
            campaign = Campaign(Path(temporary) / name, settings)
            began = time.monotonic()
            inject(campaign, outcome)
            if outcome.exit_codes:
                campaign.compare(undisturbed.folder, outcome)
            taken = time.monotonic() - began
            print(f"{title}: {taken:.0f} s {outcome.said}", file=sys.stderr, flush=True)
            outcomes.append(outcome)
    if options.json:
        print(json.dumps([asdict(row) for row in outcomes], indent=2))
    else:
        print("\n".join(lines(outcomes)))
    if not all(row.recovered for row in outcomes if row.injected):
        raise SystemExit(4)


if __name__ == "__main__":
    main()
