"""Running a campaign: its stages in order, each skipped when nothing it depends on has changed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from pfmap.errors import SettingsError
from pfmap.execution import check_threads, stop_on_signals
from pfmap.execution.cluster import LEASE_S, check_cluster, open_cluster
from pfmap.functions.keys import check_key
from pfmap.memory import check_memory
from pfmap.profiling import begin_stage, profiled
from pfmap.sampling import plan_sampling
from pfmap.settings.campaign import Campaign
from pfmap.store import CampaignFolder
from pfmap.store.atomic import file_digest
from pfmap.store.journal import BeginEntry, StageEntry
from pfmap.store.lock import folder_lock
from pfmap.store.provenance import now, read_provenance

from .freshness import damage, stage_tokens, why_stale
from .job import Job
from .named import check_named
from .opening import begin_campaign, keep_changed
from .report import Reporter, RunResult, SilentReporter, StageOutcome
from .stages import stage_names, stage_of, with_needed
from .stages._registry import compiled
from .stages.sample import stopped
from .timing import run_profile


def run(
    campaign: Campaign,
    folder: Path | str,
    *,
    resume: bool = False,
    fresh: bool = False,
    threads: int | None = None,
    memory: int | str | None = None,
    cluster: str | None = None,
    staging: str = "",
    lease_s: float = LEASE_S,
    blocks: tuple[int, int] | None = None,
    stages: Iterable[str] | None = None,
    profile: bool = False,
    reporter: Reporter | None = None,
) -> RunResult:
    """Run a campaign in a folder, or what of it is missing.

    Parameters
    ----------
    campaign : Campaign
        Settings.
    folder : Path or str
        Folder of the campaign; made if absent.
    resume : bool, default False
        Continue the campaign in the folder towards `campaign.draws` in total. Finished blocks are
        verified by digest and one of them is drawn again; stages whose inputs and settings have
        not changed are skipped. With nothing there, start.
    fresh : bool, default False
        Remove the files that pfmap wrote in the folder, then start.
    threads : int, optional
        Threads; None uses those of the campaign's last run, else all available. No result depends
        on it.
    memory : int or str, optional
        Memory that the run may hold, in bytes or as ``2GiB``; None is half of the machine's. What
        does not fit waits in the folder, hidden, while the run lasts. No result depends on it.
    cluster : str, optional
        Where blocks, learning coefficients and splittings are computed: ``local:4`` for four
        processes of this machine, ``tcp://host:8786`` for a Dask scheduler, or the file of a job
        queue; see `pfmap.execution.cluster.open_cluster`. None is the threads of this process. No
        result depends on it.
    staging : str, default ""
        Location, of any kind that fsspec knows, where workers leave their shards who do not see the
        folder; without one they send them through the scheduler.
    lease_s : float, default 30
        Seconds after which a task of a silent worker is given to another one too, if ten typical
        durations are less.
    blocks : (int, int), optional
        Draw only these blocks, from the first up to the one before the second, and run no other
        stage: `pfmap.pipeline.merge` joins folders with different blocks. None is all.
    stages : iterable of str, optional
        Stages to run, of ``sample, functions, complexity, llc, volume, free_energy, analyze,
        plot``; None runs all. Stages that these need run too if they are missing or out of date.
    profile : bool, default False
        Tell where the time of this process went, in the result's ``profile``; what the workers of
        a cluster do is not seen.
    reporter : Reporter, optional
        Told what happens; None says nothing.

    Returns
    -------
    RunResult

    Raises
    ------
    SettingsError
        If the folder holds a campaign and neither `resume` nor `fresh` is set, or one that draws
        otherwise; if an argument breaks a rule.
    StoppedEarly
        On SIGINT or SIGTERM; everything finished is kept.
    DataError
        If stored data cannot be trusted.
    EnvironmentFault
        If the disk is full, the folder cannot be written, or another process writes to it.

    Examples
    --------
    >>> import tempfile
    >>> from pfmap.settings.campaign import Campaign
    >>> from pfmap.settings.network import Network
    >>> campaign = Campaign(draws=1000, block_draws=512, network=Network(widths=(2, 4, 1)))
    >>> result = run(campaign, tempfile.mkdtemp(), stages=["sample", "functions"])
    >>> [path.name for path in result.stages["functions"].files]
    ['functions.parquet']
    """
    if resume and fresh:
        raise SettingsError("resume, fresh: only one of them can be set, got both")
    chosen = check_stages(stages if blocks is None else ["sample"])
    only = check_blocks(blocks, campaign)
    check_threads(threads)
    if cluster is not None:
        check_cluster(cluster)
    elif staging:
        raise SettingsError(
            f"staging: only workers of a cluster use it, got {staging}",
            next_step="give a cluster too, or leave it out",
        )
    budget = check_memory(memory)
    campaign = _with_plain_keys(campaign)
    check_named(campaign)
    reporter = reporter or SilentReporter()
    if not compiled(chosen):
        reporter.message("compiling kernels, first run only: some seconds as each stage begins")
    plan_sampling(campaign)  # whatever it refuses is refused before --fresh removes anything
    tokens = stage_tokens(campaign)
    files = CampaignFolder(Path(folder))
    began = time.perf_counter()
    with (
        stop_on_signals() as stop,
        profiled() if profile else nullcontext() as counted,
    ):
        try:
            with folder_lock(files.path) as held:
                if not held:
                    reporter.message(f"{files.path}: no locks here; keep other writers away")
                before = read_provenance(files.provenance_file)["runs"] if resume else []
                used = check_threads(threads, before=before[-1].get("threads") if before else None)
                campaign = begin_campaign(
                    campaign, files, resume=resume, fresh=fresh, reporter=reporter
                )
                job = Job(
                    campaign, files, used, reporter, stop, budget, staging=staging, blocks=only
                )
                result = RunResult(files.path, campaign, repaired=job.repaired)
                with _workers(job, cluster, lease_s):
                    _run_stages(job, chosen, tokens, result)
                if counted is not None:
                    result.profile = run_profile(counted, result.stages, job)
        except KeyboardInterrupt as interrupt:
            raise stopped(files, campaign) from interrupt
    result.elapsed_s = time.perf_counter() - began
    return result


@contextmanager
def _workers(job: Job, cluster: str | None, lease_s: float) -> Iterator[None]:
    """The run's cluster while the block runs, if it has one."""
    if cluster is None:
        yield
        return
    with open_cluster(cluster, say=job.reporter.message, lease_s=lease_s) as opened:
        job.cluster = opened
        yield


