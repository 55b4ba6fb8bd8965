"""Volume curve and probability of one target: pilot, runs, verdict."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pfmap.arguments import checked_number
from pfmap.display import Displayed
from pfmap.errors import SettingsError, shown
from pfmap.threads import count_threads

from .certainty import is_uncertain, log2_lower, log2_upper
from .chains import Workspace
from .combine import Curve, combine_runs
from .severities import choose_levels
from .splitting import Levels, Run, Settings, run_levels
from .target import Target

RUNS_FOR_A_BOUND = 2
"""Runs of signs where the pilot did not arrive: the mass at its last level is only a bound."""


@dataclass(frozen=True, repr=False)
class VolumeEstimate(Displayed):
    """What a splitting found.

    Attributes
    ----------
    target : Target
    settings : Settings
    levels : Levels
        Of the pilot.
    runs : list of Run
    curve : Curve
        ln V at every point.
    verdict : str
        reached: the curve goes down to the lowest severity asked for; uncertain: it does, and the
        mean of its runs is no estimate there (`pfmap.volume.certainty`); budget: `max_levels` were
        not enough; stalled: no state came below the last level, fewer than two runs got there, or
        the levels of a loss creep towards a t above 0; not expressible: V(0) = 0, proved.
    proof : str
        Why it is not expressible; else empty.
    realised : float
        Lower bound on log2 V by a realisation (`pfmap.volume.realised`); NaN where none was made.
    discarded : int
        Forward passes of rounds that were thrown away (`pfmap.volume.rounds`).
    error : float
        Standard error asked for, in bits; 0 where none was.
    elapsed_s : float
    """

    SHOWN: ClassVar = (
        "target.name",
        "log2_p",
        "log2_p_se",
        "verdict",
        "log2_p_lower",
        "log2_p_upper",
        "evaluations",
    )

    target: Target
    settings: Settings
    levels: Levels
    runs: list[Run]
    curve: Curve
    verdict: str
    proof: str = ""
    realised: float = math.nan
    discarded: int = 0
    error: float = 0.0
    elapsed_s: float = field(default=0.0, compare=False)

    @property
    def log2_p(self) -> float:
        """log2 V at the lowest severity asked for; -inf if not expressible, NaN unless reached."""
        if self.verdict == "not expressible":
            return -math.inf
        if self.verdict != "reached":
            return math.nan
        return float(self.curve.log_volumes[-1]) / math.log(2)

    @property
    def log2_p_se(self) -> float:
        """Standard error of `log2_p` in bits."""
        if self.verdict == "not expressible":
            return 0.0
        if self.verdict != "reached":
            return math.nan
        return float(self.curve.log_volume_se[-1]) / math.log(2)

    @property
    def log2_p_upper(self) -> float:
        """Upper bound on log2 V(0) (`pfmap.volume.certainty`): the least V plus two errors."""
        if self.verdict == "not expressible":
            return -math.inf
        return log2_upper(self.curve, self.runs) if self.runs else 0.0

    @property
    def log2_p_lower(self) -> float:
        """Lower bound on log2 V at the lowest severity asked for.

        By Markov's inequality where a run got there (`pfmap.volume.certainty`), else by a
        realisation, if one was looked for and found. It fails with probability 0.025 at most. NaN
        where there is neither.
        """
        if self.verdict == "not expressible":
            return -math.inf
        by_runs = log2_lower(self.runs) if self.levels.verdict == "reached" else math.nan
        return self.realised if math.isnan(by_runs) else by_runs

    @property
    def evaluations(self) -> int:
        """Forward passes, the pilot's and those of rounds thrown away included."""
        made = self.levels.evaluations + sum(run.evaluations for run in self.runs)
        return self.discarded + made


