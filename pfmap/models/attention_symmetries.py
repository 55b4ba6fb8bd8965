"""Symmetries of attention: of its path, of every head, and of weights that sum to 1."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from pfmap.models.layer import Layer, Reader
from pfmap.models.linear_spaces import LateChange, Unseen
from pfmap.models.symmetries import Symmetry, basis_change, rescaling

CONSISTENT = 1e-12
"""Error of a least-squares solution, next to its right side, that is rounding."""


class Matrices(NamedTuple):
    """Numbers of the parameters of a block."""

    query: np.ndarray
    key: np.ndarray
    value: np.ndarray
    out: np.ndarray


@dataclass(frozen=True)
class ValueShift:
    """A constant y added to all values of the first block, which a softmax passes on as it is.

    It takes a width above the number of positions: then some n has n·e = 0 and n·p_t = 1 at all
    positions, so that V + y nᵀ is V and the constant, and O y is taken from every p_t. Q, K and V
    undo that by 1 + O y nᵀ.

    Attributes
    ----------
    embedding, places : ndarray of int64, shape (k, 1) and (k, T)
        Numbers of e and of p.
    block : Matrices
        The first block.
    """

    embedding: np.ndarray
    places: np.ndarray
    block: Matrices
    cause: ClassVar[str] = "shift"

    def tangents(self, weights: np.ndarray) -> np.ndarray:
        """Tangent vectors at w, one a row, k of them, or none where there is no such n."""
        vectors = weights[np.concatenate([self.embedding, self.places], axis=1)].T
        wanted = np.r_[0.0, np.ones(len(vectors) - 1)]
        none = np.zeros((0, len(weights)))
        if not np.isfinite(vectors).all():
            return none
        n = np.linalg.lstsq(vectors, wanted)[0]
        if np.abs(vectors @ n - wanted).max() > CONSISTENT:
            return none
        out = weights[self.block.out]
        found = np.zeros((len(out), len(weights)))
        for y, tangent in enumerate(found):
            for matrix in self.block[:3]:
                tangent[matrix] = np.outer(weights[matrix] @ out[:, y], n)
            tangent[self.block.value[y]] += n
            tangent[self.places] = -out[:, y, None]
        return found


def path_symmetries(
    embedding: np.ndarray, places: np.ndarray, blocks: list[Matrices], readout: Layer
) -> list[Symmetry]:
    """Changes of basis of the path, of all of it and of what is written late."""
    outs = [block.out for block in blocks]
    readers = [list(block[:3]) for block in blocks] + [[readout.weights]]
    found: list[Symmetry] = [
        basis_change([embedding, places, *outs], list(itertools.chain(*readers)))
    ]
    # After the last block the mean alone is read, where places are one constant.
    last = (Reader((readout.weights,), readout.bias),)
    early = np.concatenate([embedding, *outs[:-1]], axis=1)
    found.append(LateChange(early, places, 1.0 / places.shape[1], (outs[-1],), last))
    if len(blocks) > 1:  # after the first, at every position
        early = np.concatenate([embedding, places], axis=1)
        later = tuple(Reader((read,), None) for read in itertools.chain(*readers[1:]))
        found.append(LateChange(early, places, 0.0, tuple(outs), later))
    return found


def head_symmetries(
    block: Matrices, later: list[np.ndarray], heads: int, kind: str
) -> list[Symmetry]:
    """Of a block: queries against keys, values against O, and what of both is not read later."""
    query, key, value, out = block
    found: list[Symmetry] = [Unseen(out, tuple(Reader((read,), None) for read in later))]
    for rows in np.split(np.arange(len(query)), heads):
        own = out[:, rows]
        found += [
            basis_change([query[rows]], [key[rows].T]),
            basis_change([value[rows]], [own]),
            Unseen(value[rows], tuple(Reader((own, read), None) for read in later)),
        ]
        if kind == "linear":
            found.append(rescaling(query[rows].reshape(1, -1), value[rows].reshape(1, -1)))
    return found
