"""Stage ``analyze``: fits, correlations and the summary."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from pfmap.pipeline.job import Job
from pfmap.pipeline.proxies import order_bound
from pfmap.settings.campaign import Campaign
from pfmap.store.atomic import write_bytes
from pfmap.store.folder import SUMMARY
from pfmap.store.schema import arrow_schema
from pfmap.store.tables import read_file, write_table

from ._stage import Stage


def analyze(job: Job) -> list[str]:
    """Fit, correlate and summarise; the files written."""
    from pfmap.analysis import analyze as analyze_tables
    from pfmap.analysis import summary_text
    from pfmap.analysis.population import counted_well, read_population

    campaign = counted_well(job.campaign, job.files.table("functions"))
    estimates = read_file(job.files.table("llc"), "llc").to_pandas()
    functions = read_population(
        job.files.table("functions"),
        min_count=campaign.analysis.min_count,
        named=estimates["function"],
        scratch=job.files.path,
        threads=job.threads,
        memory=job.memory,
    )
    ladder = read_file(job.files.table("ladder"), "ladder").to_pandas()
    evidence = read_file(job.files.table("evidence"), "evidence").to_pandas()
    result = analyze_tables(
        functions,
        None if estimates.empty else estimates,
        campaign,
        ladder,
        evidence,
        unordered=order_bound(campaign),
    )
    written = []
    for name in ("fits", "correlations", "predictors"):
        path = job.files.table(name)
        write_table(path, getattr(result, name), name, notes=job.notes)
        written.append(path)
    path = job.files.path / SUMMARY
    head, tables = _findings(job, campaign, estimates)
    for name, table in tables.items():
        written.append(job.files.table(name))
        write_table(written[-1], table, name, notes=job.notes)
    text = head + summary_text(functions, result, campaign, evidence)
    write_bytes(path, text.encode())
    return [job.files.relative(item) for item in (*written, path)]


def _findings(
    job: Job, campaign: Campaign, llc: pd.DataFrame
) -> tuple[str, dict[str, pd.DataFrame | pa.Table]]:
    """What the classes say, and ``relations`` and ``crossings``; nothing where none has a curve."""
    from pfmap.analysis.findings import findings_text
    from pfmap.analysis.question import question_of, relations
    from pfmap.pipeline.crossovers import crossings

    classes, energies = (
        read_file(job.files.table(name), name).to_pandas() for name in ("classes", "free_energy")
    )
    if energies.empty:
        return "", {name: arrow_schema(name).empty_table() for name in ("relations", "crossings")}
    question = question_of(classes, energies, campaign)
    tables = {
        "relations": relations(question, campaign),
        "crossings": crossings(classes, energies),
    }
    return findings_text(question, **tables, llc=llc, campaign=campaign), tables


def _settings(campaign: Campaign) -> Any:
    """What the analysis reads of the settings: under ``frequent`` also what was promised."""
    settings = campaign.digest("analysis")
    if campaign.counting.keep == "frequent":
        return [settings, campaign.counting.frequent_p]
    return settings


STAGE = Stage(
    name="analyze",
    label="fits and correlations",
    needs=("complexity", "llc", "volume", "free_energy"),
    tables=("fits", "correlations", "predictors", "relations", "crossings"),
    kernels=(),
    settings=_settings,
    run=analyze,
)
