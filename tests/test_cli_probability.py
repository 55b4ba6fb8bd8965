"""``pfmap probability`` as a user meets it: its numbers, its errors, and a kill in the middle."""

from __future__ import annotations

import contextlib
import json
import math
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import COMMAND, LONGEST_S, TINY, pfmap, wait_for
from typer.testing import CliRunner

import pfmap_cli.progress
from pfmap.errors import SettingsError
from pfmap.volume import Settings, estimate_probability
from pfmap_cli import targets
from pfmap_cli.main import app
from pfmap_cli.progress import ProgressReporter

NETWORK = ("--widths", "3,8,1", "--activation", "tanh")


def invoke(*arguments: str, cwd: Path) -> str:
    """What a command that ends well prints on stdout, without the start of a new process."""
    with contextlib.chdir(cwd):
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.fixture(scope="module")
def sampled(tmp_path_factory) -> Path:
    """A folder in which a tiny campaign has drawn and weighed its functions."""
    folder = tmp_path_factory.mktemp("probability")
    (folder / "tiny.toml").write_text(TINY)
    invoke("sample", "tiny.toml", cwd=folder)
    return folder


def test_defaults_are_those_of_the_settings():
    assert Settings() == Settings(
        chains=targets.CHAINS, steps=targets.STEPS, runs=targets.RUNS,
        max_levels=targets.MAX_LEVELS, seed=targets.SEED,
    )  # fmt: skip


def test_a_campaigns_function_stands_beside_its_count(sampled):
    arguments = ("probability", "tiny", "--named", "constant", "--key", "69")
    parity, constant = json.loads(invoke(*arguments, "--json", cwd=sampled))["functions"]
    assert (parity["label"], constant["label"]) == ("69", "constant")
    seen = constant["counted"]
    assert seen["draws"] == 20_000
    assert seen["log2_p_low"] < seen["log2_p"] < seen["log2_p_high"]
    error = math.hypot(constant["log2_p_se"], 1 / math.sqrt(seen["count"]) / math.log(2))
    assert abs(constant["log2_p"] - seen["log2_p"]) < 5 * error
    assert parity["counted"]["log2_p"] is None
    assert parity["log2_p"] < parity["counted"]["log2_p_high"] + 5 * parity["log2_p_se"]
    shown = invoke(*arguments, cwd=sampled)
    assert "of campaign tiny" in shown
    assert "not seen in 20,000 draws" in shown
    assert f"({seen['count']:,} of 20,000 draws; Clopper-Pearson" in shown
    assert "standard errors" in shown
    assert "counting would need" in shown


def test_verdicts_say_what_to_do(tmp_path):
    arguments = ("probability", *NETWORK, "--named", "parity", "--max-levels", "3")
    (row,) = json.loads(invoke(*arguments, "--json", cwd=tmp_path))["functions"]
    assert (row["verdict"], row["log2_p"], row["runs"]) == ("budget", None, 2)
    assert -8.0 < row["log2_p_upper"] < -4.0
    assert row["advice"] == "allow more levels: --max-levels 6"
    assert row["log2_p_lower"] == row["log2_p_realised"] < -20.0
    shown = invoke(*arguments, cwd=tmp_path)
    assert f"{row['log2_p_lower']:.2f} < log2 P < {row['log2_p_upper']:.2f}" in shown
    assert "below: a bridge from a realisation" in shown
    shown = invoke("probability", "--widths", "3,1", "--named", "parity", cwd=tmp_path)
    assert "perceptron of 3 inputs" in shown
    assert "P = 0, not expressible: no parameter vector expresses it" in shown


