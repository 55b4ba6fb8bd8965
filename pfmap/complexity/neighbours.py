"""Truth tables seen from neighbouring inputs, on packed words: what three proxies share."""

from __future__ import annotations

import numpy as np

_WORD_BITS = 64


def flip_input(words: np.ndarray, place: int) -> np.ndarray:
    """Truth tables of g(x) = f(x with one input flipped).

    Parameters
    ----------
    words : ndarray of uint64, shape (functions, words)
        Packed truth tables, point 0 the most significant bit.
    place : int
        The input by its weight 2^place in the index of a point: 0 is the last input.

    Returns
    -------
    ndarray of uint64, shape (functions, words)

    Examples
    --------
    >>> hex(flip_input(np.array([[0b0111 << 60]], dtype=np.uint64), 0)[0, 0])
    '0xb000000000000000'
    """
    stride = 1 << place
    if stride >= _WORD_BITS:
        return words[:, np.arange(words.shape[1]) ^ (stride // _WORD_BITS)]
    position = np.arange(_WORD_BITS, dtype=np.uint64)
    lower = position[(np.arange(_WORD_BITS) & stride) == 0]
    mask = np.bitwise_or.reduce(np.uint64(1) << lower)
    places = np.uint64(stride)
    return ((words >> places) & mask) | ((words & mask) << places)


def count_ones(words: np.ndarray) -> np.ndarray:
    """Ones of every packed truth table, int64 of shape (functions,)."""
    return np.bitwise_count(words).sum(axis=1, dtype=np.int64)
