"""Model families in campaign files: sections from signatures, declared facts against counts."""

from __future__ import annotations

import itertools
import math
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pfmap
from pfmap.errors import SettingsError
from pfmap.experiments.template import render_template
from pfmap.functions.symmetry import prior_symmetries
from pfmap.models.families import NAMES, Fact, Family, family_of, register_family
from pfmap.models.program import Program
from pfmap.models.program_model import ProgramModel
from pfmap.pipeline import run
from pfmap.sampling import (
    outputs_of_draws,
    plan_sampling,
    sample_model,
    sample_prior,
    symbols_of_draws,
    weights_of_draws,
)
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume.expressible import why_not_expressible

SMALL = {
    "attention": {"width": 2},
    "convolution": {"channels": [3]},
    "factored": {"widths": [3, 3, 1], "factors": [[1], []]},
    "gated": {"width": 2},
    "masked": {"masks": [[[1, 1, 0], [0, 0, 1]], [[1, 1]]]},
    "random_features": {"features": 6},
    "residual": {"width": 3},
}
"""Keys of a small model of every family on a cube; a new family needs a line here."""

ON_A_GRID = {"factored_polynomial": {"factors": [1, 2, 2]}}
"""The same of families of one input."""

DRAWS = 200_000
Z = 5.5


def small(name: str, **more: object) -> Campaign:
    """A campaign of a small model of a family on three inputs of {-1, 1}, or on a grid."""
    on_cube = name in SMALL
    domain = {"encoding": "pm1"} if on_cube else {"kind": "grid", "points": 8}
    keys = SMALL[name] if on_cube else ON_A_GRID[name]
    return campaign_from_mapping(
        {
            "draws": DRAWS,
            "model": {"family": name, "inputs": 3 if on_cube else 1, **keys},
            "domain": domain,
            "prior": {"preset": "gaussian"},
            **more,
        }
    )


def toy_model(points: np.ndarray, units: int, *, power: int = 2) -> ProgramModel:
    """Σ_u a_u (w_u · x)^power + c.

    Parameters
    ----------
    points : ndarray, shape (P, inputs)
        The domain.
    units : int
        Number of units.
    power : int, default 2
        Exponent.
    """
    program = Program(points)
    hidden = program.affine(program.inputs, units, activation="monomial", degree=power, bias=False)
    return program.model(program.affine(hidden, 1))


@pytest.fixture(scope="module")
def toy() -> str:
    """The name of a family that is added here."""
    register_family(
        Family(
            "toy",
            toy_model,
            exchangeable_inputs=lambda _: Fact(True, "first-layer weights have one law"),
            reflectable_inputs=lambda _: Fact(True, "first-layer weights have an even law"),
            invariances=lambda *_: (),
        )
    )
    return "toy"


@pytest.mark.parametrize("name", NAMES)
def test_a_family_is_read_and_written_as_toml_and_as_a_template(name):
    campaign = small(name)
    for text in (campaign.to_toml(), render_template(campaign)):
        assert campaign_from_mapping(tomllib.loads(text)) == campaign
    assert all(field.description for field in type(campaign.model).model_fields.values())
    assert "network" not in tomllib.loads(campaign.to_toml())


@pytest.mark.parametrize("name", NAMES)
def test_a_campaign_counts_what_its_model_does_in_memory(name):
    campaign = small(name, draws=3000)
    model = campaign.compiled_model()
    expected = sample_model(model, campaign.standard_deviations, draws=3000, seed=campaign.seed)
    pd.testing.assert_frame_equal(sample_prior(campaign, threads=2), expected)


def moved(table: str, kind: str, n_inputs: int) -> list[str]:
    """Keys of a function after every swap of neighbours, every flip of one input, or NOT."""
    bits = np.array([int(bit) for bit in f"{int(table, 16):0{2**n_inputs}b}"])
    cube = np.array(list(itertools.product([0, 1], repeat=n_inputs)))
    places = 2 ** np.arange(n_inputs)[::-1]
    found = []
    if kind == "complement":
        found.append(1 - bits)
    for i in range(n_inputs if kind == "reflections" else 0):
        other = cube.copy()
        other[:, i] ^= 1
        found.append(bits[other @ places])
    for i in range(n_inputs - 1 if kind == "permutations" else 0):
        other = cube.copy()
        other[:, [i, i + 1]] = other[:, [i + 1, i]]
        found.append(bits[other @ places])
    digits = 2**n_inputs // 4
    return [f"{int(''.join(map(str, row)), 2):0{digits}x}" for row in found]


def test_every_family_is_tested():
    assert sorted([*SMALL, *ON_A_GRID]) == sorted(NAMES)


