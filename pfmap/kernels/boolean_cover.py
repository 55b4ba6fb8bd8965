"""Cheapest set of cubes that covers given points: reduction, then branch and bound."""

from __future__ import annotations

import numpy as np

from ._jit import jit
from .boolean_primes import cube_tables, prime_implicants

_ONE = np.uint64(1)
_ZERO = np.uint64(0)
_M1 = np.uint64(0x5555555555555555)
_M2 = np.uint64(0x3333333333333333)
_M4 = np.uint64(0x0F0F0F0F0F0F0F0F)
_SUM = np.uint64(0x0101010101010101)
_S2, _S4, _S56 = np.uint64(2), np.uint64(4), np.uint64(56)


@jit
def _bit_count(word):
    """Number of ones of a 64-bit word."""
    word = word - ((word >> _ONE) & _M1)
    word = (word & _M2) + ((word >> _S2) & _M2)
    word = (word + (word >> _S4)) & _M4
    return np.int64((word * _SUM) >> _S56)


@jit
def _gain(cover, left):
    """Number of points of `left` inside `cover`."""
    total = 0
    for word in range(left.shape[0]):
        total += _bit_count(cover[word] & left[word])
    return total


@jit
def _is_inside(point, mask):
    """Whether bit `point` of `mask` is set."""
    return (mask[point >> 6] >> np.uint64(point & 63)) & _ONE == _ONE


@jit
def _is_empty(mask):
    """Whether no bit of `mask` is set."""
    union = _ZERO
    for word in range(mask.shape[0]):
        union |= mask[word]
    return union == _ZERO


@jit(allocates=True)
def _reduce(covers, weights, alive, left):
    """Take essential cubes and drop dominated ones until neither is found; return the cost taken.

    A cube is essential if it alone covers a point of `left`. It is dominated if another, not
    dearer, covers the same points of `left`. Neither step can lose the optimum. `alive` and
    `left` are updated.
    """
    n_cubes, n_words = covers.shape
    cost = 0
    once, twice = np.empty(n_words, np.uint64), np.empty(n_words, np.uint64)
    changed = True
    while changed:
        changed = False
        for word in range(n_words):
            once[word] = _ZERO
            twice[word] = _ZERO
        for p in range(n_cubes):
            if alive[p]:
                for word in range(n_words):
                    twice[word] |= once[word] & covers[p, word]
                    once[word] |= covers[p, word]
        for word in range(n_words):
            once[word] &= left[word] & ~twice[word]
        for p in range(n_cubes):
            if alive[p] and _gain(covers[p], once) > 0:
                cost += weights[p]
                alive[p] = False
                changed = True
                for word in range(n_words):
                    left[word] &= ~covers[p, word]
        for p in range(n_cubes):
            if not alive[p]:
                continue
            if _gain(covers[p], left) == 0:
                alive[p] = False
                continue
            for q in range(n_cubes):
                if q == p or not alive[q] or weights[q] > weights[p]:
                    continue
                beaten = True
                for word in range(n_words):
                    if (covers[p, word] & left[word] & ~covers[q, word]) != _ZERO:
                        beaten = False
                        break
                if beaten:
                    alive[p] = False
                    changed = True
                    break
    return cost


