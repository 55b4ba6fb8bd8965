"""Counting in bounded memory: twins of a few lines, exact bounds, and sums over functions."""

from collections import Counter

import numpy as np
import pytest

from pfmap.counting import Counts, HashedSample, HeavySummary, add_counts, hash_words


def counts_of(words):
    """Counts of a stream of draws, by a dictionary; word 0 is constant, word 1 names."""
    first = {}
    for draw, word in words:
        first.setdefault(word, draw)
    tally = Counter(word for _, word in words)
    names = sorted(tally)
    return Counts(
        np.array([[7, name] for name in names], dtype=np.uint64).reshape(-1, 2),
        np.array([tally[name] for name in names], dtype=np.int64),
        np.array([first[name] for name in names], dtype=np.int64),
    )


def flat(blocks):
    return [draw for block in blocks for draw in block]


def as_dict(counts):
    rows = zip(*(part.tolist() for part in counts), strict=True)
    return {word: (count, first) for (_, word), count, first in rows}


@pytest.fixture(scope="module")
def blocks():
    """Twelve blocks of a skewed law: few functions often, many once."""
    rng = np.random.default_rng(5)
    words = np.floor(rng.pareto(0.6, 12 * 500) * 10).clip(max=2**40).astype(np.int64).tolist()
    draws = list(enumerate(words))
    return [draws[start : start + 500] for start in range(0, len(draws), 500)]


@pytest.fixture(scope="module")
def truth(blocks):
    return as_dict(counts_of(flat(blocks)))


def test_sums_are_those_of_a_dictionary_in_any_order(blocks, truth):
    parts = [counts_of(block) for block in blocks]
    total = add_counts(parts)
    assert as_dict(total) == truth
    assert total.words[:, 1].tolist() == sorted(truth)
    again = add_counts([add_counts(parts[6:]), Counts.none(2), add_counts(parts[:6][::-1])])
    assert all(np.array_equal(one, two) for one, two in zip(total, again, strict=True))
    assert add_counts([Counts.none(2)]).size == 0


def test_the_hash_is_that_of_plain_integers():
    def mixed(words, salt):
        h = salt
        for word in words:
            h = ((h ^ word) + salt) % 2**64
            h = (h ^ h >> 33) * 0xFF51AFD7ED558CCD % 2**64
            h = (h ^ h >> 33) * 0xC4CEB9FE1A85EC53 % 2**64
            h ^= h >> 33
        return h

    words = np.random.default_rng(1).integers(0, 2**64, (50, 3), dtype=np.uint64)
    for salt in (0x9E3779B97F4A7C15, 12345):
        assert hash_words(words, salt).tolist() == [mixed(row, salt) for row in words.tolist()]


@pytest.mark.parametrize("shift", [0, 48])
def test_hashes_of_simple_functions_are_uniform(shift):
    """All 2^16 truth tables of 4 inputs in the low or the high bits: chi-square of the top bits."""
    words = (np.arange(2**16, dtype=np.uint64) << np.uint64(shift))[:, None]
    cells = 256

    def excess(hashes):
        found = np.bincount((hashes >> np.uint64(56)).astype(int), minlength=cells)
        square = float(((found - 256.0) ** 2 / 256.0).sum())
        return (square - (cells - 1)) / np.sqrt(2.0 * (cells - 1))

    assert abs(excess(hash_words(words))) < 5.0
    # Negative control: a hash that only multiplies sees the order of the words.
    assert abs(excess(words[:, 0] * np.uint64(0x9E3779B97F4A7C15))) > 5.0


def naive_sample(draws, capacity):
    """The subset found at the end, with all functions in memory."""
    everything = as_dict(counts_of(draws))
    hashes = {
        word: int(hash_words(np.array([[7, word]], dtype=np.uint64))[0]) for word in everything
    }
    level = 0
    while sum(value < 2 ** (64 - level) for value in hashes.values()) > capacity:
        level += 1
    kept = {word: row for word, row in everything.items() if hashes[word] < 2 ** (64 - level)}
    return level, kept


