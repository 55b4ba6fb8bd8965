"""A program run step by step in NumPy: what lies before each activation, and the kernels' twin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from pfmap.activations import Activation
from pfmap.kernels import program_layout as layout
from pfmap.kernels.activation import activate_row, facts_of_code
from pfmap.models.program_model import ProgramModel


class Sums(NamedTuple):
    """What an affine step adds up, each field of shape (units of all groups, points).

    Fields: `sums` before the activation; `sizes`, the sum of the terms' absolute values; the
    record of the `activation`; whether parameters can move them.
    """

    sums: np.ndarray
    sizes: np.ndarray
    activation: Activation
    movable: bool


def plain_outputs(model: ProgramModel, weights: np.ndarray) -> np.ndarray:
    """Outputs over all points, in the layout [output, point].

    Examples
    --------
    >>> from pfmap.models.program import Program
    >>> program = Program(np.array([[1.0], [2.0]]))
    >>> model = program.model(program.affine(program.inputs, 1))
    >>> plain_outputs(model, np.array([3.0, 1.0])).tolist()
    [4.0, 7.0]
    """
    values = np.full((model.ints[layout.N_ROWS], model.n_points), np.nan)
    for _ in _run(model, weights, values):
        pass
    at, count = model.ints[layout.OUTPUTS], model.ints[layout.N_OUTPUTS]
    return values[model.ints[at : at + count] // model.ints[layout.STRIDE]].ravel()


def affine_sums(model: ProgramModel, weights: np.ndarray) -> Iterator[Sums]:
    """The sums of every affine step that depends on parameters, in order."""
    return _run(model, weights, np.full((model.ints[layout.N_ROWS], model.n_points), np.nan))


def _run(model: ProgramModel, weights: np.ndarray, values: np.ndarray) -> Iterator[Sums]:
    """Fill `values` [row, point] step by step."""
    ints, n_inputs = model.ints, int(model.ints[layout.N_INPUTS])
    numbers = model.floats[n_inputs * model.n_points :]
    values[:n_inputs] = model.floats[: n_inputs * model.n_points].reshape(n_inputs, -1)

    def rows(at: int, count: int) -> np.ndarray:
        return ints[at : at + count] // ints[layout.STRIDE]

    for number in range(ints[layout.N_STEPS]):
        start = layout.FIRST_STEP + number * layout.STEP
        step = ints[start : start + layout.STEP]
        groups, size = int(step[layout.N_GROUPS]), int(step[layout.SIZE])
        kind, at, into = step[layout.KIND], step[layout.IN], step[layout.OUT]
        if kind == layout.AFFINE:
            found = _affine(step, ints, np.r_[weights, numbers], len(weights), values, rows)
            given = np.empty(found.sums.size)
            activate_row(int(step[layout.CODE]), int(step[layout.POWER]), found.sums.ravel(), given)
            values[rows(into, groups * size)] = given.reshape(found.sums.shape)
            if found.movable:
                yield found
        elif kind in (layout.DOT, layout.SUM):
            left = values[rows(at, groups * size)].reshape(groups, size, -1)
            if kind == layout.DOT:
                left = left * values[rows(step[layout.SECOND], groups * size)].reshape(left.shape)
            values[rows(into, groups)] = numbers[step[layout.SCALE]] * left.sum(axis=1)
        elif kind == layout.SOFTMAX:
            first = step[layout.STARTS]
            for begin, end in zip(ints[first:], ints[first + 1 : first + groups + 1], strict=False):
                powers = values[rows(at + begin, end - begin)]
                powers = np.exp(powers - powers.max(axis=0))
                values[rows(into + begin, end - begin)] = powers / powers.sum(axis=0)
        else:
            given = values[rows(at, groups * size)].reshape(groups, size, -1)
            epsilon = numbers[step[layout.EPSILON]]
            spread = np.sqrt(given.var(axis=1, keepdims=True) + epsilon)
            normed = (given - given.mean(axis=1, keepdims=True)) / spread
            values[rows(into, groups * size)] = normed.reshape(groups * size, -1)


def _affine(
    step: np.ndarray,
    ints: np.ndarray,
    entries: np.ndarray,
    d: int,
    values: np.ndarray,
    rows: Callable[[int, int], np.ndarray],
) -> Sums:
    """Sums of an affine step over its rows, with `entries` d parameters, then constants."""
    groups, units, below = (
        int(step[field]) for field in (layout.N_GROUPS, layout.SIZE, layout.N_BELOW)
    )
    g, u, k = np.ogrid[:groups, :units, :below]
    if step[layout.MAP] != layout.NONE:
        index = ints[step[layout.MAP] + (g * units + u) * below + k]
    else:
        index = step[layout.WEIGHT] + g * step[layout.WEIGHT_STEP] + u * below + k
    matrices, offset = entries[index], np.zeros((groups, units))
    used = [index.ravel()]
    if step[layout.BIAS_MAP] != layout.NONE:
        used.append(ints[step[layout.BIAS_MAP] + (g * units + u)[:, :, 0]])
        offset = entries[used[-1]]
    elif step[layout.BIAS] != layout.NONE:
        used.append((step[layout.BIAS] + g * step[layout.BIAS_STEP] + u)[:, :, 0])
        offset = entries[used[-1]]
    given = values[rows(step[layout.IN], groups * below)].reshape(groups, below, values.shape[1])
    sums = matrices @ given + offset[:, :, None]
    sizes = np.abs(matrices) @ np.abs(given) + np.abs(offset)[:, :, None]
    facts = facts_of_code(int(step[layout.CODE]), int(step[layout.POWER]))
    shape = (groups * units, values.shape[1])
    movable = bool(step[layout.PULLED]) or any((numbers < d).any() for numbers in used)
    return Sums(sums.reshape(shape), sizes.reshape(shape), facts, movable)
