"""Power lost at every moment of a campaign: does `--resume` end with the same tables?

    python scripts/crash_simulation.py [--most N] [--seed SEED] [--json]

The file-system calls of a small campaign are recorded; then every folder that a loss of power may
have left behind after any of them (`crash_disk.py`) is made, the campaign is resumed in it, and all
tables are compared with those of the undisturbed run: every column but `elapsed_s`. A campaign goes
stage by stage, each a command of its own, and is resumed to the end of the stage that lost power:
what the next one then finds is what it finds undisturbed. `--most` tries that many of the folders,
chosen at random. Prints the table of docs/faults.md.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from crash_disk import Call, Recorder, State, put, states
from fault_processes import differing

from pfmap import pipeline
from pfmap.errors import PfmapError
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping

SEED = 20261
STAGES = pipeline.stage_names()[:-1]  # the last draws figures
PARTS = tuple(STAGES[: last + 1] for last in range(len(STAGES)))
_COMMON = {
    "draws": 300_000,  # so that few classes are left for splitting
    "block_draws": 100_000,
    "network": {"widths": [3, 4, 1]},
    "complexity": {"proxies": ["lz"]},
    "llc": {
        "functions": 1,
        "draws_per_function": 1,
        "chains": 2,
        "steps": 100,
        "warmup": 50,
        "ladder_steps": 0,
    },
    "volume": {
        "functions": 1,
        "named": ["and"],
        "chains": 16,
        "steps": 8,
        "runs": 2,
        "max_levels": 6,
    },
    "free_energy": {"classes": 1, "n": [1.0, 3.0], "chains": 8, "steps": 4, "lowest": 0.3},
    "analysis": {"bootstrap": 100, "noise_simulations": 200},
}
CAMPAIGNS = {
    "all functions kept": campaign_from_mapping({"name": "all", **_COMMON}),
    "a sample of functions kept": campaign_from_mapping(
        {"name": "sampled", **_COMMON, "counting": {"keep": "sampled", "functions": 100}}
    ),
}


@dataclass
class Outcome:
    """What a campaign's losses of power came to."""

    campaign: str
    calls: int = 0
    states: int = 0
    tried: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Undisturbed:
    """A run without a loss of power: its calls, those made after each part, and its folder then."""

    calls: list[Call]
    ends: tuple[int, ...]
    folders: tuple[Path, ...]


def record(campaign: Campaign, scratch: Path, *, syncs: bool = True) -> Undisturbed:
    """Run a campaign stage by stage."""
    folder = scratch / "undisturbed"
    folder.mkdir()
    recorder = Recorder(folder, syncs=syncs)
    ends, folders = [], []
    for number, stages in enumerate(PARTS):
        with recorder.recording():
            pipeline.run(campaign, folder, stages=stages, threads=1, resume=True)
        ends.append(len(recorder.calls))
        folders.append(Path(shutil.copytree(folder, scratch / f"after-{number}")))
    return Undisturbed(recorder.calls, tuple(ends), tuple(folders))


def resumed(campaign: Campaign, state: State, part: int, whole: Undisturbed, folder: Path) -> str:
    """What is wrong after a resume in the folder that a part left behind; empty if nothing."""
    put(state, folder)
    try:
        pipeline.run(campaign, folder, stages=PARTS[part], threads=1, resume=True)
        found = differing(folder, whole.folders[part])
        if found:
            return f"differ: {', '.join(found)}"
        report = pipeline.verify(folder, blocks=0)
        return "" if report.ok else f"verify: {report.problems[:1]}"
    except PfmapError as error:
        return f"refused: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        shutil.rmtree(folder)


def simulate(
    name: str, scratch: Path, *, most: int | None = None, seed: int = SEED, syncs: bool = True
) -> Outcome:
    """Lose power at every moment of a campaign, or at `most` random ones."""
    campaign, chance = CAMPAIGNS[name], random.Random(seed)
    whole = record(campaign, scratch, syncs=syncs)
    left = list(states(whole.calls, chance))
    outcome = Outcome(name, calls=len(whole.calls), states=len(left))
    for done, state in left if most is None else chance.sample(left, min(most, len(left))):
        outcome.tried += 1
        part = sum(done > end for end in whole.ends[:-1])
        complaint = resumed(campaign, state, part, whole, scratch / "left")
        if complaint:
            last = whole.calls[done - 1] if done else None
            what = f"{last.kind} {last.path or last.file}" if last else "nothing"
            outcome.failures.append(f"after {done} calls ({what}): {complaint}")
    return outcome


def main() -> None:
    """Simulate and report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--most", type=int, help="folders to try of each campaign (all)")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    outcomes = []
    for name in CAMPAIGNS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as scratch:
            outcome = simulate(name, Path(scratch), most=options.most, seed=options.seed)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        print("\n".join(outcome.failures), file=sys.stderr, flush=True)
        outcomes.append(outcome)
    if options.json:
        print(json.dumps([asdict(row) for row in outcomes], indent=2))
    else:
        print("| campaign | calls | folders that may be left | resumed | tables differ |")
        print("| --- | --- | --- | --- | --- |")
        for row in outcomes:
            counts = (row.calls, row.states, row.tried, len(row.failures))
            print(f"| {row.campaign} | " + " | ".join(f"{count:,}" for count in counts) + " |")
    if any(row.failures for row in outcomes):
        raise SystemExit(4)


if __name__ == "__main__":
    main()
