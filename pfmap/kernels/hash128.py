"""MurmurHash3 x64 128 of whole 64-bit words (Austin Appleby, public domain), seed 0."""

from __future__ import annotations

import numpy as np

from ._jit import jit

_C1 = np.uint64(0x87C37B91114253D5)
_C2 = np.uint64(0x4CF5AD432745937F)
_M1 = np.uint64(0xFF51AFD7ED558CCD)
_M2 = np.uint64(0xC4CEB9FE1A85EC53)
_A1 = np.uint64(0x52DCE729)
_A2 = np.uint64(0x38495AB5)
_FIVE = np.uint64(5)
_EIGHT = np.uint64(8)
_WIDTH = np.uint64(64)
_R27, _R31, _R33 = np.uint64(27), np.uint64(31), np.uint64(33)


@jit(inline=True)
def _rotate(x, r):
    return (x << r) | (x >> (_WIDTH - r))


@jit
def finalise64(x):
    """Mix 64 bits so that each bit of the result depends on every bit of `x` (fmix64)."""
    x ^= x >> _R33
    x *= _M1
    x ^= x >> _R33
    x *= _M2
    return x ^ (x >> _R33)


@jit
def hash128(words):
    """Two uint64 that hash the array of uint64 `words`, taken as little-endian bytes."""
    h1 = np.uint64(0)
    h2 = np.uint64(0)
    n_pairs = len(words) // 2
    for i in range(n_pairs):
        h1 ^= _rotate(words[2 * i] * _C1, _R31) * _C2
        h1 = (_rotate(h1, _R27) + h2) * _FIVE + _A1
        h2 ^= _rotate(words[2 * i + 1] * _C2, _R33) * _C1
        h2 = (_rotate(h2, _R31) + h1) * _FIVE + _A2
    if 2 * n_pairs < len(words):
        h1 ^= _rotate(words[2 * n_pairs] * _C1, _R31) * _C2
    size = np.uint64(len(words)) * _EIGHT
    h1 ^= size
    h2 ^= size
    h1 += h2
    h2 += h1
    h1 = finalise64(h1)
    h2 = finalise64(h2)
    h1 += h2
    h2 += h1
    return h1, h2
