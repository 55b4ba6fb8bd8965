"""Size of the smallest binary decision diagram over all orders of the inputs."""

from __future__ import annotations

import numpy as np

from pfmap.kernels.boolean_bdd import bdd_minimum_nodes

from .registry import FunctionBatch, proxy


@proxy(
    "bdd_min",
    meaning="Fewest decision nodes of a reduced ordered binary decision diagram over all orders "
    "of the inputs, exact; terminals not counted.",
    unit="nodes",
    kinds=("boolean",),
    reads_order=False,
    dear=True,
)
def bdd_min(batch: FunctionBatch) -> np.ndarray:
    """Minimum over n! orders by dynamic programming over sets (Friedman and Supowit 1990)."""
    nodes = np.empty(len(batch), np.int64)
    bdd_minimum_nodes(batch.values, batch.n_inputs, nodes)
    return nodes.astype(np.float64)
