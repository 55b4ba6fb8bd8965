"""Functions a second of every complexity proxy on Boolean functions of 7 inputs.

    python scripts/bench_complexity.py [--functions N] [--json]

Times compilation in a fresh cache, then every proxy on one thread and on all processors, on
uniformly random functions and on functions of a random (7, 40, 40, 1) ReLU network. `lz` is set
against the plain kernel that compares symbol by symbol, in the same run. Also prints for how many
functions the length of the shortest expression is proven.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

from pfmap.complexity import FunctionBatch, measure, proxies_for
from pfmap.complexity.expression import minimal_expression
from pfmap.kernels.lz import count_words_symbols
from pfmap.settings.domain import boolean_points

N_INPUTS = 7
DEAR_FUNCTIONS = 1500
COLD = """
import time
import numpy as np
from pfmap.complexity import FunctionBatch, measure
from pfmap.settings.domain import boolean_points
batch = FunctionBatch("boolean", boolean_points(7), bits=np.eye(2, 128, dtype=np.uint8))
start = time.perf_counter()
measure(batch, threads=1)
print(time.perf_counter() - start)
"""


def network_functions(n_functions: int, rng: np.random.Generator) -> np.ndarray:
    """Functions of (7, 40, 40, 1) ReLU networks, W and b with variance 2/fan-in, last 1/fan-in."""
    pieces = []
    for start in range(0, n_functions, 500):
        size = min(500, n_functions - start)
        value = np.broadcast_to(boolean_points(N_INPUTS), (size, 128, N_INPUTS))
        for units, gain in ((40, 2.0), (40, 2.0), (1, 1.0)):
            if value.shape[-1] != N_INPUTS:
                value = np.maximum(value, 0)
            bound = np.sqrt(3 * gain / value.shape[-1])
            weights = rng.uniform(-bound, bound, (size, value.shape[-1], units))
            value = value @ weights + rng.uniform(-bound, bound, (size, 1, units))
        pieces.append(value[:, :, 0] > 0)
    return np.concatenate(pieces).astype(np.uint8)


def rate(batch: FunctionBatch, name: str, threads: int | None) -> float:
    """Functions a second, best of three."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        measure(batch, [name], threads=threads)
        best = min(best, time.perf_counter() - start)
    return len(batch) / best


def plain_lz_rate(batch: FunctionBatch) -> float:
    """Functions a second of the symbol-by-symbol kernel on one thread."""
    words = np.empty((len(batch), 2), np.int64)
    count_words_symbols(batch.values[:1], 0, 0, words[:1])
    start = time.perf_counter()
    count_words_symbols(batch.values, 0, 0, words)
    return len(batch) / (time.perf_counter() - start)


def compile_seconds() -> float:
    """Seconds until every Boolean proxy has its first value, kernels compiled from nothing."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [sys.executable, "-c", COLD],
            env={**os.environ, "NUMBA_CACHE_DIR": folder},
            capture_output=True,
            text=True,
            check=True,
        )
    return float(run.stdout)


def main() -> int:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--functions", type=int, default=400_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    points = boolean_points(N_INPUTS)
    drawn = network_functions(min(options.functions, 50_000), rng)
    repeats = -(-options.functions // len(drawn))
    sets = {
        "uniform": rng.integers(0, 2, (options.functions, 128), dtype=np.uint8),
        "network": np.tile(drawn, (repeats, 1))[: options.functions],
    }
    results: dict[str, object] = {"compile_s": compile_seconds()}
    for label, bits in sets.items():
        everything = FunctionBatch("boolean", points, bits=bits)
        for item in proxies_for("boolean", n_inputs=N_INPUTS):
            batch = everything.rows(slice(DEAR_FUNCTIONS)) if item.dear else everything
            measure(batch.rows(slice(1)), [item.name])
            results[f"{label} {item.name}"] = {
                "one_thread_per_s": rate(batch, item.name, 1),
                "all_threads_per_s": rate(batch, item.name, None),
            }
        results[f"{label} lz, plain kernel"] = {
            "one_thread_per_s": plain_lz_rate(everything.rows(slice(50_000)))
        }
        _, proven = minimal_expression(everything.rows(slice(DEAR_FUNCTIONS)))
        results[f"{label} expressions proven minimal"] = float(proven.mean())
    if options.json:
        print(json.dumps(results, indent=2))
        return 0
    print(f"compilation of all Boolean proxies: {results.pop('compile_s'):.1f} s")
    print(f"{'functions and proxy':<32}{'1 thread /s':>14}{'all threads /s':>16}")
    for label, entry in results.items():
        if not isinstance(entry, dict):
            print(f"{label}: {entry:.1%} of {DEAR_FUNCTIONS:,}")
            continue
        both = entry.get("all_threads_per_s")
        print(f"{label:<32}{entry['one_thread_per_s']:>14,.0f}{both or float('nan'):>16,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