def test_runs_that_disagree_print_bounds_and_no_number(tmp_path):
    arguments = (
        "probability", "--widths", "5,8,1", "--activation", "tanh", "--named", "random:1",
        "--out", "kept",
    )  # fmt: skip
    (row,) = json.loads(invoke(*arguments, "--json", cwd=tmp_path))["functions"]
    assert (row["verdict"], row["log2_p"], row["log2_p_se"]) == ("uncertain", None, None)
    assert row["draws_for_same_precision"] is None
    assert row["log2_p_lower"] < -60.0 < row["log2_p_upper"]
    shown = invoke(*arguments, cwd=tmp_path)
    assert f"{row['log2_p_lower']:.2f} < log2 P < {row['log2_p_upper']:.2f}" in shown
    assert "uncertain: 8 runs" in shown
    assert "--steps 512" in shown
    assert "reached" not in shown
    assert "counting would need" not in shown


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        ({"widths": "3,x"}, "--widths: must be integers with commas, .* got '3,x'"),
        ({"widths": "3,4"}, "network.widths: the last width must be 1"),
        ({"widths": "3,1", "activation": "swish"}, "network.activation"),
        ({"widths": "3,1", "prior": "flat"}, "prior.preset"),
        ({"source": "small", "widths": "3,1"}, "--widths: gives a network, and so does"),
        ({"activation": "relu"}, "--activation: goes with --widths"),
        ({"no_bias": True}, "--no-bias: goes with --widths"),
    ],
)
def test_networks_that_cannot_be_are_refused(arguments, pattern):
    with pytest.raises(SettingsError, match=pattern):
        targets.find_network(arguments.pop("source", None), **arguments)


def test_functions_are_given_once_in_order():
    network, _ = targets.find_network(None, widths="3,4,1", no_bias=True)
    assert not network.network.bias
    found = targets.find_functions(network, ["0xE8"], ["00010111"], ["MAJORITY", "parity"])
    assert [(item.key, item.label) for item in found] == [
        ("e8", "e8"), ("17", "majority"), ("69", "parity"),
    ]  # fmt: skip
    with pytest.raises(SettingsError, match="--key: a key of this campaign"):
        targets.find_functions(network, ["e"], None, None)


def test_a_long_pilot_says_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr(pfmap_cli.progress, "LINE_EVERY_S", 0.0)
    network, _ = targets.find_network(None, widths="3,8,1", activation="tanh")
    seen = []
    with ProgressReporter() as reporter:
        reporter.started("pilot")

        def watch(level):
            seen.append(level)
            reporter.pilot(level)

        found = estimate_probability(
            network, "parity", Settings(chains=32, steps=8, runs=2), watch=watch
        )
    # The pilots of other severities count from 1 again.
    starts = [place for place, level in enumerate(seen) if level == 1]
    lengths = np.diff([*starts, len(seen)])
    assert seen == [level for length in lengths for level in range(1, length + 1)]
    assert len(found.levels.thresholds) - 1 in lengths
    assert "pilot: 3 levels, down to about 2^-6" in capsys.readouterr().err


def test_no_function_is_a_usage_error(tmp_path):
    done = pfmap("probability", *NETWORK, cwd=tmp_path)
    assert done.returncode == 2
    assert "function: none was given" in done.stderr
    assert "--named parity" in done.stderr


LONG = ("probability", *NETWORK, "--named", "parity", "--runs", "20", "--steps", "64", "--json")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict:
    """What the long command finds if nobody stops it."""
    said = invoke(*LONG, cwd=tmp_path_factory.mktemp("undisturbed"))
    (row,) = json.loads(said)["functions"]
    return row | {"elapsed_s": 0.0}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_estimate_goes_on_where_it_stopped(tmp_path, undisturbed, how):
    command = [COMMAND, *LONG, "--out", "kept", "--threads", "1"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for(tmp_path, "kept/*/run-0002.parquet", process)
    process.send_signal(how)
    _, said = process.communicate(timeout=LONGEST_S)
    assert process.returncode == (3 if how == signal.SIGINT else -signal.SIGKILL)
    if how == signal.SIGINT:
        assert "finished runs are in kept" in said
        assert "the same command goes on" in said
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("kept/*/[!.]*.parquet")}
    assert 4 <= len(kept) < 21
    again = invoke(*LONG, "--out", "kept", cwd=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    (row,) = json.loads(again)["functions"]
    assert row | {"elapsed_s": 0.0} == undisturbed


def test_ctrl_c_without_a_folder_says_that_nothing_was_kept(tmp_path):
    command = [COMMAND, "probability", "--widths", "7,40,40,1", "--named", "parity"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while "P of parity" not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 3
    assert "nothing was kept" in said
    assert "--out FOLDER" in said
