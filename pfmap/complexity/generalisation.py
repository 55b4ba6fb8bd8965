"""Generalisation complexity: disagreement with neighbours at Hamming distances 1 and 2."""

from __future__ import annotations

import itertools

import numpy as np

from .neighbours import count_ones, flip_input
from .registry import FunctionBatch, proxy


@proxy(
    "generalisation",
    meaning="Generalisation complexity C1 + C2: shares of pairs of inputs at Hamming distance 1 "
    "and at distance 2 on which f differs.",
    unit="",
    kinds=("boolean",),
    reads_order=False,
)
def generalisation(batch: FunctionBatch) -> np.ndarray:
    """C = C1 + C2 with C_i = 2^-n Σ_x |{y at distance i : f(x) ≠ f(y)}| / C(n, i).

    The first two terms of the measure of Franco and Anthony (IEEE Transactions on Neural Networks
    17, 578, 2006). C1 is the average sensitivity over n. One input has no pairs at distance 2:
    C2 is 0.
    """
    words, n = batch.words, batch.n_inputs
    flipped = [flip_input(words, i) for i in range(n)]
    one = sum(count_ones(words ^ other) for other in flipped)
    # f differs between x and x + i + j just as f flipped at i differs from f flipped at j.
    two = sum(count_ones(a ^ b) for a, b in itertools.combinations(flipped, 2))
    return np.asarray(
        one / (batch.n_points * n) + two / (batch.n_points * max(1, n * (n - 1) // 2))
    )
