"""Journals that a disk or a person has changed: told by line, never believed, always a way on."""

import json
import shutil
import tempfile
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_campaign import Listener, same_tables, small
from test_path_names import campaign

from pfmap import pipeline
from pfmap.settings.campaign import Campaign
from pfmap.settings.sections import Counting
from pfmap.store import CampaignFolder
from pfmap.store.journal import BlockEntry, FoldEntry, Journal, StageEntry
from pfmap.store.lines import line_text, parsed_line

STAGES = ("sample", "functions", "complexity")
DIGEST = "ab" * 32
IMPOSSIBLE = [
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"event":"block","event":"fold","blocks":0,"files":{}}',
    b'{"event":"fold","blocks":NaN,"files":{}}',
    b'{"event":"fold","blocks":1' + b"0" * 6000 + b',"files":{}}',
    b'{"event":["block"]}',
    b'{"event":{}}',
    b"\xff\xfe{\x00",
    b"\x00" * 50,
    b"",
    b"\xef\xbb\xbf{}",
    *(
        line_text(entry)[:-1]
        for entry in (
            StageEntry("functions", DIGEST, {name: DIGEST}, 1.0)
            for name in (
                "a\0.parquet", "../../x", "/etc/passwd", "..", ".", "", "a/../b", "~/x", ".hidden",
                "C:\\x", "a\nb", "x" * 5000, "\ud800", "counts//x", "*.parquet",
            )
        )
    ),
    *(
        line_text(entry)[:-1]
        for entry in (
            BlockEntry(-1, 256, 1, "counts/part-0000-1.parquet", DIGEST, 0.0),
            BlockEntry(10**30, 256, 1, f"counts/part-{10**30}.parquet", DIGEST, 0.0),
            BlockEntry(0, 256, 1, "counts/part-000001.parquet", DIGEST, 0.0),
            BlockEntry(0, -256, 1, "counts/part-000000.parquet", DIGEST, 0.0),
            BlockEntry(0, 256, 1, "counts/part-000000.parquet", DIGEST, float("inf")),
            BlockEntry(0, 256, 1, "counts/part-000000.parquet", "not a digest", 0.0),
            BlockEntry(True, 256, 1, "counts/part-000001.parquet", DIGEST, 0.0),
            FoldEntry(4, {}),
            FoldEntry(0, {"counts/sample-000000.parquet": DIGEST}),
            FoldEntry(4, {"functions.parquet": DIGEST}),
            StageEntry("plo\0t", DIGEST, {}, 1.0),
        )
    ),
]  # fmt: skip


