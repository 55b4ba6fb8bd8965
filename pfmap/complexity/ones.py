"""Number of ones."""

from __future__ import annotations

import numpy as np

from .registry import FunctionBatch, proxy


@proxy(
    "ones",
    meaning="T(f), the number of inputs where f is 1.",
    unit="inputs",
    kinds=("boolean", "labels"),
    reads_order=False,
)
def ones(batch: FunctionBatch) -> np.ndarray:
    """T(f), which a campaign's table of functions holds already when complexities are measured."""
    return batch.ones.astype(np.float64)
