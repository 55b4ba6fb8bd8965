"""Campaigns that keep the frequent functions or a sample: exact, bounded, and never lost."""

import signal

import numpy as np
import pandas as pd
import pytest
from small_campaign import COUNTING, Listener, small

from pfmap import pipeline
from pfmap.counting import hash_words
from pfmap.errors import DataError, SettingsError, StoppedEarly
from pfmap.functions.keys import words_from_keys
from pfmap.pipeline import compaction
from pfmap.pipeline.stages import sample as sample_stage
from pfmap.store import CampaignFolder, read_table
from pfmap.store.tables import counting_notes

DRAWS = 20_000  # 40 blocks of 512, the last one shorter
SAMPLED = {"keep": "sampled", "functions": 1100}  # groups of 3 blocks
FREQUENT = {"keep": "frequent", "functions": 1100, "frequent_p": 0.01}
BOTH = pytest.mark.parametrize("counting", [SAMPLED, FREQUENT], ids=["sampled", "frequent"])
KEPT = ("functions", "frequencies")


def counted(folder, counting, *, draws=DRAWS, resume=False, **options):
    campaign = small(draws=draws, network={"widths": (5, 6, 1)}, counting=counting)
    pipeline.run(campaign, folder, stages=COUNTING, resume=resume, **options)
    return campaign


def rows(folder, name="functions"):
    return read_table(folder, name).to_pandas()


def same_files(one, two):
    for name in KEPT:
        assert (one / f"{name}.parquet").read_bytes() == (two / f"{name}.parquet").read_bytes()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """One finished campaign for each way of counting."""
    found = {}
    for counting in ({"keep": "all"}, SAMPLED, FREQUENT):
        found[counting["keep"]] = tmp_path_factory.mktemp(counting["keep"]) / "small"
        counted(found[counting["keep"]], counting)
    return found


def test_the_sample_is_the_hashed_subset_counted_as_all_are(folders):
    every, kept = rows(folders["all"]), rows(folders["sampled"])
    hashes = hash_words(words_from_keys(every["function"], 32, True))
    level = 0
    while (hashes < 2.0 ** (64 - level)).sum() > SAMPLED["functions"]:
        level += 1
    assert level >= 2
    expected = every[hashes < 2.0 ** (64 - level)].reset_index(drop=True)
    null = ["orbit_count", "log2_p_orbit"]
    assert kept[null].isna().all(axis=None)
    columns = [name for name in kept.columns if name not in null]
    pd.testing.assert_frame_equal(kept[columns], expected[columns], check_exact=True)
    notes = counting_notes(folders["sampled"] / "functions.parquet", "functions")
    assert notes == {
        "pfmap_keep": "sampled",
        "pfmap_draws": str(DRAWS),
        "pfmap_inclusion": str(2.0**-level),
    }


def test_the_frequent_are_all_there_within_the_bound(folders):
    every, kept = rows(folders["all"]), rows(folders["frequent"])
    assert len(kept) <= FREQUENT["functions"]
    (error,) = kept["count_error"].unique()
    assert 0 < error <= DRAWS // (FREQUENT["functions"] + 1)
    both = every.merge(kept, on="function", suffixes=("", "_kept"), how="left")
    both["count_kept"] = both["count_kept"].fillna(0)
    assert (both["count_kept"] <= both["count"]).all()
    assert (both["count"] <= both["count_kept"] + error).all()
    assert both.loc[both["count"] > error, "p_low_kept"].notna().all()
    heavy = both["count"] >= FREQUENT["frequent_p"] * DRAWS
    assert heavy.sum() >= 2
    assert (both["count_kept"][heavy] >= 0.9 * both["count"][heavy]).all()
    known = both.dropna(subset="p_low_kept")
    assert (known["p_low_kept"] <= known["p_low"]).all()
    assert (known["p_high"] <= known["p_high_kept"]).all()
    assert (known["first_draw_kept"] >= known["first_draw"]).all()
    assert counting_notes(folders["frequent"] / "functions.parquet", "functions") == {
        "pfmap_keep": "frequent",
        "pfmap_draws": str(DRAWS),
        "pfmap_count_error": str(error),
    }


