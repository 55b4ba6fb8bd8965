"""Folders of single results: those of other settings, campaigns and files of the user stay."""

import json
from pathlib import Path

import pandas as pd
import pytest
from small_campaign import small
from test_cli_curve import NETWORK, SHORT
from typer.testing import CliRunner

from pfmap import pipeline
from pfmap.errors import DataError, PfmapError, SettingsError
from pfmap.store.results import check_results, read_record, recorded_results
from pfmap.store.tables import read_file, write_table
from pfmap_cli.main import app

FILES = ("posterior.parquet", "figure.svg")
SETTINGS = {"network.widths": [3, 8, 1], "seed": 1}
OTHER = SETTINGS | {"network.widths": [3, 4, 1]}


def write(folder: Path, settings: dict, probability: float = 1.0) -> None:
    check_results(folder, "posterior", settings, FILES, fresh=False)
    with recorded_results(folder, "posterior", settings, FILES):
        rows = {"function": ["00"], "probability": probability, "probability_se": 0.0, "draws": 1}
        table = pd.DataFrame(rows).assign(wrong=pd.array([None], "Int64"))
        write_table(folder / FILES[0], table, "posterior")
        (folder / FILES[1]).write_text("<svg/>")


def test_the_same_settings_are_written_again_and_others_refused(tmp_path):
    folder = tmp_path / "out"
    write(folder, SETTINGS)
    write(folder, SETTINGS)
    assert read_record(folder)["settings"] == SETTINGS
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(SettingsError, match=r"widths is \[3, 8, 1\] there, \[3, 4, 1\] here") as no:
        write(folder, OTHER)
    assert "--fresh" in no.value.next_step
    with pytest.raises(SettingsError, match="holds results of pfmap posterior"):
        check_results(folder, "curve", SETTINGS, ("volume.parquet",), fresh=False)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    check_results(folder, "posterior", OTHER, FILES, fresh=True)
    with recorded_results(folder, "posterior", OTHER, ("other.txt",)):
        (folder / "other.txt").write_text("x")
    assert sorted(path.name for path in folder.iterdir()) == ["other.txt", "settings.json"]


@pytest.mark.parametrize("name", [*FILES, "settings.json"])
def test_files_of_the_user_are_refused_even_afresh(tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".parquet":
        pd.DataFrame({"mine": [1]}).to_parquet(path)
    else:
        path.write_text("{}")
    before = path.read_bytes()
    for fresh in (False, True):
        with pytest.raises(DataError, match="pfmap did not write it"):
            check_results(tmp_path, "posterior", SETTINGS, FILES, fresh=fresh)
    assert path.read_bytes() == before
    path.unlink()
    write(tmp_path, SETTINGS)
    if name == FILES[0]:
        pd.DataFrame({"mine": [1]}).to_parquet(path)
        with pytest.raises(DataError, match="pfmap did not write it"):
            write(tmp_path, SETTINGS)


def test_a_figure_that_was_changed_is_kept(tmp_path):
    write(tmp_path, SETTINGS)
    (tmp_path / FILES[1]).write_text("my own lines")
    write(tmp_path, SETTINGS)
    assert (tmp_path / "figure.changed.svg").read_text() == "my own lines"
    assert (tmp_path / FILES[1]).read_text() == "<svg/>"


def test_tables_of_settings_that_are_not_known_are_refused(tmp_path):
    write(tmp_path, SETTINGS)
    (tmp_path / "settings.json").unlink()
    (tmp_path / FILES[1]).unlink()
    with pytest.raises(SettingsError, match=r"posterior\.parquet of settings that are not known"):
        write(tmp_path, SETTINGS)
    check_results(tmp_path, "posterior", SETTINGS, FILES, fresh=True)


def test_a_write_that_was_stopped_is_begun_again(tmp_path):
    def stopped() -> None:
        with recorded_results(tmp_path, "posterior", SETTINGS, FILES):
            (tmp_path / FILES[1]).write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    write(tmp_path, SETTINGS)
    assert not list(tmp_path.glob("*.changed.*"))


def test_campaigns_and_results_do_not_mix(tmp_path):
    pipeline.run(small(), tmp_path / "campaign", stages=["sample"])
    with pytest.raises(SettingsError, match="holds a campaign"):
        check_results(tmp_path / "campaign", "curve", SETTINGS, FILES, fresh=True)
    write(tmp_path / "results", SETTINGS)
    for options in ({}, {"resume": True}, {"fresh": True}):
        with pytest.raises(SettingsError, match="holds results of pfmap posterior"):
            pipeline.run(small(), tmp_path / "results", **options)
    assert (tmp_path / "results" / FILES[0]).is_file()


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_curves_of_two_networks_have_two_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = ("curve", *NETWORK, *SHORT, "--named", "and")
    second = ("curve", "--widths", "2,3,1", *SHORT, "--named", "and")
    invoke(*first)
    invoke(*second)
    one, two = sorted(Path("results").iterdir())
    assert one.name.startswith("2-3-1-relu-curve-")
    assert two.name.startswith("2-4-1-tanh-curve-")
    before = (one / "evidence.parquet").read_bytes()
    with pytest.raises(PfmapError, match=r"network\.widths is \[2, 3, 1\] there") as refused:
        invoke(*first, "--out", str(one))
    assert refused.value.exit_code == 2
    assert (one / "evidence.parquet").read_bytes() == before
    invoke(*first, "--out", str(one), "--fresh")
    assert json.loads((one / "settings.json").read_text())["settings"]["network.widths"] == [
        2,
        4,
        1,
    ]


def test_posteriors_and_probabilities_of_another_network_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick = ("--widths", "2,4,1", "--runs", "4", "--chains", "32", "--steps", "32")
    posterior = ("posterior", *quick, "--named", "and", "--size", "2", "--out", "a")
    invoke(*posterior)
    invoke(*posterior)
    kept = read_file(Path("a/posterior.parquet"), "posterior")
    for more in (("--data-seed", "7"), ("--activation", "tanh"), ("--seed", "2")):
        with pytest.raises(SettingsError, match="holds results of other settings"):
            invoke(*posterior, *more)
    assert read_file(Path("a/posterior.parquet"), "posterior").equals(kept)
    probability = ("probability", *quick, "--named", "and", "--out", "b")
    invoke(*probability)
    invoke(*probability, "--steps", "64", "--named", "or")
    with pytest.raises(SettingsError, match=r"network\.activation is relu there, tanh here"):
        invoke(*probability, "--activation", "tanh")
