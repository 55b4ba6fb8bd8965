"""Canonical forms: exhaustive for n <= 4, random group elements and brute force above."""

from __future__ import annotations

import itertools
import math
import threading

import numpy as np
import pytest

from pfmap.errors import SettingsError
from pfmap.functions import (
    Symmetries,
    bits_from_words,
    canonical_words,
    keys_from_words,
    orbit_members,
    words_from_bits,
)

GROUPS = [
    Symmetries(permute, reflect, complement)
    for permute, reflect, complement in itertools.product((False, True), repeat=3)
]
PERMUTE = Symmetries(True, False, False)
DEFAULT = Symmetries(True, False, True)
ALL = Symmetries(True, True, True)
# Classes of functions of n inputs: orders of inputs (OEIS A003180), and flips (A000616), and
# complement (A000370).
PUBLISHED = {
    (True, False, False): {2: 12, 3: 80, 4: 3984},
    (True, True, False): {2: 6, 3: 22, 4: 402},
    (True, True, True): {2: 4, 3: 14, 4: 222},
}


def name(group: Symmetries) -> str:
    """Short name of a group for the names of tests."""
    flags = (group.permutations, group.reflections, group.complement)
    return "".join(letter for letter, on in zip("PRC", flags, strict=True) if on) or "trivial"


def elements(n: int, group: Symmetries) -> list[tuple[np.ndarray, int]]:
    """Group elements as (source point of every point, complement), by definition."""
    orders = itertools.permutations(range(n)) if group.permutations else [tuple(range(n))]
    flips = list(itertools.product((0, 1), repeat=n)) if group.reflections else [(0,) * n]
    points = list(itertools.product((0, 1), repeat=n))
    found = []
    for order in orders:
        for flip in flips:
            source = [int("".join(str(x[order[i]] ^ flip[i]) for i in range(n)), 2) for x in points]
            for complement in (0, 1) if group.complement else (0,):
                found.append((np.array(source), complement))
    return found


def generators(n: int, group: Symmetries) -> list[tuple[np.ndarray, int]]:
    """Transformations that generate the group: neighbours exchanged, one flip, the complement."""
    place = 1 << np.arange(n - 1, -1, -1)
    points = np.arange(2**n)
    x = (points[:, None] & place) != 0
    found = []
    if group.permutations:
        for i in range(n - 1):
            order = np.arange(n)
            order[[i, i + 1]] = i + 1, i
            found.append((x[:, order] @ place, 0))
    if group.reflections:
        found.extend((points ^ flip, 0) for flip in place)
    if group.complement:
        found.append((points, 1))
    return found


def random_images(bits: np.ndarray, n: int, group: Symmetries, seed: int) -> np.ndarray:
    """Every function of `bits` under a random group element of its own."""
    rng = np.random.default_rng(seed)
    place = 1 << np.arange(n - 1, -1, -1)
    x = (np.arange(2**n)[:, None] & place) != 0
    images = np.empty_like(bits)
    for row, table in enumerate(bits):
        order = rng.permutation(n) if group.permutations else np.arange(n)
        flip = rng.integers(2**n) if group.reflections else 0
        complement = rng.integers(2) if group.complement else 0
        images[row] = table[(x[:, order] @ place) ^ flip] ^ complement
    return images


