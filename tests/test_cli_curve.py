"""``pfmap curve``: what it prints and writes, its figure, and what it refuses."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pfmap.errors import DataError, SettingsError
from pfmap.figures.curve import draw_curve, volume_curves
from pfmap.figures.style import drawing
from pfmap.settings.campaign import Campaign
from pfmap.settings.network import Network
from pfmap.store.tables import read_file
from pfmap.volume import Settings, curves
from pfmap_cli.curve import pair_text
from pfmap_cli.main import app

NETWORK = ("--widths", "2,4,1", "--activation", "tanh")
SHORT = ("--runs", "4", "--steps", "64", "--lowest", "1e-4")
NO_FITS = pd.DataFrame(columns=["function", "loss", "fit"])
TABLES = ("volume", "evidence", "free_energy", "crossings")


def invoke(*arguments: str, cwd: Path) -> str:
    """What a command that ends well prints on stdout."""
    with contextlib.chdir(cwd):
        done = CliRunner().invoke(app, ("curve", *arguments), catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("curve")


@pytest.fixture(scope="module")
def printed(place) -> dict:
    """Constant and AND by name and table, and a noisy AND in its Bernoulli form."""
    np.savez(place / "noisy.npz", probability=np.array([0.1, 0.1, 0.1, 0.9]))
    np.savez(place / "halves.npz", target=np.array([0.5, 0.5, 0.5, -0.5]))
    shown = invoke(
        *NETWORK, *SHORT, "--table", "0001", "--named", "constant", "--target", "halves.npz",
        "--probabilities", "noisy.npz", "--json", cwd=place,
    )  # fmt: skip
    return json.loads(shown)


def test_what_the_targets_of_files_express_is_said(printed):
    assert printed["read"] == [
        {"name": "halves", "loss": "squared", "key": "e", "ones": 3, "n_points": 4},
        {"name": "noisy", "loss": "bernoulli", "key": "1", "ones": 1, "n_points": 4},
    ]


def test_every_function_has_its_curve(printed, place):
    rows = {row["function"]: row for row in printed["functions"]}
    assert set(rows) == {"1", "constant", "halves", "noisy"}
    assert {row["verdict"] for row in rows.values()} == {"reached"}
    assert rows["noisy"]["loss"] == "bernoulli"
    assert rows["halves"]["log2_p"] is None
    # Small losses are rarer than right signs, and AND is rarer than the constant.
    assert rows["1"]["log2_v"] < rows["1"]["log2_p"] < rows["constant"]["log2_p"]
    assert rows["1"]["free_energy"] > rows["constant"]["free_energy"]
    assert all(row["n_max"] > 1e3 for row in rows.values())
    folder = Path(printed["files"][0]).parent
    assert folder.parent.name == "results"
    assert folder.name.startswith("2-4-1-tanh-curve-")
    folder = place / folder
    assert {Path(path).name for path in printed["files"]} == {
        *(f"{name}.parquet" for name in TABLES), "curve.png", "curve.svg",
    }  # fmt: skip
    tables = {name: read_file(folder / f"{name}.parquet", name).to_pandas() for name in TABLES}
    assert set(tables["volume"]["loss"]) == {"squared", "bernoulli", "signs"}
    assert len(tables["evidence"]) == 6
    energy = tables["free_energy"]
    assert set(energy["function"]) == {"1", "0", "halves", "noisy"}
    known = energy.dropna()
    assert (known["free_energy_se"] > 0).all()
    # Losses of different kinds are not compared.
    assert len(tables["crossings"]) == len(printed["crossings"]) >= 3
    assert "noisy" not in set(tables["crossings"]["function"]) | set(tables["crossings"]["other"])


def test_every_learning_coefficient_stands_with_the_verdict_on_its_fit(printed, place):
    path = place / Path(printed["files"][0]).with_name("evidence.parquet")
    evidence = read_file(path, "evidence").to_pandas().set_index(["function", "loss"])
    for row in printed["functions"]:
        kept = evidence.loc[(row["key"], row["loss"])]
        assert kept["fit"] == row["fit"]
        assert kept["learning_coefficient_low"] == row["lambda_low"]
        assert kept["learning_coefficient_high"] == row["lambda_high"]
        assert row["lambda_low"] < kept["learning_coefficient"] < row["lambda_high"]
    signs = evidence.xs("signs", level="loss")
    assert len(signs) == 2
    assert (
        signs[["fit", "learning_coefficient_low", "learning_coefficient_high"]]
        .isna()
        .all(axis=None)
    )


def test_a_pair_that_keeps_its_order_says_by_how_much(printed):
    (pair,) = [row for row in printed["crossings"] if {row["function"], row["other"]} == {"1", "0"}]
    assert pair["n"] is None
    assert pair["prior_bits"] is None
    assert isinstance(pair["settled"], bool)
    ratio, error = (pair[f"log_evidence_ratio_at_equal_fit_to{end}"] for end in ("", "_se"))
    sign = 1 if pair["function"] == "0" else -1
    assert sign * ratio > 4 * error


def test_an_order_that_is_not_known_is_not_called_no_crossing():
    pair = {
        "f": "a", "g": "b", "n_from": 1.0, "n_to": 1e3,
        "log_evidence_ratio_at_equal_fit_to": 0.5, "log_evidence_ratio_at_equal_fit_to_se": 0.4,
    }  # fmt: skip
    assert pair_text(pair | {"settled": False}) == (
        "a and b: order not settled by the errors at some n from 1 to 1e+03; "
        "at the last, F_g - F_f = 0.50 ± 0.40 nats"
    )
    assert pair_text(pair | {"settled": True}).startswith("a and b: no crossing at any n from 1 to")


def test_a_function_out_of_reach_gets_its_curve_down_to_where_it_got(place):
    shown = invoke("--widths", "2,1", *SHORT, "--named", "xor2", cwd=place)
    assert "stalled" in shown
    assert "xor2: the curve ends above the lowest t" in shown
    (folder,) = (place / "results").glob("2-1-relu-curve-*")
    volume = pd.read_parquet(folder / "volume.parquet")
    lowest = volume[volume["loss"] == "squared"]["severity"].min()
    # The best line through XOR's ±1 targets is 0: K = 1/2.
    assert 0.5 <= lowest < 0.51
    evidence = pd.read_parquet(folder / "evidence.parquet")
    (fitted,) = evidence[evidence["loss"] == "squared"].to_dict("records")
    assert fitted["fit"] == "not reached"
    assert np.isnan(fitted["learning_coefficient"])


def test_refusals(place):
    np.savez(place / "sure.npz", probability=np.array([0.0, 0.1, 0.1, 0.9]))
    for arguments, error, message in (
        ((), SettingsError, "function: none was given"),
        (("--named", "and", "--lowest", "0"), SettingsError, "--lowest: must be above 0"),
        (("--named", "and", "--runs", "3"), SettingsError, "runs: must be at least 4 .* got 3"),
        (("--probabilities", "sure.npz"), DataError, "strictly between 0 and 1, found 0.0"),
        (("--target", "halves.npz", "--target", "halves.npz"), SettingsError, "names two"),
    ):
        with contextlib.chdir(place), pytest.raises(error, match=message):
            CliRunner().invoke(app, ("curve", *NETWORK, *arguments), catch_exceptions=False)


def test_too_few_runs_are_refused_before_anything_is_sampled(monkeypatch):
    monkeypatch.setattr(curves, "estimate_volume", lambda *_, **__: pytest.fail("sampled"))
    wanted = curves.Wanted("8", np.array([-1.0, -1.0, -1.0, 1.0]))
    network = Campaign(network=Network(widths=(2, 1)))
    for runs in (2, 3):
        with pytest.raises(SettingsError, match=f"runs: must be at least 4 .* got {runs}"):
            curves.measure_curve(network, wanted, Settings(runs=runs, lowest=1e-4))


def test_the_figure_shows_every_curve_with_its_name(printed, place):
    folder = place / "results" / "again"
    invoke(*NETWORK, *SHORT, "--named", "and", "--named", "or", "--out", str(folder), cwd=place)
    volume, evidence, energy = (pd.read_parquet(folder / f"{name}.parquet") for name in TABLES[:3])
    with drawing():
        figure = draw_curve(volume, evidence.assign(fit="ok"), energy, {"1": "and", "7": "or"})
        figure.draw_without_rendering()
    top, middle, bottom = figure.axes
    assert [len(axes.lines) for axes in (top, middle, bottom)] == [2, 2, 2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["and", "or"]
    assert len({line.get_color() for line in top.lines}) == 2
    assert "(bits)" in top.get_ylabel()
    assert "(nats)" in middle.get_ylabel()
    legend = figure.legends[0].get_window_extent()
    assert not any(legend.overlaps(axes.get_window_extent()) for axes in figure.axes)
    averaged = volume_curves(volume)
    assert (averaged.groupby(["function", "loss"])["log_volume"].diff().dropna() < 0).all()
    # The same V and the same error as the table's, at the lowest level.
    table = pd.read_parquet(folder / "evidence.parquet").set_index(["function", "loss"])
    lowest = averaged.groupby(["function", "loss"]).last() / np.log(2.0)
    np.testing.assert_allclose(lowest["log_volume"], table["log2_p"][lowest.index], rtol=1e-9)
    np.testing.assert_allclose(lowest["error"], table["log2_p_se"][lowest.index], rtol=1e-9)


def levels_of_runs(logs: list[list[float]]) -> pd.DataFrame:
    """``volume`` with the given ln V, a row a run, and errors of 0.1 of each."""
    rows = [
        {"function": "a", "loss": "squared", "run": run, "level": level, "severity": 0.5**level,
         "log_volume": log, "log_volume_se": 0.1 if np.isfinite(log) else None}
        for run, of_run in enumerate(logs)
        for level, log in enumerate(of_run, start=1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_band_of_runs_far_apart_is_wide():
    """One run of eight 20 nats above the others: the error of their mean stays below 1 nat."""
    (row,) = volume_curves(levels_of_runs([[-20.0], *[[-40.0]] * 7])).to_dict("records")
    assert row["error"] > 5.0
    # Runs that agree are as uncertain as their chains say.
    (agreeing,) = volume_curves(levels_of_runs([[-20.0]] * 4)).to_dict("records")
    assert agreeing["error"] == pytest.approx(0.1 / np.sqrt(4))


def test_an_unknown_error_has_no_band():
    """Below the third level one run alone had a state left: V is known, its error is not."""
    volume = levels_of_runs([[-1.0, -2.0, -3.0, -4.0], [-1.1, -2.1, -3.1, -np.inf]])
    energy = pd.DataFrame(
        {"function": "a", "loss": "squared", "n": [1.0, 10.0, 100.0],
         "free_energy": [1.0, 2.0, 3.0],
         "free_energy_se": np.nan, "lambda_eff": 1.0, "lambda_eff_se": np.nan}
    )  # fmt: skip
    assert volume_curves(volume)["error"].isna().tolist() == [False, False, False, True]
    with drawing():
        figure = draw_curve(volume, NO_FITS, energy, {})
        figure.draw_without_rendering()
    top, middle, bottom = figure.axes
    (line,), (band,) = top.lines, top.collections
    assert line.get_xdata().min() == 0.5**4
    (outline,) = band.get_paths()
    assert outline.vertices[:, 0].min() == 0.5**3
    assert not middle.collections[0].get_paths()
    assert not bottom.collections[0].get_paths()


def test_a_plateau_is_called_one_in_the_command_the_table_and_the_figure(place):
    folder = place / "results" / "wide"
    arguments = (
        "--widths", "3,32,1", "--named", "constant", "--runs", "4", "--steps", "64", "--lowest",
        "1e-4", "--out", str(folder),
    )  # fmt: skip
    (row,) = json.loads(invoke(*arguments, "--json", cwd=place))["functions"]
    assert (row["fit"], row["known"], row["m"]) == ("plateau", "1/2", 1)
    assert row["lambda_low"] > 1.5
    evidence = pd.read_parquet(folder / "evidence.parquet")
    (fitted,) = evidence[evidence["loss"] == "squared"].to_dict("records")
    assert fitted["fit"] == "plateau"
    assert fitted["learning_coefficient_known_low"] == 0.5
    assert fitted["learning_coefficient_known_high"] == 0.5
    assert "every unit off" in fitted["learning_coefficient_known"]
    assert fitted["n_asymptote"] == row["n_asymptote"] > 1e6
    volume, energy = (pd.read_parquet(folder / f"{name}.parquet") for name in TABLES[::2])
    with drawing():
        figure = draw_curve(volume, evidence, energy, {"00": "constant"})
        figure.draw_without_rendering()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["constant (plateau)"]
    bottom = figure.axes[2]
    assert 0.5 in {float(np.mean(line.get_ydata())) for line in bottom.lines}


def test_a_probability_without_a_number_gives_bounds_beside_the_curve(place):
    arguments = ("--widths", "2,1", "--named", "or", *SHORT[:4], "--max-levels", "1")
    shown = invoke(*arguments, "--lowest", "0.2", cwd=place)
    assert re.search(r"or: P: -\d+\.\d+ < log2 P < ", shown)
