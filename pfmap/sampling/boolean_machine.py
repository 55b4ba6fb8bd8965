"""Layered random Boolean machines: functions drawn by composing random functions, and their law."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from pfmap.arguments import LARGEST, checked_integer
from pfmap.functions.keys import words_from_bits

from .blocks import Rows, join_rows
from .prior import count_rows

if TYPE_CHECKING:
    import pandas as pd

BLOCK_BITS = 1 << 26
"""Random bits at a time: tables of all nodes of all machines of a block."""

MOST_INPUTS = 8
"""Inputs whose functions are keys that are not hashed."""

MOST_LAYERS = 100
"""By then nearly every machine of few inputs is constant, and fractions are long."""


def sample_boolean_machine(inputs: int, depth: int, *, draws: int, seed: int = 1) -> pd.DataFrame:
    """Draw machines of random Boolean nodes and count the functions that they express.

    A machine on k inputs has `depth` layers: k nodes each, and one node in the last. Every node is
    a Boolean function of the k values below it, drawn uniformly from all 2^(2^k) (Fink 2026, arXiv
    2603.01217). It has no parameters to differentiate, so that it is no program; its law is known,
    `boolean_machine_law`, and samplers and estimates of P(f) can be held against it.

    Parameters
    ----------
    inputs : int
        k, from 2 to 8.
    depth : int
        Layers, up to 100; with 1 all functions are equally likely.
    draws : int
        Number of machines.
    seed : int, default 1
        Machine i depends on (seed, i) alone.

    Returns
    -------
    pandas.DataFrame
        Columns ``function`` (key), ``count`` and ``first_draw``; most frequent first, then by key.

    Raises
    ------
    SettingsError
        If an argument is out of range.

    Examples
    --------
    >>> table = sample_boolean_machine(2, 6, draws=2000)
    >>> sorted(table["function"][:2]), int(table["count"].sum())
    (['0', 'f'], 2000)
    """
    k = checked_integer("inputs", inputs, least=2, most=MOST_INPUTS)
    depth = checked_integer("depth", depth, least=1, most=MOST_LAYERS)
    draws = checked_integer("draws", draws, least=1, most=None)
    words = np.random.Philox(checked_integer("seed", seed, least=0, most=LARGEST))

    def parts() -> Iterator[Rows]:
        block = max(1, BLOCK_BITS // ((k * (depth - 1) + 1) << k))
        for start in range(0, draws, block):
            count = min(block, draws - start)
            found = words_from_bits(_functions(k, depth, count, words))
            yield join_rows([(found, np.ones(count, np.int64), np.arange(start, start + count))])

    return count_rows(parts(), 1 << k, True)


def boolean_machine_law(inputs: int, depth: int) -> tuple[Fraction, ...]:
    """Probability that a random Boolean machine expresses a function with w ones, for every w.

    With ℓ = 2^k the number of ones of the last node is binomial, q_w(1) = C(ℓ, w)/2^ℓ. A node with
    i ones, put on a layer of k independent uniform functions, is 1 at each input with probability
    i/ℓ, independently, so that q(n + 1) = A^T q(n), A_ij = C(ℓ, j) i^j (ℓ - i)^(ℓ - j)/ℓ^ℓ (Fink
    2026, arXiv 2603.01217). Functions with as many ones are equally likely: one of w ones has
    q_w/C(ℓ, w).

    Parameters
    ----------
    inputs : int
        k, from 1 to 8.
    depth : int
        Layers, up to 100.

    Returns
    -------
    tuple of Fraction
        q_w for w = 0 … 2^k.

    Raises
    ------
    SettingsError
        If an argument is out of range.

    Examples
    --------
    >>> [str(q) for q in boolean_machine_law(1, 2)], str(boolean_machine_law(2, 2)[0])
    (['3/8', '1/4', '3/8'], '85/512')
    """
    size = 1 << checked_integer("inputs", inputs, least=1, most=MOST_INPUTS)
    depth = checked_integer("depth", depth, least=1, most=MOST_LAYERS)
    # Whole numbers over 2^ℓ, then over ℓ^ℓ times as much for every further layer.
    ways = [math.comb(size, ones) for ones in range(size + 1)]
    above = list(ways)
    for _ in range(depth - 1):
        above = [
            ways[j] * sum(q * i**j * (size - i) ** (size - j) for i, q in enumerate(above))
            for j in range(size + 1)
        ]
    whole = 2**size * size ** (size * (depth - 1))
    return tuple(Fraction(q, whole) for q in above)


def _functions(k: int, depth: int, count: int, words: np.random.Philox) -> np.ndarray:
    """Truth tables of so many machines, shape (count, 2^k); the next words are theirs, in order."""
    size, each, nodes = 1 << k, max(1, (1 << k) // 64), k * (depth - 1) + 1
    raw = np.asarray(words.random_raw(count * nodes * each), dtype=">u8")
    tables = np.unpackbits(raw.view(np.uint8).reshape(count, nodes, 8 * each), axis=2, count=size)
    places = 1 << np.arange(k - 1, -1, -1)
    # What the layer below gives at each input, as a place in the tables of the next.
    index = np.broadcast_to(np.arange(size), (count, size))
    for layer in range(depth - 1):
        own = tables[:, k * layer : k * (layer + 1)]
        values = np.take_along_axis(own, index[:, None], axis=2)
        index = np.einsum("dnx,n->dx", values.astype(np.int64), places)
    return np.take_along_axis(tables[:, -1], index, axis=1)
