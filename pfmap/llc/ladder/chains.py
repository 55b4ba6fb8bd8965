"""The chains of a ladder: how they start, go on, and climb to rungs that are added on top."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from pfmap.kernels.ladder import (
    CONTROL_STEPS,
    EXCHANGED,
    EXCHANGES,
    MOVED,
    MOVES,
    SCALED,
    SCALES,
    advance_ladder,
)
from pfmap.llc.ladder.plain import advance_plain
from pfmap.llc.ladder.problem import LadderProblem
from pfmap.llc.ladder.state import LadderState, start_state
from pfmap.models.base import CompiledModel
from pfmap.profiling import timed

N_ANNEAL = 100
N_WARMUP = 800
N_GROWTH = 30
"""Steps of the whole ladder before one more rung is put on top of it."""

MAX_CONTROLS = 16
"""Most control variates. Without Euler fields there is one for each of at most so many parameters,
and one for all of more."""


@dataclass(frozen=True)
class Ladder:
    """What the chains of one problem gave.

    Attributes
    ----------
    n_betas : ndarray, shape (rungs,)
        nβ, descending.
    trace : ndarray, shape (chains, rungs, steps)
        nβ (K - K*) after every kept step. Chains 0, 2, … started hot and 1, 3, … cold.
    controls : ndarray, shape (chains, rungs, groups, variates)
        Sums of the control variates over groups of `CONTROL_STEPS` steps, all but those before the
        trace; no variates where there are stiff directions.
    places : ndarray, shape (chains, rungs, groups, 2)
        Means of log |x|² and log(nβ |∇K|²/K) over the same groups.
    moved, scaled, exchanged : float
        Mean acceptance of Hamiltonian moves and of scaling moves; the lowest of any neighbours'
        exchanges.
    n_gradients : int
        Gradients asked for, the warm-up included.
    """

    n_betas: np.ndarray
    trace: np.ndarray
    controls: np.ndarray
    places: np.ndarray
    moved: float
    scaled: float
    exchanged: float
    n_gradients: int


def advance(
    problem: LadderProblem,
    n_betas: np.ndarray,
    state: LadderState,
    steps: int,
    *,
    chain: int,
    rungs: tuple[int, int] | None = None,
    adapting: bool = False,
    controls: np.ndarray | None = None,
) -> np.ndarray:
    """Make `steps` steps of some rungs, all by default; returns nβ (K - K*), (rungs, steps).

    Control variates and places are added to `controls`, (rungs, groups, variates + 2), if given.
    """
    trace = np.empty((len(n_betas), steps))
    lowest, highest = rungs if rungs is not None else (0, len(n_betas))
    if controls is None:
        controls = np.empty((len(n_betas), 0, 0))
    model = problem.model
    if isinstance(model, CompiledModel):
        with timed("chains at a ladder of temperatures"):
            advance_ladder(
                model.family, model.ints, model.floats, model.targets, model.n_points,
                problem.center, problem.loss_at_center, problem.left, problem.right, problem.values,
                problem.groups, problem.euler, problem.blocks, n_betas, problem.tolerances(n_betas),
                problem.gamma, problem.radius, problem.leaps, np.uint64(problem.key), chain,
                state.next_step, lowest, highest, adapting, state.vectors, state.stiff,
                state.scalars, state.tunings, state.counts, trace, controls,
            )  # fmt: skip
    else:
        advance_plain(
            problem, n_betas, state, chain=chain, lowest_rung=lowest, highest_rung=highest,
            adapting=adapting, trace=trace, controls=controls,
        )  # fmt: skip
    state.next_step += steps
    state.rung_steps += steps * (highest - lowest)
    return trace


def start_chain(
    problem: LadderProblem,
    n_betas: np.ndarray,
    chain: int,
    below: LadderState | None = None,
) -> LadderState:
    """A chain after its warm-up, on all rungs or on those above the rungs of `below`.

    Hot chains (even numbers) walk down from the lowest nβ, each rung starting from the one
    before; cold chains start with every rung at w*. Either start alone looks converged when it
    is not, and they err to different sides: that they agree is the test of convergence.

    Rungs above those of `below` start one by one from the one before, and in between the whole
    ladder goes on. So parts of the space have on a new rung about the shares that they have one
    rung lower. States that began in a part that is rare on high rungs would have to leave it
    through all lower ones, in a time that grows like the square of their number.
    """
    n_old = len(below.scalars) if below is not None else 0
    n_new = len(n_betas) - n_old
    state = start_state(problem, len(n_betas))
    if below is not None:
        state.put_below(below)
        state.next_step, state.rung_steps = below.next_step, below.rung_steps

    def go_on(steps: int, lowest: int, highest: int) -> None:
        advance(problem, n_betas, state, steps, chain=chain, rungs=(lowest, highest), adapting=True)
        state.freeze()

    if below is not None or chain % 2 == 0:
        for rung in range(n_new - 1, -1, -1):
            if rung + 1 < len(n_betas):
                state.copy_rung(problem, rung + 1, rung, n_betas[rung] / n_betas[rung + 1])
            go_on(N_ANNEAL, rung, rung + 1)
            if below is not None:
                go_on(N_GROWTH, rung, len(n_betas))
    go_on(N_WARMUP, 0, len(n_betas))
    state.counts[:] = 0.0
    return state


class Chains:
    """Chains of a problem side by side, on rungs that can grow at the top.

    Parameters
    ----------
    problem : LadderProblem
    n_betas : ndarray, shape (rungs,)
        Descending.
    n_chains : int
        Half of them start hot and half cold.
    pool : ThreadPoolExecutor
        Nothing that comes out depends on its size.
    """

    def __init__(
        self,
        problem: LadderProblem,
        n_betas: np.ndarray,
        n_chains: int,
        pool: ThreadPoolExecutor,
    ) -> None:
        self.problem = problem
        self.pool = pool
        self.n_chains = n_chains
        self.n_betas = n_betas[:0]
        self._states: list[LadderState | None] = [None] * n_chains
        self.extend(n_betas)

    def extend(self, n_betas: np.ndarray) -> None:
        """Start the rungs that stand above those in use; what was sampled so far is dropped.

        Few of a short ladder's samples would be left beside those of a long one.
        """
        self.n_betas = n_betas
        starts = zip(range(self.n_chains), self._states, strict=True)
        self._states = list(
            self.pool.map(lambda pair: start_chain(self.problem, n_betas, *pair), starts)
        )
        self.n_steps = 0
        self._traces: list[np.ndarray] = []
        self._controls: list[np.ndarray] = []

    def run(self, n_steps: int) -> None:
        """Go on until every chain has made `n_steps` steps since the last rungs were added."""
        steps = n_steps - self.n_steps
        n_variates = 0
        if self.problem.rank == 0:
            n_variates = min(len(self.problem.euler), MAX_CONTROLS) or len(self.problem.center)
            n_variates = n_variates if n_variates <= MAX_CONTROLS else 1
        shape = (len(self.n_betas), steps // CONTROL_STEPS, n_variates + 2)

        def go_on(chain: int) -> tuple[np.ndarray, np.ndarray]:
            state, controls = self._states[chain], np.zeros(shape)
            assert state is not None
            return advance(
                self.problem, self.n_betas, state, steps, chain=chain,
                controls=controls,
            ), controls  # fmt: skip

        traces, controls = zip(*self.pool.map(go_on, range(self.n_chains)), strict=True)
        self._traces.append(np.array(traces))
        self._controls.append(np.array(controls))
        self.n_steps = n_steps

    def result(self) -> Ladder:
        """What there is but the first fifth."""
        dropped = self.n_steps // 5
        sums = np.concatenate(self._controls, axis=2)[:, :, dropped // CONTROL_STEPS :]
        states = [state for state in self._states if state is not None]
        counts = np.sum([state.counts for state in states], axis=0)
        return Ladder(
            n_betas=self.n_betas,
            trace=np.concatenate(self._traces, axis=2)[:, :, dropped:],
            controls=sums[..., :-2],
            places=sums[..., -2:] / CONTROL_STEPS,
            moved=float(counts[:, MOVED].sum() / max(counts[:, MOVES].sum(), 1.0)),
            scaled=float(counts[:, SCALED].sum() / max(counts[:, SCALES].sum(), 1.0)),
            exchanged=float((counts[:-1, EXCHANGED] / counts[:-1, EXCHANGES]).min()),
            n_gradients=(self.problem.leaps + 1) * sum(state.rung_steps for state in states),
        )
