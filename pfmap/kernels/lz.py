"""Words of the Lempel-Ziv 1976 exhaustive parse: bit-parallel up to 128 bits, plain beyond.

The parse cuts s[0 … n-1] into words. A word starts at l and is one symbol longer than the longest
match s[l … l+m-1] = s[i … i+m-1] over all earlier starts i < l; a match may run over l. The last
word may end with its match.

Two numbers describe how a variant treats the end. A match that leaves at most `slack` symbols
unread ends the parse, and so do `drop` symbols that are left for a new word:

    slack = 0, drop = 0: Lempel and Ziv 1976, as every symbol belongs to a word;
    slack = 3, drop = 1: a routine that circulates as "Kaspar-Schuster" and reads short of the end.
"""

from __future__ import annotations

import numpy as np

from ._jit import jit

_ONE = np.uint64(1)
_ZERO = np.uint64(0)
_TOP = np.uint64(63)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_WORD_BITS = 64
_LANES = 128  # strings parsed in step: their state stays in the first-level cache


@jit
def _reversed_word(word):
    """`word` with its 64 bits in reverse order."""
    m1, m2, m4 = (
        np.uint64(0x5555555555555555),
        np.uint64(0x3333333333333333),
        np.uint64(0x0F0F0F0F0F0F0F0F),
    )
    m8, m16 = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
    s2, s4, s8 = np.uint64(2), np.uint64(4), np.uint64(8)
    s16, s32 = np.uint64(16), np.uint64(32)
    word = ((word >> _ONE) & m1) | ((word & m1) << _ONE)
    word = ((word >> s2) & m2) | ((word & m2) << s2)
    word = ((word >> s4) & m4) | ((word & m4) << s4)
    word = ((word >> s8) & m8) | ((word & m8) << s8)
    word = ((word >> s16) & m16) | ((word & m16) << s16)
    return (word >> s32) | (word << s32)


@jit
def _shift_left(high, low, places):
    """The 128 bits (high, low) moved `places` (0 … 127) towards the front."""
    if places == 0:
        return high, low
    if places >= _WORD_BITS:
        return low << np.uint64(places - _WORD_BITS), _ZERO
    up, down = np.uint64(places), np.uint64(_WORD_BITS - places)
    return (high << up) | (low >> down), low << up


@jit(allocates=True)
def _parse_in_step(high, low, n, slack, drop, words):
    """Words of `_LANES` strings of n <= 128 bits (high, low), front bit first.

    The parse reads one symbol a step, whether that symbol extends a match or ends a word, so many
    strings go in step without a branch. C holds one bit for every start i < l whose next m symbols
    agree with those at l. With S the string moved m places to the front, the starts that agree on
    one symbol more are C & S or C & ~S; where none is left, the word ends with this symbol and the
    next one starts behind it with all starts before it.
    """
    s_high, s_low = np.empty(_LANES, np.uint64), np.empty(_LANES, np.uint64)
    c_high, c_low = np.empty(_LANES, np.uint64), np.empty(_LANES, np.uint64)
    for lane in range(_LANES):
        s_high[lane] = high[lane]
        s_low[lane] = low[lane]
        c_high[lane] = _ONE << _TOP
        c_low[lane] = _ZERO
        words[lane] = _ONE
    # Up to here no match comes near enough to the end to finish the parse.
    near_end = max(1, n - slack - 1)
    for position in range(1, near_end):
        place = np.uint64(63 - position % _WORD_BITS)
        symbols = high if position < _WORD_BITS else low
        all_high, all_low = _shift_left(_ALL, _ALL, 127 - position)
        for lane in range(_LANES):
            flip = ((symbols[lane] >> place) & _ONE) - _ONE  # all ones where the symbol is 0
            a = c_high[lane] & (s_high[lane] ^ flip)
            b = c_low[lane] & (s_low[lane] ^ flip)
            ends = _ALL if (a | b) == _ZERO else _ZERO
            goes_on = ~ends
            words[lane] += ends & _ONE
            c_high[lane] = a | (all_high & ends)
            c_low[lane] = b | (all_low & ends)
            moved = (s_high[lane] << _ONE) | (s_low[lane] >> _TOP)
            s_high[lane] = (moved & goes_on) | (high[lane] & ends)
            s_low[lane] = ((s_low[lane] << _ONE) & goes_on) | (low[lane] & ends)
    for lane in range(_LANES):
        for position in range(near_end, n):
            place = np.uint64(63 - position % _WORD_BITS)
            symbol = (high[lane] if position < _WORD_BITS else low[lane]) >> place
            flip = (symbol & _ONE) - _ONE
            c_high[lane] &= s_high[lane] ^ flip
            c_low[lane] &= s_low[lane] ^ flip
            words[lane] += _ONE
            if (c_high[lane] | c_low[lane]) != _ZERO or position + 1 >= n - drop:
                break
            c_high[lane], c_low[lane] = _shift_left(_ALL, _ALL, 127 - position)
            s_high[lane], s_low[lane] = high[lane], low[lane]


@jit(allocates=True)
def count_words_packed(packed, n, slack, drop, words):
    """Words of forward and backward parse of strings of n <= 128 bits.

    `packed` uint64 (functions, 1 or 2), first bit most significant, unused bits 0; `words` int64
    (functions, 2) receives the counts read forwards and backwards.
    """
    n_functions = packed.shape[0]
    high, low = np.zeros(_LANES, np.uint64), np.zeros(_LANES, np.uint64)
    counts = np.empty(_LANES, np.uint64)
    half = _LANES // 2
    for start in range(0, n_functions, half):
        size = min(half, n_functions - start)
        for lane in range(size):
            first = packed[start + lane, 0]
            second = packed[start + lane, 1] if packed.shape[1] > 1 else _ZERO
            high[lane], low[lane] = first, second
            high[half + lane], low[half + lane] = _shift_left(
                _reversed_word(second), _reversed_word(first), 128 - n
            )
        _parse_in_step(high, low, n, slack, drop, counts)
        for lane in range(size):
            words[start + lane, 0] = np.int64(counts[lane])
            words[start + lane, 1] = np.int64(counts[half + lane])


@jit
def _count_words(symbols, slack, drop):
    """Words of the parse of one string of any symbols."""
    n = symbols.shape[0]
    words = 1
    l = 1  # noqa: E741
    while l < n:
        longest = 0
        for i in range(l):
            # Only a start that agrees one symbol beyond the longest match can do better.
            if symbols[i + longest] != symbols[l + longest]:
                continue
            m = 0
            while l + m < n and symbols[i + m] == symbols[l + m]:
                m += 1
            if m > longest:
                longest = m
                if l + m >= n - slack:
                    return words + 1
        words += 1
        l += longest + 1  # noqa: E741
        if l >= n - drop:
            return words
    return words


@jit(allocates=True)
def count_words_symbols(symbols, slack, drop, words):
    """Words of forward and backward parse of strings of any length over any alphabet.

    `symbols` integers (functions, n); `words` int64 (functions, 2) receives the counts read
    forwards and backwards.
    """
    for function in range(symbols.shape[0]):
        words[function, 0] = _count_words(symbols[function], slack, drop)
        words[function, 1] = _count_words(symbols[function, ::-1].copy(), slack, drop)
