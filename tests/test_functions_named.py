"""Named functions against plain Python, the three ways to give one, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pfmap.errors import SettingsError
from pfmap.functions.named import (
    FUNCTION_NAMES,
    function_of_bits,
    named_table,
    parse_function,
    table_from_key,
    table_from_text,
)

PLAIN = {
    "parity": lambda x: sum(x) % 2 == 1,
    "majority": lambda x: sum(x) > len(x) / 2,
    "and": all,
    "or": any,
    "xor2": lambda x: x[0] != x[1],
    "threshold-2": lambda x: sum(x) >= 2,
    "constant": lambda x: False,
    "constant-0": lambda x: False,
    "constant-1": lambda x: True,
}


@pytest.mark.parametrize("n_inputs", [2, 3, 7, 8])
@pytest.mark.parametrize("name", PLAIN)
def test_a_name_means_what_plain_python_says(name, n_inputs):
    expected = [bool(PLAIN[name](x)) for x in itertools.product((0, 1), repeat=n_inputs)]
    assert named_table(name, n_inputs).tolist() == expected
    assert named_table(name, n_inputs).dtype == bool


def test_multiplexer_picks_its_data_bit():
    inputs = itertools.product((0, 1), repeat=6)
    for x, bit in zip(inputs, named_table("multiplexer", 6), strict=True):
        assert bit == x[2 + 2 * x[0] + x[1]]
    assert named_table("multiplexer", 3).astype(int).tolist() == [0, 0, 1, 1, 0, 1, 0, 1]


def test_random_tables_are_fixed_fair_and_differ():
    tables = np.array([named_table(f"random:{seed}", 8) for seed in range(200)])
    assert function_of_bits(named_table("random:1", 3)).key == "47"
    assert len(np.unique(tables, axis=0)) == 200
    # Ones of 51,200 fair coins: within 5 standard deviations of one half.
    assert abs(tables.mean() - 0.5) < 5 * 0.5 / np.sqrt(tables.size)
    short = np.array([named_table(f"random:{seed}", 2) for seed in range(200)])
    assert (short != tables[:, :4]).any()


def test_every_name_listed_is_known():
    for name in FUNCTION_NAMES.split(" | "):
        spelled = name.replace("K", "2").replace("SEED", "5")
        assert parse_function(spelled, 6).label == spelled


@pytest.mark.parametrize("n_inputs", [2, 3, 7, 8])
def test_the_three_ways_agree(n_inputs):
    bits = named_table("random:4", n_inputs)
    table = "".join("1" if bit else "0" for bit in bits)
    key = f"{int(table, 2):0{2**n_inputs // 4}x}"
    for text in ("random:4", table, f"{table[:2]} {table[2:]}", key, "0x" + key.upper()):
        found = parse_function(text, n_inputs)
        assert found.key == key
        assert (found.bits == bits).all()
        assert (found.signs == np.where(bits, 1.0, -1.0)).all()
    assert (table_from_key(key, n_inputs) == table_from_text(table, n_inputs)).all()


@pytest.mark.parametrize(
    ("text", "n_inputs", "pattern"),
    [
        (
            "majorty",
            7,
            "a name, an expression of x1 … x7, a table of 128 .* of 32 .*got 'majorty' .*parity",
        ),
        ("0110", 3, "a table of 8 bits or a key of 2 .* got '0110' with 4"),
        ("", 3, "got ''"),
        ("0x", 3, "got '0x'"),
        ("6g", 3, "got '6g'"),
        ("multiplexer", 7, "3 or 6 inputs, got 7"),
        ("threshold-8", 7, "1 <= K <= 7, got 'threshold-8'"),
        ("threshold-0", 7, "1 <= K <= 7"),
        ("random:x", 7, "got 'random:x'"),
        ("parity", 1, "2 to 8 inputs, got 1"),
        ("parity", 9, "2 to 8 inputs, got 9"),
    ],
)
def test_what_is_no_function_is_explained(text, n_inputs, pattern):
    with pytest.raises(SettingsError, match=pattern):
        parse_function(text, n_inputs)


def test_single_ways_explain_their_own_rule():
    with pytest.raises(SettingsError, match="no function is called 'nand'"):
        named_table("nand", 3)
    with pytest.raises(SettingsError, match="0s and 1s, got '2'"):
        table_from_text("01200000", 3)
    with pytest.raises(SettingsError, match="has 8 bits, got 4"):
        table_from_text("0110", 3)
    with pytest.raises(SettingsError, match="in 2 hexadecimal digits, got '6'"):
        table_from_key("6", 3)
