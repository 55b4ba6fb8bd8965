"""``pfmap kernel``: numbers, refusals and JSON."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from pfmap.errors import SettingsError
from pfmap_cli.main import app


def run(*arguments: str):
    return CliRunner().invoke(app, ["kernel", *arguments], catch_exceptions=True)


def test_one_perceptron_function_has_its_arc() -> None:
    """2 inputs of 0 and 1, no biases: f(00) = 0 and AND needs w1 + w2 > 0, w1, w2 <= 0: never."""
    result = run("--widths", "2,1", "--no-bias", "--named", "and", "--named", "or", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["rank"] == 2
    never, quarter = found["functions"]
    assert (never["p"], never["log2_p"], never["verdict"]) == (0.0, None, "exact")
    assert quarter["p"] == pytest.approx(0.25, rel=0.01)
    assert [row["n"] for row in found["free_energy"]] == [1.0, 10.0, 100.0, 1000.0] * 2


def test_text_names_the_network_and_says_what_has_no_probability() -> None:
    result = run("--widths", "2,1", "--no-bias", "--named", "and", "--n", "5")
    assert "hidden widths to infinity" in result.output
    assert "rank 2" in result.output
    assert "linear programming" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--widths", "3,8,1"], "none was given"),
        (["--widths", "3,8,1", "--named", "and", "--n", "1,x"], "--n: must be numbers above 0"),
        (["--widths", "3,8,1", "--named", "and", "--n", "1e31"], "at most 1e30"),
        (["--widths", "3,8,1", "--named", "and", "--precision", "0"], "precision: must be above"),
        (["--widths", "3,8,1", "--named", "and", "--prior", "vallePerez2019"], "must be normal"),
    ],
)
def test_refusals_name_the_argument(arguments: list[str], said: str) -> None:
    error = run(*arguments).exception
    assert isinstance(error, SettingsError)
    assert said in error.message
