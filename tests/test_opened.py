"""An opened campaign: what its folder holds, in pandas, and what makes what is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import matplotlib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.figure import Figure

import pfmap
from pfmap import pipeline
from pfmap.analysis import line, predictors
from pfmap.errors import DataError, EnvironmentFault, SettingsError, StoppedEarly
from pfmap.figures.draw import FIGURES
from pfmap.functions.probability import clopper_pearson
from pfmap.models.network import network_outputs
from pfmap.opened.campaign import TABLE_NAMES
from pfmap.pipeline.stages import stage_names, stage_of
from pfmap.store import CampaignFolder, read_table
from pfmap.store.schema import IN_FOLDERS, TABLES


@pytest.fixture(scope="module")
def opened(tiny_campaign, tmp_path_factory):
    """A campaign with every stage done but the figures, and a short analysis."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line, "ENVELOPE_RESAMPLES", 5)
        patch.setattr(predictors, "REPEATS", 1)
        place = tmp_path_factory.mktemp("opened") / "tiny"
        curves = {"classes": 5, "chains": 16, "steps": 16, "runs": 4, "n": (1.0, 100.0)}
        settings = {**tiny_campaign.model_dump(mode="json", exclude_none=True)}
        campaign = pfmap.campaign_from_mapping({**settings, "free_energy": curves})
        return pfmap.run(campaign, place, stages=["analyze"])


@pytest.fixture(scope="module")
def interrupted(tiny_campaign, tmp_path_factory):
    """A folder with two of its five blocks, as an interruption leaves it."""
    folder = tmp_path_factory.mktemp("interrupted") / "tiny"
    pipeline.run(tiny_campaign, folder, blocks=(1, 3))
    return pfmap.open_campaign(folder)


def test_tables_are_those_of_the_contract(opened):
    assert set(TABLE_NAMES) == {"counts", *TABLES} - (set(IN_FOLDERS) - {"counts"})
    assert set(opened.tables) <= set(TABLE_NAMES)
    for name in opened.tables:
        table = getattr(opened, name)
        assert isinstance(table, pd.DataFrame)
        assert isinstance(opened.arrow(name), pa.Table)
        pd.testing.assert_frame_equal(table, read_table(opened.folder, name).to_pandas())
        assert getattr(opened, name) is table
        assert name in dir(opened)
    assert opened.functions["count"].sum() == opened.settings.draws
    assert len(repr(opened)) <= 200
    assert f"<th>functions</th><td>{len(opened.functions):,} rows</td>" in opened._repr_html_()


TABLES_OF_STAGE = {name: stage_of(name).tables for name in stage_names() if stage_of(name).tables}


def test_stages_write_the_tables_that_are_said_to_be_theirs(opened):
    stages = CampaignFolder(opened.folder).journal.state.stages
    for stage, names in TABLES_OF_STAGE.items():
        if stage != "sample":
            written = {name.partition(".")[0] for name in stages[stage].files} & set(TABLES)
            assert written == set(names) - {"frequencies"}, stage
    made_by_commands = {"posterior", "calibration"}
    by_stages = {name for names in TABLES_OF_STAGE.values() for name in names}
    assert by_stages | made_by_commands == set(TABLE_NAMES)


def test_a_missing_table_says_what_makes_it(interrupted):
    for stage, names in TABLES_OF_STAGE.items():
        for name in names[:1] if stage != "sample" else ():
            first = pipeline.stage_of_table(name)
            with pytest.raises(DataError, match=rf"{name}: .*stages=\['{first}'\]"):
                getattr(interrupted, name)
    with pytest.raises(DataError, match="pfmap posterior --out"):
        _ = interrupted.posterior
    with pytest.raises(AttributeError, match="stairs"):
        _ = interrupted.stairs
    with pytest.raises(DataError, match="stairs"):
        interrupted.table("stairs")
    with pytest.raises(DataError, match=r"campaign\.toml"):
        pfmap.open_campaign(interrupted.folder.parent)


def test_a_table_is_read_again_when_its_file_changes(tiny_campaign, tmp_path):
    small = tiny_campaign.model_copy(update={"draws": 4096})
    opened = pfmap.run(small, tmp_path / "grows", stages=["functions"])
    before = opened.functions
    assert before["count"].sum() == 4096
    pipeline.run(tiny_campaign, opened.folder, resume=True, stages=["functions"])
    again = pfmap.open_campaign(opened.folder)
    assert opened.functions["count"].sum() == again.functions["count"].sum() == 20_000


