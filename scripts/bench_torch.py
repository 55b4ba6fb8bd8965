"""Benchmark beside PyTorch: outputs, gradients and Jacobians of many parameter vectors.

    python scripts/bench_torch.py            one table
    python scripts/bench_torch.py --json     the same as JSON

The same models, checked to give the same numbers, in float64 on one thread. pfmap runs its
interpreter of programs one parameter vector after another. PyTorch runs `torch.func.vmap` over 32
and 256 vectors at once, as it comes and through `torch.compile`; the best of them is its time.
Its Jacobian is the better of `jacrev` and `jacfwd`. Contestants take turns; medians of processor
time, in µs a parameter vector. Needs ``pip install 'pfmap[torch]'`` and a C++ compiler.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Callable

import bench_models as bench  # sets the libraries to one thread as it is imported
import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from pfmap.models.families.attention import attention_model
from pfmap.models.families.convolution import convolution_model
from pfmap.models.program_model import ProgramModel

BATCHES = (32, 256)
AGREE = 1e-9

Outputs = Callable[[torch.Tensor], torch.Tensor]


def split(vector: torch.Tensor, *shapes: tuple[int, ...]) -> list[torch.Tensor]:
    """Parts of a parameter vector."""
    sizes = [math.prod(shape) for shape in shapes]
    return [part.reshape(shape) for part, shape in zip(vector.split(sizes), shapes, strict=True)]


def dense(widths: tuple[int, ...], activation: Callable[[torch.Tensor], torch.Tensor]) -> Outputs:
    points = torch.tensor(bench.cube(widths[0]))
    shapes = [
        shape for below, units in itertools.pairwise(widths) for shape in ((units, below), (units,))
    ]

    def outputs(vector: torch.Tensor) -> torch.Tensor:
        parts, rows = split(vector, *shapes), points
        for layer, (matrix, bias) in enumerate(zip(parts[::2], parts[1::2], strict=True)):
            rows = functional.linear(rows, matrix, bias)
            rows = activation(rows) if layer < len(shapes) // 2 - 1 else rows
        return rows[:, 0]

    return outputs


def convolution(n_inputs: int, channels: tuple[int, ...]) -> Outputs:
    points = torch.tensor(bench.cube(n_inputs))[:, None]
    shapes: list[tuple[int, ...]] = []
    for below, count in itertools.pairwise((1, *channels)):
        shapes += [(count, below, 3), (count,)]

    def outputs(vector: torch.Tensor) -> torch.Tensor:
        *parts, matrix, bias = split(vector, *shapes, (1, channels[-1]), (1,))
        planes = points
        for kernel, offset in zip(parts[::2], parts[1::2], strict=True):
            wrapped = functional.pad(planes, (1, 1), mode="circular")
            planes = torch.relu(functional.conv1d(wrapped, kernel, offset))
        return functional.linear(planes.mean(dim=2), matrix, bias)[:, 0]

    return outputs


def attention(length: int, width: int) -> Outputs:
    points = torch.tensor(bench.cube(length))
    square = (width, width)

    def outputs(vector: torch.Tensor) -> torch.Tensor:
        embed, places, q, k, v, o, matrix, bias = split(
            vector, (width,), (length, width), square, square, square, square, (width,), (1,)
        )
        rows = points[:, :, None] * embed + places
        query, key, value = (rows @ part.T for part in (q, k, v))
        scores = query @ key.transpose(1, 2) / math.sqrt(width)
        rows = rows + (scores.softmax(dim=2) @ value) @ o.T
        return rows.mean(dim=1) @ matrix + bias

    return outputs


def tasks_of(outputs: Outputs, targets: torch.Tensor) -> dict[str, list[Outputs]]:
    """What is computed of one parameter vector, each in the ways that PyTorch has."""

    def loss(vector: torch.Tensor) -> torch.Tensor:
        return 0.5 * ((outputs(vector) - targets) ** 2).mean()

    return {
        "outputs": [outputs],
        "gradient": [torch.func.grad(loss)],
        "Jacobian": [torch.func.jacrev(outputs), torch.func.jacfwd(outputs)],
    }


def check(model: ProgramModel, tasks: dict[str, list[Outputs]]) -> None:
    """Stop unless both give the same numbers."""
    weights = np.random.default_rng(1).normal(size=model.n_parameters)
    vector = torch.tensor(weights)
    expected = (model.outputs(weights), model.gradient(weights), model.jacobian(weights))
    for (task, ways), numbers in zip(tasks.items(), expected, strict=True):
        for way in ways:
            found = way(vector).numpy().reshape(numbers.shape)
            worst = float(np.abs(found - numbers).max())
            if worst > AGREE * max(1.0, float(np.abs(numbers).max())):
                raise ValueError(f"{task}: PyTorch and pfmap differ by {worst:g}")


def repeated(function: Callable[[torch.Tensor], torch.Tensor], batch: torch.Tensor) -> Callable:
    def run(times: int) -> None:
        for _ in range(times):
            function(batch)

    return run


def contestants(ways: list[Outputs], d: int) -> dict[str, Callable[[int], None]]:
    """Every way through vmap, as it is and compiled, over every size of batch."""
    found: dict[str, Callable[[int], None]] = {}
    for (number, way), size in itertools.product(enumerate(ways), BATCHES):
        batch = torch.tensor(np.random.default_rng(0).normal(size=(size, d)))
        mapped = torch.func.vmap(way)
        found[f"eager, {size} at once, {number}"] = repeated(mapped, batch)
        compiled = torch.compile(mapped, dynamic=False)
        found[f"compiled, {size} at once, {number}"] = repeated(compiled, batch)
    return found


def row(name: str, model: ProgramModel, task: str, ways: list[Outputs]) -> dict[str, object]:
    """pfmap's time, and the best of PyTorch's."""
    peers = contestants(ways, model.n_parameters)
    times = bench.microseconds({"pfmap": bench.kernel_of(model, task), **peers})
    each = {how: times[how] / int(how.split()[1]) for how in peers}
    best = min(each, key=each.__getitem__)
    return {
        "model": name,
        "task": task,
        "pfmap": times["pfmap"],
        "PyTorch, eager": min(value for how, value in each.items() if how.startswith("eager")),
        "PyTorch, best": each[best],
        "how": best.rpartition(",")[0],
        "ratio": each[best] / times["pfmap"],
    }


def models() -> dict[str, tuple[ProgramModel, Outputs]]:
    found: dict[str, tuple[ProgramModel, Outputs]] = {}
    for widths, name in itertools.product(((7, 40, 40, 1), (5, 16, 1)), ("relu", "tanh")):
        label = f"({','.join(map(str, widths))}) {name}"
        found[label] = (bench.dense_program(widths, name), dense(widths, getattr(torch, name)))
    found["convolution, 8 and 8 channels"] = (
        convolution_model(bench.cube(7), (8, 8)), convolution(7, (8, 8)),
    )  # fmt: skip
    found["attention, 7 × 8, softmax"] = attention_model(bench.cube(7), 8), attention(7, 8)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for name, (model, outputs) in models().items():
        tasks = tasks_of(outputs, torch.tensor(model.targets))
        check(model, tasks)
        rows += [row(name, model, task, ways) for task, ways in tasks.items()]
    table = pd.DataFrame(rows)
    if options.json:
        print(table.to_json(orient="records"))
    else:
        print(table.to_string(index=False, float_format=lambda value: f"{value:.2f}"))


if __name__ == "__main__":
    main()
