"""L1 norm of the Walsh spectrum."""

from __future__ import annotations

import numpy as np

from pfmap.kernels.walsh import walsh_summary

from .registry import FunctionBatch, proxy


@proxy(
    "walsh_l1",
    meaning="L1 Fourier norm: sum of the absolute Walsh coefficients of (-1)^f.",
    unit="",
    kinds=("boolean",),
    reads_order=False,
)
def walsh_l1(batch: FunctionBatch) -> np.ndarray:
    """Σ_S |f̂(S)|, with f̂(S) = 2^-n Σ_x (-1)^(f(x) + <S, x>) (O'Donnell 2014, section 1.2)."""
    absolute_sum, degree = np.empty((2, len(batch)), np.int64)
    walsh_summary(batch.values, absolute_sum, degree)
    return absolute_sum / batch.n_points