def test_polars_is_used_only_if_it_is_installed(opened, monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(EnvironmentFault, match="pip install polars"):
        opened.polars("functions")


def test_a_function_has_its_p_complexities_and_bounds(opened):
    row = opened.functions.set_index("function").loc["17"]
    bounds = opened.function_llc.set_index("function").loc["17"]
    ways = ("majority", "17", "0x17", "0001 0111", "x1 & x2 | x1 & x3 | x2 & x3")
    for found in map(opened.function, ways):
        assert found.key == "17"
        assert found.truth_table == "00010111"
        assert (found.count, found.draws) == (row["count"], opened.settings.draws)
        assert (found.p, found.p_low, found.p_high) == (row["p"], row["p_low"], row["p_high"])
        assert found.log2_p == pytest.approx(row["log2_p"])
        assert found.function_llc_low == bounds["function_llc_low"]
        assert found.orbit == row["orbit"]
        for name, value in found.complexity.items():
            assert value == row[name], name
    assert "<svg" in found._repr_html_()
    assert len(repr(found)) <= 200


def test_a_function_never_drawn_has_a_bound_and_measured_complexities(tmp_path):
    settings = pfmap.Campaign(
        draws=1000, network={"widths": (4, 4, 1)}, prior={"preset": "gaussian"}
    )
    opened = pfmap.run(settings, tmp_path / "few", stages=["complexity"])
    found = opened.function("parity")
    assert (found.count, found.p, found.p_from) == (0, 0.0, "not drawn")
    assert found.p_high == clopper_pearson([0], 1000)[1][0]
    assert np.isnan(found.log2_p)
    measured = pfmap.measure_tables([found.truth_table])
    drawn = opened.functions.columns
    assert found.complexity["lz"] == measured["lz"][0]
    assert found.complexity["circuit"] == measured["circuit"][0]
    assert set(found.complexity) <= set(drawn)
    with pytest.raises(SettingsError, match="no draw"):
        opened.weights("parity")


def test_a_function_measured_by_splitting_has_its_probability(opened):
    found = opened.function("and")
    evidence = found.evidence
    assert set(evidence["function"]) == {found.key}
    assert "signs" in set(evidence["loss"])


def test_the_free_energy_of_a_function_is_that_of_its_class(opened):
    rows = opened.free_energy
    assert len(rows)
    for key in rows["function"].unique()[:3]:
        found = opened.function(key)
        expected = rows[rows["function"] == key]
        pd.testing.assert_frame_equal(found.free_energy, expected)
        complement = "".join("01"[bit == "0"] for bit in found.truth_table)
        assert len(opened.function(complement).free_energy) == len(expected)


def test_a_beginning_of_a_key_must_be_one_function(opened):
    with pytest.raises(SettingsError, match="begins"):
        opened.function("0")
    with pytest.raises(SettingsError, match="function: "):
        opened.function("nonsense")


def test_weights_express_their_function(opened):
    keys = opened.functions["function"].tolist()
    points = opened.settings.points
    for key in (keys[0], keys[len(keys) // 2], keys[-1]):
        count = int(opened.functions.set_index("function")["count"][key])
        weights = opened.weights(key, 7)
        assert weights.shape == (min(7, count), 41)
        assert len(np.unique(weights, axis=0)) == len(weights)
        for w in weights:
            bits = (network_outputs(w, points, (3, 8, 1))[:, 0] > 0).astype(int)
            assert "".join(map(str, bits)) == opened.function(key).truth_table
    other = opened.function(keys[1]).truth_table
    assert other != opened.function(keys[0]).truth_table  # the check above can fail
    with pytest.raises(SettingsError, match="count"):
        opened.weights(keys[0], 0)


def test_an_interrupted_folder_gives_what_is_there(interrupted):
    assert interrupted.tables == ["counts"]
    assert interrupted.counts["count"].sum() == 2 * 4096
    found = interrupted.function("majority")
    assert found.draws == 2 * 4096
    assert found.count == interrupted.counts.set_index("function")["count"]["17"]
    weights = interrupted.weights("majority", 4)
    assert weights.shape == (4, 41)
    assert "8,192 of 20,000 draws" in interrupted.summary()
    assert interrupted.status["blocks"]["done"] == 2
    assert "tiny" in repr(interrupted)
    assert "<td>8,192 of 20,000</td>" in interrupted._repr_html_()
    assert interrupted.folder.name in repr(interrupted.plot)


def test_the_summary_is_the_text_of_the_run(opened):
    assert opened.summary() == (opened.folder / "summary.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def drawable(opened):
    return opened.plot.names


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws_into_what_it_is_given(opened, drawable, name):
    draw = getattr(opened.plot, name)
    assert draw.__doc__
    before = dict(matplotlib.rcParams)
    if name not in drawable:
        with pytest.raises(DataError, match="nothing to draw"):
            draw()
        return
    figure = draw(font_size=11.0)
    assert isinstance(figure, Figure)
    sizes = {label.get_fontsize() for axes in figure.axes for label in axes.get_xticklabels()}
    assert sizes
    assert figure._repr_png_().startswith(b"\x89PNG")
    mine = Figure(figsize=(7.0, 4.0), layout="constrained")
    if FIGURES[name].one_panel:
        left, right = mine.subplots(1, 2)
        assert draw(ax=left) is left
        assert left.get_xlabel()
        assert not right.get_xlabel()
        with pytest.raises(SettingsError, match="ax="):
            draw(figure=mine)
    else:
        parts = mine.subfigures(1, 2)
        assert draw(figure=parts[0]) is parts[0]
        assert parts[0].axes
        assert not parts[1].axes
        with pytest.raises(SettingsError, match="figure="):
            draw(ax=figure.axes[0])
    mine.draw_without_rendering()
    assert dict(matplotlib.rcParams) == before


def test_styles_are_matplotlibs_and_hold_for_one_figure(opened):
    with pytest.raises(SettingsError, match="font_siz"):
        opened.plot.probability_rank(font_siz=3)
    with pytest.raises(SettingsError, match=r"font\.size"):
        opened.plot.probability_rank(font_size="not a size")
    plain = opened.plot.probability_rank()
    thick = opened.plot.probability_rank(lines_linewidth=5.0)
    widths = [max(line.get_linewidth() for line in each.axes[0].lines) for each in (plain, thick)]
    assert widths[0] < widths[1] == 5.0
    with pytest.raises(AttributeError, match="stairs"):
        _ = opened.plot.stairs
    assert set(FIGURES) <= set(dir(opened.plot))


def test_run_returns_the_opened_campaign_with_what_it_did(opened):
    assert opened.outcome is not None
    assert list(opened.outcome.stages) == ["analyze"] or "analyze" in opened.outcome.stages
    assert pfmap.open_campaign(opened.folder).outcome is None
    again = opened.resume(stages=["llc"])
    assert again.outcome.stages["llc"].up_to_date


def test_errors_of_a_run_speak_python(opened, tiny_campaign):
    with pytest.raises(SettingsError, match="resume=True") as caught:
        pfmap.run(tiny_campaign, opened.folder)
    assert "--" not in str(caught.value)


def test_an_interrupt_keeps_what_is_done_and_says_how_to_go_on(tiny_campaign, tmp_path):
    settings = tiny_campaign.model_copy(update={"draws": 40_000_000, "block_draws": 65_536})
    folder = tmp_path / "stopped"

    def interrupt() -> None:
        files = CampaignFolder(folder)
        while not (files.counts.is_dir() and list(files.counts.glob("part-*.parquet"))):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=interrupt)
    watcher.start()
    with pytest.raises(StoppedEarly) as caught:
        pfmap.run(settings, folder, stages=["sample"])
    watcher.join()
    assert f"pfmap.open_campaign({str(folder)!r}).resume()" in str(caught.value)
    assert "--resume" not in str(caught.value)
    opened = pfmap.open_campaign(folder)
    done = opened.status["blocks"]["done"]
    assert 1 <= done < settings.n_blocks
    assert opened.counts["count"].sum() == done * 65_536
    code = (
        "import pfmap, sys\n"
        f"campaign = pfmap.open_campaign({str(folder)!r})\n"
        f"campaign = pfmap.run(campaign.settings, campaign.folder, resume=True,\n"
        f"                     blocks=({done}, {done + 1}))\n"
        "print(campaign.status['blocks']['done'])\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert int(finished.stdout) == done + 1


def test_without_a_folder_results_lie_under_their_name(tmp_path, monkeypatch, tiny_campaign):
    monkeypatch.chdir(tmp_path)
    small = tiny_campaign.model_copy(update={"draws": 1000})
    assert pfmap.run(small, stages=["functions"]).folder.as_posix() == "results/tiny"
