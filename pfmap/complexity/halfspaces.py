"""Size of a cover by half-spaces."""

from __future__ import annotations

import numpy as np

from pfmap.functions.halfspaces import MAX_COVER_INPUTS, cover_sizes

from .registry import FunctionBatch, proxy


@proxy(
    "halfspaces",
    meaning="Fewest half-spaces that each exclude all of one class and together cover the other, "
    "for the class that takes fewer; exact for n <= 5, an upper bound for n = 6 … 10, null beyond.",
    unit="half-spaces",
    kinds=("boolean",),
    reads_order=False,
    dear=True,
    most_inputs=MAX_COVER_INPUTS,
)
def halfspaces(batch: FunctionBatch) -> np.ndarray:
    """First-layer relu units that suffice to cut one class off with one unit above them."""
    return cover_sizes(batch.values)