@jit(allocates=True)
def _branch(covers, weights, left, budget):
    """Cost of the cheapest cover found, and whether the search came to its end.

    Depth-first branch and bound, which opens at most `budget` nodes (-1: any number) once it has a
    cover. Lower bound of what is left: points of which no two share a cube each need a cube of
    their own, at least as dear as the cheapest that covers it. A branch takes one cube for the
    point with the fewest cubes, first the one that covers most per literal, so the first cover is
    a greedy one; later siblings leave that cube out.
    """
    n_cubes, n_words = covers.shape
    n_points = 64 * n_words
    reach = np.zeros((n_points, n_words), np.uint64)  # points that share a cube with a point
    cheapest = np.zeros(n_points, np.int64)
    choices = np.zeros(n_points, np.int64)
    points = np.empty(n_points, np.int64)
    n_left = 0
    for point in range(n_points):
        if not _is_inside(point, left):
            continue
        points[n_left] = point
        n_left += 1
        for p in range(n_cubes):
            if _is_inside(point, covers[p]):
                choices[point] += 1
                if choices[point] == 1 or weights[p] < cheapest[point]:
                    cheapest[point] = weights[p]
                for word in range(n_words):
                    reach[point, word] |= covers[p, word]
    # Few choices first: for branching and for the bound.
    for a in range(1, n_left):
        point = points[a]
        b = a
        while b > 0 and choices[points[b - 1]] > choices[point]:
            points[b] = points[b - 1]
            b -= 1
        points[b] = point
    rest = np.empty((n_left + 1, n_words), np.uint64)
    cost = np.zeros(n_left + 1, np.int64)
    options = np.empty((n_left + 1, n_cubes), np.int64)
    n_options = np.zeros(n_left + 1, np.int64)
    following = np.zeros(n_left + 1, np.int64)
    left_out = np.zeros(n_cubes, np.bool_)
    gains = np.empty(n_cubes, np.int64)
    free = np.empty(n_words, np.uint64)
    for word in range(n_words):
        rest[0, word] = left[word]
    depth = 0
    entered = True
    proven = True
    no_cover = 1
    for p in range(n_cubes):
        no_cover += weights[p]
    best = no_cover
    while depth >= 0:
        if entered:
            n_options[depth] = 0
            following[depth] = 0
            lower = cost[depth]
            for word in range(n_words):
                free[word] = rest[depth, word]
            branch_point = np.int64(-1)
            for a in range(n_left):
                if _is_inside(points[a], free):
                    if branch_point < 0:
                        branch_point = points[a]
                    lower += cheapest[points[a]]
                    for word in range(n_words):
                        free[word] &= ~reach[points[a], word]
            if branch_point < 0:
                best = min(best, cost[depth])
            elif lower < best and budget == 0 and best < no_cover:
                proven = False
            elif lower < best:
                if budget > 0:
                    budget -= 1
                count = 0
                for p in range(n_cubes):
                    if not left_out[p] and _is_inside(branch_point, covers[p]):
                        gains[p] = _gain(covers[p], rest[depth])
                        b = count
                        while (
                            b > 0
                            and gains[options[depth, b - 1]] * weights[p]
                            < gains[p] * weights[options[depth, b - 1]]
                        ):
                            options[depth, b] = options[depth, b - 1]
                            b -= 1
                        options[depth, b] = p
                        count += 1
                n_options[depth] = count
        if following[depth] < n_options[depth]:
            p = options[depth, following[depth]]
            following[depth] += 1
            left_out[p] = True
            cost[depth + 1] = cost[depth] + weights[p]
            for word in range(n_words):
                rest[depth + 1, word] = rest[depth, word] & ~covers[p, word]
            depth += 1
            entered = True
        else:
            for option in range(following[depth]):
                left_out[options[depth, option]] = False
            depth -= 1
            entered = False
    return best, proven


@jit(allocates=True)
def cheapest_cover(covers, weights, n_cubes, left, budget):
    """Cost of the cheapest cover of `left` by the first `n_cubes` cubes, and whether it is proven.

    `covers`, `weights` and `left` are overwritten.
    """
    alive = np.ones(n_cubes, np.bool_)
    cost = _reduce(covers[:n_cubes], weights[:n_cubes], alive, left)
    if _is_empty(left):
        return cost, True
    n_alive = 0
    for p in range(n_cubes):
        if alive[p]:
            weights[n_alive] = weights[p]
            for word in range(left.shape[0]):
                covers[n_alive, word] = covers[p, word]
            n_alive += 1
    rest, proven = _branch(covers[:n_alive], weights[:n_alive], left, budget)
    return cost + rest, proven


@jit(allocates=True)
def minimal_literals(bits, n, budget, literals, proven):
    """Literals of the cheapest sum of products found for f and for its complement.

    `bits` uint8 (functions, 2^n); `budget` nodes of the branch and bound, -1 for no limit;
    `literals` int64 (functions, 2) receives the counts for f (sum of products) and for not f
    (product of sums of f, by De Morgan), `proven` bool (functions, 2) whether they are minimal.
    Constants have 0.
    """
    step, size, masks = cube_tables(n)
    n_points = bits.shape[1]
    n_words = masks.shape[1]
    inside = np.empty(step.shape[0], np.uint8)
    primes = np.empty(step.shape[0], np.int64)
    weights = np.empty(step.shape[0], np.int64)
    covers = np.empty(masks.shape, np.uint64)
    left = np.empty(n_words, np.uint64)
    for function in range(bits.shape[0]):
        for value in range(2):
            n_ones = 0
            for word in range(n_words):
                left[word] = _ZERO
            for x in range(n_points):
                if bits[function, x] == value:
                    n_ones += 1
                    left[x >> 6] |= _ONE << np.uint64(x & 63)
            if n_ones == 0 or n_ones == n_points:  # noqa: PLR1714
                literals[function, 1 - value] = 0
                proven[function, 1 - value] = True
                continue
            n_primes = prime_implicants(bits[function], value, n, step, inside, primes)
            for p in range(n_primes):
                weights[p] = size[primes[p]]
                for word in range(n_words):
                    covers[p, word] = masks[primes[p], word]
            cost, sure = cheapest_cover(covers, weights, n_primes, left, budget)
            literals[function, 1 - value] = cost
            proven[function, 1 - value] = sure
