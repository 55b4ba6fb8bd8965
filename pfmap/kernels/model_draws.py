"""Functions of random draws, or of given weights, of any compiled model, in float64."""

from __future__ import annotations

import numpy as np

from ._jit import jit
from .express import NOT_FINITE, OK, TO_OUTPUTS, TO_WORDS, TOO_LARGE, _all_finite
from .family import model_outputs, scratch_size
from .hash128 import hash128
from .philox import random_words
from .readout import pack_f64, quantise
from .variates import weights_of_words


@jit(allocates=True)
def express_model(task, family, ints, floats, law, readout, work, draws, words, values):
    """Do one task of `express` for every draw of a list.

    Parameters
    ----------
    task : int
        `TO_WORDS`, `TO_FUNCTIONS` or `TO_OUTPUTS`, as in `express`.
    family, ints, floats : int, int64[:], float64[:]
        The model, as in `family`.
    law, readout : Law, Readout
        The campaign; the tolerance plays no part.
    work : (float64[d], float64[outputs])
        Weights and outputs of a draw.
    draws : int64[k]
        Indices of draws.
    words : uint64[k, any]
        Result of the first two tasks.
    values : float64[k, any]
        Result of the third.

    Returns
    -------
    status, position : int, int
        As `express`.
    """
    random = np.empty(law.scales.shape[0], dtype=np.uint32)
    rounded = np.empty(law.scales.shape[0], dtype=np.float32)
    scratch = np.empty(scratch_size(family, ints))
    weights, outputs = work
    size = (len(outputs) + 63) // 64 if readout.step == 0.0 else len(outputs)
    function = np.empty(size, dtype=np.uint64)
    for i in range(len(draws)):
        random_words(law.seed, draws[i], random)
        weights_of_words(law.code, random, law.scales, rounded)
        for j in range(len(weights)):
            weights[j] = rounded[j]
        model_outputs(family, ints, floats, weights, outputs, scratch)
        if not _all_finite(outputs):
            return NOT_FINITE, i
        if task == TO_OUTPUTS:
            for p in range(len(outputs)):
                values[i, p] = outputs[p]
            continue
        if readout.step == 0.0:
            pack_f64(outputs, function)
        elif not quantise(outputs, readout.step, function):
            return TOO_LARGE, i
        if task == TO_WORDS and readout.hashed:
            words[i, 0], words[i, 1] = hash128(function)
        else:
            for w in range(len(function)):
                words[i, w] = function[w]
    return OK, -1


@jit(allocates=True)
def read_model(family, ints, floats, n_outputs, scales, states, words):
    """Packed bits of a model at given weights, by the strict rule of sampling.

    Parameters
    ----------
    family, ints, floats : int, int64[:], float64[:]
        The model, as in `family`.
    n_outputs : int
        Its outputs over all points.
    scales : float64[d]
        Factor of every parameter.
    states : float64[k, d]
        Standard coordinates, weight over scale; weights are rounded to float32 as sampling does.
    words : uint64[k, ceil(outputs / 64)]
        Result: the bits, the first on top of word 0.

    Returns
    -------
    bool
        False if an output was NaN or infinite.
    """
    weights, outputs = np.empty(len(scales)), np.empty(n_outputs)
    scratch = np.empty(scratch_size(family, ints))
    for k in range(len(states)):
        for i in range(len(scales)):
            weights[i] = np.float32(states[k, i] * scales[i])
        model_outputs(family, ints, floats, weights, outputs, scratch)
        if not _all_finite(outputs):
            return False
        pack_f64(outputs, words[k])
    return True
