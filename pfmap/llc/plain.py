"""The sampler of `pfmap.kernels.langevin` in plain NumPy: for models that the user writes.

It uses the same random numbers, so that on a compiled model it makes the same chain to rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from pfmap.kernels.langevin import (
    MIN_LOG_STEP,
    N_RECORDS,
    TARGET_ACCEPTANCE,
    draw_noise,
    word_count,
)
from pfmap.llc.faults import defined_gradient
from pfmap.llc.problem import Chains, Problem


@dataclass(frozen=True)
class State:
    """State of a replica: all that the next step needs.

    Attributes
    ----------
    offset, force : ndarray, shape (d,)
        x and ∇U(x).
    energy, excess : float
        U(x) and nβ (K - K*).
    noise : ndarray, shape (d,)
        ξ of the next step.
    test, size, swap : float
        Uniform numbers of the next step: for its test, for its size, and for an exchange.
    """

    offset: np.ndarray
    force: np.ndarray
    energy: float
    excess: float
    noise: np.ndarray
    test: float
    size: float
    swap: float


@dataclass(frozen=True)
class Info:
    """Diagnostics of a step."""

    probability: float


class Replica:
    """One temperature of one chain: its density, its random stream and its steps."""

    def __init__(self, problem: Problem, chain: int, index: int) -> None:
        self.problem = problem
        self.n_beta = problem.n_betas[index]
        self.curvature = problem.curvature * (self.n_beta / problem.n_betas[0])
        self.stream = chain * len(problem.n_betas) + index

    def start(self) -> tuple[State, bool]:
        """State at the start, x = s M^(-1/2) ξ, and whether U is finite there."""
        noise, *_ = self.noise(0)
        spread = self.apply_metric(noise, -0.5)
        d = len(spread)
        limit = d + 10.0 * math.sqrt(d) + 10.0
        scale = 1.0
        for _ in range(200):
            offset = scale * spread
            energy, excess, force = self.evaluate(offset)
            finite = math.isfinite(energy)
            if finite and energy <= limit:
                break
            scale *= 0.5
        return State(offset, force, energy, excess, *self.noise(1)), finite

    def step(self, state: State, low_step: float, step: int) -> tuple[State, Info]:
        """Step number `step` (1, 2, …), of a size drawn from [`low_step`, 1]."""
        step_size = low_step**state.size
        spread = math.sqrt(step_size * (2.0 - step_size))
        trial = (
            state.offset
            - step_size * self.apply_metric(state.force, -1.0)
            + spread * self.apply_metric(state.noise, -0.5)
        )
        energy, excess, force = self.evaluate(trial)
        probability = 0.0
        if math.isfinite(energy):
            back = state.offset - trial + step_size * self.apply_metric(force, -1.0)
            log_ratio = state.energy - energy
            log_ratio += self.proposal_log_ratio(state.noise, back, step_size)
            if log_ratio >= 0.0:
                probability = 1.0
            elif log_ratio > -700.0:
                probability = math.exp(log_ratio)
        kept = (state.offset, state.force, state.energy, state.excess)
        if state.test < probability:
            kept = (trial, force, energy, excess)
        return State(*kept, *self.noise(step + 1)), Info(probability)

    def proposal_log_ratio(self, noise: np.ndarray, back: np.ndarray, step_size: float) -> float:
        """log q(x | x') - log q(x' | x); `back` is x minus the mean of proposals from x'."""
        quadratic = back @ self.apply_metric(back, 1.0)
        return 0.5 * float(noise @ noise - quadratic / (step_size * (2.0 - step_size)))

    def apply_metric(self, vector: np.ndarray, power: float) -> np.ndarray:
        """M^power times a vector, M = γ I + Σ_i e_i v_i v_iᵀ."""
        base = self.problem.gamma**power
        along = (self.problem.gamma + self.curvature) ** power - base
        return base * vector + (along * (self.problem.basis @ vector)) @ self.problem.basis

    def evaluate(self, offset: np.ndarray) -> tuple[float, float, np.ndarray]:
        """U, nβ (K - K*) and ∇U at an offset; U is infinite where K is not finite."""
        model, gamma = self.problem.model, self.problem.gamma
        weights = self.problem.center + offset
        excess = self.n_beta * (float(model.loss(weights)) - self.problem.loss_at_center)
        if not math.isfinite(excess):
            return math.inf, excess, np.zeros_like(offset)
        force = self.n_beta * defined_gradient(model, weights) + gamma * offset
        return excess + 0.5 * gamma * float(offset @ offset), excess, force

    def noise(self, step: int) -> tuple[np.ndarray, float, float, float]:
        """Normal numbers and three uniform numbers of one step."""
        noise = np.empty(len(self.problem.center))
        words = np.empty(word_count(len(noise)), dtype=np.uint32)
        uniforms = draw_noise(np.uint64(self.problem.key), self.stream, step, words, noise)
        test, size, swap = (float(uniform) for uniform in uniforms)
        return noise, test, size, swap


