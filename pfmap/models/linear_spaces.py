"""Symmetries of rows that are only added up and read linearly: of paths, and between factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pfmap.models.layer import Reader


@dataclass(frozen=True)
class Shift:
    """Rows moved by a constant, b + δ, which the biases of all that reads them undo.

    Attributes
    ----------
    bias : ndarray of int64, shape (k,)
        Numbers of b.
    readers : tuple of Reader
        All that reads the rows, each with a bias.

    Examples
    --------
    One row x + b, read by v (x + b) + c, at b = 1, v = 3 and c = 2:

    >>> moved = Shift(np.array([0]), (Reader((np.array([[1]]),), np.array([2])),))
    >>> moved.tangents(np.array([1.0, 3.0, 2.0])).tolist()
    [[1.0, 0.0, -3.0]]
    """

    bias: np.ndarray
    readers: tuple[Reader, ...]
    cause: ClassVar[str] = "shift"

    def tangents(self, weights: np.ndarray) -> np.ndarray:
        """Tangent vectors at w, one a row, shape (k, d)."""
        found = np.zeros((len(self.bias), len(weights)))
        found[np.arange(len(self.bias)), self.bias] = 1.0
        for reader in self.readers:
            found[:, reader.bias] -= _read(reader, weights).T
        return found


@dataclass(frozen=True)
class Unseen:
    """Anything written into directions of a space of rows that no reader takes up.

    Attributes
    ----------
    writes : ndarray of int64, shape (k, n)
        Numbers of the parameters of a matrix, its bias perhaps a column, whose outputs are rows, or
        are added to them.
    readers : tuple of Reader
        All that reads the rows from there on.

    Examples
    --------
    Two rows with weights w_0 and w_1, of which a reader takes the second alone:

    >>> lost = Unseen(np.array([[0], [1]]), (Reader((np.array([[2, 3]]),), None),))
    >>> np.abs(lost.tangents(np.array([1.0, 2.0, 0.0, 7.0]))).tolist()
    [[1.0, 0.0, 0.0, 0.0]]
    """

    writes: np.ndarray
    readers: tuple[Reader, ...]
    cause: ClassVar[str] = "unseen"

    def tangents(self, weights: np.ndarray) -> np.ndarray:
        """Tangent vectors at w, one a row, n for each direction that all readers map to 0."""
        free = _kernel(np.concatenate([_read(reader, weights) for reader in self.readers]))
        found = np.zeros((len(free), self.writes.shape[1], len(weights)))
        for number, column in enumerate(self.writes.T):
            found[:, number, column] = free
        return found.reshape(-1, len(weights))


@dataclass(frozen=True)
class LateChange:
    """Changes of basis of a path from a place on, which leave what it holds there as it is.

    1 + X with X W = 0 for all W x written before: later writes times 1 + X, later readers times its
    inverse, and X b for constants b written before goes to the readers' biases.

    Attributes
    ----------
    early : ndarray of int64, shape (k, n)
        Numbers of the matrices written before, side by side.
    constants : ndarray of int64, shape (k, m)
        Numbers of the vectors whose sum times `scale` was added before, side by side.
    scale : float
    writes : tuple of ndarray of int64, shape (k, n)
        Matrices, biases among their columns, that write later.
    readers : tuple of Reader
        All that reads later, each one matrix; with a bias each, or none where no constants are.
    """

    early: np.ndarray
    constants: np.ndarray
    scale: float
    writes: tuple[np.ndarray, ...]
    readers: tuple[Reader, ...]
    cause: ClassVar[str] = "basis"

    def tangents(self, weights: np.ndarray) -> np.ndarray:
        """Tangent vectors at w, one a row, k for each direction in which nothing was written."""
        free, k = _kernel(weights[self.early].T), len(self.early)
        held = free @ weights[self.constants].sum(axis=1) * self.scale
        found = np.zeros((len(free), k, len(weights)))
        for number, (direction, constant) in enumerate(zip(free, held, strict=True)):
            for i in range(k):  # X = e_i directionᵀ
                tangent = found[number, i]
                for matrix in self.writes:
                    tangent[matrix[i]] = direction @ weights[matrix]
                for (matrix,), bias in self.readers:
                    tangent[matrix] = -np.outer(weights[matrix[:, i]], direction)
                    if bias is not None:
                        tangent[bias] = weights[matrix[:, i]] * constant
        return found.reshape(-1, len(weights))


def _kernel(matrix: np.ndarray) -> np.ndarray:
    """An orthonormal basis of what the matrix maps to 0, one a row; none if it is not finite."""
    if not np.isfinite(matrix).all():
        return np.zeros((0, matrix.shape[1]))
    _, values, directions = np.linalg.svd(matrix)
    cut = max(matrix.shape) * np.finfo(float).eps * values.max(initial=0.0)
    return np.asarray(directions[int((values > cut).sum()) :])


def _read(reader: Reader, weights: np.ndarray) -> np.ndarray:
    """Product of a reader's matrices, shape (n, k), summed over the places of windows."""
    by = np.append(weights, 0.0)  # the last is what `ONE` takes: `ONE`, a masked entry
    found = np.eye(reader.matrices[0].shape[1])
    for matrix in reader.matrices:
        values = by[matrix]
        found = (values if values.ndim == 2 else values.sum(axis=2)) @ found
    return found
