"""Lempel-Ziv kernels against string search, a transcription of the variant, and known values."""

from __future__ import annotations

import numpy as np
import pytest

from pfmap.complexity import FunctionBatch, measure_tables
from pfmap.kernels.lz import count_words_packed, count_words_symbols

LZ76 = (0, 0)
VARIANT = (3, 1)


def words_by_search(text: str) -> int:
    """Exhaustive parse by the definition: a word grows while it occurs earlier, overlap allowed."""
    start, words = 0, 0
    while start < len(text):
        stop = start + 1
        while stop <= len(text) and text[start:stop] in text[: stop - 1]:
            stop += 1
        words += 1
        start = stop
    return words


def words_by_variant_scan(text: str) -> int:
    """The circulating scan: 1-based, n = len - 1, stop at l + k >= n - 1 or l + 1 > n."""
    n = len(text) - 1
    words, i, k, longest, last = 1, 0, 1, 1, 1
    while True:
        if text[i + k - 1] == text[last + k - 1]:
            k += 1
            if last + k >= n - 1:
                return words + 1
            continue
        longest = max(longest, k)
        i, k = i + 1, 1
        if i == last:
            words += 1
            last += longest
            if last + 1 > n:
                return words
            i, longest = 0, 1


def random_strings(
    rng: np.random.Generator, n_strings: int, n: int, n_symbols: int = 2
) -> np.ndarray:
    """Half uniform, half rich in repeats: long words and long runs both occur."""
    symbols = rng.integers(0, n_symbols, (n_strings, n))
    rare = rng.random((n_strings // 2, n)) < 0.9
    symbols[: n_strings // 2][rare] = 0
    return symbols


def texts_of(symbols: np.ndarray) -> list[str]:
    return ["".join(chr(48 + symbol) for symbol in row) for row in symbols]


def both_directions(count, texts: list[str]) -> np.ndarray:
    return np.array([(count(text), count(text[::-1])) for text in texts])


def packed_words(bits: np.ndarray, variant: tuple[int, int]) -> np.ndarray:
    n = bits.shape[1]
    batch = FunctionBatch("labels", np.zeros((n, 1)), bits=bits)
    words = np.empty((len(bits), 2), np.int64)
    count_words_packed(batch.words, n, *variant, words)
    return words


def symbol_words(symbols: np.ndarray, variant: tuple[int, int]) -> np.ndarray:
    words = np.empty((len(symbols), 2), np.int64)
    count_words_symbols(symbols, *variant, words)
    return words


@pytest.mark.parametrize("n", [*range(2, 12), 31, 32, 33, 63, 64, 65, 100, 127, 128])
@pytest.mark.parametrize(
    ("variant", "twin"), [(LZ76, words_by_search), (VARIANT, words_by_variant_scan)]
)
def test_packed_words_equal_those_of_the_naive_twins(n, variant, twin):
    bits = random_strings(np.random.default_rng(n), 300, n).astype(np.uint8)
    np.testing.assert_array_equal(
        packed_words(bits, variant), both_directions(twin, texts_of(bits))
    )


@pytest.mark.parametrize(
    ("n", "n_symbols"), [(2, 2), (7, 3), (64, 2), (64, 20), (256, 2), (600, 3)]
)
@pytest.mark.parametrize(
    ("variant", "twin"), [(LZ76, words_by_search), (VARIANT, words_by_variant_scan)]
)
def test_symbol_words_equal_those_of_the_naive_twins(n, n_symbols, variant, twin):
    symbols = random_strings(np.random.default_rng(n), 150, n, n_symbols)
    np.testing.assert_array_equal(
        symbol_words(symbols, variant), both_directions(twin, texts_of(symbols))
    )


def test_all_short_strings_agree_with_the_definition():
    for n in range(2, 13):
        bits = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(np.uint8)
        truth = both_directions(words_by_search, texts_of(bits))
        np.testing.assert_array_equal(packed_words(bits, LZ76), truth)
        np.testing.assert_array_equal(symbol_words(bits, LZ76), truth)


def test_words_do_not_depend_on_the_neighbours_in_a_batch():
    bits = random_strings(np.random.default_rng(3), 333, 128).astype(np.uint8)
    together = packed_words(bits, LZ76)
    alone = np.concatenate([packed_words(bits[i : i + 1], LZ76) for i in range(len(bits))])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0" * 128, 7.0),
        ("1" * 128, 7.0),
        ("01" * 64, 21.0),
        ("0011" * 32, 28.0),
        ("0001" * 32, 24.5),
        ("0" * 127 + "1", 17.5),
        ("0" * 64 + "1" * 64, 21.0),
    ],
)
def test_known_values_at_128_bits(text, value):
    assert measure_tables([text], ["lz"])["lz"][0] == value


def test_constants_are_log2_n_in_both_variants():
    for n in (1, 3, 7, 8):
        values = measure_tables(["0" * 2**n, "1" * 2**n], ["lz", "lz_mingard2025"])
        assert values["lz"].tolist() == [n, n]
        assert values["lz_mingard2025"].tolist() == [n, n]


def test_uniform_strings_have_the_reference_mean_and_spread():
    bits = np.random.default_rng(5).integers(0, 2, (10_000, 128), dtype=np.uint8)

    def agrees(variant: tuple[int, int]) -> bool:
        values = 3.5 * packed_words(bits, variant).sum(axis=1)
        # Reference: mean 148.88 with standard error 0.10, sd 6.17, hence about 3,800 strings.
        mean_se = np.hypot(0.10, 6.17 / np.sqrt(len(bits)))
        sd_se = np.hypot(6.17 / np.sqrt(2 * 3800), 6.17 / np.sqrt(2 * len(bits)))
        return abs(values.mean() - 148.88) < 5 * mean_se and abs(values.std() - 6.17) < 5 * sd_se

    assert agrees(LZ76)
    assert not agrees(VARIANT)


def test_the_variant_differs_on_about_a_quarter_of_uniform_strings_and_never_exceeds():
    bits = np.random.default_rng(6).integers(0, 2, (10_000, 128), dtype=np.uint8)
    textbook, variant = packed_words(bits, LZ76), packed_words(bits, VARIANT)
    # A quarter to two digits: 0.005 of rounding beside 5 standard errors of a proportion.
    limit = 0.005 + 5 * np.sqrt(0.25 * 0.75 / len(bits))
    np.testing.assert_allclose((textbook != variant).mean(axis=0), 0.25, atol=limit)
    assert (variant <= textbook).all()
