"""A lower bound on P(f) where no run of a splitting arrived: by a bridge from a realisation.

Parameters are trained to the wanted signs, and a normal law q with a mean and a standard deviation
for every coordinate is fitted around them. Both minimise, by Adam (Kingma & Ba 2015, arXiv
1412.6980) on draws of q and their mirror images,

    KL(q, p) + w E_q[Σ_x log(1 + exp(-y_x g_x / (T rms(g))))],

p the prior, so that parameters that do not matter stay free and the others become only as narrow as
the signs ask. A bridge from q to the prior (`pfmap.volume.bridge`) leads to other realisations;
laws are fitted around some of those too, and the next bridge begins at the one with the largest
E_q[ln p/q], which is about the log mass of its cell. Independent crossings from the law that led
furthest, at powers fixed before, are unbiased estimates of P(f), and bound it from below
(`pfmap.volume.certainty.log2_lower_of_estimates`). Nothing else is assumed: parts of the set that
no crossing reached can only make the bound low.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from scipy.special import erf, expit

from pfmap.kernels.activation import facts_of_code
from pfmap.kernels.severity_signs import SignTarget
from pfmap.kernels.variates import NORMAL
from pfmap.models.network import network_model
from pfmap.threads import count_threads

from .bridge import Crossing, NormalLaw, cross, normal_coordinates
from .certainty import log2_lower_of_estimates
from .chains import Workspace, stream_key
from .estimate import VolumeEstimate
from .target import Target

STARTS = 8
"""Draws of the prior from which training begins, until `LAWS` arrived."""

TRAINING_STEPS = 2000
FITTING_STEPS = 2000
RATE = 0.03
"""Steps of Adam, and their size."""

WEIGHTS = (20.0, 40.0, 80.0, 160.0)
"""w, against the KL divergence: the first that gives a law with enough wanted signs."""

TEMPERATURE = 0.3
"""T, in units of the root mean square of the outputs."""

FIRST_SD = 0.02
"""Standard deviations of q where the fit begins."""

LEAST_SHARE, NARROWER = 0.2, 0.7
"""Share of q's draws with the wanted signs, and a factor that narrows q where it is less."""

LAWS, ROUNDS = 4, 4
"""Laws fitted in a round, and rounds, of which each ends in a short crossing."""

CROSSINGS = 6
"""Crossings that are counted."""

CHAINS, MOST_STEPS, WORK = 32, 1024, 1.6e9
"""Chains of a crossing; their steps are such that a power takes about that many multiply-adds."""

SHORTER = 8
"""Steps of counted crossings over those of the others."""

TRIED, COUNTED = 256, 1024
"""Draws of q by which a law is judged, and from which a crossing begins."""

Progress = Callable[[int, int], None]


class Signs:
    """The wanted signs of a target as a smooth function of coordinates normal under the prior.

    Parameters
    ----------
    target : Target
        From `pfmap.volume.target.sign_target`.
    """

    def __init__(self, target: Target) -> None:
        self.target, kernel = target, target.kernel
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
        self.is_normal = target.law == NORMAL

    def weights(self, x: np.ndarray) -> np.ndarray:
        """Parameters at coordinates x."""
        return self.target.scales * (x if self.is_normal else erf(x / math.sqrt(2.0)))

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
        inner = self.target.scales
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