def estimate_volume(
    target: Target,
    settings: Settings | None = None,
    *,
    proof: str = "",
    levels: Levels | None = None,
    keep_levels: Callable[[Levels], None] | None = None,
    finished: dict[int, Run] | None = None,
    keep: Callable[[int, Run], None] | None = None,
    at_end: Callable[[Levels, Workspace, int, Run], None] | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    watch: Callable[[int], None] | None = None,
) -> VolumeEstimate:
    """Measure V(t) = Prior{severity <= t} down to `settings.lowest`.

    Parameters
    ----------
    target : Target
        From `sign_target` or `loss_target`.
    settings : Settings, optional
        Lengths and seed.
    proof : str, default ""
        A proof that no parameter meets the target; nothing is sampled then.
    levels : Levels, optional
        What the pilot chose, from an interrupted estimate with the same target and settings.
    keep_levels : callable, optional
        Called with the pilot's levels if it had to be made.
    finished : dict, optional
        Runs by number that need not be made again, from an interrupted estimate with the same
        target and settings.
    keep : callable, optional
        Called with (number, run) after every run: where a caller stores it.
    at_end : callable, optional
        Called with (levels, workspace, number, run) after every run that is made, while the
        workspace holds its states of the last level.
    threads : int, optional
        None means every CPU. The result does not depend on it.
    progress : callable, optional
        Called with (done, total) runs, the pilot among them.
    watch : callable, optional
        Called with the number of every level that the pilot finds: how many there will be is not
        known before it ends.

    Returns
    -------
    VolumeEstimate

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> from pfmap.volume.target import loss_target
    >>> target = loss_target(polynomial_model([[1]]), name="w")  # K = w²/2, V(t) = P(w² <= 2t)
    >>> found = estimate_volume(target, Settings(lowest=0.5e-6, runs=4), threads=1)
    >>> found.verdict, abs(2.0**found.log2_p / 7.978843e-4 - 1.0) < 0.2
    ('reached', True)
    """
    settings = settings or Settings()
    check_settings(settings)
    _check_resolution(target, settings.lowest)
    began = time.perf_counter()
    empty = np.zeros(0)
    nothing = Curve(empty, empty, empty, empty, [])
    if proof:
        none = Levels(np.array([math.inf]), np.zeros((1, 1)), [], "not expressible", 0)
        return VolumeEstimate(target, settings, none, [], nothing, "not expressible", proof)
    done = dict(finished or {})
    with ThreadPoolExecutor(count_threads(threads)) as pool:
        if levels is None:
            levels = choose_levels(target, settings, pool, watch=watch)
            if keep_levels is not None:
                keep_levels(levels)
        n_runs = runs_needed(target, settings, levels)
        if progress is not None:
            progress(1, n_runs + 1)
        # One for all runs: fresh memory for each would cost as much as many forward passes.
        workspace = Workspace(target, settings.chains, settings.steps, pool)
        for number in range(n_runs):
            if number not in done:
                done[number] = run_levels(
                    target, levels, settings, number, pool, workspace=workspace
                )
                if at_end is not None:
                    at_end(levels, workspace, number, done[number])
                if keep is not None:
                    keep(number, done[number])
            if progress is not None:
                progress(number + 2, n_runs + 1)
    runs = [done[number] for number in range(n_runs)]
    curve = combine_runs(levels.curve, runs) if levels.curve else nothing
    verdict = levels.verdict
    if verdict == "reached" and not math.isfinite(curve.between_se[-1]):
        # One run of many says nothing about how far the others would have missed.
        verdict = "stalled"
    elif verdict == "reached" and is_uncertain(curve, runs):
        verdict = "uncertain"
    return VolumeEstimate(
        target, settings, levels, runs, curve, verdict, elapsed_s=time.perf_counter() - began
    )


def runs_needed(target: Target, settings: Settings, levels: Levels) -> int:
    """Runs of an estimate whose pilot chose `levels`: few where only a bound can come out."""
    if levels.verdict != "reached" and target.loss == "signs":
        return min(settings.runs, RUNS_FOR_A_BOUND)
    return settings.runs


def _check_resolution(target: Target, lowest: float) -> None:
    """Refuse levels of a loss where the rounding of outputs near their targets decides."""
    # A loss of one's own without targets is taken to be exact.
    targets = getattr(target.model, "targets", 0.0)
    largest = float(np.abs(targets).max(initial=0.0))
    least = 1e4 * (np.finfo(float).eps * largest) ** 2
    if target.loss != "signs" and lowest < least:
        raise SettingsError(
            f"lowest: must be at least {least:.1e}, what float64 resolves of a loss with targets "
            f"as large as {largest:g}, got {lowest:g}"
        )


def check_settings(settings: Settings) -> None:
    """Raise SettingsError for lengths that cannot be used."""
    for name, least, most in (
        ("chains", 8, 10_000),
        ("steps", 4, 100_000),
        ("runs", 2, 1000),
        ("max_levels", 1, 8000),
    ):
        value = getattr(settings, name)
        if not least <= value <= most:
            raise SettingsError(f"{name}: must lie within {least}…{most}, got {shown(value)}")
    checked_number("lowest", settings.lowest, least=0.0)
