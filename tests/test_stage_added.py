"""A stage added from one file: it runs after what it needs, is skipped, and goes stale."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from pfmap import pipeline
from pfmap.errors import SettingsError
from pfmap.pipeline.job import Job
from pfmap.pipeline.stages import Stage, register_stage, stage_names, with_needed
from pfmap.pipeline.stages import _registry as registry
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping
from pfmap.store.atomic import write_bytes

FILE = "census.json"


def census(job: Job) -> list[str]:
    """Count the functions that the campaign drew."""
    functions = pd.read_parquet(job.files.table("functions"))
    write_bytes(job.files.path / FILE, json.dumps({"functions": len(functions)}).encode())
    return [FILE]


@pytest.fixture
def stage():
    """The stage, known as long as a test runs."""
    added = Stage(
        name="census",
        label="taking a census",
        needs=("functions",),
        tables=(),
        kernels=(),
        settings=lambda campaign: campaign.analysis.min_count,
        run=census,
    )
    register_stage(added)
    yield added
    del registry._STAGES[added.name]


def campaign(**more: object) -> Campaign:
    return campaign_from_mapping({"draws": 2000, "network": {"widths": [2, 3, 1]}, **more})


class Listener(pipeline.SilentReporter):
    """Remembers the stages that began."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def started(self, stage: str) -> None:
        self.heard.append(stage)


def test_an_added_stage_runs_once_and_again_when_its_settings_change(stage, tmp_path):
    assert stage_names()[-1] == stage.name
    listener = Listener()
    result = pipeline.run(campaign(), tmp_path, stages=[stage.name], reporter=listener)
    assert listener.heard == list(with_needed([stage.name])) == ["sample", "functions", "census"]
    drawn = len(pd.read_parquet(tmp_path / "functions.parquet"))
    assert json.loads((tmp_path / FILE).read_text()) == {"functions": drawn}
    again = pipeline.run(campaign(), tmp_path, resume=True, stages=[stage.name])
    assert again.stages[stage.name].up_to_date
    other = campaign(analysis={"min_count": 20})
    again = pipeline.run(other, tmp_path, resume=True, stages=[stage.name])
    assert not again.stages[stage.name].up_to_date
    (tmp_path / FILE).write_text("{}")
    listener = Listener()
    mended = pipeline.run(other, tmp_path, resume=True, stages=[stage.name], reporter=listener)
    assert mended.repaired == [FILE]
    assert json.loads((tmp_path / FILE).read_text()) == {"functions": drawn}
    assert not result.stages[stage.name].up_to_date


def test_a_name_is_taken_once_and_what_is_needed_must_be_there(stage):
    with pytest.raises(SettingsError, match="not taken, got 'census'"):
        register_stage(stage)
    with pytest.raises(SettingsError, match="no such stage, got 'survey'"):
        register_stage(Stage("later", "later", ("survey",), (), (), lambda _: [], census))
    with pytest.raises(SettingsError, match="no such stage, got 'survey'"):
        pipeline.run(campaign(), "unused", stages=["survey"])
