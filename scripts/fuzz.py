"""Hostile inputs by the thousand, each read by pfmap; counts what came of them, by kind.

    python scripts/fuzz.py [--inputs 20000] [--only KIND ...] [--seed 1] [--json FILE]

Every input is made by a generator seeded by kind, seed and number, so that

    python scripts/fuzz.py --only npz --seed 1 --first 4711 --inputs 1

makes one again. Inputs are read in worker processes, one a kind at a time, so that compiled kernels
stay warm; one that takes longer than a minute, or ends the process, counts as a hang or a crash
and the next process goes on behind it. Ends with exit code 1 if there was any fault.

Prints the table of docs/faults.md.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

PATIENCE_S = 60
# Shares of the inputs; those that run whole commands are slower, and fewer.
SHARES = {
    "campaign": 0.22, "npz": 0.22, "points": 0.22, "queue": 0.09, "name": 0.05, "journal": 0.045,
    "provenance": 0.02, "folder": 0.045, "table": 0.015, "stage": 0.01, "merge": 0.01,
    "resume": 0.003, "kernel": 0.02, "command": 0.032,
}  # fmt: skip


def work(kind: str, seed: int, first: int, inputs: int, built: Path) -> None:
    """In a process of its own: read inputs one by one and say a line of each."""
    warnings.simplefilter("ignore")
    from fuzz_bench import Fault, bench
    from fuzz_kinds import KINDS

    take = KINDS[kind][0]
    report = os.fdopen(os.dup(1), "w", buffering=1)
    with tempfile.TemporaryDirectory(prefix="pfmap-fuzz-") as folder:
        shutil.copytree(built, folder, dirs_exist_ok=True)
        on = bench(Path(folder))
        report.write("ready\n")
        for number in range(first, first + inputs):
            report.write(f"begin {number}\n")
            faulthandler.dump_traceback_later(PATIENCE_S, exit=True)
            rng = random.Random(f"{kind} {seed} {number}")
            try:
                outcome = take(rng, on)
            except Fault as fault:
                outcome = f"fault {json.dumps(str(fault))}"
            report.write(f"end {number} {outcome}\n")
        faulthandler.cancel_dump_traceback_later()


def fuzz(kind: str, seed: int, first: int, inputs: int, built: Path) -> dict[str, Any]:
    """Outcomes of one kind, and its faults with the number of the input."""
    outcomes: Counter[str] = Counter()
    faults: list[tuple[int, str]] = []
    began = time.perf_counter()
    at, end = first, first + inputs
    while at < end:
        command = [sys.executable, __file__, "--work", kind, "--seed", str(seed)]
        command += ["--first", str(at), "--inputs", str(end - at), "--built", str(built)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            begun = None
            ready = False
            for line in running.stdout:
                word, _, rest = line.rstrip("\n").partition(" ")
                ready |= word == "ready"
                if word == "begin":
                    begun = int(rest)
                elif word == "end":
                    number, _, outcome = rest.partition(" ")
                    begun, at = None, int(number) + 1
                    if outcome.startswith("fault "):
                        faults.append((int(number), json.loads(outcome[6:])))
                    outcomes[outcome.partition(" {")[0] if "fault" not in outcome else "fault"] += 1
                    if at % 1000 == 0:
                        print(f"{kind}: {at - first} of {inputs}", file=sys.stderr, flush=True)
            errors = running.stderr.read()
        if not ready:
            raise SystemExit(f"{kind}: could not begin: {errors[-2000:]}")
        if begun is not None:
            if "Timeout (" not in errors and running.returncode > 0:
                raise SystemExit(f"{kind} {begun}: fuzzing itself failed: {errors[-2000:]}")
            what = "hang" if running.returncode > 0 else f"crash ({running.returncode})"
            faults.append((begun, f"{what}: {errors[-1500:]}"))
            outcomes[what] += 1
            at = begun + 1
    return {
        "kind": kind,
        "inputs": inputs,
        "outcomes": dict(outcomes),
        "faults": faults,
        "elapsed_s": time.perf_counter() - began,
    }


def table(found: list[dict[str, Any]]) -> str:
    """The table of docs/faults.md."""
    from fuzz_kinds import KINDS

    lines = [
        "| inputs | number | read | refused | faults | a second |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    total: Counter[str] = Counter()
    for row in found:
        outcomes, n = row["outcomes"], row["inputs"]
        right = sum(outcomes.get(name, 0) for name in ("read", "exit 0", "unwritable"))
        faults = len(row["faults"])
        total.update(inputs=n, read=right, faults=faults)
        lines.append(
            f"| {KINDS[row['kind']][1]} | {n:,} | {right:,} | {n - right - faults:,} | {faults} | "
            f"{n / row['elapsed_s']:.0f} |"
        )
    refused = total["inputs"] - total["read"] - total["faults"]
    lines.append(
        f"| all | {total['inputs']:,} | {total['read']:,} | {refused:,} | {total['faults']} | |"
    )
    return "\n".join(lines)


def main() -> int:
    """Fuzz and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--only", nargs="*", choices=list(SHARES), default=[])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--built", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work, given.seed, given.first, given.inputs, given.built)
        return 0
    from fuzz_bench import build

    kinds = given.only or list(SHARES)
    whole = sum(SHARES[kind] for kind in kinds)
    found = []
    with tempfile.TemporaryDirectory(prefix="pfmap-fuzz-") as folder:
        build(Path(folder))
        for kind in kinds:
            inputs = max(1, round(given.inputs * SHARES[kind] / whole))
            found.append(fuzz(kind, given.seed, given.first, inputs, Path(folder)))
            for number, fault in found[-1]["faults"]:
                print(f"{kind} {number}: {fault}", file=sys.stderr, flush=True)
            if given.json:
                given.json.write_text(json.dumps(found, indent=1))
    print(table(found))
    return 1 if any(row["faults"] for row in found) else 0


if __name__ == "__main__":
    sys.exit(main())
