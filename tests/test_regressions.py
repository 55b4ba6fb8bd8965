"""Faults that users once met: each stays mended."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pfmap import pipeline
from pfmap.errors import DataError, SettingsError
from pfmap.llc.load import load_weights
from pfmap.sampling import outputs_of_draws, plan_sampling
from pfmap.settings.domain import PointsDomain, domain_points
from pfmap.settings.network import Network
from pfmap.settings.read import campaign_from_mapping, read_campaign
from pfmap.store import read_table
from pfmap_cli.campaigns import find_campaign
from pfmap_cli.show import show

SMALL: dict[str, Any] = {
    "network": {"widths": [2, 4, 1]},
    "prior": {"preset": "gaussian"},
    "llc": {"functions": 0},
    "volume": {"functions": 0, "named": []},
    "analysis": {"bootstrap": 100},
}


@pytest.mark.parametrize("draws", [1, 4])
def test_a_handful_of_draws_runs_to_the_last_figure(tmp_path, draws):
    """The figure of log2 P had no cell to shade at one draw, and no orbit counted often enough."""
    campaign = campaign_from_mapping({**SMALL, "draws": draws})
    result = pipeline.run(campaign, tmp_path / "campaign", threads=1)
    drawn = {Path(path).name for path in result.stages["plot"].files}
    assert {"probability_lz.png", "probability_rank.png"} <= drawn


def test_complex_points_are_refused(tmp_path):
    """NumPy dropped their imaginary parts with a warning only."""
    path = tmp_path / "points.npy"
    np.save(path, np.array([[1.0, 1.0j], [0.0, 1.0]]))
    with pytest.raises(DataError, match=r"domain\.file: must hold real numbers, .* complex128"):
        domain_points(PointsDomain(kind="points", file=str(path)), 2)


def test_scales_beyond_float32_are_refused():
    """The cast overflowed with a warning, and the first draw was NaN."""
    prior = {"weight_sd": 1e300}
    with pytest.raises(SettingsError, match=r"must fit float32, got 3.78e"):
        plan_sampling(campaign_from_mapping({"prior": prior}))


@pytest.mark.parametrize(
    "prior", [{"weight_sd": 1e-46, "bias_sd": 1e-46}, {"output_bias_sd": 1e-30}]
)
def test_scales_below_float32_are_refused(prior):
    """They became 0: the one function had P = 1, and log2_p_orbit of its orbit said 1/2."""
    with pytest.raises(SettingsError, match=r"0 or at least 1e-25, where float32 .* got"):
        plan_sampling(campaign_from_mapping({"network": {"widths": [2, 1]}, "prior": prior}))


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        # Every draw counted twice, and the variance between functions grew with it.
        ({"llc": {"centers": ["self", "self"]}}, r"llc\.centers: must differ from each other"),
        # The values beside it won, and the preset was ignored without a word.
        (
            {"prior": {"preset": "gaussian", "law": "uniform", "weight_sd": 2.0, "bias_sd": 0.5}},
            r"prior: preset gaussian changes nothing, .* law, weight_sd, bias_sd: remove those",
        ),
        # One draw took minutes, and no signal came through.
        ({"network": {"widths": [7, *[4096] * 3, 1]}}, "at most 10,000,000 parameters"),
        # It failed for want of memory, after sampling, and advised fewer draws.
        ({"llc": {"steps": 10**12}}, r"llc\.steps: .* less than or equal to 1000000"),
        ({"llc": {"target_tolerance": math.inf}}, r"llc\.target_tolerance: .* finite"),
    ],
)
def test_settings_that_went_wrong_late_or_in_silence(settings, rule):
    with pytest.raises(SettingsError, match=rule):
        campaign_from_mapping(settings)


def test_a_byte_order_mark_is_no_statement(tmp_path):
    path = tmp_path / "marked.toml"
    path.write_text("draws = 5\n", encoding="utf-8-sig")
    assert read_campaign(path).draws == 5


@pytest.mark.parametrize("values", [["0", "1"], pd.to_datetime(["2020-01-01", "2021-01-01"])])
def test_points_of_text_or_dates_are_refused(tmp_path, values):
    """They were converted to numbers."""
    path = tmp_path / "points.parquet"
    pd.DataFrame({"x": [0.0, 1.0], "name": values}).to_parquet(path)
    with pytest.raises(
        DataError, match=r"domain\.file: must hold real numbers, and column name of .* holds "
    ):
        domain_points(PointsDomain(kind="points", file=str(path)), 2)


@pytest.mark.parametrize("column", [pd.array([1, 0], dtype="Int64"), [True, False]])
def test_points_of_mixed_kinds_of_numbers_are_read(tmp_path, column):
    """As one array such columns are objects, and were refused as no numbers."""
    path = tmp_path / "points.parquet"
    pd.DataFrame({"x": column, "y": [0.5, 1.5]}).to_parquet(path)
    points = domain_points(PointsDomain(kind="points", file=str(path)), 2)
    assert points.tolist() == [[1.0, 0.5], [0.0, 1.5]]


def test_arrays_without_a_place_in_the_network_are_refused(tmp_path):
    """They were ignored, and the estimate was that of another network."""
    path = tmp_path / "weights.npz"
    np.savez(path, W1=np.ones((1, 2)), b1=np.ones(1))
    with pytest.raises(DataError, match=r"must hold 0 biases for bias = false .*found W1, b1"):
        load_weights(path, Network(widths=(2, 1), bias=False))


def test_a_folder_without_a_campaign_is_no_campaign_file(tmp_path):
    """It was read as TOML: "cannot be read: Is a directory", with exit code 4."""
    with pytest.raises(SettingsError, match=r"holds no campaign"):
        find_campaign(str(tmp_path))


@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("zz", "hexadecimal"),
        ("12", "hexadecimal"),
        ("", "one function only"),
        ("6", r"no function drawn begins with 6; .* take a key from .*functions\.parquet"),
    ],
)
def test_show_tells_a_key_that_cannot_be_from_one_never_drawn(tmp_path, key, rule):
    """Anything was "never drawn", and the next step led to a command that lists no function."""
    campaign = campaign_from_mapping({**SMALL, "draws": 300, "network": {"widths": [2, 1]}})
    pipeline.run(campaign, tmp_path / "campaign", threads=1, stages=("functions",))
    with pytest.raises(SettingsError, match=rule):
        show(key, tmp_path / "campaign")


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"network": {"widths": [9, 2, 1]}}, ("truth_table", 512)),
        ({"readout": {"kind": "quantised", "step": 0.5}}, ("values", 4)),
    ],
)
def test_show_brings_a_hashed_function_back(tmp_path, capsys, settings, shown):
    """It said only that the key is a hash."""
    campaign = campaign_from_mapping({**SMALL, **settings, "draws": 300})
    pipeline.run(campaign, tmp_path / "campaign", threads=1, stages=("functions",))
    row = read_table(tmp_path / "campaign", "functions").to_pylist()[-1]
    show(row["function"], tmp_path / "campaign", as_json=True)
    name, length = shown
    values = json.loads(capsys.readouterr().out)[name]
    assert len(values) == length
    if name == "truth_table":
        assert values.count("1") == row["ones"]
    else:
        outputs = outputs_of_draws(plan_sampling(campaign), [row["first_draw"]])[0]
        assert np.abs(outputs - values).max() <= 0.25


def test_an_unknown_kind_of_domain_is_named_by_its_key():
    """The message spoke of pydantic's tags and showed the whole table."""
    with pytest.raises(SettingsError, match=r"domain\.kind: must be one of .*'grid'.*, got 'grdi'"):
        campaign_from_mapping({"domain": {"kind": "grdi"}})
