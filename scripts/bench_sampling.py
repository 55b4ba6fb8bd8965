"""Benchmark of sampling: draws per second end to end, against batched NumPy and PyTorch.

    python scripts/bench_sampling.py                   (7,40,40,1), ReLU
    python scripts/bench_sampling.py --widths 8 40 40 1 --activation tanh --prior gaussian
    python scripts/bench_sampling.py --shapes          one line for each of several networks

Everyone does the same work on all inputs of a network: random parameters, forward pass, packing
into bits, counting the functions of every 65,536 draws. NumPy and PyTorch (if installed) draw whole
batches with their own generators and use the batch size that was fastest in a trial; on two cores
they run as two processes of one thread, which costs them nothing for sharing. Contestants take
turns, one second each, and medians are compared; ratios come from one run. Beside them stand the
share of what this machine's sgemm allows, and the draws per second of processor time, which tell
more on a machine that others use too. pfmap's forward pass alone is that of its sampling kernel,
repeated with weights that are there.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from sampling_contestants import (
    Chunk,
    Task,
    numpy_chunk,
    part_chunk,
    pfmap_chunk,
    sgemm_chunk,
    torch_chunk,
)

BATCHES = (16, 32, 64, 128, 256, 512, 1024)
FORWARD = "pfmap, forward pass only"
DEEP = (7, *(64,) * 10, 1)
SHAPES = [
    ((7, 40, 40, 1), "relu"),
    ((7, 40, 40, 1), "tanh"),
    (DEEP, "relu"),
    (DEEP, "tanh"),
    ((5, 40, 40, 1), "relu"),
    ((5, 40, 40, 1), "tanh"),
    ((8, 40, 40, 1), "relu"),
    ((8, 40, 40, 1), "tanh"),
]

Rates = tuple[float, float]


def _rates(chunk: Chunk, seconds: float) -> Rates:
    """Draws per second of wall clock and of processor time, over at least `seconds`."""
    done = 0
    start, processor_start = time.perf_counter(), time.process_time()
    while (elapsed := time.perf_counter() - start) < seconds:
        done += chunk()
    return done / elapsed, done / (time.process_time() - processor_start)


def work(contestant: str, task: Task, seconds: float) -> None:
    """Serve one contestant: print its rates for every line read."""
    name, _, argument = contestant.partition(":")
    if name == "pfmap":
        chunk = pfmap_chunk(task, int(argument))
    elif name == "part":
        chunk = part_chunk(argument, task)
    elif name == "sgemm":
        chunk = sgemm_chunk(task)
    else:
        make = {"numpy": numpy_chunk, "torch": torch_chunk}[name]
        trials = {}
        for batch in BATCHES:
            chunk = make(task, batch)
            chunk()
            trials[batch] = _rates(chunk, seconds / 4)[1]
        chunk = make(task, max(trials, key=lambda batch: trials[batch]))
    chunk()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(*_rates(chunk, seconds), flush=True)


class _Worker:
    """A contestant in its own process, with one thread in every library but pfmap."""

    def __init__(self, contestant: str, task: Task, seconds: float) -> None:
        single = dict.fromkeys(
            (
                "OMP_NUM_THREADS",
                "OPENBLAS_NUM_THREADS",
                "MKL_NUM_THREADS",
                "VECLIB_MAXIMUM_THREADS",
            ),
            "1",
        )
        self.process = subprocess.Popen(
            [
                *(sys.executable, __file__, "--worker", contestant),
                *("--prior", task.prior, "--activation", task.activation),
                *("--widths", *map(str, task.widths), "--seconds", str(seconds)),
            ],
            env={**os.environ, **single},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.answer()

    def ask(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            raise SystemExit("a contestant stopped; its message stands above")
        return line

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def contests(cores: tuple[int, ...]) -> dict[tuple[str, int], list[str]]:
    """Processes that make up each contestant, by name and cores."""
    peers = ["numpy", "torch"] if importlib.util.find_spec("torch") else ["numpy"]
    table = {}
    for number in cores:
        table["pfmap", number] = [f"pfmap:{number}"]
        table |= {(peer, number): [peer] * number for peer in peers}
    return table | {
        ("sgemm", 1): ["sgemm"],
        ("pfmap, random weights only", 1): ["part:weights"],
        (FORWARD, 1): ["part:forward"],
    }


def measure(
    task: Task, repetitions: int, seconds: float, cores: tuple[int, ...] = (1, 2)
) -> dict[tuple[str, int], Rates]:
    """Median rates of every contestant, all taking turns."""
    table = contests(cores)
    workers = {
        key: [_Worker(contestant, task, seconds) for contestant in contestants]
        for key, contestants in table.items()
    }
    rates: dict[tuple[str, int], list[Rates]] = {key: [] for key in table}
    try:
        for _ in range(repetitions):
            for key, crew in workers.items():
                for worker in crew:
                    worker.ask()
                answers = [[float(rate) for rate in worker.answer().split()] for worker in crew]
                wall, processor = zip(*answers, strict=True)
                rates[key].append((sum(wall), statistics.mean(processor)))
    finally:
        for crew in workers.values():
            for worker in crew:
                worker.close()
    return {
        key: (statistics.median(wall for wall, _ in turns), statistics.median(p for _, p in turns))
        for key, turns in rates.items()
    }


def report(rates: dict[tuple[str, int], Rates]) -> Iterator[dict[str, Any]]:
    """Rows of the table."""
    for (name, cores), (rate, processor_rate) in rates.items():
        pfmap = rates["pfmap", cores][0]
        yield {
            "contestant": name,
            "cores": cores,
            "draws_per_s": round(rate),
            "us_per_draw": round(1e6 / rate, 3),
            "pfmap_is_faster_by": round(pfmap / rate, 2),
            "share_of_sgemm": round(rate / rates["sgemm", 1][0] / cores, 3),
            "draws_per_processor_s": round(processor_rate),
        }


def shape_row(task: Task, rates: dict[tuple[str, int], Rates]) -> dict[str, Any]:
    """One network in a line: rates on one core, and ratios."""
    pfmap = rates["pfmap", 1][0]
    peers = {name: rate for (name, _), (rate, _) in rates.items() if name in ("numpy", "torch")}
    return {
        "widths": "(" + ",".join(map(str, task.widths)) + ")"
        if task.widths != DEEP
        else "(7,64×10,1)",
        "activation": task.activation,
        "draws_per_s": round(pfmap),
        **{f"over_{name}": round(pfmap / rate, 2) for name, rate in peers.items()},
        "sgemm_over_forward": round(rates["sgemm", 1][0] / rates[FORWARD, 1][0], 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--widths", type=int, nargs="+", default=[7, 40, 40, 1], help="the network")
    parser.add_argument("--activation", choices=["relu", "tanh"], default="relu")
    parser.add_argument("--prior", choices=["vallePerez2019", "gaussian"], default="vallePerez2019")
    parser.add_argument("--shapes", action="store_true", help="several networks, one core")
    parser.add_argument("--repetitions", type=int, default=7, help="turns of every contestant")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    task = Task(tuple(options.widths), options.activation, options.prior)
    if options.worker:
        work(options.worker, task, options.seconds)
        return
    if options.shapes:
        several(options)
        return
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    rates = measure(task, options.repetitions, options.seconds)
    rows = list(report(rates))
    summary = {
        "widths": task.widths,
        "activation": task.activation,
        "prior": task.prior,
        "load_before": round(load, 2),
        "two_cores_over_one": round(rates["pfmap", 2][0] / rates["pfmap", 1][0], 2),
        "sgemm_over_forward": round(rates["sgemm", 1][0] / rates[FORWARD, 1][0], 2),
    }
    if options.json:
        print(json.dumps({**summary, "rows": rows}, indent=2))
        return
    print(" ".join(f"{name}={value}" for name, value in summary.items()))
    print(
        f"{'contestant':28}{'cores':>6}{'draws/s':>10}{'µs/draw':>9}{'pfmap ×':>9}{'of sgemm':>10}"
        f"{'draws/cpu-s':>13}"
    )
    for row in rows:
        print(
            f"{row['contestant']:28}{row['cores']:6}{row['draws_per_s']:10,}"
            f"{row['us_per_draw']:9.2f}{row['pfmap_is_faster_by']:9.2f}{row['share_of_sgemm']:10.1%}"
            f"{row['draws_per_processor_s']:13,}"
        )


def several(options: argparse.Namespace) -> None:
    """Measure the networks of `SHAPES` on one core and print a line for each."""
    for widths, activation in SHAPES:
        task = Task(widths, activation, options.prior)
        row = shape_row(task, measure(task, options.repetitions, options.seconds, cores=(1,)))
        print(json.dumps(row) if options.json else " | ".join(map(str, row.values())), flush=True)


if __name__ == "__main__":
    main()
