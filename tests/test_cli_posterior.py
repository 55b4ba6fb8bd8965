"""``pfmap posterior`` as a user meets it: its numbers, its table, its errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from test_cli_probability import invoke
from typer.testing import CliRunner

from pfmap.errors import PfmapError
from pfmap.store.tables import read_file
from pfmap_cli.main import app

NETWORK = ("--widths", "3,8,1", "--activation", "tanh")
QUICK = ("--runs", "4", "--chains", "64", "--draws", "4")


@pytest.fixture(scope="module")
def majority(tmp_path_factory):
    """The folder, the JSON and the text of one posterior."""
    folder = tmp_path_factory.mktemp("posterior")
    arguments = ("posterior", *NETWORK, *QUICK, "--named", "majority", "--size", "4")
    told = json.loads(invoke(*arguments, "--out", "out", "--json", cwd=folder))
    return folder, told, invoke(*arguments, cwd=folder)


def test_json_holds_the_posterior(majority):
    _, payload, _ = majority
    assert (len(payload["inputs"]), payload["unseen"], payload["draws"]) == (4, 4, 1024)
    assert payload["marginal_likelihood"]["verdict"] == "reached"
    shares = [row["probability"] for row in payload["completions"]]
    assert sum(shares) == pytest.approx(1.0)
    assert shares == sorted(shares, reverse=True)
    assert sum(row["draws"] for row in payload["completions"]) == 1024
    law = payload["errors"]
    assert [row["wrong"] for row in law] == [0, 1, 2, 3, 4]
    mean = sum(row["wrong"] * row["probability"] for row in law)
    assert payload["mean_wrong"] == pytest.approx(mean)
    by_function = sum(row["wrong"] * row["probability"] for row in payload["completions"])
    assert payload["mean_wrong"] == pytest.approx(by_function)
    assert mean / 8 < payload["error_bound"] < 1.0


def test_the_table_is_that_of_the_contract(majority):
    folder, payload, _ = majority
    table = read_file(folder / "out" / "posterior.parquet", "posterior")
    assert table.to_pylist() == payload["completions"]
    notes = table.schema.metadata
    assert json.loads(notes[b"inputs"]) == payload["inputs"]
    assert json.loads(notes[b"labels"]) == payload["labels"]
    assert float(notes[b"log2_p"]) == payload["marginal_likelihood"]["log2_p"]


def test_text_says_the_same(majority):
    _, payload, text = majority
    assert "S: 4 of 8 inputs, labels of majority" in text
    assert f"log2 P(S) = {payload['marginal_likelihood']['log2_p']:.2f} ±" in text
    assert "1,024 draws that fit S" in text
    assert f"wrong unseen inputs: mean {payload['mean_wrong']:.2f}" in text
    assert f"PAC-Bayes bound {payload['error_bound']:.3f}" in text
    assert "P_B(f|S)" in text


def test_labels_of_a_file(tmp_path):
    np.savez(tmp_path / "s.npz", input=np.array([0, 3, 5]), label=np.array([0, 1, 1]))
    arguments = ("posterior", *NETWORK, *QUICK, "--data", "s.npz", "--out", "out")
    payload = json.loads(invoke(*arguments, "--json", cwd=tmp_path))
    assert payload["errors"] is payload["error_bound"] is payload["label"] is None
    assert all(row["wrong"] is None for row in payload["completions"])
    for row in payload["completions"]:
        bits = f"{int(row['function'], 16):08b}"
        assert bits[0] + bits[3] + bits[5] == "011"
    table = read_file(tmp_path / "out" / "posterior.parquet", "posterior")
    assert table["wrong"].null_count == table.num_rows
    # The labels disagree with parity at the inputs 3 and 5, which are seen and count nowhere.
    arguments = (*arguments, "--named", "parity", "--fresh", "--json")
    payload = json.loads(invoke(*arguments, cwd=tmp_path))
    assert [row["wrong"] for row in payload["errors"]] == [0, 1, 2, 3, 4, 5]
    for row in payload["completions"]:
        differs = int(row["function"], 16) ^ 0b01101001
        assert row["wrong"] == (differs & 0b01101011).bit_count()
    assert sum(row["probability"] for row in payload["errors"]) == pytest.approx(1.0)


def test_a_set_that_no_parameter_fits_has_no_draws(tmp_path):
    arguments = ("--widths", "3,1", "--named", "parity", "--size", "8", "--out", "out")
    said = invoke("posterior", *arguments, cwd=tmp_path)
    assert "P(S) = 0, not expressible" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--named", "parity"), "one of --size, --inputs and --data, got none"),
        (("--named", "parity", "--size", "2", "--inputs", "1"), "got --size and --inputs"),
        (("--size", "2"), "function: one is needed, got 0"),
        (("--named", "parity", "--named", "and", "--size", "2"), "one is needed, got 2"),
        (("--named", "parity", "--inputs", "1,x"), "--inputs: must be integers with commas"),
        (("--named", "parity", "--size", "9"), "size: must lie within 0…8"),
        (("--data", "absent.npz"), "no such file: absent.npz"),
    ],
)
def test_what_is_missing_is_said(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PfmapError, match=said):
        CliRunner().invoke(app, ["posterior", *NETWORK, *arguments], catch_exceptions=False)