def test_frequencies_of_frequencies_are_those_of_the_subset(folders):
    every = rows(folders["all"])["count"].value_counts()
    table = rows(folders["sampled"], "frequencies")
    kept = rows(folders["sampled"])["count"].value_counts().sort_index()
    assert table["count"].tolist() == kept.index.tolist()
    assert table["kept"].tolist() == kept.tolist()
    assert (table["functions"] * table["inclusion"] == table["kept"]).all()
    truth = every.loc[table["count"]].to_numpy()
    assert ((table["low"] <= truth) & (truth <= table["high"])).mean() >= 0.9
    # Beside the frequent, all fit into the sample: then they are exact.
    table = rows(folders["frequent"], "frequencies").set_index("count")
    assert (table["inclusion"] == 1.0).all()
    assert (table["functions"] == every.loc[table.index]).all()
    assert (table[["low", "high"]].to_numpy() == table[["functions"]].to_numpy()).all()


@BOTH
@pytest.mark.parametrize("threads", [1, 2])
def test_no_order_of_blocks_and_no_threads_change_the_tables(
    folders, tmp_path, counting, threads, monkeypatch
):
    order = np.random.default_rng(threads).permutation(40).tolist()
    real = sample_stage.sample
    monkeypatch.setattr("pfmap.pipeline.stages.sample.sample", lambda job, _: real(job, order))
    counted(tmp_path / "small", counting, threads=threads)
    same_files(folders[counting["keep"]], tmp_path / "small")


@BOTH
def test_a_larger_total_is_that_of_a_single_run(folders, tmp_path, counting):
    """Also from a total that ends inside a block and inside a group, and folds on the way."""
    for draws in (100, 7000, 13_900, DRAWS):
        counted(tmp_path / "small", counting, draws=draws, resume=True)
    same_files(folders[counting["keep"]], tmp_path / "small")
    report = pipeline.verify(tmp_path / "small", blocks=40)
    assert (report.problems, report.draws, report.regenerated) == ([], DRAWS, 40)


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def kill_at(monkeypatch, where, name, n_before, *, after):
    """Let the process end at the call of `where.name` that follows `n_before` others."""
    original = getattr(where, name)
    calls = 0

    def dying(*arguments, **options):
        nonlocal calls
        calls += 1
        if calls <= n_before:
            return original(*arguments, **options)
        if after:
            original(*arguments, **options)
        raise Killed

    monkeypatch.setattr(where, name, dying)


STEPS = [
    ("write_shard", False), ("write_shard", True), ("write_kept", False), ("write_kept", True),
    ("append", False), ("append", True), ("remove_compacted", False), ("remove_compacted", True),
]  # fmt: skip


@BOTH
@pytest.mark.parametrize(("step", "after"), STEPS)
def test_a_kill_at_any_step_loses_nothing(folders, tmp_path, counting, step, after, monkeypatch):
    listener = Listener()
    killed = 0
    for n_before in (1, 2, 14):
        with monkeypatch.context() as patch:
            if step == "write_shard":
                kill_at(patch, sample_stage, step, n_before, after=after)
            elif step == "append":
                # Lines of folds only: each follows its files.
                from pfmap.store.journal import FoldEntry, Journal

                original, seen = Journal.append, []

                def dying(journal, entry, original=original, seen=seen, n_before=n_before):
                    seen.extend([entry] if isinstance(entry, FoldEntry) else [])
                    if len(seen) <= n_before % 2 or not isinstance(entry, FoldEntry):
                        return original(journal, entry)
                    if after:
                        original(journal, entry)
                    raise Killed

                patch.setattr(Journal, "append", dying)
            else:
                kill_at(patch, compaction, step, n_before % 2, after=after)
            try:
                counted(tmp_path / "small", counting, resume=True, reporter=listener)
            except Killed:
                killed += 1
    assert killed >= 2
    counted(tmp_path / "small", counting, resume=True, reporter=listener)
    same_files(folders[counting["keep"]], tmp_path / "small")
    assert not any("damaged" in text or "missing" in text for text in listener.messages)
    assert pipeline.verify(tmp_path / "small", blocks=3).ok


def after_each_shard(monkeypatch, then):
    """Call `then` with the number of shards written so far, whenever one has been."""
    original, written = sample_stage.write_shard, []

    def watched(*arguments, **options):
        written.append(original(*arguments, **options))
        then(len(written))
        return written[-1]

    monkeypatch.setattr(sample_stage, "write_shard", watched)


