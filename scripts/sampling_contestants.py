"""Contestants of bench_sampling.py: the same work in pfmap, NumPy and PyTorch, one batch a call."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

BLOCK_DRAWS = 65_536

Chunk = Callable[[], int]


@dataclass(frozen=True)
class Task:
    """What everyone computes: functions of a network on the Boolean cube, and their counts."""

    widths: tuple[int, ...]
    activation: str
    prior: str

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Inputs and units of every layer."""
        return list(itertools.pairwise(self.widths))

    @property
    def n_points(self) -> int:
        """Inputs of the cube."""
        return int(2 ** self.widths[0])

    @property
    def flop_per_draw(self) -> int:
        """One multiplication and one addition for every weight and point."""
        return 2 * self.n_points * sum(below * units for below, units in self.layers)

    @property
    def points(self) -> np.ndarray:
        """Columns are the inputs."""
        n = self.widths[0]
        cube = (np.arange(self.n_points)[:, None] >> np.arange(n - 1, -1, -1)) & 1
        return np.ascontiguousarray(cube.T.astype(np.float32))

    def sds(self) -> np.ndarray:
        """Standard deviation of every parameter, layer by layer: weights, then biases."""
        parts = []
        for layer, (below, units) in enumerate(self.layers):
            if self.prior == "gaussian":
                weight_sd, bias_sd = below**-0.5, 1.0
            else:
                last = layer == len(self.layers) - 1
                weight_sd = bias_sd = ((1.0 if last else 2.0) / below) ** 0.5
            parts += [np.full(below * units, weight_sd), np.full(units, bias_sd)]
        return np.concatenate(parts).astype(np.float32)

    def slices(self) -> list[tuple[slice, slice]]:
        """Where the weights and the biases of every layer lie."""
        places, start = [], 0
        for below, units in self.layers:
            middle = start + below * units
            places.append((slice(start, middle), slice(middle, middle + units)))
            start = middle + units
        return places

    def settings(self) -> dict[str, object]:
        """The campaign of pfmap that does the same."""
        return {
            "draws": 10**9,
            "network": {"widths": list(self.widths), "activation": self.activation},
            "prior": {"preset": self.prior},
            "block_draws": BLOCK_DRAWS,
        }


class _Packed:
    """Collects batches of bits and counts whenever a block is full."""

    def __init__(self, n_points: int) -> None:
        self.bytes = np.zeros((BLOCK_DRAWS, 8 * -(-n_points // 64)), dtype=np.uint8)
        self.filled = 0

    def add(self, bits: np.ndarray) -> None:
        packed = np.packbits(bits, axis=1)
        self.bytes[self.filled : self.filled + len(packed), : packed.shape[1]] = packed
        self.filled += len(packed)
        if self.filled == BLOCK_DRAWS:
            _count(self.bytes.view(np.uint64))
            self.filled = 0


def _count(words: np.ndarray) -> int:
    """Distinct functions of a block: sort by all words, compare neighbours."""
    words = np.sort(words, axis=0) if words.shape[1] == 1 else words[np.lexsort(words.T)]
    return 1 + int(np.count_nonzero((words[1:] != words[:-1]).any(axis=1)))


def numpy_chunk(task: Task, batch: int) -> Chunk:
    """One batch in NumPy."""
    rng = np.random.Generator(np.random.SFC64(1))
    sds, points, slices = task.sds(), task.points, task.slices()
    weights = np.empty((batch, len(sds)), dtype=np.float32)
    outputs = [
        np.empty((batch, units, task.n_points), dtype=np.float32) for _, units in task.layers
    ]
    packed = _Packed(task.n_points)

    def chunk() -> int:
        if task.prior == "gaussian":
            rng.standard_normal(out=weights, dtype=np.float32)
            np.multiply(weights, sds, out=weights)
        else:
            rng.random(out=weights, dtype=np.float32)
            np.subtract(weights, np.float32(0.5), out=weights)
            np.multiply(weights, sds * np.float32(math.sqrt(12.0)), out=weights)
        below = points
        for (size, units), (where, biases), out in zip(task.layers, slices, outputs, strict=True):
            np.matmul(weights[:, where].reshape(batch, units, size), below, out=out)
            np.add(out, weights[:, biases, None], out=out)
            if out is not outputs[-1]:
                if task.activation == "tanh":
                    np.tanh(out, out=out)
                else:
                    np.maximum(out, 0.0, out=out)
            below = out
        packed.add(below[:, 0] > 0.0)
        return batch

    return chunk


def torch_chunk(task: Task, batch: int) -> Chunk:
    """One batch in PyTorch."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(1)
    sds, slices = torch.from_numpy(task.sds()), task.slices()
    points = torch.from_numpy(task.points).expand(batch, -1, -1)
    weights = torch.empty(batch, len(sds))
    outputs = [torch.empty(batch, units, task.n_points) for _, units in task.layers]
    packed = _Packed(task.n_points)

    @torch.inference_mode()
    def chunk() -> int:
        if task.prior == "gaussian":
            weights.normal_().mul_(sds)
        else:
            weights.uniform_(-math.sqrt(3.0), math.sqrt(3.0)).mul_(sds)
        below = points
        for (size, units), (where, biases), out in zip(task.layers, slices, outputs, strict=True):
            matrices = weights[:, where].view(batch, units, size)
            torch.baddbmm(weights[:, biases, None], matrices, below, out=out)
            if out is not outputs[-1]:
                if task.activation == "tanh":
                    out.tanh_()
                else:
                    out.relu_()
            below = out
        packed.add((below[:, 0] > 0.0).numpy())
        return batch

    return chunk


def pfmap_chunk(task: Task, threads: int) -> Chunk:
    """Four blocks a thread in pfmap."""
    from pfmap.sampling import plan_sampling, sample_blocks
    from pfmap.settings.read import campaign_from_mapping

    plan = plan_sampling(campaign_from_mapping(task.settings()))
    blocks = iter(range(plan.n_blocks))

    def chunk() -> int:
        indices = [next(blocks) for _ in range(4 * threads)]
        return sum(tally.draws for tally in sample_blocks(plan, indices, threads=threads))

    return chunk


def part_chunk(part: str, task: Task) -> Chunk:
    """A part of pfmap's work on one thread: random weights, or the forward pass in float32."""
    from pfmap.kernels.express import weights_of
    from pfmap.kernels.probe import FORWARD, repeat_part
    from pfmap.sampling import plan_sampling
    from pfmap.settings.read import campaign_from_mapping

    plan = plan_sampling(campaign_from_mapping(task.settings()))
    draws = np.arange(4096, dtype=np.int64)
    # One parameter a draw is kept, so that storing all of them is not timed.
    weights = np.empty((len(draws), 1), dtype=np.float32)

    def chunk() -> int:
        if part == "weights":
            weights_of(plan.law, draws, weights)
        else:
            repeat_part(FORWARD, len(draws), plan.law, plan.shape, plan.points, plan.readout)
        return len(draws)

    return chunk


def sgemm_chunk(task: Task) -> Chunk:
    """Products of large float32 matrices, counted as the draws their operations suffice for."""
    n = 1024
    a, b, c = (np.ones((n, n), dtype=np.float32) for _ in range(3))

    def chunk() -> int:
        np.matmul(a, b, out=c)
        return max(1, 2 * n**3 // task.flop_per_draw)

    return chunk
