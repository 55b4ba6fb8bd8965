"""Sizes of reduced ordered binary decision diagrams, without complement edges."""

from __future__ import annotations

import numpy as np

from ._jit import jit


@jit
def _pair_level(low, high, n_pairs, first_id, paired_low, paired_high, ids):
    """Number the subfunctions that test one more variable; return how many nodes that takes.

    Pair j stands for "if the variable is 0 then subfunction low[j] else high[j]". Equal halves
    need no node and keep their number; distinct pairs get first_id, first_id + 1, ….
    """
    n_nodes = 0
    for j in range(n_pairs):
        if low[j] == high[j]:
            ids[j] = low[j]
            continue
        node = 0
        while node < n_nodes and (paired_low[node] != low[j] or paired_high[node] != high[j]):
            node += 1
        if node == n_nodes:
            paired_low[node] = low[j]
            paired_high[node] = high[j]
            n_nodes += 1
        ids[j] = first_id + node
    return n_nodes


@jit(allocates=True)
def bdd_nodes(bits, nodes):
    """Decision nodes of the diagram that tests the inputs in their order, first one on top.

    `bits` uint8 (functions, 2^n); `nodes` int64 (functions,) receives the counts.
    """
    n_points = bits.shape[1]
    low, high = np.empty(n_points, np.int32), np.empty(n_points, np.int32)
    paired_low, paired_high = np.empty(n_points, np.int32), np.empty(n_points, np.int32)
    ids = np.empty(n_points, np.int32)
    for function in range(bits.shape[0]):
        for x in range(n_points):
            ids[x] = bits[function, x]
        next_id = np.int64(2)
        n_pairs = n_points // 2
        while n_pairs > 0:
            for j in range(n_pairs):
                low[j] = ids[2 * j]
                high[j] = ids[2 * j + 1]
            next_id += _pair_level(low, high, n_pairs, next_id, paired_low, paired_high, ids)
            n_pairs //= 2
        nodes[function] = next_id - 2


@jit(allocates=True)
def bdd_minimum_nodes(bits, n, nodes):
    """Fewest decision nodes over all n! orders of the inputs (Friedman and Supowit 1990).

    The nodes that test input k right above the set I of inputs depend on I and k only, not on the
    order inside or outside of I. So the best size with the set I at the bottom is

        best(I) = min over k in I of best(I - k) + nodes(k, I),

    a programme over 2^n sets with n 3^(n-1) pairs of subfunctions, in place of n! diagrams.
    `bits` uint8 (functions, 2^n); `nodes` int64 (functions,) receives the minimum.
    """
    n_sets = 1 << n
    offset = np.zeros(n_sets + 1, np.int64)
    for chosen in range(n_sets):
        members = 0
        for k in range(n):
            members += (chosen >> k) & 1
        offset[chosen + 1] = offset[chosen] + (1 << (n - members))
    table = np.empty(offset[n_sets], np.int32)  # subfunction ids over I, by the other inputs
    used = np.empty(n_sets, np.int64)  # ids used over I
    best = np.empty(n_sets, np.int64)
    low, high = np.empty(n_sets, np.int32), np.empty(n_sets, np.int32)
    paired_low, paired_high = np.empty(n_sets, np.int32), np.empty(n_sets, np.int32)
    ids = np.empty(n_sets, np.int32)
    for function in range(bits.shape[0]):
        for x in range(n_sets):
            table[x] = bits[function, x]
        used[0] = 2
        best[0] = 0
        for chosen in range(1, n_sets):
            best[chosen] = n_sets
            first = True
            for k in range(n):
                if (chosen >> k) & 1 == 0:
                    continue
                below = chosen ^ (1 << k)
                # Position of input k among the inputs outside `below`: their bits index its table.
                place = 0
                for other in range(k):
                    place += 1 - ((below >> other) & 1)
                stride = 1 << place
                n_pairs = (offset[below + 1] - offset[below]) // 2
                start = offset[below]
                for j in range(n_pairs):
                    at = start + ((j >> place) << (place + 1)) + (j & (stride - 1))
                    low[j] = table[at]
                    high[j] = table[at + stride]
                count = _pair_level(low, high, n_pairs, used[below], paired_low, paired_high, ids)
                best[chosen] = min(best[chosen], best[below] + count)
                if first:
                    # Any one k numbers the subfunctions over `chosen`: equal ids, equal functions.
                    first = False
                    used[chosen] = used[below] + count
                    for j in range(n_pairs):
                        table[offset[chosen] + j] = ids[j]
        nodes[function] = best[n_sets - 1]
