"""A campaign with damaged files, or a disk that refuses: named, repaired, nothing else lost."""

import errno
import re
import shutil
from collections import namedtuple
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from small_campaign import COUNTING, TABLES, UNDRAWN, Listener, same_tables, small

from pfmap import pipeline
from pfmap.errors import DataError, EnvironmentFault, SettingsError
from pfmap.settings.read import read_campaign
from pfmap.store import CampaignFolder, merge, read_table
from pfmap.store import atomic as store_atomic
from pfmap.store.journal import BeginEntry, BlockEntry, ProvenanceEntry
from pfmap.store.schema import Column, arrow_schema
from pfmap.store.tables import file_notes, write_table

pytestmark = pytest.mark.usefixtures("short_conclusions")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished campaign; tests copy it before they touch it."""
    folder = tmp_path_factory.mktemp("finished") / "small"
    pipeline.run(small(), folder)
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(finished, tmp_path / "small")


def spoil(path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "flipped":
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    elif how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()


@pytest.mark.parametrize("how", ["flipped", "truncated", "deleted"])
def test_a_damaged_shard_is_named_and_drawn_again(copy, finished, how):
    files = CampaignFolder(copy)
    spoil(files.shard(2), how)
    report = pipeline.verify(copy)
    assert not report.ok
    assert all("counts/part-000002.parquet" in problem for problem in report.problems)
    listener = Listener()
    result = pipeline.run(small(), copy, resume=True, reporter=listener)
    assert result.stages["plot"].up_to_date
    assert any("counts/part-000002.parquet is" in text for text in listener.messages)
    assert result.repaired == ["counts/part-000002.parquet"]
    assert result.stages["functions"].up_to_date
    same_tables(copy, finished, ("counts", *TABLES))
    assert pipeline.verify(copy).ok


@pytest.mark.parametrize("how", ["flipped", "truncated", "deleted"])
def test_a_damaged_table_is_named_and_made_again(copy, finished, how):
    spoil(copy / "fits.parquet", how)
    report = pipeline.verify(copy)
    assert [problem.partition(":")[0] for problem in report.problems] == ["fits.parquet"]
    listener = Listener()
    result = pipeline.run(small(), copy, resume=True, stages=UNDRAWN, reporter=listener)
    assert result.repaired == ["fits.parquet"]
    assert any("fits.parquet is" in text for text in listener.messages)
    assert result.stages["llc"].up_to_date
    assert pipeline.status(copy)["stages"]["plot"]["state"] == "stale"
    same_tables(copy, finished)


def test_blocks_that_draw_otherwise_are_not_continued(copy):
    """A shard that is sound as a file but not what its block draws: other hardware or version."""
    files = CampaignFolder(copy)
    entry = files.journal.state.blocks[4]
    frame = pd.read_parquet(files.shard(4))
    frame.loc[:1, "count"] = frame.loc[:1, "count"] + np.array([1, -1])
    digest = write_table(files.shard(4), frame, "counts")
    files.journal.append(
        BlockEntry(4, entry.draws, entry.rows, entry.shard, digest, entry.elapsed_s)
    )
    files.shard(5).unlink()
    with pytest.raises(DataError, match=r"part-000004.* drawn again, differs.*pfmap doctor"):
        pipeline.run(small(), copy, resume=True)
    pipeline.run(small(), copy, fresh=True, stages=COUNTING)
    files = CampaignFolder(copy)
    digest = write_table(files.shard(5), pd.read_parquet(files.shard(5))[::-1], "counts")
    last = files.journal.state.blocks[5]
    files.journal.append(BlockEntry(5, last.draws, last.rows, last.shard, digest, 0.0))
    problems = pipeline.verify(copy).problems
    assert problems == ["counts/part-000005.parquet: differs from the block drawn again"]


def test_verify_checks_rows_sums_and_ranges(copy):
    files = CampaignFolder(copy)
    assert pipeline.verify(copy, blocks=6).regenerated == 6
    entry = files.journal.state.blocks[1]
    good = pd.read_parquet(files.shard(1))
    shifted = good.assign(first_draw=good["first_draw"] + 512)
    more = good.assign(count=good["count"] + 1)
    for frame, complaint in ((good[1:], "rows"), (more, "add up"), (shifted, "outside")):
        digest = write_table(files.shard(1), frame, "counts")
        files.journal.append(
            BlockEntry(1, entry.draws, entry.rows, entry.shard, digest, entry.elapsed_s)
        )
        problems = pipeline.verify(copy, blocks=0).problems
        assert len(problems) == 1
        assert complaint in problems[0]
        assert "counts/part-000001.parquet" in problems[0]


def test_a_full_disk_in_the_middle_loses_nothing_finished(tmp_path, finished, monkeypatch):
    real, calls = store_atomic.os.replace, []

    def full(source: object, target: object) -> None:
        calls.append(target)
        if str(target).endswith("part-000003.parquet"):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    monkeypatch.setattr(store_atomic.os, "replace", full)
    with pytest.raises(EnvironmentFault, match=r"disk full while writing .*part-000003"):
        pipeline.run(small(), tmp_path / "small", stages=COUNTING)
    monkeypatch.undo()
    assert pipeline.status(tmp_path / "small")["blocks"] == {"done": 3, "total": 6}
    pipeline.run(small(), tmp_path / "small", resume=True, stages=UNDRAWN)
    same_tables(tmp_path / "small", finished)


def test_a_disk_too_small_for_the_campaign_is_told_after_one_block(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(store_atomic.shutil, "disk_usage", lambda _: usage(10, 9, 1))
    with pytest.raises(EnvironmentFault, match=r"the other 5 blocks need about .* GB"):
        pipeline.run(small(), tmp_path / "small")
    assert pipeline.status(tmp_path / "small")["blocks"]["done"] == 1


def test_a_disk_too_small_for_the_merge_is_told_after_one_block(tmp_path, monkeypatch):
    listener = Listener()
    run = partial(pipeline.run, small(), stages=["sample"], reporter=listener, memory="1GiB")
    run(tmp_path / "large")
    assert not [text for text in listener.messages if text.startswith("disk")]
    monkeypatch.setattr(merge, "_BYTES_A_ROW", 10**12)
    run(tmp_path / "small")
    assert [text for text in listener.messages if text.startswith("disk: merging may need")]


def test_a_file_in_place_of_the_folder_is_reported(tmp_path):
    (tmp_path / "small").write_text("a file")
    with pytest.raises(EnvironmentFault, match="a file stands where a folder is needed"):
        pipeline.run(small(), tmp_path / "small")
    assert (tmp_path / "small").read_text() == "a file"


def test_files_of_the_user_are_never_touched(tmp_path):
    """Not by a first run, not by --resume, not by --fresh, though their names are pfmap's."""
    folder = tmp_path / "mine"
    (folder / "counts").mkdir(parents=True)
    (folder / "summary.md").write_text("my own words")
    pd.DataFrame({"a": [1]}).to_parquet(folder / "functions.parquet")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for options in ({}, {"resume": True}, {"fresh": True}):
        with pytest.raises(DataError, match=r"functions\.parquet: pfmap did not write it"):
            pipeline.run(small(), folder, stages=COUNTING, **options)
        assert {p: p.read_bytes() for p in before if p.is_file()} == before
    (folder / "functions.parquet").unlink()
    with pytest.raises(DataError, match=r"summary\.md: pfmap did not write it"):
        pipeline.run(small(), folder, stages=COUNTING)


