"""Patterns whose span is small and holds f: an upper bound on λ_f of one hidden layer."""

from __future__ import annotations

import itertools

import numpy as np

from pfmap.function_level.patterns import pattern_basis, restricted_affine, spans
from pfmap.functions.halfspaces import checked_table
from pfmap.functions.thresholds import MAX_EXACT_INPUTS, threshold_sets
from pfmap.settings.domain import boolean_points

_BEAM = 4
_BRANCHES = 4


def find_patterns(table: np.ndarray) -> np.ndarray:
    """Patterns of one hidden layer that express f at a small rank.

    f minus a constant is written as Σ φ_j 1[A_j] by a beam search, where A_j is any subset that a
    half-space cuts off and φ_j is affine with coefficients -1, 0 and 1. A pattern costs the
    affine dimension of A plus 1, and every input left over a vertex unit of cost 1. Patterns that
    are not needed are dropped at the end, and the best of all ends is kept.

    Parameters
    ----------
    table : ndarray of 0 and 1, shape (2^n,)
        Truth table in counting order, n from 1 to 5.

    Returns
    -------
    ndarray of bool, shape (patterns, 2^n)
        Each is cut off by a half-space; their span, of dimension `len(pattern_basis(patterns))`,
        holds f. Empty for constants.

    Raises
    ------
    SettingsError
        If the table is not one of a Boolean function of 1 to 5 inputs.

    Examples
    --------
    >>> xor = np.array([0, 1, 1, 0])
    >>> find_patterns(xor).astype(int).tolist(), len(pattern_basis(find_patterns(xor)))
    ([[1, 0, 0, 0], [0, 0, 0, 1]], 3)
    """
    values = checked_table(table, most=MAX_EXACT_INPUTS)
    n = values.size.bit_length() - 1
    if values.min() == values.max():
        return np.empty((0, values.size), dtype=bool)
    masks = threshold_sets(n)[:-1]  # without the empty set
    pool = masks[:, None] >> np.arange(2**n, dtype=np.uint64) & np.uint64(1) == 1
    search = _Search(pool, _affine_functions(n))
    ends = [end for value in (0, 1) for end in search.run((values == value).astype(np.int64))]
    pruned = [_pruned(values, patterns) for patterns in ends]
    # Fewer units at the same rank.
    return min(pruned, key=lambda patterns: (len(pattern_basis(patterns)), len(patterns)))


def _affine_functions(n: int) -> np.ndarray:
    """Affine functions with coefficients -1, 0, 1 to try, the constants ±1 first."""
    slopes = np.array(list(itertools.product((-1, 0, 1), repeat=n)))
    values = slopes @ boolean_points(n).astype(np.int64).T
    offsets = np.arange(-n, n + 1)
    every = (values[:, None, :] + offsets[None, :, None]).reshape(-1, 2**n)
    # Residuals are mostly 0 and one of 1 and -1: half of the points should match.
    one = np.maximum((every == 1).sum(axis=1), (every == -1).sum(axis=1))
    zero = (every == 0).sum(axis=1)
    useful = (zero > 0) & (one > 0) & (zero + one >= 2 ** (n - 1))
    constants = np.array([[1], [-1]]) * np.ones(2**n, dtype=np.int64)
    return np.vstack([constants, every[useful]])


class _Search:
    """Beam search over residuals, with the pool of patterns and the affine functions on them."""

    def __init__(self, pool: np.ndarray, functions: np.ndarray) -> None:
        self.pool = pool
        self.functions = functions
        self.inside = pool.astype(np.float32)
        sizes = np.linalg.matrix_rank(restricted_affine(pool))
        self.costs = sizes.astype(np.float32)

    def run(self, start: np.ndarray) -> list[np.ndarray]:
        """Sets of patterns whose span holds the residual `start`."""
        n_points = len(start)
        vertices = np.eye(n_points, dtype=bool)
        best = int(np.count_nonzero(start))
        beam = [(start, np.empty((0, n_points), dtype=bool), 0)]
        ends = [vertices[start != 0]]
        while beam:
            following: dict[bytes, tuple[int, tuple[np.ndarray, np.ndarray, int]]] = {}
            for rest, used, spent in beam:
                for chosen, function in self._moves(rest):
                    new = rest - function * self.pool[chosen]
                    left, paid = int(np.count_nonzero(new)), spent + int(self.costs[chosen])
                    if paid + left <= best and left < np.count_nonzero(rest):
                        state = (new, np.vstack([used, self.pool[chosen]]), paid)
                        following.setdefault(new.tobytes(), (paid + left, state))
            ranked = sorted(following.values(), key=lambda item: item[0])[:_BEAM]
            beam = [state for _, state in ranked]
            best = min([best, *(total for total, _ in ranked)])
            ends += [np.vstack([used, vertices[rest != 0]]) for rest, used, _ in beam]
        return ends

    def _moves(self, rest: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """The cheapest patterns for each constant, and the cheapest one for other functions."""
        before = (rest != 0).astype(np.float32)
        change = (rest != self.functions).astype(np.float32) - before
        moves = []
        for function, gain in zip(self.functions[:2], change[:2], strict=True):
            totals = self.costs + self.inside @ gain
            moves += [(int(row), function) for row in np.argsort(totals, kind="stable")[:_BRANCHES]]
        lowest, rows = [], []
        for start in range(2, len(self.functions), 64):  # as much as fits the cache of results
            totals = self.costs[:, None] + self.inside @ change[start : start + 64].T
            rows.append(totals.argmin(axis=0))
            lowest.append(totals.min(axis=0))
        order = np.argsort(np.concatenate(lowest), kind="stable")[:_BRANCHES]
        row = np.concatenate(rows)
        return moves + [(int(row[index]), self.functions[2 + index]) for index in order]


def _pruned(values: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """`patterns` without those that f does not need, the last tried first."""
    for row in reversed(range(len(patterns))):
        fewer = np.delete(patterns, row, axis=0)
        if spans(pattern_basis(fewer), values):
            patterns = fewer
    return patterns
