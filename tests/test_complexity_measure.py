"""The registry and `measure`: names, kinds, dear proxies, threads, errors, a user's own proxy."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pfmap.complexity import (
    FunctionBatch,
    forget_proxy,
    measure,
    measure_tables,
    proxies_for,
    proxy,
    proxy_table,
)
from pfmap.errors import SettingsError
from pfmap.settings.domain import boolean_points

BOOLEAN = [
    "lz",
    "lz_mingard2025",
    "entropy",
    "ones",
    "sensitivity",
    "generalisation",
    "critical_sample_ratio",
    "walsh_l1",
    "degree",
    "bdd",
    "bdd_min",
    "expression",
    "halfspaces",
    "circuit",
    "formula",
]
DEAR = {"expression", "bdd_min", "halfspaces"}


def boolean_batch(n_functions: int, n: int = 4) -> FunctionBatch:
    bits = np.random.default_rng(n_functions).integers(0, 2, (n_functions, 2**n), dtype=np.uint8)
    return FunctionBatch("boolean", boolean_points(n), bits=bits)


@pytest.fixture
def first_bit():
    @proxy(
        "first_bit",
        meaning="f at the first input",
        unit="",
        kinds=["boolean", "labels"],
        reads_order=True,
    )
    def compute(batch):
        return batch.bits[:, 0].astype(float)

    yield "first_bit"
    forget_proxy("first_bit")


def test_proxies_of_every_kind():
    assert [item.name for item in proxies_for("boolean")] == BOOLEAN
    assert [item.name for item in proxies_for("labels")] == [
        "lz",
        "lz_mingard2025",
        "entropy",
        "ones",
        "neighbour_disagreement",
    ]
    curve = [item.name for item in proxies_for("curve")]
    assert curve == [
        "lz",
        "kinks",
        "total_variation",
        "spectral_centroid",
        "neighbour_disagreement",
    ]
    assert {item.name for item in proxies_for("boolean") if item.dear} == DEAR


def test_proxies_without_a_value_at_a_size_are_measured_only_where_named():
    beyond = {"circuit": 5, "formula": 4, "halfspaces": 10}
    assert {i.name: i.most_inputs for i in proxies_for("boolean") if i.most_inputs} == beyond
    for n in range(2, 12):
        there = [name for name in BOOLEAN if n <= beyond.get(name, n)]
        assert [item.name for item in proxies_for("boolean", n_inputs=n)] == there
    values = measure(boolean_batch(3, 6))
    assert list(values) == [name for name in BOOLEAN if name not in ("circuit", "formula")]
    for name in ("circuit", "formula"):
        assert np.isnan(measure(boolean_batch(3, 6), [name])[name]).all()


def test_names_choose_and_order_the_columns():
    values = measure(boolean_batch(5), ["degree", "lz"])
    assert list(values) == ["degree", "lz"]
    assert list(measure(boolean_batch(5))) == BOOLEAN


def test_dear_proxies_are_computed_where_asked_and_null_elsewhere():
    batch = boolean_batch(50)
    everywhere = measure(batch)
    chosen = np.zeros(50, dtype=bool)
    chosen[[3, 17, 49]] = True
    values = measure(batch, dear=chosen)
    for name in DEAR:
        np.testing.assert_array_equal(values[name][chosen], everywhere[name][chosen])
        assert np.isnan(values[name][~chosen]).all()
    np.testing.assert_array_equal(values["lz"], everywhere["lz"])
    assert np.isnan(measure(batch, dear=np.zeros(50, dtype=bool))["expression"]).all()


@pytest.mark.parametrize("n", [2, 7, 9])
def test_values_depend_neither_on_threads_nor_on_the_batch(n):
    batch = boolean_batch(300, n)
    names = [item.name for item in proxies_for("boolean", n_inputs=n) if not item.dear]
    one = measure(batch, names, threads=1)
    many = measure(batch, names, threads=5)
    alone = measure(batch.rows(slice(123, 124)), names)
    for name in names:
        np.testing.assert_array_equal(one[name], many[name])
        assert one[name][123] == alone[name][0]


def test_progress_ends_at_its_total_and_never_falls():
    calls: list[tuple[int, int]] = []
    chosen = np.arange(100) < 10
    measure(boolean_batch(100), dear=chosen, progress=lambda *call: calls.append(call), threads=2)
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert {call[1] for call in calls} == {(len(BOOLEAN) - len(DEAR)) * 100 + len(DEAR) * 10}
    assert done[-1] == calls[-1][1]


def test_no_functions_give_empty_columns():
    values = measure(FunctionBatch("boolean", boolean_points(3), bits=np.zeros((0, 8))))
    assert {column.shape for column in values.values()} == {(0,)}


def test_labels_have_the_complexities_of_strings():
    bits = np.random.default_rng(1).integers(0, 2, (20, 37), dtype=np.uint8)
    values = measure(FunctionBatch("labels", np.zeros((37, 64)), bits=bits))
    assert set(values) == {"lz", "lz_mingard2025", "entropy", "ones", "neighbour_disagreement"}
    np.testing.assert_array_equal(values["ones"], bits.sum(axis=1))
    words = values["lz"] / (np.log2(37) / 2)
    np.testing.assert_allclose(words, np.round(words), rtol=1e-12)


def test_a_users_proxy_joins_and_leaves(first_bit):
    batch = boolean_batch(30)
    values = measure(batch)
    assert list(values) == [*BOOLEAN, first_bit]
    np.testing.assert_array_equal(values[first_bit], batch.values[:, 0])
    assert "| `first_bit` | boolean, labels |" in proxy_table()


def test_a_users_proxy_may_be_defined_again_but_not_replace_one_of_pfmap(first_bit):
    @proxy(first_bit, meaning="its complement", unit="", kinds=["boolean"], reads_order=True)
    def again(batch):
        return 1.0 - batch.bits[:, 0]

    batch = boolean_batch(3)
    np.testing.assert_array_equal(measure(batch, [first_bit])[first_bit], 1 - batch.values[:, 0])
    with pytest.raises(SettingsError, match="'lz' is a proxy of pfmap"):
        proxy("lz", meaning="", unit="", kinds=["boolean"], reads_order=True)(again)
    # In a campaign the column would win, and the proxy vanish without a word.
    for column in ("count", "log2_p", "lz_orbit_min"):
        with pytest.raises(SettingsError, match=f"column of functions.parquet, got '{column}'"):
            proxy(column, meaning="", unit="", kinds=["boolean"], reads_order=True)(again)


def test_a_proxy_that_returns_another_shape_is_named(first_bit):
    @proxy(first_bit, meaning="", unit="", kinds=["boolean"], reads_order=True)
    def wrong(batch):
        return batch.bits.astype(float)

    with pytest.raises(SettingsError, match=r"first_bit must return one value a function"):
        measure(boolean_batch(10), [first_bit])


def test_unknown_and_unfit_names_are_refused():
    with pytest.raises(SettingsError, match=r"no proxy of that name, got 'lzz'.*choose from bdd"):
        measure(boolean_batch(2), ["lzz"])
    with pytest.raises(SettingsError, match=r"kinks is not defined for boolean functions"):
        measure(boolean_batch(2), ["kinks"])
    with pytest.raises(SettingsError, match=r"no proxy of that name"):
        forget_proxy("nothing")


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(SettingsError, match=r"dear: one value for each of 4 functions"):
        measure(boolean_batch(4), dear=np.ones(3, dtype=bool))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "cube", "bits": np.zeros((1, 4))}, "kind: must be one of boolean"),
        ({"kind": "boolean"}, "bits: needed for functions of kind boolean"),
        (
            {"kind": "curve", "bits": np.zeros((1, 4))},
            "symbols: needed for functions of kind curve",
        ),
        ({"kind": "boolean", "bits": np.zeros((1, 8))}, "one column for each of 4 points"),
        ({"kind": "boolean", "bits": np.zeros(4)}, "one column for each of 4 points"),
        ({"kind": "boolean", "bits": np.full((1, 4), 2)}, "every value must be 0 or 1, got 2"),
        ({"kind": "boolean", "bits": np.full((1, 4), 0.5)}, "must be integers, got 0.5"),
        ({"kind": "labels", "bits": np.full((1, 4), -1)}, "bits: must be integers|0 or 1"),
        ({"kind": "curve", "symbols": np.full((1, 4), 0.25)}, "must be integers, got 0.25"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(SettingsError, match=message):
        FunctionBatch(points=boolean_points(2), **arguments)


def test_a_boolean_batch_needs_every_point_of_the_cube():
    with pytest.raises(SettingsError, match=r'use the kind "labels"'):
        FunctionBatch("boolean", boolean_points(3)[:5], bits=np.zeros((1, 5)))


def test_curves_have_no_packed_words():
    batch = FunctionBatch("curve", boolean_points(2), symbols=np.zeros((1, 4)))
    with pytest.raises(SettingsError, match="no bits to pack"):
        _ = batch.words


@pytest.mark.parametrize("tables", [[], ["012"], ["011"], ["01", "0110"], ["0"]])
def test_tables_that_are_none_are_refused(tables):
    with pytest.raises(SettingsError, match="tables:"):
        measure_tables(tables)


def test_the_page_lists_every_proxy(root):
    page = root / "docs" / "complexity.md"
    table = re.search(r"<!-- proxies -->\n(.*?)<!-- /proxies -->", page.read_text("utf-8"), re.S)
    assert table is not None
    assert table.group(1) == proxy_table(), "paste proxy_table() between the marks of the page"
