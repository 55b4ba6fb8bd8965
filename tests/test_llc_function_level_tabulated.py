"""Bounds on λ_f of many functions at once: against single functions, lists and constructions."""

from __future__ import annotations

import numpy as np
import pytest

from pfmap.function_level import bound_functions, least_rank, realise_function
from pfmap.functions.halfspaces import cover_sizes

FOUR = (np.arange(65536)[:, None] >> np.arange(16) & 1).astype(np.uint8)
EXACT_BY_WIDTH = {4: 163, 5: 189, 6: 210, 7: 214, 8: 222}
"""Classes of four inputs whose r(f)/2 is realised, by width."""


def test_every_function_of_four_inputs_is_exact_from_eight_units_on() -> None:
    found = bound_functions(FOUR, (8,))
    assert np.isfinite(found.exact).all()
    assert found.exact[[0, 65535]].tolist() == [0.5, 0.5]
    # Exact with the same value at any larger width, and no smaller one below.
    assert (bound_functions(FOUR, (40,)).exact == found.exact).all()
    narrow = bound_functions(FOUR, (4,))
    assert (narrow.low == found.low).all()
    assert not (narrow.high < found.low).any()
    assert np.isfinite(narrow.exact).sum() == 46_632


@pytest.mark.parametrize(("width", "classes"), EXACT_BY_WIDTH.items())
def test_classes_exact_by_width(width: int, classes: int) -> None:
    from pfmap.function_level.listed import _listed

    members = list(_listed(4)[1])
    assert np.isfinite(bound_functions(FOUR[members], (width,)).exact).sum() == classes


def test_values_are_those_of_realisations_at_that_width() -> None:
    rng = np.random.default_rng(4)
    for number in rng.integers(1, 65535, size=25):
        table = FOUR[number]
        (exact,) = bound_functions(table[None], (8,)).exact
        built = realise_function(table, (4, 8, 1), patterns=least_rank(table).patterns)
        assert (built.verdict, float(built.high)) == ("exact", exact)


def test_deep_networks_are_exact_where_the_cover_fits() -> None:
    bits = FOUR[::97]
    covers = cover_sizes(bits)
    found = bound_functions(bits, (3, 3), covers)
    varying = bits.min(axis=1) != bits.max(axis=1)
    assert (found.low[varying] == 1.0).all()
    assert (np.isfinite(found.high[varying]) == (covers[varying] <= 3)).all()
    # Without covers one half-space a vertex is all that is known.
    fewer = bound_functions(bits, (3, 3))
    ones = bits.sum(axis=1)
    assert (np.isfinite(fewer.high) == (np.minimum(ones, 16 - ones) <= 3)).all()


def test_faces_bound_functions_of_more_inputs() -> None:
    parity = (np.bitwise_count(np.arange(128)) & 1).astype(np.uint8)[None]
    assert bound_functions(parity[:, :32], (64,)).low.tolist() == [4.0]
    assert bound_functions(parity, (64,)).low.tolist() == [4.0]
    assert bound_functions(parity, (64,)).high.tolist() == [32.5]
    assert np.isnan(bound_functions(parity, (63,)).high[0])
    single = np.zeros((1, 128), dtype=np.uint8)
    single[0, 5] = 1
    assert bound_functions(single, (1,)).exact.tolist() == [1.0]
    wide = np.zeros((1, 1024), dtype=np.uint8)
    wide[0, ::3] = 1
    assert bound_functions(wide, (400,)).low.tolist() == [1.0]


def test_a_prior_of_bounded_support_has_no_upper_bound_but_for_constants() -> None:
    found = bound_functions(FOUR[[0, 1, 0x6996]], (8,), everywhere=False)
    assert found.low.tolist() == [0.5, 1.0, 4.0]
    assert np.isnan(found.high).tolist() == [False, True, True]
    assert "uniform" in found.reason[1]
