"""The chains of a ladder: where its rungs stand, how the chains start, and how they go on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from pfmap.kernels.ladder import (
    EXCHANGED,
    EXCHANGES,
    MOVED,
    MOVES,
    SCALED,
    SCALES,
    advance_ladder,
)
from pfmap.llc.ladder.judge import MIN_KEPT
from pfmap.llc.ladder.plain import advance_plain
from pfmap.llc.ladder.problem import LadderProblem
from pfmap.llc.ladder.state import LadderState, start_state
from pfmap.models.base import CompiledModel
from pfmap.profiling import timed

START_EXCESS = 0.2
"""nβ K_G at the median of the localisation, on the lowest rung."""

SPACING = 1.15
"""Distance of neighbouring rungs in log nβ, times the square root of λ_eff between them."""

LEAST_EXCESS = 0.25
"""λ_eff used for the distance where it is smaller, so that no distance is too wide."""

N_PILOT = 150
N_ANNEAL = 100
N_WARMUP = 500
FIRST_ROUND = 2000
PILOT_CHAIN = 1_000_000


@dataclass(frozen=True)
class Ladder:
    """What the chains of one problem gave.

    Attributes
    ----------
    n_betas : ndarray, shape (rungs,)
        nβ, descending.
    trace : ndarray, shape (chains, rungs, steps)
        nβ (K - K*) after every kept step. Chains 0, 2, … started hot and 1, 3, … cold.
    moved, scaled, exchanged : float
        Mean acceptance of Hamiltonian moves and of scaling moves; the lowest of any neighbours'
        exchanges.
    n_gradients : int
        Gradients asked for, the warm-up included.
    """

    n_betas: np.ndarray
    trace: np.ndarray
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
) -> np.ndarray:
    """Make `steps` steps of some rungs, all by default; returns nβ (K - K*), (rungs, steps)."""
    trace = np.empty((len(n_betas), steps))
    lowest, highest = rungs if rungs is not None else (0, len(n_betas))
    model = problem.model
    if isinstance(model, CompiledModel):
        with timed("chains at a ladder of temperatures"):
            advance_ladder(
                model.family, model.ints, model.floats, model.targets, model.n_points,
                problem.center, problem.loss_at_center, problem.left, problem.right, problem.values,
                problem.groups, n_betas, problem.tolerances(n_betas), problem.gamma, problem.radius,
                problem.leaps, np.uint64(problem.key), chain, state.next_step, lowest, highest,
                adapting, state.vectors, state.stiff, state.scalars, state.tunings, state.counts,
                trace,
            )  # fmt: skip
    else:
        advance_plain(
            problem, n_betas, state, chain=chain, lowest_rung=lowest, highest_rung=highest,
            adapting=adapting, trace=trace,
        )  # fmt: skip
    state.next_step += steps
    return trace


def build_rungs(
    problem: LadderProblem, losses: np.ndarray, *, span: float, max_rungs: int
) -> np.ndarray:
    """nβ of the rungs, descending, each as far from the last as λ_eff there allows.

    Neighbouring densities overlap alike everywhere where log nβ grows by c/sqrt(λ_eff): nβK has
    about the law Gamma(λ_eff). A single chain walks from the lowest rung, where nβK is about 0.2,
    and measures λ_eff on the way, until nβ has grown by `span` or `max_rungs` stand.

    Parameters
    ----------
    problem : LadderProblem
    losses : ndarray
        K_G at draws from the localisation, from `prior_losses`; some of it finite and above 0.
    span : float
        Ratio of the highest nβ to the lowest; at least `MIN_KEPT` rungs stand in any case.
    max_rungs : int
    """
    found = losses[np.isfinite(losses) & (losses > 0.0)]
    rungs = [START_EXCESS / float(np.median(found))]
    leftover = float(problem.model.loss(problem.center)) - problem.loss_at_center
    # Beyond this nβ the rounding of K at w* is no longer small.
    highest = 0.01 / max(leftover, np.finfo(float).tiny)
    state = start_state(problem, 1)
    while True:
        chain = PILOT_CHAIN + len(rungs)
        trace = advance(
            problem, np.array(rungs[-1:]), state, N_PILOT, chain=chain, adapting=True
        )  # fmt: skip
        state.freeze()
        spanned = rungs[-1] >= rungs[0] * span and len(rungs) >= MIN_KEPT
        if spanned or len(rungs) >= max_rungs or rungs[-1] >= highest:
            return np.array(rungs[::-1])
        effective = max(float(trace[0, N_PILOT // 3 :].mean()), LEAST_EXCESS)
        ratio = math.exp(SPACING / math.sqrt(effective))
        state.copy_rung(problem, 0, 0, ratio)
        rungs.append(rungs[-1] * ratio)


def start_chain(problem: LadderProblem, n_betas: np.ndarray, chain: int) -> LadderState:
    """A chain after its warm-up.

    Hot chains (even numbers) walk down from the lowest nβ, each rung starting from the one
    before; cold chains start with every rung at w*. Either start alone looks converged when it
    is not, and they err to different sides: that they agree is the test of convergence.
    """
    n_rungs = len(n_betas)
    state = start_state(problem, n_rungs)
    if chain % 2 == 0:
        for rung in range(n_rungs - 1, -1, -1):
            state.next_step = 0
            advance(
                problem, n_betas, state, N_ANNEAL, chain=chain, rungs=(rung, rung + 1),
                adapting=True,
            )  # fmt: skip
            state.freeze()
            if rung > 0:
                state.copy_rung(problem, rung, rung - 1, n_betas[rung - 1] / n_betas[rung])
    state.next_step = N_ANNEAL
    advance(problem, n_betas, state, N_WARMUP, chain=chain, adapting=True)
    state.freeze()
    state.counts[:] = 0.0
    return state


def run_ladder(
    problem: LadderProblem,
    n_betas: np.ndarray,
    *,
    chains: int,
    max_steps: int,
    threads: int,
) -> Iterator[Ladder]:
    """Run chains side by side; yields what they gave after 2,000 steps, 4,000, 8,000, …

    The first fifth of each is left out, since the warm-up is short. The result does not depend on
    `threads`.
    """
    with ThreadPoolExecutor(threads) as pool:
        states = list(pool.map(lambda c: start_chain(problem, n_betas, c), range(chains)))
        per_step = (problem.leaps + 1) * len(n_betas) * chains
        n_hot = (chains + 1) // 2
        before = (problem.leaps + 1) * len(n_betas) * (N_PILOT + n_hot * N_ANNEAL)
        traces: list[np.ndarray] = [np.empty((chains, len(n_betas), 0))]
        total = 0
        while total < max_steps:
            steps = min(max(total, FIRST_ROUND), max_steps - total)

            def go_on(chain: int, steps: int = steps) -> np.ndarray:
                return advance(problem, n_betas, states[chain], steps, chain=chain)

            traces.append(np.array(list(pool.map(go_on, range(chains)))))
            total += steps
            whole = np.concatenate(traces, axis=2)
            counts = np.sum([state.counts for state in states], axis=0)
            spent = per_step * (total + N_WARMUP) + before
            yield Ladder(
                n_betas=n_betas,
                trace=whole[:, :, total // 5 :],
                moved=float(counts[:, MOVED].sum() / max(counts[:, MOVES].sum(), 1.0)),
                scaled=float(counts[:, SCALED].sum() / max(counts[:, SCALES].sum(), 1.0)),
                exchanged=float((counts[:-1, EXCHANGED] / counts[:-1, EXCHANGES]).min()),
                n_gradients=spent,
            )
