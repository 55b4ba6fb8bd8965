"""Compute the table of circuit and formula sizes of the 222 NPN classes of 4 inputs from scratch.

python scripts/class_table.py            write pfmap/complexity/classes.csv
python scripts/class_table.py --check    exit code 1 if the file differs from what is computed
python scripts/class_table.py --five 5   every function of 5 inputs of up to 5 gates, against fbool

The numbers of functions of every size are held against those that are published.
"""

from __future__ import annotations

import argparse
import sys
import time

import numba
import numpy as np

from pfmap.complexity.classes import CLASSES, INPUTS, TABLE
from pfmap.functions import canonical_words, keys_from_words

CIRCUITS = [10, 60, 456, 2474, 10624, 24184, 25008, 2720]
"""Functions of 4 inputs by gates: Knuth, The Art of Computer Programming 4A, section 7.1.2."""

READ_ONCE = {1: 2, 2: 8, 3: 64, 4: 832}
"""Functions of exactly k inputs that take k literals: Hayes 1976, OEIS A224766."""

LONGEST = {2: 4, 3: 10, 4: 16}
"""Most literals of a function of n inputs: operators of OEIS A056287 (Cox), and one."""

ALL_GATES = 5
WITHOUT_XOR = 4
UNKNOWN = -1
_NOTE = """\
# Least circuits and formulas of all Boolean functions of 4 inputs, a row an NPN class.
# Made by scripts/class_table.py, which computes them from nothing: edit that, not this file.
# function: key of the canonical member; functions: members of the class;
# circuit: fewest gates of two inputs; formula: fewest literals over and, or, not.
"""


@numba.njit
def _gate(f, g, kind):
    """The gates of two inputs that give 0 for (0, 0), as far as both matter."""
    if kind == 0:
        return f & g
    if kind == 1:
        return f & ~g
    if kind == 2:
        return ~f & g
    if kind == 3:
        return f | g
    return f ^ g


@numba.njit
def _extend(chain, size, kinds, r, cost, seen, untried, stop, last):
    """Gates that take the chain's last function and one before it; the new end of `untried`.

    On the last level what they give costs `r` gates unless it is known; else they are to be tried.
    """
    for j in range(size - 1):
        for kind in range(kinds):
            h = _gate(chain[size - 1], chain[j], kind)
            if last:
                if cost[h >> 1] < 0:
                    cost[h >> 1] = r
            elif not seen[h >> 1]:
                seen[h >> 1] = True
                untried[stop] = h
                stop += 1
    return stop


@numba.njit
def _one_gate_more(inputs, r, kinds, cost):
    """Give the cost `r` to all that one gate makes of any r - 1 others, where none is known.

    All sets of r - 1 functions are run through in which each is a gate over inputs and others of
    the set: once each, by Redelmeier's rule that a candidate passed over never comes back.
    """
    n, depth = len(inputs), r - 1
    seen = np.zeros(len(cost), np.bool_)
    seen[0] = True
    for f in inputs:
        seen[f >> 1] = True
    chain = np.empty(n + r, np.int64)
    chain[:n] = inputs
    untried = np.empty(kinds * (n + r) ** 2, np.int64)
    cursor, end = np.zeros(r, np.int64), np.zeros(r, np.int64)
    for i in range(n):
        end[0] = _extend(chain, i + 1, kinds, r, cost, seen, untried, end[0], depth == 0)
    level = 0
    while level >= 0:
        if cursor[level] == end[level]:
            if level > 0:
                for k in range(end[level - 1], end[level]):
                    seen[untried[k] >> 1] = False
            level -= 1
            continue
        chain[n + level] = untried[cursor[level]]
        cursor[level] += 1
        last = level + 1 == depth
        top = _extend(chain, n + level + 1, kinds, r, cost, seen, untried, end[level], last)
        if not last:
            cursor[level + 1] = cursor[level]
            level += 1
            end[level] = top


def circuit_sizes(n: int, *, most: int, kinds: int = ALL_GATES) -> np.ndarray:
    """Fewest gates of every function of n inputs.

    Complements are free, as a gate can complement what it gives and what it takes: only functions
    with f(0…0) = 0 are looked at. Pass r runs through all sets of r - 1 gates, so that what it
    finds first costs r gates exactly.

    Parameters
    ----------
    n : int
        Inputs, 1 … 5.
    most : int
        Gates after which the search ends.
    kinds : int, default ALL_GATES
        `WITHOUT_XOR` leaves the exclusive or out, for controls.

    Returns
    -------
    ndarray of int8, shape (2^(2^n - 1),)
        At k the cost of the function whose table, point x as bit x, is 2k, and of its complement;
        `UNKNOWN` where it is more than `most`.
    """
    points = np.arange(2**n)
    inputs = np.array([sum(1 << int(x) for x in points if x >> i & 1) for i in range(n)])
    cost = np.full(2 ** (2**n - 1), UNKNOWN, dtype=np.int8)
    cost[0] = 0
    cost[inputs >> 1] = 0
    for r in range(1, most + 1):
        _one_gate_more(inputs, r, kinds, cost)
    return cost


def joined_sizes(cost: np.ndarray) -> np.ndarray:
    """The costs, with those one beyond a finished search: f = g ⊕ h where C(g) + C(h) is `most`."""
    most = cost.max()
    known = np.where(cost == UNKNOWN, most + 1, cost).astype(np.int64)
    g = np.arange(len(cost))
    joined = cost.copy()
    for f in np.flatnonzero(cost == UNKNOWN):
        if (known + known[g ^ f]).min() == most:
            joined[f] = most + 1
    return joined


