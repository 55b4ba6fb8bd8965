"""Draws from the prior conditioned on a small severity, at the end of every run of a splitting.

A run ends in states at or below the last level. They go on as chains inside it, first to adapt
their steps, then to be drawn from. A run counts by its estimate V̂ of the mass there: the weighted
states of a run are an unbiased estimate of the prior restricted to the set, so the ratio of two
weighted means converges to the mean under the conditioned prior.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.kernels.splitting import ACCEPTED, TRIED
from pfmap.models.base import LossModel

from .chains import Workspace, advance, stream_key
from .estimate import VolumeEstimate, estimate_volume
from .splitting import SEGMENTS, Levels, Run, Settings, adapted_sizes, resample
from .target import Law, Target, loss_target

DRAWS_PER_CHAIN = 16
"""Draws of each chain that count, a sweep of `Settings.steps` steps apart."""

Reader = Callable[[np.ndarray], np.ndarray]
"""From states in standard coordinates, shape (chains, d), to what is kept of each."""


@dataclass(frozen=True)
class Draws:
    """What was read of the draws of all runs.

    Attributes
    ----------
    values : ndarray, shape (runs, chains, draws, ...)
    weights : ndarray of float64, shape (runs,)
        Weight of each run; they add up to 1.
    acceptance : float
        Share of the moves accepted while drawing; NaN without draws.
    """

    values: np.ndarray
    weights: np.ndarray
    acceptance: float


class Conditioning:
    """Collects the draws of an estimate: its `draw` is what `estimate_volume` calls `at_end`."""

    def __init__(
        self, target: Target, settings: Settings, draws_per_chain: int, read: Reader
    ) -> None:
        if not 1 <= draws_per_chain <= 1000:
            raise SettingsError(f"draws_per_chain: must lie within 1…1000, got {draws_per_chain}")
        self.target = target
        self.settings = settings
        self.draws_per_chain = draws_per_chain
        self.read = read
        self.found: list[tuple[np.ndarray, float, float]] = []

    def draw(self, levels: Levels, workspace: Workspace, number: int, run: Run) -> None:
        """Go on from the states of a run, if it has reached the last level, and draw."""
        if levels.verdict != "reached" or run.log_volumes[-1] == -math.inf:
            return
        target, settings = self.target, self.settings
        key = stream_key(settings.seed, "posterior", target.name, number)
        threshold = float(levels.thresholds[-1])
        sizes = levels.log_sizes[-1]
        positions = resample(workspace.severities.ravel(), threshold, settings.chains, key, 0)
        starts, severities = workspace.choose(positions)
        length = -(-settings.steps // SEGMENTS)
        accepted = tried = 0.0
        values = []
        for sweep in range(self.draws_per_chain + 1):
            # The first sweep adapts the steps to this last level, in parts; its states do not
            # count.
            pace = length if sweep == 0 else settings.steps
            for first in range(0, settings.steps, pace):
                columns = slice(first, min(first + pace, settings.steps))
                effort = advance(
                    target, threshold, sizes, starts, severities, workspace, key=key,
                    level=sweep + 1, columns=columns,
                )  # fmt: skip
                starts = workspace.states[:, columns.stop - 1].copy()
                severities = workspace.severities[:, columns.stop - 1].copy()
                if sweep == 0:
                    sizes = adapted_sizes(sizes, effort.counts)
            if sweep > 0:
                accepted += effort.counts[:, ACCEPTED].sum()
                tried += effort.counts[:, TRIED].sum()
                values.append(self.read(starts))
        share = float(accepted / max(tried, 1.0))
        self.found.append((np.stack(values, axis=1), float(run.log_volumes[-1]), share))

    def draws(self, estimate: VolumeEstimate) -> Draws | None:
        """All draws, runs weighted by their V̂; None unless the estimate was reached."""
        if estimate.verdict not in ("reached", "uncertain") or not self.found:
            return None
        logs = np.array([log_volume for _, log_volume, _ in self.found])
        weights = np.exp(logs - logs.max())
        return Draws(
            np.array([values for values, _, _ in self.found]),
            weights / weights.sum(),
            float(np.mean([acceptance for _, _, acceptance in self.found])),
        )


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Mean of a quantity of the draws, and its standard error.

    Of two standard errors, from the spread of the runs and from that of the chains inside them, the
    larger is given.

    Parameters
    ----------
    values : ndarray, shape (runs, chains, draws)
    weights : ndarray, shape (runs,)
        Weight of each run.

    Returns
    -------
    tuple of float
        Mean and standard error.
    """
    by_chain = np.asarray(values, dtype=np.float64).mean(axis=2)
    squares = by_chain.var(axis=1, ddof=1)
    means, errors = combined_means(
        by_chain.mean(axis=1)[None], squares[None], weights, by_chain.shape[1]
    )
    return float(means[0]), float(errors[0])


