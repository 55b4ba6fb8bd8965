"""Exact counts of a random subset of the functions, chosen by a hash of the key.

A function is kept while its hash, 64 bits that are uniform over functions, lies below 2^(64-j).
The level j begins at 0, all functions, and grows by one whenever more functions are kept than
there is room for: each step keeps half of them. Whether a function is kept depends on its key
alone, so those kept were counted from their first draw on, and since the functions seen only grow
in number, the final j is the smallest under which they fit: nothing depends on the order of draws.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from pfmap.kernels.hash64 import hash_rows

from .counts import Counts, add_counts

SALT = 0x9E3779B97F4A7C15
"""Where the hash of every campaign begins: 2^64 over the golden ratio."""


def hash_words(words: np.ndarray, salt: int = SALT) -> np.ndarray:
    """Hashes of functions: 64 bits, uniform over functions whatever these have in common.

    Parameters
    ----------
    words : ndarray of uint64, shape (functions, n_words)
        Names of the functions.
    salt : int, default `SALT`
        Another one chooses another subset.

    Returns
    -------
    ndarray of uint64, shape (functions,)
        h over all words w in their order: h becomes fmix64((h xor w) + salt), from h = salt.
        fmix64 is the finaliser of MurmurHash3 (Austin Appleby, public domain).

    Examples
    --------
    >>> words = np.array([[0, 1], [1, 0]], dtype=np.uint64)
    >>> [f"{value:016x}" for value in hash_words(words).tolist()]
    ['057c08f3ab427315', '5d5806f26e86d812']
    """
    return np.asarray(hash_rows(np.ascontiguousarray(words), np.uint64(salt)))


@dataclass(frozen=True)
class HashedSample:
    """Exact counts of the functions whose hash begins with `level` zero bits.

    Attributes
    ----------
    counts : Counts
        The functions kept.
    capacity : int
        Most functions kept.
    level : int
        j; a function is kept with probability 2^-j.
    salt : int
        Of the hash.
    """

    counts: Counts
    capacity: int
    level: int = 0
    salt: int = SALT

    @property
    def inclusion(self) -> float:
        """Probability with which a function is kept, 2^-level."""
        return 2.0**-self.level

    def keeps(self, words: np.ndarray) -> np.ndarray:
        """Whether functions belong to the subset, array of bool."""
        if self.level == 0:
            return np.ones(len(words), dtype=bool)
        return hash_words(words, self.salt) >> np.uint64(64 - self.level) == 0

    def with_counts(self, more: Counts) -> Self:
        """The sample after further draws.

        Examples
        --------
        >>> words = np.arange(100, dtype=np.uint64)[:, None]
        >>> more = Counts(words, np.ones(100, dtype=np.int64), np.arange(100))
        >>> sample = HashedSample(Counts.none(1), capacity=30).with_counts(more)
        >>> sample.counts.size, sample.inclusion
        (24, 0.25)
        """
        kept = add_counts([self.counts, more.where(self.keeps(more.words))])
        sample = replace(self, counts=kept)
        while sample.counts.size > self.capacity:
            sample = replace(sample, level=sample.level + 1)
            sample = replace(sample, counts=kept.where(sample.keeps(kept.words)))
        return sample
