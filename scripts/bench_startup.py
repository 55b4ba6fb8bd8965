"""How long pfmap takes to start, and to compile its kernels.

    python scripts/bench_startup.py [--turns 5] [--json]

`pfmap --help` and the first block of `pfmap sample vallePerez2019` (from the start of the process
until the first shard is there) with kernels in the cache: medians of several turns. Then all of
vallePerez2019, and one look at every model of the calibration suite, each twice in processes of
their own: with an empty kernel cache and with the one this has filled. Compiling is what numba
itself says it took; "cold less warm" holds the writing of the cache too, and noise.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

PFMAP = Path(sysconfig.get_path("scripts")) / "pfmap"
POLL_S = 0.002
SUITE_STEPS = 1000
"""Steps of a chain in the suite: machine code does not depend on them."""


def help_s() -> float:
    """Seconds of ``pfmap --help``."""
    began = time.perf_counter()
    subprocess.run([PFMAP, "--help"], check=True, capture_output=True)
    return time.perf_counter() - began


def first_block_s() -> float:
    """Seconds from the start of ``pfmap sample vallePerez2019`` until its first shard is there."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        began = time.perf_counter()
        run = subprocess.Popen(
            [PFMAP, "sample", "vallePerez2019", "--out", out],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not any((out / "counts").glob("part-*.parquet")):
            if run.poll() not in (None, 0):
                raise SystemExit(f"pfmap sample ended with exit code {run.returncode}")
            time.sleep(POLL_S)
        taken = time.perf_counter() - began
        run.wait()
        return taken


def work(what: str) -> None:
    """Run the campaign or the suite here, and print seconds."""
    from pfmap import pipeline
    from pfmap.calibration.calibrate import calibrate
    from pfmap.calibration.suites import default_suite
    from pfmap.profiling import COMPILING, profiled
    from pfmap.settings.campaign import Campaign

    began, processor = time.perf_counter(), time.process_time()
    with profiled() as profile, tempfile.TemporaryDirectory() as folder:
        if what == "campaign":
            pipeline.run(Campaign(), folder)
        else:
            calibrate(default_suite(), max_steps=SUITE_STEPS, precision=0.5)
    parts = [parts[COMPILING] for parts in profile.parts.values() if COMPILING in parts]
    found = {
        "wall_s": time.perf_counter() - began,
        "processor_s": time.process_time() - processor,
        "compiling_s": sum(part.wall_s for part in parts),
        "kernels": sum(part.calls for part in parts),
    }
    print(json.dumps(found))


def cold_and_warm(what: str) -> dict[str, Any]:
    """Seconds with an empty cache of kernels, and with a full one."""
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = (
            json.loads(
                subprocess.run(
                    [sys.executable, __file__, "--worker", what],
                    check=True,
                    stdout=subprocess.PIPE,
                    env={**os.environ, "NUMBA_CACHE_DIR": cache},
                ).stdout
            )
            for _ in range(2)
        )
    return {
        "what": what,
        "kernels_compiled": cold["kernels"],
        "compiling_s": cold["compiling_s"],
        "cold_s": cold["wall_s"],
        "warm_s": warm["wall_s"],
        "cold_less_warm_s": cold["wall_s"] - warm["wall_s"],
        "cold_less_warm_processor_s": cold["processor_s"] - warm["processor_s"],
        "compiled_again": warm["kernels"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5, help="turns of what takes seconds")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--worker", choices=["campaign", "suite"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker)
        return
    first_block_s()  # fills the cache of this user
    starts = {
        "pfmap --help": statistics.median(help_s() for _ in range(options.turns)),
        "first block of pfmap sample default": statistics.median(
            first_block_s() for _ in range(options.turns)
        ),
    }
    compiled = [cold_and_warm("campaign"), cold_and_warm("suite")]
    if options.json:
        print(json.dumps({"starts_s": starts, "compiled": compiled}, indent=2))
        return
    print("| start | seconds |\n| --- | --- |")
    for name, seconds in starts.items():
        print(f"| {name} | {seconds:.2f} |")
    print(
        "\n| | kernels compiled | compiling | cold less warm | of it processor time | warm |\n"
        "| --- | --- | --- | --- | --- | --- |"
    )
    for row in compiled:
        print(
            f"| {row['what']} | {row['kernels_compiled']} | {row['compiling_s']:.1f} s | "
            f"{row['cold_less_warm_s']:.1f} s | {row['cold_less_warm_processor_s']:.1f} s | "
            f"{row['warm_s']:.1f} s |"
        )


if __name__ == "__main__":
    main()
