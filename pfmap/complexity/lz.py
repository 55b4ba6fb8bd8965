"""Lempel-Ziv complexity, the field's main proxy: textbook LZ76 in Dingle's convention."""

from __future__ import annotations

import numpy as np

from pfmap.kernels.lz import count_words_packed, count_words_symbols

from .registry import FunctionBatch, proxy

_PACKED_POINTS = 128


def lempel_ziv(batch: FunctionBatch, *, slack: int = 0, drop: int = 0) -> np.ndarray:
    """Lempel-Ziv complexity of every function, read in the order of the domain's points.

        C(x) = log2 N                                  for constants,
        C(x) = (log2 N / 2) [N_w(x) + N_w(reverse x)]  otherwise,

    with N the number of points and N_w the words of the exhaustive parse of Lempel and Ziv 1976.
    The convention is that of Dingle, Camargo, Louis 2018 (Methods, complexity of binary strings).

    Parameters
    ----------
    batch : FunctionBatch
        Bits, or the symbols of curves.
    slack, drop : int, default 0
        How a variant treats the end of the string, see `pfmap.kernels.lz`; 0, 0 is LZ76.

    Returns
    -------
    ndarray of float64, shape (functions,)

    Examples
    --------
    >>> bits = np.tile([0, 1], 64)[None]
    >>> float(lempel_ziv(FunctionBatch("boolean", np.zeros((128, 7)), bits=bits))[0])
    21.0
    """
    words = np.empty((len(batch), 2), np.int64)
    if batch.kind == "curve":
        constant = (batch.values == batch.values[:, :1]).all(axis=1)
    else:
        constant = (batch.ones == 0) | (batch.ones == batch.n_points)
    if batch.kind != "curve" and batch.n_points <= _PACKED_POINTS:
        count_words_packed(batch.words, batch.n_points, slack, drop, words)
    else:
        count_words_symbols(batch.values, slack, drop, words)
    symbol_bits = np.log2(batch.n_points)
    return np.where(constant, symbol_bits, symbol_bits / 2 * words.sum(axis=1))


@proxy(
    "lz",
    meaning="Lempel-Ziv complexity (LZ76, both directions): log2 N for constants, else (log2 N)/2 "
    "times the words read forwards and backwards.",
    unit="bits",
    kinds=("boolean", "labels", "curve"),
    reads_order=True,
)
def lz(batch: FunctionBatch) -> np.ndarray:
    """Textbook LZ76."""
    return lempel_ziv(batch)
