"""Circuits and formulas: published numbers, naive twins, bounds, orbits, what is null and why."""

from __future__ import annotations

import itertools
import sys

import class_table
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pfmap.complexity import FunctionBatch, classes, measure
from pfmap.complexity.circuit import checked_engine, lacking
from pfmap.errors import DataError, EnvironmentFault
from pfmap.settings.domain import boolean_points
from pfmap.settings.network import Network
from pfmap.settings.sections import Complexity


def all_functions(n: int) -> np.ndarray:
    return (np.arange(2 ** (2**n))[:, None] >> np.arange(2**n)[::-1] & 1).astype(np.uint8)


def sizes(bits: np.ndarray, *names: str) -> list[np.ndarray]:
    bits = np.atleast_2d(bits)
    points = boolean_points(bits.shape[1].bit_length() - 1)
    return list(measure(FunctionBatch("boolean", points, bits=bits), names, threads=1).values())


def number(bits: np.ndarray) -> int:
    return int("".join(map(str, bits.astype(int))), 2)


def naive_circuits(n: int) -> list[int]:
    """By gates from the inputs on, in every set of functions that as many gates can make.

    All ten gates and both values of f(0…0), unlike the search that made the table.
    """
    full = 2 ** (2**n) - 1
    inputs = [number(column) for column in boolean_points(n).T]
    cost = dict.fromkeys([0, full, *inputs, *(full ^ f for f in inputs)], 0)
    sets = {frozenset(inputs)}
    for gates in itertools.count(1):
        if len(cost) == full + 1:
            return [cost[f] for f in range(full + 1)]
        larger = set()
        for made in sets:
            for f, g in itertools.combinations(made, 2):
                ands = [a & b for a in (f, full ^ f) for b in (g, full ^ g)]
                for h in (*ands, *(full ^ a for a in ands), f ^ g, full ^ f ^ g):
                    cost.setdefault(h, gates)
                    if h not in made and len(cost) < full + 1:
                        larger.add(made | {h})
        sets = larger
    raise AssertionError


def naive_formulas(n: int) -> np.ndarray:
    """By and and or of any two functions until no formula gets shorter."""
    full = 2 ** (2**n) - 1
    f = np.arange(full + 1)
    size = np.full(full + 1, 10**6)
    size[[0, full]] = 0
    for column in boolean_points(n).T:
        size[[number(column), full ^ number(column)]] = 1
    while True:
        shorter = size.copy()
        both = size[:, None] + size
        np.minimum.at(shorter, f[:, None] & f, both)
        np.minimum.at(shorter, f[:, None] | f, both)
        if (shorter == size).all():
            return size
        size = shorter


@pytest.mark.parametrize("n", [1, 2, 3])
def test_sizes_equal_those_of_the_naive_twins(n):
    circuit, formula = sizes(all_functions(n), "circuit", "formula")
    np.testing.assert_array_equal(circuit, naive_circuits(n))
    np.testing.assert_array_equal(formula, naive_formulas(n))


def test_numbers_of_functions_of_every_size_are_the_published_ones():
    circuit, formula = sizes(all_functions(4), "circuit", "formula")
    class_table.check_circuits(np.bincount(circuit.astype(int)).tolist())
    class_table.check_formulas(formula, 4)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_formulas_of_fewer_inputs_have_the_published_numbers_too(n):
    size = class_table.formula_sizes(n)
    np.testing.assert_array_equal(size, sizes(all_functions(n), "formula")[0])
    if n > 1:
        class_table.check_formulas(size, n)


def test_the_table_is_what_the_script_computes():
    assert classes.TABLE.read_text("utf-8") == class_table.table_text()


def test_the_published_numbers_refuse_a_wrong_set_of_gates_and_wrong_formulas():
    without = class_table.circuit_sizes(4, most=4, kinds=class_table.WITHOUT_XOR)
    by_gates = class_table.functions_by_gates(without)
    assert by_gates[:2] == [10, 48]
    with pytest.raises(SystemExit, match="functions by gates"):
        class_table.check_circuits(by_gates)
    size = class_table.formula_sizes(3)
    with pytest.raises(SystemExit, match="longest formula"):
        class_table.check_formulas(np.minimum(size, 9), 3)
    with pytest.raises(SystemExit, match="read-once"):
        class_table.check_formulas(np.where(size == 3, 4, size), 3)
    circuit = class_table.circuit_sizes(4, most=2)
    circuit[9] += 1
    with pytest.raises(SystemExit, match="members of the class"):
        class_table.class_rows(circuit, class_table.formula_sizes(4))


