"""The bouncing move alone, under either law: it keeps the prior inside the level."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pfmap.models.polynomial import gaussian_model
from pfmap.volume import Settings, estimate_volume, loss_target

SETTINGS = Settings(chains=64, steps=64, runs=8, lowest=1e-3)


@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_bouncing_alone_finds_the_volume_of_a_ball(law):
    # K = |w|²/6 in three dimensions: {K <= t} is a ball of radius sqrt(6 t), and at t = 1e-3 the
    # density is that at 0 within |w|²/2 = 0.003 for the normal law, exactly for the uniform one.
    target = replace(
        loss_target(gaussian_model(np.ones(3)), name=f"ball, {law}", law=law),
        move_weights=(0.0, 0.0, 0.0, 1.0),
    )
    found = estimate_volume(target, SETTINGS, threads=1)
    density = {"normal": (2 * math.pi) ** -1.5, "uniform": (2 * math.sqrt(3)) ** -3}[law]
    exact = math.log(density * 4 / 3 * math.pi * (6e-3) ** 1.5)
    assert abs(found.curve.log_volumes[-1] - exact) < 4 * found.curve.log_volume_se[-1] + 0.003
    assert found.curve.log_volume_se[-1] < 0.2


def test_walls_keep_the_uniform_law():
    # A ball that reaches the walls: inside, each coordinate has the law of a ball cut by a box.
    target = replace(
        loss_target(gaussian_model(np.ones(2)), name="cut ball", law="uniform"),
        move_weights=(0.0, 0.0, 0.0, 1.0),
    )
    found = estimate_volume(target, replace(SETTINGS, lowest=1.0), threads=1)
    # K = |w|²/4 <= 1: a disc of radius 2 in the square of half side sqrt(3).
    half = math.sqrt(3.0)
    corner = math.acos(half / 2.0)
    area = math.pi * 4 - 4 * (4 * corner - half * math.sqrt(4 - half**2))
    exact = math.log(area / (2 * half) ** 2)
    assert abs(found.curve.log_volumes[-1] - exact) < 4 * found.curve.log_volume_se[-1]