@BOTH
def test_a_stopped_run_is_continued(folders, tmp_path, counting, monkeypatch):
    with monkeypatch.context() as patch:
        after_each_shard(patch, lambda n: signal.raise_signal(signal.SIGINT) if n == 17 else None)
        with pytest.raises(StoppedEarly, match="17 of 40 blocks are done"):
            counted(tmp_path / "small", counting)
    assert CampaignFolder(tmp_path / "small").journal.state.fold.blocks == 12
    counted(tmp_path / "small", counting, resume=True)
    same_files(folders[counting["keep"]], tmp_path / "small")


@BOTH
def test_what_lies_on_the_disk_is_bounded(tmp_path, counting, monkeypatch):
    files = CampaignFolder(tmp_path / "small")
    shards = []
    after_each_shard(
        monkeypatch, lambda _: shards.append(len(list(files.counts.glob("part-*.parquet"))))
    )
    campaign = counted(tmp_path / "small", counting)
    assert len(shards) == campaign.n_blocks == 40
    assert max(shards) == 4 * 3  # four groups
    assert files.journal.state.fold.blocks == 39
    names = {path.name for path in files.counts.iterdir()}
    folded = {"sample-000039.parquet"}
    if counting is FREQUENT:
        folded.add("frequent-000039.parquet")
    assert names == folded | {"part-000039.parquet"}


def test_shards_of_a_sample_hold_what_it_has_room_for(tmp_path):
    campaign = counted(tmp_path, {"keep": "sampled", "functions": 100}, draws=12 * 512 - 1)
    files = CampaignFolder(tmp_path)
    blocks = files.finished_blocks(campaign)
    assert files.journal.state.fold.blocks == 11
    assert blocks[11].rows < blocks[0].rows / 4
    assert len(read_table(tmp_path, "functions")) <= 100


