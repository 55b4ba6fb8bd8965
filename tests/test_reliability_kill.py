"""Campaigns killed by SIGKILL at named and at random moments end as if nothing had happened."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pfmap import pipeline
from pfmap.errors import StoppedEarly
from pfmap.store import CampaignFolder, read_campaign_folder, read_table

DRIVER = Path(__file__).parent / "reliability_driver.py"
TABLES = ("counts", "functions", "llc", "ladder")
MEASURED = ("counts", "functions", "volume", "evidence")
ANALYSED = (*TABLES, *MEASURED[2:], "fits", "correlations", "predictors")
MOMENTS = (
    "before the first line",
    "shard without its line",
    "inside a shard",
    "inside a line",
    "merging",
    "functions without their line",
    "complexity without its line",
    "llc",
    "llc without its line",
)
SPLITTING_MOMENTS = ("inside a run's file", "run without its line", "volume without evidence")
LATE_MOMENTS = ("between fits and correlations", "before the last provenance")


class Driver:
    """A process that runs the campaign in children and kills them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def run(
        self, folder: Path, moment: str, seconds: float = 0.0, *, last: str = "llc"
    ) -> tuple[int, float]:
        """Exit code and wall time of one child that runs the stages up to `last`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{folder}\t{last}\t{moment}\t{seconds}\n")
        self.process.stdin.flush()
        code, elapsed = self.process.stdout.readline().split("\t")
        return int(code), float(elapsed)


@pytest.fixture(scope="module")
def driver():
    with subprocess.Popen(
        [sys.executable, str(DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Driver(process)


@pytest.fixture(scope="module")
def uninterrupted(driver, tmp_path_factory):
    """Tables of a campaign that nobody disturbed, and how long it takes once compiled."""
    folder = tmp_path_factory.mktemp("whole")
    assert driver.run(folder / "compiling", "never")[0] == 0
    code, elapsed = driver.run(folder / "whole", "never")
    assert code == 0
    assert driver.run(folder / "whole", "never", last="analyze")[0] == 0
    return folder / "whole", elapsed


def assert_same(folder: Path, reference: Path, tables: tuple[str, ...] = TABLES) -> None:
    for name in tables:
        left, right = (read_table(f, name).to_pandas() for f in (folder, reference))
        columns = [column for column in left.columns if column != "elapsed_s"]
        pd.testing.assert_frame_equal(left[columns], right[columns], check_exact=True)
    left, right = (CampaignFolder(f).journal.state.blocks for f in (folder, reference))
    assert {i: entry.sha256 for i, entry in left.items()} == {
        i: entry.sha256 for i, entry in right.items()
    }


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_at_a_named_moment_changes_nothing(driver, uninterrupted, tmp_path, moment):
    folder = tmp_path / "killed"
    assert driver.run(folder, moment)[0] == -signal.SIGKILL
    assert driver.run(folder, "never")[0] == 0
    assert_same(folder, uninterrupted[0])
    assert [path.name for path in folder.iterdir() if path.name[0] == "."] == [".pfmap-lock"]
    assert [path for path in (folder / "counts").iterdir() if path.name[0] == "."] == []
    assert pipeline.verify(folder, blocks=0).ok


@pytest.mark.parametrize("moment", SPLITTING_MOMENTS)
def test_a_kill_between_runs_loses_only_the_run_in_flight(driver, uninterrupted, tmp_path, moment):
    folder = tmp_path / "killed"
    assert driver.run(folder, moment, last="volume")[0] == -signal.SIGKILL
    kept = {path: path.read_bytes() for path in (folder / "volume").glob("*/[pr]*.parquet")}
    finished = {path: path.stat().st_mtime_ns for path in kept}
    assert len(kept) == {SPLITTING_MOMENTS[0]: 2, SPLITTING_MOMENTS[1]: 5}.get(moment, len(kept))
    unnamed = "volume.parquet: pfmap wrote it, but no line of the journal names it"
    half_made = [unnamed] if moment == SPLITTING_MOMENTS[2] else []
    assert pipeline.verify(folder, blocks=0).problems == half_made
    assert driver.run(folder, "never", last="volume")[0] == 0
    assert_same(folder, uninterrupted[0], MEASURED)
    assert {path: path.stat().st_mtime_ns for path in kept} == finished
    assert list((folder / "volume").glob("*/.*")) == []
    assert pipeline.verify(folder, blocks=0).ok


@pytest.mark.parametrize("moment", LATE_MOMENTS)
def test_a_kill_during_the_analysis_changes_nothing(driver, uninterrupted, tmp_path, moment):
    folder = tmp_path / "killed"
    assert driver.run(folder, moment, last="analyze")[0] == -signal.SIGKILL
    assert driver.run(folder, "never", last="analyze")[0] == 0
    assert_same(folder, uninterrupted[0], ANALYSED)
    summaries = [(path / "summary.md").read_text() for path in (folder, uninterrupted[0])]
    assert summaries[0] == summaries[1]


def test_a_kill_loses_only_the_blocks_in_flight(driver, tmp_path):
    """Eleven shards would follow; the journal keeps what was finished before the kill."""
    assert driver.run(tmp_path / "killed", "shard without its line")[0] == -signal.SIGKILL
    assert sorted(CampaignFolder(tmp_path / "killed").journal.state.blocks) == [0, 1, 2, 3]
    assert driver.run(tmp_path / "torn", "inside a line")[0] == -signal.SIGKILL
    state = CampaignFolder(tmp_path / "torn").journal.state
    assert sorted(state.blocks) == list(range(7))
    assert state.damaged == [10]


def test_kills_at_random_moments_change_nothing(driver, uninterrupted, tmp_path):
    """Runs are killed again and again at a random moment of what an undisturbed one takes."""
    reference, elapsed = uninterrupted
    rng = np.random.default_rng(7)
    for campaign in range(2):
        folder = tmp_path / f"killed-{campaign}"
        seconds = rng.uniform(0.1, 0.6) * elapsed
        while driver.run(folder, "timed", seconds)[0] == 0:
            shutil.rmtree(folder)  # the machine has become faster: too late a kill
            seconds /= 2
        for _ in range(3):
            code, _ = driver.run(folder, "timed", rng.uniform(0.05, 0.5) * elapsed)
            assert code in (0, -signal.SIGKILL)
        assert driver.run(folder, "never")[0] == 0
        assert_same(folder, reference)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_polite_signal_finishes_the_block_and_tells_how_to_go_on(tmp_path, number):
    script = (
        "import sys\nsys.path.insert(0, sys.argv[2])\n"
        "from pfmap.errors import StoppedEarly\n"
        "from reliability_driver import CAMPAIGN, pipeline\n"
        "class Ready(pipeline.SilentReporter):\n"
        "    def progress(self, stage, done, total):\n"
        "        print(done, flush=True)\n"
        "campaign = CAMPAIGN.model_copy(update={'draws': 10**9})\n"
        "try:\n"
        "    pipeline.run(campaign, sys.argv[1], stages=['sample'], reporter=Ready())\n"
        "except StoppedEarly as error:\n"
        "    print(error, file=sys.stderr)\n"
        "    sys.exit(error.exit_code)\n"
    )
    folder = tmp_path / "stopped"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder), str(DRIVER.parent)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < 3000:
            pass
        process.send_signal(number)
        _, errors = process.communicate(timeout=600)
    assert process.returncode == StoppedEarly.exit_code == 3, errors
    assert "stopped on request" in errors
    assert f"pfmap run {folder} --resume" in errors
    finished = len(CampaignFolder(folder).journal.state.blocks)
    assert finished == len(list((folder / "counts").iterdir())) >= 3


def test_a_signal_during_the_last_block_stops_before_the_next_stage(tmp_path, driver):
    folder = tmp_path / "stopped"

    class Interrupt(pipeline.SilentReporter):
        def progress(self, stage: str, done: int, total: int) -> None:
            if stage == "sample" and done == total:
                signal.raise_signal(signal.SIGTERM)

    assert driver.run(folder, "shard without its line")[0] == -signal.SIGKILL
    with pytest.raises(StoppedEarly, match=r"12 of 12 blocks are done"):
        pipeline.run(read_campaign_folder(folder), folder, resume=True, reporter=Interrupt())
    assert not (folder / "functions.parquet").exists()


def test_a_signal_outside_the_sampling_stage_stops_at_once(tmp_path, driver):
    folder = tmp_path / "stopped"

    class Interrupt(pipeline.SilentReporter):
        def started(self, stage: str) -> None:
            if stage == "functions":
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(5)

    assert driver.run(folder, "merging")[0] == -signal.SIGKILL
    before = signal.getsignal(signal.SIGTERM)
    campaign = read_campaign_folder(folder)
    with pytest.raises(StoppedEarly, match=r"12 of 12 blocks are done"):
        pipeline.run(campaign, folder, resume=True, reporter=Interrupt())
    assert signal.getsignal(signal.SIGTERM) is before
    assert not (folder / "functions.parquet").exists()