def kept_campaign(keep: str) -> Campaign:
    """Shards of the first blocks are folded into counts of the functions that are kept."""
    return small(
        draws=3000, block_draws=256, counting=Counting(keep=keep, functions=500),
        complexity=campaign(1).complexity,
    )  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folders of finished campaigns, by what they keep of their functions."""
    folders = {}
    for keep, settings_ in (("all", campaign(1)), ("sampled", kept_campaign("sampled"))):
        folders[keep] = tmp_path_factory.mktemp("finished") / keep
        pipeline.run(settings_, folders[keep], stages=STAGES)
    return folders


@pytest.mark.parametrize("line", IMPOSSIBLE, ids=range(len(IMPOSSIBLE)))
def test_a_line_that_pfmap_cannot_have_written_is_no_line(line):
    assert parsed_line(line) is None


def test_every_changed_byte_of_a_line_is_seen():
    line = line_text(BlockEntry(7, 256, 10, "counts/part-000007.parquet", DIGEST, 0.5))[:-1]
    assert parsed_line(line).block_index == 7
    for place in range(len(line)):
        for flip in (1, 4, 128):
            changed = bytearray(line)
            changed[place] ^= flip
            assert parsed_line(bytes(changed)) is None


def test_lines_without_a_checksum_are_read_as_before():
    line = json.loads(line_text(BlockEntry(7, 256, 10, "counts/part-000007.parquet", DIGEST, 0.5)))
    assert (
        line.pop("crc32") == f"{zlib.crc32(json.dumps(line, separators=(',', ':')).encode()):08x}"
    )
    assert parsed_line(json.dumps(line).encode()).block_index == 7


def test_a_journal_cut_at_any_byte_holds_the_lines_before(finished, tmp_path):
    whole = CampaignFolder(finished["all"]).journal.path.read_bytes()
    journal = tmp_path / "journal.jsonl"
    for end in range(len(whole)):
        journal.write_bytes(whole[:end])
        state = Journal(journal).read()
        lines = whole[:end].count(b"\n")
        assert state.damaged == ([] if whole[:end].endswith(b"\n") or not end else [lines + 1])
        blocks = [line for line in whole[:end].split(b"\n")[:-1] if b'"block"' in line]
        assert len(state.blocks) == len(blocks)


def mutated(draw: st.DrawFn, whole: bytes) -> bytes:
    """A journal after some changes of one kind or another."""
    for _ in range(draw(st.integers(1, 3))):
        lines = whole.split(b"\n")
        at = draw(st.integers(0, len(lines) - 1))
        other = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["cut", "swap", "delete", "repeat", "insert", "flip", "spoil"]))
        if kind == "cut":
            whole = whole[: draw(st.integers(0, len(whole)))]
            continue
        if kind == "flip" and whole:
            changed = bytearray(whole)
            changed[draw(st.integers(0, len(whole) - 1))] ^= draw(st.integers(1, 255))
            whole = bytes(changed)
            continue
        if kind == "swap":
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == "delete":
            del lines[at]
        elif kind == "repeat":
            lines.insert(other, lines[at])
        elif kind == "insert":
            lines.insert(at, draw(st.sampled_from(IMPOSSIBLE) | st.binary(max_size=40)))
        else:
            lines[at] = draw(st.sampled_from(IMPOSSIBLE))
        whole = b"\n".join(lines)
    return whole


@pytest.mark.parametrize("keep", ["all", "sampled"])
@settings(
    max_examples=settings().max_examples // 8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_a_changed_journal_is_told_and_resuming_ends_with_the_same_tables(finished, keep, data):
    wanted = campaign(1) if keep == "all" else kept_campaign(keep)
    with tempfile.TemporaryDirectory() as temporary:
        folder = shutil.copytree(finished[keep], Path(temporary) / "copy")
        path = CampaignFolder(folder).journal.path
        path.write_bytes(mutated(data.draw, path.read_bytes()))
        damaged = CampaignFolder(folder).journal.state.damaged
        assert pipeline.status(folder)["blocks"]["total"] == wanted.n_blocks
        report = pipeline.verify(folder, blocks=0)
        for line in damaged:
            assert f"journal.jsonl: line {line} is damaged" in report.problems
        listener = Listener()
        pipeline.run(wanted, folder, resume=True, stages=STAGES, reporter=listener)
        assert sum(text.startswith("journal.jsonl: line") for text in listener.messages) == len(
            damaged
        )
        same_tables(folder, finished[keep], ("counts", "functions"))
        assert pipeline.verify(folder, blocks=1).problems == []


def test_a_journal_cut_to_nothing_is_not_sound(finished, tmp_path):
    folder = shutil.copytree(finished["all"], tmp_path / "copy")
    CampaignFolder(folder).journal.path.write_bytes(b"")
    report = pipeline.verify(folder)
    assert (report.shards, report.draws, report.total) == (0, 0, 700)
    unnamed = [text for text in report.problems if "no line of the journal names it" in text]
    assert len(unnamed) == 5  # three shards and two tables
    assert any("the finished blocks hold 0" in text for text in report.problems)
    pipeline.run(campaign(1), folder, resume=True, stages=STAGES)
    assert pipeline.verify(folder).ok


def test_blocks_missing_from_a_journal_that_ends_sampling_are_a_problem(finished, tmp_path):
    folder = shutil.copytree(finished["all"], tmp_path / "copy")
    path = CampaignFolder(folder).journal.path
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(line for line in lines if b"part-000001" not in line))
    problems = pipeline.verify(folder).problems
    assert any("all 3 blocks were drawn, and names 2" in text for text in problems)
