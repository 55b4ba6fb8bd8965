"""Linear pieces of curves that are known up to rounding."""

from __future__ import annotations

from ._jit import jit


@jit
def count_pieces(symbols, pieces):
    """Fewest runs of neighbouring points such that a line passes within 1/2 of every run.

    `symbols` int64 (functions, n), values at evenly spaced points in units of the rounding step;
    `pieces` int64 (functions,) receives the counts. A line with slope a passes within 1/2 of
    points i < j of a run if and only if

        (s_j - s_i - 1) / (j - i) <= a <= (s_j - s_i + 1) / (j - i),

    and if every pair allows a common slope, some line fits the whole run (Fourier-Motzkin). The
    slopes are compared as fractions, so nothing is rounded. Longest runs first is optimal, since
    every part of a run is a run.
    """
    n = symbols.shape[1]
    for function in range(symbols.shape[0]):
        count = 0
        start = 0
        while start < n:
            count += 1
            low, low_over = 0, 0  # largest lower bound low / low_over; none yet where over is 0
            high, high_over = 0, 0
            stop = start + 1
            fits = True
            while fits and stop < n:
                for i in range(start, stop):
                    over = stop - i
                    rise = symbols[function, stop] - symbols[function, i]
                    if low_over == 0 or (rise - 1) * low_over > low * over:
                        low, low_over = rise - 1, over
                    if high_over == 0 or (rise + 1) * high_over < high * over:
                        high, high_over = rise + 1, over
                if low * high_over > high * low_over:
                    fits = False
                else:
                    stop += 1
            start = stop
        pieces[function] = count
