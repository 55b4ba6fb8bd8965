"""Symmetries of a path that is read through norms alone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np


class Norm(NamedTuple):
    """A norm that reads the path, by the numbers of its parameters.

    Fields: `gain` and `offset`, shape (k,); the layer U z + a that alone reads its outputs z:
    `reads`, shape (n, k), and `biases`, shape (n,).
    """

    gain: np.ndarray
    offset: np.ndarray
    reads: np.ndarray
    biases: np.ndarray


@dataclass(frozen=True)
class NormedPath:
    """What leaves γ (h - mean)/sqrt(variance + ε) + β, read by U z + a, as it is.

    With N(h) for the norm without gain and offset:

    - h + c 1 for any c: the norm takes the mean away;
    - g h for rotations g of the plane of mean 0, as N(g h) = g N(h), with U diag(γ) times g⁻¹;
    - U diag(γ) + u 1ᵀ, as the sum of N(h) over units is 0;
    - c h, where ε is 0.

    Attributes
    ----------
    writes : tuple of ndarray of int64, shape (k, n)
        Numbers of the parameters of matrices and biases whose outputs the path sums up.
    norms : tuple of Norm
        All that reads the path.
    epsilon : float
        ε.
    """

    writes: tuple[np.ndarray, ...]
    norms: tuple[Norm, ...]
    epsilon: float
    cause: ClassVar[str] = "norm"

    def tangents(self, weights: np.ndarray) -> np.ndarray:
        """Tangent vectors at w, one a row, shape (generators, d); 0 where a gain they need is."""
        k, found = len(self.writes[0]), []
        columns = np.concatenate(self.writes, axis=1)
        for column in columns.T:
            tangent = np.zeros(len(weights))
            tangent[column] = 1.0
            found.append(tangent)
        if self.epsilon == 0.0:
            tangent = np.zeros(len(weights))
            tangent[columns] = weights[columns]
            found.append(tangent)
        for i, j in itertools.combinations(range(1, k), 2):
            turn = np.zeros((k, k))  # antisymmetric, and 0 on 1: a turn from i to j by way of 0
            for row, column in ((0, i), (i, j), (j, 0)):
                turn[row, column], turn[column, row] = 1.0, -1.0
            tangent = np.zeros(len(weights))
            tangent[columns] = turn @ weights[columns]
            for norm in self.norms:
                scaled = weights[norm.reads] * weights[norm.gain]
                _read_by(tangent, norm, -scaled @ turn, weights)
            found.append(tangent)
        for norm in self.norms:
            for unit in range(len(norm.reads)):
                tangent, move = np.zeros(len(weights)), np.zeros(norm.reads.shape)
                move[unit] = 1.0
                _read_by(tangent, norm, move, weights)
                found.append(tangent)
        rows = np.array(found)
        rows[~np.isfinite(rows).all(axis=1)] = 0.0
        return rows


def _read_by(tangent: np.ndarray, norm: Norm, move: np.ndarray, weights: np.ndarray) -> None:
    """Move U diag(γ) by `move` and leave U β + a where it is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        along = move / weights[norm.gain]
        tangent[norm.reads] = along
        tangent[norm.biases] = -along @ weights[norm.offset]
