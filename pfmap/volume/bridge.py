"""P(f) by a bridge: from a normal law around one realisation to the prior.

In coordinates x that are standard normal under the prior p let q be a normal law with a mean and a
standard deviation for every coordinate, A the parameters with the wanted signs, and for powers
1 = b_0 > b_1 > … > b_K = 0

    Z(b) = ∫ p^(1-b) q^b 1(A),    Z(1) = q(A),    Z(0) = P(A).

q(A) is counted, and each ratio is a mean of weights,

    Z(b_(k+1)) / Z(b_k) = E_k[(p/q)^(b_k - b_(k+1))],

over chains that keep p^(1-b_k) q^(b_k) on A, which is a normal law restricted to A: its slices have
no step size (`pfmap.kernels.move_tilted`). Starts are drawn from the states of the power before by
these weights and all states of all chains count, as in `pfmap.volume.splitting`, so the estimate of
P(A) is unbiased whatever q is and however short the chains are, once q and the powers are fixed by
a pilot of its own. Units of a layer change places between powers (`pfmap.volume.permuting`): q
tells them apart and the prior does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import erfinv

from pfmap.kernels.severity_signs import SignTarget, TiltedSigns
from pfmap.kernels.variates import NORMAL

from .chains import Workspace, advance
from .permuting import exchange_units
from .target import Target

LEAST_WORTH = 0.5
"""Share of the states that their weights are worth at a power, in the pilot."""

SMALLEST_POWER = 1e-9


@dataclass(frozen=True)
class NormalLaw:
    """q: independent normal coordinates.

    Attributes
    ----------
    mean, sds : ndarray, shape (d,)
    """

    mean: np.ndarray
    sds: np.ndarray

    def at(self, power: float) -> NormalLaw:
        """The law proportional to prior^(1 - power) q^power."""
        precision = 1.0 - power + power * self.sds**-2.0
        return NormalLaw(power * self.mean * self.sds**-2.0 / precision, precision**-0.5)

    def log_ratio(self, x: np.ndarray) -> np.ndarray:
        """ln p/q at coordinates of shape (..., d)."""
        far = ((x - self.mean) / self.sds) ** 2 - x * x
        return np.asarray(0.5 * far.sum(axis=-1) + np.log(self.sds).sum())


@dataclass(frozen=True)
class Crossing:
    """One way over the bridge.

    Attributes
    ----------
    log_mass : float
        Estimate of ln P(A).
    powers : ndarray
        From 1 down to 0.
    states : ndarray, shape (n, d)
        Standard coordinates of the last power: draws of the prior restricted to A, about.
    evaluations : int
        Forward passes.
    """

    log_mass: float
    powers: np.ndarray
    states: np.ndarray
    evaluations: int


def cross(
    target: Target,
    law: NormalLaw,
    starts: np.ndarray,
    log_share: float,
    workspace: Workspace,
    *,
    key: np.uint64,
    powers: np.ndarray | None = None,
) -> Crossing:
    """Go from q to the prior once.

    Parameters
    ----------
    target : Target
        Wanted signs.
    law : NormalLaw
        q.
    starts : ndarray, shape (n, d)
        Draws of q with the wanted signs, in standard coordinates.
    log_share : float
        ln of the share that they are of all draws of q that were made.
    workspace : Workspace
        Says how many chains of how many steps; holds the last states at the end.
    key : uint64
        From `pfmap.volume.chains.stream_key`.
    powers : ndarray, optional
        1, …, 0; chosen on the way if None, and then the estimate is not unbiased.
    """
    kernel = target.kernel
    assert isinstance(kernel, SignTarget)
    rng = np.random.default_rng(int(key))
    n_chains, n_sizes = len(workspace.states), 2 * len(target.groups) + 1
    states, log_mass, made, evaluations = starts, log_share, [1.0], 0
    while made[-1] > 0.0:
        x = normal_coordinates(target, states)
        ratios = law.log_ratio(x)
        wanted = next_power(ratios, made[-1]) if powers is None else float(powers[len(made)])
        logs = (made[-1] - wanted) * ratios
        weights = np.exp(logs - logs.max())
        log_mass += float(logs.max() + math.log(weights.mean()))
        made.append(wanted)
        places = (np.arange(n_chains) + rng.random()) / n_chains
        chosen = np.searchsorted(np.cumsum(weights) / weights.sum(), places)
        chosen = np.minimum(chosen, len(states) - 1)
        here, x, states = law.at(wanted), x[chosen], states[chosen]
        exchange_units(kernel.net, x, states, here.mean, here.sds, rng)
        tilted = TiltedSigns(*kernel, here.mean, here.sds)
        effort = advance(
            replace(target, kernel=tilted, move_weights=(0.0, 1.0, 0.0, 0.0)), 0.0,
            np.zeros(n_sizes), states, np.zeros(n_chains), workspace, key=key,
            level=len(made),
        )  # fmt: skip
        evaluations += effort.evaluations
        states = workspace.states.reshape(-1, target.n_parameters)
    return Crossing(log_mass, np.array(made), states, evaluations)


def next_power(ratios: np.ndarray, power: float) -> float:
    """The power at which weights are worth `LEAST_WORTH` of the states; 0 if more even there."""

    def worth(wanted: float) -> float:
        logs = (power - wanted) * ratios
        weights = np.exp(logs - logs.max())
        return float(weights.sum() ** 2 / (weights @ weights) / len(weights))

    if worth(0.0) >= LEAST_WORTH or power <= SMALLEST_POWER:
        return 0.0
    low, high = math.log(SMALLEST_POWER / 10.0), math.log(power)
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if worth(math.exp(middle)) >= LEAST_WORTH else (middle, high)
    return math.exp(high)


def normal_coordinates(target: Target, states: np.ndarray) -> np.ndarray:
    """Coordinates that are standard normal under the prior."""
    return states.copy() if target.law == NORMAL else math.sqrt(2.0) * erfinv(states)
