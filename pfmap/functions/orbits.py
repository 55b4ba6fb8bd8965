"""Orbits of Boolean functions under the symmetries of the prior: canonical members and sizes."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pfmap.errors import SettingsError
from pfmap.functions.keys import bits_from_words, words_from_bits
from pfmap.functions.symmetry import MAX_INPUTS, Symmetries
from pfmap.profiling import timed
from pfmap.threads import count_threads

_PIECE = 4096


def canonical_words(
    words: np.ndarray, n_inputs: int, symmetries: Symmetries, *, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Canonical member and size of the orbit of every function, exactly.

    Two functions are in the same orbit if and only if they have the same canonical member. It is
    the member whose Walsh coefficients W(S) = Σ_x (-1)^(f(x) + Σ_{i in S} x_i) are
    lexicographically largest in the order S = {}, {1}, {2}, {1,2}, {3}, {1,3}, {2,3}, {1,2,3}, …

    Parameters
    ----------
    words : ndarray of uint64, shape (functions, words)
        Truth tables on the Boolean cube, point 0 the most significant bit.
    n_inputs : int
        Number of inputs n, 1 … 7.
    symmetries : Symmetries
        Which transformations generate the group G.
    threads : int, optional
        Threads that share the work; None means every CPU. Results do not depend on it.

    Returns
    -------
    canonical : ndarray of uint64, shape (functions, words)
        Truth tables of the canonical members.
    orbit_size : ndarray of int64, shape (functions,)
        |G| / |stabiliser|, the number of functions in the orbit.

    Raises
    ------
    SettingsError
        If `n_inputs` is not within 1 … 7, or `threads` is below 1.

    Examples
    --------
    The six functions of two inputs that are equal to x1, x2, x1∧x2, x1∨x2 and two of their
    complements, under orders of the inputs and the complement:

    >>> words = np.array([0x3, 0x5, 0x1, 0x7, 0xE, 0xC], dtype=np.uint64)[:, None] << np.uint64(60)
    >>> canonical, orbit_size = canonical_words(words, 2, Symmetries(True, False, True))
    >>> (canonical[:, 0] >> np.uint64(60)).tolist()
    [3, 3, 1, 8, 1, 3]
    >>> orbit_size.tolist()
    [4, 4, 2, 2, 2, 4]
    """
    from pfmap.kernels.canonical import canonical_all

    _check_inputs(n_inputs)
    words = np.ascontiguousarray(words, dtype=np.uint64)
    canonical = np.empty_like(words)
    stabiliser = np.empty(len(words), dtype=np.int64)

    def work(start: int) -> None:
        piece = slice(start, start + _PIECE)
        with timed("canonical members of orbits"):
            canonical_all(
                words[piece],
                n_inputs,
                symmetries.permutations,
                symmetries.reflections,
                symmetries.complement,
                canonical[piece],
                stabiliser[piece],
            )

    # The kernel releases Python's lock. Threads of numba's own would not survive a fork, nor two
    # callers at once.
    with ThreadPoolExecutor(count_threads(threads)) as pool:
        for future in [pool.submit(work, start) for start in range(0, len(words), _PIECE)]:
            future.result()
    return canonical, symmetries.group_order(n_inputs) // stabiliser


def orbit_members(word: np.ndarray, n_inputs: int, symmetries: Symmetries) -> np.ndarray:
    """All functions of one orbit, by trying every transformation.

    Parameters
    ----------
    word : ndarray of uint64, shape (words,)
        Truth table of a member.
    n_inputs : int
        Number of inputs n, 1 … 7.
    symmetries : Symmetries
        Which transformations generate the group.

    Returns
    -------
    ndarray of uint64, shape (orbit_size, words)
        Members in ascending order. For n = 7 these are up to 10,080 functions, or 1,290,240 with
        reflections.

    Raises
    ------
    SettingsError
        If `n_inputs` is not within 1 … 7.

    Examples
    --------
    >>> x1 = np.array([0x3 << 60], dtype=np.uint64)
    >>> members = orbit_members(x1, 2, Symmetries(True, False, True))
    >>> (members[:, 0] >> np.uint64(60)).tolist()
    [3, 5, 10, 12]
    """
    _check_inputs(n_inputs)
    bits = bits_from_words(np.asarray(word)[None], 2**n_inputs)[0]
    inputs = np.arange(n_inputs)
    orders = np.array(list(itertools.permutations(inputs)) if symmetries.permutations else [inputs])
    flips = np.arange(2**n_inputs if symmetries.reflections else 1)
    place = 1 << np.arange(n_inputs - 1, -1, -1)
    x = (np.arange(2**n_inputs)[:, None] & place) != 0
    # Point at which f is read for point x of the member: x with its inputs in another order.
    points = x @ place[orders].T
    found = []
    for flip in flips:
        found.append(np.unique(words_from_bits(bits[points.T ^ flip]), axis=0))
    members = np.unique(np.concatenate(found), axis=0)
    if symmetries.complement:
        complement = words_from_bits(1 - bits_from_words(members, 2**n_inputs))
        members = np.unique(np.concatenate([members, complement]), axis=0)
    return members


def _check_inputs(n_inputs: int) -> None:
    """Refuse numbers of inputs beyond what canonical forms are exact for."""
    if not 1 <= n_inputs <= MAX_INPUTS:
        raise SettingsError(
            f"n_inputs: orbits are computed for 1 to {MAX_INPUTS} inputs, got {n_inputs}",
            next_step="use the functions themselves instead of their orbits",
        )
