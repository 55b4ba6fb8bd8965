"""State of the chains of a ladder between calls of the kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pfmap.kernels.ladder import (
    ENERGY,
    EXCESS,
    FIRST_LOG_STEP,
    FORCE,
    LOG_STEP,
    MEAN_ERROR,
    MEAN_LOG_STEP,
    N_ADAPTED,
    N_COUNTS,
    N_TUNINGS,
    N_VECTORS,
    OFFSET,
)
from pfmap.llc.ladder.problem import LadderProblem


@dataclass
class LadderState:
    """Arrays of one chain, one row a rung, as `pfmap.kernels.ladder` lays them out.

    Attributes
    ----------
    vectors, stiff, scalars : ndarray
        State of the rungs.
    tunings, counts : ndarray
        Step sizes, and sums of acceptance probabilities.
    next_step : int
        Number of the step to come, which names its random numbers.
    rung_steps : int
        Steps made, summed over the rungs that made them.
    """

    vectors: np.ndarray
    stiff: np.ndarray
    scalars: np.ndarray
    tunings: np.ndarray
    counts: np.ndarray
    next_step: int = 0
    rung_steps: int = 0

    def freeze(self) -> None:
        """Fix the step sizes at the averages of their adaptation; start any later one from there.

        A rung that never adapted keeps its size.
        """
        adapted = self.tunings[:, N_ADAPTED] > 0
        self.tunings[adapted, LOG_STEP] = self.tunings[adapted, MEAN_LOG_STEP]
        self.tunings[:, FIRST_LOG_STEP] = self.tunings[:, LOG_STEP]
        self.tunings[:, (MEAN_ERROR, N_ADAPTED)] = 0.0

    def copy_rung(self, problem: LadderProblem, source: int, target: int, ratio: float) -> None:
        """Put the state of rung `source` on rung `target`, whose nβ is `ratio` times as large."""
        self.put_rung(problem, target, self.take_rung(source), ratio)
        self.tunings[target] = self.tunings[source]

    def take_rung(self, rung: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Copies of the rows that hold the state of a rung."""
        return self.vectors[rung].copy(), self.stiff[rung].copy(), self.scalars[rung].copy()

    def put_below(self, other: LadderState) -> None:
        """Make the rungs of `other`, with their step sizes, the lowest ones of this ladder."""
        n = len(other.scalars)
        self.vectors[-n:], self.stiff[-n:] = other.vectors, other.stiff
        self.scalars[-n:], self.tunings[-n:] = other.scalars, other.tunings

    def put_rung(
        self,
        problem: LadderProblem,
        rung: int,
        taken: tuple[np.ndarray, np.ndarray, np.ndarray],
        ratio: float,
    ) -> None:
        """Put rows from `take_rung` on a rung whose nβ is `ratio` times as large."""
        vectors, stiff, scalars = taken
        offset = vectors[OFFSET]
        pull = problem.gamma
        if math.isfinite(problem.radius):
            pull /= 1.0 - float(offset @ offset) / problem.radius**2
        self.vectors[rung, OFFSET] = offset
        self.vectors[rung, FORCE] = ratio * (vectors[FORCE] - pull * offset) + pull * offset
        self.stiff[rung] = stiff
        excess = ratio * scalars[EXCESS]
        self.scalars[rung] = (scalars[ENERGY] - scalars[EXCESS] + excess, excess)


def start_state(problem: LadderProblem, n_rungs: int) -> LadderState:
    """Every rung at w* itself, where U and its gradient are 0."""
    d = len(problem.center)
    tunings = np.zeros((n_rungs, N_TUNINGS))
    tunings[:, (LOG_STEP, FIRST_LOG_STEP)] = math.log(0.5)
    return LadderState(
        vectors=np.zeros((n_rungs, N_VECTORS, d)),
        stiff=np.zeros((n_rungs, 2, problem.rank)),
        scalars=np.zeros((n_rungs, 2)),
        tunings=tunings,
        counts=np.zeros((n_rungs, N_COUNTS)),
    )
