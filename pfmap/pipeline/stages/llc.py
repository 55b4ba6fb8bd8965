"""Stage ``llc``: learning coefficients at several draws of each selected function."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pfmap import sampling
from pfmap.errors import DataError
from pfmap.functions.keys import words_from_keys
from pfmap.llc.stage import LlcTables, llc_tables
from pfmap.pipeline.job import Job
from pfmap.pipeline.selection import selected_for_llc
from pfmap.pipeline.workers import worked_estimates
from pfmap.store.merge import find_shards
from pfmap.store.schema import arrow_schema
from pfmap.store.tables import read_file, write_table

from ._stage import Stage

BLOCKS_AGAIN = 64
"""Most blocks drawn again in search of draws, where no shards tell where they are."""


def llc(job: Job) -> list[str]:
    """Estimate learning coefficients of the selected functions; the files written."""
    selected = selected_for_llc(job.files.table("functions"), job.campaign)
    without = job.campaign.without_slope
    if without and not selected.empty:
        job.reporter.message(f"llc: the activation {without} has no slope; no coefficients")
        selected = selected.iloc[:0]
    for key in sorted(set(job.campaign.llc.named) - set(selected["function"])):
        reason = "was not drawn"
        if job.campaign.counting.keep != "all":
            reason = "is not among the functions kept"
        job.reporter.message(f"llc.named: {key} {reason}; no coefficient for it")
    if selected.empty:
        tables = LlcTables(*(arrow_schema(name).empty_table() for name in LlcTables._fields))
    else:
        requests = choose_draws(job, selected["function"])
        weights = sampling.weights_of_draws(job.plan, requests["draw"].to_numpy())
        tables = llc_tables(
            job.campaign,
            requests,
            weights,
            progress=job.progress("llc"),
            threads=job.threads,
            each=partial(worked_estimates, job, job.cluster) if job.cluster is not None else None,
        )
    written = []
    for name, table in tables._asdict().items():
        path = job.files.table(name)
        write_table(path, table, name, notes=job.notes)
        written.append(job.files.relative(path))
    return written


def choose_draws(job: Job, functions: pd.Series) -> pd.DataFrame:
    """Draws at which functions are examined: `draws_per_function` each, fewer if drawn less often.

    Every shard holds the first draw of a function in its block, so the first draws of different
    blocks come for free; only a function met in too few blocks has some of them drawn again.
    Where not all functions are kept there are no shards to search: `draws_of_blocks` finds draws.
    The choice depends on the campaign alone, not on threads or interruptions.

    Parameters
    ----------
    job : Job
        The run.
    functions : Series of str
        Keys.

    Returns
    -------
    DataFrame
        ``function, draw``, functions in the order given, draws ascending.

    Raises
    ------
    DataError
        If a draw, made again, expresses another function than its shard says.
    """
    limit = job.campaign.llc.draws_per_function
    if job.campaign.counting.keep != "all":
        requests = _in_order(draws_of_blocks(job, functions, limit), functions, limit)
        check_draws(job, requests)
        return requests
    there = sorted(job.files.finished_blocks(job.campaign))
    shards = [job.files.shard(index) for index in there]
    places = find_shards(shards, functions, limit, threads=job.threads)
    chosen: list[tuple[str, int]] = []
    again: dict[int, list[str]] = {}
    for function, blocks in places.groupby("function", sort=False):
        draws = blocks["first_draw"].sort_values().tolist()[:limit]
        chosen += [(str(function), int(draw)) for draw in draws]
        open_places = limit - len(draws)
        for block, count in zip(blocks["shard_index"], blocks["count"], strict=True):
            if open_places > 0 and count > 1:
                again.setdefault(there[int(block)], []).append(str(function))
                open_places -= int(count) - 1
    for block, wanted in again.items():
        chosen += draw_again(job, [block], wanted, limit)
    requests = _in_order(chosen, functions, limit)
    check_draws(job, requests)
    return requests


def draws_of_blocks(job: Job, functions: pd.Series, limit: int) -> list[tuple[str, int]]:
    """Draws of functions of which only the first draw is known.

    The blocks in which the functions were first drawn are drawn again, at most `BLOCKS_AGAIN` of
    them, and each is searched for all of the functions: a function gets its first draw, and of the
    others those in these blocks. A rare one may have had more elsewhere.
    """
    table = read_file(job.files.table("functions"), "functions", ["function", "first_draw"])
    frame = table.filter(pc.is_in(table["function"], pa.array(functions))).to_pandas()
    chosen = [(str(row.function), int(row.first_draw)) for row in frame.itertuples()]
    if limit > 1:
        firsts = frame.set_index("function")["first_draw"].loc[functions]
        blocks = (firsts // job.campaign.block_draws).drop_duplicates()[:BLOCKS_AGAIN]
        chosen += draw_again(job, blocks.tolist(), functions.tolist(), limit)
    return chosen


def _in_order(chosen: list[tuple[str, int]], functions: pd.Series, limit: int) -> pd.DataFrame:
    """At most `limit` draws of each function, the first ones, in the order of `functions`."""
    requests = pd.DataFrame(chosen, columns=["function", "draw"]).drop_duplicates()
    order = {function: place for place, function in enumerate(functions)}
    requests["place"] = requests["function"].map(order)
    requests = requests.sort_values(["place", "draw"])
    requests = requests[requests.groupby("place").cumcount() < limit].drop(columns="place")
    return requests.reset_index(drop=True)


def draw_again(
    job: Job, blocks: list[int], functions: list[str], limit: int
) -> list[tuple[str, int]]:
    """The first `limit` draws of each function inside some blocks, found by drawing them again."""
    words = words_from_keys(functions, job.campaign.n_points, job.campaign.exact_keys)
    which, draws = sampling.find_draws(job.plan, words, blocks, limit=limit, threads=job.threads)
    return [(functions[int(i)], int(draw)) for i, draw in zip(which, draws, strict=True)]


def check_draws(job: Job, requests: pd.DataFrame) -> None:
    """Refuse to go on if a draw, made again, expresses another function than its shard says.

    Raises
    ------
    DataError
        Naming the first such draw.
    """
    campaign = job.campaign
    expected = words_from_keys(
        requests["function"].tolist(), campaign.n_points, campaign.exact_keys
    )
    found = sampling.words_of_draws(job.plan, requests["draw"].to_numpy(), threads=job.threads)
    wrong = np.flatnonzero((expected != found).any(axis=1))
    if len(wrong):
        row = requests.iloc[int(wrong[0])]
        raise DataError(
            f"draw {row['draw']}: expresses another function than {row['function']}, which its "
            "shard names: another version of pfmap or another machine wrote it",
            next_step="pfmap verify; then use the version named in provenance.json, or start "
            "over with --fresh",
        )


STAGE = Stage(
    name="llc",
    label="learning coefficients",
    needs=("complexity",),
    tables=("llc", "ladder"),
    kernels=("langevin",),
    settings=lambda campaign: campaign.digest("llc"),
    run=llc,
)
