"""Canonical members of orbits of Boolean functions, exact for up to 7 inputs.

A transformation of f is an order of the inputs, a phase (flipped or not) of each, and a polarity
(complemented or not). It permutes the Walsh coefficients W(S) = sum_x (-1)^(f(x) + sum_{i in S}
x_i) and changes their signs. The canonical member of an orbit is the one whose coefficients, in
the order of `_expand`, are lexicographically largest: the coefficients over subsets of the first k
inputs come before every other, so inputs are placed one at a time, and of all ways to place the
next one only those with the largest block of new coefficients survive. Every survivor of the last
level has the same coefficients, hence is the same function, so the number of survivors is exactly
the number of transformations that leave f unchanged.

Inputs that the function itself cannot tell apart (it is unchanged when two of them are exchanged,
or when one or two of them are flipped) would multiply the survivors; of a set of such choices one
is followed and its survivors are counted for all.
"""

from __future__ import annotations

import numpy as np

from ._jit import jit

_ONE = np.uint64(1)

# Working arrays; few arrays of several rows compile much faster than many arrays.
# table[row, subset]:
_SPECTRUM = 0  # W by subset of inputs (input i is bit i of the subset's number)
_SUBSET = 1  # subset of inputs, by subset of the positions filled so far
_SIGN = 2  # sign that its coefficient takes there
_BEST = 3  # largest coefficients found so far, by subset of positions
# choices[row, position, choice]:
_INPUT = 0  # inputs whose block of coefficients is the largest
_PHASE = 1  # and their phases
_COPIES = 2  # and how many equivalent choices each stands for
# path[row, position]:
_PLACED = 0  # input at the position
_FLIPPED = 1  # whether it is flipped
_COUNT = 2  # how many choices there are
_NEXT = 3  # the next one to follow
_WEIGHT = 4  # product of the copies before the position
_FOUND_PLACED = 5  # the first survivor
_FOUND_FLIPPED = 6
# invariances[row, i, j]: f is unchanged by
_SWAP = 0  # x_i <-> x_j
_SWAP_FLIP = 1  # x_i <-> 1 - x_j
_FLIP_BOTH = 2  # flipping x_i and x_j; flipping x_i alone where i = j


@jit
def _walsh(bits, table, n):
    """Walsh coefficients of the truth table `bits` (0 or 1, length 2^n), by butterflies."""
    size = 1 << n
    for x in range(size):
        table[_SPECTRUM, x] = 1 - 2 * np.int32(bits[x])
    half = 1
    while half < size:
        for start in range(0, size, 2 * half):
            for x in range(start, start + half):
                low = table[_SPECTRUM, x]
                high = table[_SPECTRUM, x + half]
                table[_SPECTRUM, x] = low + high
                table[_SPECTRUM, x + half] = low - high
        half *= 2


@jit
def _find_invariances(table, invariances, n):
    """Which exchanges and flips of one or two inputs leave the function unchanged."""
    size = 1 << n
    for i in range(n):
        a = 1 << i
        for j in range(i + 1):
            b = 1 << j
            swap = i != j
            swap_flip = i != j
            flip = True
            for s in range(size):
                if s & a and (i == j or not s & b):
                    at_i = table[_SPECTRUM, s]
                    at_j = table[_SPECTRUM, s ^ a ^ b]
                    swap = swap and at_i == at_j
                    swap_flip = swap_flip and at_i == -at_j
                    flip = flip and at_i == 0 and at_j == 0
                    if not (swap or swap_flip or flip):
                        break
            invariances[_SWAP, i, j] = invariances[_SWAP, j, i] = swap
            invariances[_SWAP_FLIP, i, j] = invariances[_SWAP_FLIP, j, i] = swap_flip
            invariances[_FLIP_BOTH, i, j] = invariances[_FLIP_BOTH, j, i] = flip


@jit
def _merge_alike(choices, path, invariances, n, depth, used):
    """Keep one of each set of choices at `depth` that an invariance of f maps onto each other.

    The invariance must leave the inputs already placed (the subset `used`) alone. A choice with
    no copies left has been merged into an earlier one; merged choices are moved out at the end.
    """
    n_found = path[_COUNT, depth]
    for c in range(n_found):
        i = choices[_INPUT, depth, c]
        for e in range(c):
            j = choices[_INPUT, depth, e]
            if choices[_COPIES, depth, e] == 0:
                continue
            if i != j:
                # Equal phases: _SWAP; different ones: _SWAP_FLIP.
                alike = invariances[choices[_PHASE, depth, c] ^ choices[_PHASE, depth, e], i, j]
            else:
                alike = False
                for other in range(n):
                    if not used >> other & 1:
                        alike = alike or invariances[_FLIP_BOTH, i, other]
            if alike:
                choices[_COPIES, depth, e] += choices[_COPIES, depth, c]
                choices[_COPIES, depth, c] = 0
                break
    n_kept = 0
    for c in range(n_found):
        if choices[_COPIES, depth, c] > 0:
            for row in range(3):
                choices[row, depth, n_kept] = choices[row, depth, c]
            n_kept += 1
    path[_COUNT, depth] = n_kept


