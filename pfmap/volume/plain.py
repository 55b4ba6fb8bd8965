"""The splitting in plain NumPy, for any severity and any prior: slow and readable.

It serves to understand and to check the compiled engine, and to measure the mass of a set that no
compiled model describes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .splitting import next_threshold

Severity = Callable[[np.ndarray], np.ndarray]
Draw = Callable[[int, np.random.Generator], np.ndarray]
Move = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def normal_draw(n_parameters: int) -> Draw:
    """Draws of d standard normal coordinates."""
    return lambda n, rng: rng.normal(size=(n, n_parameters))


def normal_walk(size: float = 0.5) -> Move:
    """z' = sqrt(1 - ρ²) z + ρ ξ (arXiv 1202.0709, eq. 1.2), ρ the `size`, for every row."""
    shrink = math.sqrt(1.0 - size**2)
    return lambda states, rng: shrink * states + size * rng.normal(size=states.shape)


def plain_splitting(
    severity: Severity,
    draw: Draw,
    move: Move,
    *,
    thresholds: list[float] | None = None,
    lowest: float = 0.0,
    chains: int = 128,
    steps: int = 32,
    max_levels: int = 200,
    seed: int = 1,
) -> tuple[float, list[float]]:
    """Estimate V = Prior{severity <= lowest}.

    Parameters
    ----------
    severity : callable
        From states of shape (k, d) to severities of shape (k,), 0 where the target is met.
    draw : callable
        (k, rng) to k independent draws of the prior, shape (k, d).
    move : callable
        (states, rng) to proposed states; it must keep the prior and be reversible.
    thresholds : list of float, optional
        Levels, descending, from an earlier call; V̂ is unbiased only with levels fixed beforehand.
        None chooses them on the way.
    lowest : float, default 0.0
        Severity at which the splitting has arrived.
    chains, steps : int, default 128 and 32
        Chains of every level, and steps of each.
    max_levels : int, default 200
        Levels after which it gives up.
    seed : int, default 1
        Seed of the random numbers.

    Returns
    -------
    log_volume : float
        ln V̂ of the last level used; -inf if no state was left there.
    thresholds : list of float
        The levels used.

    Examples
    --------
    >>> def positive(z):  # all ten coordinates: V = 2^-10
    ...     return np.maximum(0.0, -z).sum(axis=1)
    >>> draw, move = normal_draw(10), normal_walk(0.5)
    >>> _, levels = plain_splitting(positive, draw, move, seed=0)
    >>> runs = [
    ...     plain_splitting(positive, draw, move, thresholds=levels, seed=seed)[0]
    ...     for seed in range(1, 9)
    ... ]
    >>> bool(abs(np.log2(np.mean(np.exp(runs))) + 10) < 0.5)
    True
    """
    rng = np.random.default_rng(seed)
    states = draw(chains * steps, rng)
    severities = severity(states)
    used: list[float] = []
    threshold, log_volume = math.inf, 0.0
    while threshold > lowest and len(used) < max_levels:
        if thresholds is None:
            wanted = next_threshold(severities, threshold, lowest)
        else:
            wanted = thresholds[len(used)] if len(used) < len(thresholds) else None
        if wanted is None:
            break
        used.append(threshold := wanted)
        alive = np.flatnonzero(severities <= threshold)
        if not len(alive):
            return -math.inf, used
        log_volume += math.log(len(alive) / len(severities))
        places = (np.arange(chains) + rng.random()) / chains * len(alive)
        ancestors = alive[places.astype(np.int64)]
        state, current = states[ancestors], severities[ancestors]
        parts, found = [], []
        for _ in range(steps):
            trial = move(state, rng)
            proposed = severity(trial)
            inside = proposed <= threshold
            state = np.where(inside[:, None], trial, state)
            current = np.where(inside, proposed, current)
            parts.append(state)
            found.append(current)
        states, severities = np.concatenate(parts), np.concatenate(found)
    return log_volume, used
