"""Benchmark of sampling: draws per second end to end, against batched NumPy and PyTorch.

    python scripts/bench_sampling.py                   the table
    python scripts/bench_sampling.py --json            the same as JSON
    python scripts/bench_sampling.py --prior gaussian  normal instead of uniform weights

Everyone does the same work on a (7,40,40,1) ReLU network and all 128 inputs: random parameters,
forward pass, packing into 128 bits, counting the functions of every 65,536 draws. NumPy and
PyTorch (if installed) draw whole batches with their own generators and use the batch size that was
fastest in a trial; on two cores they run as two processes of one thread, which costs them nothing
for sharing. Contestants take turns, one second each, and medians are compared; ratios come from
this one run. Beside them stand the share of what this machine's sgemm allows, and the draws per
second of processor time, which tell more on a machine that others use too.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

WIDTHS = (7, 40, 40, 1)
N_PARAMETERS = sum((a + 1) * b for a, b in itertools.pairwise(WIDTHS))
N_POINTS = 2 ** WIDTHS[0]
# One multiplication and one addition for every weight and point.
FLOP_PER_DRAW = 2 * N_POINTS * sum(a * b for a, b in itertools.pairwise(WIDTHS))
BLOCK_DRAWS = 65_536
BATCHES = (16, 32, 64, 128, 256, 512, 1024)
POINTS = ((np.arange(N_POINTS)[:, None] >> np.arange(6, -1, -1)) & 1).astype(np.float32)

Chunk = Callable[[], int]
Rates = tuple[float, float]


def _sds(prior: str) -> np.ndarray:
    """Standard deviation of every parameter, layer by layer: weights, then biases."""
    parts = []
    for layer, (below, units) in enumerate(itertools.pairwise(WIDTHS)):
        if prior == "gaussian":
            weight_sd, bias_sd = below**-0.5, 1.0
        else:
            weight_sd = bias_sd = ((1.0 if layer == 2 else 2.0) / below) ** 0.5
        parts += [np.full(below * units, weight_sd), np.full(units, bias_sd)]
    return np.concatenate(parts).astype(np.float32)


def _count(words: np.ndarray) -> int:
    """Distinct functions of a block: sort by both words, compare neighbours."""
    words = words[np.lexsort((words[:, 1], words[:, 0]))]
    return 1 + int(np.count_nonzero((words[1:] != words[:-1]).any(axis=1)))


class _Packed:
    """Collects batches of bits and counts whenever a block is full."""

    def __init__(self) -> None:
        self.words = np.empty((BLOCK_DRAWS, 2), dtype=np.uint64)
        self.filled = 0

    def add(self, bits: np.ndarray) -> None:
        packed = np.packbits(bits, axis=1).view(np.uint64)
        self.words[self.filled : self.filled + len(packed)] = packed
        self.filled += len(packed)
        if self.filled == BLOCK_DRAWS:
            _count(self.words)
            self.filled = 0


def numpy_chunk(prior: str, batch: int) -> Chunk:
    """One batch in NumPy."""
    rng = np.random.Generator(np.random.SFC64(1))
    sds = _sds(prior)
    points = np.ascontiguousarray(POINTS.T)
    a, b = np.cumsum([280 + 40, 1600 + 40])
    weights = np.empty((batch, N_PARAMETERS), dtype=np.float32)
    one = np.empty((batch, 40, N_POINTS), dtype=np.float32)
    two, out = np.empty_like(one), np.empty((batch, 1, N_POINTS), dtype=np.float32)
    packed = _Packed()

    def chunk() -> int:
        if prior == "gaussian":
            rng.standard_normal(out=weights, dtype=np.float32)
            np.multiply(weights, sds, out=weights)
        else:
            rng.random(out=weights, dtype=np.float32)
            np.subtract(weights, np.float32(0.5), out=weights)
            np.multiply(weights, sds * np.float32(math.sqrt(12.0)), out=weights)
        np.matmul(weights[:, :280].reshape(batch, 40, 7), points, out=one)
        np.add(one, weights[:, 280:a, None], out=one)
        np.maximum(one, 0.0, out=one)
        np.matmul(weights[:, a : a + 1600].reshape(batch, 40, 40), one, out=two)
        np.add(two, weights[:, a + 1600 : b, None], out=two)
        np.maximum(two, 0.0, out=two)
        np.matmul(weights[:, None, b : b + 40], two, out=out)
        np.add(out, weights[:, None, b + 40 :], out=out)
        packed.add(out[:, 0] > 0.0)
        return batch

    return chunk


def torch_chunk(prior: str, batch: int) -> Chunk:
    """One batch in PyTorch."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(1)
    sds = torch.from_numpy(_sds(prior))
    points = torch.from_numpy(np.ascontiguousarray(POINTS.T)).expand(batch, -1, -1)
    a, b = (int(x) for x in np.cumsum([280 + 40, 1600 + 40]))
    weights = torch.empty(batch, N_PARAMETERS)
    one = torch.empty(batch, 40, N_POINTS)
    two = torch.empty(batch, 40, N_POINTS)
    packed = _Packed()

    @torch.inference_mode()
    def chunk() -> int:
        if prior == "gaussian":
            weights.normal_().mul_(sds)
        else:
            weights.uniform_(-math.sqrt(3.0), math.sqrt(3.0)).mul_(sds)
        first = weights[:, :280].view(batch, 40, 7)
        second = weights[:, a : a + 1600].view(batch, 40, 40)
        last = weights[:, None, b : b + 40]
        torch.baddbmm(weights[:, 280:a, None], first, points, out=one).relu_()
        torch.baddbmm(weights[:, a + 1600 : b, None], second, one, out=two).relu_()
        out = torch.baddbmm(weights[:, None, b + 40 :], last, two)
        packed.add((out[:, 0] > 0.0).numpy())
        return batch

    return chunk


