"""Size of the binary decision diagram in the natural order of the inputs."""

from __future__ import annotations

import numpy as np

from pfmap.kernels.boolean_bdd import bdd_nodes

from .registry import FunctionBatch, proxy


@proxy(
    "bdd",
    meaning="Decision nodes of the reduced ordered binary decision diagram that tests the inputs "
    "in their order, first input on top; terminals not counted.",
    unit="nodes",
    kinds=("boolean",),
    reads_order=False,
)
def bdd(batch: FunctionBatch) -> np.ndarray:
    """Distinct subfunctions that depend on their first input (Bryant 1986), no complement edges."""
    nodes = np.empty(len(batch), np.int64)
    bdd_nodes(batch.values, nodes)
    return nodes.astype(np.float64)
