"""The same draws on every CPU, and float64 as the final word."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pfmap.kernels.activation import code_of
from pfmap.models.network import parameter_count
from pfmap.sampling import (
    SamplingPlan,
    bits_of_draws,
    outputs_of_draws,
    plan_sampling,
    weights_of_draws,
    words_of_draws,
)
from pfmap.settings.prior import layer_sds
from pfmap.settings.read import campaign_from_mapping

# Prints digests of weights and of what a few small campaigns express.
SCRIPT = """
import hashlib, json, sys
import numpy as np
from pfmap.settings.read import campaign_from_mapping
from pfmap.sampling import plan_sampling, weights_of_draws, words_of_draws
digests = []
for settings in json.loads(sys.stdin.read()):
    plan = plan_sampling(campaign_from_mapping(settings))
    for values in (weights_of_draws(plan, np.arange(300)), words_of_draws(plan, np.arange(300))):
        digests.append(hashlib.sha256(values.tobytes()).hexdigest())
print(json.dumps(digests))
"""

CAMPAIGNS: list[dict[str, Any]] = [
    {},
    {
        "network": {"widths": [6, 20, 20, 1], "activation": "tanh"},
        "prior": {"preset": "gaussian", "weight_sd": 3.0},
    },
    {
        "network": {"widths": [1, 13, 1], "activation": "sin"},
        "prior": {"preset": "gaussian"},
        "domain": {"kind": "grid", "points": 50},
        "readout": {"kind": "quantised", "step": 0.1},
    },
]


def _digests(**environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(CAMPAIGNS),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_weights_and_functions_are_identical_on_a_generic_cpu() -> None:
    native, generic = _digests(), _digests(NUMBA_CPU_NAME="generic")
    assert native == generic
    assert len(set(native)) == 2 * len(CAMPAIGNS)


CHAOTIC = {
    "network": {"widths": [7, *[30] * 10, 1], "activation": "tanh"},
    "prior": {"preset": "gaussian", "weight_sd": 8.0},
}


def _with_tolerance(plan: SamplingPlan, tolerance: float) -> SamplingPlan:
    return replace(plan, readout=plan.readout._replace(tolerance=tolerance))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        CHAOTIC,
        {"network": {"widths": [5, 8, 1], "bias": False}},
        {
            "network": {"widths": [1, 16, 16, 1]},
            "domain": {"kind": "grid"},
            "readout": {"kind": "quantised", "step": 0.1},
        },
    ],
)
def test_functions_are_those_of_float64(settings: dict[str, Any]) -> None:
    plan = plan_sampling(campaign_from_mapping(settings))
    draws = np.arange(1500)
    everywhere = words_of_draws(_with_tolerance(plan, np.inf), draws)
    assert np.array_equal(words_of_draws(plan, draws), everywhere)


def test_float32_alone_would_decide_some_functions_wrongly() -> None:
    plan = plan_sampling(campaign_from_mapping(CHAOTIC))
    draws = np.arange(1500)
    exact = words_of_draws(plan, draws)
    assert not np.array_equal(words_of_draws(_with_tolerance(plan, 0.0), draws), exact)


def test_tolerance_is_the_contract_s_and_wider_only_where_float32_is_worse() -> None:
    shallow = plan_sampling(campaign_from_mapping({"network": {"widths": [4, 1]}}))
    chaotic = plan_sampling(campaign_from_mapping(CHAOTIC))
    assert shallow.readout.tolerance == 1e-5
    assert chaotic.readout.tolerance > 1e-3


@pytest.mark.parametrize("preset", ["vallePerez2019", "gaussian", "mingard2025"])
def test_weights_have_the_standard_deviations_of_the_prior(preset: str) -> None:
    widths = (7, 12, 5, 1)
    campaign = campaign_from_mapping(
        {"network": {"widths": list(widths)}, "prior": {"preset": preset}}
    )
    n = 4000
    weights = weights_of_draws(plan_sampling(campaign), np.arange(n)).astype(float)
    assert weights.shape == (n, parameter_count(widths))
    start = 0
    for layer, (weight_sd, bias_sd) in enumerate(
        zip(*layer_sds(widths, True, campaign.prior), strict=True)
    ):
        below, units = widths[layer], widths[layer + 1]
        for size, sd in ((below * units, weight_sd), (units, bias_sd)):
            part = weights[:, start : start + size]
            start += size
            # The relative standard error of a variance is sqrt((kurtosis - 1) / n) <= sqrt(2 / n).
            limit = 6.0 * np.sqrt(2.0 / part.size)
            assert abs(np.mean(part**2) / sd**2 - 1.0) < limit
            assert abs(np.mean((1.2 * part) ** 2) / sd**2 - 1.0) > limit  # negative control


def test_points_at_the_origin_need_no_check_without_biases() -> None:
    plan = plan_sampling(campaign_from_mapping({"network": {"widths": [5, 8, 1], "bias": False}}))
    assert np.isinf(plan.points.slack[0])
    assert not np.isinf(plan.points.slack[1:32]).any()
    assert np.all(words_of_draws(plan, np.arange(1000)) >> np.uint64(63) == 0)
    biased = plan_sampling(campaign_from_mapping({"network": {"widths": [5, 8, 1]}}))
    assert not np.isinf(biased.points.slack[:32]).any()


@pytest.mark.parametrize(
    ("output", "degree", "readout"),
    [
        ("tanh", 2, "linear"),
        ("monomial", 3, "linear"),
        ("monomial", 2, "monomial"),
        ("sin", 2, "sin"),
        ("gelu", 2, "linear"),
        ("sigmoid", 2, "sigmoid"),
    ],
)
def test_output_activations_that_keep_signs_are_left_out(
    output: str, degree: int, readout: str
) -> None:
    network = {"widths": [3, 4, 1], "output_activation": output, "degree": degree}
    plan = plan_sampling(campaign_from_mapping({"network": network}))
    assert plan.shape.readout_code == code_of(readout)
    assert plan.shape.output_code == code_of(output)


@pytest.mark.parametrize("bias", [True, False])
def test_units_that_jump_are_decided_in_float64(bias: bool) -> None:
    """A sum that rounding moves across 0 changes outputs by whole weights."""
    network = {"widths": [6, 20, 20, 1], "activation": "heaviside", "bias": bias}
    campaign = campaign_from_mapping({"network": network, "prior": {"preset": "gaussian"}})
    plan = plan_sampling(campaign)
    draws = np.arange(200)
    exact = outputs_of_draws(plan, draws, threads=1) > 0.0
    assert np.array_equal(bits_of_draws(plan, draws, threads=1).astype(bool), exact)
    assert math.isinf(plan.readout.tolerance)
    relu = plan_sampling(campaign_from_mapping({"network": {**network, "activation": "relu"}}))
    assert math.isfinite(relu.readout.tolerance)
    # At the output a jump at 0 changes no sign; rounded to steps it would.
    output = {"widths": [6, 20, 1], "output_activation": "heaviside"}
    assert math.isfinite(
        plan_sampling(campaign_from_mapping({"network": output})).readout.tolerance
    )
    rounded = {"network": output, "readout": {"kind": "quantised"}}
    assert math.isinf(plan_sampling(campaign_from_mapping(rounded)).readout.tolerance)


def test_the_origin_needs_a_check_where_the_output_is_not_0_there() -> None:
    for name, exempt in (("tanh", True), ("cos", False), ("softplus", False)):
        network = {"widths": [3, 4, 1], "bias": False, "output_activation": name}
        readout = {"kind": "quantised", "step": 0.1}
        plan = plan_sampling(campaign_from_mapping({"network": network, "readout": readout}))
        assert np.isinf(plan.points.slack[0]) == exempt
