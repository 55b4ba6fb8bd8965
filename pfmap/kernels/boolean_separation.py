"""Half-spaces on the Boolean cube: strict separation by an exact perceptron, and covers by them.

A half-space is a row of n + 1 integers w: point x lies inside if s(x) = Σ_i w_i (2 x_i - 1) + w_n
is above 0, outside if it is below. Integers, so that a separation once found is a proof.
"""

from __future__ import annotations

import numpy as np

from ._jit import jit


@jit
def _distance(x, y):
    """Inputs in which two points differ."""
    differing, distance = x ^ y, np.int64(0)
    while differing:
        differing &= differing - 1
        distance += 1
    return distance


@jit
def _copy(source, target):
    """Copy numbers; a slice assignment would compile numba's message about shapes too."""
    for i in range(source.shape[0]):
        target[i] = source[i]


@jit
def _separate(side, n, budget, weights, scores):
    """Move a half-space until every point with `side` 1 is inside and -1 outside; 0 is free.

    Perceptron that corrects the worst point (Rosenblatt 1958); it ends if and only if a
    separation exists. `weights` int64 (n + 1,) and `scores` int64 (2^n,), which must fit each
    other, are the start and are moved. Returns whether it ended within `budget` corrections.
    """
    n_points = side.shape[0]
    for _ in range(budget + 1):
        worst, low = -1, np.int64(1)
        for x in range(n_points):
            value = side[x] * scores[x]
            if side[x] != 0 and value < low:
                worst, low = x, value
        if worst < 0:
            return True
        step = np.int64(side[worst])
        # The product of the vectors (2x - 1, 1) of two points: n + 1 less twice their distance.
        for x in range(n_points):
            scores[x] += step * (n + 1 - 2 * _distance(x, np.int64(worst)))
        for i in range(n):
            weights[i] += step * (2 * ((worst >> (n - 1 - i)) & 1) - 1)
        weights[n] += step
    return False


@jit
def _balanced(point, side):
    """Whether `point` and a point inside have the sum of two points outside: no half-space then.

    Two points whose sum is that of u and v differ from them by the same part m of u ^ v.
    """
    for other in range(side.shape[0]):
        if side[other] == 1:
            differing = point ^ other
            part = differing
            while part:
                if side[point ^ part] == -1 and side[other ^ part] == -1:
                    return True
                part = (part - 1) & differing
    return False


@jit(allocates=True)
def _grow(inside, left, seed, n, budget, side, weights, scores):
    """Grow a half-space from `seed` over neighbours with `inside`, others kept strictly outside.

    Points inside a half-space are connected through single flips, so only neighbours of points
    already reached are tried; those of `left` first. A point that does not fit is not tried again:
    with more points inside it fits still less. `side`, `weights` and `scores` receive the result.
    """
    n_points = inside.shape[0]
    tried = np.zeros(n_points, np.bool_)
    best_weights, best_scores = np.empty_like(weights), np.empty_like(scores)
    for x in range(n_points):
        side[x] = 0 if inside[x] else -1
        # Inside at the seed alone: 1 there, and 2 less for every flip.
        scores[x] = 1 - 2 * _distance(x, seed)
    for i in range(n):
        weights[i] = 2 * ((seed >> (n - 1 - i)) & 1) - 1
    weights[n] = 1 - n
    side[seed] = 1
    while True:
        found = -1
        for x in range(n_points):
            if side[x] != 0 or tried[x] or (found >= 0 and not left[x]):
                continue
            for i in range(n):
                if side[x ^ (1 << i)] == 1:
                    if left[x] or found < 0:
                        found = x
                    break
            if found == x and left[x]:
                break
        if found < 0:
            return
        tried[found] = True
        if _balanced(np.int64(found), side):
            continue
        _copy(weights, best_weights)
        _copy(scores, best_scores)
        side[found] = 1
        if not _separate(side, n, budget, weights, scores):
            side[found] = 0
            _copy(best_weights, weights)
            _copy(best_scores, scores)


@jit(allocates=True)
def greedy_cover(inside, n, budget, halfspaces):
    """Cover the points with `inside` by half-spaces that keep all others strictly outside.

    `inside` bool (2^n,); `budget` corrections of the perceptron for one attempt; `halfspaces` int64
    (2^n, n + 1) receives the cover. Returns how many there are. No point has score 0.
    """
    n_points = inside.shape[0]
    left = inside.copy()
    side = np.empty(n_points, np.int8)
    weights = np.empty(n + 1, np.int64)
    scores = np.empty(n_points, np.int64)
    holds = np.zeros((n_points, n_points), np.bool_)
    n_found = 0
    while True:
        # Hard points first: those with the fewest neighbours that could join them.
        seed, fewest = -1, n + 1
        for x in range(n_points):
            if left[x]:
                near = 0
                for i in range(n):
                    near += inside[x ^ (1 << i)]
                if near < fewest:
                    seed, fewest = x, near
        if seed < 0:
            break
        # As int64: the -1 above is a type of its own, and would compile the kernel once more.
        _grow(inside, left, np.int64(seed), n, budget, side, weights, scores)
        for i in range(n + 1):
            halfspaces[n_found, i] = 2 * weights[i]
        halfspaces[n_found, n] += 1  # scores 2 s + 1: a free point at 0 goes inside
        for x in range(n_points):
            holds[n_found, x] = scores[x] >= 0
            if holds[n_found, x]:
                left[x] = False
        n_found += 1
    # Later half-spaces may have made earlier ones needless.
    times = np.zeros(n_points, np.int64)
    for row in range(n_found):
        for x in range(n_points):
            times[x] += holds[row, x]
    kept = 0
    for row in range(n_found):
        needed = False
        for x in range(n_points):
            if holds[row, x] and times[x] == 1:
                needed = True
                break
        if needed:
            _copy(halfspaces[row], halfspaces[kept])
            kept += 1
        else:
            for x in range(n_points):
                times[x] -= holds[row, x]
    return kept


@jit(allocates=True)
def greedy_cover_sizes(bits, n, budget, sizes):
    """Sizes of `greedy_cover` for the zeros and for the ones: int64 (functions, 2)."""
    halfspaces = np.empty((bits.shape[1], n + 1), np.int64)
    for function in range(bits.shape[0]):
        for value in range(2):
            sizes[function, value] = greedy_cover(bits[function] == value, n, budget, halfspaces)
