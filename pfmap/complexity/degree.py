"""Degree of the real polynomial."""

from __future__ import annotations

import numpy as np

from pfmap.kernels.walsh import walsh_summary

from .registry import FunctionBatch, proxy


@proxy(
    "degree",
    meaning="Degree of the real multilinear polynomial that equals f on every input.",
    unit="",
    kinds=("boolean",),
    reads_order=False,
)
def degree(batch: FunctionBatch) -> np.ndarray:
    """Largest |S| with f̂(S) ≠ 0, which is the degree in inputs of 0, 1 or of -1, 1 alike."""
    absolute_sum, degrees = np.empty((2, len(batch)), np.int64)
    walsh_summary(batch.values, absolute_sum, degrees)
    return degrees.astype(np.float64)
