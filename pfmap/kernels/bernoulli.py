"""Loss and gradient of a network whose outputs are logits of Bernoulli probabilities.

ints, floats and targets as in `pfmap.kernels.gradient`; targets are logits a, outputs z, and

    K = 1/P Σ_p Σ_o KL(Bernoulli(σ(a)) ‖ Bernoulli(σ(z))),    σ(x) = 1/(1 + e^-x).

Near w* the divergence is far smaller than the entropies that it is a difference of. With δ = z - a
and r = σ(-|a|) <= 1/2, and δ turned round where a > 0,

    KL = log(1 + r (e^δ - 1)) - r δ,    dKL/dδ = r (1 - r) (e^δ - 1) / (1 + r (e^δ - 1)),

whose relative error stays near 1e-16/|δ|.
"""

from __future__ import annotations

import math

from ._jit import jit

FAR = 30.0
"""Beyond this δ, e^δ is taken out of the logarithm: it would overflow."""


@jit
def divergence_slope(logit, target):
    """KL of Bernoulli(σ(target)) from Bernoulli(σ(logit)), and its derivative by the logit."""
    small = math.exp(-abs(target))
    r = small / (1.0 + small)
    sign = -1.0 if target > 0.0 else 1.0
    delta = sign * (logit - target)
    if delta > FAR:
        shrunk = math.exp(-delta)
        mixed = r + (1.0 - r) * shrunk
        return delta + math.log(mixed) - r * delta, sign * r * (1.0 - r) * (1.0 - shrunk) / mixed
    growth = math.expm1(delta)
    mixed = r * growth
    return math.log1p(mixed) - r * delta, sign * (1.0 - r) * mixed / (1.0 + mixed)


@jit(inline=True)
def divergence(ints, targets, scratch, start):
    """Return K after `network_forward`, the output layer's slopes replaced by its deltas."""
    size = targets.shape[0]
    n_points = ints[1]
    loss = 0.0
    for i in range(size):
        distance, slope = divergence_slope(scratch[start + i], targets[i])
        loss += distance
        scratch[start + size + i] *= slope / n_points
    return loss / n_points