def pfmap_chunk(prior: str, threads: int) -> Chunk:
    """Four blocks a thread in pfmap."""
    from pfmap.campaign import campaign_from_mapping
    from pfmap.sampling import plan_sampling, sample_blocks

    settings = {"draws": 10**9, "prior": {"preset": prior}, "block_draws": BLOCK_DRAWS}
    plan = plan_sampling(campaign_from_mapping(settings))
    blocks = iter(range(plan.n_blocks))

    def chunk() -> int:
        indices = [next(blocks) for _ in range(4 * threads)]
        return sum(tally.draws for tally in sample_blocks(plan, indices, threads=threads))

    return chunk


def part_chunk(part: str, prior: str) -> Chunk:
    """A part of pfmap's work on one thread: weights only, or all but the counting."""
    from pfmap.campaign import campaign_from_mapping
    from pfmap.kernels.express import TO_WORDS, weights_of
    from pfmap.sampling import plan_sampling
    from pfmap.sampling.plan import run_express

    plan = plan_sampling(campaign_from_mapping({"prior": {"preset": prior}}))
    draws = np.arange(4096, dtype=np.int64)
    # One parameter a draw is kept, so that storing all of them is not timed.
    weights = np.empty((len(draws), 1), dtype=np.float32)
    words = np.empty((len(draws), plan.n_words), dtype=np.uint64)
    values = np.empty((len(draws), 0))

    def chunk() -> int:
        if part == "weights":
            weights_of(plan.law, draws, weights)
        else:
            run_express(plan, TO_WORDS, draws, words, values)
        return len(draws)

    return chunk


def sgemm_chunk() -> Chunk:
    """Products of large float32 matrices, counted as the draws their operations suffice for."""
    n = 1024
    a, b, c = (np.ones((n, n), dtype=np.float32) for _ in range(3))

    def chunk() -> int:
        np.matmul(a, b, out=c)
        return 2 * n**3 // FLOP_PER_DRAW

    return chunk


def _rates(chunk: Chunk, seconds: float) -> Rates:
    """Draws per second of wall clock and of processor time, over at least `seconds`."""
    done = 0
    start, processor_start = time.perf_counter(), time.process_time()
    while (elapsed := time.perf_counter() - start) < seconds:
        done += chunk()
    return done / elapsed, done / (time.process_time() - processor_start)


def work(contestant: str, prior: str, seconds: float) -> None:
    """Serve one contestant: print its rates for every line read."""
    name, _, argument = contestant.partition(":")
    if name == "pfmap":
        chunk = pfmap_chunk(prior, int(argument))
    elif name == "part":
        chunk = part_chunk(argument, prior)
    elif name == "sgemm":
        chunk = sgemm_chunk()
    else:
        make = {"numpy": numpy_chunk, "torch": torch_chunk}[name]
        trials = {}
        for batch in BATCHES:
            chunk = make(prior, batch)
            chunk()
            trials[batch] = _rates(chunk, seconds / 4)[1]
        chunk = make(prior, max(trials, key=lambda batch: trials[batch]))
    chunk()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(*_rates(chunk, seconds), flush=True)


class _Worker:
    """A contestant in its own process, with one thread in every library but pfmap."""

    def __init__(self, contestant: str, prior: str, seconds: float) -> None:
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
                *("--prior", prior, "--seconds", str(seconds)),
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


def contests() -> dict[tuple[str, int], list[str]]:
    """Processes that make up each contestant, by name and cores."""
    table = {
        ("pfmap", 1): ["pfmap:1"],
        ("pfmap", 2): ["pfmap:2"],
        ("numpy", 1): ["numpy"],
        ("numpy", 2): ["numpy", "numpy"],
    }
    if importlib.util.find_spec("torch"):
        table |= {("torch", 1): ["torch"], ("torch", 2): ["torch", "torch"]}
    return table | {
        ("sgemm", 1): ["sgemm"],
        ("pfmap, random weights only", 1): ["part:weights"],
        ("pfmap, all but counting", 1): ["part:words"],
    }


def measure(prior: str, repetitions: int, seconds: float) -> dict[tuple[str, int], Rates]:
    """Median rates of every contestant, all taking turns."""
    table = contests()
    workers = {
        key: [_Worker(contestant, prior, seconds) for contestant in contestants]
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prior", choices=["vallePerez2019", "gaussian"], default="vallePerez2019")
    parser.add_argument("--repetitions", type=int, default=7, help="turns of every contestant")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker, arguments.prior, arguments.seconds)
        return
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    rates = measure(arguments.prior, arguments.repetitions, arguments.seconds)
    rows = list(report(rates))
    summary = {
        "prior": arguments.prior,
        "load_before": round(load, 2),
        "two_cores_over_one": round(rates["pfmap", 2][0] / rates["pfmap", 1][0], 2),
    }
    if arguments.json:
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


if __name__ == "__main__":
    main()