def combined_means(
    means: np.ndarray, variances: np.ndarray, weights: np.ndarray, n_chains: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted means over runs, and the larger of their two standard errors.

    `means` and `variances` are those of the chains' means in every run, shape (quantities, runs).
    """
    mean = means @ weights
    within = np.sqrt(variances @ weights**2 / n_chains)
    if len(weights) < 2:
        return mean, within
    # The spread of the runs without their weights: once one run outweighs the others, the mean is
    # that run's and the weighted spread about it vanishes.
    between = np.sqrt(means.var(axis=1, ddof=1) * (weights @ weights))
    return mean, np.maximum(between, within)


@dataclass(frozen=True, repr=False)
class ParameterPosterior(Displayed):
    """Parameters drawn from the prior conditioned on a small severity.

    Attributes
    ----------
    estimate : VolumeEstimate
        Of the mass conditioned on, with its verdict; without draws unless that is ``reached``.
    parameters : ndarray of float64, shape (runs, chains, draws, d)
        Those of one chain are correlated.
    weights : ndarray of float64, shape (runs,)
        Weight of each run; they add up to 1.
    acceptance : float
        Share of the moves accepted while drawing; NaN without draws.
    elapsed_s : float
    """

    SHOWN: ClassVar = ("parameters", "estimate.log2_p", "estimate.verdict", "acceptance")

    estimate: VolumeEstimate
    parameters: np.ndarray
    weights: np.ndarray
    acceptance: float
    elapsed_s: float = field(default=0.0, compare=False)

    def mean(self, quantity: Callable[[np.ndarray], float]) -> tuple[float, float]:
        """Mean of a quantity of the parameters, and its standard error (`weighted_mean`).

        Parameters
        ----------
        quantity : callable
            From float64 of shape (d,) to a number, such as an output at a new input, or whether
            the output there is above 0.

        Raises
        ------
        SettingsError
            If there are no draws.
        """
        if not len(self.weights):
            raise SettingsError(
                f"mean: there are no draws, the estimate ended {self.estimate.verdict}",
                next_step="set a larger lowest, or more levels",
            )
        d = self.parameters.shape[-1]
        values = np.array([float(quantity(w)) for w in self.parameters.reshape(-1, d)])
        return weighted_mean(values.reshape(self.parameters.shape[:3]), self.weights)


def sample_parameters(
    model: LossModel | Target,
    settings: Settings | None = None,
    *,
    sds: np.ndarray | float = 1.0,
    law: Law = "normal",
    name: str = "model",
    draws_per_chain: int = DRAWS_PER_CHAIN,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    watch: Callable[[int], None] | None = None,
) -> ParameterPosterior:
    """Draw parameters from the prior conditioned on {w : K(w) <= settings.lowest}.

    With a loss this is the posterior of whoever learns that K(w) is at most `lowest`; of any model
    with a loss, one of your own included.

    Parameters
    ----------
    model : LossModel or Target
        A model with a loss, or what `loss_target` or `sign_target` made.
    settings : Settings, optional
        Lengths, seed and the severity asked for, as for `estimate_volume`.
    sds, law, name
        Prior of a model and name of its random numbers, as for `volume_curve`; a target has them.
    draws_per_chain : int, default 16
        Draws of each chain of each run, `settings.steps` steps apart, after as many steps to adapt.
    threads, progress, watch
        As for `estimate_volume`.

    Returns
    -------
    ParameterPosterior
        Without draws where that severity was not reached.

    Raises
    ------
    SettingsError
        If a length cannot be used.

    Examples
    --------
    K = w²/2 at most 1/200: w is uniform on [-0.1, 0.1], but for the slope of the prior.

    >>> from pfmap.models.own import OwnLoss
    >>> from pfmap.volume import Settings
    >>> mine = OwnLoss(1, lambda w: 0.5 * float(w[0]) ** 2)
    >>> found = sample_parameters(mine, Settings(lowest=0.005, chains=16, steps=16, runs=4))
    >>> square, error = found.mean(lambda w: w[0] ** 2)
    >>> found.estimate.verdict, abs(square - 0.01 / 3) < 5 * error
    ('reached', True)
    """
    settings = settings or Settings()
    target = model if isinstance(model, Target) else loss_target(model, sds, name=name, law=law)
    began = time.perf_counter()
    conditioning = Conditioning(
        target, settings, draws_per_chain, lambda states: states * target.scales
    )
    estimate = estimate_volume(
        target, settings, at_end=conditioning.draw, threads=threads, progress=progress, watch=watch
    )
    found = conditioning.draws(estimate)
    if found is None:
        shape = (0, settings.chains, draws_per_chain, target.n_parameters)
        found = Draws(np.zeros(shape), np.zeros(0), math.nan)
    return ParameterPosterior(
        estimate, found.values, found.weights, found.acceptance, time.perf_counter() - began
    )
