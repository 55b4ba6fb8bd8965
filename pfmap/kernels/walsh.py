"""Walsh-Hadamard spectrum of truth tables: its absolute sum and the degree."""

from __future__ import annotations

import numpy as np

from ._jit import jit


@jit(allocates=True)
def walsh_summary(bits, absolute_sum, degree):
    """Absolute sum of the spectrum, and largest |S| with a non-zero coefficient.

    `bits` uint8 (functions, 2^n). The unnormalised coefficient of S is
    Σ_x (-1)^(f(x) + <S, x>), an integer: nothing is rounded. `absolute_sum` int64 (functions,)
    receives Σ_S |coefficient|, `degree` int64 (functions,) the largest |S|.
    """
    n_points = bits.shape[1]
    size = np.zeros(n_points, np.int64)
    for x in range(1, n_points):
        size[x] = size[x >> 1] + (x & 1)
    spectrum = np.empty(n_points, np.int32)
    for function in range(bits.shape[0]):
        for x in range(n_points):
            spectrum[x] = 1 - 2 * np.int32(bits[function, x])
        half = 1
        while half < n_points:
            for start in range(0, n_points, 2 * half):
                for x in range(start, start + half):
                    a = spectrum[x]
                    b = spectrum[x + half]
                    spectrum[x] = a + b
                    spectrum[x + half] = a - b
            half *= 2
        total = 0
        top = 0
        for x in range(n_points):
            value = spectrum[x]
            if value != 0:
                total += abs(value)
                top = max(top, size[x])
        absolute_sum[function] = total
        degree[function] = top
