"""Functions of a table as arrays, for the measures of complexity and the bounds on λ_f."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from pfmap import sampling
from pfmap.complexity.registry import FunctionBatch, Kind
from pfmap.functions.keys import bits_from_words, words_from_keys
from pfmap.settings.campaign import Campaign

from .job import Job


def function_kind(campaign: Campaign) -> Kind:
    """What kind of functions a campaign draws: boolean, labels or curve.

    Examples
    --------
    >>> function_kind(Campaign())
    'boolean'
    """
    if campaign.readout.kind == "quantised":
        return "curve"
    return "boolean" if campaign.domain.kind == "boolean" else "labels"


def function_batches(job: Job, table: pa.Table) -> Iterator[tuple[int, FunctionBatch]]:
    """The functions of a table as arrays, in pieces that keep memory bounded."""
    size = max(1024, min(1 << 16, (1 << 25) // job.campaign.n_points))
    for start in range(0, len(table), size):
        piece = table.slice(start, size)
        yield start, function_batch(job, piece)


def function_batch(job: Job, table: pa.Table) -> FunctionBatch:
    """Functions as arrays: from their keys where these are exact, else drawn again."""
    campaign = job.campaign
    kind = function_kind(campaign)
    draws = table["first_draw"].to_numpy()
    if kind == "curve":
        symbols = sampling.symbols_of_draws(job.plan, draws, threads=job.threads)
        return FunctionBatch(kind, campaign.points, symbols=symbols, step=campaign.readout.step)
    if campaign.exact_keys:
        words = words_from_keys(table["function"], campaign.n_points, True)
        bits = bits_from_words(words, campaign.n_points)
    else:
        bits = sampling.bits_of_draws(job.plan, draws, threads=job.threads)
    return FunctionBatch(kind, campaign.points, bits=bits)
