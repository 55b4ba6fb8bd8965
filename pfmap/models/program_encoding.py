"""Programs as integers, in the order that `pfmap.kernels.program_layout` states."""

from __future__ import annotations

import numpy as np

from pfmap.kernels import program_layout as layout

Step = dict[int, int | np.ndarray]
"""Fields of a step: numbers, and arrays of rows, of parameters or of positions."""

MAPS = (layout.MAP, layout.BIAS_MAP)

CACHE_LINE = 8
"""Numbers in a cache line. Rows a multiple of eight lines apart share few sets of the cache, and
drive each other out of it: such rows are moved apart by one line."""


def row_stride(wide: int) -> int:
    """How far apart rows of so many numbers lie.

    Examples
    --------
    >>> row_stride(32), row_stride(128)
    (32, 136)
    """
    return wide + CACHE_LINE if wide % (8 * CACHE_LINE) == 0 else wide


def encoded(steps: list[Step], head: list[int], outputs: np.ndarray, d: int) -> np.ndarray:
    """The integers of a program.

    Parameters
    ----------
    steps : list of Step
    head : list of int
        Rows, numbers from row to row, points padded, points, inputs, and numbers of a buffer.
    outputs : ndarray
        Rows of the outputs.
    d : int
        Number of parameters; constants follow them.
    """
    n_rows, stride, wide, n_points, n_inputs, buffer = head
    start = layout.FIRST_STEP + layout.STEP * len(steps)
    lists: list[int] = []

    def listed(values: np.ndarray) -> int:
        at = start + len(lists)
        lists.extend(int(value) for value in values.ravel())
        return at

    body: list[int] = []
    for fields in steps:
        row = [0] * layout.STEP
        for field, value in fields.items():
            if not isinstance(value, np.ndarray):
                row[field] = int(value)
            elif field in MAPS and fields[layout.KIND] == layout.AFFINE:
                row[field] = listed(np.where(value >= 0, value, d - 1 - value))
            elif field == layout.STARTS and fields[layout.KIND] == layout.SOFTMAX:
                row[field] = listed(value)
            else:
                row[field] = listed(value * stride)
        body += row
    top = [
        len(steps), n_rows, stride, wide, n_points, n_inputs, len(outputs),
        listed(outputs * stride), buffer,
    ]  # fmt: skip
    return np.array(top + body + lists, dtype=np.int64)


def closing_block(steps: list[Step], outputs: np.ndarray, d: int) -> tuple[int, int]:
    """Parameters of a last step s(W x + b) whose units are the outputs, all of them."""
    last = steps[-1]
    if last[layout.KIND] != layout.AFFINE or last[layout.N_GROUPS] != 1:
        return (0, 0)
    first, mapped = last[layout.WEIGHT], isinstance(last[layout.MAP], np.ndarray)
    if mapped or isinstance(first, np.ndarray) or not np.array_equal(last[layout.OUT], outputs):
        return (0, 0)
    return (first, d)