def realised_bound(
    target: Target,
    *,
    seed: int = 1,
    threads: int | None = None,
    progress: Progress | None = None,
) -> float:
    """Lower bound on log2 P of wanted signs, by a bridge from a realisation found by training.

    It fails with probability 0.025 at most.

    Parameters
    ----------
    target : Target
        Wanted signs.
    seed : int, default 1
        Seed of the training and of the draws.
    threads : int, optional
        None means every CPU. The result does not depend on it.
    progress : callable, optional
        Called with (done, total) after every round of the search and every crossing.

    Returns
    -------
    float
        NaN where training found no realisation.

    Examples
    --------
    A perceptron that is 1 everywhere but at 00, P = 1/8 without biases:

    >>> from pfmap.settings.read import campaign_from_mapping
    >>> from pfmap.sampling import plan_sampling
    >>> from pfmap.volume import sign_target
    >>> network = {"widths": [3, 1], "bias": False}
    >>> prior = {"preset": "gaussian", "weight_scale": "none"}
    >>> plan = plan_sampling(campaign_from_mapping({"network": network, "prior": prior}))
    >>> signs = np.array([0.0] + 7 * [1.0])  # outputs at 000 are 0, whatever the weights
    >>> -6.0 < realised_bound(sign_target(plan, signs, name="7f")) < -3.0
    True
    """
    signs = Signs(target)
    names = ("realised", target.name)
    rng = np.random.default_rng(int(stream_key(seed, *names)))
    tell = progress or (lambda done, total: None)
    steps = int(np.clip(WORK / (CHAINS * target.pass_work), 2 * SHORTER, MOST_STEPS))
    total = ROUNDS + CROSSINGS
    with ThreadPoolExecutor(count_threads(threads)) as pool:
        short = Workspace(target, CHAINS, steps // SHORTER, pool)
        start = best_start(signs, rng, short, seed, tell)
        if start is None:
            return math.nan
        workspace, log_masses = Workspace(target, CHAINS, steps, pool), []
        for number in range(CROSSINGS):
            key = stream_key(seed, *names, "crossing", number)
            found = crossing(signs, start[0], rng, workspace, key, start[1])
            log_masses.append(-math.inf if found is None else found.log_mass)
            tell(ROUNDS + number + 1, total)
    return float(np.minimum(0.0, log2_lower_of_estimates(np.array(log_masses))))


def best_start(
    signs: Signs,
    rng: np.random.Generator,
    workspace: Workspace,
    seed: int,
    tell: Progress,
) -> tuple[NormalLaw, np.ndarray] | None:
    """The law whose short crossing found most, and its powers; None if training never arrived."""
    centres: list[np.ndarray] = []
    for _ in range(STARTS):
        if len(centres) < LAWS and (x := trained(signs, rng)) is not None:
            centres.append(x)
    best, most = None, -math.inf
    for number in range(ROUNDS if centres else 0):
        laws = [fitted(signs, centre, rng) for centre in centres]
        law = max(laws, key=lambda found: found[1])[0]
        key = stream_key(seed, "realised", signs.target.name, "round", number)
        found = crossing(signs, law, rng, workspace, key)
        if found is not None:
            places = rng.integers(len(found.states), size=LAWS)
            centres = list(normal_coordinates(signs.target, found.states[places]))
            if found.log_mass > most:
                best, most = (law, found.powers), found.log_mass
        tell(number + 1, ROUNDS + CROSSINGS)
    return best


def crossing(
    signs: Signs,
    law: NormalLaw,
    rng: np.random.Generator,
    workspace: Workspace,
    key: np.uint64,
    powers: np.ndarray | None = None,
) -> Crossing | None:
    """One crossing from fresh draws of a law; None, an estimate of 0, if all signs were wrong."""
    drawn = right_draws(signs, law, COUNTED, rng)
    if not len(drawn):
        return None
    states = drawn if signs.is_normal else erf(drawn / math.sqrt(2.0))
    log_share = math.log(len(drawn) / COUNTED)
    return cross(signs.target, law, states, log_share, workspace, key=key, powers=powers)


def right_draws(signs: Signs, law: NormalLaw, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Those of some draws of a law that have the wanted signs; shape (n, d)."""
    d = len(law.mean)
    drawn = (law.mean + law.sds * rng.normal(size=d) for _ in range(draws))
    return np.array([x for x in drawn if signs.hold(x)]).reshape(-1, d)


def trained(signs: Signs, rng: np.random.Generator) -> np.ndarray | None:
    """Coordinates with all signs right, from a draw of the prior; None if it did not lead there."""
    x = rng.normal(size=len(signs.target.scales))
    adam = Adam(len(x))
    for step in range(TRAINING_STEPS):
        if step % 20 == 0 and signs.hold(x):
            return x
        x += adam.move(WEIGHTS[0] * signs.gradient(x) + x, RATE)
    return None


def fitted(signs: Signs, centre: np.ndarray, rng: np.random.Generator) -> tuple[NormalLaw, float]:
    """The law that Adam finds from a centre with the wanted signs, and E_q[ln p/q] over them."""
    d = len(centre)
    mean, logs = centre.copy(), np.full(d, math.log(FIRST_SD))
    for weight in WEIGHTS:
        adam = Adam(2 * d)
        for _ in range(FITTING_STEPS):
            sds, noise = np.exp(logs), rng.normal(size=d)
            one, two = signs.gradient(mean + sds * noise), signs.gradient(mean - sds * noise)
            by_mean = 0.5 * weight * (one + two) + mean
            by_log = 0.5 * weight * (one - two) * noise * sds + sds**2 - 1.0
            move = adam.move(np.concatenate([by_mean, by_log]), RATE)
            mean, logs = mean + move[:d], np.minimum(logs + move[d:], 0.0)
        for factor in (1.0, NARROWER):
            law = NormalLaw(mean, factor * np.exp(logs))
            drawn = right_draws(signs, law, TRIED, rng)
            if len(drawn) >= LEAST_SHARE * TRIED:
                return law, float(law.log_ratio(drawn).mean())
    # A ball around the centre: the wanted signs hold near it.
    law = NormalLaw(centre, np.full(d, FIRST_SD))
    while len(drawn := right_draws(signs, law, TRIED, rng)) < LEAST_SHARE * TRIED:
        law = replace(law, sds=NARROWER * law.sds)
    return law, float(law.log_ratio(drawn).mean())


def bracketed(
    found: VolumeEstimate, *, threads: int | None = None, progress: Progress | None = None
) -> VolumeEstimate:
    """The estimate with a lower bound by a realisation, where its runs give none.

    Threads and progress are those of `realised_bound`.
    """
    if not isinstance(found.target.kernel, SignTarget) or not math.isnan(found.log2_p_lower):
        return found
    if Signs(found.target).model.without_slope:  # nothing to train by
        return found
    bound = realised_bound(
        found.target, seed=found.settings.seed, threads=threads, progress=progress
    )
    return replace(found, realised=bound)
