"""Figures from tables: the same bytes, every campaign, no trace in the caller's matplotlib."""

from __future__ import annotations

import hashlib
import importlib
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from synthetic_tables import (
    COMPLEXITIES,
    select,
    synthetic_campaign,
    synthetic_functions,
    synthetic_llc,
    write_campaign,
)

from pfmap.analysis import analyze
from pfmap.errors import DataError
from pfmap.figures import draw_figures
from pfmap.figures.convergence import draw_convergence
from pfmap.figures.draw import applicable
from pfmap.figures.learning import function_means
from pfmap.figures.style import drawing
from pfmap.figures.tables import Tables, read_tables

WITH_LLC = {
    "probability_rank",
    "distinct_functions",
    "probability_lz",
    "lz_distribution",
    "llc_probability",
    "llc_lz",
    "correlations",
    "complexity_correlations",
    "predictors",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A campaign's folder with two definitions of λ for functions common and rare."""
    functions = synthetic_functions()
    chosen = pd.concat([select(functions, 30, 0), functions[functions["count"] == 3].head(4)])
    parts = [
        synthetic_llc(
            chosen, lambda f: f["lz"].to_numpy(), within_sd=2.0, llc_se=1.0, seed=1, center=center
        )
        for center in ("self", "target")
    ]
    llc = pd.concat(parts, ignore_index=True)
    campaign = synthetic_campaign(bootstrap=100, noise_simulations=200)
    result = analyze(functions, llc, campaign)
    place = tmp_path_factory.mktemp("campaign") / "synthetic"
    return write_campaign(place, campaign, functions, llc, result)


@pytest.fixture(scope="module")
def drawn(folder) -> list[Path]:
    """The figures, drawn by a caller with a style of his own, which stays as it was."""
    with matplotlib.rc_context({"font.size": 31.0}):
        before = dict(matplotlib.rcParams)
        paths = draw_figures(folder)
        assert dict(matplotlib.rcParams) == before
    return paths


def draw_all(tables: Tables) -> dict[str, Figure]:
    """Every applicable figure, laid out but not written."""
    figures = {}
    with drawing():
        for name, draw in applicable(tables).items():
            figures[name] = draw(tables)
            figures[name].draw_without_rendering()
    return figures


def digests(paths: list[Path]) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_every_figure_is_drawn_twice_as_png_and_svg(folder, drawn):
    assert {path.parent for path in drawn} == {folder / "figures"}
    names = {f"{name}.{kind}" for name in WITH_LLC for kind in ("png", "svg")}
    assert {path.name for path in drawn} == names
    assert not list((folder / "figures").glob(".*"))


def test_the_script_gives_the_same_bytes(root, folder, drawn, tmp_path):
    """Another process, with a hostile matplotlibrc, another time zone and hash seed."""
    (tmp_path / "matplotlibrc").write_text("font.size: 20\naxes.grid: True\nlines.linewidth: 9\n")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "MATPLOTLIBRC": str(tmp_path),
        "TZ": "Asia/Tokyo",
        "PYTHONHASHSEED": "7",
    }
    command = [sys.executable, str(root / "scripts" / "figures.py"), str(folder)]
    made = subprocess.run(
        [*command, "--out", str(tmp_path / "again")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    again = [Path(line) for line in made.stdout.split()]
    assert digests(again) == digests(drawn)


def test_check_finds_a_changed_figure(root, folder, drawn, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(root / "scripts"))
    script = importlib.import_module("figures")
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "figures" / "llc_lz.svg").write_bytes(b"something else")
    assert script.main([str(copy), "--check"]) == 4
    changed, total = capsys.readouterr().out.splitlines()
    assert "llc_lz.svg: missing, or differs" in changed
    assert total == "17 of 18 files agree"


def test_the_script_refuses_a_folder_without_a_campaign(root, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(root / "scripts"))
    assert importlib.import_module("figures").main([str(tmp_path)]) == 4
    assert "no campaign" in capsys.readouterr().err


def test_no_date_or_version_in_the_files(drawn):
    for path in drawn:
        content = path.read_bytes()
        assert b"matplotlib.org" not in content.lower() or path.suffix == ".svg"
        assert b"<dc:date>" not in content
        assert b"Software" not in content


def test_figures_fit_one_column_with_readable_text(drawn, folder):
    """3.4 inches wide, at 200 dots an inch or more, and no text below 5.5 points."""
    for path in drawn:
        if path.suffix == ".png":
            with Image.open(path) as image:
                dpi = image.info["dpi"][0]
                assert dpi > 200
                assert image.size[0] / dpi == pytest.approx(3.4, abs=0.02)
                assert image.size[1] / dpi < 9.0
    for name, figure in draw_all(read_tables(folder)).items():
        assert min(text.get_fontsize() for text in visible_texts(figure)) >= 5.5, name


def visible_texts(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


def test_axes_are_labelled_and_text_stays_inside(folder):
    for name, figure in draw_all(read_tables(folder)).items():
        assert figure.axes[0].get_ylabel() or "correlations" in name or name == "predictors"
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        outside = max(-box.x0, -box.y0, box.x1 - width, box.y1 - height)
        assert outside < 0.01, name


def test_without_learning_coefficients_their_figures_are_left_out(folder, tmp_path):
    place = tmp_path / "bare"
    shutil.copytree(folder, place)
    (place / "llc.parquet").unlink()
    assert set(applicable(read_tables(place))) == WITH_LLC - {"llc_probability", "llc_lz"}


def test_tables_alone_suffice(folder, tmp_path):
    """Before the analysis has run there are no fits: the figures come without lines."""
    place = tmp_path / "early"
    shutil.copytree(folder, place)
    for name in ("fits", "correlations", "predictors"):
        (place / f"{name}.parquet").unlink()
    figures = draw_all(read_tables(place))
    assert set(figures) == WITH_LLC - {"correlations", "complexity_correlations", "predictors"}


def test_one_function_one_complexity(folder, tmp_path):
    """A map that expresses a single function: nothing to fit, still figures."""
    tables = read_tables(folder)
    functions = tables.functions.head(1).assign(count=40_000, p=1.0, log2_p=0.0, p_high=1.0)
    functions = functions.assign(orbit_count=40_000, log2_p_orbit=0.0)
    result = analyze(functions, None, tables.campaign)
    place = write_campaign(tmp_path / "one", tables.campaign, functions, None, result)
    figures = draw_all(read_tables(place))
    assert set(figures) == {
        "probability_rank",
        "distinct_functions",
        "probability_lz",
        "lz_distribution",
    }


def test_draws_that_are_all_new_keep_the_axes_finite(folder):
    """Chao1 has no upper end: a line at its lower end, and axes no more than decades around it."""
    tables = read_tables(folder)
    functions = tables.functions.assign(count=1)
    with drawing():
        figure = draw_convergence(replace(tables, functions=functions, population=None))
        figure.canvas.draw()
    assert np.isfinite(figure.axes[0].get_ylim()).all()
    assert figure.axes[0].get_ylim()[1] < 100 * len(functions) ** 2
    assert "all functions, more than (Chao1)" in figure.axes[0].get_legend_handles_labels()[1]


def test_regression_without_ones_and_orbits(folder, tmp_path):
    tables = read_tables(folder)
    functions = tables.functions.copy()
    for name in ("ones", "orbit", "orbit_size", "orbit_count", "log2_p_orbit"):
        functions[name] = None
    settings = tables.campaign.model_dump()
    settings["network"]["widths"] = (1, 8, 1)
    settings["domain"] = {"kind": "grid", "points": 32}
    settings["readout"] = {"kind": "quantised"}
    campaign = type(tables.campaign).model_validate(settings)
    result = analyze(functions, tables.llc, campaign)
    place = write_campaign(tmp_path / "curve", campaign, functions, tables.llc, result)
    assert set(draw_all(read_tables(place))) == WITH_LLC


def test_a_folder_without_a_campaign_is_refused(tmp_path):
    with pytest.raises(DataError, match="no campaign"):
        draw_figures(tmp_path)


def test_points_are_means_with_their_standard_errors(folder):
    llc = read_tables(folder).llc
    means = function_means(llc).set_index(["definition", "function"])
    key = llc["function"].iloc[0]
    rows = llc[(llc["function"] == key) & (llc["center"] == "self")]["llc"]
    found = means.loc[("mala/self", key)]
    assert found["mean"] == pytest.approx(rows.mean())
    assert found["error"] == pytest.approx(rows.std() / np.sqrt(len(rows)))


def test_coefficients_of_a_failed_fit_are_not_drawn(folder):
    tables = read_tables(folder)
    fits = tables.fits.assign(verdict="3 rows, 8 needed")
    failed = replace(tables, fits=fits)
    assert failed.coefficients("quantile_envelope", "log2_p", "lz") == {}
    assert set(tables.coefficients("quantile_envelope", "log2_p", "lz")) == {
        "quantile",
        "slope",
        "intercept",
    }
    assert tables.complexities == list(COMPLEXITIES)
