"""Average sensitivity."""

from __future__ import annotations

import numpy as np

from .neighbours import count_ones, flip_input
from .registry import FunctionBatch, proxy


@proxy(
    "sensitivity",
    meaning="Average sensitivity: mean number of single input flips that change f.",
    unit="inputs",
    kinds=("boolean",),
    reads_order=False,
)
def sensitivity(batch: FunctionBatch) -> np.ndarray:
    """2^-n Σ_x |{i : f(x) ≠ f(x with input i flipped)}| (O'Donnell 2014, section 2.3)."""
    words = batch.words
    changes = sum(count_ones(words ^ flip_input(words, i)) for i in range(batch.n_inputs))
    return np.asarray(changes / batch.n_points)
