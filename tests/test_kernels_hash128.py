"""The 128-bit hash: a twin in Python integers, avalanche, collisions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pfmap.kernels.hash128 import hash128

MASK = 2**64 - 1


def _rotate(x: int, r: int) -> int:
    return ((x << r) | (x >> (64 - r))) & MASK


def _mix(x: int) -> int:
    x ^= x >> 33
    x = x * 0xFF51AFD7ED558CCD & MASK
    x ^= x >> 33
    x = x * 0xC4CEB9FE1A85EC53 & MASK
    return x ^ (x >> 33)


def _twin(data: bytes) -> tuple[int, int]:
    """MurmurHash3 x64 128 of bytes, seed 0, for lengths that are multiples of 8."""
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
    h1 = h2 = 0
    words = [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data), 8)]
    for k1, k2 in zip(words[0::2], words[1::2], strict=False):
        h1 ^= _rotate(k1 * c1 & MASK, 31) * c2 & MASK
        h1 = ((_rotate(h1, 27) + h2) * 5 + 0x52DCE729) & MASK
        h2 ^= _rotate(k2 * c2 & MASK, 33) * c1 & MASK
        h2 = ((_rotate(h2, 31) + h1) * 5 + 0x38495AB5) & MASK
    if len(words) % 2:
        h1 ^= _rotate(words[-1] * c1 & MASK, 31) * c2 & MASK
    h1, h2 = h1 ^ len(data), h2 ^ len(data)
    h1 = (h1 + h2) & MASK
    h2 = (h2 + h1) & MASK
    h1, h2 = _mix(h1), _mix(h2)
    h1 = (h1 + h2) & MASK
    return h1, (h2 + h1) & MASK


@pytest.mark.parametrize("n_words", [0, 1, 2, 3, 4, 16, 64])
def test_hash_equals_the_twin(n_words: int) -> None:
    rng = np.random.default_rng(n_words)
    for words in (
        rng.integers(0, 2**64, n_words, dtype=np.uint64),
        np.zeros(n_words, dtype=np.uint64),
        np.full(n_words, MASK, dtype=np.uint64),
    ):
        assert hash128(words) == _twin(words.astype("<u8").tobytes())


def _flips(hash_of, n_words: int, trials: int) -> np.ndarray:
    """Share of trials in which flipping input bit i flips output bit j."""
    rng = np.random.default_rng(4)
    counts = np.zeros((64 * n_words, 128))
    for _ in range(trials):
        words = rng.integers(0, 2**64, n_words, dtype=np.uint64)
        before = np.array(hash_of(words), dtype=np.uint64)
        for bit in range(64 * n_words):
            changed = words.copy()
            changed[bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
            difference = before ^ np.array(hash_of(changed), dtype=np.uint64)
            counts[bit] += np.unpackbits(difference.view(np.uint8))
    return counts / trials


def test_every_input_bit_flips_every_output_bit_half_of_the_time() -> None:
    trials = 200
    limit = 6.0 * 0.5 / math.sqrt(trials)
    assert np.max(np.abs(_flips(hash128, 2, trials) - 0.5)) < limit

    def weak(words: np.ndarray) -> tuple[int, int]:  # negative control
        return int(words[0]) * 0x9E3779B97F4A7C15 & MASK, int(words[1])

    assert np.max(np.abs(_flips(weak, 2, 10) - 0.5)) == 0.5


def test_sparse_inputs_do_not_collide() -> None:
    seen = set()
    n_words = 16
    for first in range(0, 64 * n_words, 5):
        for second in range(first, 64 * n_words, 7):
            words = np.zeros(n_words, dtype=np.uint64)
            words[first // 64] ^= np.uint64(1) << np.uint64(first % 64)
            if second > first:
                words[second // 64] ^= np.uint64(1) << np.uint64(second % 64)
            seen.add(hash128(words))
    pairs = sum(len(range(first, 64 * n_words, 7)) for first in range(0, 64 * n_words, 5))
    assert len(seen) == pairs
    # Either half alone is a good 64-bit hash.
    assert len({low for low, _ in seen}) == len({high for _, high in seen}) == pairs
