"""Numbers without end, lists that repeat themselves: refused with the rule, before any work."""

from __future__ import annotations

import pytest
from command_line import pfmap

from pfmap.complexity import measure_tables
from pfmap.errors import SettingsError
from pfmap.functions.named import named_table
from pfmap.llc.arguments import check_count
from pfmap.llc.exact import (
    deep_linear_llc,
    factored_polynomial_llc,
    monomial_llc,
    parse_monomials,
    tanh_llc,
)
from pfmap.memory import check_memory
from pfmap.settings.read import campaign_from_mapping, read_campaign

HUGE = 2**20_000  # more digits than Python writes out
SETTINGS = [
    ("seed", ()), ("draws", ()), ("block_draws", ()), ("degree", ("network",)),
    ("step", ("readout",)), ("functions", ("counting",)), ("frequent_p", ("counting",)),
    ("dear_functions", ("complexity",)), ("functions", ("llc",)), ("draws_per_function", ("llc",)),
    ("n_beta", ("llc",)), ("gamma", ("llc",)), ("chains", ("llc",)), ("steps", ("llc",)),
    ("warmup", ("llc",)), ("replicas", ("llc",)), ("replica_ratio", ("llc",)),
    ("ladder_steps", ("llc",)), ("ladder_parameters", ("llc",)), ("target_tolerance", ("llc",)),
    ("functions", ("volume",)), ("chains", ("volume",)), ("steps", ("volume",)),
    ("runs", ("volume",)), ("max_levels", ("volume",)), ("bootstrap", ("analysis",)),
    ("min_count", ("analysis",)), ("envelope_quantile", ("analysis",)),
    ("noise_simulations", ("analysis",)),
]  # fmt: skip


@pytest.mark.parametrize(("key", "section"), SETTINGS)
@pytest.mark.parametrize(
    "value", [10**15, 10**400, HUGE, -HUGE, float("inf"), float("nan")], ids=range(6)
)
def test_every_number_of_a_campaign_has_a_bound(key, section, value):
    if (key, value) in (("seed", 10**15), ("n_beta", 10**15), ("gamma", 10**15), ("step", 10**15)):
        return  # within
    settings = {section[0]: {key: value}} if section else {key: value}
    with pytest.raises(SettingsError, match=".".join((*section, key))):
        campaign_from_mapping(settings)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed = " + "9" * 5000, "not valid TOML"),
        ("seed = 0x" + "f" * 5000, "more than 4,300 digits"),
        ("x = " + "[" * 3000 + "]" * 3000, "nested too deep"),
        ("[domain]\nkind = 0x" + "f" * 5000, "kind must be text"),
        ("[network]\nwidths = [" + "2, " * 5000 + "1]", "at most 1001 items"),
        ('[complexity]\nproxies = ["lz", "lz"]', "lz stands there twice"),
        ('[llc]\ncenters = ["self", "self"]', "self stands there twice"),
        ('[llc]\nnamed = ["00", "00"]', "00 stands there twice"),
        ('[volume]\nnamed = ["and", "and"]', "and stands there twice"),
        ("[analysis]\nbootstrap = 1_000_000_000_000_000", "less than or equal to 1000000"),
    ],
)
def test_files_that_would_not_end_are_refused_in_a_line(tmp_path, text, words):
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=words) as found:
        read_campaign(path)
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 3000


def test_proxies_named_twice_are_refused_where_tables_are_measured():
    with pytest.raises(SettingsError, match="must differ from each other, got lz, lz"):
        measure_tables(["0110"], names=["lz", "lz"])


@pytest.mark.parametrize(
    "memory", ["9" * 400, "9" * 400 + "GiB", "2PiB", "1e9", HUGE, 10**30], ids=range(6)
)
def test_memory_has_an_upper_bound(memory):
    with pytest.raises(SettingsError, match="memory: must be"):
        check_memory(memory)


@pytest.mark.parametrize("name", ["threshold-" + "9" * 5000, "random:" + "9" * 5000], ids=range(2))
def test_names_with_endless_numbers_are_no_functions(name):
    with pytest.raises(SettingsError, match="no function is called"):
        named_table(name, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: tanh_llc(HUGE),
        lambda: deep_linear_llc((HUGE, 1), rank=0),
        lambda: deep_linear_llc([1] * 100_000, rank=0),
        lambda: factored_polynomial_llc([10**6], [0]),
        lambda: factored_polynomial_llc([1] * 10**5, [0] * 10**5),
        lambda: monomial_llc([[HUGE]]),
        lambda: monomial_llc([[1] * 10_000]),
        lambda: parse_monomials("x^" + "9" * 5000),
        lambda: parse_monomials("9" * 5000 + " x"),
        lambda: check_count("steps", 10**15, 1),
        lambda: check_count("steps", HUGE, 1),
    ],
)
def test_arguments_without_end_are_refused(call):
    with pytest.raises(SettingsError) as found:
        call()
    assert len(str(found.value)) < 3000


@pytest.mark.parametrize(
    "arguments",
    [
        ("exact", "squares", "2", "1e999999999"),
        ("exact", "squares", "2", "1/" + "9" * 5000),
        ("exact", "factored-polynomial", "1", "--target", "1e999999999"),
        ("exact", "polynomial-net", "1000000"),
        ("exact", "regular", "9" * 4000),
        ("sample", "small", "--blocks", "0:" + "9" * 5000),
    ],
)
def test_options_without_end_are_usage_errors(tmp_path, arguments):
    done = pfmap(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
