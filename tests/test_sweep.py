"""The sweep: its members, and the combined table, figure and text from small campaigns."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pfmap import pipeline
from pfmap.settings.network import Network
from pfmap.settings.sections import Analysis, Llc


@pytest.fixture(scope="module")
def sweep():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "scripts"))
        yield importlib.import_module("sweep")


def test_members_differ_in_widths_alone(sweep):
    members = sweep.members()
    assert [m.network.widths for m in members[:2]] == [(5, 1, 1), (5, 2, 1)]
    assert len({m.name for m in members}) == len(members) == 15
    base = members[0]
    for member in members:
        same = member.model_copy(update={"name": base.name, "network": base.network})
        assert same == base
    d = [sweep.parameter_count(m.network.widths) for m in members]
    assert min(d) < sweep.N_POINTS < max(d)


def test_table_figure_and_text_of_two_small_members(sweep, tmp_path):
    rows = []
    for widths in ((3, 3, 1), (3, 2, 2, 1)):
        campaign = sweep.members()[0].model_copy(
            update={
                "name": "tiny",
                "draws": 4000,
                "block_draws": 1024,
                "network": Network(widths=widths),
                "llc": Llc(functions=8, steps=100, warmup=50, centers=("self", "target")),
                "analysis": Analysis(bootstrap=100, noise_simulations=200),
            }
        )
        folder = tmp_path / campaign.name / str(len(widths))
        pipeline.run(campaign, folder, stages=sweep.STAGES)
        rows += sweep.member_rows(campaign, folder)
    table = pd.DataFrame(rows)
    assert not table.duplicated(["network", "quantity", "of"]).any()
    shares = table[table["quantity"].str.startswith("share ") & (table["of"] == "mala/self")]
    assert shares.groupby("network")["estimate"].sum().to_numpy() == pytest.approx(1.0)
    inside = table["low"].isna() | (
        (table["low"] <= table["estimate"] + 1e-9) & (table["estimate"] <= table["high"] + 1e-9)
    )
    assert inside.all()
    assert {path.name for path in sweep.draw(table, tmp_path)} == {"sweep.png", "sweep.svg"}
    assert sweep.printed(table).count("(3, 3, 1)") == 5


def test_interval_of_a_share_never_leaves_the_unit_interval(sweep):
    assert sweep._wilson(0.0, 50)[0] == 0.0
    low, high = sweep._wilson(0.5, 100)
    assert (low, high) == pytest.approx((0.5 - 0.0962, 0.5 + 0.0962), abs=2e-3)
    assert np.isfinite(sweep._wilson(1.0, 3)).all()


def test_relative_coefficient_leaves_kinks_out_and_says_over_how_many(sweep):
    """A rank bounds nothing on a kink; the interval is Student's over functions."""
    llc = pd.DataFrame(
        {
            "function": ["a", "a", "b", "c"], "center": "target", "estimator": "rank",
            "verdict": ["ok", "soft", "ok", "kink"], "relative_llc": [0.2, 0.4, 0.5, 0.9],
            "rank_constant": [True, True, False, None], "n_parameters": 8, "rank": 6,
        }
    )  # fmt: skip
    (row,) = [r for r in sweep._coefficient_rows(llc) if r["quantity"] == "relative_llc"]
    # Means 0.3 and 0.5 of two functions: half a width of t(0.975, 1) = 12.706 standard errors.
    assert (row["estimate"], row["n"]) == (pytest.approx(0.4), 2)
    assert row["high"] - row["estimate"] == pytest.approx(12.706 * 0.1, rel=1e-4)
    (share,) = [r for r in sweep._coefficient_rows(llc) if r["quantity"] == "share attained"]
    assert share["estimate"] == 1.0
    smooth = [r for r in sweep._coefficient_rows(llc) if r["quantity"] == "share smooth"]
    assert smooth[0]["n"] == 3
