"""Spectral centroid of a curve or surface."""

from __future__ import annotations

import numpy as np

from .grid import grid_shape
from .registry import FunctionBatch, proxy


@proxy(
    "spectral_centroid",
    meaning="Power-weighted mean frequency of the cosine spectrum without its constant term, in "
    "cycles per side of the domain; 0 for constants, null off a grid.",
    unit="cycles",
    kinds=("curve",),
    reads_order=False,
)
def spectral_centroid(batch: FunctionBatch) -> np.ndarray:
    """Σ_k (|k|/2) c_k² / Σ_k c_k² over k ≠ 0, c the cosine transform DCT-II of the symbols.

    Mode k has k/2 cycles per side. Cosines, since a curve need not end where it began: the jump
    at the ends would swamp a Fourier spectrum. Rounding adds a floor at high frequencies, which
    matters where the curve spans few steps.
    """
    from scipy.fft import dctn

    shape = grid_shape(batch.points)
    if shape is None:
        return np.full(len(batch), np.nan)
    surface = batch.values.reshape(len(batch), *shape).astype(np.float64)
    axes = tuple(range(1, surface.ndim))
    # Less the mean first: a large constant would leave rounding errors in every other mode.
    surface -= surface.mean(axis=axes, keepdims=True)
    power = (dctn(surface, axes=axes, norm="ortho") ** 2).reshape(len(batch), -1)
    modes = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij")
    frequency = np.sqrt(sum(mode**2.0 for mode in modes)).ravel() / 2
    power[:, 0] = 0.0
    varies = (batch.values != batch.values[:, :1]).any(axis=1)
    total = np.where(varies, power.sum(axis=1), 1.0)
    return np.where(varies, power @ frequency / total, 0.0)
