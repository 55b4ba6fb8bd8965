"""Philox4x32-10, a counter-based generator (Salmon et al. 2011, doi:10.1145/2063384.2063405).

Word w of counter j of draw i is a pure function of (seed, i, j): no state is carried from one
draw to the next. Ten rounds are the authors' default; seven pass their tests but save too little
here to be worth the smaller margin.
"""

from __future__ import annotations

import numpy as np

from ._jit import jit

LANES = 16
"""Counters computed side by side: parameter 64 g + 16 w + l is word w of counter 16 g + l."""

_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)


@jit(inline=True)
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Four random words of counter (c0, c1, c2, c3) under key (k0, k1).

    Every argument and every result is a 32-bit number held in a uint64, so that a multiplication
    gives the full product.
    """
    for _ in range(10):
        product0 = _M0 * c0
        product1 = _M1 * c2
        c0 = (product1 >> _SHIFT) ^ c1 ^ k0
        c1 = product1 & _LOW
        c2 = (product0 >> _SHIFT) ^ c3 ^ k1
        c3 = product0 & _LOW
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@jit
def random_words(seed, draw, words, first_group=0):
    """Fill `words` (uint32, length a multiple of 64) with the random words of one draw.

    Counter j of draw i is (j, i mod 2^32, i div 2^32, 0), the key is the seed. Groups of 64 words
    before the first one stay as they are.
    """
    k0 = np.uint64(seed) & _LOW
    k1 = np.uint64(seed) >> _SHIFT
    low = np.uint64(draw) & _LOW
    high = np.uint64(draw) >> _SHIFT
    for group in range(first_group, len(words) // (4 * LANES)):
        start = 4 * LANES * group
        for lane in range(LANES):
            counter = np.uint64(LANES * group + lane)
            w0, w1, w2, w3 = philox4x32(counter, low, high, np.uint64(0), k0, k1)
            words[start + lane] = w0
            words[start + LANES + lane] = w1
            words[start + 2 * LANES + lane] = w2
            words[start + 3 * LANES + lane] = w3
