"""Proofs of probability 0: none for a function that was drawn, one wherever one is known to be."""

from __future__ import annotations

import numpy as np
import pytest

from pfmap.activations import NAMES
from pfmap.errors import SettingsError
from pfmap.functions import parse_function
from pfmap.functions.thresholds import threshold_sets
from pfmap.sampling import sample_prior
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume.expressible import ALMOST_NEVER, NEVER, why_not_expressible
from pfmap.volume.separation import inseparable_points


def campaign(widths, *, encoding="01", prior=None, domain=None, **network) -> Campaign:
    return campaign_from_mapping(
        {
            "draws": 20_000,
            "network": {"widths": list(widths), **network},
            "prior": prior or {"preset": "gaussian"},
            "domain": domain or {"kind": "boolean", "encoding": encoding},
        }
    )


def all_signs(n_points: int) -> np.ndarray:
    """Signs of every function, by number: the truth table read as a number."""
    numbers = np.arange(2**n_points)[:, None]
    return np.where((numbers >> np.arange(n_points)[::-1]) & 1, 1.0, -1.0)


# Networks whose functions are all seen in 20,000 draws where `complete`.
DRAWN = {
    "perceptron": (campaign((3, 1)), True),
    "perceptron without bias": (campaign((3, 1), bias=False), True),
    "perceptron without bias, pm1": (campaign((3, 1), bias=False, encoding="pm1"), True),
    "bias of sd 0": (campaign((3, 1), prior={"bias_sd": 0.0}), True),
    "uniform law": (campaign((3, 1), prior={"law": "uniform"}), True),
    "deep linear": (campaign((3, 4, 3, 1), activation="linear", bias=False), True),
    "first power": (campaign((3, 4, 1), activation="monomial", degree=1), True),
    "single units, relu": (campaign((3, 1, 1, 1)), False),
    "single units, tanh": (campaign((3, 1, 1), activation="tanh"), True),
    "single relu unit without bias": (campaign((3, 1, 1), bias=False), False),
    "relu without bias": (campaign((3, 8, 1), bias=False), False),
    "relu without bias, pm1": (campaign((3, 8, 1), bias=False, encoding="pm1"), False),
    "tanh without bias, pm1": (
        campaign((3, 8, 1), bias=False, encoding="pm1", activation="tanh"), False,
    ),
    "squares without bias, pm1": (
        campaign((3, 8, 1), bias=False, encoding="pm1", activation="monomial"), False,
    ),
    "squares, pm1": (campaign((3, 8, 1), encoding="pm1", activation="monomial"), False),
    "squared output": (campaign((3, 4, 1), output_activation="monomial"), True),
    "squared output without bias": (
        campaign((3, 4, 1), output_activation="monomial", bias=False), False,
    ),
    "sine output, pm1": (
        campaign((3, 1), output_activation="sin", bias=False, encoding="pm1"), False,
    ),
    "relu": (campaign((3, 8, 1)), False),
    "steps without bias, pm1": (
        campaign((3, 6, 1), bias=False, encoding="pm1", activation="heaviside"), False,
    ),
    **{
        f"{name} at the output": (
            campaign((3, 4, 1), output_activation=name, bias=False, encoding="pm1"),
            name in ("sigmoid", "softplus", "gaussian"),
        )
        for name in NAMES
    },
    **{
        f"{name}, without bias": (
            campaign((3, 6, 1), activation=name, bias=False, encoding="pm1"), False,
        )
        for name in NAMES
    },
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
def test_no_function_that_was_drawn_is_proved_impossible(name):
    settings, complete = DRAWN[name]
    drawn = {int(key, 16) for key in sample_prior(settings, threads=1)["function"]}
    possible = {
        number
        for number, signs in enumerate(all_signs(8))
        if not why_not_expressible(settings, signs)
    }
    assert drawn <= possible
    if complete:
        assert drawn == possible


def test_a_perceptron_expresses_the_threshold_functions():
    for n_inputs in (2, 3):
        settings = campaign((n_inputs, 1))
        n_points = 2**n_inputs
        possible = [
            number
            for number, signs in enumerate(all_signs(n_points))
            if not why_not_expressible(settings, signs)
        ]
        # Point x is bit x there, and the first point is the most significant bit here.
        listed = [int(f"{mask:0{n_points}b}"[::-1], 2) for mask in threshold_sets(n_inputs)]
        assert possible == sorted(listed)


def test_parity_is_out_of_reach_of_a_perceptron_and_never_of_the_network_of_the_papers():
    parity = parse_function("parity", 7).signs
    said = why_not_expressible(campaign((7, 1)), parity)
    assert said.startswith(NEVER)
    assert "no hyperplane separates the ones from the zeros" in said
    for preset in ("gaussian", "vallePerez2019"):
        for activation in ("relu", "tanh"):
            settings = campaign((7, 40, 40, 1), prior={"preset": preset}, activation=activation)
            assert why_not_expressible(settings, parity) == ""
    assert why_not_expressible(campaign((7, 40, 40, 1), bias=False), parity) == ""


def test_a_set_of_measure_zero_is_told_from_an_empty_one():
    pm1 = campaign((2, 1), bias=False, encoding="pm1")
    # All outputs are at most 0 at x and -x only where both are 0; both above 0 is impossible.
    assert why_not_expressible(pm1, -np.ones(4)).startswith(ALMOST_NEVER)
    assert why_not_expressible(pm1, np.ones(4)).startswith(NEVER)
    # A weight of 0 gives the bit 0 at the input 01 of f = x1 and not x2 or neither: w2 = 0.
    zero_one = campaign((2, 1), bias=False)
    assert why_not_expressible(zero_one, np.array([-1.0, -1, 1, -1])) == ""
    assert why_not_expressible(zero_one, np.array([-1.0, -1, -1, 1])).startswith(NEVER)
    squared = campaign((2, 4, 1), output_activation="monomial")
    assert why_not_expressible(squared, np.array([1.0, 1, 1, -1])).startswith(ALMOST_NEVER)


def test_a_hyperplane_that_must_meet_a_point_is_measure_zero():
    # On the line through 0, points 1, -1 and 2 with bits 0, 0 and 0: only the weight 0.
    line = np.array([[1.0], [-1.0], [2.0]])
    signs = -np.ones(3)
    assert inseparable_points(line, signs, through_zero=True)
    assert inseparable_points(line, signs, through_zero=True, ones_strictly=True) == []
    assert inseparable_points(line, signs, through_zero=False) == []


def test_bits_that_may_be_anything_prove_nothing():
    perceptron = campaign((3, 1))
    parity = parse_function("parity", 3).signs
    assert why_not_expressible(perceptron, parity)
    parity[[0, 3, 5, 6]] = 0.0
    assert why_not_expressible(perceptron, parity) == ""
    assert why_not_expressible(campaign((3, 1), bias=False), np.zeros(8)) == ""


def test_proofs_on_other_domains(tmp_path):
    np.save(tmp_path / "points.npy", np.array([[1.0, 2.0], [2.0, 4.0], [1.0, 2.0], [-1.0, 3.0]]))
    domain = {"kind": "points", "file": str(tmp_path / "points.npy")}
    relu = campaign((2, 8, 1), domain=domain, bias=False)
    said = why_not_expressible(relu, np.array([1.0, -1, 1, 1]))
    assert "rays" in said
    assert "number 0 and number 1" in said
    assert "are equal" in why_not_expressible(relu, np.array([1.0, 1, -1, 1]))
    assert why_not_expressible(relu, np.array([1.0, 1, 1, -1])) == ""
    with_bias = campaign((2, 8, 1), domain=domain)
    assert why_not_expressible(with_bias, np.array([1.0, -1, 1, 1])) == ""
    tanh = campaign((2, 8, 1), domain=domain, bias=False, activation="tanh")
    assert why_not_expressible(tanh, np.array([1.0, -1, 1, 1])) == ""


def test_the_points_of_a_proof_have_positive_weights_that_cancel():
    rng = np.random.default_rng(3)
    points = rng.integers(-3, 4, size=(30, 4)).astype(float)
    signs = rng.choice([-1.0, 1.0], size=30)
    shown = inseparable_points(points, signs, through_zero=False)
    assert shown
    rows = np.hstack([points, np.ones((30, 1))])[shown] * signs[shown, None]
    # A null vector of rows with rank one less than their number is unique: all of one sign.
    assert np.linalg.matrix_rank(rows) == len(shown) - 1
    null = np.linalg.svd(rows.T)[2][-1]
    assert (null > 0.0).all() or (null < 0.0).all()


def test_what_cannot_be_read_is_refused():
    with pytest.raises(SettingsError, match="signs: must be 8 numbers"):
        why_not_expressible(campaign((3, 1)), np.ones(4))
    quantised = campaign_from_mapping(
        {"network": {"widths": [2, 1]}, "readout": {"kind": "quantised"}}
    )
    with pytest.raises(SettingsError, match="readout: must be sign"):
        why_not_expressible(quantised, np.ones(4))
