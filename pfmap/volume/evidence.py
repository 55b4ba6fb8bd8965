"""Free energy at every sample size, from a volume curve.

    F(n) = -log Z(n),   Z(n) = ∫ exp(-n t) dV(t),   λ_eff(n) = dF/d log n = n E[t],

the mean under the density exp(-n t) dV(t)/Z: the Laplace transform of the volume curve, which is
the evidence of n samples with the noise taken out (Watanabe 2009, Algebraic Geometry and
Statistical Learning Theory, ch. 1). Between two points of the curve V follows a power of t, whose
exponent is taken from all runs together, so that Z is linear in each run's V̂ and the mean of Z
over runs is as unbiased as V̂ is, up to the interpolation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from pfmap.arguments import checked_array
from pfmap.display import Displayed
from pfmap.errors import SettingsError

from .combine import average_logs
from .estimate import VolumeEstimate

RESOLUTION = 1.0 / 3.0
"""n · t_min over λ_eff(n) up to which F(n) is given."""

LARGEST_HEAD = 0.05
"""Error of F from above the first point of the curve from which on F is not given: n is small."""

PER_DECADE = 16
N_NODES = 8
MIN_RUNS = 2
LEAST_SLOPE = 1e-6

FARTHEST = 300.0
"""log of t/t_1 beyond which nothing lies: a flat start of the curve has its end beyond float64."""


@dataclass(frozen=True, repr=False)
class FreeEnergy(Displayed):
    """F and λ_eff at given n; NaN at every n that the curve does not support.

    Attributes
    ----------
    n : ndarray, shape (sizes,)
        Sample sizes, ascending.
    free_energy, free_energy_se : ndarray, shape (sizes,)
        F(n) in nats, and its standard error: that of V̂, and the error of the interpolation and of
        the ends of the curve.
    lambda_eff, lambda_eff_se : ndarray, shape (sizes,)
        dF/d log n, likewise. Its statistical error is the larger of the jackknife's over runs and
        of the runs' standard deviation over √R, R = (Σ Z)²/Σ Z² the runs that count.
    """

    n: np.ndarray
    free_energy: np.ndarray
    free_energy_se: np.ndarray
    lambda_eff: np.ndarray
    lambda_eff_se: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Whether the curve supports n, bool of shape (sizes,)."""
        return np.isfinite(self.free_energy)


def free_energy(estimate: VolumeEstimate, n: np.ndarray | None = None) -> FreeEnergy:
    """F(n) and λ_eff(n) of a loss from its volume curve.

    Parameters
    ----------
    estimate : VolumeEstimate
        Of a loss, with at least two runs. It need not have reached its lowest t.
    n : ndarray, shape (sizes,), optional
        Sample sizes, above 0. None takes sixteen a decade, on a grid that is the same for every
        curve, from 1 to the reciprocal of the lowest t.

    Returns
    -------
    FreeEnergy
        NaN where n t_min > λ_eff(n)/3, t_min the lowest t measured: nothing is extrapolated. NaN
        too where n is so small that the unmeasured part above the first point of the curve leaves
        F uncertain by more than 0.05.

    Raises
    ------
    SettingsError
        If the severity is not a loss, there are fewer than two runs, or some n is not above 0.

    Examples
    --------
    K = w²/2 with w ~ N(0, 1): F(n) = ½ log(1 + n).

    >>> from pfmap.models.polynomial import polynomial_model
    >>> from pfmap.volume import Settings, estimate_volume, loss_target
    >>> target = loss_target(polynomial_model([[1]]), name="w")
    >>> curve = estimate_volume(target, Settings(lowest=1e-6))
    >>> found = free_energy(curve, [10.0, 1e3, 1e7])
    >>> error = np.abs(found.free_energy - 0.5 * np.log1p(found.n))
    >>> (error < 5 * found.free_energy_se).tolist()  # 1e7 is beyond what the curve supports
    [True, True, False]
    """
    if estimate.target.loss == "signs":
        raise SettingsError(
            "estimate: must be of a loss, got one of signs, for which F tends to -log P(f)",
            next_step="make the target with loss_target",
        )
    if len(estimate.runs) < MIN_RUNS:
        raise SettingsError(
            f"estimate: must hold at least {MIN_RUNS} runs, got {len(estimate.runs)}",
            next_step="set runs=8",
        )
    known = np.isfinite(estimate.curve.between_se)
    t = estimate.curve.severities[known]
    if n is None:
        lowest = float(t[-1]) if len(t) else 1.0
        decades = max(0.0, -math.log10(lowest))
        sizes = 10.0 ** (np.arange(math.floor(decades * PER_DECADE) + 1) / PER_DECADE)
    else:
        sizes = np.atleast_1d(checked_array("n", n))
    if not (np.isfinite(sizes) & (sizes > 0.0)).all():
        raise SettingsError(f"n: must be finite and above 0, got {sizes.min()}")
    nothing = np.full(len(sizes), math.nan)
    if len(t) < 3:
        return FreeEnergy(sizes, nothing, nothing, nothing, nothing)
    logs = np.array([run.log_volumes[known] for run in estimate.runs])
    log_z, log_nt = _transform(t, logs, sizes)
    energy, energy_se, effective, effective_se = _average(sizes, log_z, log_nt)
    effective_se = np.fmax(effective_se, _spread(log_z, log_nt, np.isfinite(logs[:, -1])))
    within = np.interp(
        np.log(effective / sizes), np.log(t[::-1]), estimate.curve.within_se[known][::-1]
    )
    errors, head = _errors(t, logs, sizes)
    energy_se = np.sqrt(np.fmax(energy_se, within) ** 2 + errors[0] ** 2)
    effective_se = np.hypot(effective_se, errors[1])
    supported = (sizes * t[-1] <= RESOLUTION * effective) & (head <= LARGEST_HEAD)
    columns = (energy, energy_se, effective, effective_se)
    return FreeEnergy(sizes, *(np.where(supported, column, math.nan) for column in columns))


