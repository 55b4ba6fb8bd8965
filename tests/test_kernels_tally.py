"""Counting words and finding them again, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from pfmap.kernels.tally import match, tally


@pytest.mark.parametrize("n_words", [1, 2, 4])
@pytest.mark.parametrize("kinds", [1, 7, 10_000])
def test_tally_equals_numpy(n_words: int, kinds: int) -> None:
    rng = np.random.default_rng(kinds)
    names = rng.integers(0, 2**64, (kinds, n_words), dtype=np.uint64)
    names[kinds // 2 :, 0] = 0  # equal first words, as constant halves of a function give
    words = names[rng.integers(0, kinds, 20_000)]
    first, counts = tally(words)
    expected, where, times = np.unique(words, axis=0, return_index=True, return_counts=True)
    order = np.lexsort(words[first].T[::-1])
    assert np.array_equal(words[first][order], expected)
    assert np.array_equal(first[order], where)
    assert np.array_equal(counts[order], times)
    assert np.all(np.diff(first) > 0)


def test_tally_of_nothing_is_empty() -> None:
    first, counts = tally(np.zeros((0, 2), dtype=np.uint64))
    assert len(first) == len(counts) == 0


def test_match_finds_rows_and_only_those() -> None:
    rng = np.random.default_rng(0)
    wanted = rng.integers(0, 2**64, (50, 2), dtype=np.uint64)
    index = rng.integers(-1, 50, 5000)
    words = np.where(
        index[:, None] >= 0, wanted[index], rng.integers(0, 2**64, (5000, 2), dtype=np.uint64)
    )
    assert np.array_equal(match(words, wanted), index)
    assert np.array_equal(match(words, wanted[:0]), np.full(5000, -1))