def exchange(
    first: Replica, second: Replica, state: State, other: State
) -> tuple[State, State, float]:
    """States of two replicas after the test whether to exchange them, and its probability."""
    loss, other_loss = state.excess / first.n_beta, other.excess / second.n_beta
    log_ratio = (first.n_beta - second.n_beta) * (loss - other_loss)
    probability = 1.0 if log_ratio >= 0.0 else math.exp(max(log_ratio, -700.0))
    if state.swap >= probability:
        return state, other, probability
    return _moved(other, second, state, first), _moved(state, first, other, second), probability


def _moved(source: State, old: Replica, place: State, new: Replica) -> State:
    """The position of `source` in the replica `new`, which keeps the random numbers of `place`."""
    ratio = new.n_beta / old.n_beta
    bound = old.problem.gamma * source.offset
    return replace(
        place,
        offset=source.offset,
        force=ratio * (source.force - bound) + bound,
        energy=source.energy + (ratio - 1.0) * source.excess,
        excess=ratio * source.excess,
    )


class StepSize:
    """Dual averaging of log b_low, as `pfmap.kernels.metropolis.dual_average` does it."""

    def __init__(self) -> None:
        self.log_step = self.first = math.log(0.5)
        self.error = self.average = 0.0

    def adapt(self, step: int, probability: float) -> None:
        """Learn from warm-up step number `step`."""
        self.error += (TARGET_ACCEPTANCE - probability - self.error) / (step + 10.0)
        log_step = self.first - math.sqrt(step) / 0.05 * self.error
        self.log_step = min(0.0, max(MIN_LOG_STEP, log_step))
        self.average += step**-0.75 * (self.log_step - self.average)


def run_plain(problem: Problem, *, chains: int, steps: int, warmup: int) -> Chains:
    """Run the chains of `problem`, one after the other."""
    trace = np.empty((chains, N_RECORDS, steps))
    acceptance, low_steps = np.zeros(chains), np.empty(chains)
    exchanges: list[float] = []
    lowest, all_finite = math.inf, True
    for chain in range(chains):
        replicas = [Replica(problem, chain, index) for index in range(len(problem.n_betas))]
        sizes = [StepSize() for _ in replicas]
        states = []
        for replica in replicas:
            state, finite = replica.start()
            states.append(state)
            all_finite &= finite
        lowest = min(lowest, states[0].excess)
        for step in range(1, warmup + steps + 1):
            for index, (replica, size) in enumerate(zip(replicas, sizes, strict=True)):
                low_step = math.exp(size.log_step)
                states[index], info = replica.step(states[index], low_step, step)
                if step <= warmup:
                    size.adapt(step, info.probability)
                    if step == warmup:
                        size.log_step = size.average
                elif index == 0:
                    acceptance[chain] += info.probability / steps
            for index in range((step + 1) % 2, len(replicas) - 1, 2):
                states[index], states[index + 1], probability = exchange(
                    replicas[index], replicas[index + 1], states[index], states[index + 1]
                )
                exchanges.append(probability)
            lowest = min(lowest, states[0].excess)
            if step > warmup:
                trace[chain, :, step - warmup - 1] = (
                    states[0].excess,
                    states[0].energy - states[0].excess,
                    states[0].offset @ states[0].force,
                )
        low_steps[chain] = math.exp(sizes[0].log_step)
    return Chains(
        excess=trace[:, 0],
        distance=trace[:, 1],
        virial=trace[:, 2],
        acceptance=acceptance,
        low_step=low_steps,
        lowest=lowest,
        finite=all_finite,
        exchange=float(np.mean(exchanges)) if exchanges else 1.0,
    )
