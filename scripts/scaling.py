"""Draws per second against threads and Dask workers on this machine, and what 10^12 draws take.

    python scripts/scaling.py [--draws 4000000] [--turns 3] [--total 1000000000000]

Campaigns of the default network, (7, 40, 40, 1), under the prior `gaussian`, in which about a
quarter of the draws are distinct. Sampled with 1, 2, … threads, then by as many workers of a
cluster on this machine, in turns; a rate is that after the first block, so that starting and
compiling do not count. Then draws in the largest blocks, merged within 1 GiB, and as many counted
with `keep = sampled` and `frequent`, whose compaction of blocks into what is kept is serial.

Written to results/reference/scaling: rates.parquet, scaling.png and scaling.svg. Printed: the
tables of docs/scaling.md. Needs the extra `cluster`, and an idle machine.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from bench_memory import campaign

from pfmap import pipeline
from pfmap.figures.style import (
    BLUE,
    GREY,
    VERMILION,
    drawing,
    legend_above,
    new_figure,
    write_figure,
)
from pfmap.pipeline.compaction import GROUPS_A_COMPACTION
from pfmap.pipeline.limited_counts import group_blocks
from pfmap.settings.campaign import MAX_BLOCK_DRAWS
from pfmap.store.provenance import machine
from pfmap.store.tables import row_count
from pfmap.threads import default_threads

OUT = Path(__file__).parents[1] / "results" / "reference" / "scaling"
LOOPBACK = Path("/sys/class/net/lo/statistics/rx_bytes")
BLOCK_DRAWS = 65_536


class Clock(pipeline.SilentReporter):
    """When the first and the last progress of a stage came, and how far it was."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []

    def progress(self, stage: str, done: int, total: int) -> None:
        """Note when draws were done."""
        if stage == "sample" and done > 0:
            self.seen.append((time.perf_counter(), done))

    @property
    def rate(self) -> float:
        """Draws a second after the first block."""
        (began, before), (ended, after) = self.seen[0], self.seen[-1]
        return (after - before) / (ended - began)


def sampled(draws: int, kind: str, number: int) -> dict[str, Any]:
    """Sample once with some threads or workers: rate, and bytes through the loopback device."""
    how: dict[str, Any] = {"threads": number}
    if kind == "workers":
        how = {"cluster": f"local:{number}"}
    clock, setup = Clock(), campaign(draws, block_draws=BLOCK_DRAWS)
    with tempfile.TemporaryDirectory() as folder:
        before = loopback_bytes()
        pipeline.run(setup, folder, stages=["sample"], reporter=clock, **how)
        sent = loopback_bytes() - before
    return {
        "kind": kind,
        "number": number,
        "draws_per_s": clock.rate,
        "bytes_per_block": sent / setup.n_blocks,
    }


def loopback_bytes() -> float:
    """Bytes that processes of this machine sent each other over TCP; NaN if not known."""
    return float(LOOPBACK.read_text()) if LOOPBACK.exists() else math.nan


def rates(draws: int, turns: int) -> pd.DataFrame:
    """Every number of threads and of workers, once a turn."""
    cores = default_threads()
    numbers = [n for n in (1, 2, 4, 8, 16, 32, 64, 128) if n < cores] + [cores]
    sampled(2 * BLOCK_DRAWS, "threads", 1)  # kernels are compiled before any turn
    rows = []
    for turn in range(turns):
        for kind in ("threads", "workers"):
            for number in numbers:
                rows.append({"turn": turn, **sampled(draws, kind, number)})
                print(json.dumps(rows[-1]), flush=True)
    return pd.DataFrame(rows)


