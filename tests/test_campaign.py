"""Settings: completed, round-tripped, and refused with the key, the rule and the value."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

from pfmap.errors import DataError, SettingsError
from pfmap.experiments import campaign_names, campaign_note, named_campaign, render_template
from pfmap.settings.campaign import Campaign
from pfmap.settings.domain import PointsDomain, boolean_points, domain_points
from pfmap.settings.prior import PRESETS, Prior, layer_sds
from pfmap.settings.read import campaign_from_mapping, read_campaign


@pytest.mark.parametrize("name", campaign_names())
def test_named_campaign_survives_both_ways_out_and_in(name):
    campaign = named_campaign(name)
    assert campaign.name == name
    assert campaign_note(name)
    for text in (render_template(campaign), campaign.to_toml()):
        assert campaign_from_mapping(tomllib.loads(text)) == campaign


@pytest.mark.parametrize(
    ("settings", "fragments"),
    [
        ({"drows": 1000}, ["drows", "unknown key", "1000", "did you mean 'draws'"]),
        ({"network": {"widht": [7, 1]}}, ["network.widht", "did you mean 'widths'"]),
        ({"domain": {"kind": "grid", "pointz": 3}}, ["domain.pointz", "did you mean 'points'"]),
        ({"draws": 0}, ["draws", "greater than or equal to 1", "got 0"]),
        ({"draws": 10**13}, ["draws", "4398046511104", "10000000000000"]),
        ({"draws": 10**12}, ["block_draws", "1,048,576 blocks", "15,258,790", "least 953,675"]),
        ({"draws": "many"}, ["draws", "integer", "'many'"]),
        ({"network": {"widths": [7, 0, 1]}}, ["network.widths", "between 1 and 4096", "[7, 0, 1]"]),
        ({"network": {"widths": [7, 40]}}, ["network.widths", "last width must be 1"]),
        ({"network": {"widths": [11, 4, 1]}}, ["network.widths", "2 to 10 inputs", "11"]),
        ({"network": {"widths": [1, 4, 1]}}, ["network.widths", "2 to 10 inputs", "1"]),
        ({"network": {"activation": "swish"}}, ["network.activation", "relu, ", "'swish'"]),
        ({"prior": {"weight_sd": -1}}, ["prior.weight_sd", "greater than 0", "-1"]),
        ({"prior": {"weight_sd": float("nan")}}, ["prior.weight_sd", "finite"]),
        ({"prior": {"preset": "valle"}}, ["prior.preset", "vallePerez2019", "'valle'"]),
        ({"domain": {"kind": "cube"}}, ["domain", "'boolean'", "'cube'"]),
        ({"domain": {"kind": "grid"}}, ["network.widths", "1 or 2 inputs", "7"]),
        (
            {"network": {"widths": [1, 4, 1]}, "domain": {"kind": "grid", "low": 2, "high": 1}},
            ["domain.low", "below domain.high"],
        ),
        ({"name": "../elsewhere"}, ["name", "'../elsewhere'"]),
        ({"draws": True}, ["draws: must be a number, got True"]),
        ({"draws": "100"}, ["draws: must be a number, got '100'"]),
        ({"network": {"bias": 1}}, ["network.bias: must be true or false, got 1"]),
        ({"network": {"widths": [7, True, 1]}}, ["network.widths: must be a number, got True"]),
        ({"network": {"widths": 7}}, ["network.widths: must be a list, got 7"]),
        ({"network": {"widths": [7]}}, ["network.widths: must hold at least 2 values, got [7]"]),
        ({"network": 5}, ["network: must be a table, got 5"]),
        ({"network": {"layers": {"a": 1}}}, ["network.layers: unknown key", "known keys: widths,"]),
        ({"domain": {"points": 4}}, ["domain.points: unknown key", "known keys: kind, encoding"]),
        ({"domain": {"kind": "points"}}, ["domain.file: must be given"]),
        ({"prior": {"preset": "gaussian", "weight_sd": "1"}}, ["prior.weight_sd: must be a num"]),
    ],
)
def test_broken_rule_names_key_rule_and_value(settings, fragments):
    with pytest.raises(SettingsError) as caught:
        campaign_from_mapping(settings)
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_a_total_in_scientific_notation_is_a_number():
    assert campaign_from_mapping({"draws": 1e6}).draws == 1_000_000


def test_a_million_million_draws_fit_in_large_blocks():
    campaign = campaign_from_mapping({"draws": 10**12, "block_draws": 2**22})
    assert campaign.n_blocks == 238_419


def test_preset_expands_to_explicit_values_and_leaves_no_name():
    for name, values in PRESETS.items():
        prior = Prior(preset=name)
        assert prior.preset is None
        assert prior == Prior(**values)
    assert Prior(preset="gaussian", weight_sd=2.0).weight_sd == 2.0


def test_layer_sds_of_published_priors():
    weight_sds, bias_sds = layer_sds((7, 40, 40, 1), True, Prior(preset="vallePerez2019"))
    np.testing.assert_allclose(weight_sds**2, [2 / 7, 2 / 40, 1 / 40])
    np.testing.assert_allclose(bias_sds**2, [2 / 7, 2 / 40, 1 / 40])
    widths = (7, *[64] * 10, 1)
    weight_sds, bias_sds = layer_sds(widths, True, Prior(preset="mingard2025"))
    np.testing.assert_allclose(weight_sds**2, 1 / np.array(widths[:-1]))
    np.testing.assert_allclose(bias_sds, [0.2 / 64] * 10 + [0.2])
    assert not layer_sds(widths, False, Prior())[1].any()


def test_digest_ignores_the_total_and_sees_everything_that_decides_a_draw():
    campaign = Campaign()
    same = campaign.model_copy(update={"draws": 2_000_000, "name": "longer"})
    assert same.digest() == campaign.digest()
    changes = [
        {"seed": 2},
        {"block_draws": 1024},
        {"network": {"bias": False}},
        {"prior": {"weight_sd": 1.1}},
        {"domain": {"encoding": "pm1"}},
        {"readout": {"kind": "quantised"}},
    ]
    digests = {campaign_from_mapping(change).digest() for change in changes}
    assert len(digests | {campaign.digest()}) == len(changes) + 1


def test_points_file_is_read_and_its_content_is_part_of_the_digest(tmp_path):
    points = np.random.default_rng(0).normal(size=(12, 3))
    np.save(tmp_path / "points.npy", points)
    file = tmp_path / "campaign.toml"
    file.write_text(
        '[network]\nwidths = [3, 4, 1]\n[domain]\nkind = "points"\nfile = "points.npy"\n'
    )
    campaign = read_campaign(file)
    np.testing.assert_array_equal(campaign.points, points)
    before = campaign.digest()
    np.save(tmp_path / "points.npy", points + 1)
    assert read_campaign(file).digest() != before
    np.save(tmp_path / "points.npy", np.full((12, 3), np.nan))
    with pytest.raises(DataError, match="NaN or infinity"):
        _ = campaign.points
    np.save(tmp_path / "points.npy", points[:, :2])
    with pytest.raises(SettingsError, match="2 coordinates"):
        _ = campaign.points


def test_points_file_has_the_size_limit_of_a_grid(tmp_path):
    file = tmp_path / "points.npy"
    domain = PointsDomain(kind="points", file=str(file))
    np.save(file, np.zeros((2**14, 1)))
    assert len(domain_points(domain, 1)) == 2**14
    np.save(file, np.zeros((2**14 + 1, 1)))
    with pytest.raises(DataError, match=r"domain\.file: at most 16384 .* got 16385 .*next: keep"):
        domain_points(domain, 1)


def test_file_errors_name_the_file(tmp_path):
    with pytest.raises(SettingsError, match="no such file"):
        read_campaign(tmp_path / "absent.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("draws = = 3")
    with pytest.raises(SettingsError, match="not valid TOML"):
        read_campaign(broken)


def test_boolean_points_count_in_binary_first_bit_most_significant():
    points = boolean_points(3)
    assert [int("".join(str(int(bit)) for bit in row), 2) for row in points] == list(range(8))
    np.testing.assert_array_equal(boolean_points(3, "pm1"), 2 * points - 1)
