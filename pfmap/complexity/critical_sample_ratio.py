"""Critical sample ratio."""

from __future__ import annotations

import numpy as np

from .neighbours import count_ones, flip_input
from .registry import FunctionBatch, proxy


@proxy(
    "critical_sample_ratio",
    meaning="Share of inputs with a neighbour at Hamming distance 1 on which f differs.",
    unit="",
    kinds=("boolean",),
    reads_order=False,
)
def critical_sample_ratio(batch: FunctionBatch) -> np.ndarray:
    """2^-n |{x : some i has f(x) ≠ f(x with input i flipped)}|.

    The critical sample ratio of Arpit et al. 2017 (arXiv 1706.05394) with the Hamming ball of
    radius 1 in place of a box.
    """
    words = batch.words
    critical = np.zeros_like(words)
    for i in range(batch.n_inputs):
        critical |= words ^ flip_input(words, i)
    return count_ones(critical) / batch.n_points
