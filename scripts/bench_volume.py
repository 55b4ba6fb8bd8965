"""Benchmark of the volume engine: seconds and forward passes to ±0.5 bit, and how they grow.

    python scripts/bench_volume.py             the first two tables and the figure
    python scripts/bench_volume.py settings    moves and lengths compared
    python scripts/bench_volume.py --json      the tables as JSON
    python scripts/bench_volume.py --peers     other libraries beside (`bench_peers.py`)

*Functions*: P(f) of (7,40,40,1) under the Gaussian prior, on one core and two. An estimate is the
default one with steps doubled until the standard error it reports is at most 0.5 bit, or up to 256;
the seconds are those of the last estimate, pilot included, and the earlier, shorter ones are stated
beside. On one core a single run is timed, and multiplied by the runs and the pilot. Processor
seconds tell more on a machine that others use too.
*Counting*: draws that plain counting needs for ±0.5 bit, 1/((0.5 ln 2)² P), over the measured rate
of sampling on as many cores.

*Growth*: for many functions, forward passes needed for ±0.5 bit, from the spread of eight runs: the
passes of one run times its variance over 0.25 bits². Steps are doubled, up to 128, until the runs
lie within a standard deviation of 1.5 bits; functions whose runs still do not agree stand apart and
take no part in the fit. A variance from eight runs is good to a factor of two.

*Estimates*: independent default estimates (`--estimates`, 32) of the functions (`--only`), each
with its own seed: how they spread, against the standard errors they state, with their passes and
processor seconds. The mean is that of log2 P over those estimates that gave a number.

*Settings*: variance times passes of single runs, by kind of move, share kept, chains and steps.

Wall times depend on what else the machine does: the load before is printed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from bench_peers import FUNCTIONS, peers_table

from pfmap.figures.style import (
    BLACK,
    BLUE,
    GREY,
    VERMILION,
    drawing,
    legend_above,
    new_figure,
    write_figure,
)
from pfmap.functions import parse_function
from pfmap.sampling import SamplingPlan, plan_sampling, sample_blocks
from pfmap.settings.domain import boolean_points
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume import Settings, Target, estimate_volume, sign_target, splitting
from pfmap.volume.severities import choose_levels
from pfmap.volume.splitting import run_levels

FOLDER = Path(__file__).parents[1] / "results/reference/volume"
LN2 = math.log(2.0)
ACCURACY = 0.5
MOST_STEPS = 256
AGREEING = 1.5
GROWING_STEPS = 128

Table = list[dict[str, Any]]


def functions() -> dict[str, np.ndarray]:
    """Truth tables of seven inputs, from common to rare."""
    x = boolean_points(7).astype(int)
    ones = x.sum(axis=1)
    majority = ones >= 4
    found = {
        "x1": x[:, 0] == 1,
        "x1 and x2": x[:, :2].all(axis=1),
        "x1 or x2 and x3": (x[:, 0] == 1) | x[:, 1:3].all(axis=1),
        "and of 3": x[:, :3].all(axis=1),
        "and of 5": x[:, :5].all(axis=1),
        "and of 7": ones == 7,
        "majority of 3": x[:, :3].sum(axis=1) >= 2,
        "majority of 5": x[:, :5].sum(axis=1) >= 3,
        "at least 2": ones >= 2,
        "at least 3": ones >= 3,
        "majority of 7": majority,
        "weights 1 … 7, above 14": x @ np.arange(1, 8) > 14,
    }
    flips = np.random.default_rng(7).permutation(128)
    for k in (1, 2, 3, 4, 6):
        flipped = majority.copy()
        flipped[flips[:k]] ^= True
        found[f"majority, {k} flipped"] = flipped
    points = np.random.default_rng(1).permutation(128)
    for k in (2, 3, 4):
        found[f"{k} points"] = np.isin(np.arange(128), points[:k])
    return found


TIMED = ("and of 5", "majority of 7", "majority, 4 flipped")
NOT_GROWING = ("majority, 3 flipped", "majority, 6 flipped", TIMED[2])
GROWING = tuple(name for name in functions() if name not in NOT_GROWING)


def target_of(plan: SamplingPlan, name: str) -> Target:
    """The target of a function by name."""
    return sign_target(plan, np.where(functions()[name], 1.0, -1.0), name=name)


def single_runs(
    target: Target, settings: Settings, threads: int = 2
) -> tuple[np.ndarray, float, int]:
    """log2 V̂ of runs after one pilot, forward passes of a run, and levels."""
    with ThreadPoolExecutor(threads) as pool:
        levels = choose_levels(target, settings, pool)
        if levels.verdict != "reached":
            return np.full(settings.runs, math.nan), math.nan, len(levels.curve)
        runs = [run_levels(target, levels, settings, i, pool) for i in range(settings.runs)]
    logs = np.array([run.log_volumes[-1] / LN2 for run in runs])
    return logs, statistics.mean(run.evaluations for run in runs), len(levels.curve)


def sampling_rate(plan: SamplingPlan, threads: int, seconds: float = 3.0) -> float:
    """Draws a second of plain sampling."""
    blocks = 4 * threads
    next(iter(sample_blocks(plan, [0], threads=threads)))  # compiles
    done, first, start = 0, 1, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        tallies = sample_blocks(plan, range(first, first + blocks), threads=threads)
        done += sum(tally.draws for tally in tallies)
        first += blocks
    return done / elapsed


def timed_table(plan: SamplingPlan) -> Table:
    """Seconds to ±0.5 bit."""
    rows: Table = []
    rates = {threads: sampling_rate(plan, threads) for threads in (1, 2)}
    for name in TIMED:
        target, settings, before = target_of(plan, name), Settings(), 0.0
        while True:
            processor = time.process_time()
            found = estimate_volume(target, settings, threads=2)
            processor = time.process_time() - processor
            if found.log2_p_se <= ACCURACY or settings.steps >= MOST_STEPS:
                break
            before += found.elapsed_s
            settings = dataclasses.replace(settings, steps=2 * settings.steps)
        with ThreadPoolExecutor(1) as pool:
            start = time.perf_counter()
            run_levels(target, found.levels, settings, 0, pool)
            one_run = time.perf_counter() - start
        draws = 1.0 / ((ACCURACY * LN2) ** 2 * 2.0**found.log2_p)
        rows.append(
            {
                "function": name,
                "log2_p": found.log2_p,
                "log2_p_se": found.log2_p_se,
                "levels": len(found.levels.curve),
                "steps": settings.steps,
                "seconds_two_cores": found.elapsed_s,
                "seconds_one_core": (settings.runs + 1) * one_run,
                "processor_seconds": processor,
                "seconds_of_shorter_tries": before,
                "forward_passes": found.evaluations,
                "counting_draws": draws,
                "counting_seconds_two_cores": draws / rates[2],
                "counting_over_splitting": draws / rates[2] / found.elapsed_s,
                "counting_draws_per_s_one_core": rates[1],
                "counting_draws_per_s_two_cores": rates[2],
            }
        )
    return rows


def growth_table(plan: SamplingPlan) -> Table:
    """Forward passes for ±0.5 bit of every function, with the shortest chains that agree."""
    rows: Table = []
    for name in GROWING:
        settings = Settings()
        while True:
            logs, passes, levels = single_runs(target_of(plan, name), settings)
            alive = np.isfinite(logs)
            agree = alive.all() and logs.std(ddof=1) <= AGREEING
            if agree or settings.steps >= GROWING_STEPS:
                break
            settings = dataclasses.replace(settings, steps=2 * settings.steps)
        spread = float(logs[alive].std(ddof=1)) if alive.sum() > 1 else math.nan
        mean = np.log2(np.mean(2.0 ** (logs[alive] - logs[alive].max()))) + logs[alive].max()
        rows.append(
            {
                "function": name,
                "log2_p": float(mean),
                "levels": levels,
                "steps": settings.steps,
                "runs_without_states": int((~alive).sum()),
                "run_sd": spread,
                "agree": bool(agree),
                "passes_per_run": passes,
                "passes_needed": passes * (spread / ACCURACY) ** 2,
            }
        )
    return rows


def exponent(growth: Table) -> tuple[float, float]:
    """Slope of log passes against log(log2 1/P) where runs agree, and its standard error."""
    table = pd.DataFrame(growth)
    table = table[table["agree"]]
    x, y = np.log(-table["log2_p"]), np.log(table["passes_needed"])
    (slope, _), covariance = np.polyfit(x, y, 1, cov=True)
    return float(slope), math.sqrt(covariance[0, 0])


def draw_growth(growth: Table, folder: Path) -> None:
    """Figure of the passes needed against log2 1/P, beside what counting needs."""
    table = pd.DataFrame(growth).dropna()
    agree = table["agree"].to_numpy()
    bits, passes = -table["log2_p"].to_numpy(), table["passes_needed"].to_numpy()
    slope, slope_se = exponent(growth)
    line = np.geomspace(bits.min(), bits.max(), 50)
    middle = math.exp(np.mean(np.log(passes[agree] / bits[agree] ** 2)))
    counting = np.linspace(bits.min(), min(bits.max(), 30.0), 50)
    needed = 2.0**counting / (ACCURACY * LN2) ** 2
    ticks = [t for t in (2, 5, 10, 20, 50, 100, 200) if bits.min() * 0.9 < t < bits.max() * 1.1]
    with drawing():
        figure, (axes,) = new_figure(2.7)
        axes.loglog(bits[agree], passes[agree], "o", color=BLUE, markersize=3,
                    label="runs agree within 1.5 bits")  # fmt: skip
        axes.loglog(bits[~agree], passes[~agree], "x", color=VERMILION, markersize=4,
                    label="they do not")  # fmt: skip
        axes.loglog(line, middle * line**2, "-", color=GREY, label=r"$(\log 1/P)^2$")
        axes.loglog(counting, needed, "--", color=BLACK, label="counting draws")
        axes.set_xlabel(r"$\log_2 1/P(f)$ (bits)")
        axes.set_ylabel("forward passes for ±0.5 bit")
        axes.set_title(f"(7,40,40,1) Gaussian: fitted exponent {slope:.1f} ± {slope_se:.1f}")
        axes.set_xticks(ticks, [str(t) for t in ticks])
        axes.minorticks_off()
        legend_above(figure, axes, columns=2)
        write_figure(figure, folder, "growth")


ESTIMATED = {
    "parity of 3, (3,8,1)": "parity",
    "majority of 5, (5,16,1)": "majority",
    "majority of 7": "majority of 7",
    "majority, 1 flipped": "majority, 1 flipped",
    "majority, 2 flipped": "majority, 2 flipped",
    "majority, 4 flipped": "majority, 4 flipped",
    "majority, 6 flipped": "majority, 6 flipped",
    "parity of 5, (5,16,1)": "parity",
    "parity of 7": "parity",
    "random:1": "random:1",
}


def estimates_table(plan: SamplingPlan, estimates: int, labels: list[str]) -> Table:
    """Spread of independent default estimates against the errors they state."""
    rows: Table = []
    for label in labels:
        name, on = ESTIMATED[label], plan
        if "(" in label:
            widths = label[label.index("(") + 1 : -1]
            network = {"widths": [int(width) for width in widths.split(",")]}
            on = plan_sampling(
                campaign_from_mapping({"network": network, "prior": {"preset": "gaussian"}})
            )
        if name in functions():
            signs = np.where(functions()[name], 1.0, -1.0)
        else:
            signs = parse_function(name, int(on.shape.widths[0])).signs
        processor = time.process_time()
        found = [
            estimate_volume(sign_target(on, signs, name=label), Settings(seed=seed), threads=1)
            for seed in range(1, estimates + 1)
        ]
        processor = (time.process_time() - processor) / estimates
        reached = [one for one in found if one.verdict == "reached"]
        logs = np.array([one.log2_p for one in reached])
        rows.append(
            {
                "function": label,
                "estimates": estimates,
                "reached": len(reached),
                "without_warning": sum(not one.curve.warnings for one in reached),
                "margins": sorted({one.levels.margin for one in found}),
                "log2_p": float(logs.mean()) if len(logs) else math.nan,
                "sd": float(logs.std(ddof=1)) if len(logs) > 1 else math.nan,
                "stated_error": float(np.median([one.log2_p_se for one in reached] or [math.nan])),
                "lowest_bound": min(one.log2_p_lower for one in found),
                "highest_bound": max(one.log2_p_upper for one in found),
                "passes": statistics.mean(one.evaluations for one in found),
                "processor_seconds": processor,
            }
        )
    return rows


SETTINGS: tuple[tuple[str, float, int, int], ...] = (
    ("walks", 0.25, 32, 128),
    ("slices", 0.25, 32, 128),
    ("slices", 0.25, 128, 32),
    ("slices", 0.1, 32, 128),
    ("slices", 0.5, 32, 128),
)
COMPARED = ("majority of 7", "2 points")


def settings_table(plan: SamplingPlan, pilots: int = 2, runs: int = 8) -> Table:
    """Variance times forward passes of single runs, runs from several pilots together."""
    rows: Table = []
    for name in COMPARED:
        for move, keep, chains, steps in SETTINGS:
            target = target_of(plan, name)
            if move == "walks":
                target = dataclasses.replace(target, move_weights=(1.0, 0.0, 0.0, 0.0))
            logs, passes = [], []
            for seed in range(1, pilots + 1):
                settings = Settings(chains=chains, steps=steps, runs=runs, seed=seed)
                with mock.patch.object(splitting, "KEEP", keep):
                    found, each, _ = single_runs(target, settings)
                logs.append(found)
                passes.append(each)
            together = np.concatenate(logs)
            variance = float(together[np.isfinite(together)].var(ddof=1))
            rows.append(
                {
                    "function": name,
                    "move": move,
                    "keep": keep,
                    "chains": chains,
                    "steps": steps,
                    "runs": len(together),
                    "passes_per_run": statistics.mean(passes),
                    "run_sd": math.sqrt(variance),
                    "variance_times_passes": variance * statistics.mean(passes),
                }
            )
    return rows


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "tables", nargs="*", default=["timed", "growth"], help="timed, growth, settings, estimates"
    )
    parser.add_argument("--estimates", type=int, default=32, help="estimates of each function")
    parser.add_argument(
        "--only",
        action="append",
        choices=[*ESTIMATED, *FUNCTIONS],
        help="a function to estimate; repeatable",
    )
    parser.add_argument("--peers", action="store_true", help="other libraries beside, alone")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    campaign = campaign_from_mapping({"draws": 10**9, "prior": {"preset": "gaussian"}})
    plan = plan_sampling(campaign)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    FOLDER.mkdir(parents=True, exist_ok=True)
    make = {
        "timed": timed_table,
        "growth": growth_table,
        "settings": settings_table,
        "estimates": lambda plan: estimates_table(
            plan, options.estimates, options.only or list(ESTIMATED)
        ),
    }
    if options.peers:
        options.tables = ["peers"]
        make = {"peers": lambda _: peers_table(options.estimates, options.only or list(FUNCTIONS))}
    unknown = set(options.tables) - set(make)
    if unknown:
        parser.error(f"tables: must be of {', '.join(make)}, got {', '.join(unknown)}")
    tables: dict[str, Table] = {}
    for name in options.tables:
        tables[name] = make[name](plan)
        pd.DataFrame(tables[name]).to_parquet(FOLDER / f"bench_{name}.parquet", index=False)
        if name == "growth":
            draw_growth(tables[name], FOLDER)
    if options.json:
        print(json.dumps({"load_before": load, **tables}, indent=1))
        return 0
    print(f"load before {load:.1f}")
    for table in tables.values():
        print(pd.DataFrame(table).to_string(index=False, float_format=lambda v: f"{v:.4g}"))
    if "growth" in tables:
        slope, slope_se = exponent(tables["growth"])
        print(f"passes needed grow like (log 1/P)^{slope:.2f} ± {slope_se:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