def structured_functions(n: int) -> dict[str, np.ndarray]:
    """Functions with many symmetries or many tied Walsh coefficients."""
    x = (np.arange(2**n)[:, None] >> np.arange(n - 1, -1, -1)) & 1
    weight = x.sum(axis=1)
    parity = weight % 2
    cycle = np.bitwise_xor.reduce([x[:, i] & x[:, (i + 1) % n] for i in range(n)])
    pairs = np.bitwise_xor.reduce([x[:, i] & x[:, i + 1] for i in range(0, n - 1, 2)])
    found = {
        "constant": np.zeros(2**n, dtype=int),
        "and": x.prod(axis=1),
        "literal": x[:, n // 2],
        "and of two": x[:, 0] & x[:, n - 1],
        "parity": parity,
        "parity of two": x[:, 0] ^ x[:, n - 1],
        "parity of all but one": parity ^ x[:, 1],
        "majority": (weight > n / 2).astype(int),
        "exactly two": (weight == 2).astype(int),
        "cycle": cycle,
        "parity and cycle": parity ^ cycle,
        "inner product": pairs,
        "parity and product": parity ^ (x[:, 0] & x[:, 1]),
        "or of equalities": ((x[:, 0] == x[:, 1]) | (x[:, 2] == x[:, 3])).astype(int),
        "multiplexer": np.where(x[:, 0], x[:, 1], x[:, 2]),
        "threshold": (x @ np.arange(1, n + 1) > n).astype(int),
    }
    if n == 7:
        # The Hamming code, and the lines of the Fano plane: 168 symmetries, tied coefficients.
        syndrome = np.bitwise_xor.reduce(np.where(x, np.arange(1, 8), 0), axis=1)
        found["hamming code"] = (syndrome == 0).astype(int)
        lines = [x[:, i] & x[:, (i + 1) % 7] & x[:, (i + 3) % 7] for i in range(7)]
        found["fano plane"] = np.bitwise_xor.reduce(lines)
        found["parity and fano"] = parity ^ found["fano plane"]
    return found


def burnside(n: int, group: Symmetries) -> int:
    """Number of orbits: the mean number of functions that a group element leaves unchanged."""
    fixed = 0
    members = elements(n, group)
    for source, complement in members:
        seen, cycles, even = np.zeros(2**n, dtype=bool), 0, True
        for start in range(2**n):
            length, point = 0, start
            while not seen[point]:
                seen[point] = True
                point, length = source[point], length + 1
            cycles += length > 0
            even = even and length % 2 == 0
        # With the complement a cycle alternates, so an odd one leaves no function unchanged.
        fixed += 2**cycles if even or not complement else 0
    return fixed // len(members)


@pytest.mark.parametrize("group", GROUPS, ids=name)
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_all_functions_of_few_inputs_fall_into_their_orbits(n: int, group: Symmetries) -> None:
    """Canonical members are constant on orbits, belong to them, and are as many as orbits."""
    n_functions = 2 ** (2**n)
    words = np.arange(n_functions, dtype=np.uint64)[:, None] << np.uint64(64 - 2**n)
    canonical, size = canonical_words(words, n, group)
    bits = bits_from_words(words, 2**n)
    for source, complement in generators(n, group):
        moved, _ = canonical_words(words_from_bits(bits[:, source] ^ complement), n, group)
        assert (moved == canonical).all()
    representatives, members = np.unique(canonical[:, 0], return_counts=True)
    assert len(representatives) == burnside(n, group)
    assert (members[np.searchsorted(representatives, canonical[:, 0])] == size).all()
    itself, _ = canonical_words(representatives[:, None], n, group)
    assert (itself[:, 0] == representatives).all()
    published = PUBLISHED.get((group.permutations, group.reflections, group.complement), {})
    assert len(representatives) == published.get(n, len(representatives))


@pytest.mark.parametrize("group", GROUPS, ids=name)
@pytest.mark.parametrize("n", [2, 3])
def test_orbits_of_few_inputs_are_those_of_the_definition(n: int, group: Symmetries) -> None:
    words = np.arange(2 ** (2**n), dtype=np.uint64)[:, None] << np.uint64(64 - 2**n)
    canonical, size = canonical_words(words, n, group)
    bits = bits_from_words(words, 2**n)
    for source, complement in elements(n, group):
        image = words_from_bits(bits[:, source] ^ complement)
        moved, _ = canonical_words(image, n, group)
        assert (moved == canonical).all()
    for word, representative, expected in zip(words, canonical, size, strict=True):
        orbit = orbit_members(word, n, group)
        assert len(orbit) == expected
        assert representative in orbit
        assert word in orbit


@pytest.mark.parametrize("group", [PERMUTE, DEFAULT, ALL], ids=name)
@pytest.mark.parametrize("n", [5, 6, 7])
def test_random_group_elements_keep_the_canonical_member(n: int, group: Symmetries) -> None:
    rng = np.random.default_rng(n)
    density = rng.choice([0.5, 0.1, 0.02, 0.9], size=(3000, 1))
    random = (rng.random((3000, 2**n)) < density).astype(np.uint8)
    structured = np.array(list(structured_functions(n).values()), dtype=np.uint8)
    bits = np.concatenate([random, np.repeat(structured, 10, axis=0)])
    images = random_images(bits, n, group, seed=n)
    canonical, size = canonical_words(words_from_bits(bits), n, group)
    moved, moved_size = canonical_words(words_from_bits(images), n, group)
    assert (canonical == moved).all()
    assert (size == moved_size).all()
    assert (size <= group.group_order(n)).all()
    assert (group.group_order(n) % size == 0).all()


@pytest.mark.parametrize(("n", "group"), [(5, ALL), (6, DEFAULT), (7, DEFAULT), (7, PERMUTE)])
def test_sizes_and_members_agree_with_brute_force(n: int, group: Symmetries) -> None:
    rng = np.random.default_rng(10 + n)
    random = (rng.random((10, 2**n)) < rng.choice([0.5, 0.05], size=(10, 1))).astype(np.uint8)
    bits = np.array([*random, *structured_functions(n).values()], dtype=np.uint8)
    words = words_from_bits(bits)
    canonical, size = canonical_words(words, n, group)
    for word, representative, expected in zip(words, canonical, size, strict=True):
        orbit = orbit_members(word, n, group)
        assert len(orbit) == expected
        assert (orbit == representative).all(axis=1).sum() == 1
        assert (orbit == word).all(axis=1).sum() == 1


def test_sizes_of_known_orbits_at_seven_inputs_with_reflections() -> None:
    functions = structured_functions(7)
    names = list(functions)
    words = words_from_bits(np.array(list(functions.values())))
    size = dict(zip(names, canonical_words(words, 7, ALL)[1].tolist(), strict=True))
    assert size["constant"] == 2
    assert size["literal"] == 7 * 2
    assert size["and"] == 2**7 * 2
    assert size["and of two"] == math.comb(7, 2) * 4 * 2
    assert size["parity"] == 2
    assert size["parity of two"] == math.comb(7, 2) * 2
    assert size["majority"] == 2**7
    # Seven disjoint cosets of each of the 30 Hamming codes of length 7, and 8 - 7 more.
    assert size["hamming code"] == 30 * 8 * 2


def test_functions_in_different_orbits_have_different_canonical_members() -> None:
    """Equal size, ones and absolute Walsh spectrum do not make two functions the same."""
    functions = structured_functions(7)
    words = words_from_bits(np.array(list(functions.values())))
    canonical, _ = canonical_words(words, 7, ALL)
    assert len(np.unique(canonical, axis=0)) == len(functions)
    # A three-input function seen as a function of seven inputs is still told from its complement
    # where the complement is no symmetry.
    both = np.array([functions["majority"], 1 - functions["majority"]])
    apart, _ = canonical_words(words_from_bits(both), 7, PERMUTE)
    assert (apart[0] != apart[1]).any()
    together, _ = canonical_words(words_from_bits(both), 7, DEFAULT)
    assert (together[0] == together[1]).all()


def test_the_canonical_member_has_the_largest_walsh_spectrum() -> None:
    """The documented rule, by trying every member of some orbits."""
    n = 4
    bits = np.random.default_rng(3).integers(0, 2, (20, 2**n), dtype=np.uint8)
    point = np.arange(2**n)
    # Subset number t: bit k stands for input k, the first input being k = 0.
    subset = [sum(((t >> k) & 1) << (n - 1 - k) for k in range(n)) for t in point]
    sign = 1 - 2 * (np.bitwise_count(point[:, None] & np.array(subset)) % 2).astype(int)
    canonical, _ = canonical_words(words_from_bits(bits), n, ALL)
    for word, representative in zip(words_from_bits(bits), canonical, strict=True):
        members = orbit_members(word, n, ALL)
        spectra = (1 - 2 * bits_from_words(members, 2**n).astype(int)) @ sign
        largest = max(range(len(members)), key=lambda row: tuple(spectra[row]))
        assert (members[largest] == representative).all()


def test_more_than_seven_inputs_are_refused() -> None:
    words = np.zeros((1, 4), dtype=np.uint64)
    with pytest.raises(SettingsError, match="1 to 7 inputs, got 8"):
        canonical_words(words, 8, DEFAULT)
    with pytest.raises(SettingsError, match="1 to 7 inputs, got 0"):
        orbit_members(words[0], 0, DEFAULT)


def test_no_functions_have_no_orbits() -> None:
    canonical, size = canonical_words(np.empty((0, 2), dtype=np.uint64), 7, DEFAULT)
    assert canonical.shape == (0, 2)
    assert size.shape == (0,)
    assert keys_from_words(canonical, 128, True).shape == (0,)


def test_the_result_does_not_depend_on_threads_nor_on_other_callers() -> None:
    words = np.random.default_rng(6).integers(0, 2**64, (10_000, 2), dtype=np.uint64)
    alone, size = canonical_words(words, 7, DEFAULT, threads=1)
    found = {}

    def call(threads: int) -> None:
        found[threads] = canonical_words(words, 7, DEFAULT, threads=threads)

    callers = [threading.Thread(target=call, args=(threads,)) for threads in (2, 5)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert set(found) == {2, 5}
    for canonical, found_size in found.values():
        assert (canonical == alone).all()
        assert (found_size == size).all()
    with pytest.raises(SettingsError, match="threads: must be at least 1, got 0"):
        canonical_words(words, 7, DEFAULT, threads=0)