def test_a_foreign_file_among_the_shards_is_named(copy):
    """pandas and DuckDB read the folder as a whole."""
    foreign = copy / "counts" / "mine.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(foreign)
    report = pipeline.verify(copy)
    assert any("counts/mine.parquet: pfmap did not write it" in text for text in report.problems)
    with pytest.raises(DataError, match=r"mine\.parquet: pfmap did not write it"):
        pipeline.run(small(), copy, resume=True)
    assert foreign.is_file()


def test_shards_without_a_journal_are_still_known(copy, finished):
    CampaignFolder(copy).journal.path.unlink()
    assert not CampaignFolder(copy).foreign_files()
    pipeline.run(small(), copy, resume=True)
    same_tables(copy, finished, ("counts", *TABLES))


def test_an_edited_campaign_file_is_explained(copy):
    file = CampaignFolder(copy).campaign_file
    text = file.read_text()
    file.write_text(text.replace("seed = 1", "seed = 5", 1))
    edited = read_campaign(file)
    assert edited.seed == 5
    with pytest.raises(SettingsError, match=r"seed is 1 there, 5 here") as refused:
        pipeline.run(edited, copy, resume=True)
    assert f"restore that in {file}" in refused.value.next_step
    file.write_text(text)
    assert pipeline.verify(copy).ok


def test_a_broken_provenance_is_a_problem(copy):
    CampaignFolder(copy).provenance_file.write_text("{")
    assert any("provenance.json: missing or damaged" in p for p in pipeline.verify(copy).problems)


def test_a_table_of_the_user_in_place_of_a_journalled_one_is_refused(copy):
    own = pd.DataFrame({"mine": [1, 2]})
    for name in ("llc.parquet", "counts/part-000002.parquet"):
        kept = (copy / name).read_bytes()
        own.to_parquet(copy / name)
        mine = (copy / name).read_bytes()
        for options in ({"resume": True}, {"fresh": True}):
            with pytest.raises(DataError, match=f"{name}: pfmap did not write it") as refused:
                pipeline.run(small(), copy, **options)
            assert "move it away" in refused.value.next_step
            assert (copy / name).read_bytes() == mine
        assert any(f"{name}: pfmap did not write it" in p for p in pipeline.verify(copy).problems)
        (copy / name).write_bytes(kept)


