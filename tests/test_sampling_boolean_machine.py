"""Random Boolean machines against their exact law, and against machines run one by one."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from pfmap.errors import SettingsError
from pfmap.sampling import boolean_machine_law, sample_boolean_machine


def test_laws_known_by_hand():
    assert boolean_machine_law(1, 2) == (Fraction(6, 16), Fraction(4, 16), Fraction(6, 16))
    assert boolean_machine_law(2, 2)[0] == Fraction(85, 512)
    for k, depth in ((1, 7), (2, 5), (3, 4), (4, 3)):
        law = boolean_machine_law(k, depth)
        assert sum(law) == 1
        assert law == law[::-1]
    assert boolean_machine_law(3, 1) == tuple(Fraction(math.comb(8, w), 256) for w in range(9))


def test_the_law_is_that_of_all_machines_on_two_inputs():
    """All 16³ machines of two layers, each run at every input."""
    functions = list(itertools.product((0, 1), repeat=4))
    ones = Counter(
        sum(top[2 * one[x] + two[x]] for x in range(4))
        for one, two, top in itertools.product(functions, repeat=3)
    )
    assert boolean_machine_law(2, 2) == tuple(Fraction(ones[w], 16**3) for w in range(5))


@pytest.mark.parametrize(("k", "depth"), [(2, 1), (2, 3), (3, 2), (3, 5)])
def test_counts_follow_the_law(k, depth):
    draws, size = 200_000, 2**k
    table = sample_boolean_machine(k, depth, draws=draws, seed=3)
    assert table["count"].sum() == draws
    law = boolean_machine_law(k, depth)
    other = boolean_machine_law(k, depth + 1)
    scores, wrong = [], []
    for key, count in zip(table["function"].head(20), table["count"].head(20), strict=True):
        weight = int(key, 16).bit_count()
        for chosen, into in ((law, scores), (other, wrong)):
            p = float(chosen[weight] / math.comb(size, weight))
            into.append((count - draws * p) / math.sqrt(draws * p * (1 - p)))
    assert np.abs(scores).max() < 4.0
    assert np.abs(wrong).max() > 4.0  # the control: one layer more
    ones = table["function"].map(lambda key: int(key, 16).bit_count())
    by_ones = table["count"].groupby(ones).sum().reindex(range(size + 1), fill_value=0)
    expected = draws * np.array([float(q) for q in law])
    assert ((by_ones - expected) ** 2 / expected).sum() < size + 5 * math.sqrt(2 * size)


def test_a_machine_depends_on_seed_and_number_alone():
    short, long = (sample_boolean_machine(3, 4, draws=draws) for draws in (20_000, 40_000))
    first = long[long["first_draw"] < 20_000].set_index("function")["first_draw"]
    assert first.equals(short.set_index("function")["first_draw"].reindex(first.index))
    assert not short.equals(sample_boolean_machine(3, 4, draws=20_000, seed=2))


def test_eight_inputs_are_four_words_a_node():
    table = sample_boolean_machine(8, 2, draws=50)
    assert (table["function"].str.len() == 64).all()
    ones = table["function"].map(lambda key: int(key, 16).bit_count())
    assert abs(ones.mean() - 128) < 5 * 16 / math.sqrt(50)  # sd sqrt(64 + 255/256·64) = 11


def test_slips_are_refused():
    for call, said in (
        (lambda: sample_boolean_machine(1, 2, draws=10), "inputs"),
        (lambda: sample_boolean_machine(9, 2, draws=10), "inputs"),
        (lambda: sample_boolean_machine(2, 0, draws=10), "depth"),
        (lambda: sample_boolean_machine(2, 2, draws=0), "draws"),
        (lambda: boolean_machine_law(0, 1), "inputs"),
        (lambda: boolean_machine_law(2, 0), "depth"),
    ):
        with pytest.raises(SettingsError, match=said):
            call()
