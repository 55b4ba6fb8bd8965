"""The stage ``volume``: what it measures, keeps, makes again, passes over and refuses."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_campaign import Listener, same_tables, small, table

from pfmap import pipeline
from pfmap.analysis.extended import compared_functions, comparison_rows
from pfmap.errors import SettingsError, StoppedEarly
from pfmap.functions.named import parse_function
from pfmap.pipeline import splittings
from pfmap.settings.campaign import Campaign
from pfmap.settings.network import Network
from pfmap.settings.prior import Prior
from pfmap.settings.sections import Llc, Volume
from pfmap.store import CampaignFolder, read_table
from pfmap.volume import estimate as engine
from pfmap.volume.select import select_by_probability

MEASURED = ("volume", "evidence")
SECTION = Volume(functions=8, named=("and", "parity"), chains=64, steps=32, runs=4)


def counted(**changes: object) -> Campaign:
    """A (3, 8, 1) network drawn often enough to know its P(f)."""
    settings: dict[str, object] = {
        "draws": 40_000,
        "block_draws": 8192,
        "network": Network(widths=(3, 8, 1)),
        "prior": Prior(preset="gaussian"),
        "llc": Llc(functions=0),
        "volume": SECTION,
    }
    return small(**{**settings, **changes})


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("volume") / "counted"
    pipeline.run(counted(), folder, threads=2, stages=["volume"])
    return folder


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def test_every_selected_function_lies_within_five_errors_of_its_count(finished):
    both = compared_functions(table(finished, "evidence"), table(finished, "functions"), counted())
    assert len(both) >= 4
    assert both["z"].abs().max() < 5.0
    rows = {row.coefficient: row for row in comparison_rows(both, 10)}
    assert rows["worst_z"].verdict == "ok"
    # An engine that is off by two bits must be seen.
    wrong = both.assign(difference=both["difference"] + 2.0, z=both["z"] + 2.0 / both["se"])
    assert "disagree" in comparison_rows(wrong, 10)[0].verdict


def test_evidence_has_one_row_a_function_and_volume_one_a_level(finished):
    evidence, levels = table(finished, "evidence"), table(finished, "volume")
    assert evidence["function"].is_unique
    parity = evidence.set_index("name").loc["parity"]
    assert parity["function"] == parse_function("parity", 3).key == "69"
    assert (parity["ones"], parity["verdict"], parity["particles"]) == (4, "reached", 2048)
    assert evidence["learning_coefficient"].isna().all()
    assert evidence["lz"].notna().all()
    rows = levels[levels["function"] == "69"]
    assert len(rows) == parity["levels"] * parity["runs"]
    last = rows[rows["level"] == parity["levels"]]
    assert (last["severity"] == 0.0).all()
    assert last["acceptance"].isna().all()
    falls = np.diff(rows[rows["run"] == 0]["log_volume"])
    assert (falls <= 0.0).all()  # 0 where all states of the run were through before the pilot's
    assert (falls[:5] < -0.5).all()
    # log2 of the mean of the runs, raised by half its relative variance.
    volumes = np.exp(last["log_volume"])
    relative = volumes.std(ddof=1) / volumes.mean()
    raised = np.log(volumes.mean()) + 0.5 * relative**2 / len(volumes)
    assert parity["log2_p"] == pytest.approx(raised / np.log(2.0), abs=1e-9)


def test_threads_change_nothing(finished, tmp_path):
    pipeline.run(counted(), tmp_path, threads=1, stages=["volume"])
    same_tables(finished, tmp_path, MEASURED)


def test_selection_reaches_functions_seen_once():
    rng = np.random.default_rng(3)
    counts = np.sort(np.concatenate([rng.integers(1, 40, 300), [4000, 9000]]))[::-1]
    frame = pd.DataFrame(
        {
            "function": [f"{i:04x}" for i in range(len(counts))],
            "count": counts,
            "log2_p": np.log2(counts / counts.sum()),
            "first_draw": rng.permutation(len(counts)),
        }
    )
    chosen = frame.set_index("function").loc[select_by_probability(frame, 12, 10)]
    assert len(chosen) == chosen.index.nunique() == 12
    assert (chosen["count"] >= 10).sum() == 6
    assert chosen["count"].tolist() == sorted(chosen["count"], reverse=True)
    assert (chosen["count"].iloc[0], chosen["count"].iloc[-1]) == (9000, 1)
    assert len(select_by_probability(frame.head(5), 12, 10)) == 5


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("stop", [Interrupted, KeyboardInterrupt])
def test_an_interrupted_stage_makes_only_the_runs_that_are_missing(
    finished, copy, monkeypatch, stop
):
    shutil.rmtree(copy / "volume")
    for name in MEASURED:
        (copy / f"{name}.parquet").unlink()
    made = []
    real = engine.run_levels

    def counting(*arguments, **options):
        made.append(1)
        if len(made) == 7:
            raise stop
        return real(*arguments, **options)

    monkeypatch.setattr(engine, "run_levels", counting)
    with pytest.raises(StoppedEarly if stop is KeyboardInterrupt else stop):
        pipeline.run(counted(), copy, resume=True, stages=["volume"])
    pipeline.run(counted(), copy, resume=True, stages=["volume"])
    n_runs = int(table(finished, "evidence")["runs"].sum())
    assert len(made) == n_runs + 1
    same_tables(finished, copy, MEASURED)
    assert pipeline.verify(copy, blocks=0).ok


def test_a_damaged_run_is_found_and_made_again(finished, copy):
    path = sorted(copy.glob("volume/69-*/run-*.parquet"))[1]
    name = path.relative_to(copy).as_posix()
    spoilt = bytearray(path.read_bytes())
    spoilt[len(spoilt) // 2] ^= 0xFF
    path.write_bytes(spoilt)
    assert any(name in problem for problem in pipeline.verify(copy, blocks=0).problems)
    listener = Listener()
    result = pipeline.run(counted(), copy, resume=True, stages=["volume"], reporter=listener)
    assert result.repaired == [name]
    assert any(name in text for text in listener.messages)
    same_tables(finished, copy, MEASURED)
    assert pipeline.verify(copy, blocks=0).ok


def test_more_functions_and_runs_keep_what_is_finished_and_other_lengths_do_not(copy, monkeypatch):
    made = []
    real = engine.run_levels
    monkeypatch.setattr(engine, "run_levels", lambda *a, **k: (made.append(1), real(*a, **k))[1])
    before = table(copy, "evidence")
    more = SECTION.model_copy(update={"named": (*SECTION.named, "or"), "runs": 5})
    pipeline.run(counted(volume=more), copy, resume=True, stages=["volume"])
    after = table(copy, "evidence")
    assert len(made) == len(before) + 5
    assert set(after["function"]) == {*before["function"], "7f"}
    (copy / "volume" / "mine.txt").write_text("the user's")
    fewer = Volume(functions=0, named=("or",), chains=16, steps=16, runs=2)
    pipeline.run(counted(volume=fewer), copy, resume=True, stages=["volume"])
    assert len(list((copy / "volume").glob("*/*.parquet"))) == 3
    assert (copy / "volume" / "mine.txt").exists()
    assert pipeline.verify(copy, blocks=0).ok
    pipeline.run(counted(volume=fewer), copy, fresh=True, stages=["sample"])
    assert [path.name for path in (copy / "volume").iterdir()] == ["mine.txt"]


def test_two_bounds_and_a_proof_reach_the_summary(tmp_path):
    short = Volume(functions=0, named=("parity",), chains=16, steps=8, runs=2, max_levels=2)
    pipeline.run(counted(volume=short, draws=3000), tmp_path / "short")
    row = table(tmp_path / "short", "evidence").iloc[0]
    assert (row["verdict"], row["levels"]) == ("budget", 2)
    assert np.isnan(row["log2_p"])
    assert -21.0 < row["log2_p_upper"] < -1.0
    text = (tmp_path / "short" / "summary.md").read_text()
    assert row["log2_p_lower"] < row["log2_p_upper"]
    assert f"{row['log2_p_lower']:.1f} … {row['log2_p_upper']:.1f}" in text
    assert (tmp_path / "short" / "figures" / "probability_lz_extended.png").exists()
    perceptron = counted(volume=short, draws=3000, network=Network(widths=(3, 1)))
    pipeline.run(perceptron, tmp_path / "perceptron", stages=["analyze"])
    row = table(tmp_path / "perceptron", "evidence").iloc[0]
    assert (row["verdict"], row["log2_p"], row["evaluations"]) == ("not expressible", -np.inf, 0)
    assert "hyperplane" in row["proof"]
    assert "not expressible" in (tmp_path / "perceptron" / "summary.md").read_text()


def test_nothing_to_measure_is_an_empty_table(tmp_path):
    listener = Listener()
    nothing = counted(volume=Volume(functions=0, named=()), draws=1000)
    pipeline.run(nothing, tmp_path, stages=["volume"], reporter=listener)
    assert [read_table(tmp_path, name).num_rows for name in MEASURED] == [0, 0]
    assert not any("volume" in text for text in listener.messages)


def test_default_names_are_passed_over_where_a_domain_does_not_have_them(tmp_path):
    listener = Listener()
    labels = counted(
        draws=500, network=Network(widths=(1, 4, 1)), domain={"kind": "grid", "points": 12},
        volume=Volume(functions=1, chains=16, steps=8, runs=2),
    )  # fmt: skip
    pipeline.run(labels, tmp_path / "labels", stages=["volume"], reporter=listener)
    assert any("passed over" in text and "parity" in text for text in listener.messages)
    assert len(table(tmp_path / "labels", "evidence")) == 1
    curves = labels.model_copy(
        update={"readout": labels.readout.model_copy(update={"kind": "quantised"})}
    )
    pipeline.run(curves, tmp_path / "curves", stages=["volume"], reporter=listener)
    assert any("volume: skipped" in text for text in listener.messages)
    assert table(tmp_path / "curves", "evidence").empty


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"volume": Volume(named=("majorty",))}, r"volume\.named: a name, .* got 'majorty'"),
        ({"volume": Volume(named=("threshold-9",))}, r"volume\.named: threshold-K on 3 inputs"),
        ({"volume": Volume(named=("fff",))}, r"volume\.named: .* got 'fff'"),
        (
            {
                "volume": Volume(named=("parity",)),
                "network": Network(widths=(1, 4, 1)),
                "domain": {"kind": "grid", "points": 12},
            },
            r"volume\.named: a key of this campaign .* names are for all inputs of n bits",
        ),
        (
            {"volume": Volume(named=("parity",)), "network": Network(widths=(9, 4, 1))},
            r"volume\.named: .*at most 256 signs, got 512 points",
        ),
    ],
)
def test_names_that_a_domain_does_not_have_are_refused_before_any_draw(tmp_path, changes, message):
    with pytest.raises(SettingsError, match=message):
        pipeline.run(counted(**changes), tmp_path / "refused")
    assert not (tmp_path / "refused").exists()


def test_kept_runs_are_journaled_one_by_one(copy):
    state = CampaignFolder(copy).journal.state
    kept = {path.relative_to(copy).as_posix() for path in copy.glob("volume/*/*.parquet")}
    assert kept == set(state.runs) <= set(state.files)
    assert {splittings.run_table(Path(name)) for name in kept} == {
        "splitting_pilot",
        "splitting_run",
    }
