"""Where the time of a run went, as rows: stages, their parts, and the parts of the sampler."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pfmap.kernels import probe
from pfmap.profiling import Profile
from pfmap.sampling import NetworkPlan

from .job import Job
from .report import RunProfile, StageOutcome

REST = "the rest"
_SAMPLER = {
    "random words": probe.RANDOM,
    "words to weights": probe.LAW,
    "forward pass": probe.FORWARD,
    "reading bits": probe.READ,
}
_LONG_ENOUGH_S = 0.1


def run_profile(counted: Profile, stages: Mapping[str, StageOutcome], job: Job) -> RunProfile:
    """What was counted while the stages ran, and the sampler taken apart if it ran."""
    parts = profile_rows(counted, stages, job.threads)
    sampled = any(row["stage"] == "sample" and row["calls"] for row in parts)
    # The parts are those of the fused kernels; other models have one, which the table has already.
    plan = job.plan
    if not sampled or not isinstance(plan, NetworkPlan) or plan.readout.step != 0.0:
        return RunProfile(job.threads, parts, [])
    return RunProfile(job.threads, parts, sampler_rows(plan))


def profile_rows(
    counted: Profile, stages: Mapping[str, StageOutcome], threads: int
) -> list[dict[str, Any]]:
    """Rows of `RunProfile.parts`, the longest part of a stage first."""
    rows: list[dict[str, Any]] = []
    ran = {name: outcome.elapsed_s for name, outcome in stages.items() if not outcome.up_to_date}
    whole = sum(ran.values())

    def add(stage: str, part: str, calls: int | None, wall_s: float, cpu_s: float | None) -> None:
        limit = whole if part == "all" else ran[stage] * threads
        share = wall_s / limit if limit > 0.0 else 0.0
        rows.append(
            {"stage": stage, "part": part, "calls": calls, "wall_s": wall_s, "processor_s": cpu_s,
             "share": share}
        )  # fmt: skip

    for stage, elapsed_s in ran.items():
        add(stage, "all", None, elapsed_s, None)
        found = counted.parts.get(stage, {})
        for name, part in sorted(found.items(), key=lambda item: -item[1].wall_s):
            add(stage, name, part.calls, part.wall_s, part.processor_s)
        covered = sum(part.wall_s for part in found.values())
        add(stage, REST, None, max(0.0, elapsed_s * threads - covered), None)
    return rows


def sampler_rows(plan: NetworkPlan) -> list[dict[str, Any]]:
    """Rows of `RunProfile.sampling`: each part of drawing a function, repeated by itself."""
    cost = {name: _seconds_each(plan, part) for name, part in _SAMPLER.items()}
    whole = sum(cost.values())
    return [
        {"part": name, "us_per_draw": 1e6 * seconds, "share": seconds / whole}
        for name, seconds in cost.items()
    ]


def _seconds_each(plan: NetworkPlan, part: int) -> float:
    """Processor time of one repetition of a part of the sampler."""
    times = 0  # the first call compiles or loads, and sets up
    while True:
        began = time.thread_time()
        probe.repeat_part(part, times, plan.law, plan.shape, plan.points, plan.readout)
        spent = time.thread_time() - began
        if times and spent > _LONG_ENOUGH_S:
            return spent / times
        times = max(64, 4 * times)
