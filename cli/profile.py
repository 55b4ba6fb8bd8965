"""The profile of a run as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .render import table

if TYPE_CHECKING:
    from pfmap.pipeline.report import RunProfile

COLUMNS = ["stage", "part", "calls", "wall_s", "processor_s", "share"]


def profile_text(profile: RunProfile) -> str:
    """Stages with their parts, and the parts of the sampler."""
    lines = []
    rows = [
        {
            **row,
            "stage": row["stage"] if row["part"] == "all" else "",
            "wall_s": round(row["wall_s"], 3),
            "processor_s": None if row["processor_s"] is None else round(row["processor_s"], 3),
            "share": f"{100 * row['share']:.1f} %",
        }
        for row in profile.parts
    ]
    lines.append(table(rows, COLUMNS))
    lines.append(
        "Parts are added up over threads and do not count parts inside them; their share is that "
        f"of the stage's {profile.threads} threads. The rest is Python between the parts, waiting "
        "and idle threads."
    )
    if profile.sampling:
        sampler = [
            {
                "part of the sampler": row["part"],
                "us_per_draw": round(row["us_per_draw"], 3),
                "share": f"{100 * row['share']:.1f} %",
            }
            for row in profile.sampling
        ]
        lines += ["", table(sampler)]
        lines.append(
            "These are inside one kernel, so each was repeated by itself after the run, on one "
            "thread with the weights of draw 0; outputs computed again in float64 are left out."
        )
    return "\n".join(lines)
