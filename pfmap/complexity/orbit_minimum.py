"""The least Lempel-Ziv complexity over the orbit of a Boolean function."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from pfmap.errors import SettingsError
from pfmap.functions.symmetry import MAX_INPUTS, Symmetries
from pfmap.kernels.orbit_lz import least_words
from pfmap.threads import count_threads

from .pool import run_pieces

_PIECE = 8  # functions: up to some 10 ms of work without reflections


def orbit_minimum(
    words: np.ndarray,
    n_inputs: int,
    symmetries: Symmetries,
    *,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
) -> np.ndarray:
    """The least ``lz`` over all functions of each function's orbit, exactly.

    ``lz`` reads a truth table in the order of the inputs, so it differs between functions that are
    the same but for the names of their inputs. Its minimum over the orbit does not.

    Parameters
    ----------
    words : ndarray of uint64, shape (functions, words)
        Truth tables of any member of each orbit, point 0 the most significant bit.
    n_inputs : int
        Number of inputs n, 1 … 7.
    symmetries : Symmetries
        Which transformations generate the group.
    progress : callable, optional
        Called with (done, total) in functions.
    threads : int, optional
        Threads; None means one for every processor at hand. Values do not depend on it.

    Returns
    -------
    ndarray of float64, shape (functions,)
        In bits. The work grows with the orbit: up to 5,040 members are parsed at n = 7, or
        322,560 with reflections.

    Raises
    ------
    SettingsError
        If `n_inputs` is not within 1 … 7, or `threads` is below 1.

    Examples
    --------
    x1 ∧ (x2 ∨ x3) with its inputs in other orders, and the complements:

    >>> from pfmap.complexity import measure_tables
    >>> tables = ["00000111", "00010011", "00010101", "11101010", "11101100", "11111000"]
    >>> measure_tables(tables, ["lz"])["lz"]
    array([ 9. , 10.5, 10.5, 10.5, 10.5,  9. ])
    >>> orbit_minimum(np.array([[0x07 << 56]], np.uint64), 3, Symmetries(True, False, True))
    array([9.])
    """
    if not 1 <= n_inputs <= MAX_INPUTS:
        raise SettingsError(
            f"n_inputs: orbits are computed for 1 to {MAX_INPUTS} inputs, got {n_inputs}",
            next_step="use the functions themselves instead of their orbits",
        )
    words = np.ascontiguousarray(words, dtype=np.uint64)
    changes = plain_changes(n_inputs if symmetries.permutations else 1)
    least = np.empty(len(words), dtype=np.int64)
    done = 0

    def parse(piece: slice) -> None:
        least_words(words[piece], n_inputs, changes, symmetries.reflections, least[piece])

    def finished(piece: slice, _: None) -> None:
        nonlocal done
        done += piece.stop - piece.start
        if progress is not None:
            progress(done, len(words))

    starts = range(0, len(words), _PIECE)
    pieces = [slice(start, min(start + _PIECE, len(words))) for start in starts]
    run_pieces(parse, pieces, count_threads(threads), finished)
    ones = np.bitwise_count(words).sum(axis=1)
    symbol_bits = np.log2(2**n_inputs)
    constant = (ones == 0) | (ones == 2**n_inputs)
    return np.where(constant, symbol_bits, symbol_bits / 2 * least)


@cache
def plain_changes(n: int) -> np.ndarray:
    """Exchanges of neighbours that lead through every order of n things.

    The largest thing sweeps to and fro through every order of the others (Johnson 1963).

    Parameters
    ----------
    n : int
        Things, at least 1.

    Returns
    -------
    ndarray of int64, shape (n! - 1,)
        k means exchange those at places k and k + 1, counted from 0.

    References
    ----------
    Johnson, S. M. (1963), Generation of permutations by adjacent transposition, Mathematics of
    Computation 17, 282-285.

    Examples
    --------
    >>> plain_changes(3).tolist()
    [1, 0, 1, 0, 1]
    """
    changes: list[int] = []
    for size in range(2, n + 1):
        longer: list[int] = []
        towards_front = True
        for index in range(len(changes) + 1):
            longer += range(size - 2, -1, -1) if towards_front else range(size - 1)
            if index < len(changes):
                # With the largest thing in front, the others stand one place further back.
                longer.append(changes[index] + towards_front)
            towards_front = not towards_front
        changes = longer
    return np.array(changes, dtype=np.int64)