@pytest.mark.parametrize("kind", ["permutations", "reflections", "complement"])
@pytest.mark.parametrize("name", SMALL)
def test_declared_symmetries_hold_in_counts_and_others_show(name, kind):
    campaign = small(name)
    counts = sample_prior(campaign).set_index("function")["count"]
    worst = 0.0
    for key, count in counts.items():
        for other in moved(str(key), kind, 3):
            twin = int(counts.get(other, 0))
            worst = max(worst, abs(count - twin) / math.sqrt(count + twin))
    # Circular windows over three inputs see all of them: any order of the inputs is a turn or a
    # mirror image, and drawn windows have no side.
    if getattr(prior_symmetries(campaign), kind) or (name, kind) == ("convolution", "permutations"):
        assert worst < Z
    else:
        assert worst > 2.0 * Z


@pytest.mark.parametrize("keys", [{}, {"size": [2, 2]}, {"input_channels": 2}])
def test_turns_change_no_output_of_a_convolution_and_a_swap_does(keys):
    section = {"family": "convolution", "inputs": 4, "channels": [3, 2], **keys}
    campaign = small("convolution", model={**section, "kernel": 1 if keys else 3})
    model = campaign.compiled_model()
    points = campaign.points
    outputs = model.outputs(np.random.default_rng(3).normal(size=model.n_parameters))
    found = family_of("convolution").invariances(campaign.model.keywords, 4)
    assert len(found) == len(keys.get("size", [0]))
    place = {tuple(point): index for index, point in enumerate(points.tolist())}

    def moved_outputs(order: tuple[int, ...]) -> np.ndarray:
        return outputs[[place[tuple(point)] for point in points[:, order].tolist()]]

    for item in found:
        assert np.allclose(outputs, moved_outputs(item.order), rtol=0.0, atol=1e-12)
    if not keys:
        assert not np.allclose(outputs, moved_outputs((1, 0, 2, 3)), atol=1e-3)


def test_what_tells_turned_inputs_apart_is_proved_impossible():
    campaign = small("convolution", model={"family": "convolution", "inputs": 4, "channels": [3]})
    said = why_not_expressible(campaign, pfmap.functions.parse_function("x1", 4).signs)
    assert said == (
        "no parameter vector expresses it: turning the inputs takes 0001 to 1000 and changes no "
        "output, their bits differ"
    )
    drawn = sample_prior(campaign)["function"]
    possible = [f"{key:04x}" for key in range(2**16) if not proved(campaign, f"{key:04x}")]
    assert len(possible) == 2**6  # necklaces of four places: 6
    assert set(drawn) <= set(possible)
    open_windows = {"family": "convolution", "inputs": 4, "channels": [3], "padding": "none"}
    assert not proved(small("convolution", model=open_windows), "00ff")


def proved(campaign: Campaign, key: str) -> str:
    """Why a function is impossible, if that is known."""
    bits = np.array([int(bit) for bit in f"{int(key, 16):016b}"])
    return why_not_expressible(campaign, np.where(bits == 1, 1.0, -1.0))


def test_windows_tell_the_order_of_four_inputs():
    campaign = small("convolution", model={"family": "convolution", "inputs": 4, "channels": [3]})
    counts = sample_prior(campaign).set_index("function")["count"]
    pairs = [
        (count, int(counts.get(other, 0)))
        for key, count in counts.items()
        for other in moved(str(key), "permutations", 4)
    ]
    assert max(abs(a - b) / math.sqrt(a + b) for a, b in pairs) > 2.0 * Z


def test_without_a_random_output_bias_nothing_is_said_of_the_complement():
    campaign = small("residual", prior={"preset": "gaussian", "bias_sd": 0.0})
    found = prior_symmetries(campaign)
    assert not found.complement
    assert "no random bias" in found.reasons["complement"]


def test_an_input_of_zero_and_one_cannot_be_flipped():
    found = prior_symmetries(small("residual", domain={"encoding": "01"}))
    assert (found.permutations, found.reflections) == (True, False)


def test_outputs_and_symbols_of_draws_are_those_of_the_model():
    settings = {"domain": {"kind": "grid", "points": 9}, "readout": {"kind": "quantised"}}
    campaign = campaign_from_mapping(
        {"model": {"family": "residual", "inputs": 1, "width": 3, "activation": "tanh"}, **settings}
    )
    plan, draws = plan_sampling(campaign), np.array([5, 3, 1])
    outputs = outputs_of_draws(plan, draws)
    model = campaign.compiled_model()
    for row, weights in zip(outputs, weights_of_draws(plan, draws), strict=True):
        assert np.array_equal(row, model.outputs(weights.astype(float)))
    step = campaign.readout.step
    assert np.array_equal(symbols_of_draws(plan, draws), np.floor(outputs / step + 0.5))


