"""What each way of counting costs and gives, on draws few enough to keep every function as well.

    python scripts/bench_counting.py [--draws 2000000] [--functions 100000] [--frequent-p 0.0001]
                                     [--folder DIR] [--json]

One campaign of the default network, (7, 40, 40, 1), under the prior `gaussian` for each of
`counting.keep = all, frequent, sampled`, stages `sample` and `functions`, each in a process of its
own. Its peak is the largest resident memory of that process; the most on disk is looked up every
0.2 s. Then the tables are compared with that of all functions.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench_memory import disk_bytes, peak_bytes, watched

KEEP = ("all", "frequent", "sampled")


def work(folder: Path, settings: dict[str, Any]) -> None:
    """Count one campaign here and print what it took."""
    from pfmap import pipeline
    from pfmap.settings.read import campaign_from_mapping

    campaign = campaign_from_mapping(
        {"name": "counting", "prior": {"preset": "gaussian"}, **settings}
    )
    result = pipeline.run(campaign, folder, stages=["sample", "functions"])
    seconds = {f"{name}_s": round(item.elapsed_s, 1) for name, item in result.stages.items()}
    print(json.dumps({**seconds, "peak_mib": round(peak_bytes() / 2**20)}))


def measure(folder: Path, draws: int, counting: dict[str, Any]) -> dict[str, Any]:
    """Count one campaign in a process of its own, watching what it puts on disk."""
    settings = json.dumps({"draws": draws, "counting": counting})
    command = [sys.executable, __file__, "--folder", str(folder), "--worker", settings]
    said, most = watched(command, folder)
    return {
        "keep": counting["keep"],
        **json.loads(said),
        "most_mb": round(max(most, disk_bytes(folder)) / 1e6, 1),
        "counts_mb": round(disk_bytes(folder / "counts") / 1e6, 1),
        "table_mb": round((folder / "functions.parquet").stat().st_size / 1e6, 1),
    }


def compare(folders: dict[str, Path], draws: int, frequent_p: float) -> dict[str, Any]:
    """The tables of the frequent and of the sample beside that of all functions."""
    from pfmap.analysis.population import read_population
    from pfmap.functions.richness import estimate_richness
    from pfmap.store import read_table

    every, frequent, sampled = (
        read_table(folders[name], "functions", ["function", "count", "first_draw"])
        .to_pandas()
        .set_index("function")
        for name in KEEP
    )
    error = int(read_table(folders["frequent"], "functions", ["count_error"])[0][0].as_py())
    missing = every["count"].sub(frequent["count"], fill_value=0)
    heavy = every["count"] >= frequent_p * draws
    beyond = every["count"] > error
    found = {
        name: read_population(folders[name] / "functions.parquet", min_count=10).frequencies
        for name in KEEP
    }
    richness = {name: estimate_richness(item) for name, item in found.items()}
    return {
        "rows": {"all": len(every), "frequent": len(frequent), "sampled": len(sampled)},
        "count_error": error,
        "largest_true_error": int(missing.max()),
        "guaranteed_error": draws // (int(read_capacity(folders["frequent"])) + 1),
        "heavy": int(heavy.sum()),
        "heavy_kept": int(heavy[heavy].index.isin(frequent.index).sum()),
        "beyond": int(beyond.sum()),
        "beyond_kept": int(beyond[beyond].index.isin(frequent.index).sum()),
        "inclusion": found["sampled"].inclusion,
        "sampled_equals_all": bool(every.loc[sampled.index].equals(sampled)),
        "distinct": {
            name: [item.distinct, item.distinct_low, item.distinct_high]
            for name, item in richness.items()
        },
        "missing_mass": {
            name: [item.missing_mass, item.missing_mass_low, item.missing_mass_high]
            for name, item in richness.items()
        },
    }


def read_capacity(folder: Path) -> int:
    """Counters of a campaign."""
    from pfmap.store import read_campaign_folder

    return read_campaign_folder(folder).counting.functions


def report(costs: list[dict[str, Any]], found: dict[str, Any]) -> str:
    """Two Markdown tables and a line on each guarantee."""
    lines = [
        "| keep | rows | disk, at the end | disk, at most | peak memory | `sample` | `functions` |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in costs:
        end = row["counts_mb"] + row["table_mb"]
        lines.append(
            f"| `{row['keep']}` | {found['rows'][row['keep']]:,} | {end:.1f} MB | "
            f"{row['most_mb']} MB | {row['peak_mib']:,} MiB | {row['sample_s']} s | "
            f"{row['functions_s']} s |"
        )
    lines += ["", "| keep | distinct functions | missing mass |", "| --- | --- | --- |"]
    for name in KEEP:
        distinct, low, high = found["distinct"][name]
        span = "" if low == high else f" ({low:,.0f} to {high:,.0f})"
        mass = "{:.4f} ({:.4f} to {:.4f})".format(*found["missing_mass"][name])
        lines.append(f"| `{name}` | {distinct:,}{span} | {mass} |")
    lines += [
        "",
        f"frequent: bound on the error of a count {found['count_error']:,} draws, largest error "
        f"{found['largest_true_error']:,}, N / (functions + 1) = {found['guaranteed_error']:,}; "
        f"kept are {found['heavy_kept']:,} of {found['heavy']:,} functions of frequent_p N draws "
        f"or more, {found['beyond_kept']:,} of {found['beyond']:,} of more draws than the bound",
        f"sampled: 1 in {1 / found['inclusion']:,.0f} functions; rows equal to those of all: "
        f"{'yes' if found['sampled_equals_all'] else 'NO'}",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=2_000_000)
    parser.add_argument("--functions", type=int, default=100_000)
    parser.add_argument("--frequent-p", type=float, default=1e-4)
    parser.add_argument("--folder", type=Path, help="where to work; a temporary one if left out")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.folder, json.loads(options.worker))
        return
    with tempfile.TemporaryDirectory() as temporary:
        parent = options.folder or Path(temporary)
        folders = {name: parent / name for name in KEEP}
        own = {"functions": options.functions, "frequent_p": options.frequent_p}
        costs = [measure(folders[name], options.draws, {"keep": name, **own}) for name in KEEP]
        found = compare(folders, options.draws, options.frequent_p)
    if options.json:
        print(json.dumps({"draws": options.draws, "costs": costs, "compared": found}, indent=2))
    else:
        print(report(costs, found))


if __name__ == "__main__":
    main()
