"""Where the rungs of a ladder stand, and where they must end."""

from __future__ import annotations

import math

import numpy as np

from pfmap.llc.ladder.chains import advance
from pfmap.llc.ladder.judge import MIN_KEPT
from pfmap.llc.ladder.plain import plain_loss
from pfmap.llc.ladder.problem import LadderProblem
from pfmap.llc.ladder.rounding import rounding_floor
from pfmap.llc.ladder.state import start_state

START_EXCESS = 0.2
"""nβ K_G at the median of the localisation, on the lowest rung."""

SPACING = 1.15
"""Distance of neighbouring rungs in log nβ, times the square root of λ_eff between them."""

LEAST_EXCESS = 0.25
"""λ_eff used for the distance where it is smaller, so that no distance is too wide."""

N_PILOT = 150
N_LOOKS = 5
"""States of the pilot at which the rounding of a rung is looked at."""

PILOT_CHAIN = 1_000_000

MAX_ROUNDING = 0.1
"""Largest change of nβ K at a few states when the parameters change in their last bit, beyond which
a ladder ends."""


class Rungs:
    """nβ of the rungs, each as far from the last as λ_eff there allows, as high as one asks.

    Neighbouring densities overlap alike everywhere where log nβ grows by c/sqrt(λ_eff): nβK has
    about the law Gamma(λ_eff). A single chain walks from the lowest rung, where nβK is about 0.2,
    and measures λ_eff on the way.

    The walk ends for good where rounding bites: where nβ (K(w + δ) - K(w)), δ a random half unit in
    the last place of every parameter, is no longer small at the walker, or nβ times the rounding of
    K (`pfmap.llc.ladder.rounding`) at the zeros of K near where it stood on the lowest rungs. Along
    {f = 0} of K = f²/2 away from w* that is at about nβ = 1e30; where parameters are zero
    there, with their full relative accuracy however small, it may be never.

    Parameters
    ----------
    problem : LadderProblem
    losses : ndarray
        K_G at draws from the localisation, from `prior_losses`; some of it finite and above 0.

    Attributes
    ----------
    rounded : bool
        Whether the walk ended where rounding bites.
    """

    def __init__(self, problem: LadderProblem, losses: np.ndarray) -> None:
        self.problem = problem
        self.rounded = False
        found = losses[np.isfinite(losses) & (losses > 0.0)]
        self._rungs = [START_EXCESS / float(np.median(found))]
        self._state = start_state(problem, 1)
        self._rng = np.random.default_rng([problem.key, PILOT_CHAIN])
        self._ratio = math.nan
        leftover = float(problem.model.loss(problem.center)) - problem.loss_at_center
        # Beyond this nβ the rounding of K at w* is no longer small.
        self._highest = 0.01 / max(leftover, np.finfo(float).tiny)
        self._floor = 0.0
        self._measure()

    @property
    def n_betas(self) -> np.ndarray:
        """nβ, descending."""
        return np.array(self._rungs[::-1])

    def climb(self, *, span: float, max_rungs: int) -> np.ndarray:
        """Go on until nβ has grown by `span` in all or `max_rungs` stand; returns `n_betas`.

        At least `MIN_KEPT` rungs stand in any case.
        """
        while not self.rounded and len(self._rungs) < max_rungs:
            if self._rungs[-1] >= self._rungs[0] * span and len(self._rungs) >= MIN_KEPT:
                break
            self._state.copy_rung(self.problem, 0, 0, self._ratio)
            self._rungs.append(self._rungs[-1] * self._ratio)
            self._measure()
        return self.n_betas

    def _measure(self) -> None:
        """Walk on the highest rung: the distance to the next one, and whether there is one."""
        n_betas = np.array(self._rungs[-1:])
        chain = PILOT_CHAIN + len(self._rungs)
        traces, changes = [], []
        for _ in range(N_LOOKS):
            steps = N_PILOT // N_LOOKS
            traces.append(
                advance(self.problem, n_betas, self._state, steps, chain=chain, adapting=True)
            )
            changes.append(self._last_bit())
        self._state.freeze()
        kept = np.concatenate(traces, axis=1)[0, N_PILOT // 3 :]
        effective = max(float(kept.mean()), LEAST_EXCESS)
        self._ratio = math.exp(SPACING / math.sqrt(effective))
        if len(self._rungs) <= MIN_KEPT:
            place = self.problem.center + self._state.take_rung(0)[0][0]
            self._floor = max(self._floor, rounding_floor(self.problem.model, place))
        change = float(n_betas[0]) * max(*changes, self._floor)
        self.rounded = len(self._rungs) >= MIN_KEPT and change > MAX_ROUNDING
        self.rounded |= self._rungs[-1] >= self._highest

    def _last_bit(self) -> float:
        """|K(w + δ) - K(w)| at the pilot's state."""
        taken, stiff, _ = self._state.take_rung(0)
        offset, stiff = taken[0], stiff[0]
        tolerance = float(self.problem.tolerances(np.array(self._rungs[-1:]))[0])
        weights = self.problem.center + offset
        change = 0.5 * np.spacing(np.abs(weights)) * self._rng.choice([-1.0, 1.0], len(weights))
        losses = [
            plain_loss(self.problem, tolerance, place, stiff.copy())[0]
            for place in (offset, offset + change)
        ]
        difference = abs(losses[1] - losses[0])
        return difference if math.isfinite(difference) else 0.0