def test_an_added_family_runs_through_a_whole_campaign(toy, tmp_path):
    campaign = campaign_from_mapping(
        {
            "name": "mine",
            "draws": 20_000,
            "model": {"family": toy, "inputs": 2, "units": 2},
            "domain": {"encoding": "pm1"},
            "prior": {"preset": "gaussian"},
            "llc": {"functions": 2, "draws_per_function": 1, "ladder_steps": 0},
            "volume": {"functions": 2, "named": ["xor2"], "runs": 4, "steps": 16},
            "free_energy": {"classes": 2, "n": [0.3, 30.0], "steps": 16},
        }
    )
    folder = tmp_path / "mine"
    run(campaign, folder, threads=2)
    functions = pd.read_parquet(folder / "functions.parquet")
    # Squares are even: f(x) = f(-x), so that of 16 functions four are left.
    assert set(functions["function"]) == {"0", "6", "9", "f"}
    assert functions["count"].sum() == 20_000
    evidence = pd.read_parquet(folder / "evidence.parquet").set_index("function")
    for key, row in functions.set_index("function").iterrows():
        if key in evidence.index:
            found = evidence.loc[[key]].iloc[0]
            spread = math.hypot(found["log2_p_se"], 1.0 / (math.log(2) * math.sqrt(row["count"])))
            assert abs(found["log2_p"] - row["log2_p"]) < Z * spread
    assert (pd.read_parquet(folder / "llc.parquet")["verdict"] == "ok").any()
    assert len(pd.read_parquet(folder / "free_energy.parquet"))
    again = run(campaign, folder, resume=True, threads=2)
    assert all(stage.up_to_date for stage in again.stages.values())
    other = campaign.model_copy(update={"model": campaign.model.model_copy(update={"units": 3})})
    with pytest.raises(SettingsError, match="model.units is 2 there, 3 here"):
        run(other, folder, resume=True)
    assert campaign_from_mapping(tomllib.loads((folder / "campaign.toml").read_text())) == campaign


def test_a_name_is_taken_once(toy):
    with pytest.raises(SettingsError, match="not taken, got 'toy'"):
        register_family(family_of(toy))
    with pytest.raises(SettingsError, match="identifier"):
        register_family(replace(family_of(toy), name="a b"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": {"family": "convo", "inputs": 4}}, "model.family: must be one of attention"),
        ({"model": {"inputs": 4}}, "model.family: must be one of"),
        ({"model": {"family": 3}}, "model.family: must be text"),
        ({"model": {"family": "residual", "inputs": 4}}, "model.width: must be given"),
        (
            {"model": {"family": "residual", "inputs": 4, "width": 2, "widht": 3}},
            r"model.widht: unknown key, got 3 \(next: did you mean 'width'\?\)",
        ),
        ({"model": {"family": "residual", "inputs": 4, "width": True}}, "width: must be a number"),
        ({"model": {"family": "residual", "inputs": 14, "width": 2}}, "model.inputs: a Boolean"),
        ({"model": {"family": "residual", "inputs": 4, "width": 2}, "network": {}}, "not both"),
        ({"model": 3}, "model: must be a table"),
    ],
)
def test_slips_are_named(settings, said):
    with pytest.raises(SettingsError, match=said):
        campaign_from_mapping(settings)


def test_what_is_known_of_dense_networks_alone_says_so():
    campaign = small("residual")
    with pytest.raises(
        SettingsError, match=r"dense networks alone, got residual model of 3 inputs"
    ):
        pfmap.kernel_limit.limit_covariance(campaign)


def test_sizes_that_do_not_fit_are_refused_before_a_folder_is_begun(tmp_path: Path):
    campaign = small("residual", model={"family": "residual", "inputs": 3, "width": 0})
    with pytest.raises(SettingsError, match="width"):
        run(campaign, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_posterior_of_a_family_is_that_of_its_counts():
    campaign = small("residual")
    truth = pfmap.functions.parse_function("majority", 3)
    training = pfmap.volume.training.restricted(truth, [0, 3, 5, 7])
    found = pfmap.sample_posterior(campaign, training, threads=2).completions()
    table = pd.DataFrame(found)
    counts = sample_prior(campaign)
    bits = [f"{int(key, 16):08b}" for key in counts["function"]]
    fits = [all(row[i] == str(int(truth.bits[i])) for i in (0, 3, 5, 7)) for row in bits]
    counted = counts[fits].set_index("function")["count"]
    total = counted.sum()
    likely = table[table["probability"] > 0.02]
    assert len(likely) > 3
    for _, row in likely.iterrows():
        p = counted.get(row["function"], 0) / total
        spread = math.hypot(row["probability_se"], math.sqrt(p * (1.0 - p) / total))
        assert abs(row["probability"] - p) < Z * spread