def khrapchenko(bits: np.ndarray) -> np.ndarray:
    """|H|² / (|A| |B|), H the edges between the ones A and the zeros B: no formula is shorter."""
    x = np.arange(bits.shape[1])
    n = len(x).bit_length() - 1
    edges = sum((bits != bits[:, x ^ 1 << i]).sum(axis=1) for i in range(n)) / 2
    ones = bits.sum(axis=1)
    return edges**2 / np.maximum(1, ones * (len(x) - ones))


def test_sizes_obey_the_bounds_that_hold_for_all_of_them():
    bits = all_functions(4)
    circuit, formula = sizes(bits, "circuit", "formula")
    assert (formula >= khrapchenko(bits)).all()
    assert (circuit < khrapchenko(bits)).any()  # the control: a circuit may be shorter
    inputs = sum(
        (bits != bits[:, np.arange(16) ^ 1 << i]).any(axis=1).astype(int) for i in range(4)
    )
    varies = inputs > 0
    assert (circuit[varies] >= inputs[varies] - 1).all()
    assert (circuit[varies] <= formula[varies] - 1).all()
    some = bits[::97]
    assert (sizes(some, "formula")[0] <= sizes(some, "expression")[0]).all()


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_textbook_functions(n):
    points = boolean_points(n)
    table = [points.sum(axis=1) % 2, points.all(axis=1), points.any(axis=1), points[:, -1]]
    circuit, formula = sizes(np.array(table, dtype=int), "circuit", "formula")
    if n == 5:
        assert np.isnan(formula).all()
        pytest.importorskip("fbool")
    else:
        assert formula.tolist() == [{2: 4, 3: 10, 4: 16}[n], n, n, 1]
    assert circuit.tolist() == [n - 1, n - 1, n - 1, 0]


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 5), st.data())
def test_all_members_of_an_orbit_have_the_same_sizes(n, data):
    bits = np.array(data.draw(st.lists(st.integers(0, 1), min_size=2**n, max_size=2**n)), np.uint8)
    order = data.draw(st.permutations(range(n)))
    member = bits.reshape([2] * n).transpose(order).ravel()
    member = member[np.arange(2**n) ^ data.draw(st.integers(0, 2**n - 1))]
    member ^= np.uint8(data.draw(st.integers(0, 1)))
    for values in sizes(np.array([bits, member]), "circuit", "formula"):
        np.testing.assert_array_equal(values[0], values[1])


def test_functions_of_different_orbits_differ_and_so_does_a_measure_of_their_strings():
    """The control of the property above: one flipped bit, and lz of the same members."""
    bits = all_functions(4)
    flipped = bits.copy()
    flipped[:, 3] ^= 1
    for name in ("circuit", "formula"):
        assert (sizes(bits, name)[0] != sizes(flipped, name)[0]).mean() > 0.5
    reordered = bits.reshape(-1, 2, 2, 2, 2).transpose(0, 2, 1, 4, 3).reshape(-1, 16)
    assert (sizes(bits, "lz")[0] != sizes(reordered, "lz")[0]).any()


def test_a_function_of_fewer_inputs_costs_the_same_among_more():
    bits = all_functions(3)
    for name in ("circuit", "formula"):
        for axis in range(4):
            wider = np.repeat(bits.reshape(-1, *[2] * axis, 1, 2 ** (3 - axis)), 2, axis=-2)
            np.testing.assert_array_equal(
                sizes(wider.reshape(256, 16), name)[0], sizes(bits, name)[0]
            )


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("0001,32,3,4\n", "", "do not hold every function once"),
        ("0001,32,3,4\n", "0001,32,3,4\n0001,32,3,4\n", "do not hold every function once"),
        ("0001,32,3,4\n", "0001,33,3,4\n", "0001 has 32 functions in its class"),
        ("0001,32,3,4\n", "0001,32,3,four\n", "invalid literal"),
        ("0001,32,3,4\n", "0001,32\n", "classes.csv: damaged or not valid CSV"),
        ("function,functions", "key,functions", "'function'"),
        ("#", "\0", "classes.csv: damaged or not valid CSV"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path, monkeypatch, before, after, message):
    path = tmp_path / "classes.csv"
    text = classes.TABLE.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    monkeypatch.setattr(classes, "TABLE", path)
    with pytest.raises(DataError, match=message) as caught:
        classes.class_columns.__wrapped__()
    assert caught.value.next_step == "install pfmap again"


def test_without_the_extra_circuits_of_five_inputs_are_null_and_say_why(monkeypatch):
    monkeypatch.setitem(sys.modules, "fbool", None)
    (circuit,) = sizes(all_functions(4).repeat(2, axis=1)[:50], "circuit")
    assert np.isnan(circuit).all()
    assert "pip install 'pfmap[circuits]'" in lacking(5)
    assert lacking(4) == ""
    assert not np.isnan(sizes(all_functions(4)[:50], "circuit")[0]).any()


