"""Fewest Lempel-Ziv words over the orbit of a truth table, every member parsed.

Each order of the inputs is reached from the one before it by exchanging two neighbouring inputs,
which on packed bits is a few shifts and masks. Members that are bound to be equal, or to have as
many words, are left out:

* of inputs that f cannot tell apart only one order is followed;
* of flips that turn f into itself or into its complement only one is followed, for the words of
  a parse do not depend on the names of the symbols. For the same reason complements are left out;
* flipping all inputs reads the table backwards, and words are counted in both directions.
"""

from __future__ import annotations

import numpy as np

from ._jit import jit
from .lz import count_words_packed

_ONE = np.uint64(1)
_ZERO = np.uint64(0)
_TOP = np.uint64(63)
_HALF = np.uint64(32)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_WORD_BITS = 64
_BUFFER = 256  # members parsed in one call


@jit
def _point_masks(n, exchange, flip):
    """Points of a word that move when inputs i and i+1 are exchanged, or input i is flipped.

    Input i has stride 2^(n-1-i) in the table. `exchange[i]` marks the points where input i is 1
    and input i+1 is 0, `flip[i]` those where input i is 1. The input of stride 64, whose moves go
    from word to word, has no mask.
    """
    for i in range(n):
        stride = 1 << (n - 1 - i)
        flip[i] = _ZERO
        exchange[i] = _ZERO
        for point in range(_WORD_BITS):
            bit = _ONE << np.uint64(63 - point)
            if point & stride:
                flip[i] |= bit
                if not point & stride >> 1:
                    exchange[i] |= bit


@jit
def _exchanged(high, low, n, i, exchange):
    """The table (high, low) with inputs i and i+1 exchanged."""
    if n == 7 and i == 0:
        return (
            (high & ~_LOW_HALF) | (low >> _HALF),
            (high << _HALF) | (low & _LOW_HALF),
        )
    places = np.uint64(1 << (n - 2 - i))
    mask = exchange[i]
    moved = (high ^ (high >> places)) & mask
    high ^= moved | (moved << places)
    moved = (low ^ (low >> places)) & mask
    low ^= moved | (moved << places)
    return high, low


@jit
def _flipped(high, low, n, phase, flip):
    """The table (high, low) with the inputs of `phase` flipped; phase 2^(n-1-i) is input i."""
    for i in range(n):
        if phase >> (n - 1 - i) & 1:
            if n == 7 and i == 0:
                high, low = low, high
            else:
                places = np.uint64(1 << (n - 1 - i))
                mask = flip[i]
                high = ((high & mask) << places) | ((high >> places) & mask)
                low = ((low & mask) << places) | ((low >> places) & mask)
    return high, low


@jit
def _value(high, low, point):
    """The table's bit at `point`."""
    word = high if point < _WORD_BITS else low
    return word >> np.uint64(63 - point % _WORD_BITS) & _ONE


@jit
def _find_alike(high, low, n, alike):
    """Which pairs of inputs can be exchanged without changing the function."""
    for i in range(n):
        for j in range(i + 1, n):
            a, b = 1 << (n - 1 - i), 1 << (n - 1 - j)
            same = True
            for point in range(1 << n):
                if point & a and not point & b:
                    same = same and _value(high, low, point) == _value(high, low, point ^ a ^ b)
            alike[i, j] = same


@jit(allocates=True)
def _phases_to_follow(high, low, n, flip, phases):
    """Write one phase of every set of phases whose members have the same words; how many."""
    size = 1 << n
    first = _value(high, low, np.int64(0))
    stays = np.zeros(size, np.bool_)
    for phase in range(size):
        differing = first ^ _value(high, low, phase)
        other_high, other_low = _flipped(high, low, n, phase, flip)
        same = True
        for point in range(size):
            same = same and _value(high, low, point) ^ differing == _value(
                other_high, other_low, point
            )
        stays[phase] = stays[phase] or same
        # size - 1 flips all inputs, which turns the table round.
        stays[size - 1 - phase] = stays[size - 1 - phase] or same
    n_phases = 0
    for phase in range(size):
        smallest = True
        for t in range(size):
            smallest = smallest and not (stays[t] and phase ^ t < phase)
        if smallest:
            phases[n_phases] = phase
            n_phases += 1
    return n_phases


@jit(allocates=True)
def _fewest(buffer, filled, size, counts):
    """Fewest words, both directions together, among the first `filled` members in the buffer."""
    whole = np.int64(0)  # slack and drop of LZ76; a literal would compile the parse once more
    count_words_packed(buffer[:filled], size, whole, whole, counts)
    fewest = counts[0, 0] + counts[0, 1]
    for member in range(1, filled):
        fewest = min(fewest, counts[member, 0] + counts[member, 1])
    return fewest


@jit(allocates=True)
def least_words(words, n, changes, reflect, least):
    """Fewest words of forward and backward LZ76 parse together over each function's orbit.

    Parameters
    ----------
    words : ndarray of uint64, shape (functions, 1 or 2)
        Truth tables of 2^n points, point 0 the most significant bit, unused bits 0.
    n : int
        Inputs, 1 … 7.
    changes : ndarray of int64, shape (n! - 1,)
        Exchanges of inputs k and k+1 that lead through all orders; empty if inputs keep theirs.
    reflect : bool
        Whether inputs may be flipped.
    least : ndarray of int64, shape (functions,)
        Written: the fewest words.
    """
    exchange, flip = np.empty(n, np.uint64), np.empty(n, np.uint64)
    _point_masks(n, exchange, flip)
    size = 1 << n
    buffer = np.zeros((_BUFFER, words.shape[1]), np.uint64)
    counts = np.empty((_BUFFER, 2), np.int64)
    alike = np.zeros((n, n), np.bool_)
    order = np.empty(n, np.int64)
    phases = np.zeros(size, np.int64)  # 0, no input flipped, where they are not sought
    n_orders = len(changes) + 1
    for function in range(words.shape[0]):
        f_high = words[function, 0]
        f_low = words[function, 1] if words.shape[1] > 1 else _ZERO
        n_phases = _phases_to_follow(f_high, f_low, n, flip, phases) if reflect else 1
        high, low = f_high, f_low
        disordered = 0  # pairs of alike inputs that stand the other way round
        fewest = 2 * size
        filled = np.int64(0)
        for member in range(n_phases * n_orders):
            step = member % n_orders
            if step == 0:
                high, low = _flipped(f_high, f_low, n, phases[member // n_orders], flip)
                _find_alike(high, low, n, alike)
                disordered = 0
                for k in range(n):
                    order[k] = k
            else:
                k = changes[step - 1]
                left, right = order[k], order[k + 1]
                order[k], order[k + 1] = right, left
                if left < right:
                    disordered += alike[left, right]
                else:
                    disordered -= alike[right, left]
                high, low = _exchanged(high, low, n, k, exchange)
            if disordered == 0:
                buffer[filled, 0] = high
                if words.shape[1] > 1:
                    buffer[filled, 1] = low
                filled += 1
            if filled == _BUFFER or (filled and member == n_phases * n_orders - 1):
                fewest = min(fewest, _fewest(buffer, filled, size, counts))
                filled = np.int64(0)
        least[function] = fewest
