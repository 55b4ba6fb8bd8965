"""Circuit size: the least number of gates of two inputs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from pfmap.errors import EnvironmentFault

from .classes import INPUTS, class_columns, class_values
from .registry import FunctionBatch, proxy

if TYPE_CHECKING:
    from fbool import FBool

MOST_INPUTS = 5
"""Inputs up to which least circuits are known: the extra ``circuits`` has those of 5."""


def lacking(n_inputs: int) -> str:
    """Why circuits of functions of n inputs are not to be had here; empty if they are."""
    if n_inputs != MOST_INPUTS:
        return ""
    try:
        import fbool  # noqa: F401
    except ImportError:
        return "for n = 5 it needs the package fbool: pip install 'pfmap[circuits]'"
    return ""


@proxy(
    "circuit",
    meaning="Fewest gates of a circuit that is f, every gate any function of two inputs "
    "(combinational complexity); exact for n <= 5, n = 5 with the extra circuits, null beyond.",
    unit="gates",
    kinds=("boolean",),
    reads_order=False,
    most_inputs=MOST_INPUTS,
    lacking=lacking,
)
def circuit(batch: FunctionBatch) -> np.ndarray:
    """C(f) (Knuth, The Art of Computer Programming 4A, section 7.1.2); 0 for x_i and constants.

    Steps x_i = x_j ∘ x_k with j, k < i, from the inputs on; complements are free, as a gate can
    complement what it takes and what it gives.
    """
    if batch.n_inputs <= INPUTS:
        return class_values(batch, "circuit")
    if batch.n_inputs > MOST_INPUTS or lacking(batch.n_inputs):
        return np.full(len(batch), np.nan)
    engine = checked_engine()
    return np.array([_gates(engine, bits) for bits in batch.values], dtype=np.float64)


@cache
def checked_engine() -> type[FBool]:
    """The functions of fbool, if it knows the least circuits of 4 inputs.

    Raises
    ------
    EnvironmentFault
        If it counts anything else: values of a version that does are not to be trusted.
    """
    from fbool import FBool

    known = class_columns()["circuit"]
    for number in np.unique(known, return_index=True)[1]:
        bits = number >> np.arange(2**INPUTS)[::-1] & 1
        found = _gates(FBool, np.repeat(bits, 2))
        if found != known[number]:
            raise EnvironmentFault(
                f"fbool: must count {known[number]:.0f} gates for {number:04x}, got {found}",
                next_step="install another version of fbool, or none",
            )
    return FBool


def _gates(engine: type[FBool], bits: np.ndarray) -> float:
    """What fbool counts for a truth table of 5 inputs."""
    found = engine((bits == 1).tolist()).minimal_gates()
    return np.nan if found is None else float(found)
