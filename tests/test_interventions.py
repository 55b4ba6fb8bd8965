"""The interventions: members, and the table, figure and text from two short ones."""

from __future__ import annotations

import interventions as script
import numpy as np
import pandas as pd
import pytest

from pfmap.functions import prior_symmetries
from pfmap.volume import Settings


def test_members_differ_from_the_base_in_one_thing_and_keep_its_classes():
    base = script.campaign_of({})
    assert base.network.widths == (4, 16, 1)
    for name, changes in script.MEMBERS.items():
        member = script.campaign_of(changes)
        assert len(changes) == (name != script.BASE)
        assert prior_symmetries(member) == prior_symmetries(base)
    assert script.campaign_of({}, seed=2).seed == 2
    assert set(script.WIDTHS) < set(script.MEMBERS)


def test_probabilities_need_counts_in_both_halves():
    table = pd.DataFrame({"orbit": ["a", "b", "c"], "size": [2, 4, 4]})
    counts = pd.DataFrame(
        {"orbit": ["a", "b", "c"], "half_1": [500, 30, 40], "half_2": [500, 0, 8]}
    )
    found = script.with_probability(table, counts, 1000)
    assert found["log2_p"][0] == pytest.approx(-2.0)
    assert np.isnan(found["log2_p"][1])
    assert found["log2_p"][2] == pytest.approx(np.log2(48 / 2000 / 4))
    assert found["log2_p_se"][2] == pytest.approx(1.0 / np.sqrt(48) / np.log(2.0))


def test_a_change_of_f_that_follows_p_is_told_from_one_that_does_not():
    """ΔF = -Δln P by hand at one n, and with the signs turned (control)."""
    keys = [f"{number:x}" for number in range(12)]
    moved = np.linspace(-2.0, 2.0, 12)
    both = pd.DataFrame({"orbit": keys, "log2_p": -5.0 - moved, "base": -5.0})
    base = pd.DataFrame({"orbit": keys, "n": 10.0, "free_energy": 3.0})
    for sign in (1.0, -1.0):
        other = base.assign(free_energy=3.0 + sign * moved)
        (row,) = script._energy_rows("x", both, {"x": other, script.BASE: base})
        assert (row["estimate"], row["at_n"], row["n"]) == (pytest.approx(sign), 10.0, 12)


def test_table_figure_and_text_of_short_members(tmp_path):
    names = [script.BASE, "width 8"]
    settings = Settings(8, 8, 4, 200, 0.01)
    table = script.measure_members(
        tmp_path, names=names, draws=40_000, n_curves=8, settings=settings, run=True
    )
    assert not table.duplicated(["member", "quantity", "at_n"]).any()
    known = table[table["low"].notna()]
    assert (known["low"] <= known["estimate"] + 1e-9).all()
    assert (known["estimate"] <= known["high"] + 1e-9).all()
    row = table[(table["member"] == "width 8") & (table["quantity"] == "ρ with the base")].iloc[0]
    assert row["estimate"] > 0.9
    written = {path.name for path in script.draw(table, tmp_path)}
    assert written == {"interventions.png", "interventions.svg"}
    assert script.printed(table).count("width 8") == 2
