"""The Lempel-Ziv routine behind published network histograms; it is not LZ76."""

from __future__ import annotations

import numpy as np

from .lz import lempel_ziv
from .registry import FunctionBatch, proxy


@proxy(
    "lz_mingard2025",
    meaning="Variant of lz that stops short of the end of the string, as used for the P(K) of "
    "Mingard et al. 2025; for comparison with published histograms only.",
    unit="bits",
    kinds=("boolean", "labels"),
    reads_order=True,
)
def lz_mingard2025(batch: FunctionBatch) -> np.ndarray:
    """A widespread transcription of Kaspar and Schuster's scan.

    It counts from 1 with n = len - 1, counts a last word and stops as soon as a match comes
    within three symbols of the end (l + k >= n - 1), and stops without counting when one symbol
    is left (l + 1 > n). So it reads a word too few wherever the last word is short.
    """
    return lempel_ziv(batch, slack=3, drop=1)
