"""Running a small campaign: what is written, skipped, continued, refused and repaired."""

import shutil

import numpy as np
import pandas as pd
import pytest
from small_campaign import COUNTING, TABLES, UNDRAWN, Listener, contents, same_tables, small

from pfmap import pipeline
from pfmap.errors import DataError, SettingsError
from pfmap.pipeline.job import Job
from pfmap.pipeline.stages import sample as sample_stage
from pfmap.settings.campaign import Campaign
from pfmap.settings.domain import PointsDomain
from pfmap.settings.network import Network
from pfmap.settings.prior import Prior
from pfmap.settings.read import read_campaign
from pfmap.settings.sections import Analysis, Complexity, Llc, Volume
from pfmap.store import CampaignFolder, read_table
from pfmap.store.provenance import campaign_of_provenance, read_provenance

pytestmark = pytest.mark.usefixtures("short_conclusions")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished campaign; tests copy it before they touch it."""
    folder = tmp_path_factory.mktemp("finished") / "small"
    listener = Listener()
    result = pipeline.run(small(), folder, threads=2, reporter=listener)
    return folder, result, listener


@pytest.fixture
def copy(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "small")
    return tmp_path / "small"


def test_a_run_leaves_the_files_of_the_contract(finished):
    folder, result, listener = finished
    names = {path.name for path in folder.iterdir()} - {".pfmap-lock"}
    assert names == {
        *("campaign.toml", "provenance.json", "journal.jsonl", "summary.md"),
        *("counts", "volume", "figures"),
        *(f"{name}.parquet" for name in TABLES),
    }
    assert len(list((folder / "counts").iterdir())) == 6
    assert {path.suffix for path in (folder / "figures").iterdir()} == {".png", ".svg"}
    assert list(result.stages) == list(pipeline.stage_names())
    assert not any(outcome.up_to_date for outcome in result.stages.values())
    assert read_campaign(folder / "campaign.toml") == result.campaign == small()
    functions = read_table(folder, "functions").to_pandas()
    assert functions["count"].sum() == 2800
    assert functions["lz"].notna().all()
    last = {stage: (done, total) for stage, done, total in listener.steps}
    assert last["sample"] == (2800, 2800)
    assert all(done == total for done, total in last.values())


def test_dear_proxies_cover_the_frequent_and_the_selected_alone(finished):
    functions = read_table(finished[0], "functions").to_pandas()
    selected = set(read_table(finished[0], "llc").to_pandas()["function"])
    expected = (np.arange(len(functions)) < 20) | functions["function"].isin(selected)
    assert (functions["expression"].notna() == expected).all()
    assert not expected.all()


def test_every_draw_of_llc_expresses_its_function(finished):
    llc = read_table(finished[0], "llc").to_pandas()
    functions = read_table(finished[0], "functions").to_pandas().set_index("function")
    draws = llc.groupby("function")["draw"].agg(["nunique", "min"])
    counts = functions.loc[draws.index, "count"]
    assert (draws["nunique"] == np.minimum(counts, 2)).all()
    assert (draws["min"] >= functions.loc[draws.index, "first_draw"]).all()


def test_named_functions_are_examined_however_they_are_spelled(tmp_path):
    """A key that was never drawn is said and skipped; with nothing selected the table is empty."""
    rare = Llc(functions=0, named=("0xFF", "69"), draws_per_function=1, steps=100, warmup=50)
    listener = Listener()
    pipeline.run(small(llc=rare, draws=600), tmp_path, stages=["llc"], reporter=listener)
    assert set(read_table(tmp_path, "llc").to_pandas()["function"]) == {"ff"}
    assert "llc.named: 69 was not drawn; no coefficient for it" in listener.messages
    nobody = small(llc=Llc(functions=0), draws=600)
    pipeline.run(nobody, tmp_path, resume=True, stages=["analyze"])
    assert read_table(tmp_path, "llc").num_rows == 0


def test_a_second_run_asks_what_to_do_and_touches_nothing(copy):
    before = contents(CampaignFolder(copy))
    with pytest.raises(SettingsError, match=r"already holds a campaign \(6 blocks.*--resume.*--fr"):
        pipeline.run(small(), copy)
    assert contents(CampaignFolder(copy)) == before


def test_resuming_a_finished_campaign_does_nothing(copy):
    told = ("provenance.json", "journal.jsonl")  # of every run
    before = contents(CampaignFolder(copy), but=told)
    stages = CampaignFolder(copy).journal.state.line_of_stage
    result = pipeline.run(small(), copy, resume=True)
    assert all(outcome.up_to_date for outcome in result.stages.values())
    assert contents(CampaignFolder(copy), but=told) == before
    assert CampaignFolder(copy).journal.state.line_of_stage == stages
    runs = read_provenance(copy / "provenance.json")["runs"]
    assert len(runs) == 2
    assert runs[1]["threads"] == 2  # those of the first run


def test_fresh_removes_only_what_pfmap_wrote(copy):
    for name in ("notes.txt", "counts/mine.csv", "volume/mine.csv", "figures/mine.png"):
        (copy / name).write_text("the user's")
    old = (copy / "functions.parquet").read_bytes()
    listener = Listener()
    pipeline.run(small(seed=2), copy, fresh=True, stages=COUNTING, reporter=listener)
    assert (copy / "functions.parquet").read_bytes() != old
    assert not (copy / "llc.parquet").exists()
    for name in ("notes.txt", "counts/mine.csv", "volume/mine.csv", "figures/mine.png"):
        assert (copy / name).read_text() == "the user's"
    assert any(text.startswith("removed") for text in listener.messages)


def test_fresh_removes_nothing_for_a_campaign_that_cannot_run(copy):
    before = contents(CampaignFolder(copy))
    with pytest.raises(SettingsError, match="must fit float32"):
        pipeline.run(small(prior=Prior(weight_sd=1e300)), copy, fresh=True)
    assert contents(CampaignFolder(copy)) == before


def test_other_draws_are_refused_by_name(copy):
    before = contents(CampaignFolder(copy))
    with pytest.raises(SettingsError, match=r"network\.widths is \[3, 6, 1\] there, \[3, 7, 1\]"):
        pipeline.run(small(network=Network(widths=(3, 7, 1))), copy, resume=True)
    with pytest.raises(SettingsError, match=r"seed is 1 there, 5 here"):
        pipeline.run(small(seed=5), copy, resume=True)
    with pytest.raises(SettingsError, match=r"draws: .* already aims at 2800.*got 2799"):
        pipeline.run(small(draws=2799), copy, resume=True)
    assert contents(CampaignFolder(copy)) == before


def test_a_larger_total_continues_and_equals_a_run_of_that_length(copy, tmp_path):
    result = pipeline.run(small(draws=6000), copy, resume=True, stages=UNDRAWN)
    assert not result.stages["functions"].up_to_date
    pipeline.run(small(draws=6000), tmp_path / "long", threads=1, stages=UNDRAWN)
    same_tables(copy, tmp_path / "long")
    assert pipeline.verify(copy, blocks=2).ok


def test_a_campaign_is_the_beginning_of_one_twice_as_long(tmp_path):
    short, long = small(draws=2048), small(draws=4096)
    pipeline.run(short, tmp_path / "short", stages=["sample"])
    pipeline.run(long, tmp_path / "long", stages=["sample"])
    for index in range(4):
        one, two = (
            pd.read_parquet(CampaignFolder(tmp_path / name).shard(index))
            for name in ("short", "long")
        )
        pd.testing.assert_frame_equal(one, two)
    other = pd.read_parquet(CampaignFolder(tmp_path / "long").shard(4))
    assert not other["first_draw"].isin(one["first_draw"]).any()


@pytest.mark.parametrize("threads", [1, 2])
def test_functions_do_not_depend_on_threads_or_the_order_of_blocks(
    finished, tmp_path, threads, monkeypatch
):
    order = np.random.default_rng(threads).permutation(6).tolist()
    real = sample_stage.sample
    monkeypatch.setattr("pfmap.pipeline.stages.sample.sample", lambda job, _: real(job, order))
    pipeline.run(small(), tmp_path / "small", threads=threads, stages=["sample", "functions"])
    lines = [
        e.block_index for e in CampaignFolder(tmp_path / "small").journal.state.blocks.values()
    ]
    assert lines == order
    columns = read_table(tmp_path / "small", "functions").column_names
    one, two = (read_table(f, "functions", columns) for f in (finished[0], tmp_path / "small"))
    assert one.equals(two)


def test_only_the_stages_that_a_setting_concerns_run_again(copy):
    result = pipeline.run(
        small(analysis=Analysis(bootstrap=120, noise_simulations=200)), copy, resume=True
    )
    ran = [name for name, outcome in result.stages.items() if not outcome.up_to_date]
    assert ran == ["analyze", "plot"]
    assert read_campaign(copy / "campaign.toml").analysis.bootstrap == 120
    changed = small(
        analysis=Analysis(bootstrap=120, noise_simulations=200),
        complexity=Complexity(proxies=("lz",)),
    )
    result = pipeline.run(changed, copy, resume=True, stages=["complexity"])
    assert list(result.stages) == ["complexity"]
    assert read_table(copy, "functions").column_names[-2:] == ["lz", "lz_orbit_min"]
    states = {name: entry["state"] for name, entry in pipeline.status(copy)["stages"].items()}
    assert states["complexity"] == "done"
    assert states["llc"] == states["plot"] == "stale"


def test_a_stage_asked_for_alone_brings_the_stages_it_needs(tmp_path):
    result = pipeline.run(small(), tmp_path / "small", stages=["complexity"])
    assert list(result.stages) == ["sample", "functions", "complexity"]
    assert pipeline.status(tmp_path / "small")["stages"]["llc"]["state"] == "missing"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stages": ["smaple"]}, r"stages: no such stage, got 'smaple'.*sample"),
        ({"resume": True, "fresh": True}, "only one of them"),
        ({"threads": 0}, "threads: must be at least 1, got 0"),
        ({"threads": 10**6}, r"threads: at most \d+ are available here, got 1000000"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(tmp_path, arguments, message):
    with pytest.raises(SettingsError, match=message):
        pipeline.run(small(), tmp_path / "small", **arguments)
    assert not (tmp_path / "small").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"complexity": Complexity(proxies=("lzz",))}, "no proxy of that name, got 'lzz'"),
        ({"complexity": Complexity(proxies=("kinks",))}, "kinks is not defined for boolean"),
        ({"llc": Llc(named=("xyz",))}, "xyz"),
    ],
)
def test_wrong_names_are_refused_before_anything_is_drawn(tmp_path, changes, message):
    with pytest.raises(SettingsError, match=message):
        pipeline.run(small(**changes), tmp_path / "small")
    assert not (tmp_path / "small").exists()


def test_a_campaign_file_of_other_settings_is_not_overwritten(tmp_path):
    (tmp_path / "campaign.toml").write_text("draws = 77\n")
    with pytest.raises(SettingsError, match=r"already holds a campaign \(0 blocks"):
        pipeline.run(small(), tmp_path)
    assert (tmp_path / "campaign.toml").read_text() == "draws = 77\n"
    (tmp_path / "campaign.toml").write_text(small().to_toml())
    pipeline.run(small(), tmp_path, stages=COUNTING)  # the campaign's own file may lie there


def test_folders_without_a_campaign_are_told_so(tmp_path):
    for call in (pipeline.status, pipeline.verify):
        with pytest.raises(DataError, match=r"holds no campaign.*pfmap run"):
            call(tmp_path)
    with pytest.raises(DataError, match=r"table: no such table, got 'count'"):
        read_table(tmp_path, "count")


def test_provenance_is_enough_to_run_again(finished, tmp_path):
    folder, result, _ = finished
    record = read_provenance(folder / "provenance.json")
    run = record["runs"][0]
    assert set(run["stages"]) == set(pipeline.stage_names())
    for key in ("started", "finished", "threads", "threading_layer", "cpu", "python", "platform"):
        assert run[key], key
    assert {"numpy", "numba", "pyarrow", "duckdb"} <= set(run["packages"])
    again = campaign_of_provenance(folder / "provenance.json")
    assert again == result.campaign
    pipeline.run(again, tmp_path / "again", stages=UNDRAWN)
    same_tables(folder, tmp_path / "again")


def test_points_of_a_file_are_found_from_anywhere_and_watched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("points.npy", np.array([[0.0, 0.5], [1.0, -0.5], [2.0, 0.25]]))
    campaign = Campaign(
        draws=600,
        block_draws=512,
        network=Network(widths=(2, 4, 1)),
        domain=PointsDomain(kind="points", file="points.npy"),
    )
    pipeline.run(campaign, tmp_path / "out" / "points", stages=COUNTING)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert pipeline.verify(tmp_path / "out" / "points").ok
    # The folder has a copy of its own: everything else works without the user's file.
    shutil.copytree(tmp_path / "out" / "points", tmp_path / "moved")
    np.save(tmp_path / "points.npy", np.array([[0.0, 0.5], [1.0, -0.5], [2.0, 0.5]]))
    moved = read_campaign(tmp_path / "moved" / "campaign.toml")
    assert pipeline.run(moved, tmp_path / "moved", resume=True).stages["functions"].up_to_date
    pipeline.run(moved, tmp_path / "moved", fresh=True, stages=COUNTING)
    same_tables(tmp_path / "out" / "points", tmp_path / "moved", ("counts", "functions"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match="the points of its domain have changed"):
        pipeline.run(campaign, tmp_path / "out" / "points", resume=True)
    np.save(CampaignFolder(tmp_path / "moved").points_file, np.zeros((3, 2)))
    assert any("not those of the drawn" in p for p in pipeline.verify(tmp_path / "moved").problems)


@pytest.mark.parametrize(
    "changes",
    [
        {"network": Network(widths=(9, 4, 1))},
        {"network": Network(widths=(1, 8, 1)), "domain": {"kind": "grid", "points": 12}},
        {
            "network": Network(widths=(1, 8, 1), activation="tanh"),
            "domain": {"kind": "grid", "points": 64},
            "readout": {"kind": "quantised", "step": 0.5},
        },
    ],
)
def test_hashed_labelled_and_quantised_functions_are_measured(tmp_path, changes):
    unnamed = Volume(functions=2, named=(), chains=16, steps=8, runs=2)
    campaign = small(draws=700, volume=unnamed, **changes)
    result = pipeline.run(campaign, tmp_path / "small", stages=UNDRAWN)
    assert list(result.stages) == list(UNDRAWN)
    functions = read_table(tmp_path / "small", "functions").to_pandas()
    assert functions["count"].sum() == 700
    assert functions["lz"].notna().all()
    assert functions["ones"].isna().all() == (campaign.readout.kind == "quantised")


def test_jobs_name_their_campaign_in_every_table(finished):
    folder, result, _ = finished
    job = Job(result.campaign, CampaignFolder(folder), 1, Listener(), None)
    for name in TABLES:
        metadata = read_table(folder, name).schema.metadata
        assert metadata[b"pfmap_campaign"].decode() == result.campaign.digest()
        assert metadata[b"pfmap_draws"] == b"2800"
    assert job.notes["pfmap_draws"] == "2800"
