"""Benchmark of learning coefficients: gradients and estimates per second, and other libraries.

    python scripts/bench_llc.py                             pfmap alone
    python scripts/bench_llc.py --peer-python ENV/bin/python  against devinterp and PyTorch
    python scripts/bench_llc.py --jax-python ENV/bin/python   against BlackJAX
    python scripts/bench_llc.py --json                      everything as JSON

Three tables. *Kernel*: loss and gradient in float64 against the forward pass, without random
numbers, and against this machine's dgemm. *Estimates*: whole calls of estimate_llc (defaults) and
estimate_llc_sgld, as many a second and as many gradients a second. *Peers*: deep linear networks at
w* = padded identities, everyone at the same nβ and γ with the same number of gradients on one
thread, and the time in which 8 chains reach 5 % of E[nβK], the Monte Carlo target that
deep_linear_reference.py prints. Contestants take turns and medians are printed: of processor time
where one thread works, which other programs on the machine disturb less, else of wall time.

SGLD runs at the step size that needs the fewest steps for that, tried out with pfmap and used by
the peers too: the law of the chains is the same. Gradients to accuracy are counted in chains of
pfmap and multiplied with everyone's own time a gradient; nan means more than 512,000.

Peers run in environments of their own (pip install devinterp==1.3.2; pip install blackjax jax).
Their first call, which compiles and imports, is not timed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
if __name__ == "__main__":
    os.environ.update(ONE_THREAD)  # before the libraries are loaded

import numba  # noqa: E402
import numpy as np  # noqa: E402

from pfmap.kernels.family import loss_gradient, scratch_size  # noqa: E402
from pfmap.kernels.gradient import network_forward  # noqa: E402
from pfmap.llc.estimate import estimate_llc  # noqa: E402
from pfmap.llc.sgld import estimate_llc_sgld  # noqa: E402
from pfmap.models.base import CompiledModel  # noqa: E402
from pfmap.models.linear import deep_linear_model, padded_identity  # noqa: E402
from pfmap.models.network import network_model  # noqa: E402
from pfmap.settings.domain import boolean_points  # noqa: E402

PEER = Path(__file__).with_name("bench_llc_peer.py")
N_BETA, GAMMA = 10_000 / math.log(10_000), 1.0
CHAINS, STEPS = 8, 2000  # 16,000 gradients
ACCURACY = 0.05
STEP_SIZES = {"none": (1e-5, 2e-5, 3e-5, 5e-5, 1e-4), "rmsprop": (1e-6, 2e-6, 3e-6, 5e-6, 1e-5)}
LENGTHS = tuple(250 * 2**i for i in range(9))  # up to 64,000 steps a chain
# Widths, rank, and E[nβK] by deep_linear_reference.py.
DEEP_LINEAR = (((10, 10, 10), 3, 43.12), ((10, 10, 10), 5, 46.36), ((10, 10, 10, 10), 3, 40.51))

Row = dict[str, Any]


@numba.njit(nogil=True)
def _forward_passes(ints, floats, weights, scratch, repeats):  # type: ignore[no-untyped-def]
    for _ in range(repeats):
        network_forward(ints, floats, weights, scratch)


@numba.njit(nogil=True)
def _gradients(family, ints, floats, targets, weights, gradient, scratch, repeats):  # type: ignore[no-untyped-def]
    for _ in range(repeats):
        loss_gradient(family, ints, floats, targets, weights, gradient, scratch)


def deep_linear(widths: tuple[int, ...], rank: int) -> tuple[CompiledModel, np.ndarray]:
    """A deep linear network and w* in the deepest stratum of its fibre."""
    truth = np.zeros((widths[-1], widths[0]))
    truth[:rank, :rank] = np.eye(rank)
    return deep_linear_model(widths, truth), padded_identity(widths, rank)


def models() -> dict[str, tuple[CompiledModel, np.ndarray]]:
    """The two models of the first tables."""
    relu = network_model((7, 40, 40, 1), boolean_points(7))
    weights = np.random.default_rng(1).normal(size=relu.n_parameters) / 3
    return {
        "(7,40,40,1) relu": (relu.with_targets(relu.outputs(weights)), weights),
        "(10,10,10,10) linear, rank 3": deep_linear((10, 10, 10, 10), 3),
    }


def median_seconds(
    jobs: dict[Any, Callable[[], object]], repetitions: int, clock: Callable[[], float]
) -> dict[Any, float]:
    """Median time of every job by `clock`; they take turns, after one turn that is not counted."""
    times: dict[Any, list[float]] = {name: [] for name in jobs}
    for turn in range(repetitions + 1):
        for name, job in jobs.items():
            start = clock()
            job()
            if turn > 0:
                times[name].append(clock() - start)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def kernel_table(repetitions: int) -> list[Row]:
    """Loss and gradient against the forward pass, and both as shares of dgemm."""
    rows = []
    for name, (model, weights) in models().items():
        repeats = 20_000_000 // (model.n_points * model.n_parameters)

        def call(kernel: Any, model: Any = model, weights: Any = weights, n: int = repeats) -> None:
            scratch = np.empty(scratch_size(model.family, model.ints))
            if kernel is _forward_passes:
                kernel(model.ints, model.floats, weights, scratch, n)
            else:
                arrays = (model.ints, model.floats, model.targets, weights)
                kernel(model.family, *arrays, np.empty(model.n_parameters), scratch, n)

        def twice(call: Any = call) -> None:
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(call, [_gradients, _gradients]))

        square = np.ones((512, 512))
        seconds = median_seconds(
            {
                "forward": lambda call=call: call(_forward_passes),
                "gradient": lambda call=call: call(_gradients),
                "dgemm": lambda square=square: np.matmul(square, square),
            },
            repetitions,
            time.process_time,
        )
        both = median_seconds({"two cores": twice}, repetitions, time.perf_counter)["two cores"]
        # A product and a sum for every weight and point forward; twice that back.
        flop = 2 * model.n_points * model.n_parameters
        dgemm = 2 * 512**3 / seconds["dgemm"]
        rows.append(
            {
                "model": name,
                "forward_us": 1e6 * seconds["forward"] / repeats,
                "gradient_us": 1e6 * seconds["gradient"] / repeats,
                "ratio": seconds["gradient"] / seconds["forward"],
                "gradients_per_s": repeats / seconds["gradient"],
                "gradients_per_s_two_cores": 2 * repeats / both,
                "forward_share_of_dgemm": flop * repeats / seconds["forward"] / dgemm,
                "gradient_share_of_dgemm": 3 * flop * repeats / seconds["gradient"] / dgemm,
            }
        )
    return rows


def estimate_table(repetitions: int) -> list[Row]:
    """Whole estimates of 16,000 gradients a second, on one core and two."""
    half = STEPS // 2
    jobs: dict[Any, Callable[[], object]] = {}
    for name, (model, weights) in models().items():
        # At its defaults a network has nβ = 1e16, out of reach of a fixed step.
        potential = {} if "relu" in name else {"n_beta": N_BETA, "gamma": GAMMA}
        for threads in (1, 2):
            jobs[name, "estimate_llc", threads] = (
                lambda m=model, w=weights, p=potential, t=threads: estimate_llc(
                    m, w, chains=CHAINS, steps=half, warmup=half, threads=t, **p
                )
            )
            for preconditioner, step_size in (("none", 1e-5), ("rmsprop", 1e-6)):
                jobs[name, f"estimate_llc_sgld, {preconditioner}", threads] = (
                    lambda m=model, w=weights, t=threads, c=preconditioner, e=step_size: (
                        estimate_llc_sgld(
                            m, w, n_beta=N_BETA, gamma=GAMMA, step_size=e, chains=CHAINS,
                            steps=half, burn_in=half, preconditioner=c, threads=t,
                        )
                    )
                )  # fmt: skip
    return [
        {
            "model": name,
            "estimator": estimator,
            "cores": threads,
            "seconds": seconds,
            "estimates_per_s": 1 / seconds,
            "gradients_per_s": CHAINS * STEPS / seconds,
        }
        for (name, estimator, threads), seconds in median_seconds(
            jobs, repetitions, time.perf_counter
        ).items()
    ]


def relative_error(kept: np.ndarray, target: float) -> float:
    """Root mean squared error of the chains' common mean, as a share of the target.

    The bias is that of the chains' mean and the variance that between them: both from this run.
    """
    means = kept.mean(axis=1)
    return math.hypot(means.mean() - target, means.std(ddof=1) / math.sqrt(len(means))) / target


def steps_needed(run: Callable[[int], np.ndarray], target: float) -> int | None:
    """Fewest steps of each chain, half of them dropped, that reach `ACCURACY`; None if none do.

    `run` gives the kept half. From there on, every longer length tried must reach it too.
    """
    needed = None
    for length in LENGTHS:
        with np.errstate(all="ignore"):
            error = relative_error(run(length), target)
        if not error <= ACCURACY:
            needed = None
        elif needed is None:
            needed = length
    return needed


def best_step(
    model: CompiledModel, weights: np.ndarray, preconditioner: str, target: float
) -> tuple[float, int | None]:
    """The step size of `STEP_SIZES` that needs the fewest steps, and how many."""
    found = []
    for step_size in STEP_SIZES[preconditioner]:
        estimate = estimate_llc_sgld(
            model, weights, n_beta=N_BETA, gamma=GAMMA, step_size=step_size, chains=CHAINS,
            steps=LENGTHS[-1], burn_in=0, preconditioner=preconditioner, threads=2,
        )  # fmt: skip
        needed = steps_needed(lambda n, t=estimate.trace: t[:, n // 2 : n], target)
        found.append((math.inf if needed is None else needed, step_size))
    needed, step_size = min(found)
    return step_size, None if needed == math.inf else int(needed)


def ask_peer(python: str, task: Row) -> Row:
    """Answer of the peer's script to a task."""
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    answer = subprocess.run(
        [python, str(PEER), json.dumps(task)],
        env={**os.environ, **ONE_THREAD, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise SystemExit(f"{task['contestant']} failed:\n{answer.stderr[-2000:]}")
    return json.loads(answer.stdout.splitlines()[-1])


def peer_table(repetitions: int, peer: str | None, jax: str | None) -> list[Row]:
    """The same posterior and number of gradients for everyone, and the time to equal accuracy."""
    rows: list[Row] = []
    for widths, rank, target in DEEP_LINEAR:
        model, weights = deep_linear(widths, rank)
        sizes = {"chains": CHAINS, "n_beta": N_BETA, "gamma": GAMMA}

        def mala(length: int, m: Any = model, w: Any = weights, s: Any = sizes) -> np.ndarray:
            n = length // 2
            return estimate_llc(m, w, center="given", steps=n, warmup=n, **s).trace

        runs: dict[str, tuple[Callable[[], Row], int | None]] = {
            "pfmap MALA": (_timed(lambda run=mala: run(STEPS)), steps_needed(mala, target))
        }
        for preconditioner in STEP_SIZES:
            step_size, needed = best_step(model, weights, preconditioner, target)
            task = {
                **sizes, "widths": widths, "rank": rank, "step_size": step_size, "steps": STEPS,
                "preconditioner": preconditioner, "seed": 1,
            }  # fmt: skip
            label = {"none": "SGLD", "rmsprop": "RMSProp-SGLD"}[preconditioner]

            def sgld(m: Any = model, w: Any = weights, s: Any = sizes, t: Any = task) -> np.ndarray:
                return estimate_llc_sgld(
                    m, w, steps=STEPS // 2, burn_in=STEPS // 2, step_size=t["step_size"],
                    preconditioner=t["preconditioner"], **s,
                ).trace  # fmt: skip

            runs[f"pfmap {label}, ε = {step_size:g}"] = _timed(sgld), needed
            names = {"torch_loop": f"devinterp's {label} in a full-batch loop"}
            if preconditioner == "none":
                names["devinterp"] = "devinterp's estimator, SGLD"
            for contestant, name in names.items() if peer else ():
                job = {**task, "contestant": contestant}
                runs[f"{name}, ε = {step_size:g}"] = (
                    lambda p=peer, j=job: _kept(ask_peer(p, j)),
                    needed,
                )
        for precision in ("float64", "float32") if jax else ():
            # Only its rate is of interest here: many chains, a step that is often accepted.
            job = {
                **sizes, "contestant": "blackjax", "widths": widths, "rank": rank, "chains": 64,
                "steps": 500, "step_size": 0.01, "seed": 1, "precision": precision,
            }  # fmt: skip
            runs[f"BlackJAX HMC, 64 chains, {precision}"] = (
                lambda p=jax, j=job: ask_peer(p, j),
                None,
            )
        answers: dict[str, list[Row]] = {name: [] for name in runs}
        for _ in range(repetitions):
            for name, (job, _needed) in runs.items():
                answers[name].append(job())
        for name, (_job, needed) in runs.items():
            seconds = statistics.median(answer["seconds"] for answer in answers[name])
            gradients, kept = answers[name][0]["gradients"], np.array(answers[name][0]["trace"])
            rows.append(
                {
                    "model": f"({','.join(map(str, widths))}) rank {rank}",
                    "target": target,
                    "contestant": name,
                    "gradients": gradients,
                    "seconds": seconds,
                    "gradients_per_s": gradients / seconds,
                    "error": kept.mean() / target - 1 if kept.size else math.nan,
                    "gradients_to_accuracy": CHAINS * needed if needed else math.nan,
                    "seconds_to_accuracy": CHAINS * needed * seconds / gradients
                    if needed
                    else math.nan,
                }
            )
    return rows


def _timed(run: Callable[[], np.ndarray]) -> Callable[[], Row]:
    """A run of pfmap that answers as peers do, after one that loads its kernels."""
    run()

    def timed() -> Row:
        start = time.process_time()
        kept = run()
        seconds = time.process_time() - start
        return {"seconds": seconds, "gradients": CHAINS * STEPS, "trace": kept}

    return timed


def _kept(answer: Row) -> Row:
    """A peer's answer without the first half of its chains."""
    return {**answer, "trace": np.array(answer["trace"])[:, STEPS // 2 :]}


def _print(rows: list[Row]) -> None:
    """A table for people: the keys, then a line a row."""
    texts = [[f"{v:.4g}" if isinstance(v, float) else str(v) for v in r.values()] for r in rows]
    widths = [max(map(len, column)) for column in zip(rows[0], *texts, strict=True)]
    for line in [list(rows[0]), *texts]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))
    print()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=5, help="turns of every contestant")
    parser.add_argument("--peer-python", help="python of an environment with devinterp")
    parser.add_argument("--jax-python", help="python of an environment with blackjax")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    print(f"load before: {load:.2f}", file=sys.stderr)
    turns = arguments.repetitions
    tables: dict[str, Callable[[], list[Row]]] = {
        "kernel": lambda: kernel_table(turns),
        "estimates": lambda: estimate_table(turns),
        "peers": lambda: peer_table(turns, arguments.peer_python, arguments.jax_python),
    }
    if arguments.json:
        print(json.dumps({name: table() for name, table in tables.items()}, indent=2))
        return
    for name, table in tables.items():
        print(name)
        _print(table())


if __name__ == "__main__":
    main()
