"""Entropy of the share of ones."""

from __future__ import annotations

import numpy as np

from .registry import FunctionBatch, proxy


@proxy(
    "entropy",
    meaning="Binary entropy of T/N, the share of inputs where f is 1.",
    unit="bits",
    kinds=("boolean", "labels"),
    reads_order=False,
)
def entropy(batch: FunctionBatch) -> np.ndarray:
    """H(p) = -p log2 p - (1 - p) log2(1 - p) with p = T/N; 0 for constants."""
    p = batch.ones / batch.n_points
    share = np.stack([p, 1 - p])
    terms = share * np.log2(np.where(share > 0, share, 1.0))
    return -terms.sum(axis=0) + 0.0
