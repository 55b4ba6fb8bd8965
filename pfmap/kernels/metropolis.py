"""What the samplers with a Metropolis test share: the test, and the adaptation of a step size."""

from __future__ import annotations

import math

from ._jit import jit


@jit(inline=True)
def acceptance(log_ratio):
    """min(1, exp(log_ratio)); 0 for NaN, which compares false, and where exp would underflow."""
    if log_ratio >= 0.0:
        return 1.0
    if log_ratio > -700.0:
        return math.exp(log_ratio)
    return 0.0


@jit(inline=True)
def dual_average(step, error, first_log_step, least, averages):
    """One step of dual averaging of a log step size; return the next one, in [`least`, 0].

    As Hoffman & Gelman 2014 (arXiv 1111.4246), with γ = 0.05, t0 = 10, κ = 0.75. `error` is the
    acceptance aimed at less that of step number `step`; `averages` holds the averaged error and
    the averaged log step size.
    """
    weight = 1.0 / (step + 10.0)
    averages[0] = (1.0 - weight) * averages[0] + weight * error
    log_step = first_log_step - math.sqrt(step) / 0.05 * averages[0]
    log_step = min(0.0, max(least, log_step))
    weight = step**-0.75
    averages[1] = weight * log_step + (1.0 - weight) * averages[1]
    return log_step
