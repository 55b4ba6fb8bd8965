"""Function-level coefficients: least ranks, realisations, their bounds, and what is refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pfmap.errors import SettingsError
from pfmap.function_level import (
    bound_llc,
    find_patterns,
    least_ranks,
    pattern_basis,
    realise_function,
)
from pfmap.function_level.bounds import function_model
from pfmap.function_level.cell import cell_rank
from pfmap.function_level.patterns import restricted_affine, spans
from pfmap.functions import Symmetries, canonical_words, words_from_bits
from pfmap.llc.rank import jacobian_rank
from pfmap.models.network import kink_margin
from pfmap.settings.domain import boolean_points

CUBE = Symmetries(permutations=True, reflections=True, complement=True)


@pytest.fixture(scope="module")
def three():
    return least_ranks(3)


def exact_rank(rows: np.ndarray) -> int:
    """Rank of an integer matrix by elimination in fractions: the twin of the singular values."""
    matrix = [[Fraction(int(value)) for value in row] for row in rows]
    rank = 0
    for column in range(rows.shape[1]):
        pivot = next((r for r in range(rank, len(matrix)) if matrix[r][column]), None)
        if pivot is None:
            continue
        matrix[rank], matrix[pivot] = matrix[pivot], matrix[rank]
        for row in range(rank + 1, len(matrix)):
            factor = matrix[row][column] / matrix[rank][column]
            matrix[row] = [a - factor * b for a, b in zip(matrix[row], matrix[rank], strict=True)]
        rank += 1
    return rank


def test_least_ranks_of_three_inputs(three):
    values, counts = np.unique(three.ranks, return_counts=True)
    assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == {
        1: 2, 2: 16, 3: 56, 4: 118, 5: 64,
    }  # fmt: skip
    assert len(three.witnesses) == 14  # the classes of three inputs
    tables = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(np.uint8)
    canonical, _ = canonical_words(words_from_bits(tables), 3, CUBE)
    for word in np.unique(canonical):
        assert len(np.unique(three.ranks[canonical[:, 0] == word])) == 1


def test_witnesses_hold_their_function_at_their_rank_in_fractions(three):
    for table, patterns in three.witnesses:
        assert spans(pattern_basis(patterns), table)
        ones = np.ones((1, 8), dtype=int)
        rows = np.vstack([ones, restricted_affine(patterns).reshape(-1, 8).astype(int)])
        rank = three.ranks[int(table.astype(int) @ (1 << np.arange(8)))]
        assert exact_rank(rows) == exact_rank(np.vstack([rows, table])) == rank


def test_no_network_with_a_random_pattern_set_has_less_than_the_least_rank(three):
    rng = np.random.default_rng(3)
    points = boolean_points(3)
    met = 0
    for _ in range(300):
        units = rng.normal(size=(rng.integers(1, 4), 4))
        patterns = units[:, :3] @ points.T + units[:, 3:] > 0
        basis = pattern_basis(patterns)
        for index in range(256):
            table = index >> np.arange(8) & 1
            if spans(basis, table):
                met += 1
                assert len(basis) >= three.ranks[index]
    assert met > 600  # more than the constants alone


def test_search_finds_the_least_rank_of_every_function_of_three_inputs(three):
    for table, patterns in three.witnesses:
        found = find_patterns(table)
        assert spans(pattern_basis(found), table)
        assert len(pattern_basis(found)) == len(pattern_basis(patterns))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ([0, 0, 0, 0], "1/2"),
        ([0, 0, 0, 1], "1"),  # AND
        ([0, 1, 1, 1], "1"),  # OR
        ([0, 0, 1, 1], "3/2"),  # a literal, (n + 1)/2
        ([0, 1, 1, 0], "3/2"),  # XOR
        ([0, 0, 0, 0, 0, 0, 1, 1], "3/2"),  # x1 and x2 among three, n/2
        ([0, 0, 0, 1, 0, 1, 1, 1], "5/2"),  # majority
        ([0, 1, 1, 0, 1, 0, 0, 1], "5/2"),  # parity
    ],
)
def test_one_hidden_layer_reaches_the_known_values(table, expected):
    values = np.array(table)
    n = values.size.bit_length() - 1
    found = realise_function(values, (n, 8, 1))
    assert found.verdict == "exact"
    assert found.low == found.high == Fraction(expected)
    assert found.loss <= 1e-20
    assert found.margin > 0.01


def test_xor_among_four_inputs_is_one_ramp_and_not_two_sub_cubes():
    x = boolean_points(4).astype(int)
    found = realise_function(x[:, 0] ^ x[:, 1], (4, 8, 1))
    assert (found.verdict, found.high) == ("exact", 3)  # below (2n - 1)/2


def test_every_class_of_three_inputs_is_exact_in_one_layer_and_1_in_two(three):
    for table, patterns in three.witnesses:
        one = realise_function(table, (3, 16, 1), patterns=patterns)
        assert one.verdict == "exact"
        assert one.rank == len(pattern_basis(patterns))
        two = realise_function(table, (3, 8, 8, 1))
        constant = table.min() == table.max()
        assert two.verdict == "exact"
        assert two.low == two.high == two.function_low == Fraction(1, 2 if constant else 1)


@pytest.mark.parametrize("widths", [(5, 32, 32, 1), (7, 40, 40, 1), (5, 16, 3, 2, 1)])
def test_random_functions_of_deep_networks_have_coefficient_one(widths):
    rng = np.random.default_rng(sum(widths))
    for _ in range(10):
        table = rng.integers(0, 2, 2 ** widths[0])
        found = realise_function(table, widths)
        assert (found.verdict, found.low, found.high, found.rank) == ("exact", 1, 1, 2)


def test_what_is_not_a_realisation_is_refused():
    table = np.array([0, 0, 0, 1])
    right = np.array([1, 1, -1.5, 4, -1])
    assert bound_llc(table, (2, 1, 1), right).verdict == "exact"
    wrong = np.array([0, 1, 1, 0])
    with pytest.raises(SettingsError, match="must express the function"):
        bound_llc(wrong, (2, 1, 1), right)
    with pytest.raises(SettingsError, match="must express the function"):
        realise_function(wrong, (2, 4, 1), patterns=np.array([[True, False, False, False]]))
    diagonal = np.array([[False, True, True, False]])
    with pytest.raises(SettingsError, match="cut off by a half-space"):
        realise_function(wrong, (2, 4, 1), patterns=diagonal)
    with pytest.raises(SettingsError, match="needs 8 units"):
        realise_function(boolean_points(4).sum(axis=1) % 2, (4, 5, 4, 1))
    with pytest.raises(SettingsError, match="widths"):
        realise_function(table, (3, 4, 1))
    with pytest.raises(SettingsError, match="1 to 4"):
        least_ranks(5)


def test_a_kink_or_a_live_unit_of_weight_zero_gives_an_interval():
    table = np.array([0, 0, 0, 1])
    on_kink = bound_llc(table, (2, 1, 1), np.array([1, 1, -1, 2, -1.0]))  # 0 at two inputs
    assert (on_kink.margin, on_kink.verdict) == (0, "interval")
    assert (on_kink.low, on_kink.high) == (1, Fraction(5, 2))
    # A unit that is on everywhere, outgoing weight 0: rank 2, and 4 where that weight is not 0.
    spare = bound_llc(table, (2, 2, 1), np.array([1, 1, 0, 0, -1.5, 1, 4, 0, -1.0]))
    assert spare.verdict == "interval"
    assert spare.low == Fraction(spare.rank, 2) < spare.high
    # At the vertex alone the same weight does not matter: both units have one column.
    same = bound_llc(table, (2, 2, 1), np.array([1, 1, 1, 1, -1.5, -1.5, 4, 0, -1.0]))
    assert (same.verdict, same.high) == ("exact", 1)


def carried(depth: int) -> tuple[tuple[int, ...], np.ndarray]:
    """AND passed up by unit 0 of every layer, beside units 1 that are on everywhere.

    With incoming weights 0 of units 1 the inputs reach the output through a product of `depth`
    factors of 0: K ~ |y|² + (w_depth ... w_2)² |w_1|² with two coordinates y.
    """
    first = [np.array([1.0, 1, 0, 0, -1.5, 1])]
    above = [np.array([2.0, 0, 0, 0, -0.5, 1])] * (depth - 1)
    value = 0.5
    for _ in range(depth - 1):
        value = 2.0 * value - 0.5
    # Units 0 are `value` at (1, 1) and 0 elsewhere; unit 1 of the last layer is 1.
    output = np.array([2.0 / value, 1.0, -2.0])
    return (2, *[2] * depth, 1), np.concatenate([*first, *above, output])


@pytest.mark.parametrize("depth", [2, 3, 4, 6])
def test_a_product_of_many_weights_zero_is_not_taken_for_a_constant_rank(depth):
    # λ = 3/2 at w, and the rank 2: within 1e-5 of w a product of three weights is rounding.
    widths, weights = carried(depth)
    found = bound_llc(np.array([0, 0, 0, 1]), widths, weights)
    assert (found.rank, found.low, found.verdict) == (2, 1, "interval")
    assert found.high >= Fraction(3, 2)
    # The same for a constant, units on everywhere in (2, 1, ..., 1): λ = 1 there and not 1/2.
    layers = [np.array([0.0, 0, 1]), *[np.array([0.0, 1])] * (depth - 1), np.array([1.0, 0])]
    constant = bound_llc(np.ones(4, int), (2, *[1] * depth, 1), np.concatenate(layers))
    assert (constant.rank, constant.low, constant.verdict) == (1, Fraction(1, 2), "interval")
    assert constant.high >= 1


def test_an_unclear_rank_bounds_nothing():
    # AND beside a unit that is on everywhere, with an outgoing weight at the edge of rounding.
    table = np.array([0, 0, 0, 1])
    weights = np.array([1, 1, 0, 0, -1.5, 1, 4, 1e-13, -1.0])
    found = bound_llc(table, (2, 2, 1), weights)
    assert (found.rank, found.low, found.verdict) == (4, found.function_low, "interval")
    weights[7] = 1e-6
    assert bound_llc(table, (2, 2, 1), weights).low == 2


def test_the_cell_has_the_rank_of_a_network_moved_within_it():
    # The twin of gated weights: the compiled Jacobian, as far from w as no unit switches.
    rng = np.random.default_rng(8)
    widths = (3, 4, 3, 1)
    model = function_model(np.zeros(8, int), widths)
    ranks = set()
    for _ in range(20):
        weights = rng.normal(size=model.n_parameters)
        near = weights + 1e-3 * kink_margin(model, weights) * rng.normal(size=weights.shape)
        rank = jacobian_rank(model.jacobian(near)).rank
        assert cell_rank(model, widths, weights, seed=1) == rank
        ranks.add(rank)
    assert len(ranks) > 2
