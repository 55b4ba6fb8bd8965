"""The steps of `pfmap.kernels.ladder` in plain NumPy: for models that the user writes.

It uses the same random numbers, so that on a compiled model it makes the same chain to rounding.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import solve_triangular

from pfmap.kernels import collapsed
from pfmap.kernels import ladder as kernel
from pfmap.kernels.philox import random_words
from pfmap.kernels.remainder import MAX_CHORDS
from pfmap.kernels.variates import normal_of_word, uniform_of_word, unit_uniform
from pfmap.llc.faults import defined_gradient
from pfmap.llc.ladder.problem import LadderProblem
from pfmap.llc.ladder.state import LadderState
from pfmap.models.base import RegressionModel


def plain_loss(
    problem: LadderProblem, tolerance: float, offset: np.ndarray, stiff: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """K_G at `offset`, the weights there and G; sets `stiff` to y. See `pfmap.kernels.remainder`.

    K_G is infinite where y is out of reach. Without stiff directions G is not made: it is empty.
    """
    model, left, right = problem.model, problem.left, problem.right
    if problem.rank == 0 or not isinstance(model, RegressionModel):
        weights = problem.center + offset
        return float(model.loss(weights)), weights, np.empty(0)
    before = math.inf
    for chord in range(MAX_CHORDS):
        weights = problem.center + offset + stiff @ right
        residual = np.ravel(model.outputs(weights)) - np.ravel(model.targets)
        along = left @ residual
        largest = float(np.abs(along).max())
        if largest <= tolerance:
            break
        if chord == MAX_CHORDS - 1 or not largest < 4.0 * before:
            return math.inf, weights, residual
        before = largest
        stiff -= along / problem.values
    residual -= along @ left
    return 0.5 * float(residual @ residual) / model.n_points, weights, residual


def plain_loss_force(
    problem: LadderProblem, tolerance: float, offset: np.ndarray, stiff: np.ndarray
) -> tuple[float, np.ndarray]:
    """K_G at `offset` and its gradient; sets `stiff` to y."""
    model, left, right = problem.model, problem.left, problem.right
    loss, weights, residual = plain_loss(problem, tolerance, offset, stiff)
    if not math.isfinite(loss):
        return loss, np.zeros_like(offset)
    if problem.rank == 0 or not isinstance(model, RegressionModel):
        return loss, defined_gradient(model, weights)
    jacobian = model.jacobian(weights)
    force = residual / model.n_points @ jacobian
    force = (residual / model.n_points - (right @ force / problem.values) @ left) @ jacobian
    force -= (right @ force) @ right
    return loss, force


def normal_log_density(root: np.ndarray, right: np.ndarray, x: np.ndarray) -> float:
    """log of the density of the normal law R x = r + ξ, but for a constant."""
    rest = root @ x - right
    return float(np.log(np.diag(root)).sum() - 0.5 * rest @ rest)


class PlainRung:
    """One rung of one chain: a view of its rows of the state, and the moves on them."""

    def __init__(
        self, problem: LadderProblem, state: LadderState, rung: int, n_beta: float
    ) -> None:
        self.problem = problem
        self.state = state
        self.rung = rung
        self.n_beta = n_beta
        self.tolerance = float(problem.tolerances(np.array([n_beta]))[0])

    def local(self, offset: np.ndarray) -> tuple[float, float]:
        """-log φ and the factor of its gradient."""
        gamma, radius = self.problem.gamma, self.problem.radius
        square = float(offset @ offset)
        if math.isinf(radius):
            return 0.5 * gamma * square, gamma
        left = 1.0 - square / radius**2
        if left <= 0.0:
            return math.inf, gamma
        return -0.5 * gamma * radius**2 * math.log(left), gamma / left

    def evaluate(
        self, offset: np.ndarray, stiff: np.ndarray
    ) -> tuple[float, float, np.ndarray | None]:
        """U, nβ (K - K*) and ∇U; infinite and None outside the ball."""
        local, pull = self.local(offset)
        if math.isinf(local):
            return math.inf, math.inf, None
        loss, force = plain_loss_force(self.problem, self.tolerance, offset, stiff)
        if not math.isfinite(loss):
            return math.inf, math.inf, None
        excess = self.n_beta * (loss - self.problem.loss_at_center)
        return excess + local, excess, self.n_beta * force + pull * offset

    def move(self, noise: np.ndarray, which: float, size: float, test: float) -> float | None:
        """Hamiltonian move; returns its acceptance probability if its size adapts, else None."""
        problem, rung = self.problem, self.rung
        gamma, root = problem.gamma, math.sqrt(problem.gamma)
        low = math.exp(self.state.tunings[rung, kernel.LOG_STEP])
        steady = which <= 0.5
        b = min(1.0, low * (0.5 + size)) if steady else kernel.wide_step(low, self.n_beta, size)
        cosine, sine = 1.0 - b, math.sqrt(b * (2.0 - b))
        x = self.state.vectors[rung, kernel.OFFSET].copy()
        force = self.state.vectors[rung, kernel.FORCE].copy()
        stiff = self.state.stiff[rung, kernel.STATE].copy()
        p = noise - (problem.right @ noise) @ problem.right
        log_ratio = 0.5 * float(p @ p) + self.state.scalars[rung, kernel.ENERGY]
        energy = excess = math.inf
        for _ in range(problem.leaps):
            p -= b / sine * (force - gamma * x) / root
            x, p = cosine * x + sine / root * p, cosine * p - sine * root * x
            energy, excess, moved = self.evaluate(x, stiff)
            if moved is None:
                break
            force = moved
            p -= b / sine * (force - gamma * x) / root
        probability = 0.0
        if math.isfinite(energy):
            log_ratio -= energy + 0.5 * float(p @ p)
            probability = math.exp(min(log_ratio, 0.0))
        if test <= probability:
            self.accept(x, force, stiff, energy, excess)
        if not steady:
            return None
        self.state.counts[rung, [kernel.MOVED, kernel.MOVES]] += (probability, 1.0)
        return probability

    def scale(self, uniform: list[float], normal: float) -> None:
        """Scaling move."""
        groups, euler = self.problem.groups, self.problem.euler
        x = self.state.vectors[self.rung, kernel.OFFSET].copy()
        n_kinds = len(groups) + min(len(euler), 1)
        kind = min(int(uniform[kernel.KIND] * n_kinds), n_kinds - 1)
        if kind == len(groups):
            pick = min(int(uniform[kernel.PICK] * len(euler)), len(euler) - 1)
            trial = np.empty_like(x)
            self.test_scaled(trial, kernel.set_flowed(euler[pick], normal, x, trial), uniform)
            return
        row = groups[kind]
        n_groups = int(row.max()) + 1
        pick = partner = min(int(uniform[kernel.PICK] * n_groups), n_groups - 1)
        if uniform[kernel.PAIRING] > 0.5:
            partner = min(int(uniform[kernel.PARTNER] * n_groups), n_groups - 1)
        sign = 1.0 if uniform[kernel.PAIRING] > 0.75 else -1.0
        chosen, other = row == pick, row == partner
        size = self.problem.n_free if kind == 0 else int(chosen.sum())
        log_factor = kernel.SCALE_SPREAD / math.sqrt(max(size, 1)) * normal
        if pick == partner or chosen.sum() != other.sum():
            x[chosen] *= math.exp(log_factor)
        else:
            change = 0.5 * (math.exp(log_factor) - 1.0) * (x[chosen] - sign * x[other])
            x[chosen] += change
            x[other] -= sign * change
        self.test_scaled(x, self.log_determinant(size, log_factor), uniform)

    def collapse(self, words: np.ndarray) -> None:
        """Move of all parameters but an affine block, which is redrawn."""
        x = self.state.vectors[self.rung, kernel.OFFSET]
        uniform = [unit_uniform(word) for word in words[len(x) :]]
        blocks = self.problem.blocks
        block = blocks[min(int(uniform[collapsed.BLOCK] * len(blocks)), len(blocks) - 1)] == 1
        trial = x.copy()
        log_ratio = float(collapsed.move_rest(block.astype(np.int64), words, x, trial))
        root, right = self.affine(x, block)
        log_ratio += normal_log_density(root, right, x[block])
        root, right = self.affine(trial, block)
        noise = np.array([normal_of_word(word) for word in words[: len(x)][block]], dtype=float)
        trial[block] = solve_triangular(root, right + noise)
        log_ratio -= normal_log_density(root, right, trial[block])
        self.tested(trial, log_ratio, uniform[collapsed.TEST])

    def affine(self, offset: np.ndarray, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """R and Qᵀ r of the block's normal law, the diagonal of R positive."""
        model = self.problem.model
        assert isinstance(model, RegressionModel)
        weights = self.problem.center + np.where(block, 0.0, offset)
        rest = np.ravel(model.outputs(weights))
        columns = [np.ravel(model.outputs(weights + unit)) - rest for unit in np.eye(len(block))]
        m, scale = int(block.sum()), math.sqrt(self.n_beta / model.n_points)
        jacobian = np.array(columns)[block].T
        above = np.vstack([scale * jacobian, math.sqrt(self.problem.gamma) * np.eye(m)])
        right = np.concatenate([scale * (np.ravel(model.targets) - rest), np.zeros(m)])
        turn, root = np.linalg.qr(above)
        signs = np.sign(np.diag(root))
        return signs[:, None] * root, signs * (turn.T @ right)

    def test_scaled(self, x: np.ndarray, log_ratio: float, uniform: list[float]) -> None:
        """Accept or reject a scaled trial whose log determinant is `log_ratio`."""
        probability = self.tested(x, log_ratio, uniform[kernel.SCALE_TEST])
        self.state.counts[self.rung, [kernel.SCALED, kernel.SCALES]] += (probability, 1.0)

    def tested(self, x: np.ndarray, log_ratio: float, test: float) -> float:
        """Accept or reject a trial; its acceptance probability, 0 where U is infinite.

        `log_ratio` is the log of all of it but the ratio of the densities.
        """
        stiff = self.state.stiff[self.rung, kernel.STATE].copy()
        energy, excess, force = self.evaluate(x, stiff)
        if force is None:
            return 0.0
        log_ratio += self.state.scalars[self.rung, kernel.ENERGY] - energy
        probability = math.exp(min(log_ratio, 0.0))
        if test <= probability:
            self.accept(x, force, stiff, energy, excess)
        return probability

    def log_determinant(self, size: int, log_factor: float) -> float:
        """log of the Jacobian determinant of a scaling move: |g| ξ."""
        return size * log_factor

    def accept(
        self, x: np.ndarray, force: np.ndarray, stiff: np.ndarray, energy: float, excess: float
    ) -> None:
        """Make the trial the state."""
        right = self.problem.right
        self.state.vectors[self.rung, kernel.OFFSET] = x - (right @ x) @ right
        self.state.vectors[self.rung, kernel.FORCE] = force
        self.state.stiff[self.rung, kernel.STATE] = stiff
        self.state.scalars[self.rung] = (energy, excess)


