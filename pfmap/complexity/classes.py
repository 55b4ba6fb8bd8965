"""Exact complexities of all Boolean functions of up to 4 inputs, from a table of their classes.

Functions that differ by an order of their inputs, by complements of inputs and by that of the
output have the same least circuits and formulas: there are 222 such NPN classes of 4 inputs.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from pfmap.functions.keys import words_from_bits, words_from_keys
from pfmap.functions.orbits import orbit_members
from pfmap.functions.symmetry import Symmetries
from pfmap.reading import shipped_rows

from .registry import FunctionBatch

TABLE = Path(__file__).with_name("classes.csv")
"""Made by ``scripts/class_table.py``."""

INPUTS = 4
"""Inputs of the functions in the table; those of fewer are among them."""

CLASSES = Symmetries(permutations=True, reflections=True, complement=True)
"""What leads from a function to the others of its class."""

_N_POINTS = 2**INPUTS
_UNUSED_BITS = np.uint64(64 - _N_POINTS)


@cache
def class_columns() -> dict[str, np.ndarray]:
    """Columns of the table, a value for each of the 65,536 functions of 4 inputs.

    Returns
    -------
    dict of str to ndarray of float64, shape (2^16,)
        ``circuit`` and ``formula`` by the truth table read as a number, point 0 as the most
        significant bit.

    Raises
    ------
    DataError
        If the file is not there or damaged: its classes must hold every function once.

    Examples
    --------
    >>> {name: int(values[0x6996]) for name, values in class_columns().items()}  # parity
    {'circuit': 3, 'formula': 16}
    """
    with shipped_rows(TABLE) as rows:
        columns = {name: np.full(2**_N_POINTS, np.nan) for name in ("circuit", "formula")}
        held = np.zeros(2**_N_POINTS, dtype=np.int64)
        for row in rows:
            word = words_from_keys([row["function"]], _N_POINTS, True)[0]
            members = orbit_members(word, INPUTS, CLASSES)[:, 0] >> _UNUSED_BITS
            held[members] += 1
            if len(members) != int(row["functions"]):
                raise ValueError(f"{row['function']} has {len(members)} functions in its class")
            for name, values in columns.items():
                values[members] = int(row[name])
        if (held != 1).any():
            raise ValueError("its classes do not hold every function once")
    for values in columns.values():
        values.flags.writeable = False
    return columns


def class_values(batch: FunctionBatch, column: str) -> np.ndarray:
    """Values of a column for Boolean functions of 1 to 4 inputs.

    A function of fewer inputs costs what it costs as one of 4: the others can be set to 0.

    Parameters
    ----------
    batch : FunctionBatch
        Boolean functions of at most 4 inputs.
    column : {"circuit", "formula"}
        What is asked for.

    Returns
    -------
    ndarray of float64, shape (functions,)

    Examples
    --------
    >>> from pfmap.settings.domain import boolean_points
    >>> xor = FunctionBatch("boolean", boolean_points(2), bits=np.array([[0, 1, 1, 0]]))
    >>> class_values(xor, "formula")
    array([4.])
    """
    embedded = np.repeat(batch.values, _N_POINTS // batch.n_points, axis=1)
    return class_columns()[column][words_from_bits(embedded)[:, 0] >> _UNUSED_BITS]
