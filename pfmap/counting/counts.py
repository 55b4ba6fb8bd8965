"""Counts of functions as arrays, and their sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from pfmap.sampling.blocks import join_rows


class Counts(NamedTuple):
    """Functions by their words, each once, in ascending order.

    Attributes
    ----------
    words : ndarray of uint64, shape (functions, n_words)
        Names of the functions.
    counts : ndarray of int64, shape (functions,)
        Draws that express each.
    first_draws : ndarray of int64, shape (functions,)
        Smallest index of such a draw.
    """

    words: np.ndarray
    counts: np.ndarray
    first_draws: np.ndarray

    @classmethod
    def none(cls, n_words: int) -> Self:
        """No functions."""
        empty = np.zeros(0, dtype=np.int64)
        return cls(np.zeros((0, n_words), dtype=np.uint64), empty, empty)

    @property
    def size(self) -> int:
        """Functions."""
        return len(self.counts)

    def where(self, chosen: np.ndarray) -> Self:
        """The functions at which the array of bool `chosen` is true."""
        return type(self)(self.words[chosen], self.counts[chosen], self.first_draws[chosen])


def add_counts(parts: Sequence[Counts]) -> Counts:
    """The sum of counts: each function once, its counts added, its smallest first draw.

    Parameters
    ----------
    parts : sequence of Counts
        At least one; rows in any order, functions in any number of parts. The result does not
        depend on their order.

    Examples
    --------
    >>> one = Counts(np.array([[3], [8]], dtype=np.uint64), np.array([2, 1]), np.array([4, 6]))
    >>> two = Counts(np.array([[8], [9]], dtype=np.uint64), np.array([5, 1]), np.array([1, 0]))
    >>> both = add_counts([one, two])
    >>> both.words[:, 0].tolist(), both.counts.tolist(), both.first_draws.tolist()
    ([3, 8, 9], [2, 6, 1], [4, 1, 0])
    """
    return Counts(*join_rows(parts))
