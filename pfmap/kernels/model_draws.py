"""Functions of random draws of any compiled model, in float64."""

from __future__ import annotations

import numpy as np

from ._jit import jit
from .express import NOT_FINITE, OK, _all_finite
from .family import model_outputs, scratch_size
from .hash128 import hash128
from .philox import random_words
from .readout import pack_f64
from .variates import weights_of_words


@jit(allocates=True)
def express_model(
    family, ints, floats, seed, law, scales, first_draw, hashed, words, weights, outputs
):
    """Set ``words[i]`` to the signs, or their hash, that draw ``first_draw + i`` expresses.

    Parameters
    ----------
    family, ints, floats : int, int64[:], float64[:]
        The model, as in `family`.
    seed, law, scales : int, int, float32[d or more]
        Law of the weights, as in `layout.Law`.
    first_draw : int
        Index of the first draw.
    hashed : bool
        Whether the bits are too many for a key.
    words : uint64[draws, any]
        Result.
    weights, outputs : float64[d], float64[outputs]
        Work.

    Returns
    -------
    status, position : int, int
        As `express`.
    """
    random = np.empty(scales.shape[0], dtype=np.uint32)
    rounded = np.empty(scales.shape[0], dtype=np.float32)
    scratch = np.empty(scratch_size(family, ints))
    function = np.empty((outputs.shape[0] + 63) // 64, dtype=np.uint64)
    for i in range(words.shape[0]):
        random_words(seed, first_draw + i, random)
        weights_of_words(law, random, scales, rounded)
        for j in range(weights.shape[0]):
            weights[j] = rounded[j]
        model_outputs(family, ints, floats, weights, outputs, scratch)
        if not _all_finite(outputs):
            return NOT_FINITE, i
        pack_f64(outputs, function)
        if hashed:
            words[i, 0], words[i, 1] = hash128(function)
        else:
            for w in range(len(function)):
                words[i, w] = function[w]
    return OK, -1
