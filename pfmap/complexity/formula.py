"""Formula size: the least number of literals over and, or, not."""

from __future__ import annotations

import numpy as np

from .classes import INPUTS, class_values
from .registry import FunctionBatch, proxy


@proxy(
    "formula",
    meaning="Fewest literals of a formula of and, or, not that is f, of any depth; exact for "
    "n <= 4, null beyond.",
    unit="literals",
    kinds=("boolean",),
    reads_order=False,
    most_inputs=INPUTS,
)
def formula(batch: FunctionBatch) -> np.ndarray:
    """L(f), leaves of the smallest De Morgan formula; 0 for constants.

    L(f) = min over g and h with f = g ∧ h or f = g ∨ h of L(g) + L(h), and 1 for x_i and ¬x_i.
    """
    if batch.n_inputs > INPUTS:
        return np.full(len(batch), np.nan)
    return class_values(batch, "formula")
