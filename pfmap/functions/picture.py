"""A truth table as a small picture, for notebooks and reports."""

from __future__ import annotations

import html

import numpy as np

ONE, ZERO = "#0072B2", "#DDDDDD"
"""Colours of 1 and 0: apart for every kind of colour vision, and on white and black paper."""

SIDE = 160
"""Pixels of the longer side."""


def table_svg(bits: np.ndarray, label: str = "") -> str:
    """A function's values as a grid, inline SVG.

    The inputs run along the rows. On a cube the first half of the input bits picks the row and the
    second half the column, most significant first; elsewhere rows are as long as the root of the
    number of points.

    Parameters
    ----------
    bits : ndarray of 0 and 1, shape (points,)
        Values in the order of the domain.
    label : str, default ""
        What a screen reader calls it.

    Returns
    -------
    str

    Examples
    --------
    >>> picture = table_svg(np.array([0, 0, 0, 1]), "and")
    >>> picture.count("h1v1h-1z"), 'aria-label="and: 1 of 4 inputs are 1"' in picture
    (1, True)
    """
    values = np.asarray(bits).astype(bool).ravel()
    columns = _columns(len(values))
    rows = -(-len(values) // columns)
    cell = max(2, SIDE // max(columns, rows))
    width, height = cell * columns, cell * rows
    row, column = np.divmod(np.flatnonzero(values), columns)
    ones = "".join(f"M{x} {y}h1v1h-1z" for x, y in zip(column, row, strict=True))
    every = "".join(f"M{x} 0v{rows}" for x in range(1, columns))
    every += "".join(f"M0 {y}h{columns}" for y in range(1, rows))
    said = f"{label or 'function'}: {int(values.sum())} of {len(values)} inputs are 1"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {columns} {rows}" role="img" aria-label="{html.escape(said)}">'
        f'<rect width="{columns}" height="{rows}" fill="{ZERO}"/>'
        f'<path d="{ones}" fill="{ONE}"/>'
        f'<path d="{every}" stroke="white" stroke-width="0.06" fill="none"/></svg>'
    )


def _columns(n_points: int) -> int:
    """Cells of a row.

    Examples
    --------
    >>> [_columns(n) for n in (4, 8, 128, 100)]
    [2, 4, 16, 10]
    """
    bits = n_points.bit_length() - 1
    if n_points == 1 << bits:
        return 1 << (bits - bits // 2)
    return int(np.ceil(np.sqrt(n_points)))