def check_blocks(blocks: tuple[int, int] | None, campaign: Campaign) -> range | None:
    """The blocks of a range of a campaign.

    Raises
    ------
    SettingsError
        If it is empty or reaches beyond the last block.

    Examples
    --------
    >>> check_blocks((2, 4), Campaign())
    range(2, 4)
    """
    if blocks is None:
        return None
    first, end = blocks
    if campaign.counting.keep != "all":
        raise SettingsError(
            f"blocks: only campaigns with counting.keep = all can be drawn in parts, got "
            f"{campaign.counting.keep}",
            next_step="leave the blocks out, or use a cluster",
        )
    if not 0 <= first < end <= campaign.n_blocks:
        raise SettingsError(
            f"blocks: must lie within 0:{campaign.n_blocks} and not be empty, got {first}:{end}",
            next_step=f"{campaign.draws:,} draws are {campaign.n_blocks:,} blocks of "
            f"{campaign.block_draws:,}",
        )
    return range(first, end)


def check_stages(stages: Iterable[str] | None) -> list[str]:
    """The stages named, in the order they run.

    Raises
    ------
    SettingsError
        If a name is unknown.

    Examples
    --------
    >>> check_stages(["llc", "sample"])
    ['sample', 'llc']
    """
    named = list(stage_names() if stages is None else stages)
    for name in named:
        stage_of(name)
    return [stage for stage in stage_names() if stage in named]


def _with_plain_keys(campaign: Campaign) -> Campaign:
    """`campaign` with its named functions checked and spelled as in the tables."""
    named = tuple(check_key(key, campaign, argument="llc.named") for key in campaign.llc.named)
    if named == campaign.llc.named:
        return campaign
    return campaign.model_copy(update={"llc": campaign.llc.model_copy(update={"named": named})})


def _run_stages(job: Job, chosen: list[str], tokens: dict[str, str], result: RunResult) -> None:
    """Run the stages that are chosen, and those they need, unless up to date.

    Provenance is written as stages end.
    """
    record: dict[str, Any] = {
        "started": now(),
        "threads": job.threads,
        "cluster": job.cluster.address if job.cluster else None,
        "threading_layer": "python",  # kernels release the lock; numba's own layers are not used
        "stages": {},
    }
    job.files.record_run(job.campaign, record, first=True)
    for stage in with_needed(chosen):
        if stage not in chosen and not why_stale(stage, tokens[stage], job.campaign, job.files):
            continue
        job.reporter.started(stage)
        begin_stage(stage)
        began = time.perf_counter()
        ran = _run_stage(job, stage, tokens[stage])
        elapsed = time.perf_counter() - began
        entry = job.files.journal.state.stages.get(stage)
        names = entry.files if entry is not None else {}
        paths = tuple(job.files.path / name for name in names)
        result.stages[stage] = StageOutcome(elapsed, not ran, paths)
        job.reporter.finished(stage, elapsed, not ran)
        if ran:
            record["stages"][stage] = round(elapsed, 3)
            job.files.record_run(job.campaign, record)
    if job.cluster:
        record["workers"] = job.cluster.most_workers
    record["finished"] = now()
    job.files.record_run(job.campaign, record)


def _run_stage(job: Job, stage: str, token: str) -> bool:
    """Run one stage unless it is up to date, and journal it; whether it ran."""
    began = time.perf_counter()
    known = job.files.journal.state.stages.get(stage)
    same_token = known is not None and known.token == token
    if stage == "sample":
        written = stage_of(stage).run(job)
        if job.blocks is not None:
            return job.drawn > 0  # other blocks were not looked at: the stage has not ended
        # Shards drawn again are what they were: later stages stay up to date.
        if same_token:
            return job.drawn > 0
    else:
        reason = why_stale(stage, token, job.campaign, job.files)
        if not reason:
            return False
        if same_token and known is not None:
            _report_damage(job, known)
        keep_changed(known.files if known else (), job.files, say=job.reporter.message)
        job.files.journal.append(BeginEntry(stage))
        written = stage_of(stage).run(job)
    digests = {name: file_digest(job.files.path / name) for name in written}
    elapsed = round(time.perf_counter() - began, 6)
    job.files.journal.append(StageEntry(stage, token, digests, elapsed))
    return True


def _report_damage(job: Job, known: StageEntry) -> None:
    """Name a file of a stage that is missing or damaged and will be made again."""
    found = damage(known.files, job.files)
    if found:
        name, complaint = found
        job.reporter.message(f"{name} {complaint}; making it again")
        job.repaired.append(name)