def exchange_plain(
    problem: LadderProblem, state: LadderState, i: int, j: int, n_betas: np.ndarray, test: float
) -> None:
    """Exchange the states of rungs i and j if the test says so."""
    losses = state.scalars[[i, j], kernel.EXCESS] / n_betas[[i, j]]
    log_ratio = (n_betas[i] - n_betas[j]) * (losses[0] - losses[1])
    probability = math.exp(min(log_ratio, 0.0))
    state.counts[i, [kernel.EXCHANGED, kernel.EXCHANGES]] += (probability, 1.0)
    if test > probability:
        return
    at_i, at_j = state.take_rung(i), state.take_rung(j)
    state.put_rung(problem, i, at_j, n_betas[i] / n_betas[j])
    state.put_rung(problem, j, at_i, n_betas[j] / n_betas[i])


def advance_plain(
    problem: LadderProblem,
    n_betas: np.ndarray,
    state: LadderState,
    *,
    chain: int,
    lowest_rung: int,
    highest_rung: int,
    adapting: bool,
    trace: np.ndarray,
    controls: np.ndarray,
) -> None:
    """Make one step for every column of `trace`; see `pfmap.kernels.ladder.advance_ladder`."""
    d = len(problem.center)
    n_words = d + kernel.N_WORDS
    if len(problem.blocks):
        n_words += d + collapsed.N_WORDS
    words = np.empty(64 * ((n_words - 1) // 64 + 1), dtype=np.uint32)
    swaps = np.empty(len(n_betas))
    rungs = [PlainRung(problem, state, r, n_betas[r]) for r in range(len(n_betas))]
    for column in range(trace.shape[1]):
        step = state.next_step + column
        for r in range(lowest_rung, highest_rung):
            stream = (chain * len(n_betas) + r) * 2**32 + step
            random_words(np.uint64(problem.key), stream, words)
            noise = np.array([normal_of_word(word) for word in words[:d]], dtype=np.float64)
            extra = words[d : d + kernel.N_WORDS]
            uniform = [abs(float(uniform_of_word(word))) for word in extra]
            swaps[r] = uniform[kernel.SWAP]
            probability = rungs[r].move(
                noise, uniform[kernel.WHICH], uniform[kernel.SIZE], uniform[kernel.TEST]
            )
            if adapting and probability is not None:
                kernel.adapt(state.tunings[r], probability)
            rungs[r].scale(uniform, float(normal_of_word(extra[kernel.SCALE])))
            if len(problem.blocks) and (step + r) % kernel.COLLAPSED_EVERY == 0:
                rungs[r].collapse(words[d + kernel.N_WORDS :])
        for r in range(lowest_rung + (step + 1) % 2, highest_rung - 1, 2):
            exchange_plain(problem, state, r, r + 1, n_betas, swaps[r])
        trace[:, column] = state.scalars[:, kernel.EXCESS]
        group = column // kernel.CONTROL_STEPS
        if group < controls.shape[1]:
            for r in range(lowest_rung, highest_rung):
                vectors = state.vectors[r]
                kernel.add_controls(
                    problem.euler, problem.gamma, problem.radius, vectors[kernel.OFFSET],
                    vectors[kernel.FORCE], state.scalars[r, kernel.EXCESS], controls[r, group],
                )  # fmt: skip