def formula_sizes(n: int) -> np.ndarray:
    """Fewest literals of a formula of and, or, not for every function of n <= 4 inputs.

    Size s is what pairs of sizes a + b = s give by an and, and the complements of it: not is free
    at literals and moves there through and and or (De Morgan).

    Returns
    -------
    ndarray of int64, shape (2^(2^n),)
        By the table read as a number, point x as bit x; 0 for constants.
    """
    everything = 2 ** (2**n) - 1
    size = np.full(everything + 1, UNKNOWN)
    size[[0, everything]] = 0
    points = np.arange(2**n)
    inputs = [sum(1 << int(x) for x in points if x >> i & 1) for i in range(n)]
    of_size = {1: np.array([g for f in inputs for g in (f, everything ^ f)])}
    size[of_size[1]] = 1
    s = 1
    while (size == UNKNOWN).any():
        s += 1
        made = np.zeros(len(size), dtype=bool)
        for a in range(1, s // 2 + 1):
            few, many = sorted((of_size[a], of_size[s - a]), key=len)
            for f in few:
                made[f & many] = True
        made |= made[::-1]
        of_size[s] = np.flatnonzero(made & (size == UNKNOWN))
        size[of_size[s]] = s
    return size


def functions_by_gates(cost: np.ndarray) -> list[int]:
    """Functions that cost 0, 1, 2, … gates; those of unknown cost are left out."""
    return (2 * np.bincount(cost[cost != UNKNOWN])).tolist()


def check_circuits(by_gates: list[int]) -> None:
    """Compare with the published numbers; SystemExit if they differ."""
    if by_gates != CIRCUITS:
        raise SystemExit(f"functions by gates: must be {CIRCUITS}, got {by_gates}")


def check_formulas(size: np.ndarray, n: int) -> None:
    """Compare with the published longest formula and numbers of read-once functions."""
    if size.max() != LONGEST[n]:
        raise SystemExit(f"longest formula: must have {LONGEST[n]} literals, got {size.max()}")
    tables = np.arange(len(size))[:, None] >> np.arange(2**n) & 1
    x = np.arange(2**n)
    used = sum((tables != tables[:, x ^ 1 << i]).any(axis=1).astype(int) for i in range(n))
    found = int(((used == n) & (size == n)).sum())
    if found != READ_ONCE[n]:
        raise SystemExit(f"read-once functions: must be {READ_ONCE[n]}, got {found}")


def class_rows(circuit: np.ndarray, formula: np.ndarray) -> str:
    """The rows of the table; SystemExit if the members of a class differ."""
    numbers = np.arange(2 ** (2**INPUTS), dtype=np.uint64)
    words = numbers[:, None] << np.uint64(64 - 2**INPUTS)
    canonical, _ = canonical_words(words, INPUTS, CLASSES)
    keys = keys_from_words(canonical, 2**INPUTS, True)
    # Points read the other way round are inputs flipped: both numberings have the same costs.
    costs = np.stack([circuit[np.where(numbers & 1, ~numbers, numbers) % 2**16 >> 1], formula])
    rows = []
    for key in sorted(set(keys)):
        members = np.array(keys) == key
        values = np.unique(costs[:, members], axis=1)
        if values.shape[1] != 1:
            raise SystemExit(f"members of the class {key} differ: {values.tolist()}")
        rows.append(f"{key},{members.sum()},{values[0, 0]},{values[1, 0]}\n")
    return "function,functions,circuit,formula\n" + "".join(rows)


def table_text() -> str:
    """The file, computed and held against the published numbers."""
    began = time.process_time()
    circuit = joined_sizes(circuit_sizes(INPUTS, most=6))
    by_gates = functions_by_gates(circuit)
    print(f"functions by gates {by_gates}, {time.process_time() - began:.1f} s")
    check_circuits(by_gates)
    began = time.process_time()
    formula = formula_sizes(INPUTS)
    by_literals = np.bincount(formula).tolist()
    print(f"functions by literals {by_literals}, {time.process_time() - began:.1f} s")
    check_formulas(formula, INPUTS)
    return _NOTE + class_rows(circuit, formula)


def against_fbool(most: int) -> int:
    """Differences from fbool over all functions of 5 inputs of up to `most` gates."""
    from fbool import FBool

    cost = circuit_sizes(5, most=most)
    wrong = 0
    for gates in range(most + 1):
        found = np.flatnonzero(cost == gates)
        theirs = np.array([FBool.from_number(2 * int(k), 5).minimal_gates() for k in found])
        wrong += int((theirs != gates).sum())
        print(f"{gates} gates: {2 * len(found)} functions, fbool differs at {wrong}")
    rng = np.random.default_rng(1)
    others = rng.integers(0, len(cost), 100_000)
    others = others[cost[others] == UNKNOWN]
    theirs = np.array([FBool.from_number(2 * int(k), 5).minimal_gates() for k in others])
    wrong += int((theirs <= most).sum())
    print(f"{len(others)} others: {int((theirs <= most).sum())} of up to {most} gates to fbool")
    return wrong


def main() -> int:
    """Write or check the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    parser.add_argument("--five", type=int, metavar="GATES", help="hold fbool against a search")
    options = parser.parse_args()
    if options.five is not None:
        return int(against_fbool(options.five) > 0)
    text = table_text()
    if options.check:
        return int(TABLE.read_text(encoding="utf-8") != text)
    TABLE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
