"""``pfmap exact`` as a user meets it: every form, its help, its JSON, its errors."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from command_line import pfmap, started_pfmap
from typer.testing import CliRunner

from pfmap.errors import SettingsError
from pfmap_cli.exact import exact

FORMS = {
    "monomials": (["x*y, x^2*z", "--jacobian", "1,0,0"], "3/4", 1),
    "reduced-rank": (["4", "3", "4", "--rank", "2"], "7", 2),
    "deep-linear": (["10,10,10", "--rank", "5"], "47", 2),
    "tanh": (["4"], "1", 2),
    "one-unit": (["relu", "--one-sign"], "0", 1),
    "regular": (["6"], "3", 1),
    "squares": (["2", "1/2"], "2", 1),
    "quasi-homogeneous": (["3/8,1/4", "--zeros", "regular"], "5/16", 1),
    "brieskorn": (["2,4,4", "--signs", "+,-,-"], "1/2", 2),
    "factored-polynomial": (["1,2,3,4,5", "--target", "1,0,0,0,0"], "5/2", 11),
    "polynomial-net": (["3"], "3/28", 1),
}


def test_forms_are_those_of_the_command():
    assert {command.name for command in exact.registered_commands} == {*FORMS, "rank"}


@pytest.mark.parametrize("form", FORMS)
def test_form_prints_its_value(form):
    arguments, llc, multiplicity = FORMS[form]
    shown = CliRunner().invoke(exact, [form, *arguments])
    assert shown.exit_code == 0
    assert f"λ = {llc}" in shown.output
    assert f"m = {multiplicity}\n" in shown.output
    as_json = CliRunner().invoke(exact, [form, *arguments, "--json"])
    payload = json.loads(as_json.output)
    assert (payload["llc_exact"], payload["multiplicity"], payload["proved"]) == (
        llc,
        multiplicity,
        True,
    )
    assert payload["source"]


@pytest.mark.parametrize("form", FORMS)
def test_form_has_help_with_an_example(form):
    shown = CliRunner().invoke(exact, [form, "--help"])
    assert f"Example: pfmap exact {form}" in " ".join(shown.output.split())


def test_decimals_say_whether_they_are_all():
    assert "λ = 3/28 ≈ 0.107143\n" in CliRunner().invoke(exact, ["polynomial-net", "3"]).output
    assert "λ = 5/12 ≈ 0.416667\n" in CliRunner().invoke(exact, ["monomials", "x^2, y^3"]).output
    assert "λ = 1/4 = 0.25\n" in CliRunner().invoke(exact, ["squares", "2", "4"]).output


def test_a_value_at_given_ranks_is_marked_as_not_proved():
    arguments = ["reduced-rank", "3", "4", "3", "--rank", "1", "--ranks", "2,1"]
    assert "not proved" in CliRunner().invoke(exact, arguments).output


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (["deep-linear", "10,x"], "WIDTHS: must be integers with commas, .* got '10,x'"),
        (["deep-linear", "10,10", "--rank", "11"], "rank: must be an integer between 0 and 10"),
        (["monomials", "x y", "--jacobian", "1"], "jacobian: must hold one exponent"),
        (["reduced-rank", "3", "3", "3", "--ranks", "2"], "--ranks: must be two integers"),
        (["squares", "2", "1/0"], "EXPONENT: must be numbers"),
        (["brieskorn", "2,3", "--signs", "+"], "signs: must hold 1 or -1 for each of the 2"),
        (["brieskorn", "2,3", "--signs", "+,x"], "--signs: must be"),
        (["brieskorn", "1,3"], r"exponents\[0\]: must be an integer >= 2"),
        (["quasi-homogeneous", "1/2,0", "--zeros", "none"], r"weights\[1\]: must be a positive"),
        (["squares", "2", "1,2"], "EXPONENT: must be one number"),
    ],
)
def test_wrong_values_are_explained(arguments, pattern):
    with pytest.raises(SettingsError, match=pattern):
        CliRunner().invoke(exact, arguments, catch_exceptions=False)


def test_the_installed_command(tmp_path):
    done = started_pfmap("exact", "deep-linear", "10,10,10", "--rank", "5", "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["llc"] == 47.0
    refused = pfmap("exact", "monomials", "1, x", cwd=tmp_path)
    assert refused.returncode == 2
    assert "got a constant" in refused.stderr
    assert "next:" in refused.stderr
    helped = pfmap("exact", "--help", cwd=tmp_path)
    assert "Example: pfmap exact" in " ".join(helped.stdout.split())
    assert all(form in helped.stdout for form in FORMS)


def test_exact_values_need_no_compiler():
    code = "import sys, pfmap.llc.exact; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rank_prints_what_the_rank_rests_on(tmp_path):
    shown = CliRunner().invoke(exact, ["rank", "2,3,3,1", "--degree", "5"])
    assert shown.exit_code == 0
    assert "rank = 12\nd = 18, hidden units 6, d - hidden units 12\n" in shown.output
    weights = tmp_path / "weights.npz"
    np.savez(weights, W1=np.ones((3, 2)), W2=np.eye(3), W3=np.ones((2, 3)))  # one unit, thrice
    arguments = ["rank", "2,3,3,2", "--degree", "5", "--weights", str(weights), "--json"]
    payload = json.loads(CliRunner().invoke(exact, arguments).output)
    assert payload["rank"] < payload["n_parameters"] - payload["n_hidden"] == 15
    assert payload["ranks"] == [payload["rank"]] * 2