@pytest.mark.parametrize("capacity", [10, 100, 10_000])
def test_a_sample_is_exact_on_its_subset_whatever_the_order(blocks, truth, capacity):
    level, kept = naive_sample(flat(blocks), capacity)
    for order in (range(12), range(11, -1, -1), np.random.default_rng(0).permutation(12)):
        sample = HashedSample(Counts.none(2), capacity)
        for index in order:
            sample = sample.with_counts(counts_of(blocks[index]))
            assert sample.counts.size <= capacity
        assert (sample.level, as_dict(sample.counts)) == (level, kept)
    assert all(truth[word] == row for word, row in kept.items())
    assert sample.keeps(sample.counts.words).all()
    assert sample.inclusion == 2.0**-level


def naive_summary(groups, capacity):
    counters, error = {}, 0
    for group in groups:
        for word, (count, first) in as_dict(counts_of(group)).items():
            have, since = counters.get(word, (0, first))
            counters[word] = (have + count, min(since, first))
        if len(counters) > capacity:
            least = sorted((count for count, _ in counters.values()), reverse=True)[capacity]
            error += least
            counters = {w: (c - least, f) for w, (c, f) in counters.items() if c > least}
    return counters, error


@pytest.mark.parametrize("capacity", [1, 20, 200, 10_000])
def test_a_summary_holds_the_heavy_within_its_bound(blocks, truth, capacity):
    summary = HeavySummary(Counts.none(2), capacity)
    for block in blocks:
        summary = summary.with_counts(counts_of(block))
        assert summary.counts.size <= capacity
    counters, error = naive_summary(blocks, capacity)
    assert (as_dict(summary.counts), summary.error) == (counters, error)
    assert summary.draws == 6000
    assert summary.error <= summary.error_bound <= 6000 // (capacity + 1)
    for word, (count, _) in truth.items():
        lower, _ = counters.get(word, (0, 0))
        assert lower <= count <= lower + summary.error
    # The bound is no looser than it has to be by orders: some function misses that much.
    missing = max(count - counters.get(word, (0, 0))[0] for word, (count, _) in truth.items())
    assert missing >= summary.error / 2


def test_counters_that_lose_nothing_miss_more_than_the_bound():
    """Negative control: keeping the largest counters of each merge as they are breaks the bound."""
    # Four functions come 50 times each; then one comes twice in each block, and is pushed out.
    blocks = [np.repeat(range(10, 14), 50), *[[1, 1]] * 100]
    kept = {}
    summary = HeavySummary(Counts.none(2), 4)
    for block in blocks:
        more = counts_of(list(enumerate(map(int, block))))
        summary = summary.with_counts(more)
        for word, (count, _) in as_dict(more).items():
            kept[word] = kept.get(word, 0) + count
        kept = dict(sorted(kept.items(), key=lambda item: -item[1])[:4])
    assert 200 - kept.get(1, 0) > (400 - sum(kept.values())) // 5
    assert 200 - as_dict(summary.counts).get(1, (0, 0))[0] <= summary.error


def test_sums_over_functions_are_unbiased(blocks, truth):
    """Over 400 hashes: the number of functions, and their number of single draws, within 5 s.e."""
    total = add_counts([counts_of(block) for block in blocks])
    once = np.array([count == 1 for count in total.counts])
    found = []
    for salt in range(1, 401):
        sample = HashedSample(Counts.none(2), 150, salt=salt * 0x9E3779B97F4A7C15 % 2**64)
        sample = sample.with_counts(total)
        single = int((sample.counts.counts == 1).sum())
        found.append([sample.counts.size / sample.inclusion, single / sample.inclusion])
    found = np.array(found)
    expected = np.array([len(truth), once.sum()])
    # A sum over kept functions is binomial given the level: at least capacity/2 are kept or so.
    error = np.sqrt(expected * len(truth) / 75.0) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - expected) < 5.0 * error).all()
    # Negative control: a factor that is wrong by one level fails.
    assert (np.abs(found.mean(axis=0) / 2.0 - expected) > 5.0 * error).all()
