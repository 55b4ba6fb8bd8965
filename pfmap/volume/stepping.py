"""The steps of `pfmap.kernels.splitting` for models that are not compiled.

Moves and random numbers are those of the kernel, so that a model makes the same chain to rounding
whether it is compiled or not; loss and gradient are called as they are, one state at a time, and
never from two threads at once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pfmap.errors import DataError, SettingsError
from pfmap.kernels import splitting as kernel
from pfmap.kernels.metropolis import acceptance
from pfmap.kernels.move_bouncing import LEAPS, bounce, flow
from pfmap.kernels.move_scaling import SPREAD, scale_group
from pfmap.kernels.move_walk import draw_prior, walk
from pfmap.kernels.philox import random_words
from pfmap.kernels.variates import NORMAL, normal_of_word, unit_uniform

from .target import Target

Moved = tuple[np.ndarray, float] | None
"""A state inside the set and its severity; None where a move found none."""


class PlainChain:
    """Steps inside {loss <= threshold}, and what they cost.

    Attributes
    ----------
    counts : ndarray, shape (2 kinds + 1, 2)
        Accepted and tried moves, as the kernel counts them.
    evaluations : int
        Calls of the loss; a gradient counts as two.
    """

    def __init__(self, target: Target, threshold: float, log_sizes: np.ndarray) -> None:
        self.target = target
        self.model: Any = target.model
        self.threshold = threshold
        self.log_sizes = log_sizes
        self.n_groups = target.groups.max(axis=1) + 1
        self.counts = np.zeros((2 * len(target.groups) + 1, 2))
        self.evaluations = 0
        d = target.n_parameters
        self.words = np.empty(64 * ((d + kernel.N_WORDS) // 64 + 1), dtype=np.uint32)

    def severity(self, state: np.ndarray) -> float:
        """The loss at standard coordinates."""
        self.evaluations += 1
        value = self.model.loss(state * self.target.scales)
        if np.ndim(value) != 0:
            raise SettingsError(f"model: loss must return one number, got shape {np.shape(value)}")
        if not math.isfinite(value):
            raise DataError(
                f"{self.target.name}: the loss must be finite, got {value}",
                next_step="choose smaller standard deviations of the prior, or give a large loss "
                "where there is none",
            )
        return float(value)

    def gradient(self, state: np.ndarray) -> np.ndarray:
        """The gradient of the loss in standard coordinates."""
        self.evaluations += 2
        weights = state * self.target.scales
        gradient = np.asarray(self.model.gradient(weights), dtype=np.float64)
        if gradient.shape != state.shape:
            raise SettingsError(
                f"model: gradient must return shape {state.shape}, got {gradient.shape}",
                next_step="check it with pfmap.models.own.check_gradient",
            )
        if not np.isfinite(gradient).all():
            raise DataError(
                f"{self.target.name}: the gradient must be finite, got NaN or infinity",
                next_step="check it with pfmap.models.own.check_gradient, or leave it out: "
                "pfmap.models.own.OwnLoss",
            )
        return gradient * self.target.scales

    def step(
        self, state: np.ndarray, severity: float, key: np.uint64, stream: int
    ) -> tuple[np.ndarray, float]:
        """The state after one step, and its severity."""
        random_words(key, stream, self.words)
        d = len(state)
        extra = self.words[d:]
        if self.threshold == math.inf:
            fresh = np.empty(d)
            draw_prior(self.target.law, self.words, fresh)
            return fresh, self.severity(fresh)
        move, chance = 0, unit_uniform(extra[kernel.MOVE])
        while move < kernel.N_MOVES - 1 and chance > self.target.move_weights[move]:
            chance -= self.target.move_weights[move]
            move += 1
        n_kinds, kind, pick = len(self.target.groups), 0, 0
        if (
            move in (kernel.WALK, kernel.SCALING)
            and n_kinds > 1
            and unit_uniform(extra[kernel.KIND]) > 0.5
        ):
            kind = 1 + int((2.0 * unit_uniform(extra[kernel.KIND]) - 1.0) * (n_kinds - 1))
            kind = min(kind, n_kinds - 1)
            n_groups = int(self.n_groups[kind])
            pick = min(int(unit_uniform(extra[kernel.PICK]) * n_groups), n_groups - 1)
        row = self.target.groups[kind]
        tuning = (
            kind
            if move == kernel.WALK
            else n_kinds + kind
            if move == kernel.SCALING
            else 2 * n_kinds
        )
        size, fraction = math.exp(self.log_sizes[tuning]), unit_uniform(extra[kernel.SIZE])
        steady = unit_uniform(extra[kernel.STEADY]) <= 0.5
        moved: Moved
        if move == kernel.WALK:
            rho = min(1.0, size * (0.5 + fraction)) if steady else size**fraction
            moved, probability = self._walked(state, row, pick, rho)
        elif move == kernel.SCALING:
            moved, probability = self._scaled(state, row, pick, size, extra)
        else:
            moved, probability = self._bounced(state, severity, size * (0.5 + fraction))
        if steady or move != kernel.WALK:
            self.counts[tuning, kernel.ACCEPTED] += probability
            self.counts[tuning, kernel.TRIED] += 1.0
        return (state, severity) if moved is None else moved

    def _walked(
        self, state: np.ndarray, row: np.ndarray, pick: int, rho: float
    ) -> tuple[Moved, float]:
        trial = np.empty_like(state)
        walk(self.target.law, row, pick, rho, self.words, state, trial)
        found = self.severity(trial)
        return ((trial, found), 1.0) if found <= self.threshold else (None, 0.0)

    def _scaled(
        self, state: np.ndarray, row: np.ndarray, pick: int, size: float, extra: np.ndarray
    ) -> tuple[Moved, float]:
        trial = np.empty_like(state)
        spread = size * SPREAD / math.sqrt(max(int((row == pick).sum()), 1))
        factor = spread * float(normal_of_word(extra[kernel.SCALE]))
        probability = acceptance(scale_group(self.target.law, row, pick, factor, state, trial))
        # Outside the walls of a uniform law the loss need not be defined.
        found = self.severity(trial) if probability > 0.0 else math.inf
        if found > self.threshold:
            return None, 0.0
        accepted = unit_uniform(extra[kernel.TEST]) <= probability
        return ((trial, found) if accepted else None), probability

    def _bounced(self, state: np.ndarray, severity: float, angle: float) -> tuple[Moved, float]:
        momentum = np.empty_like(state)
        draw_prior(NORMAL, self.words, momentum)
        position, found, moved = state.copy(), severity, 0
        for _ in range(LEAPS):
            trial, turned = position.copy(), momentum.copy()
            flow(self.target.law, angle, trial, turned)
            reached = self.severity(trial)
            if reached <= self.threshold:
                moved += 1
            else:
                bounce(self.gradient(trial), turned)
                flow(self.target.law, angle, trial, turned)
                reached = self.severity(trial)
            if reached <= self.threshold:
                position, momentum, found = trial, turned, reached
            else:
                momentum = -momentum
        return (position, found), moved / LEAPS


def advance_plain(
    target: Target,
    threshold: float,
    log_sizes: np.ndarray,
    starts: np.ndarray,
    start_severities: np.ndarray,
    states: np.ndarray,
    severities: np.ndarray,
    *,
    key: np.uint64,
    level: int,
    first_step: int,
) -> tuple[int, np.ndarray]:
    """Run chains of one level, one after the other, into `states` and `severities`.

    Parameters
    ----------
    target, threshold, log_sizes, starts, start_severities, key, level
        As for `pfmap.volume.chains.advance`.
    states, severities : ndarray, shapes (chains, steps, d) and (chains, steps)
        Result: the columns of the steps made.
    first_step : int
        Number of the first of them, which names its random numbers.

    Returns
    -------
    evaluations, counts
        As for a kernel call.

    Raises
    ------
    DataError
        If a loss or a gradient is NaN or infinite.
    SettingsError
        If one has the wrong shape.
    """
    chain = PlainChain(target, threshold, log_sizes)
    for c in range(len(starts)):
        state, severity = starts[c], float(start_severities[c])
        for m in range(states.shape[1]):
            names = 1 if threshold == math.inf else 1 + target.step_slices
            stream = kernel.stream_of(level, c, (first_step + m) * names)
            state, severity = chain.step(state, severity, key, stream)
            states[c, m], severities[c, m] = state, severity
    return chain.evaluations, chain.counts
