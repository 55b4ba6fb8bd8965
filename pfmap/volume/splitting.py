"""Multilevel splitting: the prior mass V(t) = Prior{severity <= t}, level by level.

A pilot chooses the levels t_1 > t_2 > … and the sizes of the moves. Each run then keeps them fixed,
and with them its estimate is unbiased: of the states at level l, as many as there are chains are
drawn from those at or below t_(l+1), each goes on as a chain inside that set, and all states of
all chains serve to estimate the next fraction (waste-free sequential Monte Carlo: Dau & Chopin
2022, arXiv 2011.02328, algorithm 2):

    V̂(t_(l+1)) = V̂(t_l) · (share of the states at level l with severity <= t_(l+1)).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from pfmap.display import Displayed
from pfmap.kernels.philox import random_words
from pfmap.kernels.splitting import ACCEPTED, TRIED

from .chains import Workspace, advance, draw_prior, stream_key
from .target import Target

KEEP = 0.25
"""Share of the states that a level keeps."""

SUBLEVELS = 4
"""Points of the curve from one level to the next."""

HEAD = (0.98, 0.95, 0.9, 0.8)
"""Shares of the prior's draws at further points, above those: the free energy of few samples."""

SEGMENTS = 4
TARGET_ACCEPTANCE = 0.25
FAINT = 0.02
"""Acceptance that counts as none when sizes adapt."""

LEAST_SHARE = 0.01

CREEPING_LEVELS = 10
CREEPING_SLOPE = 1000.0
CREEPING_FALL = 0.1
"""A loss is taken to have no smaller value where d log V/d log t over that many levels exceeds the
slope, and t falls there by less than this share of its fall over as many levels before."""

RESAMPLING_LEVEL = 1 << 13


@dataclass(frozen=True, repr=False)
class Settings(Displayed):
    """Lengths of a splitting.

    Attributes
    ----------
    chains, steps : int
        Chains of every level, and steps of each; their product is the number of particles. At equal
        cost few long chains leave less variance than many short ones.
    runs : int
        Independent runs after the pilot.
    max_levels : int
        Levels after which the pilot gives up.
    lowest : float
        Severity at which the pilot has arrived.
    seed : int
        Seed of all random numbers.

    Examples
    --------
    >>> Settings(runs=4)
    Settings(chains=32, steps=128, runs=4, max_levels=200, lowest=0, seed=1)
    """

    chains: int = 32
    steps: int = 128
    runs: int = 8
    max_levels: int = 200
    lowest: float = 0.0
    seed: int = 1


@dataclass(frozen=True)
class Levels:
    """What the pilot chose.

    Attributes
    ----------
    thresholds : ndarray, shape (levels + 1,)
        Infinity, then t_1 > t_2 > …
    log_sizes : ndarray, shape (levels + 1, sizes)
        log sizes of the moves at every level; the first row, of the prior's draws, is not used.
    curve : list of ndarray
        For every level the severities, descending and ending with the next threshold, at which its
        states measure the curve; empty after the last level.
    verdict : str
        reached | budget | stalled.
    evaluations : int
        Forward passes of the pilot.
    margin : float, default 0.0
        Margin κ of the severity of signs that the levels belong to.
    log_variance : float, default NaN
        Variance of the pilot's ln V̂ at its last level, from its chains.
    """

    thresholds: np.ndarray
    log_sizes: np.ndarray
    curve: list[np.ndarray]
    verdict: str
    evaluations: int
    margin: float = 0.0
    log_variance: float = math.nan


@dataclass(frozen=True)
class Run:
    """One run at fixed levels.

    Attributes
    ----------
    log_volumes : ndarray, shape (points of the curve,)
        ln V̂ at the severities of `Levels.curve`, joined; -inf once no state was left.
    covariances : list of ndarray
        For every level the covariance, from its chains, of ln(share) at its points.
    acceptances : ndarray, shape (levels,)
        Share of moves accepted at the levels t_1, t_2, …; NaN where nothing was left to move.
    evaluations : int
        Forward passes.
    """

    log_volumes: np.ndarray
    covariances: list[np.ndarray]
    acceptances: np.ndarray
    evaluations: int


