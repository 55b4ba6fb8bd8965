"""The command line as a user meets it: a process of its own, its output, its exit codes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import COMMAND, LONGEST_S, TINY, pfmap, started_pfmap, wait_for

from pfmap.models.network import unflatten
from pfmap.sampling import plan_sampling, weights_of_draws
from pfmap.settings.read import campaign_from_mapping
from pfmap_cli.doctor import KNOWN, KNOWN_CAMPAIGN

COMMANDS = (
    "run", "init", "sample", "complexity", "llc", "exact", "calibrate", "probability", "kernel",
    "posterior", "analyze", "plot", "show", "status", "verify", "doctor",
)  # fmt: skip


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    """A folder with a tiny campaign that has run to its end."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "tiny.toml").write_text(TINY)
    done = started_pfmap("run", "tiny.toml", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def copied(workplace, tmp_path) -> Path:
    """A copy of the workplace that a test may damage."""
    return Path(shutil.copytree(workplace, tmp_path / "work"))


def files_and_times(folder: Path) -> dict[Path, int]:
    """Every visible file with the time it was last written (the lock is a hidden one)."""
    visible = [path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."]
    return {path: path.stat().st_mtime_ns for path in visible}


def test_help_names_every_command_and_every_command_has_an_example(tmp_path):
    listed = started_pfmap("--help", cwd=tmp_path)
    assert listed.returncode == 0
    for command in COMMANDS:
        assert command in listed.stdout
        shown = pfmap(command, "--help", cwd=tmp_path)
        assert shown.returncode == 0
        assert f"Example: pfmap {command}" in " ".join(shown.stdout.split())


def test_run_prints_the_summary_on_stdout_and_progress_on_stderr(workplace):
    again = pfmap("run", "tiny.toml", "--resume", cwd=workplace)
    assert again.returncode == 0
    assert "sampling the prior: up to date" in again.stderr
    assert "sampling" not in again.stdout
    for needed in ("most probable", "results/tiny", "supported", "figures"):
        assert needed in again.stdout


def test_run_leaves_tables_that_pandas_opens(workplace):
    folder = workplace / "results/tiny"
    functions = pd.read_parquet(folder / "functions.parquet")
    assert functions["count"].sum() == 20_000
    assert pd.read_parquet(folder / "counts")["count"].sum() == 20_000
    for name in ("llc", "fits", "correlations", "predictors"):
        assert len(pd.read_parquet(folder / f"{name}.parquet"))
    assert list((folder / "figures").glob("*.png"))
    assert list((folder / "figures").glob("*.svg"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "tiny.toml", "--resume"),
        ("status", "tiny"),
        ("verify", "tiny"),
        ("show", "00", "--in", "tiny"),
        ("analyze", "tiny"),
        ("plot", "tiny"),
        ("complexity", "--table", "01101001"),
        ("init", "--list"),
        ("doctor",),
    ],
)
def test_json_is_the_only_thing_on_stdout(workplace, arguments):
    done = pfmap(*arguments, "--json", cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)


def test_a_folder_with_a_campaign_is_never_touched_by_default(workplace):
    before = files_and_times(workplace / "results")
    refused = pfmap("run", "tiny.toml", cwd=workplace)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    assert "--fresh" in refused.stderr
    assert files_and_times(workplace / "results") == before


def test_show_prints_a_function(workplace):
    shown = pfmap("show", "ff", "--in", "tiny", cwd=workplace)
    assert shown.returncode == 0
    assert "11111111" in shown.stdout
    assert "named beforehand" in shown.stdout
    for text in ("constant-1", "11111111", "0xFF"):
        same = pfmap("show", text, "--in", "tiny", cwd=workplace)
        assert (same.returncode, same.stdout) == (0, shown.stdout)
    misspelt = pfmap("show", "majorty", "--in", "tiny", cwd=workplace)
    assert misspelt.returncode == 2
    assert "names: parity | majority" in misspelt.stderr
    ambiguous = pfmap("show", "0", "--in", "tiny", cwd=workplace)
    assert (ambiguous.returncode, "more of the key" in ambiguous.stderr) == (2, True)


def test_show_of_a_function_never_drawn_says_how_rare_it_must_be(copied):
    functions = pd.read_parquet(copied / "results/tiny/functions.parquet")
    unseen = next(f"{i:02x}" for i in range(256) if f"{i:02x}" not in set(functions["function"]))
    shown = pfmap("show", unseen, "--in", "tiny", cwd=copied)
    assert shown.returncode == 2
    # The upper end of Clopper-Pearson's interval at a count of 0, two-sided like all others.
    assert f"P < {1 - 0.025 ** (1 / 20_000):.2g} (95 %)" in shown.stderr


def test_complexity_of_a_table_given_on_the_line(tmp_path):
    done = pfmap("complexity", "--table", "01101001", "--json", cwd=tmp_path)
    values = json.loads(done.stdout)["complexity"]
    # Parity of 3 bits: every input is sensitive to every bit, one Walsh coefficient, degree 3.
    assert (values["sensitivity"], values["walsh_l1"], values["degree"]) == (3, 1, 3)
    wrong = pfmap("complexity", "--table", "0110100", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "2^n digits" in wrong.stderr


def test_llc_at_weights_of_ones_own(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "w.npz",
        W1=rng.normal(size=(4, 3)), b1=rng.normal(size=4),
        W2=rng.normal(size=(1, 4)), b2=rng.normal(size=1),
    )  # fmt: skip
    (tmp_path / "net.toml").write_text(
        '[network]\nwidths = [3, 4, 1]\nactivation = "tanh"\n[prior]\npreset = "gaussian"\n'
    )
    done = pfmap("llc", "net.toml", "--weights", "w.npz", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    estimates = json.loads(done.stdout)["estimates"]
    assert {row["estimator"] for row in estimates} >= {"rank", "mala"}
    # The file's sampler settings hold here too.
    (tmp_path / "net.toml").write_text(
        '[network]\nwidths = [3, 4, 1]\nactivation = "tanh"\n'
        '[prior]\npreset = "gaussian"\n[llc]\nreplicas = 3\n'
    )
    helped = pfmap("llc", "net.toml", "--weights", "w.npz", "--json", cwd=tmp_path)
    assert json.loads(helped.stdout)["estimates"][1]["llc"] != estimates[1]["llc"]
    np.savez(tmp_path / "nan.npz", weights=np.full(21, np.nan))
    broken = pfmap("llc", "net.toml", "--weights", "nan.npz", cwd=tmp_path)
    assert broken.returncode == 4
    assert "weights: must be finite" in broken.stderr


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("drows = 5", ["drows", "did you mean 'draws'"]),
        ("draws = 10_000_000_000_000", ["draws", "10000000000000"]),
        ("[network]\nwidths = [11, 4, 1]", ["network.widths", "2 to 10", "11"]),
        ("[network]\nwidths = [7, 0, 1]", ["network.widths", "between 1 and 4096"]),
        ("draws = = 1", ["not valid TOML"]),
    ],
)
def test_a_broken_campaign_file_is_explained_in_one_line(tmp_path, text, fragments):
    (tmp_path / "broken.toml").write_text(text + "\n")
    done = pfmap("run", "broken.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for fragment in fragments:
        assert fragment in done.stderr
    assert not (tmp_path / "results").exists()


def test_unknown_names_list_the_known_ones(tmp_path):
    for arguments in (("run", "defualt"), ("init", "--from", "defualt")):
        done = pfmap(*arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert "vallePerez2019" in done.stderr


def test_init_never_overwrites(tmp_path):
    assert pfmap("init", "a.toml", "--from", "small", cwd=tmp_path).returncode == 0
    text = (tmp_path / "a.toml").read_text()
    again = pfmap("init", "a.toml", cwd=tmp_path)
    assert again.returncode == 2
    assert "will not overwrite" in again.stderr
    assert (tmp_path / "a.toml").read_text() == text


def test_a_damaged_shard_is_named_by_verify_and_repaired_by_resume(copied):
    shard = sorted((copied / "results/tiny/counts").glob("part-*.parquet"))[2]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    found = pfmap("verify", "tiny", cwd=copied)
    assert found.returncode == 4
    assert shard.name in found.stdout
    assert "--resume" in found.stderr
    repaired = pfmap("run", "tiny.toml", "--resume", cwd=copied)
    assert repaired.returncode == 0
    assert shard.name in repaired.stderr + repaired.stdout
    assert pfmap("verify", "tiny", cwd=copied).returncode == 0


def test_a_foreign_table_is_refused(copied):
    table = copied / "results/tiny/functions.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(table)
    done = pfmap("show", "00", "--in", "tiny", cwd=copied)
    assert done.returncode == 4
    assert "functions.parquet" in done.stderr


def test_a_file_in_place_of_the_folder_is_an_environment_error(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "taken").write_text("mine")
    done = pfmap("run", "tiny.toml", "--out", "taken", cwd=tmp_path)
    assert done.returncode == 5
    assert "taken" in done.stderr
    assert (tmp_path / "taken").read_text() == "mine"


def test_interrupt_stops_early_and_says_how_to_continue(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY.replace("draws = 20_000", "draws = 4_000_000", 1))
    command = [COMMAND, "sample", "tiny.toml"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        counts = tmp_path / "results/tiny/counts"
        wait_for(counts, "part-*.parquet", running)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=LONGEST_S)
    assert running.returncode == 3, errors
    assert "--resume" in errors
    done = len(list(counts.glob("part-*.parquet")))
    assert 0 < done < 977


def test_debug_shows_a_traceback(tmp_path):
    done = pfmap("--debug", "run", "absent.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_known_answers_of_the_doctor_are_those_of_the_naive_twin():
    campaign = campaign_from_mapping(KNOWN_CAMPAIGN)
    weights = weights_of_draws(plan_sampling(campaign), np.arange(campaign.draws))
    (w1, b1), (w2, b2) = unflatten(weights.astype(float), campaign.network.widths)
    hidden = np.maximum(np.einsum("kui,pi->kpu", w1, campaign.points) + b1[:, None], 0)
    outputs = np.einsum("kou,kpu->kpo", w2, hidden)[..., 0] + b2
    keys = [f"{int(''.join('01'[int(bit)] for bit in row > 0), 2):02x}" for row in outputs]
    counts = pd.Series(keys).value_counts()
    assert dict(counts[:4]) == KNOWN


def test_parts_drawn_from_the_command_line_are_joined(tmp_path):
    (tmp_path / "parts.toml").write_text(
        "draws = 1000\nblock_draws = 256\n[network]\nwidths = [2, 4, 1]\n"
    )
    for name, blocks in (("a", "0:3"), ("b", "3:4")):
        done = pfmap("sample", "parts.toml", "--blocks", blocks, "--out", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert not (tmp_path / name / "functions.parquet").exists()
    assert [len(list((tmp_path / name / "counts").iterdir())) for name in "ab"] == [3, 1]
    done = pfmap("merge", "a", "b", "--out", "ab", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["taken"] == {"a": 3, "b": 1}
    done = pfmap("sample", "parts.toml", "--blocks", "3-4", "--out", "c", cwd=tmp_path)
    assert (done.returncode, "must be A:B" in done.stderr) == (2, True)
