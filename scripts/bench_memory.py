"""Peak memory, time and disk of every stage of a campaign larger than memory.

    python scripts/bench_memory.py --draws 1000000 10000000 [--memory 2GiB] [--folder DIR] [--json]

Campaigns of the default network, (7, 40, 40, 1), under the prior `gaussian`, without learning
coefficients and splitting, whose time does not depend on the draws. Every stage runs in a process
of its own; its peak is the largest resident memory of that process. Folders are continued: a
larger number of draws keeps those of the smaller, and a stage that is up to date is not timed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STAGES = ("sample", "functions", "complexity", "analyze", "plot")
POLL_S = 0.2


def campaign(draws: int, **settings: Any) -> Any:
    """The campaign that is measured, with further settings."""
    from pfmap.settings.read import campaign_from_mapping

    return campaign_from_mapping(
        {
            "name": "memory",
            "draws": draws,
            "prior": {"preset": "gaussian"},
            "llc": {"functions": 0},
            "volume": {"functions": 0, "named": []},
            **settings,
        }
    )


def work(folder: Path, draws: int, stage: str, memory: str | None) -> None:
    """Run one stage here and print what it took."""
    from pfmap import pipeline

    result = pipeline.run(campaign(draws), folder, stages=[stage], resume=True, memory=memory)
    outcome = result.stages[stage]
    print(
        json.dumps(
            {
                "seconds": round(outcome.elapsed_s, 1),
                "up_to_date": outcome.up_to_date,
                "peak_mib": round(peak_bytes() / 2**20),
            }
        )
    )


def peak_bytes() -> int:
    """Largest resident memory that this process had."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count the parent before this program took its place
        line = next(text for text in status.read_text().splitlines() if text.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


def disk_bytes(folder: Path) -> int:
    """Bytes of all files in a folder; files that vanish meanwhile count nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(place, name)).st_size
            except FileNotFoundError:
                continue
    return total


def measure(folder: Path, draws: int, stage: str, memory: str | None) -> dict[str, Any]:
    """Run one stage in a process of its own, watching what it puts on disk."""
    command = [sys.executable, __file__, "--worker", stage, "--folder", str(folder)]
    command += ["--draws", str(draws), *(["--memory", memory] if memory else [])]
    before = disk_bytes(folder)
    said, most = watched(command, folder)
    after = disk_bytes(folder)
    waiting = max(0, most - max(before, after))
    return {"draws": draws, "stage": stage, **json.loads(said), "waiting_mb": round(waiting / 1e6)}


def watched(command: list[str], folder: Path) -> tuple[str, int]:
    """Run a command: what it printed, and the most bytes that its folder held meanwhile."""
    most = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            most = max(most, disk_bytes(folder))
            time.sleep(POLL_S)
        assert process.stdout is not None
        said = process.stdout.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with exit code {process.returncode}")
    return said, most


def sizes(folder: Path, draws: int) -> dict[str, Any]:
    """Functions, and what the campaign leaves on disk."""
    from pfmap.store.tables import row_count

    table = folder / "functions.parquet"
    rows = row_count(table, "functions")
    shards = disk_bytes(folder / "counts")
    return {
        "draws": draws,
        "distinct": rows,
        "shards_mb": round(shards / 1e6, 1),
        "table_mb": round(table.stat().st_size / 1e6, 1),
        "shards_gb_per_1e9_draws": round(shards / draws, 2),
        "table_bytes_per_function": round(table.stat().st_size / rows, 1),
    }


def report(rows: list[dict[str, Any]], found: list[dict[str, Any]]) -> Iterator[str]:
    """Two Markdown tables."""
    yield "| draws | stage | peak memory | seconds | waiting on disk |"
    yield "| --- | --- | --- | --- | --- |"
    for row in rows:
        taken = "up to date" if row["up_to_date"] else f"{row['seconds']:.1f}"
        yield (
            f"| {row['draws']:,} | `{row['stage']}` | {row['peak_mib']:,} MiB | {taken} | "
            f"{row['waiting_mb']:,} MB |"
        )
    yield ""
    yield (
        "| draws | distinct functions | shards | per 10^9 draws | `functions.parquet` | "
        "bytes a function |"
    )
    yield "| --- | --- | --- | --- | --- | --- |"
    for row in found:
        yield (
            f"| {row['draws']:,} | {row['distinct']:,} | {row['shards_mb']:,} MB | "
            f"{row['shards_gb_per_1e9_draws']:.2f} GB | {row['table_mb']:,} MB | "
            f"{row['table_bytes_per_function']} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, nargs="+", default=[1_000_000], help="totals")
    parser.add_argument("--memory", help="budget, as for pfmap run")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary one if left out")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.folder, options.draws[0], options.worker, options.memory)
        return
    rows, found = [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for draws in sorted(options.draws):
            rows += [measure(folder, draws, stage, options.memory) for stage in STAGES]
            found.append(sizes(folder, draws))
    if options.json:
        print(json.dumps({"memory": options.memory, "stages": rows, "sizes": found}, indent=2))
    else:
        print("\n".join(report(rows, found)))


if __name__ == "__main__":
    main()
