"""The suites, what the calibration says of them, and the command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pfmap.calibration import known, suites
from pfmap.calibration.calibrate import calibrate, totals
from pfmap.calibration.singular_suite import singular_suite
from pfmap.calibration.suites import default_suite, drawn_suite, suite_named
from pfmap.figures.calibration import draw_calibration
from pfmap.llc.rank import jacobian_rank
from pfmap.models.polynomial_net import polynomial_net_model
from pfmap_cli.main import app


def test_the_default_suite_is_what_it_promises():
    suite = default_suite()
    assert len(suite) >= 40
    assert len({model.name for model in suite}) == len(suite)
    assert sum(model.exact.multiplicity >= 2 for model in suite) >= 15
    assert sum(model.model.n_parameters >= 30 for model in suite) >= 10
    assert {f"tanh H={n}" for n in range(1, 10)} <= {model.name for model in suite}


def test_the_singular_suite_is_what_it_promises():
    suite = singular_suite()
    assert len(suite) >= 60
    assert len({model.name for model in suite}) == len(suite)
    assert {model.exact.multiplicity for model in suite} == {1, 2, 3, 4}
    assert [model.name for model in suite_named("singular")] == [model.name for model in suite]


@pytest.mark.parametrize(
    "suite",
    [default_suite(), drawn_suite(3), singular_suite()],
    ids=["default", "drawn", "singular"],
)
def test_every_center_is_a_zero_of_its_loss_and_respects_the_bound(suite):
    for one in suite:
        assert one.model.loss(one.center) == 0.0, one.name
        rank = jacobian_rank(one.model.jacobian(one.center)).rank
        assert rank / 2 <= float(one.exact.llc) <= one.model.n_parameters / 2, one.name


def test_a_seed_draws_one_suite():
    first, again, other = (
        [(model.name, model.model.floats.tolist()) for model in drawn_suite(seed)]
        for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize(("depth", "degree"), [(1, 2), (2, 2), (3, 2), (3, 3), (2, 5), (4, 5)])
def test_polynomial_net_equals_its_definition(depth, degree):
    rng = np.random.default_rng(depth)
    points = rng.normal(size=(4, 2))
    t1, t2 = rng.normal(size=2)
    matrix = np.array([[t1 + t2, t1**2], [t1**2, t2**2]])
    value = points @ matrix.T
    for _ in range(depth - 1):
        value = value**degree @ matrix.T
    assert np.allclose(polynomial_net_model(depth, points, degree).outputs([t1, t2]), value.ravel())


def test_line_plus_dot_is_its_formula():
    model = known.line_plus_dot("dot").model
    x, y = 0.3, -0.7
    assert model.outputs([x, y])[0] == pytest.approx((x - 1) * (x**2 + y**2) ** 2)


@pytest.fixture(scope="module")
def table():
    suite = [
        known.regular(np.ones(5)),
        known.monomials([[2, 1]]),
        known.monomials([[2, 2]]),
        known.line_plus_dot("line"),
        known.line_plus_dot("dot"),
    ]
    return calibrate(suite, precision=0.05, max_steps=4000, threads=2)


def test_estimates_meet_the_exact_values(table):
    # Whether chains are long enough for ok hangs on the last bits of the arithmetic.
    assert table["verdict"].isin(["ok", "short"]).all()
    assert (table["error"].abs() < 0.15).all()
    assert (table["z"].abs() < 5).all()
    assert table["exact"].tolist() == [True, False, False, True, False]
    # One temperature is biased where m = 2; that is what the ladder is for.
    assert table.loc[2, "single_llc"] < 0.7 * table.loc[2, "true_llc"]


def test_results_do_not_depend_on_threads(table):
    again = calibrate([known.monomials([[2, 1]])], precision=0.05, max_steps=4000, threads=1)
    assert again.loc[0, "llc"] == table.loc[1, "llc"]


def test_totals_count_what_they_say():
    rows = pd.DataFrame(
        {
            "family": ["a", "a", "b"],
            "true_llc": [1.0, 2.0, 1.0],
            "llc": [1.02, 1.01, 1.2],
            "true_multiplicity": [2, 1, 2],
            "multiplicity": pd.array([2, 1, 1], dtype="Int64"),
            "error": [0.02, -0.495, 0.2],
            "covered": [True, False, True],
            "verdict": ["ok", "short", "ok"],
            "exact": [False, False, False],
            "single_llc": [0.9, 1.8, 0.9],
            "n_gradients": [1, 2, 3],
            "elapsed_s": [1.0, 1.0, 1.0],
        }
    )
    found = totals(rows)
    assert found["ok"] == 2
    assert found["worst_ok_error"] == 0.2
    assert found["told_apart"] == 2
    assert found["m_right"] == 0.5
    assert found["m_wrong"] == 1
    assert (found["pairs"], found["pairs_ordered"]) == (1, 0.0)
    assert found["single_error"] == pytest.approx(0.1)


def test_figure_shows_every_model(table):
    figure = draw_calibration(table)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == table["name"].tolist()


def test_command_writes_a_folder_for_every_suite(tmp_path, monkeypatch):
    short = {"default": [known.monomials([[1, 0]])], "singular": [known.regular(np.ones(2))]}
    found = {name: (lambda _, models=models: models) for name, models in short.items()}
    monkeypatch.setattr(suites, "SUITES", found)
    shown = CliRunner().invoke(app, ["calibrate", "--out", str(tmp_path / "new"), "--json"])
    assert shown.exit_code == 0
    payload = json.loads(shown.stdout)
    assert [row["suite"] for row in payload["models"]] == ["default", "singular"]
    assert len(payload["files"]) == 6
    for name, (model,) in short.items():
        table = pd.read_parquet(tmp_path / "new" / name / "calibration.parquet")
        assert table["name"].tolist() == [model.name]


def test_command_refuses_a_folder_that_holds_something(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    done = subprocess.run(
        [
            Path(sys.executable).with_name("pfmap"),
            "calibrate",
            "--out",
            str(tmp_path),
            "--json",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "--out" in json.loads(done.stdout)["error"]
    assert (tmp_path / "mine.txt").read_text() == "keep"
