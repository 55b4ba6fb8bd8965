"""Where a run spends its time: what is counted, and that asking changes nothing."""

from __future__ import annotations

import json
import threading

import pandas as pd
import pytest

from pfmap import pipeline, profiling
from pfmap.profiling import COMPILING, profiled, timed, timed_items
from pfmap.settings.read import campaign_from_mapping

CAMPAIGN = {"draws": 3000, "block_draws": 1024, "network": {"widths": [3, 4, 1]}}
STAGES = ["sample", "functions"]


def test_a_part_does_not_count_the_parts_inside_it(monkeypatch):
    """By clocks that only this test moves: the wall's by hours, the processor's by seconds."""
    hours = 0

    def pass_hours(n):
        nonlocal hours
        hours += n

    monkeypatch.setattr(profiling.time, "perf_counter", lambda: 3600.0 * hours)
    monkeypatch.setattr(profiling.time, "thread_time", lambda: 1.0 * hours)
    with profiled() as profile, timed("outer"):
        pass_hours(1)
        with timed("inner"):
            pass_hours(5)
        with timed("inner"):
            pass_hours(2)
    outer, inner = profile.parts[""]["outer"], profile.parts[""]["inner"]
    assert (outer.calls, inner.calls) == (1, 2)
    assert (outer.wall_s, outer.processor_s) == (3600.0, 1.0)
    assert (inner.wall_s, inner.processor_s) == (7 * 3600.0, 7.0)


def test_threads_add_up_and_do_not_disturb_each_other():
    def work():
        for _ in range(100):
            with timed("a"), timed("b"):
                pass

    with profiled() as profile:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {name: part.calls for name, part in profile.parts[""].items()} == {"a": 800, "b": 800}
    assert all(part.wall_s >= 0.0 for part in profile.parts[""].values())


def test_an_error_inside_is_counted_and_goes_on():
    with profiled() as profile:
        with pytest.raises(ValueError, match="bad"), timed("bad"):
            raise ValueError("bad")
        assert list(timed_items("items", "ab")) == ["a", "b"]
    assert profile.parts[""]["bad"].calls == 1
    assert profile.parts[""]["items"].calls == 3


def test_nothing_is_counted_outside():
    with profiled() as profile:
        pass
    with timed("late"):
        pass
    assert profile.parts == {}
    assert profiling.timed("x") is profiling.timed("y")


def test_compilation_is_a_part_of_its_own():
    import numba

    @numba.njit
    def helper(x):
        return x + 1

    @numba.njit
    def kernel(x):
        return helper(x) * 2

    with profiled() as profile, timed("kernel"):
        assert kernel(1) == 4
        assert kernel(2) == 6
    assert profile.parts[""][COMPILING].calls == 1
    assert profile.parts[""][COMPILING].wall_s > profile.parts[""]["kernel"].wall_s


def test_a_profiled_run_writes_the_same_tables_and_its_parts_fill_its_stages(tmp_path):
    campaign = campaign_from_mapping(CAMPAIGN)
    plain = pipeline.run(campaign, tmp_path / "plain", stages=STAGES, threads=2)
    found = pipeline.run(campaign, tmp_path / "found", stages=STAGES, threads=2, profile=True)
    assert plain.profile is None
    tables = [pd.read_parquet(tmp_path / name / "functions.parquet") for name in ("plain", "found")]
    pd.testing.assert_frame_equal(*tables)
    rows = pd.DataFrame(found.profile.parts)
    assert list(rows["stage"].unique()) == STAGES
    for stage, of_stage in rows.groupby("stage"):
        whole = of_stage.loc[of_stage["part"] == "all", "wall_s"].item()
        parts = of_stage[of_stage["part"] != "all"]
        assert whole == found.stages[stage].elapsed_s
        assert parts["wall_s"].sum() >= 2 * whole * (1 - 1e-9)
        assert parts["share"].sum() == pytest.approx(parts["wall_s"].sum() / (2 * whole))
    calls = rows.set_index(["stage", "part"])["calls"]
    assert calls["sample", "tally"] == 3
    assert calls["sample", "journal"] == 3
    sampler = pd.DataFrame(found.profile.sampling)
    assert (sampler["us_per_draw"] > 0.0).all()
    assert sampler["share"].sum() == pytest.approx(1.0)


def test_a_run_with_nothing_to_do_has_an_empty_profile(tmp_path):
    campaign = campaign_from_mapping(CAMPAIGN)
    pipeline.run(campaign, tmp_path, stages=STAGES)
    again = pipeline.run(campaign, tmp_path, stages=["functions"], resume=True, profile=True)
    assert (again.profile.parts, again.profile.sampling) == ([], [])


@pytest.mark.usefixtures("short_conclusions")
def test_the_command_prints_the_profile(tmp_path):
    from typer.testing import CliRunner

    from pfmap_cli.main import app

    file = tmp_path / "campaign.toml"
    file.write_text(
        "draws = 2000\n[network]\nwidths = [2, 3, 1]\n[llc]\nfunctions = 1\nsteps = 100\n"
        "[volume]\nfunctions = 0\nnamed = []\n"
        "[analysis]\nbootstrap = 100\nnoise_simulations = 200\n",
        encoding="utf-8",
    )
    run = ["run", str(file), "--profile", "--out", str(tmp_path / "out")]
    text = CliRunner().invoke(app, run)
    assert text.exit_code == 0, text.output
    assert "from draws to functions" in text.stdout
    assert "forward pass" in text.stdout
    data = CliRunner().invoke(app, [*run, "--fresh", "--json"])
    parts = json.loads(data.stdout)["profile"]["parts"]
    assert {row["stage"] for row in parts} >= {"sample", "functions", "llc"}
