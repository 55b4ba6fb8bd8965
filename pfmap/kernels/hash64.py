"""A 64-bit hash of rows of words."""

from __future__ import annotations

import numpy as np

from ._jit import jit
from .hash128 import finalise64


@jit(allocates=True)
def hash_rows(words, salt):
    """Hashes of rows of words: h = finalise64((h ^ w) + salt) over the words w, from h = salt.

    Parameters
    ----------
    words : uint64[k, n_words]
    salt : uint64

    Returns
    -------
    uint64[k]
    """
    hashes = np.empty(len(words), dtype=np.uint64)
    for i in range(len(words)):
        mixed = salt
        for w in range(words.shape[1]):
            mixed = finalise64((mixed ^ words[i, w]) + salt)
        hashes[i] = mixed
    return hashes