@jit
def _expand(table, choices, path, n, depth, used, permute, reflect, known):
    """Find the choices for position `depth` whose block of coefficients is largest.

    Position k of the canonical order is bit k of a subset's number t, so the block is
    t = 2^depth … 2^(depth+1) - 1. The largest coefficients are known below t = `known`. Returns
    whether a choice is larger than they are; its block has then taken their place.
    """
    half = 1 << depth
    n_found = 0
    improved = False
    valid = known > half
    for i in range(n - 1, -1, -1):
        if used >> i & 1 or not (permute or i == n - 1 - depth):
            continue
        for phase in range(2 if reflect else 1):
            turn = 1 - 2 * phase
            start = 0
            larger = not valid
            smaller = False
            while valid and start < half:
                subset = table[_SUBSET, start] | 1 << i
                value = turn * table[_SIGN, start] * table[_SPECTRUM, subset]
                if value != table[_BEST, half + start]:
                    larger = value > table[_BEST, half + start]
                    smaller = not larger
                    break
                start += 1
            if smaller:
                continue
            if larger:
                for t in range(start, half):
                    subset = table[_SUBSET, t] | 1 << i
                    table[_BEST, half + t] = turn * table[_SIGN, t] * table[_SPECTRUM, subset]
                valid = True
                improved = True
                n_found = 0
            choices[_INPUT, depth, n_found] = i
            choices[_PHASE, depth, n_found] = phase
            choices[_COPIES, depth, n_found] = 1
            n_found += 1
    path[_COUNT, depth] = n_found
    path[_NEXT, depth] = 0
    return improved


@jit
def _search(table, choices, path, invariances, n, permute, reflect, complement):
    """Find the transformation to the canonical member, and the size of the stabiliser.

    Depth-first over the positions of the canonical order; leaves the first survivor in `path`.

    Returns
    -------
    survivors : int
        Number of transformations that give the canonical member, which is the number of those
        that leave f unchanged.
    found_polarity : int
        1, or -1 where the canonical member is a complement.
    """
    survivors = 0
    found_polarity = 1
    known = np.int64(1)
    have_invariances = False
    empty = table[_SPECTRUM, 0]
    table[_SUBSET, 0] = 0
    path[_WEIGHT, 0] = 1
    for polarity in (1, -1):
        # The empty subset comes first: the polarity with the larger W(0) wins, both if it is 0.
        if (polarity < 0 and not complement) or (complement and polarity * empty < 0):
            continue
        table[_SIGN, 0] = polarity
        used = depth = np.int64(0)
        entering = True
        while depth >= 0:
            if entering:
                entering = False
                if _expand(table, choices, path, n, depth, used, permute, reflect, known):
                    known = 2 << depth
                    survivors = 0
                if path[_COUNT, depth] > 1:
                    if not have_invariances:
                        _find_invariances(table, invariances, n)
                        have_invariances = True
                    _merge_alike(choices, path, invariances, n, depth, used)
            choice = path[_NEXT, depth]
            if choice == path[_COUNT, depth]:
                depth -= 1
                if depth >= 0:
                    used ^= 1 << path[_PLACED, depth]
                continue
            path[_NEXT, depth] += 1
            placed = choices[_INPUT, depth, choice]
            flipped = choices[_PHASE, depth, choice]
            path[_PLACED, depth] = placed
            path[_FLIPPED, depth] = flipped
            path[_WEIGHT, depth + 1] = path[_WEIGHT, depth] * choices[_COPIES, depth, choice]
            if depth == n - 1:
                if survivors == 0:
                    found_polarity = polarity
                    for k in range(n):
                        path[_FOUND_PLACED, k] = path[_PLACED, k]
                        path[_FOUND_FLIPPED, k] = path[_FLIPPED, k]
                survivors += path[_WEIGHT, n]
                continue
            half = 1 << depth
            for t in range(half):
                table[_SUBSET, half + t] = table[_SUBSET, t] | 1 << placed
                table[_SIGN, half + t] = table[_SIGN, t] * (1 - 2 * flipped)
            used |= 1 << placed
            depth += 1
            entering = True
    return survivors, found_polarity


@jit(allocates=True)
def canonical_all(words, n, permute, reflect, complement, canonical, stabiliser):
    """Canonical member of the orbit of every function, and the size of its stabiliser.

    Parameters
    ----------
    words : ndarray of uint64, shape (functions, words)
        Truth tables, point 0 the most significant bit; unused bits zero.
    n : int
        Inputs, 1 … 7.
    permute, reflect, complement : bool
        Which transformations generate the group.
    canonical : ndarray of uint64, shape (functions, words)
        Written: truth tables of the canonical members.
    stabiliser : ndarray of int64, shape (functions,)
        Written: transformations that leave the function unchanged.
    """
    size = 1 << n
    table = np.empty((4, size), dtype=np.int32)
    choices = np.empty((3, n, 2 * n), dtype=np.int64)
    path = np.empty((7, n + 1), dtype=np.int64)
    invariances = np.empty((3, n, n), dtype=np.bool_)
    bits = np.empty(size, dtype=np.uint8)
    source = np.empty(size, dtype=np.int64)
    for f in range(words.shape[0]):
        for x in range(size):
            bits[x] = words[f, x >> 6] >> np.uint64(63 - (x & 63)) & _ONE
        _walsh(bits, table, n)
        survivors, polarity = _search(
            table, choices, path, invariances, n, permute, reflect, complement
        )
        stabiliser[f] = survivors
        # source[y]: the input of f that stands at the canonical member's input y.
        source[0] = 0
        for k in range(n):
            source[0] |= path[_FOUND_FLIPPED, k] << path[_FOUND_PLACED, k]
        for k in range(n - 1, -1, -1):
            half = 1 << (n - 1 - k)
            for y in range(half):
                source[half + y] = source[y] ^ 1 << path[_FOUND_PLACED, k]
        flip = np.uint8(1 if polarity < 0 else 0)
        for w in range(words.shape[1]):
            canonical[f, w] = np.uint64(0)
        for y in range(size):
            bit = np.uint64(bits[source[y]] ^ flip)
            canonical[f, y >> 6] |= bit << np.uint64(63 - (y & 63))
