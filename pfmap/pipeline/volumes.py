"""Stage ``volume``: prior probabilities of selected and named functions by multilevel splitting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pfmap.campaign import Campaign
from pfmap.complexity.measure import measure
from pfmap.complexity.registry import FunctionBatch
from pfmap.errors import SettingsError
from pfmap.execution.cluster import Cluster
from pfmap.functions.keys import bits_from_words, check_key, words_from_keys
from pfmap.functions.named import parse_function
from pfmap.sections import NAMED_FUNCTIONS
from pfmap.store.atomic import file_digest
from pfmap.store.journal import RunEntry
from pfmap.store.schema import Column, arrow_schema
from pfmap.store.tables import bears_mark, write_table
from pfmap.volume import Settings, estimate_volume, sign_target
from pfmap.volume.checkpoint import Checkpoint
from pfmap.volume.estimate import runs_needed
from pfmap.volume.expressible import why_not_expressible
from pfmap.volume.rows import evidence_row, volume_rows
from pfmap.volume.splitting import Levels

from .batches import function_kind
from .choosing import selected_for_volume
from .job import Job
from .tasks import find_pilot, make_run, sent
from .weigh import campaign_proxies, proxy_columns
from .workers import leases


@dataclass(frozen=True)
class Wanted:
    """A function to measure: key, names it was asked for by, bits, and where its runs are kept."""

    function: str
    name: str
    signs: np.ndarray
    checkpoint: Checkpoint


def volume(job: Job) -> list[str]:
    """Measure the selected and the named functions; the files written."""
    wanted = wanted_functions(job)
    remove_other_runs(job, [item.checkpoint.folder for item in wanted])
    settings = splitting_settings(job.campaign)
    curves: list[dict[str, Any]] = []
    evidence: list[dict[str, Any]] = []
    each = settings.runs + 1
    progress = job.progress("volume")
    for item in wanted:
        check_runs(job, item.checkpoint.folder)
    proofs = [why_not_expressible(job.campaign, item.signs) for item in wanted]
    if job.cluster is not None:
        make_runs(job, job.cluster, wanted, proofs, settings)
    for place, item in enumerate(wanted):
        kept = item.checkpoint

        def tell(done: int, _: int, place: int = place, folder: Path = kept.folder) -> None:
            note_runs(job, folder)
            progress(place * each + done, len(wanted) * each)

        estimate = estimate_volume(
            sign_target(job.plan, item.signs, name=item.function),
            settings,
            proof=proofs[place],
            levels=kept.levels(),
            keep_levels=kept.keep_levels,
            finished=kept.runs(),
            keep=kept.keep_run,
            threads=job.threads,
            progress=tell,
        )
        # One that was given up or disproved has fewer runs.
        progress((place + 1) * each, len(wanted) * each)
        curves += volume_rows(estimate, function=item.function)
        evidence.append(evidence_row(estimate, function=item.function, name=item.name))
    return write_volume(job, wanted, curves, evidence)


def make_runs(
    job: Job, cluster: Cluster, wanted: list[Wanted], proofs: list[str], settings: Settings
) -> None:
    """Have workers make the pilots and runs that are missing; they are kept as they come."""
    tasks = leases(job, cluster, "volume")
    campaign = sent(job.campaign)
    each = settings.runs + 1
    done = 0
    progress = job.progress("volume")

    def add_runs(place: int, levels: Levels) -> None:
        nonlocal done
        item = wanted[place]
        target = sign_target(job.plan, item.signs, name=item.function)
        kept = item.checkpoint.runs()
        needed = range(runs_needed(target, settings, levels))
        done += each - len([number for number in needed if number not in kept])
        for number in needed:
            if number not in kept:
                arguments = (campaign, item.function, item.signs, settings, levels, number)
                tasks.add((place, number), make_run, *arguments)

    for place, item in enumerate(wanted):
        levels = item.checkpoint.levels()
        if levels is not None:
            add_runs(place, levels)
        elif proofs[place]:
            done += each
        else:
            arguments = (campaign, item.function, item.signs, settings)
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
        progress(done, len(wanted) * each)


def check_named(campaign: Campaign) -> None:
    """Refuse functions under ``volume.named`` that the campaign's domain does not have.

    The default names are passed over there: `wanted_functions` says so.

    Raises
    ------
    SettingsError
        Naming the first of them.
    """
    if campaign.volume.named in ((), NAMED_FUNCTIONS):
        return
    if not campaign.exact_keys:
        raise SettingsError(
            "volume.named: functions are measured where their key spells them out, at most 256 "
            f"signs, got {campaign.n_points} points and readout.kind = {campaign.readout.kind}",
            next_step="set it to [] or leave it out",
        )
    for text in campaign.volume.named:
        key_of_text(text, campaign)


def key_of_text(text: str, campaign: Campaign) -> tuple[str, str]:
    """Key and label of a function given as name, table or key; as key on points of a file.

    Raises
    ------
    SettingsError
        If the campaign has no such function.
    """
    try:
        if campaign.domain.kind != "boolean":
            key = check_key(text, campaign)
            return key, key
        found = parse_function(text, campaign.network.widths[0])
    except SettingsError as error:
        rule = error.message.removeprefix("function: ")
        raise SettingsError(
            f"volume.named: {rule}",
            next_step=f"{error.next_step}; names are for all inputs of n bits",
        ) from error
    return found.key, found.label


def wanted_functions(job: Job) -> list[Wanted]:
    """The functions to measure, drawn ones by descending P first; empty for other readouts."""
    campaign = job.campaign
    section = campaign.volume
    if section.functions == 0 and not section.named:
        return []
    if not campaign.exact_keys:
        job.reporter.message(
            "volume: skipped, since it measures functions whose key spells them out: at most 256 "
            "points, readout sign"
        )
        return []
    names: dict[str, list[str]] = {}
    if section.functions:
        path = job.files.table("functions")
        names = {key: [] for key in selected_for_volume(path, campaign)}
    passed_over = []
    for text in section.named:
        try:
            key, label = key_of_text(text, campaign)
        except SettingsError:
            # Refused before the first draw, but for the default names.
            passed_over.append(text)
            continue
        names.setdefault(key, []).append(label)
    if passed_over:
        job.reporter.message(
            f"volume.named: passed over, not functions of this domain: {', '.join(passed_over)}"
        )
    words = words_from_keys(list(names), campaign.n_points, True)
    signs = np.where(bits_from_words(words, campaign.n_points) == 1, 1.0, -1.0)
    settings = splitting_settings(campaign)
    return [
        Wanted(
            key,
            ", ".join(dict.fromkeys(labels)),
            row,
            Checkpoint(job.files.runs, sign_target(job.plan, row, name=key), settings),
        )
        for (key, labels), row in zip(names.items(), signs, strict=True)
    ]


def splitting_settings(campaign: Campaign) -> Settings:
    """Lengths and seed of a campaign's splittings.

    Examples
    --------
    >>> splitting_settings(Campaign(seed=3)).seed
    3
    """
    section = campaign.volume
    return Settings(
        chains=section.chains,
        steps=section.steps,
        runs=section.runs,
        max_levels=section.max_levels,
        seed=campaign.seed,
    )


def run_table(path: Path) -> str:
    """Table that a file of `Checkpoint` holds.

    Examples
    --------
    >>> run_table(Path("volume/6996-0a1b/run-0003.parquet"))
    'splitting_run'
    """
    return "splitting_pilot" if path.stem == "pilot" else "splitting_run"


def remove_other_runs(job: Job, keep: list[Path]) -> None:
    """Remove kept runs of functions no longer wanted and of other settings."""
    for folder in job.files.run_folders():
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


def write_volume(
    job: Job, wanted: list[Wanted], curves: list[dict[str, Any]], evidence: list[dict[str, Any]]
) -> list[str]:
    """Write both tables, evidence with the complexities of its functions; files of the stage."""
    campaign = job.campaign
    extra: tuple[Column, ...] = ()
    values: dict[str, np.ndarray] = {}
    if wanted:
        bits = np.array([item.signs > 0.0 for item in wanted], dtype=np.uint8)
        batch = FunctionBatch(function_kind(campaign), campaign.points, bits=bits)
        proxies = campaign_proxies(campaign)
        extra = proxy_columns(proxies, campaign)
        values = measure(batch, [item.name for item in proxies], threads=job.threads)
        for row, ones in zip(evidence, bits.sum(axis=1).tolist(), strict=True):
            row["ones"] = ones
    tables = {
        "volume": pa.Table.from_pylist(curves, schema=arrow_schema("volume")),
        "evidence": pa.Table.from_pylist(evidence, schema=arrow_schema("evidence")),
    }
    for column in extra:
        found = pa.array(values[column.name], pa.float64(), from_pandas=True)
        tables["evidence"] = tables["evidence"].append_column(column.name, found)
    written = []
    for name, table in tables.items():
        path = job.files.table(name)
        columns = extra if name == "evidence" else ()
        write_table(path, table, name, extra=columns, notes=job.notes)
        written.append(path)
    for item in wanted:
        written += sorted(item.checkpoint.folder.glob("*.parquet"))
    return [job.files.relative(path) for path in written]
