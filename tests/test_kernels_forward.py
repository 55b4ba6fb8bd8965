"""Forward passes against the naive twin, for every activation, depth and kind of domain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pfmap.activations import NAMES
from pfmap.kernels.express import TO_ERRORS
from pfmap.models.network import network_outputs
from pfmap.sampling import (
    SamplingPlan,
    bits_of_draws,
    outputs_of_draws,
    plan_sampling,
    weights_of_draws,
)
from pfmap.sampling.base_plan import run_express
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping

DRAWS = np.arange(40)


def _campaign(
    widths: tuple[int, ...], domain: dict[str, Any] | None = None, **network: Any
) -> Campaign:
    return campaign_from_mapping(
        {
            "network": {"widths": list(widths), **network},
            "prior": {"preset": "gaussian"},
            "domain": domain or {"kind": "boolean"},
        }
    )


def _twin(campaign: Campaign, plan: SamplingPlan) -> np.ndarray:
    network = campaign.network
    return np.array(
        [
            network_outputs(
                weights,
                campaign.points,
                network.widths,
                activation=network.activation,
                degree=network.degree,
                bias=network.bias,
                output_activation=network.output_activation,
            )[:, 0]
            for weights in weights_of_draws(plan, DRAWS)
        ]
    )


def _float32_errors(plan: SamplingPlan) -> np.ndarray:
    """Error of every draw in float32 over the root mean square of its outputs."""
    errors = np.zeros((len(DRAWS), 1))
    run_express(plan, TO_ERRORS, DRAWS, np.zeros((0, 0), dtype=np.uint64), errors)
    return errors[:, 0]


def _check(campaign: Campaign, limit: float = 2e-5) -> None:
    plan = plan_sampling(campaign)
    expected = _twin(campaign, plan)
    outputs = outputs_of_draws(plan, DRAWS)
    scale = np.sqrt(np.mean(expected**2, axis=1, keepdims=True)) + 1e-300
    assert np.max(np.abs(outputs - expected) / scale) < 1e-11
    assert np.array_equal(bits_of_draws(plan, DRAWS), expected > 0.0)
    errors = _float32_errors(plan)
    # NaN: outputs all 0, or a linear output in place of one with the same sign.
    assert np.nanmax(errors, initial=0.0) < limit


@pytest.mark.parametrize("n_inputs", range(2, 11))
@pytest.mark.parametrize("encoding", ["01", "pm1"])
def test_every_boolean_cube(n_inputs: int, encoding: str) -> None:
    _check(_campaign((n_inputs, 9, 5, 1), {"kind": "boolean", "encoding": encoding}))


@pytest.mark.parametrize("units", range(1, 18))
def test_every_remainder_of_units(units: int) -> None:
    _check(_campaign((3, units, units + 1, 1), activation="tanh"))


@pytest.mark.parametrize("activation", NAMES)
@pytest.mark.parametrize("bias", [True, False])
def test_every_activation(activation: str, bias: bool) -> None:
    _check(_campaign((6, 12, 7, 1), activation=activation, degree=3, bias=bias))


@pytest.mark.parametrize("activation", NAMES)
@pytest.mark.parametrize("degree", [2, 3])
def test_every_output_activation(activation: str, degree: int) -> None:
    _check(_campaign((4, 12, 1), output_activation=activation, degree=degree))


@pytest.mark.parametrize("widths", [(7, 1), (5, 1), (7, 40, 40, 1), (7, *[16] * 10, 1)])
def test_every_depth(widths: tuple[int, ...]) -> None:
    _check(_campaign(widths, activation="tanh"), limit=2e-5 if len(widths) < 6 else 1e-4)


@pytest.mark.parametrize("points", [5, 31, 32, 33, 64, 100])
def test_grids_of_any_length(points: int) -> None:
    _check(_campaign((1, 16, 16, 1), {"kind": "grid", "points": points}, activation="tanh"))


def test_grid_in_two_dimensions_and_digits() -> None:
    _check(_campaign((2, 10, 1), {"kind": "grid", "points": 20}))
    _check(_campaign((64, 32, 1), {"kind": "digits", "images": 64}))


def test_shortcut_on_the_cube_agrees_with_the_same_points_from_a_file(tmp_path: Path) -> None:
    cube = _campaign((8, 20, 20, 1))
    np.save(tmp_path / "cube.npy", cube.points)
    points = _campaign((8, 20, 20, 1), {"kind": "points", "file": str(tmp_path / "cube.npy")})
    plans = [plan_sampling(campaign) for campaign in (cube, points)]
    draws = np.arange(2000)
    bits = [bits_of_draws(plan, draws) for plan in plans]
    assert np.array_equal(bits[0], bits[1])
    assert plans[0].points.step == 1.0
    assert plans[1].points.step == 0.0
