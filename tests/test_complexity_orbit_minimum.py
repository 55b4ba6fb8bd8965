"""The least lz of an orbit: brute force, invariance, and the column of a campaign."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow.parquet as pq
import pytest

from pfmap import pipeline
from pfmap.complexity import FunctionBatch, measure, orbit_minimum
from pfmap.complexity.orbit_minimum import plain_changes
from pfmap.errors import SettingsError
from pfmap.functions import (
    Symmetries,
    bits_from_words,
    canonical_words,
    orbit_members,
    words_from_bits,
    words_from_keys,
)
from pfmap.pipeline import orbit_column
from pfmap.settings.campaign import Campaign
from pfmap.settings.domain import BooleanDomain, boolean_points
from pfmap.settings.network import Network
from pfmap.settings.sections import Complexity
from pfmap.store import read_table
from pfmap.store.schema import LZ_ORBIT_MIN

GROUPS = [
    Symmetries(permute, reflect, complement)
    for permute, reflect, complement in itertools.product((False, True), repeat=3)
]
DEFAULT = Symmetries(True, False, True)
ALL = Symmetries(True, True, True)


def lz_of(words: np.ndarray, n: int) -> np.ndarray:
    """lz of every function, parsed one by one."""
    batch = FunctionBatch("boolean", boolean_points(n), bits=bits_from_words(words, 2**n))
    return measure(batch, ["lz"], threads=1)["lz"]


def by_brute_force(words: np.ndarray, n: int, group: Symmetries) -> np.ndarray:
    """Minimum over the members, found by trying every transformation."""
    return np.array([lz_of(orbit_members(word, n, group), n).min() for word in words])


def random_words(n_functions: int, n: int, seed: int) -> np.ndarray:
    """Uniform functions, and as many with few ones."""
    rng = np.random.default_rng(seed)
    share = np.repeat([0.5, 0.1], -(-n_functions // 2))[:n_functions, None]
    return words_from_bits((rng.random((n_functions, 2**n)) < share).astype(np.uint8))


def structured_words(n: int) -> np.ndarray:
    """Functions that many transformations leave as they are, or turn into their complement."""
    x = boolean_points(n).astype(np.int64)
    ones = x.sum(axis=1)
    tables = [
        np.zeros(2**n),
        x[:, -1],
        ones % 2,
        ones > n / 2,
        (ones == 1) | (ones == n - 1),
        x[:, 0] & x[:, 1],
        x[:, 0] ^ x[:, -1],
        (x[:, 0] & x[:, 1]) ^ (x[:, 2] & x[:, 3]),
        np.where(x[:, 0], x[:, 1] | (x[:, 2] & x[:, 3]), 1 - (x[:, 1] & (x[:, 2] | x[:, 3]))),
    ]
    return words_from_bits(np.array(tables, dtype=np.uint8))


@pytest.mark.parametrize("group", GROUPS, ids=str)
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_minimum_of_all_functions_grouped_by_their_orbit(n, group):
    values = np.arange(2**2**n, dtype=np.uint64)[:, None] << np.uint64(64 - 2**n)
    canonical, _ = canonical_words(values, n, group)
    _, orbit = np.unique(canonical[:, 0], return_inverse=True)
    least = np.full(orbit.max() + 1, np.inf)
    np.minimum.at(least, orbit, lz_of(values, n))
    chosen = np.random.default_rng(n).permutation(len(values))[:2000]
    found = orbit_minimum(values[chosen], n, group)
    np.testing.assert_array_equal(found, least[orbit[chosen]])


@pytest.mark.parametrize(
    ("n", "group", "n_random"),
    [(5, ALL, 12), (5, Symmetries(True, True, False), 6), (6, DEFAULT, 12), (7, DEFAULT, 10)],
)
def test_minimum_equals_brute_force(n, group, n_random):
    words = np.concatenate([structured_words(n), random_words(n_random, n, n)])
    np.testing.assert_array_equal(orbit_minimum(words, n, group), by_brute_force(words, n, group))


def test_minimum_over_a_million_members_equals_brute_force():
    words = np.concatenate([structured_words(7)[-1:], random_words(1, 7, 1)])
    np.testing.assert_array_equal(orbit_minimum(words, 7, ALL), by_brute_force(words, 7, ALL))


@pytest.mark.parametrize("n", [5, 7])
def test_it_is_constant_on_an_orbit_and_at_most_lz(n):
    words = random_words(4, n, 3)
    least = orbit_minimum(words, n, DEFAULT)
    assert len(set(least)) > 1
    for word, value in zip(words, least, strict=True):
        members = orbit_members(word, n, DEFAULT)
        some = members[np.random.default_rng(n).permutation(len(members))[:20]]
        assert (orbit_minimum(some, n, DEFAULT) == value).all()
        assert (lz_of(members, n) >= value).all()
        # Negative control: lz itself is not constant, and few members reach the minimum.
        assert (lz_of(members, n) == value).mean() < 0.5


def test_values_do_not_depend_on_threads_or_neighbours():
    words = random_words(45, 5, 2)
    heard: list[tuple[int, int]] = []
    one = orbit_minimum(words, 5, ALL, threads=1, progress=lambda *step: heard.append(step))
    np.testing.assert_array_equal(orbit_minimum(words, 5, ALL, threads=3), one)
    np.testing.assert_array_equal(orbit_minimum(words[40:], 5, ALL), one[40:])
    assert heard[-1] == (45, 45)
    assert orbit_minimum(words[:0], 5, ALL).shape == (0,)


@pytest.mark.parametrize("n", range(1, 7))
def test_plain_changes_lead_through_every_order_once(n):
    order = list(range(n))
    seen = {tuple(order)}
    for k in plain_changes(n):
        order[k], order[k + 1] = order[k + 1], order[k]
        seen.add(tuple(order))
    assert seen == set(itertools.permutations(range(n)))
    assert len(plain_changes(n)) == len(seen) - 1


@pytest.mark.parametrize("n", [0, 8])
def test_numbers_of_inputs_without_orbits_are_refused(n):
    with pytest.raises(SettingsError, match="1 to 7 inputs"):
        orbit_minimum(np.zeros((1, 4), dtype=np.uint64), n, DEFAULT)


def run(folder, n=3, **changes) -> Campaign:
    """Count and measure the functions of a small campaign."""
    campaign = Campaign(draws=1500, block_draws=512, network=Network(widths=(n, 4, 1)), **changes)
    pipeline.run(campaign, folder, stages=["complexity"])
    return campaign


@pytest.mark.parametrize("encoding", ["01", "pm1"])
def test_campaigns_have_the_column_where_orbits_are_counted_often_enough(tmp_path, encoding):
    run(tmp_path / "a", n=4, domain=BooleanDomain(encoding=encoding))
    table = read_table(tmp_path / "a", "functions").to_pandas()
    counted = (table["orbit_count"] >= 10).to_numpy()
    assert 0 < counted.sum() < len(table)
    assert table.loc[~counted, "lz_orbit_min"].isna().all()
    words = words_from_keys(table["function"], 16, True)[counted]
    group = ALL if encoding == "pm1" else DEFAULT
    np.testing.assert_array_equal(
        table.loc[counted, "lz_orbit_min"], by_brute_force(words, 4, group)
    )
    field = pq.read_schema(tmp_path / "a" / "functions.parquet").field("lz_orbit_min")
    assert field.metadata[b"meaning"].decode() == LZ_ORBIT_MIN.meaning
    assert field.metadata[b"unit"] == b"bits"


def test_the_orbits_drawn_most_often_come_first(tmp_path, monkeypatch):
    monkeypatch.setattr(orbit_column, "MAX_MEMBERS", 20)
    run(tmp_path / "a")
    table = read_table(tmp_path / "a", "functions").to_pandas()
    orbits = table[table["orbit_count"] >= 10].drop_duplicates("orbit")
    known = orbits["lz_orbit_min"].notna()
    assert 0 < known.sum() < len(orbits)
    assert orbits.loc[known, "orbit_size"].sum() <= 20
    assert orbits.loc[known, "orbit_count"].min() >= orbits.loc[~known, "orbit_count"].max()


def test_campaigns_without_lz_or_without_orbits_have_no_such_column(tmp_path):
    run(tmp_path / "entropy", complexity=Complexity(proxies=("entropy",)))
    run(tmp_path / "large", n=8, complexity=Complexity(proxies=("lz",)))
    for name in ("entropy", "large"):
        names = read_table(tmp_path / name, "functions").column_names
        assert "lz_orbit_min" not in names
        assert names[-1] in ("entropy", "lz")
