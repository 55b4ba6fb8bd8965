"""Bounds on λ_f of many functions at once, from lists and constructions: nothing is sampled.

relu networks with biases and a linear output, targets ±1 on a Boolean cube.

*From below.* 1/2 for constants and 1 otherwise (`pfmap.function_level.bounds`). With one hidden
layer r(f)/2 (`pfmap.function_level.minimum`), listed for up to four inputs; beyond, that of the
function on a face of the cube, whose loss is a part of the whole loss.

*From above.* Every realisation bounds λ_f, and these have a rank that is constant nearby:

* constants, any depth: every unit off, 1/2;
* one hidden layer: the listed patterns, r(f)/2, where the layer has the units they take; one unit
  for each vertex of the smaller class, (1 + T)/2 for T vertices;
* more layers: first-layer units that cover one class by half-spaces, one unit above them, 1
  (`pfmap.function_level.realise`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pfmap.display import Displayed
from pfmap.function_level.listed import listed_functions, table_numbers
from pfmap.function_level.minimum import MAX_LISTED_INPUTS

MAX_FACED_INPUTS = 7
"""Inputs up to which every face is looked at: 280 of 7 inputs."""

_ALL_OFF = "every unit off"
_LISTED = "least rank, listed"
_FACE = "least rank on a face of the cube"
_ANY = "output bias and one hidden unit"
_VERTICES = "one unit a vertex"
_COVER = "half-spaces under one unit"
_NARROW = "not known: too few units for the constructions"
_SUPPORT = "not known: a uniform prior may not reach the constructions"


@dataclass(frozen=True, repr=False)
class FunctionBounds(Displayed):
    """Bounds on λ_f, one row a function.

    Attributes
    ----------
    low, high : ndarray of float64, shape (functions,)
        low <= λ_f <= high; NaN where nothing is known from above.
    reason : list of str
        Where both come from.
    """

    SHOWN: ClassVar = ("low", "high")

    low: np.ndarray
    high: np.ndarray
    reason: list[str]

    @property
    def exact(self) -> np.ndarray:
        """λ_f where both bounds agree, else NaN."""
        return np.where(self.low == self.high, self.low, np.nan)


def bound_functions(
    bits: np.ndarray,
    hidden: tuple[int, ...],
    covers: np.ndarray | None = None,
    *,
    everywhere: bool = True,
) -> FunctionBounds:
    """Bounds on λ_f of relu networks with biases.

    Parameters
    ----------
    bits : ndarray of 0 and 1, shape (functions, 2^n)
        Truth tables in counting order.
    hidden : tuple of int
        Units of the hidden layers, at least one.
    covers : ndarray, shape (functions,), optional
        Half-spaces that suffice to cover one class (`pfmap.functions.halfspaces.cover_sizes`), NaN
        where not known; used with two or more layers. One for each vertex always suffices.
    everywhere : bool, default True
        Whether the prior has mass near all parameters. If not, functions that vary have no upper
        bound.

    Returns
    -------
    FunctionBounds

    Examples
    --------
    A constant, AND and XOR of two inputs; XOR takes two units:

    >>> bits = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 1, 0]])
    >>> bound_functions(bits, (2,)).exact.tolist(), bound_functions(bits, (1,)).high.tolist()
    ([0.5, 1.0, 1.5], [0.5, 1.0, nan])
    >>> bound_functions(bits, (2, 1)).exact.tolist()
    [0.5, 1.0, 1.0]
    """
    bits = np.asarray(bits)
    ones = bits.sum(axis=1, dtype=np.int64)
    vertices = np.minimum(ones, bits.shape[1] - ones)
    constant = vertices == 0
    low = np.where(constant, 0.5, 1.0)
    high = np.where(constant, 0.5, np.nan)
    below = np.where(constant, _ALL_OFF, _ANY).astype(object)
    above = np.where(constant, _ALL_OFF, _NARROW if everywhere else _SUPPORT).astype(object)
    uppers: list[tuple[np.ndarray, np.ndarray | float, str]] = []
    if len(hidden) > 1:
        known = vertices.astype(float) if covers is None else np.fmin(covers, vertices)
        uppers.append((known <= hidden[0], 1.0, _COVER))
    else:
        ranks = _least_ranks(bits)
        higher = ~constant & (ranks / 2.0 >= low)
        low = np.where(higher, ranks / 2.0, low)
        listed = bits.shape[1] <= 2**MAX_LISTED_INPUTS
        below[higher] = _LISTED if listed else _FACE
        if listed:
            units = listed_functions(bits.shape[1].bit_length() - 1)[1][table_numbers(bits)]
            uppers.append((units <= hidden[0], ranks / 2.0, _LISTED))
        uppers.append((vertices <= hidden[0], (1.0 + vertices) / 2.0, _VERTICES))
    for holds, values, source in uppers if everywhere else []:
        better = ~constant & holds & ~(high <= values)
        high = np.where(better, values, high)
        above[better] = source
    reason = [
        f"{one}" if one == other else f"from below: {one}; from above: {other}"
        for one, other in zip(below, above, strict=True)
    ]
    return FunctionBounds(low, high, reason)


def _least_ranks(bits: np.ndarray) -> np.ndarray:
    """r(f), or the largest r on a face with four free inputs; 0 beyond `MAX_FACED_INPUTS`."""
    n_inputs = bits.shape[1].bit_length() - 1
    found = np.zeros(len(bits), dtype=np.int64)
    if n_inputs > MAX_FACED_INPUTS:
        return found
    free = min(n_inputs, MAX_LISTED_INPUTS)
    ranks = listed_functions(free)[0]
    points = np.arange(bits.shape[1]).reshape((2,) * n_inputs)
    for axes in itertools.combinations(range(n_inputs), n_inputs - free):
        for values in itertools.product((0, 1), repeat=len(axes)):
            at = dict(zip(axes, values, strict=True))
            face = points[tuple(at.get(axis, slice(None)) for axis in range(n_inputs))].ravel()
            np.maximum(found, ranks[table_numbers(bits[:, face])], out=found)
    return found
