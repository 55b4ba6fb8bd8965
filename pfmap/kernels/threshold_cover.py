"""Fewest half-spaces that cover one class of a Boolean function, from all that there are."""

from __future__ import annotations

import numpy as np

from ._jit import jit
from .boolean_cover import cheapest_cover

_ONE = np.uint64(1)
_ZERO = np.uint64(0)


@jit(allocates=True)
def minimal_cover_sizes(bits, sets, sizes):
    """Fewest of `sets` whose union is the zeros of f, and the ones.

    `bits` uint8 (functions, points), at most 64 points; `sets` uint64 (sets,), point x at bit x,
    all subsets of the cube that a half-space cuts off, large ones first; `sizes` int64
    (functions, 2).
    """
    n_points = bits.shape[1]
    covers = np.empty((sets.shape[0], 1), np.uint64)
    weights = np.empty(sets.shape[0], np.int64)
    left = np.empty(1, np.uint64)
    for function in range(bits.shape[0]):
        for value in range(2):
            inside = _ZERO
            for x in range(n_points):
                if bits[function, x] == value:
                    inside |= _ONE << np.uint64(x)
            n_found = 0
            for s in range(sets.shape[0]):
                if sets[s] & ~inside != _ZERO or sets[s] == _ZERO:
                    continue
                # Only the largest are needed: what contains a set was met before it.
                largest = True
                for p in range(n_found):
                    if sets[s] & ~covers[p, 0] == _ZERO:
                        largest = False
                        break
                if largest:
                    covers[n_found, 0] = sets[s]
                    weights[n_found] = 1
                    n_found += 1
                    if sets[s] == inside:
                        break
            left[0] = inside
            sizes[function, value] = cheapest_cover(covers, weights, n_found, left, -1)[0]
