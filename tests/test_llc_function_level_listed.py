"""The table of least ranks that ships: against the list it was made from, and published counts."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from least_ranks import table_text

from pfmap.errors import SettingsError
from pfmap.function_level import least_rank, least_ranks, pattern_basis, realise_function
from pfmap.function_level.listed import TABLE, _listed
from pfmap.function_level.patterns import spans

BY_RANK = {1: 2, 2: 32, 3: 240, 4: 1168, 5: 4496, 6: 13452, 7: 25808, 8: 18458, 9: 1880}
"""Functions of 4 inputs by r(f), as docs/function-level.md has them."""


def bits_of(number: int, n_inputs: int) -> np.ndarray:
    return number >> np.arange(2**n_inputs) & 1


def test_up_to_three_inputs_the_table_is_what_the_script_makes() -> None:
    made = table_text(range(1, 4)).splitlines()
    shipped = TABLE.read_text(encoding="utf-8").splitlines()
    assert shipped[: len(made)] == made
    assert len(shipped) == len(made) + 222


def test_every_function_of_three_inputs_is_found_with_its_rank() -> None:
    ranks = least_ranks(3).ranks
    found = [least_rank(bits_of(number, 3)).rank for number in range(256)]
    assert found == ranks.tolist()
    assert ranks.tolist() != found[1:] + found[:1]  # negative control: another function each


def test_classes_of_four_inputs_hold_every_function_once() -> None:
    group, listed = _listed(4)
    functions: Counter[int] = Counter()
    met: set[int] = set()
    for number, found in listed.items():
        images = bits_of(number, 4)[group] @ (1 << np.arange(16))
        members = set(images.tolist()) | set((65535 - images).tolist())
        assert not met & members
        met |= members
        functions[found.rank] += len(members)
    assert dict(functions) == BY_RANK


def test_patterns_of_members_hold_them_at_their_rank() -> None:
    rng = np.random.default_rng(0)
    for number in rng.integers(1, 65535, size=60):
        table = bits_of(int(number), 4)
        found = least_rank(table)
        basis = pattern_basis(found.patterns)
        assert len(basis) == found.rank
        assert spans(basis, table)
        # Negative control: the patterns of a function do not hold its neighbour at a lower rank.
        other = table.copy()
        other[rng.integers(16)] ^= 1
        assert not spans(basis, other) or least_rank(other).rank <= found.rank


def test_least_coefficients_are_realised_from_width_eight_on() -> None:
    """Every ninth class; at width 4 some layers are too narrow."""
    narrow = 0
    for number in list(_listed(4)[1])[::9]:
        table = bits_of(number, 4)
        found = least_rank(table)
        realised = realise_function(table, (4, 8, 1), patterns=found.patterns)
        assert (realised.verdict, 2 * realised.high) == ("exact", found.rank)
        try:
            realise_function(table, (4, 4, 1), patterns=found.patterns)
        except SettingsError:
            narrow += 1
    assert narrow > 0


def test_five_inputs_are_refused() -> None:
    with pytest.raises(SettingsError, match="n from 1 to 4"):
        least_rank(np.zeros(32, dtype=int))