def test_a_summary_or_figure_that_was_changed_is_kept_beside_the_new_one(copy, finished):
    figure = next((copy / "figures").glob("*.svg"))
    (copy / "summary.md").write_text("my own words")
    figure.write_text("<svg>my own lines</svg>")
    listener = Listener()
    pipeline.run(small(), copy, resume=True, reporter=listener)
    assert (copy / "summary.md").read_bytes() == (finished / "summary.md").read_bytes()
    assert (copy / "summary.changed.md").read_text() == "my own words"
    assert figure.read_bytes() == (finished / "figures" / figure.name).read_bytes()
    assert figure.with_name(f"{figure.stem}.changed.svg").read_text() == "<svg>my own lines</svg>"
    assert any("kept as summary.changed.md" in text for text in listener.messages)
    assert pipeline.verify(copy).ok
    # Again, and when everything is started over.
    (copy / "summary.md").write_text("other words")
    pipeline.run(small(), copy, fresh=True, stages=COUNTING)
    assert (copy / "summary.changed-2.md").read_text() == "other words"
    assert (copy / "summary.changed.md").read_text() == "my own words"


def test_figures_of_a_stage_that_did_not_end_are_replaced_and_not_kept(copy):
    files = CampaignFolder(copy)
    files.journal.append(BeginEntry("plot"))
    figure = next((copy / "figures").glob("*.png"))
    figure.write_bytes(b"half of a figure")
    pipeline.run(small(), copy, resume=True)
    assert not list((copy / "figures").glob("*.changed.*"))
    assert pipeline.verify(copy).ok


def test_a_changed_provenance_is_seen_and_one_that_was_just_written_is_not(copy):
    path = CampaignFolder(copy).provenance_file
    text = path.read_text()
    path.write_text(text.replace('"threads"', '"fingers"', 1))
    assert pipeline.verify(copy).problems == [
        "provenance.json: damaged or was changed: its SHA-256 is not the journal's"
    ]
    path.write_text(text)
    # Killed after the line of the next one, before it is in place.
    CampaignFolder(copy).journal.append(ProvenanceEntry("ab" * 32))
    assert pipeline.verify(copy).ok


def forged(files: CampaignFolder, name: str, frame: pd.DataFrame, **notes: str) -> None:
    """A table that says something else, with a journal that agrees with it: as a bug would."""
    path = files.table(name)
    extra = tuple(
        Column(column, pa.float64(), "", "")
        for column in frame.columns
        if column not in arrow_schema(name).names
    )
    digest = write_table(path, frame, name, extra=extra, notes={**file_notes(path, name), **notes})
    stage = next(s for s in files.journal.state.stages.values() if path.name in s.files)
    entry = replace(stage, files={**stage.files, path.name: digest})
    files.journal.append(entry)


def test_tables_that_do_not_agree_with_the_shards_or_each_other_are_problems(copy):
    files = CampaignFolder(copy)
    tables = {name: read_table(copy, name).to_pandas() for name in TABLES}
    functions, llc, fits = tables["functions"], tables["llc"], tables["fits"]
    moved = functions.copy()
    moved.loc[moved.index[-2:], "count"] += [1, -1]
    later = functions.copy()
    later.loc[0, "first_draw"] += 1
    cases = (
        ("functions", moved, {}, r"was drawn \d+ times, first at \d+; in the shards \d+ times"),
        ("functions", later, {}, r"was drawn \d+ times, first at \d+; in the shards"),
        ("functions", functions[1:], {}, "do not add up to 2800 draws"),
        ("functions", functions, {"pfmap_draws": "9000"}, "is of 9000 draws, .* hold 2800"),
        ("llc", llc.assign(function="x"), {}, r"llc\.parquet: holds x, not in functions"),
        ("llc", llc.assign(draw=2800), {}, "draw 2800 is none of the 2800"),
        ("llc", llc, {"pfmap_draws": "100"}, r"is of 100 draws, functions\.parquet of 2800"),
        ("llc", llc, {"pfmap_campaign": "ab"}, "is of a campaign with other draws"),
        ("fits", fits.assign(n=10**6), {}, "1000000 rows entered"),
        ("volume", tables["volume"].assign(function="x"), {}, "holds x, not in evidence"),
        ("evidence", tables["evidence"].assign(function="x", name=""), {}, "holds x, not in func"),
    )
    for name, frame, notes, complaint in cases:
        forged(files, name, frame, **notes)
        problems = pipeline.verify(copy, blocks=0).problems
        assert any(re.search(complaint, text) for text in problems), (complaint, problems)
        forged(files, name, tables[name], pfmap_draws="2800", pfmap_campaign=small().digest())
        assert pipeline.verify(copy, blocks=0).problems == [], complaint


def test_verify_of_some_blocks_says_of_how_many_draws(tmp_path):
    pipeline.run(small(), tmp_path / "part", blocks=(0, 2))
    report = pipeline.verify(tmp_path / "part")
    assert report.ok
    assert (report.draws, report.total) == (1024, 2800)