def find_levels(
    target: Target,
    settings: Settings,
    pool: ThreadPoolExecutor,
    *,
    watch: Callable[[int], None] | None = None,
) -> Levels:
    """Run the pilot: levels at the quantile `KEEP`, sizes adapted towards a quarter accepted.

    `watch` is called with the number of every level found. Which severity to order wanted signs by
    is chosen before: `pfmap.volume.severities`.
    """
    key = stream_key(settings.seed, "volume", target.name, target.loss, "pilot")
    workspace = Workspace(target, settings.chains, settings.steps, pool)
    evaluations = draw_prior(target, workspace, key=key).evaluations
    sizes = np.full(2 * len(target.groups) + 1, math.log(0.5))
    thresholds, log_sizes, curve = [math.inf], [sizes.copy()], []
    verdict, log_variance = "budget", 0.0
    while True:
        wanted = next_threshold(workspace.severities.ravel(), thresholds[-1], settings.lowest)
        if wanted is None:
            verdict = "stalled"
            break
        level = len(thresholds)
        head = HEAD if level == 1 else ()
        curve.append(curve_points(workspace.severities.ravel(), wanted, head))
        thresholds.append(wanted)
        by_chain = (workspace.severities <= wanted).mean(axis=1, keepdims=True)
        spread = _covariance_of_log(by_chain, independent=level == 1, steps=settings.steps)
        log_variance += float(spread[-1, -1])
        if watch is not None:
            watch(level)
        positions = resample(workspace.severities.ravel(), wanted, settings.chains, key, level)
        if wanted <= settings.lowest or level >= settings.max_levels:
            log_sizes.append(sizes.copy())
            verdict = "reached" if wanted <= settings.lowest else "budget"
            break
        if target.loss != "signs" and is_creeping(thresholds, target.n_parameters):
            log_sizes.append(sizes.copy())
            verdict = "stalled"
            break
        starts, severities = workspace.choose(positions)
        length = -(-settings.steps // SEGMENTS)
        for first in range(0, settings.steps, length):
            columns = slice(first, min(first + length, settings.steps))
            effort = advance(
                target, wanted, sizes, starts, severities, workspace, key=key, level=level,
                columns=columns,
            )  # fmt: skip
            evaluations += effort.evaluations
            starts = workspace.states[:, columns.stop - 1].copy()
            severities = workspace.severities[:, columns.stop - 1].copy()
            sizes = adapted_sizes(sizes, effort.counts)
        log_sizes.append(sizes.copy())
    return Levels(
        np.array(thresholds), np.array(log_sizes[: len(thresholds)]), curve, verdict, evaluations,
        target.margin, log_variance,
    )  # fmt: skip


def adapted_sizes(sizes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """log sizes after a segment of a level, from what was accepted there."""
    tried = counts[:, TRIED]
    accepted = counts[:, ACCEPTED] / np.maximum(tried, 1.0)
    aims = np.full(len(sizes), TARGET_ACCEPTANCE)
    aims[-1] = 0.7
    # Acceptance falls about as 1/size, and a level may ask for sizes four times smaller than the
    # last, λ = 1/2 does: a step of log acceptance keeps up, one of acceptance not.
    change = np.log((accepted + FAINT) / (aims + FAINT))
    return np.clip(np.where(tried > 0.0, sizes + change, sizes), -40.0, 0.0)


def next_threshold(severities: np.ndarray, current: float, lowest: float) -> float | None:
    """Level that keeps the share `KEEP`, not below `lowest`; None on a plateau.

    Where more than that share ties with the current level, the highest severity below it, if
    enough states are there.
    """
    wanted = float(np.quantile(severities, KEEP, method="lower"))
    if wanted < current:
        return max(wanted, lowest)
    below = severities[severities < current]
    if len(below) >= LEAST_SHARE * len(severities):
        return max(float(below.max()), lowest)
    return None


def is_creeping(thresholds: list[float], n_parameters: int) -> bool:
    """Whether the levels of a loss approach a t above 0, as they do where nothing is below.

    Examples
    --------
    >>> is_creeping([0.3 + 4.0**-level for level in range(22)], 2)
    True
    >>> is_creeping([4.0**-level for level in range(22)], 2)  # λ = 1
    False
    >>> is_creeping([0.5 - 1e-4 * level for level in range(22)], 2)  # a plateau with an end
    False
    """
    if len(thresholds) <= 2 * CREEPING_LEVELS + 1:
        return False
    before, middle, last = thresholds[-1::-CREEPING_LEVELS][2::-1]
    slope = -CREEPING_LEVELS * math.log(KEEP) / max(math.log(middle / last), 1e-300)
    # On a plateau, such as that of the constants, levels are close too, but do not come closer.
    ceasing = middle - last < CREEPING_FALL * (before - middle)
    return ceasing and slope > max(CREEPING_SLOPE, 10.0 * n_parameters)


def curve_points(severities: np.ndarray, wanted: float, head: tuple[float, ...] = ()) -> np.ndarray:
    """Severities between two levels where the curve is measured, ending with `wanted`.

    They keep the shares KEEP^(1/4), KEEP^(2/4), … of the states, and those in `head`.
    """
    shares = np.append(head, KEEP ** (np.arange(1, SUBLEVELS) / SUBLEVELS))
    points = np.quantile(severities, shares, method="lower")
    points = points[points > wanted]
    return np.append(np.unique(points)[::-1], wanted)


def resample(
    severities: np.ndarray, threshold: float, chains: int, key: np.uint64, level: int
) -> np.ndarray:
    """Positions of the ancestors: systematic resampling of the states at or below the threshold.

    Every such state is expected chains/(number of them) times, which is what makes V̂ unbiased.
    """
    alive = np.flatnonzero(severities <= threshold)
    words = np.empty(64, dtype=np.uint32)
    random_words(key, np.int64(level + RESAMPLING_LEVEL) << 48, words)
    offset = (float(words[0]) + 0.5) / 2.0**32
    places = (np.arange(chains) + offset) / chains * len(alive)
    return alive[places.astype(np.int64)]


def run_levels(
    target: Target,
    levels: Levels,
    settings: Settings,
    run: int,
    pool: ThreadPoolExecutor,
    *,
    workspace: Workspace | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """One run at the pilot's levels; depends on the seed, the target's name and `run` alone.

    A workspace, if one is given, holds the states of the last level at the end.
    """
    key = stream_key(settings.seed, "volume", target.name, target.loss, run)
    target = target.with_margin(levels.margin)
    if workspace is None:
        workspace = Workspace(target, settings.chains, settings.steps, pool)
    evaluations = draw_prior(target, workspace, key=key).evaluations
    log_volume = 0.0
    log_volumes, covariances = [], []
    acceptances = np.full(len(levels.curve), math.nan)
    for level, points in enumerate(levels.curve):
        shares = workspace.severities[:, :, None] <= points
        by_chain = shares.mean(axis=1) if log_volume > -math.inf else np.zeros((1, len(points)))
        share = by_chain.mean(axis=0)
        covariances.append(
            _covariance_of_log(by_chain, independent=level == 0, steps=settings.steps)
        )
        with np.errstate(divide="ignore"):
            log_volumes.append(log_volume + np.log(share))
        log_volume = float(log_volumes[-1][-1])
        if level + 1 == len(levels.curve) or log_volume == -math.inf:
            continue
        severities = workspace.severities.ravel()
        threshold = levels.thresholds[level + 1]
        positions = resample(severities, threshold, settings.chains, key, level + 1)
        starts, start_severities = workspace.choose(positions)
        effort = advance(
            target, threshold, levels.log_sizes[level + 1], starts, start_severities, workspace,
            key=key, level=level + 1,
        )  # fmt: skip
        evaluations += effort.evaluations
        tried = effort.counts[:, TRIED].sum()
        acceptances[level] = effort.counts[:, ACCEPTED].sum() / max(tried, 1.0)
        if progress is not None:
            progress(level + 1, len(levels.curve))
    return Run(np.concatenate(log_volumes), covariances, acceptances, evaluations)


def _covariance_of_log(by_chain: np.ndarray, independent: bool, steps: int) -> np.ndarray:
    """Covariance of ln(share) from the spread over chains; draws of the prior are independent."""
    share = by_chain.mean(axis=0)
    n_chains = len(by_chain)
    safe = np.where(share > 0.0, share, math.nan)
    if independent:
        smaller = np.minimum.outer(share, share)
        return (smaller - np.outer(share, share)) / np.outer(safe, safe) / (n_chains * steps)
    if n_chains < 2:
        return np.full((len(share), len(share)), math.nan)
    return np.atleast_2d(np.cov(by_chain.T)) / np.outer(safe, safe) / n_chains