def _average(
    n: np.ndarray, log_z: np.ndarray, log_nt: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """F, λ_eff and their statistical errors from log Z and log (Z E[nt]) of the runs."""
    n_runs = len(log_z)
    top = log_z.max(axis=0)
    z, nt = np.exp(log_z - top), np.exp(log_nt - top)
    # Z is as skew over the runs as V̂ is, so its mean and error are taken in the same way.
    averaged = average_logs(n, log_z, np.zeros_like(log_z))
    without = (nt.sum(axis=0) - nt) / (z.sum(axis=0) - z)
    jackknife = (n_runs - 1) / n_runs * ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    effective = nt.mean(axis=0) / z.mean(axis=0)
    return -averaged.log_volumes, averaged.between_se, effective, np.sqrt(jackknife)


def _spread(log_z: np.ndarray, log_nt: np.ndarray, alive: np.ndarray) -> np.ndarray:
    """Standard deviation of λ_eff over the runs that have a state left, over √R.

    R = (Σ Z)²/Σ Z² is how many runs count. A few that make most of Z may agree by chance.
    """
    if alive.sum() < MIN_RUNS:
        return np.zeros(log_z.shape[1])
    each = np.exp(log_nt[alive] - log_z[alive])
    shares = np.exp(log_z - logsumexp(log_z, axis=0))
    return np.asarray(each.std(axis=0, ddof=1) * np.sqrt((shares**2).sum(axis=0)))


def _transform(
    t: np.ndarray, logs: np.ndarray, n: np.ndarray, *, tail: float = 1.0, head: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """log ∫ e^(-nt) dV̂ and log ∫ nt e^(-nt) dV̂ of every run, two arrays of shape (runs, sizes).

    Below the last point V goes on with the last exponent times `tail`. Above the first, where
    1 - V̂ is left, it rises with the first exponent until it is 1, or, where `head` is given, all of
    that mass lies at ``t = head``.
    """
    mean = logsumexp(logs, axis=0) - math.log(len(logs))
    slopes = np.maximum(np.diff(mean) / np.diff(np.log(t)), LEAST_SLOPE)
    top = t[0] * math.exp(min(-float(mean[0]) / slopes[0], FARTHEST))
    nodes, log_weights = _nodes(np.append(top, t), np.append(slopes[0], slopes))
    end, end_weights = _end_nodes(t[-1], tail * float(slopes[-1]))
    nodes = np.vstack([nodes, end])
    log_weights = np.vstack([log_weights, end_weights])
    if head is not None:
        nodes[0] = head
    exponents = np.multiply.outer(-n, nodes)
    log_laplace = logsumexp(exponents + log_weights, axis=2)
    with np.errstate(divide="ignore"):
        log_nt = logsumexp(exponents + log_weights + np.log(-exponents), axis=2)
        whole = np.hstack([np.zeros((len(logs), 1)), logs, np.full((len(logs), 1), -math.inf)])
        before, after = whole[:, :-1], whole[:, 1:]
        # A run without a state left has no mass below: it counts as 0, as its V̂ does.
        alive = before > -math.inf
        falls = np.minimum(after - np.where(alive, before, 0.0), 0.0)
        masses = np.where(alive, before + np.log(-np.expm1(falls)), -math.inf)
    z = logsumexp(masses[:, None, :] + log_laplace[None], axis=2)
    nt = logsumexp(masses[:, None, :] + log_nt[None], axis=2)
    return z, nt


def _nodes(ends: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes t and log weights of the density ∝ t^(s-1) between neighbouring ends, descending."""
    places, weights = np.polynomial.legendre.leggauss(N_NODES)
    logs = np.log(ends)
    middle, half = 0.5 * (logs[1:] + logs[:-1]), 0.5 * (logs[:-1] - logs[1:])
    u = middle[:, None] + half[:, None] * places
    log_weights = np.log(weights) + slopes[:, None] * (u - middle[:, None])
    return np.exp(u), log_weights - logsumexp(log_weights, axis=1, keepdims=True)


def _end_nodes(last: float, slope: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and log weights of the density ∝ t^(s-1) on (0, last): t = last · y^(1/s), y even."""
    places, weights = np.polynomial.legendre.leggauss(N_NODES)
    return last * (0.5 * (places + 1.0)) ** (1.0 / slope), np.log(0.5 * weights)


def _errors(t: np.ndarray, logs: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors of F and λ_eff that more runs would not lower, shape (2, sizes), and F's at the head.

    Of the interpolation: a third of what leaving out every second point changes. Of the tail: what
    half the last exponent changes. Of the head: half of what all its mass at t_1, and all of it
    infinitely far off, differ by.
    """

    def of(t: np.ndarray, logs: np.ndarray, **ends: float) -> np.ndarray:
        log_z, log_nt = _transform(t, logs, n, **ends)
        energy, _, effective, _ = _average(n, log_z, log_nt)
        return np.stack([energy, effective])

    whole = of(t, logs)
    coarse = np.arange(len(t) - 1, -1, -2)[::-1]
    interpolation = (of(t[coarse], logs[:, coarse]) - whole) / 3.0
    tail = of(t, logs, tail=0.5) - whole
    far = t[0] + 700.0 / n.min()
    head = 0.5 * (of(t, logs, head=float(t[0])) - of(t, logs, head=float(far)))
    return np.sqrt(interpolation**2 + tail**2 + head**2), np.abs(head[0])
