"""Threshold functions: the subsets of the Boolean cube that a half-space cuts off."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np

from pfmap.errors import SettingsError
from pfmap.settings.domain import boolean_points

# Largest weight that is needed once weights are integers as small as can be (Muroga 1971).
_LARGEST_WEIGHT = {1: 1, 2: 1, 3: 2, 4: 3, 5: 5}
MAX_EXACT_INPUTS = max(_LARGEST_WEIGHT)
"""Inputs up to which every threshold function is listed; there are 15,028,134 of six inputs."""


@cache
def threshold_sets(n_inputs: int) -> np.ndarray:
    """All subsets of {0,1}^n that a half-space {x : <w, x> >= θ} cuts off.

    Weights w1 >= … >= wn >= 0 are run through up to the largest integer that is needed, with every
    θ, and inputs are then exchanged and flipped in all ways. Complements are among them.

    Parameters
    ----------
    n_inputs : int
        n, from 1 to 5.

    Returns
    -------
    ndarray of uint64, shape (sets,)
        Point x of the cube, in counting order, is bit x; large sets first. Read-only: 4, 14, 104,
        1882 and 94572 sets for n = 1 … 5 (OEIS A000609).

    Raises
    ------
    SettingsError
        If n is outside 1 … 5.

    Examples
    --------
    >>> [f"{mask:04b}" for mask in threshold_sets(2)[:5]]
    ['1111', '0111', '1011', '1101', '1110']
    """
    if n_inputs not in _LARGEST_WEIGHT:
        raise SettingsError(
            f"n_inputs: threshold functions are listed for 1 to {MAX_EXACT_INPUTS} inputs, got "
            f"{n_inputs}"
        )
    points = boolean_points(n_inputs).astype(np.int64)
    weights = itertools.combinations_with_replacement(
        range(_LARGEST_WEIGHT[n_inputs], -1, -1), n_inputs
    )
    sums = points @ np.array(list(weights)).T
    base = np.unique(np.concatenate([(sums >= t).T for t in range(sums.max() + 2)]), axis=0)
    index = np.arange(2**n_inputs)
    place = 1 << index[:n_inputs][::-1]
    bit = np.uint64(1) << index.astype(np.uint64)
    found = np.empty(0, dtype=np.uint64)
    for order in itertools.permutations(range(n_inputs)):
        read = points[:, order] @ place
        flipped = [base[:, read ^ flip] @ bit for flip in index]
        found = np.unique(np.concatenate([found, *flipped]))
    ordered = found[np.argsort(-np.bitwise_count(found).astype(np.int64), kind="stable")]
    ordered.flags.writeable = False
    return ordered
