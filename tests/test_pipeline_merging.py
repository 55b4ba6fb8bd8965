"""Joining campaigns that drew different blocks, and what must be refused."""

from __future__ import annotations

import pandas as pd
import pytest

from pfmap import pipeline
from pfmap.errors import DataError, SettingsError
from pfmap.settings.campaign import Campaign
from pfmap.settings.network import Network
from pfmap.store import CampaignFolder

CAMPAIGN = Campaign(draws=2000, block_draws=256, network=Network(widths=(3, 4, 1)))
STAGES = ["sample", "functions"]


@pytest.fixture
def parts(tmp_path):
    """Two folders with blocks 0 to 4 and 5 to 7."""
    pipeline.run(CAMPAIGN, tmp_path / "a", blocks=(0, 5), threads=1)
    pipeline.run(CAMPAIGN, tmp_path / "b", blocks=(5, 8), threads=1)
    return tmp_path / "a", tmp_path / "b"


def test_joined_parts_are_one_undisturbed_run(parts, tmp_path):
    result = pipeline.merge(parts, tmp_path / "ab")
    assert result.missing == []
    pipeline.run(CAMPAIGN, tmp_path / "ab", resume=True, stages=STAGES, threads=1)
    pipeline.run(CAMPAIGN, tmp_path / "one", stages=STAGES, threads=1)
    for name in ("functions.parquet", *(f"counts/part-{i:06d}.parquet" for i in range(8))):
        assert (tmp_path / "ab" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert pipeline.verify(tmp_path / "ab").ok


def test_blocks_that_nobody_drew_are_named_and_drawn_later(tmp_path):
    pipeline.run(CAMPAIGN, tmp_path / "a", blocks=(0, 2), threads=1)
    pipeline.run(CAMPAIGN, tmp_path / "b", blocks=(4, 5), threads=1)
    result = pipeline.merge([tmp_path / "a", tmp_path / "b"], tmp_path / "ab")
    assert result.missing == [(2, 4), (5, 8)]
    pipeline.run(CAMPAIGN, tmp_path / "ab", resume=True, stages=STAGES, threads=1)
    counts = pd.read_parquet(tmp_path / "ab" / "functions.parquet", columns=["count"])
    assert counts["count"].sum() == CAMPAIGN.draws


def test_the_same_block_twice_is_refused(parts, tmp_path):
    pipeline.run(CAMPAIGN, tmp_path / "c", blocks=(4, 6), threads=1)
    with pytest.raises(SettingsError, match="blocks 4:5 also in"):
        pipeline.merge([parts[0], tmp_path / "c"], tmp_path / "ac")
    assert not (tmp_path / "ac" / "counts").exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [({"seed": 2}, "seed"), ({"complexity": {"proxies": ["lz"]}}, "complexity.proxies")],
)
def test_other_settings_are_refused_and_named(parts, tmp_path, change, named):
    other = Campaign.model_validate(CAMPAIGN.model_dump() | change)
    pipeline.run(other, tmp_path / "c", blocks=(5, 8), threads=1)
    with pytest.raises(SettingsError, match=named):
        pipeline.merge([parts[0], tmp_path / "c"], tmp_path / "ac")


def test_a_damaged_shard_is_refused(parts, tmp_path):
    shard = CampaignFolder(parts[1]).shard(6)
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match="part-000006"):
        pipeline.merge(parts, tmp_path / "ab")


def test_a_merge_goes_on_where_it_was_stopped(parts, tmp_path):
    class Stop(pipeline.SilentReporter):
        def progress(self, stage, done, total):
            if done == 3:
                raise KeyboardInterrupt

    with pytest.raises(Exception, match="stopped on request: 3 of 8"):
        pipeline.merge(parts, tmp_path / "ab", reporter=Stop())
    with pytest.raises(SettingsError, match="without a campaign"):
        pipeline.merge(parts, tmp_path / "ab")
    assert pipeline.merge(parts, tmp_path / "ab", resume=True).missing == []
    lines = (tmp_path / "ab" / "journal.jsonl").read_text().count('"event":"block"')
    assert lines == 8  # none was copied twice


def test_ranges_beyond_the_campaign_are_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"blocks: must lie within 0:8.*got 7:9"):
        pipeline.run(CAMPAIGN, tmp_path / "a", blocks=(7, 9))


def test_folders_are_named_once_and_only_read(parts, tmp_path):
    with pytest.raises(SettingsError, match="each named once, got 2, 1 of them different"):
        pipeline.merge([parts[0], parts[0]], tmp_path / "aa")
    with pytest.raises(SettingsError, match="out: must not be one of the folders"):
        pipeline.merge(parts, parts[0], resume=True)
    pipeline.merge(parts, tmp_path / "ab")
    with pytest.raises(
        SettingsError, match=r"without a campaign.*continue the merge with --resume"
    ):
        pipeline.merge(parts, tmp_path / "ab")


def test_drawing_some_blocks_looks_at_no_others(parts, tmp_path):
    lost = parts[0] / "counts" / "part-000001.parquet"
    lost.unlink()
    result = pipeline.run(CAMPAIGN, parts[0], blocks=(5, 6), resume=True)
    assert result.repaired == []
    assert not lost.exists()
    result = pipeline.run(CAMPAIGN, parts[0], resume=True, stages=["sample"])
    assert result.repaired == ["counts/part-000001.parquet"]
    assert lost.exists()
