"""Training sets: some inputs of the domain with their labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from pfmap.display import Displayed
from pfmap.errors import DataError, SettingsError
from pfmap.functions.named import BooleanFunction
from pfmap.reading.arrays import read_arrays
from pfmap.reading.tables import is_parquet, read_numbers


@dataclass(frozen=True, repr=False)
class TrainingSet(Displayed):
    """Labelled inputs.

    Attributes
    ----------
    inputs : ndarray of int64, shape (m,)
        Indices of the inputs in counting order, ascending, each once.
    labels : ndarray of bool, shape (m,)
    n_points : int
        Points of the domain.
    truth : ndarray of bool, shape (n_points,), optional
        The function that errors are counted against; None if it is not known.
    drawn : bool
        Whether the inputs were drawn uniformly without replacement, which bounds need.
    """

    SHOWN: ClassVar = ("n_points", "drawn", "inputs")

    inputs: np.ndarray
    labels: np.ndarray
    n_points: int
    truth: np.ndarray | None = None
    drawn: bool = False

    @property
    def signs(self) -> np.ndarray:
        """1 or -1 at the inputs by their label, 0 elsewhere; float64 of shape (n_points,)."""
        signs = np.zeros(self.n_points)
        signs[self.inputs] = np.where(self.labels, 1.0, -1.0)
        return signs

    @property
    def unseen(self) -> np.ndarray:
        """Indices of the other inputs."""
        return np.setdiff1d(np.arange(self.n_points), self.inputs)


def training_set(
    function: BooleanFunction, inputs: int | Sequence[int] | np.ndarray, *, seed: int = 1
) -> TrainingSet:
    """A function at some inputs: so many drawn ones, or given ones.

    Parameters
    ----------
    function : BooleanFunction
        The truth.
    inputs : int, or sequence of int
        How many to draw uniformly without replacement (`drawn_inputs`), or which (`restricted`).
    seed : int, default 1
        Of the drawn ones.

    Returns
    -------
    TrainingSet

    Raises
    ------
    SettingsError
        If there are not so many inputs, or not these.

    Examples
    --------
    >>> from pfmap.functions import parse_function
    >>> [training_set(parse_function("or", 3), chosen).inputs.tolist() for chosen in (2, [7, 0])]
    [[3, 5], [0, 7]]
    """
    if isinstance(inputs, (int, np.integer)):
        return drawn_inputs(function, int(inputs), seed=seed)
    return restricted(function, inputs)


def restricted(function: BooleanFunction, inputs: Sequence[int] | np.ndarray) -> TrainingSet:
    """A function at given inputs.

    Examples
    --------
    >>> from pfmap.functions import parse_function
    >>> restricted(parse_function("xor2", 2), [3, 1]).signs.tolist()
    [0.0, 1.0, 0.0, -1.0]
    """
    chosen = _checked(inputs, len(function.bits))
    return TrainingSet(chosen, function.bits[chosen], len(function.bits), function.bits)


def drawn_inputs(function: BooleanFunction, size: int, *, seed: int = 1) -> TrainingSet:
    """A function at `size` inputs drawn uniformly without replacement.

    Inputs are ordered by the SHA-256 of seed and index, and the first are taken: the same on every
    machine, and a set is part of every larger one with the same seed.

    Parameters
    ----------
    function : BooleanFunction
    size : int
        m, from 0 to the number of inputs.
    seed : int, default 1

    Raises
    ------
    SettingsError
        If there are not so many inputs.

    Examples
    --------
    >>> from pfmap.functions import parse_function
    >>> [drawn_inputs(parse_function("or", 3), m).inputs.tolist() for m in (2, 3)]
    [[3, 5], [3, 4, 5]]
    """
    n_points = len(function.bits)
    if not 0 <= size <= n_points:
        raise SettingsError(f"size: must lie within 0…{n_points}, the inputs there are, got {size}")
    order = sorted(
        range(n_points), key=lambda x: hashlib.sha256(f"pfmap input {seed} {x}".encode()).digest()
    )
    chosen = np.sort(np.array(order[:size], dtype=np.int64))
    return TrainingSet(chosen, function.bits[chosen], n_points, function.bits, drawn=True)


def labelled(
    inputs: np.ndarray, labels: np.ndarray, n_points: int, *, truth: np.ndarray | None = None
) -> TrainingSet:
    """Inputs with labels of one's own.

    Raises
    ------
    SettingsError
        If an input does not exist or has two labels, or a label is not 0 or 1.

    Examples
    --------
    >>> labelled(np.array([2, 0]), np.array([1, 0]), 4).signs.tolist()
    [-1.0, 0.0, 1.0, 0.0]
    """
    places, values = np.asarray(inputs), np.asarray(labels)
    if places.ndim != 1 or places.shape != values.shape:
        raise SettingsError(
            f"labels: one for each input, got shapes {places.shape} and {values.shape}"
        )
    for name, given in (("inputs", places), ("labels", values)):
        if given.size and given.dtype.kind not in "biuf":
            raise SettingsError(f"{name}: must be numbers, got dtype {given.dtype}")
    if not ((values == 0) | (values == 1)).all():
        raise SettingsError(f"labels: must be 0 or 1, got {np.unique(values)[:5]}")
    if len(places) and not (places == np.round(places)).all():
        raise SettingsError(f"inputs: must be indices, got {places[:5]}")
    pairs = np.unique(np.column_stack([places, values]).astype(np.int64), axis=0)
    twice = pairs[1:, 0][pairs[1:, 0] == pairs[:-1, 0]]
    if len(twice):
        raise SettingsError(f"labels: input {twice[0]} has both labels: no function fits that")
    chosen = _checked(pairs[:, 0], n_points)
    return TrainingSet(chosen, pairs[:, 1] == 1, n_points, truth)


def load_training_set(path: Path, n_points: int, *, truth: np.ndarray | None = None) -> TrainingSet:
    """Inputs and labels from a .npz or Parquet file with `input` and `label`.

    Raises
    ------
    DataError
        If the file cannot be read.
    SettingsError
        If what it holds is no training set (`labelled`).
    """
    remedy = "write a .npz or Parquet with input (indices of points) and label (0 or 1)"
    found: dict[str, np.ndarray] = {}
    if is_parquet(path, argument="data", next_step=remedy):
        table = read_numbers(path, argument="data", next_step=remedy)
        found = {str(name): values.to_numpy() for name, values in table.items()}
    else:
        found = read_arrays(path, argument="data", next_step=remedy)
    for name in ("input", "label"):
        if name not in found:
            raise DataError(f"data: {path} holds no {name}", next_step=remedy)
    return labelled(found["input"], found["label"], n_points, truth=truth)


def _checked(inputs: Sequence[int] | np.ndarray, n_points: int) -> np.ndarray:
    for place in inputs:  # Python's numbers have no end
        if not 0 <= place < n_points:
            got = f"{place}"[:40]
            raise SettingsError(f"inputs: must lie within 0…{n_points - 1}, got {got}")
    return np.unique(np.asarray(inputs, dtype=np.int64))