@BOTH
def test_files_of_a_fold_that_are_damaged_are_made_again(folders, tmp_path, counting):
    folder = tmp_path / "small"
    counted(folder, counting)
    (path,) = (folder / "counts").glob("sample-*.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    report = pipeline.verify(folder)
    assert [text for text in report.problems if "sample-000039.parquet is damaged" in text]
    listener = Listener()
    counted(folder, counting, resume=True, reporter=listener)
    assert [text for text in listener.messages if "drawing blocks 0 to 38 again" in text]
    same_files(folders[counting["keep"]], folder)
    assert pipeline.verify(folder).ok


@BOTH
def test_other_draws_than_those_folded_are_found(tmp_path, counting):
    """A fold with its digest in order whose counts are another seed's: drawn again, it differs."""
    for name, seed in (("mine", 1), ("other", 2)):
        campaign = small(draws=6 * 512, seed=seed, network={"widths": (5, 6, 1)}, counting=counting)
        pipeline.run(campaign, tmp_path / name, stages=COUNTING)
    mine, other = (CampaignFolder(tmp_path / name) for name in ("mine", "other"))
    for path in other.counts.iterdir():
        (mine.counts / path.name).write_bytes(path.read_bytes())
    mine.journal.append(other.journal.state.fold)
    assert [text for text in pipeline.verify(mine.path).problems if "drawn again" in text]
    with pytest.raises(DataError, match="drawn again, differs from the counts it was folded"):
        counted(mine.path, counting, draws=7 * 512, resume=True)


@BOTH
def test_another_way_of_counting_is_refused(folders, counting):
    folder = folders[counting["keep"]]
    there = counting["keep"]
    for other in (
        {"keep": "all"},
        {**SAMPLED, "keep": "sampled" if there == "frequent" else "frequent", "frequent_p": 0.1},
        {**counting, "functions": 2000},
    ):
        with pytest.raises(SettingsError, match=r"counts otherwise: counting\.(keep|functions) is"):
            counted(folder, other, resume=True)
    with pytest.raises(SettingsError, match=r"counting\.keep is all there, .* here"):
        counted(folders["all"], counting, resume=True)


def test_what_is_promised_can_be_changed(tmp_path):
    counted(tmp_path, FREQUENT, draws=2000)
    counted(tmp_path, {**FREQUENT, "frequent_p": 0.1}, draws=2000, resume=True)
    message = r"counting\.functions: must be at least 10 / counting\.frequent_p = 10,000, got 1,100"
    with pytest.raises(ValueError, match=message):
        small(counting={**FREQUENT, "frequent_p": 0.001})


@BOTH
def test_counts_are_read_as_the_table_holds_them(folders, counting):
    folder = folders[counting["keep"]]
    columns = ["function", "count", "first_draw"]
    same = read_table(folder, "functions", columns)
    assert read_table(folder, "counts").equals(same)
    assert read_table(folder, "counts", ["count"]).column_names == ["count"]


def test_all_functions_kept_are_counted_as_before(folders):
    """No fold, no table of estimates, no column of errors."""
    files = CampaignFolder(folders["all"])
    assert len(list(files.counts.glob("*"))) == 40
    assert not files.table("frequencies").exists()
    assert "count_error" not in rows(folders["all"]).columns
    assert counting_notes(files.table("functions"), "functions") == {}


@pytest.fixture(scope="module", params=[SAMPLED, FREQUENT], ids=["sampled", "frequent"])
def concluded(request, tmp_path_factory):
    """Every stage, on functions frequent enough for fits."""
    folder = tmp_path_factory.mktemp("concluded") / "small"
    counting = {**request.param, "functions": 500 if request.param is SAMPLED else 1100}
    llc = {"functions": 4, "draws_per_function": 2, "chains": 2, "steps": 100, "warmup": 50}
    campaign = small(draws=DRAWS, network={"widths": (4, 6, 1)}, counting=counting, llc=llc)
    listener = Listener()
    pipeline.run(campaign, folder, reporter=listener)
    return folder, counting["keep"], listener


def test_every_stage_runs_and_says_how_functions_were_counted(concluded):
    folder, keep, _ = concluded
    summary = (folder / "summary.md").read_text()
    assert f"counting.keep = {keep}" in summary
    assert "Orbits have no counts" in summary
    fits = rows(folder, "fits").query("response == 'log2_p'")
    bounds = fits[fits["fit"].str.startswith("dingle")]
    assert len(bounds)
    assert bounds["estimate"].isna().all()
    assert bounds["verdict"].str.contains("over all functions drawn are not known").all()
    assert (fits[fits["fit"] == "least_squares"]["verdict"] == "ok").all()
    correlations = rows(folder, "correlations")
    assert not correlations["x"].str.contains("orbit").any()
    drawn = {path.stem for path in (folder / "figures").glob("*.png")}
    assert {"probability_rank", "distinct_functions", "probability_lz"} <= drawn
    assert "lz_distribution" not in drawn
    assert pipeline.verify(folder, blocks=2).ok


def test_learning_coefficients_start_from_draws_of_their_functions(concluded):
    """`check_draws` compares each; functions drawn often are examined at as many as asked for."""
    folder, _, _ = concluded
    llc = rows(folder, "llc")
    draws = llc.groupby("function")["draw"].nunique()
    counts = rows(folder).set_index("function")["count"].reindex(draws.index)
    assert len(draws) == 4
    assert (draws[counts > 200] == 2).all()
    firsts = rows(folder).set_index("function")["first_draw"].reindex(draws.index)
    assert (llc.groupby("function")["draw"].min() <= firsts).all()


def test_status_says_what_is_kept(concluded):
    folder, keep, _ = concluded
    found = pipeline.status(folder)
    table = rows(folder)
    assert found["draws"]["done"] == DRAWS
    assert found["complete"]
    assert found["counting"]["keep"] == keep
    assert found["counting"]["functions"] == len(table)
    known = "inclusion" if keep == "sampled" else "count_error"
    assert [
        name for name in ("inclusion", "count_error") if found["counting"][name] is not None
    ] == [known]


def test_where_no_draw_repeats_none_is_frequent(tmp_path):
    """The table is empty, every stage runs, and the sample tells how many functions there are."""
    campaign = small(
        draws=2000,
        network={"widths": (1, 20, 1)},
        domain={"kind": "grid", "points": 40, "low": -2.0, "high": 2.0},
        readout={"kind": "quantised", "step": 0.001},
        volume={"functions": 0, "named": ()},
        counting={"keep": "frequent", "functions": 100, "frequent_p": 0.1},
    )
    pipeline.run(campaign, tmp_path)
    assert rows(tmp_path).empty
    assert rows(tmp_path, "frequencies")[["count", "kept"]].to_numpy().tolist() == [[1, 2000]]
    assert (
        "2,000 distinct functions, 2,000 of them seen once" in (tmp_path / "summary.md").read_text()
    )
    assert not (tmp_path / "figures" / "probability_rank.png").exists()
    assert pipeline.verify(tmp_path).ok