def merged(draws: int) -> dict[str, float]:
    """Bytes of shards and tables, and seconds of merging, of one campaign."""
    clock = time.perf_counter
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        setup = campaign(draws, block_draws=min(MAX_BLOCK_DRAWS, draws))
        pipeline.run(setup, folder, stages=["sample"])
        began = clock()
        pipeline.run(setup, folder, stages=["functions"], resume=True, memory="1GiB")
        taken = clock() - began
        shards = list((folder / "counts").glob("*.parquet"))
        table = folder / "functions.parquet"
        return {
            "draws": draws,
            "rows": sum(row_count(path, "counts") for path in shards),
            "functions": row_count(table, "functions"),
            "shard_bytes": sum(path.stat().st_size for path in shards),
            "table_bytes": table.stat().st_size,
            "merge_s": taken,
        }


def kept(keep: str, draws: int) -> dict[str, Any]:
    """Seconds of compaction and the most bytes on disk of a campaign that does not keep all."""
    with tempfile.TemporaryDirectory() as temporary:
        setup = campaign(draws, block_draws=BLOCK_DRAWS, counting={"keep": keep})
        result = pipeline.run(setup, temporary, stages=["sample"], profile=True)
        assert result.profile is not None
        parts = {row["part"]: row["wall_s"] for row in result.profile.parts}
        folded = [path.stat().st_size for path in Path(temporary).glob("counts/[sf]*-*.parquet")]
        return {
            "keep": keep,
            "draws_per_s": draws / parts["compaction counts"],
            "kept_bytes": sum(folded),
        }


def draw(table: pd.DataFrame) -> None:
    """Rates against threads and workers: median, range of the turns, and one thread's multiples."""
    with drawing():
        figure, (axes,) = new_figure(2.4)
        one = table[(table["kind"] == "threads") & (table["number"] == 1)]["draws_per_s"].median()
        most = table["number"].max()
        axes.plot([1, most], [one / 1e3, one * most / 1e3], color=GREY, linestyle=":",
                  label="one thread, multiplied")  # fmt: skip
        for kind, colour, mark in (("threads", BLUE, "o"), ("workers", VERMILION, "s")):
            found = table[table["kind"] == kind].groupby("number")["draws_per_s"]
            middle, low, high = found.median() / 1e3, found.min() / 1e3, found.max() / 1e3
            axes.errorbar(middle.index, middle, yerr=[middle - low, high - middle], color=colour,
                          marker=mark, markersize=4, capsize=2,
                          label="threads" if kind == "threads" else "Dask workers")  # fmt: skip
        axes.set_xlabel("threads, or Dask workers of one thread")
        axes.set_ylabel("sampling rate (1,000 draws/s)")
        axes.set_xticks(sorted(table["number"].unique()))
        axes.set_ylim(bottom=0)
        legend_above(figure, axes, columns=3)
        write_figure(figure, OUT, "scaling")


def rate_lines(table: pd.DataFrame) -> Iterator[str]:
    """Markdown table of the rates."""
    one = table[(table["kind"] == "threads") & (table["number"] == 1)]["draws_per_s"].median()
    yield "| | number | draws/s, median (range) | over one thread | bytes sent a block |"
    yield "| --- | --- | --- | --- | --- |"
    for (kind, number), rows in table.groupby(["kind", "number"]):
        rate = rows["draws_per_s"]
        sent = f"{rows['bytes_per_block'].median():,.0f}" if kind == "workers" else "-"
        yield (
            f"| {kind} | {number} | {rate.median():,.0f} ({rate.min():,.0f}–{rate.max():,.0f}) | "
            f"{rate.median() / one:.2f} | {sent} |"
        )


