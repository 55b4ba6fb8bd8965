"""Where a problem is sampled: a ball around w* in the null space, or a Gaussian."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from pfmap.llc.ladder.plain import plain_loss
from pfmap.llc.ladder.problem import LadderProblem

MAX_RADIUS = 2.0
"""Radius of the ball where nothing else bounds it."""

SOLVABLE = 0.9
"""Share of the ball in which the stiff coordinates must be within reach."""

N_PRIOR_DRAWS = 200


def with_gaussian(problem: LadderProblem, gamma: float) -> LadderProblem:
    """The problem under a Gaussian of precision γ."""
    return dataclasses.replace(problem, gamma=gamma, radius=math.inf)


def with_radius(problem: LadderProblem, radius: float) -> LadderProblem:
    """The problem on a ball, with the bump (1 - |x|²/R²)^max(n/2, 1), n the free dimensions.

    That power puts the typical |x|² at R²/2 in any dimension.
    """
    power = max(0.5 * problem.n_free, 1.0)
    return dataclasses.replace(problem, gamma=2.0 * power / radius**2, radius=radius)


def widest(problem: LadderProblem) -> tuple[LadderProblem, np.ndarray]:
    """The problem on the largest ball, halving from `MAX_RADIUS`, that can mostly be solved.

    Nine tenths of the draws must have stiff coordinates within reach; without stiff directions all
    have. Also returns the losses at those draws, from `prior_losses`.
    """
    radius = MAX_RADIUS
    for _ in range(40):
        trial = with_radius(problem, radius)
        losses = prior_losses(trial)
        if problem.rank == 0 or solvable(losses):
            break
        radius *= 0.5
    return trial, losses


def solvable(losses: np.ndarray) -> bool:
    """Whether the stiff coordinates were within reach at enough draws of `prior_losses`."""
    return float(np.isfinite(losses).mean()) >= SOLVABLE


def prior_losses(problem: LadderProblem) -> np.ndarray:
    """K_G at independent draws from the localisation; infinite where y is out of reach."""
    rng = np.random.default_rng([problem.key, N_PRIOR_DRAWS])
    losses = np.empty(N_PRIOR_DRAWS)
    for index in range(N_PRIOR_DRAWS):
        offset = rng.normal(size=len(problem.center))
        offset -= problem.right.T @ (problem.right @ offset)
        if math.isfinite(problem.radius):
            power = 0.5 * problem.gamma * problem.radius**2
            share = rng.beta(0.5 * problem.n_free, power + 1.0)
            offset *= problem.radius * math.sqrt(share) / np.linalg.norm(offset)
        else:
            offset /= math.sqrt(problem.gamma)
        tolerance = 1e-12 * math.sqrt(problem.output_scale)
        losses[index] = plain_loss(problem, tolerance, offset, np.zeros(problem.rank))[0]
    return losses - problem.loss_at_center
