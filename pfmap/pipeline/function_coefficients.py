"""The table ``function_llc``: λ_f of every function of a relu network, exact or between bounds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pfmap.function_level import FunctionBounds, bound_functions
from pfmap.settings.campaign import Campaign
from pfmap.settings.prior import layer_sds
from pfmap.store.tables import stream_file, table_writer

from .batches import function_batches
from .job import Job

COVERS = "halfspaces"


def has_function_llc(campaign: Campaign) -> bool:
    """Whether λ_f is known of a campaign's functions: relu, biases, outputs linear, ±1 on a cube.

    Examples
    --------
    >>> has_function_llc(Campaign()), has_function_llc(Campaign(network={"activation": "tanh"}))
    (True, False)
    """
    if not campaign.is_dense:
        return False
    network = campaign.dense
    _, bias_sds = layer_sds(network.widths, network.bias, campaign.prior)
    return (
        network.activation == "relu"
        and network.output_facts.pieces == "linear"
        and len(network.widths) > 2
        and bool((bias_sds > 0.0).all())
        and campaign.domain.kind == "boolean"
        and campaign.readout.kind == "sign"
    )


def campaign_bounds(
    campaign: Campaign, bits: np.ndarray, covers: np.ndarray | None = None
) -> FunctionBounds:
    """Bounds on λ_f of functions under a campaign that `has_function_llc`.

    Parameters
    ----------
    campaign : Campaign
    bits : ndarray of 0 and 1, shape (functions, 2^n)
    covers : ndarray, shape (functions,), optional
        As in `pfmap.function_level.bound_functions`.
    """
    hidden = campaign.dense.widths[1:-1]
    return bound_functions(bits, hidden, covers, everywhere=campaign.prior.law == "normal")


def write_function_llc(job: Job) -> list[str]:
    """Bound λ_f of every function of ``functions.parquet``; the file written."""
    path, source = job.files.table("function_llc"), job.files.table("functions")
    with table_writer(path, "function_llc", notes=job.notes) as write:
        if not has_function_llc(job.campaign):
            return [job.files.relative(path)]
        for rows in stream_file(source, "functions"):
            for start, batch in function_batches(job, rows):
                piece = rows.slice(start, len(batch))
                covers = None
                if COVERS in piece.column_names:
                    covers = piece[COVERS].to_numpy().astype(float)
                found = campaign_bounds(job.campaign, batch.values, covers)
                write(bounds_table(piece["function"], found))
    return [job.files.relative(path)]


def bounds_table(keys: pa.ChunkedArray, found: FunctionBounds) -> pa.Table:
    """Rows of ``function_llc``; NaN is null there."""
    values = {"": found.exact, "_low": found.low, "_high": found.high}
    columns = {
        f"function_llc{name}": pa.array(column, pa.float64(), from_pandas=True)
        for name, column in values.items()
    }
    return pa.table({"function": keys, **columns, "reason": found.reason})
