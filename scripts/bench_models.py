"""Benchmark of models as data: the interpreter of programs beside kernels for dense networks alone.

    python scripts/bench_models.py            one table
    python scripts/bench_models.py --json     the same as JSON

Outputs, loss and gradient, and Jacobian of one parameter vector at a time, in float64 on one
thread. Contestants take turns; medians of processor time are printed, in µs a parameter vector. The
interpreter's Jacobian comes in its own layout, points last. Other families have no second kernel.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
os.environ.update(ONE_THREAD)  # before the libraries are loaded

import numba  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from pfmap.kernels.family import (  # noqa: E402
    loss_gradient,
    model_outputs,
    outputs_jacobian,
    scratch_size,
)
from pfmap.kernels.program_entry import call_program  # noqa: E402
from pfmap.kernels.program_layout import DIFFERENTIATE, WIDE  # noqa: E402
from pfmap.models.base import CompiledModel  # noqa: E402
from pfmap.models.families.attention import attention_model  # noqa: E402
from pfmap.models.families.convolution import convolution_model  # noqa: E402
from pfmap.models.families.residual import residual_model  # noqa: E402
from pfmap.models.network import network_model  # noqa: E402
from pfmap.models.program import Program  # noqa: E402
from pfmap.models.program_model import ProgramModel  # noqa: E402

TURNS, SECONDS = 7, 0.2
DENSE = ((7, 40, 40, 1), (5, 16, 1), (3, 8, 1))
TASKS = ("outputs", "gradient", "Jacobian")


@numba.njit(nogil=True)
def outputs_loop(model, weights, outputs, scratch, times):
    family, ints, floats = model
    for _ in range(times):
        model_outputs(family, ints, floats, weights, outputs, scratch)


@numba.njit(nogil=True)
def gradient_loop(model, targets, weights, gradient, scratch, times):
    family, ints, floats = model
    for _ in range(times):
        loss_gradient(family, ints, floats, targets, weights, gradient, scratch)


@numba.njit(nogil=True)
def jacobian_loop(model, weights, outputs, jacobian, times):
    family, ints, floats = model
    for _ in range(times):
        outputs_jacobian(family, ints, floats, weights, outputs, jacobian)


@numba.njit(nogil=True)
def derivatives_loop(ints, floats, weights, outputs, found, scratch, times):
    for _ in range(times):
        call_program(DIFFERENTIATE, ints, floats, weights, outputs, found, scratch)


def cube(n_inputs: int) -> np.ndarray:
    return np.array(list(itertools.product([-1.0, 1.0], repeat=n_inputs)))


def dense_program(widths: tuple[int, ...], activation: str) -> ProgramModel:
    program = Program(cube(widths[0]))
    rows = program.inputs
    for units in widths[1:-1]:
        rows = program.affine(rows, units, activation=activation)
    return program.model(program.affine(rows, widths[-1]))


def kernel_of(model: CompiledModel, task: str) -> Callable[[int], None]:
    """A function that runs a task so many times in compiled code."""
    weights = np.random.default_rng(0).normal(size=model.n_parameters)
    scratch = np.empty(scratch_size(model.family, model.ints))
    outputs = np.empty(len(model.targets))
    described = (model.family, model.ints, model.floats)
    if task == "outputs":
        return lambda times: outputs_loop(described, weights, outputs, scratch, times)
    if task == "gradient":
        gradient = np.empty(model.n_parameters)
        return lambda times: gradient_loop(
            described, model.targets, weights, gradient, scratch, times
        )
    if isinstance(model, ProgramModel):  # in the interpreter's own layout, points last
        size = len(outputs) // model.n_points * model.n_parameters * int(model.ints[WIDE])
        found = np.empty(size)
        return lambda times: derivatives_loop(
            model.ints, model.floats, weights, outputs, found, scratch, times
        )
    jacobian = np.empty((len(outputs), model.n_parameters))
    return lambda times: jacobian_loop(described, weights, outputs, jacobian, times)


def microseconds(contestants: dict[str, Callable[[int], None]]) -> dict[str, float]:
    """Median time of one execution, contestants in turn."""
    times = {}
    for name, run in contestants.items():
        run(1)
        start = time.process_time()
        run(3)
        times[name] = max(3, int(3 * SECONDS / max(time.process_time() - start, 1e-5)))
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(TURNS):
        for name, run in contestants.items():
            start = time.process_time()
            run(times[name])
            found[name].append((time.process_time() - start) / times[name] * 1e6)
    return {name: statistics.median(values) for name, values in found.items()}


def rows() -> list[dict[str, object]]:
    """One row a model and task."""
    made: list[dict[str, object]] = []
    for widths, activation in itertools.product(DENSE, ("relu", "tanh")):
        program = dense_program(widths, activation)
        network = network_model(widths, cube(widths[0]), activation=activation)
        name = f"({','.join(map(str, widths))}) {activation}"
        for task in TASKS:
            found = microseconds(
                {"program": kernel_of(program, task), "own kernel": kernel_of(network, task)}
            )
            made.append({"model": name, "task": task, **found})
    others = {
        "residual, 2 blocks of 16, norms": residual_model(cube(7), 16, blocks=2, norm=True),
        "convolution, 8 and 8 channels": convolution_model(cube(7), (8, 8)),
        "attention, 7 × 8, softmax": attention_model(cube(7), 8),
    }
    for name, model in others.items():
        for task in TASKS:
            found = microseconds({"program": kernel_of(model, task)})
            made.append({"model": name, "task": task, **found})
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    table = pd.DataFrame(rows())
    table["own kernel / program"] = table["own kernel"] / table["program"]
    if options.json:
        print(table.to_json(orient="records"))
    else:
        print(table.to_string(index=False, float_format=lambda value: f"{value:.2f}"))


if __name__ == "__main__":
    main()