def test_fbool_counts_the_same_gates_for_all_functions_of_four_inputs():
    pytest.importorskip("fbool")
    bits = all_functions(4)
    np.testing.assert_array_equal(
        sizes(bits.repeat(2, axis=1), "circuit")[0], sizes(bits, "circuit")[0]
    )


def test_fbool_counts_the_same_gates_as_a_search_of_short_circuits():
    pytest.importorskip("fbool")
    inputs = [number(column) for column in boolean_points(5).T]
    cost = dict.fromkeys(inputs, 0)
    sets = {frozenset(inputs)}
    for gates in (1, 2, 3):
        larger = set()
        for made in sets:
            for f, g in itertools.combinations(made, 2):
                for h in (f & g, f & ~g, ~f & g, f | g, f ^ g):
                    if h:
                        cost.setdefault(h, gates)
                    if h and h not in made and gates < 3:
                        larger.add(made | {h})
        sets = larger
    tables = np.array([[int(digit) for digit in f"{f:032b}"] for f in cost])
    np.testing.assert_array_equal(sizes(tables, "circuit")[0], list(cost.values()))
    others = np.random.default_rng(3).integers(0, 2, (2000, 32))
    others = others[[number(row ^ row[0]) not in cost for row in others]]
    assert (sizes(others, "circuit")[0] > 3).all()


def test_circuits_of_five_inputs_grow_by_no_more_than_the_gate_that_joins_them():
    pytest.importorskip("fbool")
    f, g = np.random.default_rng(4).integers(0, 2, (2, 3000, 32))
    cf, cg = (sizes(bits, "circuit")[0] for bits in (f, g))
    for h in (f & g, f | g, f ^ g):
        assert (sizes(h, "circuit")[0] <= cf + cg + 1).all()
    assert cf.max() <= 12


def test_an_engine_that_counts_other_gates_is_refused(monkeypatch):
    fbool = pytest.importorskip("fbool")

    real = fbool.FBool

    class Other:
        def __init__(self, bits):
            self.gates = real(bits).minimal_gates()

        def minimal_gates(self):
            return self.gates + (self.gates == 6)

    monkeypatch.setattr(fbool, "FBool", Other)
    with pytest.raises(EnvironmentFault, match="fbool: must count 6 gates"):
        checked_engine.__wrapped__()


def test_campaigns_have_the_columns_where_there_are_values_or_they_are_asked_for(tmp_path):
    import pyarrow.parquet as pq
    from small_campaign import COUNTING, Listener, small

    from pfmap.pipeline import run

    stages = (*COUNTING, "complexity")
    run(small(), tmp_path / "three", stages=stages)
    table = pq.read_table(tmp_path / "three" / "functions.parquet").to_pandas()
    assert table["circuit"].notna().all()
    assert (table["formula"] <= 10).all()

    seven = Network(widths=(7, 6, 1))
    run(small(network=seven), tmp_path / "seven", stages=stages)
    names = pq.read_schema(tmp_path / "seven" / "functions.parquet").names
    assert "halfspaces" in names
    assert not {"circuit", "formula"} & set(names)

    listener = Listener()
    asked = small(network=seven, complexity=Complexity(proxies=("formula",)))
    run(asked, tmp_path / "asked", stages=stages, reporter=listener)
    table = pq.read_table(tmp_path / "asked" / "functions.parquet")
    assert table["formula"].null_count == len(table)
    reason = "it is known for at most 4 inputs"
    assert reason in table.schema.field("formula").metadata[b"meaning"].decode()
    assert f"formula is null: {reason}" in listener.messages


def test_installing_the_extra_makes_null_circuits_again(tmp_path, monkeypatch):
    pytest.importorskip("fbool")
    import pyarrow.parquet as pq
    from small_campaign import COUNTING, small

    from pfmap.pipeline import run

    campaign = small(
        network=Network(widths=(5, 6, 1)), complexity=Complexity(proxies=("lz", "circuit"))
    )
    stages = (*COUNTING, "complexity")

    def circuits():
        return pq.read_table(tmp_path / "functions.parquet").to_pandas()["circuit"]

    with monkeypatch.context() as without:
        without.setitem(sys.modules, "fbool", None)
        run(campaign, tmp_path, stages=stages)
        assert circuits().isna().all()
        result = run(campaign, tmp_path, stages=stages, resume=True)
        assert result.stages["complexity"].up_to_date
    result = run(campaign, tmp_path, stages=stages, resume=True)
    assert not result.stages["complexity"].up_to_date
    assert circuits().notna().all()
