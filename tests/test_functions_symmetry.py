"""Symmetries of the prior: each claim held against counts, each refusal rejected by them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, norm

from pfmap.functions import Symmetries, canonical_words, prior_symmetries
from pfmap.sampling import plan_sampling, sample_blocks
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping

N_DRAWS = 2**20
NAMES = ("permutations", "reflections", "complement")
# A statistic beyond five standard deviations of the normal law, one-sided.
FIVE_SIGMA = float(norm.sf(5.0))


def make(
    network: dict[str, Any], prior: dict[str, Any] | None = None, encoding: str = "01", **other: Any
) -> Campaign:
    """A campaign with the Gaussian preset unless a prior is given."""
    return campaign_from_mapping(
        {
            "draws": N_DRAWS,
            "block_draws": 2**17,
            "network": network,
            "prior": prior or {"preset": "gaussian"},
            "domain": {"kind": "boolean", "encoding": encoding},
            **other,
        }
    )


NO_OUTPUT_BIAS = {"preset": "gaussian", "output_bias_sd": 0.0}
NO_BIAS = {"preset": "gaussian", "bias_sd": 0.0}
SMALL_UNIFORM = {"law": "uniform", "weight_sd": 0.25, "weight_scale": "none", "bias_sd": 0.0}
# name: (campaign, which of permutations, reflections and complement hold)
CASES = {
    "relu": (make({"widths": [3, 8, 1]}), (True, False, True)),
    "relu, -1/1": (make({"widths": [3, 8, 1]}, encoding="pm1"), (True, True, True)),
    "relu, published uniform prior": (
        make({"widths": [3, 6, 6, 1]}, {"preset": "vallePerez2019"}),
        (True, False, True),
    ),
    "relu without biases, -1/1": (
        make({"widths": [3, 4, 1], "bias": False}, encoding="pm1"),
        (True, True, False),
    ),
    "relu without output bias": (
        make({"widths": [3, 4, 1]}, NO_OUTPUT_BIAS),
        (True, False, False),
    ),
    "relu output": (
        make({"widths": [3, 6, 1], "output_activation": "relu"}),
        (True, False, True),
    ),
    "tanh without biases": (
        make({"widths": [3, 6, 1], "activation": "tanh", "bias": False}),
        (True, False, False),
    ),
    "tanh without biases, -1/1": (
        make({"widths": [3, 6, 1], "activation": "tanh", "bias": False}, encoding="pm1"),
        (True, True, True),
    ),
    "tanh without output bias": (
        make({"widths": [3, 6, 1], "activation": "tanh"}, NO_OUTPUT_BIAS),
        (True, False, True),
    ),
    "tanh output, published prior": (
        make(
            {"widths": [3, 6, 6, 1], "activation": "tanh", "output_activation": "tanh"},
            {"preset": "mingard2025"},
        ),
        (True, False, True),
    ),
    "sin output": (
        make({"widths": [3, 6, 1], "activation": "sin", "output_activation": "sin"}),
        (True, False, True),
    ),
    "erf output": (
        make({"widths": [3, 6, 1], "activation": "erf", "output_activation": "erf"}),
        (True, False, True),
    ),
    "squares": (
        make({"widths": [3, 4, 1], "activation": "monomial", "degree": 2}),
        (True, False, True),
    ),
    "squares without biases, -1/1": (
        make(
            {"widths": [3, 4, 1], "activation": "monomial", "degree": 2, "bias": False},
            encoding="pm1",
        ),
        (True, True, True),
    ),
    "square output": (
        make(
            {"widths": [3, 4, 1], "output_activation": "monomial", "degree": 2, "bias": False},
            encoding="pm1",
        ),
        (True, True, False),
    ),
    "cube output": (
        make({"widths": [3, 6, 1], "output_activation": "monomial", "degree": 3}),
        (True, False, True),
    ),
    "gelu": (make({"widths": [3, 6, 1], "activation": "gelu"}), (True, False, True)),
    "steps without biases, -1/1": (
        make({"widths": [3, 6, 1], "activation": "heaviside", "bias": False}, encoding="pm1"),
        (True, True, False),
    ),
    "cosines without biases, -1/1": (
        make({"widths": [3, 6, 1], "activation": "cos", "bias": False}, encoding="pm1"),
        (True, True, True),
    ),
    "leaky_relu without biases, -1/1": (
        make({"widths": [3, 6, 1], "activation": "leaky_relu", "bias": False}, encoding="pm1"),
        (True, True, True),
    ),
    "ninth powers underflow": (
        make(
            {"widths": [3, 1, 1, 1, 1], "activation": "monomial", "degree": 9},
            SMALL_UNIFORM,
            "pm1",
        ),
        (True, True, False),
    ),
    "fifth powers of small weights underflow": (
        make(
            {"widths": [3, 1, 1, 1], "activation": "monomial", "degree": 5, "bias": False},
            {"weight_sd": 1e-9},
            "pm1",
        ),
        (True, True, False),
    ),
    "perceptron without bias": (make({"widths": [3, 1], "bias": False}), (True, False, False)),
    "perceptron, bias of width 0, -1/1": (
        make({"widths": [3, 1]}, NO_BIAS, "pm1"),
        (True, True, True),
    ),
    "linear without biases": (
        make({"widths": [3, 4, 1], "activation": "linear"}, NO_BIAS),
        (True, False, False),
    ),
    "two inputs": (make({"widths": [2, 4, 1]}), (True, False, True)),
}


def count_functions(campaign: Campaign) -> tuple[np.ndarray, np.ndarray]:
    """Words and counts of all functions of a campaign."""
    tallies = list(sample_blocks(plan_sampling(campaign), range(campaign.n_blocks)))
    words, index = np.unique(
        np.concatenate([t.words for t in tallies]), axis=0, return_inverse=True
    )
    counts = np.bincount(index.ravel(), weights=np.concatenate([t.counts for t in tallies]))
    return words, counts


def orbits_are_even(
    words: np.ndarray, counts: np.ndarray, n_inputs: int, symmetries: Symmetries
) -> bool:
    """Chi-square test that counts are spread evenly within every orbit, at five sigma.

    Given its total c, the counts of an orbit of s members are multinomial with probabilities 1/s,
    so sum (count - c/s)^2 / (c/s) has s - 1 degrees of freedom. Orbits with c/s >= 10 count.
    """
    canonical, size = canonical_words(words, n_inputs, symmetries)
    _, index = np.unique(canonical, axis=0, return_inverse=True)
    index = index.ravel()
    total = np.bincount(index, weights=counts)
    members = np.zeros(len(total))
    members[index] = size
    expected = total / members
    used = (expected >= 10) & (members > 1)
    # Members never drawn contribute (0 - expected)^2 / expected, which is inside this form.
    statistic = (np.bincount(index, weights=counts**2) / expected - total)[used].sum()
    degrees = (members - 1)[used].sum()
    assert degrees > 0
    return bool(statistic <= chi2.isf(FIVE_SIGMA, degrees))


@pytest.mark.parametrize("case", CASES)
def test_claimed_symmetries_hold_and_denied_ones_are_rejected(case: str) -> None:
    campaign, expected = CASES[case]
    symmetries = prior_symmetries(campaign)
    flags = (symmetries.permutations, symmetries.reflections, symmetries.complement)
    assert flags == expected
    n_inputs = campaign.network.widths[0]
    words, counts = count_functions(campaign)
    assert orbits_are_even(words, counts, n_inputs, symmetries)
    for index, holds in enumerate(flags):
        if not holds:
            wrong = Symmetries(*(k == index for k in range(3)))
            assert not orbits_are_even(words, counts, n_inputs, wrong), NAMES[index]


def test_an_uneven_law_of_one_input_breaks_permutations() -> None:
    """Negative control of the test itself for permutations, which no campaign can break."""
    rng = np.random.default_rng(5)
    weights = rng.normal(size=(N_DRAWS, 3)) * [1.0, 1.0, 1.05]
    x = (np.arange(8)[:, None] >> np.arange(2, -1, -1)) & 1
    bits = (weights @ x.T + rng.normal(size=(N_DRAWS, 1)) > 0).astype(np.uint64)
    tables = (bits << np.arange(63, 55, -1, dtype=np.uint64)).sum(axis=1, dtype=np.uint64)
    words, counts = np.unique(tables, return_counts=True)
    assert not orbits_are_even(words[:, None], counts, 3, Symmetries(True, False, False))
    assert orbits_are_even(words[:, None], counts, 3, Symmetries(False, False, True))


def test_every_symmetry_has_a_reason_that_says_whether_it_holds() -> None:
    for campaign, _ in CASES.values():
        symmetries = prior_symmetries(campaign)
        assert set(symmetries.reasons) == set(NAMES)
        for name in NAMES:
            start = "holds: " if getattr(symmetries, name) else "does not hold: "
            assert symmetries.reasons[name].startswith(start)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (
            {"network": {"widths": [1, 4, 1]}, "domain": {"kind": "grid"}},
            "not on the domain grid",
        ),
        (
            {"network": {"widths": [64, 4, 1]}, "domain": {"kind": "digits"}},
            "not on the domain digits",
        ),
        ({"network": {"widths": [8, 4, 1]}}, "at most 7 inputs"),
        (
            {"network": {"widths": [3, 4, 1]}, "readout": {"kind": "quantised"}},
            "not for a quantised readout",
        ),
    ],
)
def test_no_orbits_where_they_are_not_defined(settings: dict[str, Any], reason: str) -> None:
    symmetries = prior_symmetries(campaign_from_mapping(settings))
    assert not symmetries.any
    assert set(symmetries.reasons) == set(NAMES)
    assert all(reason in text for text in symmetries.reasons.values())


def test_the_order_of_the_group() -> None:
    assert Symmetries(True, False, True).group_order(7) == math.factorial(7) * 2
    assert Symmetries(True, True, True).group_order(7) == math.factorial(7) * 2**7 * 2
    assert Symmetries(False, False, False).group_order(7) == 1


def test_an_output_above_0_has_no_complement():
    found = prior_symmetries(make({"widths": [3, 6, 1], "output_activation": "softplus"}))
    assert not found.complement
    assert found.reasons["complement"].endswith("log(1 + e^x) is never negative")
