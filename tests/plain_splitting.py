"""One step of a splitting in plain NumPy, from the same random words as the kernels."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import stats

from pfmap.kernels import move_units
from pfmap.kernels import splitting as kernel
from pfmap.kernels.move_bouncing import LEAPS
from pfmap.kernels.move_scaling import SPREAD
from pfmap.kernels.philox import random_words
from pfmap.kernels.severity_signs import ALL_ZERO, TIED
from pfmap.kernels.variates import NORMAL, normal_of_word, uniform_of_word
from pfmap.models.network import network_outputs
from pfmap.volume.target import Target

Severity = Callable[[np.ndarray], float]
Gradient = Callable[[np.ndarray], np.ndarray]


def plain_sign_severity(outputs: np.ndarray, signs: np.ndarray, margin: float = 0.0) -> float:
    """Severity of signs, by its definition."""
    asked = signs != 0.0
    wrong = asked & ((outputs > 0.0) != (signs > 0.0))
    if not wrong.any():
        return 0.0
    if not outputs.any():
        return ALL_ZERO + margin
    rms = math.sqrt(np.mean(outputs**2))
    hinge = np.maximum(0.0, margin - signs * outputs / rms)[asked].sum()
    return max(hinge / len(outputs), TIED)


def severity_of(target: Target, activation: str = "relu") -> Severity:
    """Severity at standard coordinates, in float64."""
    if target.loss != "signs":
        return lambda z: target.model.loss(z * target.scales)
    net, signs, margin = target.kernel.net, target.kernel.signs, target.kernel.margin

    def of_signs(z: np.ndarray) -> float:
        weights = (z * target.scales).astype(np.float32).astype(np.float64)
        outputs = network_outputs(
            weights, net.inputs.T, tuple(net.widths), activation=activation, bias=bool(net.bias)
        )
        return plain_sign_severity(outputs[:, 0], signs, margin)

    return of_signs


def reflected(z: np.ndarray) -> np.ndarray:
    """Fold into [-1, 1] by mirrors at both ends."""
    for _ in range(100):
        z = np.where(z > 1.0, 2.0 - z, np.where(z < -1.0, -2.0 - z, z))
    return z


def bouncing_path(
    state: np.ndarray,
    momentum: np.ndarray,
    angle: float,
    inside: Callable[[np.ndarray], bool],
    gradient: Gradient,
) -> tuple[np.ndarray, np.ndarray, int, int]:
    """`LEAPS` leaps of the bouncing move; how many moved unmirrored, and how many turned round."""
    cosine, sine = math.cos(angle), math.sin(angle)
    moved = turned = 0
    for _ in range(LEAPS):
        end = cosine * state + sine * momentum
        end_momentum = cosine * momentum - sine * state
        mirrored = not inside(end)
        if mirrored:
            normal = gradient(end)
            end_momentum = end_momentum - 2.0 * (normal @ end_momentum) / (normal @ normal) * normal
            end, end_momentum = (
                cosine * end + sine * end_momentum,
                cosine * end_momentum - sine * end,
            )
        if inside(end):
            state, momentum = end, end_momentum
            moved += not mirrored
        else:
            momentum = -momentum
            turned += 1
    return state, momentum, moved, turned


class PlainStep:
    """Makes steps, and counts them as the kernel does."""

    def __init__(self, target: Target, threshold: float, log_sizes: np.ndarray) -> None:
        self.target = target
        self.threshold = threshold
        self.log_sizes = log_sizes
        self.counts = np.zeros((len(log_sizes), 2))
        self.severity = severity_of(target)

    def inside(self, z: np.ndarray) -> bool:
        return self.severity(z) <= self.threshold

    def step(
        self, state: np.ndarray, key: np.uint64, level: int, chain: int, step: int
    ) -> np.ndarray:
        """The state after one step."""
        target, d = self.target, len(state)
        words = np.empty(64 * ((d + kernel.N_WORDS) // 64 + 1), dtype=np.uint32)
        names = 1 if self.threshold == math.inf else 1 + target.step_slices
        stream = (level * 2**24 + chain) * 2**24 + step * names
        random_words(key, stream, words)
        number = normal_of_word if target.law == NORMAL else uniform_of_word
        fresh = np.array([number(word) for word in words[:d]], dtype=np.float64)
        if self.threshold == math.inf:
            return fresh
        noise = np.array([normal_of_word(word) for word in words[:d]], dtype=np.float64)
        extra = words[d : d + kernel.N_WORDS]
        uniform = [abs(float(uniform_of_word(word))) for word in extra]
        edges = np.cumsum(target.move_weights)[:-1]
        move = int((uniform[kernel.MOVE] > edges).sum())
        n_kinds, kind = len(target.groups), 0
        if move in (kernel.WALK, kernel.SCALING) and n_kinds > 1 and uniform[kernel.KIND] > 0.5:
            kind = min(1 + int((2.0 * uniform[kernel.KIND] - 1.0) * (n_kinds - 1)), n_kinds - 1)
        n_groups = int(target.groups[kind].max()) + 1
        pick = min(int(uniform[kernel.PICK] * n_groups), n_groups - 1) if kind else 0
        chosen = target.groups[kind] == pick
        tuning = {kernel.WALK: kind, kernel.SCALING: n_kinds + kind}.get(move, 2 * n_kinds)
        size = math.exp(self.log_sizes[tuning])
        fraction, steady = uniform[kernel.SIZE], uniform[kernel.STEADY] <= 0.5
        if move == kernel.UNITS:
            return self.slices(state, key, stream)
        if move == kernel.BOUNCING:
            angle = size * (0.5 + fraction)
            trial, _, moved, _ = bouncing_path(state, noise, angle, self.inside, self.gradient)
            probability = moved / LEAPS
        elif move == kernel.WALK:
            rho = min(1.0, size * (0.5 + fraction)) if steady else size**fraction
            trial = np.where(chosen, self.walk(state, rho, noise), state)
            probability = float(self.inside(trial))
        else:
            spread = size * SPREAD / math.sqrt(chosen.sum())
            log_factor = spread * float(normal_of_word(extra[kernel.SCALE]))
            trial = np.where(chosen, math.exp(log_factor) * state, state)
            probability = (
                self.ratio(state, trial, chosen, log_factor) if self.inside(trial) else 0.0
            )
        if steady or move != kernel.WALK:
            self.counts[tuning] += (probability, 1.0)
        accepted = move == kernel.BOUNCING or probability > 0.0
        if move == kernel.SCALING:
            accepted = accepted and uniform[kernel.TEST] <= probability
        return trial if accepted and trial is not None else state

    def walk(self, state: np.ndarray, rho: float, noise: np.ndarray) -> np.ndarray:
        """Preconditioned Crank-Nicolson, or reflected."""
        if self.target.law == NORMAL:
            return math.sqrt(1.0 - rho**2) * state + rho * noise
        return reflected(state + rho * noise)

    def ratio(
        self, state: np.ndarray, trial: np.ndarray, chosen: np.ndarray, log_factor: float
    ) -> float:
        """Acceptance probability of a scaling."""
        log_ratio = chosen.sum() * log_factor
        if self.target.law == NORMAL:
            log_ratio += 0.5 * float(state @ state - trial @ trial)
        elif np.abs(trial).max() > 1.0:
            return 0.0
        return math.exp(min(log_ratio, 0.0))

    def slices(self, state: np.ndarray, key: np.uint64, stream: int) -> np.ndarray:
        """Elliptical slices of some units, each outputs of the whole network at every angle."""
        for i in range(self.target.slices):
            words = np.empty(64 * 8, dtype=np.uint32)
            random_words(key, stream + 1 + i, words)
            uniform = [abs(float(uniform_of_word(word))) for word in words[: move_units.BLOCK]]
            places = self.places(uniform)
            noise = words[move_units.BLOCK : move_units.BLOCK + len(places)]
            partner = np.array([normal_of_word(word) for word in noise], dtype=np.float64)
            state = self.slice(state, places, partner, uniform)
        return state

    def places(self, uniform: list[float]) -> np.ndarray:
        """Where the parameters of the unit stand: incoming weights, bias, outgoing weights."""
        net, edges = self.target.kernel.net, self.target.layer_edges
        matrices, biases, position = [], [], 0
        for below, units in zip(net.widths[:-1], net.widths[1:], strict=True):
            matrices.append(np.arange(position, position + below * units).reshape(units, below))
            position += below * units
            biases.append(np.arange(position, position + units * net.bias))
            position += units * net.bias
        layer = int((uniform[move_units.LAYER] > edges[:-1]).sum())
        units = len(matrices[layer])
        unit = min(int(uniform[move_units.UNIT] * units), units - 1)
        parts = [matrices[layer][unit], biases[layer][unit : unit + 1]]
        if layer + 1 < len(matrices) and uniform[move_units.OUTGOING] <= 0.5:
            parts.append(matrices[layer + 1][:, unit])
        return np.concatenate(parts)

    def slice(
        self, state: np.ndarray, places: np.ndarray, partner: np.ndarray, uniform: list[float]
    ) -> np.ndarray:
        """Shrink the bracket towards the state until a place is inside."""
        normal = self.target.law == NORMAL
        old = state[places] if normal else stats.norm.ppf((state[places] + 1.0) / 2.0)
        low = -2.0 * math.pi * uniform[move_units.TURN]
        high = low + 2.0 * math.pi
        for chance in uniform[move_units.ANGLE :]:
            angle = low + (high - low) * chance
            block = math.cos(angle) * old + math.sin(angle) * partner
            trial = state.copy()
            trial[places] = block if normal else 2.0 * stats.norm.cdf(block) - 1.0
            if self.inside(trial):
                return trial
            low, high = (angle, high) if angle < 0.0 else (low, angle)
        return state

    def gradient(self, z: np.ndarray) -> np.ndarray:
        """Gradient of the loss in standard coordinates."""
        return self.target.model.gradient(z * self.target.scales) * self.target.scales
