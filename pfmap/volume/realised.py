"""A lower bound on P(f) where no run of a splitting arrived: the mass around one realisation.

In coordinates x that are standard normal under the prior let A be the set of parameters with the
wanted signs, p the prior and q any law with a density. Then for every c

    P(A) >= P(A and p/q >= c) = E_q[p/q 1(A and p/q >= c)] >= c q(A and p/q >= c),

and the last probability is bounded from below by counting draws of q (Clopper & Pearson), once q
and c are fixed by other draws. Nothing else is assumed, so the bound holds however badly q fits A;
how far it lies below P(A) is what the fit decides. Other parts of A, those that permute units among
them, count as nothing.

q is a normal law with a mean and a standard deviation for every coordinate. Its mean is first
trained to the wanted signs; then both minimise, by Adam (Kingma & Ba 2015, arXiv 1412.6980) on
draws of q and their mirror images,

    KL(q, p) + w E_q[Σ_x log(1 + exp(-y_x g_x / (T rms(g))))],

so that parameters that do not matter stay free, which costs nothing, and the others become only as
narrow as the signs ask. The weight w falls on the way, and of the fits the one whose draws promise
the highest bound is counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.special import erf, expit

from pfmap.functions.probability import clopper_pearson
from pfmap.kernels.activation import facts_of_code
from pfmap.kernels.severity_signs import SignTarget
from pfmap.kernels.variates import NORMAL
from pfmap.models.network import network_model

from .certainty import ALPHA
from .chains import stream_key
from .estimate import VolumeEstimate
from .target import Target

STARTS = 4
"""Draws of the prior from which training begins, until one arrives."""

TRAINING_STEPS = 2000
FITTING_STEPS = 2000
RATE = 0.03
"""Steps of Adam, the second for each of `WEIGHTS`, and their size."""

TEMPERATURE = 0.3
"""T, in units of the root mean square of the outputs."""

WEIGHTS = (20.0, 10.0, 6.0, 4.0, 2.5)
"""Weights w, one after the other; the fit at each of them is tried."""

NARROWER = (1.0, 0.6, 0.35)
"""Factors of the fitted standard deviations that are tried."""

FIRST_SD = 0.02
"""Standard deviations of q where the fit begins."""

CHOOSING, COUNTED = 1024, 4096
"""Draws of every q that is tried, and of the one that was best."""


class Signs:
    """The wanted signs of a target as a smooth function of coordinates normal under the prior.

    Parameters
    ----------
    target : Target
        From `pfmap.volume.target.sign_target`.
    """

    def __init__(self, target: Target) -> None:
        kernel = target.kernel
        assert isinstance(kernel, SignTarget)
        net = kernel.net
        hidden, output = (
            facts_of_code(int(c), int(net.degree)) for c in (net.code, net.output_code)
        )
        self.model = network_model(
            tuple(int(width) for width in net.widths), net.inputs.T,
            activation=hidden.name, degree=int(net.degree), bias=bool(net.bias),
            output_activation=output.name,
        )  # fmt: skip
        self.wanted = kernel.signs
        self.tolerance = kernel.tolerance
        self.scales = target.scales
        self.is_normal = target.law == NORMAL

    def weights(self, x: np.ndarray) -> np.ndarray:
        """Parameters at coordinates x."""
        return self.scales * (x if self.is_normal else erf(x / math.sqrt(2.0)))

    def hold(self, x: np.ndarray) -> bool:
        """Whether all signs are right, beyond what rounding could change."""
        g = self.model.outputs(self.weights(x))
        near = self.tolerance * math.sqrt(np.mean(g * g))
        return bool((self.wanted * g > np.abs(self.wanted) * near)[self.wanted != 0.0].all())

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """Gradient of Σ_x log(1 + exp(-y g/(T rms(g)))) by x."""
        weights = self.weights(x)
        g = self.model.outputs(weights)
        rms = math.sqrt(max(np.mean(g * g), 1e-300))
        unit = g / rms
        slope = -self.wanted * expit(-self.wanted * unit / TEMPERATURE) / TEMPERATURE
        by_output = (slope - unit * (unit @ slope) / len(g)) / rms
        inner = self.scales
        if not self.is_normal:
            inner = inner * math.sqrt(2.0 / math.pi) * np.exp(-0.5 * x * x)
        return np.asarray(by_output @ self.model.jacobian(weights)) * inner


class Adam:
    """Steps against a gradient, scaled by its running moments."""

    def __init__(self, size: int) -> None:
        self.first, self.second, self.step = np.zeros(size), np.zeros(size), 0

    def move(self, gradient: np.ndarray, rate: float) -> np.ndarray:
        """What to add to the coordinates."""
        self.step += 1
        self.first += 0.1 * (gradient - self.first)
        self.second += 0.001 * (gradient * gradient - self.second)
        mean = self.first / (1.0 - 0.9**self.step)
        root = np.sqrt(self.second / (1.0 - 0.999**self.step))
        return -rate * mean / (root + 1e-8)


def realised_bound(target: Target, *, seed: int = 1) -> float:
    """Lower bound on log2 P of wanted signs, from the mass around a realisation found by training.

    It fails with probability 0.025 at most.

    Parameters
    ----------
    target : Target
        Wanted signs.
    seed : int, default 1
        Seed of the training and of the draws.

    Returns
    -------
    float
        NaN where training found no realisation.

    Examples
    --------
    A perceptron that is 1 everywhere but at 00, P = 1/8 without biases:

    >>> from pfmap.campaign import campaign_from_mapping
    >>> from pfmap.sampling import plan_sampling
    >>> from pfmap.volume import sign_target
    >>> network = {"widths": [3, 1], "bias": False}
    >>> prior = {"preset": "gaussian", "weight_scale": "none"}
    >>> plan = plan_sampling(campaign_from_mapping({"network": network, "prior": prior}))
    >>> signs = np.array([0.0] + 7 * [1.0])  # outputs at 000 are 0, whatever the weights
    >>> -6.0 < realised_bound(sign_target(plan, signs, name="7f")) < -3.0
    True
    """
    rng = np.random.default_rng(int(stream_key(seed, "realised", target.name)))
    signs = Signs(target)
    start = trained(signs, rng)
    if start is None:
        return math.nan
    level = 1.0 - 2.0 * ALPHA  # of an interval, of which the lower end is wanted
    log_shares = np.log(clopper_pearson(np.arange(1, CHOOSING + 1), CHOOSING, level=level)[0])
    best, log_c, chosen = -math.inf, math.nan, (start, start)
    for mean, sds in fitted(signs, start, rng):
        for factor in NARROWER:
            ratios = np.sort(log_ratios(signs, mean, factor * sds, CHOOSING, rng))[::-1]
            gains = ratios + log_shares
            if gains.max() > best:
                best, log_c, chosen = gains.max(), ratios[gains.argmax()], (mean, factor * sds)
    if best == -math.inf:
        return math.nan
    count = int((log_ratios(signs, *chosen, COUNTED, rng) >= log_c).sum())
    if count == 0:
        return math.nan
    share = float(clopper_pearson(count, COUNTED, level=level)[0])
    return float(min(0.0, log_c + math.log(share)) / math.log(2.0))


def trained(signs: Signs, rng: np.random.Generator) -> np.ndarray | None:
    """Coordinates with all signs right; None if no start led there."""
    for _ in range(STARTS):
        x, adam = rng.normal(size=len(signs.scales)), Adam(len(signs.scales))
        for step in range(TRAINING_STEPS):
            if step % 20 == 0 and signs.hold(x):
                return x
            x += adam.move(WEIGHTS[0] * signs.gradient(x) + x, RATE)
    return None


def fitted(
    signs: Signs, start: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Mean and standard deviations of q for every weight."""
    d = len(start)
    mean, logs, adam = start.copy(), np.full(d, math.log(FIRST_SD)), Adam(2 * d)
    for weight in WEIGHTS:
        for _ in range(FITTING_STEPS):
            sds, noise = np.exp(logs), rng.normal(size=d)
            one, two = signs.gradient(mean + sds * noise), signs.gradient(mean - sds * noise)
            by_mean = 0.5 * weight * (one + two) + mean
            by_log = 0.5 * weight * (one - two) * noise * sds + sds**2 - 1.0
            move = adam.move(np.concatenate([by_mean, by_log]), RATE)
            mean, logs = mean + move[:d], np.minimum(logs + move[d:], 0.0)
        yield mean, np.exp(logs)


def log_ratios(
    signs: Signs, mean: np.ndarray, sds: np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """ln p/q at draws of q; -inf where a sign is wrong."""
    found = np.full(draws, -math.inf)
    constant = float(np.log(sds).sum())
    for draw in range(draws):
        noise = rng.normal(size=len(mean))
        x = mean + sds * noise
        if signs.hold(x):
            found[draw] = constant + 0.5 * float(noise @ noise - x @ x)
    return found


def bracketed(found: VolumeEstimate) -> VolumeEstimate:
    """The estimate with a lower bound by a realisation, where its runs give none."""
    if found.target.loss != "signs" or not math.isnan(found.log2_p_lower):
        return found
    if Signs(found.target).model.without_slope:  # nothing to train by
        return found
    return replace(found, realised=realised_bound(found.target, seed=found.settings.seed))
