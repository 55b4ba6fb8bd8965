"""Stage ``plot``: the figures."""

from __future__ import annotations

from pfmap.pipeline.job import Job
from pfmap.store.atomic import disk_faults

from ._stage import Stage


def plot(job: Job) -> list[str]:
    """Draw every figure from the tables; the files written.

    A figure drawn before but not any more, as its table has become empty, is removed.
    """
    from pfmap.figures import draw_figures

    with disk_faults(job.files.path):
        drawn = [
            job.files.relative(path)
            for path in draw_figures(
                job.files.path, scratch=job.files.path, threads=job.threads, memory=job.memory
            )
        ]
        before = job.files.journal.state.stages.get("plot")
        for name in set(before.files if before else ()) - set(drawn):
            (job.files.path / name).unlink(missing_ok=True)
    return drawn


STAGE = Stage(
    name="plot",
    label="drawing figures",
    needs=("complexity", "llc", "volume", "free_energy", "analyze"),
    tables=(),
    kernels=(),
    settings=lambda _: [],
    run=plot,
)
