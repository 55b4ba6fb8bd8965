"""Chains of a compiled model: one kernel call a chain, on as many threads as are given."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pfmap.kernels.langevin import (
    ACCEPTANCE,
    EXCHANGE,
    LOW_STEP,
    LOWEST,
    N_INFOS,
    N_RECORDS,
    STATUS,
    run_chain,
)
from pfmap.llc.problem import Chains, Problem
from pfmap.models.base import CompiledModel
from pfmap.profiling import timed


def run_compiled(
    problem: Problem,
    model: CompiledModel,
    *,
    chains: int,
    steps: int,
    warmup: int,
    threads: int = 1,
) -> Chains:
    """Run the chains of `problem`; the result does not depend on `threads`.

    The kernel releases the interpreter's lock, so plain threads run chains side by side. A
    parallel loop inside the kernel would do the same and cost seconds more to compile.
    """
    trace = np.empty((chains, N_RECORDS, steps))
    info = np.empty((chains, N_INFOS))
    n_betas = np.array(problem.n_betas)

    def run(chain: int) -> None:
        with timed("chains at one temperature"):
            run_chain(
                model.family,
                model.ints,
                model.floats,
                model.targets,
                problem.center,
                problem.loss_at_center,
                problem.basis,
                problem.curvature,
                n_betas,
                problem.gamma,
                np.uint64(problem.key),
                chain,
                warmup,
                trace[chain],
                info[chain],
            )

    if threads == 1:
        for chain in range(chains):
            run(chain)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, range(chains)))
    return Chains(
        excess=trace[:, 0],
        distance=trace[:, 1],
        virial=trace[:, 2],
        acceptance=info[:, ACCEPTANCE].copy(),
        low_step=info[:, LOW_STEP].copy(),
        lowest=float(info[:, LOWEST].min()),
        finite=not info[:, STATUS].any(),
        exchange=float(info[:, EXCHANGE].mean()),
    )
