"""Continuous symmetries that models declare: tangent vectors at w along which no output moves.

A symmetry is a fact about an architecture, true at every w. Families state theirs beside the steps
that they are built of, and whoever asks why a Jacobian lacks rank asks the model for them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from pfmap.activations import facts_of
from pfmap.models.layer import Layer, Reader
from pfmap.models.linear_spaces import Shift

CAUSES = ("rescaling", "basis", "shift", "unseen", "norm")
"""What symmetries come from, in the order in which null directions are counted."""

ONE = -1
"""In place of the number of a parameter: a constant, of which masked entries are made too."""


class Symmetry(Protocol):
    """A few generators of one cause."""

    @property
    def cause(self) -> str:
        """One of `CAUSES`."""

    def tangents(self, weights: np.ndarray) -> np.ndarray:
        """Tangent vectors at w, one a row, shape (generators, d)."""


@runtime_checkable
class Symmetric(Protocol):
    """A model that declares its symmetries."""

    @property
    def symmetries(self) -> tuple[Symmetry, ...]:
        """All that it declares; none is a statement too."""

    @property
    def incoming(self) -> tuple[np.ndarray, ...]:
        """Numbers of the parameters that enter each unit."""


@dataclass(frozen=True)
class Generators:
    """Generators whose entries are sums of terms: a factor times one or two parameters.

    Attributes
    ----------
    cause : str
    count : int
        Number of generators.
    terms : ndarray of int64, shape (4, terms)
        Generator, parameter that moves, and the parameters that it moves by; `ONE` for 1.
    factors : ndarray, shape (terms,)
    """

    cause: str
    count: int
    terms: np.ndarray
    factors: np.ndarray

    def tangents(self, weights: np.ndarray) -> np.ndarray:
        """Tangent vectors at w, one a row, shape (generators, d)."""
        generator, into, first, second = self.terms
        by = np.append(weights, 1.0)  # the last is what `ONE` takes
        found = np.zeros((self.count, len(weights)))
        np.add.at(found, (generator, into), self.factors * by[first] * by[second])
        return found


Term = tuple[np.ndarray, np.ndarray, np.ndarray | int, np.ndarray | int, float]


def basis_change(writes: Sequence[np.ndarray], reads: Sequence[np.ndarray]) -> Generators:
    """GL(k) of a space of k rows: what writes into it times g, what reads it times g⁻¹.

    Parameters
    ----------
    writes : sequence of ndarray of int64, shape (k, n)
        Numbers of the parameters of matrices whose outputs are the rows, n of their own each.
    reads : sequence of ndarray of int64, shape (n, k)
        Those of matrices that take the rows; a key matrix is read by queries through its transpose.

    Examples
    --------
    W2 W1 of shapes (1, 1) and (1, 1), at 2 and 3:

    >>> basis_change([np.array([[0]])], [np.array([[1]])]).tangents(np.array([2.0, 3.0])).tolist()
    [[2.0, -3.0]]
    """
    k = len(writes[0])
    number = np.arange(k * k).reshape(k, k, 1)  # of the generator X = E_ij
    terms: list[Term] = [(number, w[:, None], w[None], ONE, 1.0) for w in writes]  # X W
    terms += [(number, r.T[None], r.T[:, None], ONE, -1.0) for r in reads]  # - R X
    return _generators("basis", k * k, terms)


def rescaling(up: np.ndarray, down: np.ndarray, power: float = 1.0) -> Generators:
    """One generator a unit: `up` times 1 + ε, `down` times 1 - power ε.

    Parameters
    ----------
    up, down : ndarray of int64, shape (units, n) and (units, m)
        Numbers of parameters; `ONE` where an entry is no parameter.
    power : float, default 1
        Homogeneity of what lies between, s(c z) = c^power s(z).

    Examples
    --------
    A unit of two inputs and one reader, v relu(w · x), at w = (1, 2) and v = 5:

    >>> unit = rescaling(np.array([[0, 1]]), np.array([[2]]))
    >>> unit.tangents(np.array([1.0, 2.0, 5.0])).tolist()
    [[1.0, 2.0, -5.0]]
    """
    number = np.arange(len(up))[:, None]
    return _generators(
        "rescaling", len(up), [(number, up, up, ONE, 1.0), (number, down, down, ONE, -power)]
    )


def layer_symmetries(
    activation: str,
    degree: int,
    layer: Layer,
    readers: Sequence[Reader],
) -> tuple[Symmetry, ...]:
    """What a hidden layer s(W x + b) has with all that reads it, by the record of s.

    Linear units: changes of basis, and shifts where there are biases on both sides. Other
    homogeneous units, such as relu and monomials: a rescaling each. Others: nothing.

    Parameters
    ----------
    activation, degree
        s, as in a campaign file.
    layer : Layer
        Numbers of W and b.
    readers : sequence of Reader
        All that reads the units.

    Examples
    --------
    >>> layer = Layer(np.arange(6).reshape(3, 2), None)
    >>> above = [Reader((np.arange(6, 9)[None],), None)]
    >>> [[found.cause for found in layer_symmetries(name, 1, layer, above)]
    ...  for name in ("relu", "linear", "tanh")]
    [['rescaling'], ['basis'], []]
    """
    facts = facts_of(activation, degree)
    reads = [_flat(reader.matrices[0]) for reader in readers]
    if facts.pieces == "linear":
        found: list[Symmetry] = [basis_change([layer.entering], reads)]
        if layer.bias is not None and all(reader.bias is not None for reader in readers):
            found.append(Shift(layer.bias, tuple(readers)))
        return tuple(found)
    if facts.homogeneity is None:
        return ()
    return (rescaling(layer.entering, np.concatenate(reads).T, float(facts.homogeneity)),)


def form_changes(left: np.ndarray, right: np.ndarray, out: np.ndarray) -> Generators:
    """Changes of basis that keep a sum of products Σ_u out_u (left_u · x)(right_u · x).

    Its 2U affine forms span a space with that quadratic form on it, whose rotations, U (2U - 1) of
    them with the rescalings of left against right, change no output where there is one output.

    Parameters
    ----------
    left, right : ndarray of int64, shape (U, n)
        Numbers of the parameters of the forms.
    out : ndarray of int64, shape (U,)
        Those of the factors.
    """
    terms: list[Term] = []
    pairs = list(itertools.product(range(len(out)), repeat=2))
    # one_i moves by out_j two_j, and three_j by -out_i four_i, which keeps the sum.
    kinds = [((left, left, right, right), i, j) for i, j in pairs]
    kinds += [((left, right, left, right), i, j) for i, j in pairs if i < j]
    kinds += [((right, left, right, left), i, j) for i, j in pairs if i < j]
    for number, ((one, two, three, four), i, j) in enumerate(kinds):
        terms.append((np.array(number), one[i], two[j], out[j], 1.0))
        terms.append((np.array(number), three[j], four[i], out[i], -1.0))
    return _generators("basis", len(kinds), terms)


def _flat(matrix: np.ndarray) -> np.ndarray:
    """A reading matrix of shape (n, k, w) as (n w, k)."""
    return matrix if matrix.ndim == 2 else np.moveaxis(matrix, 1, 2).reshape(-1, matrix.shape[1])


def _generators(cause: str, count: int, terms: Sequence[Term]) -> Generators:
    """Terms as arrays that broadcast against each other, joined; entries that are none left out."""
    parts, factors = [], []
    for number, into, first, second, factor in terms:
        part = np.array(
            [whole.ravel() for whole in np.broadcast_arrays(number, into, first, second)]
        )
        part = part[:, part[1] != ONE]
        parts.append(part)
        factors.append(np.full(part.shape[1], factor))
    return Generators(cause, count, np.concatenate(parts, axis=1), np.concatenate(factors))
