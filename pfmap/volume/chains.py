"""The chains of one level, on as many threads as are given."""

from __future__ import annotations

import hashlib
import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from pfmap.errors import DataError
from pfmap.kernels.splitting import Chains, Moves, Stretch, advance_splitting
from pfmap.profiling import timed

from .stepping import advance_plain
from .target import Target

CHUNK = 2
"""Chains of one kernel call."""


class Workspace:
    """Memory for the states of one level, used again by the next, and threads to fill it.

    Fresh memory for every level would cost more than the forward passes of a small network.

    Attributes
    ----------
    states : ndarray, shape (chains, steps, d)
        Standard coordinates z = w / scale after every step.
    severities : ndarray, shape (chains, steps)
        Their severities.
    """

    def __init__(self, target: Target, chains: int, steps: int, pool: ThreadPoolExecutor) -> None:
        self.states = np.empty((chains, steps, target.n_parameters))
        self.severities = np.empty((chains, steps))
        self.pool = pool

    def choose(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Copies of some states, and their severities, by position in order (chain, step)."""
        flat = self.states.reshape(-1, self.states.shape[2])
        return flat[positions], self.severities.ravel()[positions]


@dataclass(frozen=True)
class Effort:
    """What moves were made.

    Attributes
    ----------
    counts : ndarray, shape (sizes, 2)
        Accepted and tried moves of every kind that has a size.
    evaluations : int
        Forward passes, slices by their multiply-adds.
    """

    counts: np.ndarray
    evaluations: int


def stream_key(seed: int, *names: str | int) -> np.uint64:
    """64-bit key of the random numbers of `names` under `seed`.

    Examples
    --------
    >>> bool(stream_key(1, "8000", 0) == stream_key(1, "8000", 1))
    False
    """
    text = json.dumps([seed, *names]).encode()
    return np.uint64(int.from_bytes(hashlib.sha256(text).digest()[:8], "big"))


def advance(
    target: Target,
    threshold: float,
    log_sizes: np.ndarray,
    starts: np.ndarray,
    start_severities: np.ndarray,
    workspace: Workspace,
    *,
    key: np.uint64,
    level: int,
    columns: slice = slice(None),
) -> Effort:
    """Run chains inside {severity <= threshold}, into some columns (steps) of the workspace.

    Raises
    ------
    DataError
        If an output, or the loss or gradient of a model of one's own, is NaN or infinite.
    """
    first_step, last_step, _ = columns.indices(workspace.states.shape[1])
    if target.kernel is None:
        evaluations, counts = advance_plain(
            target, threshold, log_sizes, starts, start_severities,
            workspace.states[:, columns], workspace.severities[:, columns], key=key, level=level,
            first_step=first_step,
        )  # fmt: skip
        return Effort(counts, evaluations)
    moves = Moves(
        np.array(target.move_weights), log_sizes, target.groups, target.groups.max(axis=1) + 1,
        target.step_slices, target.layer_edges,
    )  # fmt: skip
    anew = int(target.loss != "signs")

    def run(first: int) -> tuple[int, np.ndarray]:
        counts = np.zeros((2 * len(target.groups) + 1, 2))
        part = slice(first, first + CHUNK)
        stretch = Stretch(key, level, first, first_step, last_step - first_step, anew)
        chains = Chains(
            starts[part], start_severities[part], workspace.states[part],
            workspace.severities[part], counts,
        )  # fmt: skip
        with timed("moves inside a level"):
            work = advance_splitting(target.kernel, threshold, moves, stretch, chains)
        return int(work), counts

    found = list(workspace.pool.map(run, range(0, len(starts), CHUNK)))
    if any(work < 0 for work, _ in found):
        raise DataError(
            f"{target.name}: an output must be finite, got NaN or infinity",
            next_step="choose smaller standard deviations of the prior",
        )
    counts = np.sum([counts for _, counts in found], axis=0)
    passes = sum(work for work, _ in found) / target.pass_work
    return Effort(counts, round(passes))


def draw_prior(target: Target, workspace: Workspace, *, key: np.uint64) -> Effort:
    """Fill the workspace with independent draws of the prior."""
    chains = len(workspace.states)
    starts = np.zeros((chains, target.n_parameters))
    sizes = np.zeros(2 * len(target.groups) + 1)
    return advance(target, math.inf, sizes, starts, np.zeros(chains), workspace, key=key, level=0)
