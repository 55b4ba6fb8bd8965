"""Philox: published vectors, a twin in Python integers, and what a draw's words depend on."""

from __future__ import annotations

import numpy as np
import pytest

from pfmap.kernels._jit import jit
from pfmap.kernels.philox import LANES, philox4x32, random_words

# Counter, key and output, from the known-answer file of the authors' Random123 library.
KNOWN = [
    ("0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@jit
def _philox_of(numbers):
    return philox4x32(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5])


def _twin(counter: list[int], key: list[int]) -> list[int]:
    """The same in Python integers, as written in the paper."""
    mask = 2**32 - 1
    c, k = list(counter), list(key)
    for _ in range(10):
        low, high = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(high >> 32) ^ c[1] ^ k[0], high & mask, (low >> 32) ^ c[3] ^ k[1], low & mask]
        k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask]
    return c


def _words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter: str, key: str, expected: str) -> None:
    numbers = np.array(_words(counter) + _words(key), dtype=np.uint64)
    assert list(_philox_of(numbers)) == _words(expected)
    assert _twin(_words(counter), _words(key)) == _words(expected)


@pytest.mark.parametrize(("seed", "draw"), [(0, 0), (1, 2**32 - 1), (2**63 - 1, 2**33 + 5)])
def test_words_of_a_draw_equal_the_twin(seed: int, draw: int) -> None:
    words = np.zeros(8 * LANES, dtype=np.uint32)
    random_words(seed, draw, words)
    for position, word in enumerate(words.tolist()):
        group, rest = divmod(position, 4 * LANES)
        index, lane = divmod(rest, LANES)
        counter = [LANES * group + lane, draw % 2**32, draw // 2**32, 0]
        assert word == _twin(counter, [seed % 2**32, seed // 2**32])[index]


def test_longer_draws_begin_with_the_words_of_shorter_ones() -> None:
    short, long = (np.zeros(n * 4 * LANES, dtype=np.uint32) for n in (1, 5))
    random_words(3, 7, short)
    random_words(3, 7, long)
    assert np.array_equal(long[: len(short)], short)
