"""Splittings of several functions in one stage: kept run by run, by threads or by workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pfmap.execution.cluster import Cluster
from pfmap.settings.sections import FreeEnergy, Volume
from pfmap.store.atomic import file_digest
from pfmap.store.journal import RunEntry
from pfmap.store.tables import bears_mark
from pfmap.volume import Settings, Target, VolumeEstimate, estimate_volume
from pfmap.volume.checkpoint import Checkpoint
from pfmap.volume.estimate import runs_needed
from pfmap.volume.splitting import Levels

from .job import Job
from .tasks import find_pilot, make_run, sent
from .workers import leases


@dataclass(frozen=True)
class Splitting:
    """One function to split.

    Attributes
    ----------
    function : str
        Its key.
    signs : ndarray, shape (points,)
        ±1 wanted at every point.
    target : Target
        Of the signs, or of the squared error to them.
    settings : Settings
    folder : Path
        Folder of the stage's runs.
    proof : str, default ""
        A proof that no parameter meets the target.
    """

    function: str
    signs: np.ndarray
    target: Target
    settings: Settings
    folder: Path
    proof: str = ""

    @property
    def checkpoint(self) -> Checkpoint:
        """Where its runs are kept."""
        return Checkpoint(self.folder, self.target, self.settings)


def measures_functions(job: Job, stage: str) -> bool:
    """Whether keys spell functions out, as splittings need; says so if not."""
    if not job.campaign.exact_keys:
        job.reporter.message(
            f"{stage}: skipped, since it measures functions whose key spells them out: at most 256 "
            "points, readout sign"
        )
    return job.campaign.exact_keys


def splitting_settings(section: Volume | FreeEnergy, seed: int, lowest: float = 0.0) -> Settings:
    """Lengths and seed of a section's splittings, down to the severity `lowest`.

    Examples
    --------
    >>> splitting_settings(Volume(runs=6), 3).runs
    6
    """
    return Settings(section.chains, section.steps, section.runs, section.max_levels, lowest, seed)


def split_all(job: Job, stage: str, wanted: list[Splitting]) -> Iterator[VolumeEstimate]:
    """Estimates of all functions, in their order; finished runs are kept and not made again."""
    remove_other_runs(job, stage, [item.checkpoint.folder for item in wanted])
    progress = job.progress(stage)
    total = sum(item.settings.runs + 1 for item in wanted)
    for item in wanted:
        check_runs(job, item.checkpoint.folder)
    if job.cluster is not None:
        make_runs(job, job.cluster, stage, wanted)
    before = 0
    for item in wanted:
        kept = item.checkpoint

        def tell(done: int, _: int, before: int = before, folder: Path = kept.folder) -> None:
            note_runs(job, folder)
            progress(before + done, total)

        estimate = estimate_volume(
            item.target, item.settings, proof=item.proof, threads=job.threads, progress=tell,
            **kept.arguments(),
        )  # fmt: skip
        # One that was given up or disproved has fewer runs.
        before += item.settings.runs + 1
        progress(before, total)
        yield estimate


def make_runs(job: Job, cluster: Cluster, stage: str, wanted: list[Splitting]) -> None:
    """Have workers make the pilots and runs that are missing; they are kept as they come."""
    tasks = leases(job, cluster, stage)
    campaign = sent(job.campaign)
    total = sum(item.settings.runs + 1 for item in wanted)
    done = 0
    progress = job.progress(stage)

    def add_runs(place: int, levels: Levels) -> None:
        nonlocal done
        item = wanted[place]
        kept = item.checkpoint.runs()
        needed = range(runs_needed(item.target, item.settings, levels))
        done += item.settings.runs + 1 - len([number for number in needed if number not in kept])
        for number in needed:
            if number not in kept:
                loss = item.target.loss
                arguments = (campaign, item.function, item.signs, loss, item.settings, levels)
                tasks.add((place, number), make_run, *arguments, number)

    for place, item in enumerate(wanted):
        levels = item.checkpoint.levels()
        if levels is not None:
            add_runs(place, levels)
        elif item.proof:
            done += item.settings.runs + 1
        else:
            arguments = (campaign, item.function, item.signs, item.target.loss, item.settings)
            tasks.add((place, None), find_pilot, *arguments)
    for (place, number), result in tasks:
        kept = wanted[place].checkpoint
        if number is None:
            kept.keep_levels(result)
            add_runs(place, result)
        else:
            kept.keep_run(number, result)
            done += 1
        note_runs(job, kept.folder)
        progress(done, total)


def run_files(job: Job, wanted: list[Splitting]) -> list[str]:
    """The files of all runs kept, as the journal names them."""
    return [
        job.files.relative(path)
        for item in wanted
        for path in sorted(item.checkpoint.folder.glob("*.parquet"))
    ]


def run_table(path: Path) -> str:
    """Table that a file of `Checkpoint` holds.

    Examples
    --------
    >>> run_table(Path("volume/6996-0a1b/run-0003.parquet"))
    'splitting_run'
    """
    return "splitting_pilot" if path.stem == "pilot" else "splitting_run"


def remove_other_runs(job: Job, stage: str, keep: list[Path]) -> None:
    """Remove a stage's kept runs of functions no longer wanted and of other settings."""
    for folder in job.files.run_folders(stage):
        if folder in keep:
            continue
        for path in folder.glob("*.parquet"):
            if job.files.relative(path) in job.files.journal.state.files or bears_mark(path):
                path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()


def check_runs(job: Job, folder: Path) -> None:
    """Remove kept runs that are not what was written, and say so: they are made again."""
    for path in sorted(folder.glob("*.parquet")):
        name = job.files.relative(path)
        noted = job.files.journal.state.files.get(name)
        if noted is not None and file_digest(path) != noted:
            path.unlink()
            if name not in job.repaired:
                job.reporter.message(
                    f"{name} is damaged: its SHA-256 is not the journal's; making it again"
                )
                job.repaired.append(name)


def note_runs(job: Job, folder: Path) -> None:
    """Journal the runs kept in a folder that are not yet."""
    for path in sorted(folder.glob("*.parquet")):
        name, digest = job.files.relative(path), file_digest(path)
        if job.files.journal.state.files.get(name) != digest:
            job.files.journal.append(RunEntry(name, digest))
