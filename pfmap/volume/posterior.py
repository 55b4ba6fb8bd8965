"""Draws from the prior conditioned on a training set: the Bayesian side of training.

P_B(f|S) = P(f) 1[f fits S] / P(S), with P(S) = Prior{w : the outputs have the labels of S}, which
is PAC-Bayes' marginal likelihood. Multilevel splitting finds P(S), and its runs end in states that
fit S, which are drawn from (`conditioned`).
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pfmap.arguments import checked_number
from pfmap.display import Displayed
from pfmap.errors import DataError, SettingsError
from pfmap.functions.keys import keys_from_words, words_from_bits
from pfmap.sampling import plan_sampling
from pfmap.settings.campaign import Campaign

from .conditioned import DRAWS_PER_CHAIN, Conditioning, Draws, combined_means, weighted_mean
from .estimate import VolumeEstimate, estimate_volume
from .expressible import why_not_expressible
from .probability import check_functions
from .splitting import Settings
from .target import sign_target
from .training import TrainingSet

DELTA = 0.05
"""Probability that a training set breaks the bound on the error."""


@dataclass(frozen=True, repr=False)
class Posterior(Displayed):
    """Draws from the posterior over functions.

    Attributes
    ----------
    training : TrainingSet
    estimate : VolumeEstimate
        Of P(S), with its verdict; without draws unless that is ``reached`` or ``uncertain``.
    words : ndarray of uint64, shape (runs, chains, draws, words)
        Bits of the function of every draw, the first point on top of word 0.
    weights : ndarray of float64, shape (runs,)
        Weight of each run; they add up to 1.
    acceptance : float
        Share of the moves accepted while drawing; NaN without draws.
    elapsed_s : float
    """

    SHOWN: ClassVar = (
        "n_draws",
        "estimate.log2_p",
        "estimate.log2_p_se",
        "estimate.verdict",
        "error_bound",
        "acceptance",
    )

    training: TrainingSet
    estimate: VolumeEstimate
    words: np.ndarray
    weights: np.ndarray
    acceptance: float
    elapsed_s: float = field(default=0.0, compare=False)

    @property
    def n_draws(self) -> int:
        """Draws in all; those of one chain are correlated."""
        return int(np.prod(self.words.shape[:3]))

    def mean(self, values: np.ndarray) -> tuple[float, float]:
        """Posterior mean of a quantity of the draws, and its standard error (`weighted_mean`).

        Parameters
        ----------
        values : ndarray, shape (runs, chains, draws)

        Returns
        -------
        tuple of float
            Mean and standard error.
        """
        return weighted_mean(values, self.weights)

    def completions(self) -> dict[str, np.ndarray]:
        """Every function drawn, the most probable first.

        Returns
        -------
        dict
            ``function`` (key), ``probability`` and ``probability_se``: P_B(f|S), its standard error
            as in `mean`; ``draws`` that express it; ``wrong``: unseen inputs where it differs from
            the truth, -1 where none is known.
        """
        runs, chains, draws, n_words = self.words.shape
        flat = self.words.reshape(-1, n_words)
        names, which = np.unique(flat, axis=0, return_inverse=True)
        chain = np.repeat(np.arange(runs * chains), draws)
        pairs, counts = np.unique(which.ravel() * (runs * chains) + chain, return_counts=True)
        function, chain = pairs // (runs * chains), pairs % (runs * chains)
        place = function * runs + chain // chains
        shares = counts / draws
        size = len(names) * runs
        means = np.bincount(place, shares, size).reshape(-1, runs) / chains
        squares = np.bincount(place, shares**2, size).reshape(-1, runs)
        variances = (squares - chains * means**2) / (chains - 1)
        probability, error = combined_means(means, np.maximum(variances, 0.0), self.weights, chains)
        order = np.lexsort((*names.T[::-1], -probability))
        known = self.training.truth is not None
        wrong = self._wrong(names) if known else np.full(len(names), -1)
        return {
            "function": keys_from_words(names, self.training.n_points, True)[order],
            "probability": probability[order],
            "probability_se": error[order],
            "draws": np.bincount(function, counts, len(names)).astype(np.int64)[order],
            "wrong": wrong[order],
        }

    def errors(self) -> dict[str, np.ndarray]:
        """Law of the number of wrong unseen inputs, over the whole domain and not a sample of it.

        Returns
        -------
        dict
            ``wrong``: 0 … unseen inputs; ``probability`` and ``probability_se`` as in `mean`.

        Raises
        ------
        SettingsError
            If the training set has no truth.
        """
        wrong = self._wrong(self.words)
        found = [self.mean(wrong == k) for k in range(len(self.training.unseen) + 1)]
        means, errors = np.array(found).T
        return {"wrong": np.arange(len(found)), "probability": means, "probability_se": errors}

    def mean_wrong(self) -> tuple[float, float]:
        """Mean number of wrong unseen inputs, and its standard error; raises as `errors`."""
        return self.mean(self._wrong(self.words))

    def _wrong(self, words: np.ndarray) -> np.ndarray:
        """Unseen inputs where functions differ from the truth; labels of S may differ from it."""
        if self.training.truth is None:
            raise SettingsError(
                "truth: errors need the function that the labels come from, got labels alone",
                next_step="give the function too",
            )
        unseen = self.training.signs == 0.0
        truth, mask = words_from_bits(np.array([self.training.truth, unseen]))
        return np.bitwise_count((words ^ truth) & mask).sum(axis=-1).astype(np.int64)

    @property
    def error_bound(self) -> float:
        """PAC-Bayes' bound on the mean share of wrong inputs at δ = 0.05 (`error_bound`).

        NaN if the inputs were not drawn, or P(S) is not known. Of an uncertain P(S) the lower bound
        is taken, which makes the bound on the error larger.
        """
        if not self.training.drawn:
            return math.nan
        uncertain = self.estimate.verdict == "uncertain"
        log2_p = self.estimate.log2_p_lower if uncertain else self.estimate.log2_p
        return error_bound(log2_p, len(self.training.inputs))


def error_bound(log2_p: float, size: int, *, delta: float = DELTA) -> float:
    """Bound on the posterior's mean error, from the marginal likelihood.

    With probability 1 - δ over m inputs drawn uniformly, with replacement or without, and labelled
    by a fixed function, the posterior's mean error ε over all inputs, seen and unseen, satisfies

        -ln(1 - ε) <= (ln 1/P(S) + ln 1/δ) / m.

    This is PAC-Bayes (McAllester 1998) for zero training error. Proof: a function of error ε_f fits
    S with probability at most (1 - ε_f)^m. So Σ_f P(f) 1[f fits S] (1 - ε_f)^-m has mean at most 1,
    and by Markov's inequality exceeds 1/δ with probability at most δ. Else, divided by P(S), the
    posterior's mean of (1 - ε_f)^-m is at most 1/(δ P(S)), and by Jensen's inequality
    (1 - ε)^-m is no larger.

    Parameters
    ----------
    log2_p : float
        log2 P(S).
    size : int
        m.
    delta : float, default 0.05
        δ.

    Returns
    -------
    float
        Largest ε that is left; 1 for m = 0, NaN where P(S) is not known.

    Examples
    --------
    >>> round(error_bound(-10.0, 40), 3)
    0.22
    """
    delta = checked_number("delta", delta, above=0.0, most=1.0)
    if not math.isfinite(log2_p):
        return math.nan
    if size == 0:
        return 1.0
    return -math.expm1((log2_p * math.log(2.0) + math.log(delta)) / size)


def sample_posterior(
    campaign: Campaign,
    training: TrainingSet,
    settings: Settings | None = None,
    *,
    draws_per_chain: int = DRAWS_PER_CHAIN,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    watch: Callable[[int], None] | None = None,
) -> Posterior:
    """Draw functions from the prior conditioned on a training set.

    Parameters
    ----------
    campaign : Campaign
        Network and prior, with Boolean functions of 2 to 8 inputs.
    training : TrainingSet
        S; empty for the prior itself.
    settings : Settings, optional
        Lengths and seed of the splitting, as for a probability.
    draws_per_chain : int, default 16
        Draws of each chain of each run, `settings.steps` steps apart, after as many steps to adapt.
    threads : int, optional
        None means every CPU. The result does not depend on it.
    progress, watch : callable, optional
        As for `estimate_volume`.

    Returns
    -------
    Posterior
        Without draws where P(S) was not reached or is 0.

    Raises
    ------
    SettingsError
        If the training set is not one of the campaign's domain, or a length cannot be used.

    Examples
    --------
    >>> from pfmap.settings.network import Network
    >>> from pfmap.settings.prior import Prior
    >>> from pfmap.functions import parse_function
    >>> from pfmap.volume.training import restricted
    >>> campaign = Campaign(network=Network(widths=(2, 4, 1)), prior=Prior(preset="gaussian"))
    >>> training = restricted(parse_function("and", 2), [0, 3])
    >>> found = sample_posterior(campaign, training, Settings(chains=32, runs=4), threads=1)
    >>> set(found.completions()["function"]) <= {"1", "3", "5", "7"}  # 0 at 00, 1 at 11
    True
    """
    check_functions(campaign)
    if training.n_points != campaign.n_points:
        raise SettingsError(
            f"training: made for {training.n_points} points, the campaign has {campaign.n_points}"
        )
    settings = settings or Settings()
    began = time.perf_counter()
    signs = training.signs
    digest = hashlib.sha256(signs.tobytes()).hexdigest()[:16]
    plan = plan_sampling(campaign)
    target = sign_target(plan, signs, name=f"S {digest}")
    n_words = -(-training.n_points // 64)

    def read(states: np.ndarray) -> np.ndarray:
        words = np.empty((len(states), n_words), dtype=np.uint64)
        if not plan.read(target.scales, states, words):
            raise DataError(f"{target.name}: an output must be finite, got NaN or infinity")
        return words

    conditioning = Conditioning(target, settings, draws_per_chain, read)
    estimate = estimate_volume(
        target,
        settings,
        proof=why_not_expressible(campaign, signs),
        at_end=conditioning.draw,
        threads=threads,
        progress=progress,
        watch=watch,
    )
    found = conditioning.draws(estimate)
    if found is None:
        none = np.zeros((0, settings.chains, draws_per_chain, n_words), dtype=np.uint64)
        found = Draws(none, np.zeros(0), math.nan)
    return Posterior(
        training,
        estimate,
        found.values,
        found.weights,
        found.acceptance,
        time.perf_counter() - began,
    )
