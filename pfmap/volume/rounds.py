"""An error asked for: rounds of growing lengths, of which the last alone is the estimate.

Runs that are added until their spread is small enough are biased: of a skew law few runs lie
together most often where all of them missed what is rare. So whether a round is the last, and how
long it is, is settled before its runs are made, by rounds that take no part in the estimate. Every
round has random numbers of its own, so that its mean Z_k has the expectation V whatever came
before it, and with K the number of the last one

    E[Z_K] = Σ_k E[1(K = k) E[Z_k | rounds before k]] = V Σ_k Prob(K = k) = V.

A pilot may decide too, since runs do not depend on it but for their levels, which are fixed before.
What is thrown away is a quarter, a sixteenth, … of the last round where that one is as long as its
predecessor allows.

The first round has a quarter of the steps asked for. Where a run had no state left, or runs lie
apart by more than `SHORT`, their mean hangs on the few that found what is rare, and the next round
is longer, in chains and steps alike. Where runs are better than that, or states fill the memory,
there are more of them instead, for then a run four times as long is worth about four.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from pfmap.arguments import checked_number

from .chains import stream_key
from .checkpoint import Checkpoint
from .estimate import VolumeEstimate, check_settings, estimate_volume
from .splitting import Settings
from .target import Target

LEAST_ERROR = 0.01
MOST_ERROR = 10.0
"""Errors in bits that may be asked for."""

FIRST = 4
"""The first round has this part of the steps."""

LONGER = 4.0
"""How much longer the runs of the next round may be: what short runs say of long ones is little."""

MORE = 16.0
"""How many times as many runs it may have: the spread of eight is known badly."""

SAFETY = 0.9
"""Part of the error asked for that the last round aims at."""

SHORT = 3.0
"""Standard deviation of single runs, in bits, above which longer runs are better than more."""

LONGEST = 4
"""Most that chains and steps may each exceed those asked for."""

MOST_STATES_BYTES = 1 << 28
"""Memory for the states of one level, beyond which rounds are made of more runs."""

MOST_WORK = 64.0
"""Work of a round, over that of the lengths asked for, at which it is the last whatever it says."""


def estimate_to_error(
    target: Target,
    error: float,
    settings: Settings | None = None,
    *,
    proof: str = "",
    folder: Path | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    watch: Callable[[int], None] | None = None,
) -> VolumeEstimate:
    """Measure V at the lowest severity with a standard error of at most `error`, if work allows.

    Parameters
    ----------
    target : Target
    error : float
        Standard error of log2 V, in bits, 0.01 to 10. It is aimed at, not promised: the last round
        is reported whatever its spread, which is what leaves it unbiased.
    settings : Settings, optional
        Lengths to begin with, and seed.
    proof, threads, progress, watch
        As for `estimate_volume`, `progress` round by round.
    folder : Path, optional
        Where finished runs of every round are kept and looked for; None keeps nothing.

    Returns
    -------
    VolumeEstimate
        That of the last round, with its lengths; `evaluations` and `elapsed_s` are those of all.

    Raises
    ------
    SettingsError
        If the error or a length cannot be used.

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> from pfmap.volume.target import loss_target
    >>> target = loss_target(polynomial_model([[1]]), name="w")  # K = w²/2, V(t) = P(w² <= 2t)
    >>> found = estimate_to_error(target, 0.05, Settings(lowest=0.5e-6), threads=1)
    >>> found.log2_p_se < 0.1, abs(found.log2_p + 10.2916) < 5 * found.log2_p_se
    (True, True)
    """
    error = checked_number("error", error, least=LEAST_ERROR, most=MOST_ERROR)
    given = settings or Settings()
    check_settings(given)
    lengths = replace(given, steps=max(4, given.steps // FIRST))
    is_last, number, spent, elapsed_s = False, 0, 0, 0.0
    while True:
        key = stream_key(given.seed, "round", number)
        lengths = replace(lengths, seed=int(key >> 1))
        kept = Checkpoint(folder, target, lengths).arguments() if folder is not None else {}
        made = estimate_volume(
            target, lengths, proof=proof, threads=threads, progress=progress, watch=watch, **kept
        )
        planned = None if is_last else next_round(made, error, given)
        if planned is None:
            return replace(made, discarded=spent, elapsed_s=made.elapsed_s + elapsed_s, error=error)
        lengths, is_last = planned
        spent, elapsed_s, number = spent + made.evaluations, elapsed_s + made.elapsed_s, number + 1


def next_round(made: VolumeEstimate, error: float, given: Settings) -> tuple[Settings, bool] | None:
    """Lengths of the round after `made`, and whether it is the last; None if `made` is.

    It is for its pilot alone: where that did not arrive and longer chains would not help.

    Parameters
    ----------
    made : VolumeEstimate
        A round that is thrown away if another one follows.
    error : float
        Standard error of log2 V asked for.
    given : Settings
        The lengths asked for.
    """
    lengths, d = made.settings, made.target.n_parameters
    longer = lengthened(lengths, LONGER, given, d)
    if made.levels.verdict != "reached":
        helps = made.levels.verdict == "stalled" and longer != lengths
        return (longer, False) if helps else None
    logs = np.array([run.log_volumes[-1] for run in made.runs]) / math.log(2.0)
    alive = bool(np.isfinite(logs).all())
    short = not alive or logs.std(ddof=1) > SHORT
    # What a dead run would have added is not known, so neither is the error.
    se = float(made.curve.log_volume_se[-1]) / math.log(2.0) if alive else math.inf
    needed = max(1.0, (se / (SAFETY * error)) ** 2)
    if short and longer != lengths:
        following = longer if needed > LONGER else lengthened(lengths, needed, given, d)
        is_last = needed <= LONGER
    else:
        following = replace(lengths, runs=math.ceil(lengths.runs * min(needed, MORE)))
        is_last = needed <= MORE
    most = MOST_WORK * _work(given)
    if _work(following) < most:
        return following, is_last
    runs = max(lengths.runs, int(most / (following.chains * following.steps)))
    return replace(following, runs=min(runs, following.runs)), True


def lengthened(lengths: Settings, growth: float, given: Settings, n_parameters: int) -> Settings:
    """Chains and steps longer by the square root of `growth` each, as far as limits allow.

    Steps come back to those asked for first.

    Examples
    --------
    >>> given = Settings(chains=32, steps=128)
    >>> longer = lengthened(given, 4.0, given, 100)
    >>> longer.chains, longer.steps
    (64, 256)
    >>> longer = lengthened(Settings(chains=32, steps=32), 4.0, given, 100)
    >>> longer.chains, longer.steps
    (32, 128)
    >>> longer = lengthened(given, 4.0, given, 10**5)  # no memory for more states
    >>> longer.chains, longer.steps
    (32, 128)
    """
    states = lengths.chains * lengths.steps
    room = MOST_STATES_BYTES / (8.0 * n_parameters * states)
    growth = max(1.0, min(growth, room))
    back = min(growth, max(1.0, given.steps / lengths.steps))
    side = math.sqrt(growth / back)
    return replace(
        lengths,
        chains=min(
            2 * round(lengths.chains * side / 2), max(lengths.chains, LONGEST * given.chains)
        ),
        steps=min(round(lengths.steps * back * side), LONGEST * given.steps),
    )


def _work(lengths: Settings) -> float:
    return float(lengths.chains * lengths.steps * lengths.runs)