def estimate_lines(
    table: pd.DataFrame, sizes: list[dict[str, float]], keeps: list[dict[str, Any]], total: int
) -> Iterator[str]:
    """Markdown tables of the measured constants and of what `total` draws take by them."""
    workers = table[table["kind"] == "workers"]
    largest = workers[workers["number"] == workers["number"].max()]
    core_rate = largest["draws_per_s"].median() / largest["number"].max()
    sent = largest["bytes_per_block"].median()
    blocks = -(-total // MAX_BLOCK_DRAWS)
    small, large = sizes
    # Distinct functions grow as a power of the draws, more slowly the more there are.
    power = math.log(large["functions"] / small["functions"]) / math.log(
        large["draws"] / small["draws"]
    )
    functions = large["functions"] * (total / large["draws"]) ** power
    rows = large["rows"] * total / large["draws"]
    row_bytes = large["shard_bytes"] / large["rows"]
    table_bytes = large["table_bytes"] / large["functions"]
    merging_s = large["merge_s"] / large["rows"] * rows
    setup = campaign(total, block_draws=MAX_BLOCK_DRAWS, counting={"keep": "sampled"})
    waiting = min(blocks, (GROUPS_A_COMPACTION + 1) * group_blocks(setup) + 2 * 1000)
    constants = {
        "draws/s of a core, all workers busy": f"{core_rate:,.0f}",
        f"rows of a shard a draw, blocks of {MAX_BLOCK_DRAWS:,}": f"{rows / total:.4f}",
        "bytes a row of a shard": f"{row_bytes:.1f}",
        "bytes a row of `functions.parquet`, no complexities": f"{table_bytes:.1f}",
        "merging within 1 GiB, µs a row of a shard": f"{1e6 * merging_s / rows:.2f}",
        "functions grow as draws to the power": f"{power:.3f}",
        "bytes between processes a block, shards on a shared disk": f"{sent:,.0f}",
    }
    for row in keeps:
        constants[f"compaction, keep = {row['keep']}, draws/s"] = f"{row['draws_per_s']:,.0f}"
        constants[f"files of what keep = {row['keep']} keeps, MB"] = (
            f"{row['kept_bytes'] / 1e6:.0f}"
        )
    yield from two_columns("constant", "measured", constants)
    yield ""
    estimates = {
        "blocks": f"{blocks:,}",
        "core-hours of sampling": f"{total / core_rate / 3600:,.0f}",
        "hours of sampling on 1,000 such cores": f"{total / core_rate / 3.6e6:,.2f}",
        "network, shards on a shared disk": f"{sent * blocks / 1e9:,.2f} GB",
        "network, shards sent to the pfmap process": f"{rows * row_bytes / 1e12:,.2f} TB",
        "all: shards": f"{rows * row_bytes / 1e12:,.2f} TB",
        "all: functions, extrapolated": f"{functions:,.2g}",
        "all: `functions.parquet`": f"{functions * table_bytes / 1e12:,.2f} TB",
        "all: merging, one machine": f"{merging_s / 3600:,.0f} hours",
    }
    for row in keeps:
        name = row["keep"]
        disk = row["kept_bytes"] + waiting * MAX_BLOCK_DRAWS * rows / total * row_bytes
        estimates[f"{name}: largest on disk, 1,000 workers"] = f"{disk / 1e9:,.0f} GB"
        estimates[f"{name}: compaction, serial"] = f"{total / row['draws_per_s'] / 3600:,.0f} hours"
    yield from two_columns(
        f"{total:.0e} draws, blocks of {MAX_BLOCK_DRAWS:,}", "estimate", estimates
    )


def two_columns(left: str, right: str, rows: dict[str, str]) -> Iterator[str]:
    """A Markdown table."""
    yield f"| {left} | {right} |"
    yield "| --- | --- |"
    for name, value in rows.items():
        yield f"| {name} | {value} |"


def main() -> None:
    """Measure, draw, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=4_000_000, help="draws of each campaign")
    parser.add_argument("--turns", type=int, default=3, help="turns of each")
    parser.add_argument("--total", type=int, default=10**12, help="draws of the estimate")
    options = parser.parse_args()
    table = rates(options.draws, options.turns)
    sizes = [merged(options.draws), merged(4 * options.draws)]
    keeps = [kept(keep, 4 * options.draws) for keep in ("sampled", "frequent")]
    OUT.mkdir(parents=True, exist_ok=True)
    table.to_parquet(OUT / "rates.parquet", index=False)
    draw(table)
    about = machine()
    print(f"{about['cpu']}, {about['cores']} cores, Python {about['python']}\n")
    print("\n".join(rate_lines(table)))
    print()
    print("\n".join(estimate_lines(table, sizes, keeps, options.total)))


if __name__ == "__main__":
    main()
