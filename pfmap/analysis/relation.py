"""Whether two measured quantities are related: yes, not beyond r, or undecided with its power.

* ``related``: the 95 % interval of the coefficient excludes 0, and pure noise with the reported
  errors comes as far from 0 in under 1 % of simulations.
* ``no relation``: the interval lies within ±0.2, and so it does after correction for what the
  reported errors take from a coefficient.
* ``undecided``: neither; with the least |ρ| of the true values that this design would have found to
  be related with 80 % power. A coefficient that is not ``related`` means nothing without it.

Simulated data sets come from `pfmap.analysis.planting`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from pfmap.analysis.correlate import Estimate, correlate
from pfmap.analysis.planting import Design, design_of, plant
from pfmap.analysis.resampling import seeded
from pfmap.display import Displayed
from pfmap.errors import SettingsError

NONE_WITHIN = 0.2
POWER = 0.8
MAX_NOISE_RATE = 0.01
_HALVINGS = 7
_ATTENUATED_AT = 0.5


@dataclass(frozen=True, repr=False)
class Relation(Displayed):
    """A verdict on one coefficient.

    Attributes
    ----------
    estimate : Estimate
        The coefficient with its interval.
    verdict : {"related", "no relation", "undecided"}
    noise_rate : float
        Share of data sets without a relation whose coefficient is as far from 0.
    attenuation : float
        What the reported errors leave of a coefficient of the true values, 1 if nothing is lost.
    detectable : float
        Where undecided, the least |ρ| of the true values found with 80 % power; NaN if not even the
        strongest is, and under the other verdicts.
    """

    SHOWN: ClassVar = (
        "verdict",
        "estimate.estimate",
        "estimate.low",
        "estimate.high",
        "detectable",
    )

    estimate: Estimate
    verdict: Literal["related", "no relation", "undecided"]
    noise_rate: float
    attenuation: float
    detectable: float

    @property
    def bound(self) -> float:
        """Largest |ρ| in the interval, corrected for attenuation."""
        farthest = max(abs(self.estimate.low), abs(self.estimate.high))
        return farthest / self.attenuation if self.attenuation > 0.0 else math.inf

    @property
    def text(self) -> str:
        """The verdict as tables and summaries show it."""
        if self.verdict == "related":
            return "related"
        if self.verdict == "no relation":
            return f"no relation beyond {self.bound:.2f}"
        if self.estimate.problem:
            return f"undecided: {self.estimate.problem}"
        if math.isnan(self.detectable):
            return "undecided: no relation, however strong, would have been found"
        return f"undecided: would have found |ρ| >= {self.detectable:.2f} with 80 % power"


def judge_relation(
    frame: pd.DataFrame,
    x: str,
    y: str,
    *,
    errors: Mapping[str, str] | None = None,
    controls: Sequence[str] = (),
    n_resamples: int = 1000,
    n_simulations: int = 2000,
    seed: int = 0,
) -> Relation:
    """Judge the rank correlation of two columns.

    Parameters
    ----------
    frame : DataFrame
        One row a function, class or orbit; numeric columns. Rows where x, y or a control has no
        value are left out.
    x, y : str
        The columns.
    errors : mapping of str to str, optional
        For a column that was measured, the column of its standard errors. One that is not named is
        exact.
    controls : sequence of str, default ()
        Columns held fixed: the coefficient is then the partial one.
    n_resamples : int, default 1000
        Bootstrap resamples of the interval.
    n_simulations : int, default 2000
        Data sets without a relation, and half as many with one at each strength tried.
    seed : int, default 0
        Seed of both.

    Returns
    -------
    Relation
        ``undecided`` with `Estimate.problem` where there is no coefficient.

    Raises
    ------
    SettingsError
        If a standard error is negative or not finite, or a control is one of the two columns.

    Examples
    --------
    Forty functions cannot tell a ρ of .3 from none:

    >>> rng = np.random.default_rng(2)
    >>> frame = pd.DataFrame({"lz": rng.normal(size=40), "llc": rng.normal(size=40), "se": 0.5})
    >>> print(judge_relation(frame, "lz", "llc", errors={"llc": "se"}).text)
    undecided: would have found |ρ| >= 0.58 with 80 % power
    >>> frame["double"] = 2.0 * frame["lz"]
    >>> judge_relation(frame, "lz", "double").text
    'related'
    """
    if {x, y} & set(controls):
        raise SettingsError(f"controls: must be other columns than {x} and {y}, got {controls}")
    columns = [x, y, *controls]
    named = {name: column for name, column in (errors or {}).items() if name in (x, y)}
    values = frame[columns].astype(float)
    kept = np.isfinite(values.to_numpy()).all(axis=1)
    values = values[kept]
    spread = {name: _errors(frame, named.get(name), name)[kept] for name in (x, y)}
    method = "partial_spearman" if controls else "spearman"
    (estimate,) = correlate(
        values,
        [(x, y)],
        controls=controls,
        methods=[method],
        n_resamples=n_resamples,
        seed=seed,
    )
    if not math.isfinite(estimate.low):
        return Relation(estimate, "undecided", math.nan, math.nan, math.nan)
    design = design_of(
        values[x].to_numpy(),
        values[y].to_numpy(),
        spread[x],
        spread[y],
        values[list(controls)].to_numpy(),
    )
    labels = (x, y, *controls)
    none = np.abs(plant(design, 0.0, n_simulations, seeded(seed, "none", *labels)).observed)
    noise_rate = float((1 + (none >= abs(estimate.estimate)).sum()) / (1 + n_simulations))
    needed = float(np.quantile(none, 1.0 - MAX_NOISE_RATE))
    tried = _Planting(design, n_simulations // 2, seed, labels)
    found = Relation(estimate, "undecided", noise_rate, tried.attenuation(), math.nan)
    if estimate.excludes_zero and noise_rate < MAX_NOISE_RATE:
        return replace(found, verdict="related")
    if max(abs(estimate.low), abs(estimate.high)) <= NONE_WITHIN and found.bound <= NONE_WITHIN:
        return replace(found, verdict="no relation")
    least = [tried.detectable(sign * needed) for sign in (1.0, -1.0)]
    return replace(found, detectable=float(np.max(least)))


def _errors(frame: pd.DataFrame, column: str | None, name: str) -> np.ndarray:
    """Standard errors of a column, 0 where it is exact."""
    if column is None:
        return np.zeros(len(frame))
    values = frame[column].to_numpy(dtype=float)
    there = np.isfinite(frame[name].to_numpy(dtype=float))
    if not (np.isfinite(values[there]) & (values[there] >= 0.0)).all():
        raise SettingsError(
            f"errors: standard errors must be finite and at least 0, got others in {column}",
            next_step=f"leave out rows without an error of {name}",
        )
    return values


@dataclass(frozen=True)
class _Planting:
    """Planted relations of one design, with the same random numbers at every strength."""

    design: Design
    n_sets: int
    seed: int
    labels: tuple[str, ...]

    def _at(self, r: float) -> tuple[np.ndarray, float]:
        rng = seeded(self.seed, "planted", *self.labels)
        planted = plant(self.design, r, self.n_sets, rng)
        return planted.observed, float(planted.true.mean())

    def attenuation(self) -> float:
        """Coefficient with errors over that of the true values, at a middling strength."""
        observed, true = self._at(_ATTENUATED_AT)
        return float(np.clip(observed.mean() / true, 0.0, 1.0)) if true > 0.0 else 0.0

    def detectable(self, needed: float) -> float:
        """Least |ρ| of the true values whose coefficient passes `needed` with 80 % power.

        The sign of `needed` is that of the relation planted.
        """
        sign = math.copysign(1.0, needed)

        def power(r: float) -> tuple[float, float]:
            observed, true = self._at(sign * r)
            return float((sign * observed > abs(needed)).mean()), abs(true)

        low, high = 0.0, 1.0
        share, found = power(high)
        if share < POWER:
            return math.nan
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            share, true = power(middle)
            if share >= POWER:
                high, found = middle, true
            else:
                low = middle
        return found
