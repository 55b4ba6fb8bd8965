"""Prior mass, free energy, λ_f and complexity of the same classes: every relation with a verdict.

One row a class, so that the unit is the orbit. log2 P is held against every measure; F(n) and
λ_eff(n) against P, λ_f and the measures. The n at which they are judged is fixed beforehand by the
kernel alone: where its own λ_eff(n) goes best with its own P. What is not judged, F and λ_eff at
all other n, is described.

What is held fixed in the partial coefficients: T, entropy, orbit size and average sensitivity; with
Δ = log2 P - log2 P_kernel also the kernel's P.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from pfmap.analysis.correlate import MIN_ROWS, Estimate, correlate
from pfmap.analysis.quantities import ORBIT_SIZE, with_controls
from pfmap.analysis.relation import Relation, judge_relation
from pfmap.functions.symmetry import prior_symmetries
from pfmap.settings.campaign import Campaign
from pfmap.store.question_schema import CLASSES, RELATIONS

SENSITIVITY = "sensitivity"
EXACT = "function_llc"
DELTA = "delta"
POINTS_TIMES = 4.0
"""n over the points of the domain, where there is no kernel to choose n."""

_NOT_MEASURES = {column.name for column in CLASSES} - {EXACT}
_ERRORS = {
    "log2_p": "log2_p_se",
    "free_energy": "free_energy_se",
    "lambda_eff": "lambda_eff_se",
    DELTA: "delta_se",
}


@dataclass(frozen=True)
class Question:
    """The classes of a campaign as the analysis sees them.

    Attributes
    ----------
    classes : DataFrame
        One row a class: `pfmap.store.question_schema.CLASSES`, measures, ``delta``, ``delta_se``
        and the controls.
    energies : DataFrame
        ``free_energy``.
    measures : tuple of str
        Complexities that take more than one value, and λ_f.
    constant : tuple of str
        Those that take one value only, or none.
    controls : tuple of str
        What is held fixed.
    n_judged : float
        The n at which F and λ_eff are judged.
    n_last : float
        The largest n at which λ_eff is known of nine classes in ten.
    """

    classes: pd.DataFrame
    energies: pd.DataFrame
    measures: tuple[str, ...]
    constant: tuple[str, ...]
    controls: tuple[str, ...]
    n_judged: float
    n_last: float


def question_of(classes: pd.DataFrame, energies: pd.DataFrame, campaign: Campaign) -> Question:
    """Prepare the tables ``classes`` and ``free_energy``.

    Parameters
    ----------
    classes, energies : DataFrame
        Not empty.
    campaign : Campaign
        Its domain and symmetries say what the controls are.
    """
    m = campaign.n_points
    names = [name for name in classes.columns if name not in _NOT_MEASURES]
    ones = classes["ones"].to_numpy(dtype=float)
    if prior_symmetries(campaign).complement:
        ones = np.minimum(ones, m - ones)
    # Made anew, since classes whose T are folded onto each other must tie exactly.
    folded = classes.assign(ones=ones).drop(columns="entropy", errors="ignore")
    classes, held = with_controls(folded, m)
    classes = classes.assign(
        **{ORBIT_SIZE: np.log2(classes["orbit_size"].to_numpy(dtype=float))},
        delta=classes["log2_p"] - classes["log2_p_kernel"],
        delta_se=np.hypot(classes["log2_p_se"], classes["log2_p_kernel_se"]),
    )
    varied = [name for name in names if classes[name].nunique() > 1]
    controls = [*held, ORBIT_SIZE, *([SENSITIVITY] * (SENSITIVITY in varied))]
    controls = [name for name in controls if classes[name].nunique() > 1]
    return Question(
        classes,
        energies,
        tuple(varied),
        tuple(name for name in names if name not in varied),
        tuple(controls),
        judged_size(energies, m),
        last_size(energies),
    )


def judged_size(energies: pd.DataFrame, n_points: int) -> float:
    """The n where λ_eff of the kernel goes best with P of the kernel: nothing measured enters.

    Without a kernel the n nearest to four times the points.

    Examples
    --------
    >>> energies = pd.DataFrame(
    ...     {"n": np.repeat([1.0, 30.0, 900.0], 3), "log2_p_kernel": [-2, -5, -9] * 3,
    ...      "lambda_eff_kernel": [1, 2, 2, 3, 5, 8, 4, 4, 4.0]}
    ... )
    >>> judged_size(energies, 8)
    30.0
    """
    sizes = np.unique(energies["n"].to_numpy(dtype=float))
    best, strongest = sizes[np.abs(np.log(sizes / (POINTS_TIMES * n_points))).argmin()], 0.0
    for n, rows in energies.groupby("n"):
        kernel = rows[["lambda_eff_kernel", "log2_p_kernel"]].dropna()
        if len(kernel) < 3 or (kernel.nunique() < 2).any():
            continue
        strength = abs(spearmanr(kernel.iloc[:, 0], kernel.iloc[:, 1]).statistic)
        if strength > strongest + 1e-12:
            best, strongest = n, strength
    return float(best)


def last_size(energies: pd.DataFrame) -> float:
    """The largest n at which λ_eff is known of nine classes in ten; NaN if there is none."""
    known = energies.groupby("n")["lambda_eff"].apply(lambda values: values.notna().mean())
    enough = known[known >= 0.9]
    return float(enough.index.max()) if len(enough) else float("nan")


def relations(question: Question, campaign: Campaign) -> pd.DataFrame:
    """The table ``relations``: judged pairs, then F and λ_eff with P and λ_f at every n."""
    rows = [*_judged(question, campaign), *_described(question, campaign)]
    return pd.DataFrame(rows, columns=[column.name for column in RELATIONS])


def _judged(question: Question, campaign: Campaign) -> Iterator[dict[str, Any]]:
    """Pairs with a verdict."""
    classes, controls = question.classes, question.controls
    given = {name: tuple(c for c in controls if c != name) for name in question.measures}
    for name in ("log2_p_kernel", *question.measures):
        yield from _pair(classes, "log2_p", name, given.get(name, controls), campaign)
    for name in question.measures:
        more = ("log2_p_kernel", *given[name])
        yield from _pair(classes, DELTA, name, more, campaign)
    for n in dict.fromkeys((question.n_judged, question.n_last)):
        if not np.isfinite(n):
            continue
        table = at_size(question, n)
        for x in ("free_energy", "lambda_eff"):
            for y in ("log2_p", *question.measures):
                yield from _pair(table, x, y, given.get(y, controls), campaign, n)


def at_size(question: Question, n: float) -> pd.DataFrame:
    """Classes with F and λ_eff at one n."""
    columns = ["function", "free_energy", "free_energy_se", "lambda_eff", "lambda_eff_se"]
    rows = question.energies.loc[np.isclose(question.energies["n"], n), columns]
    return question.classes.merge(rows, on="function")


def _pair(
    table: pd.DataFrame,
    x: str,
    y: str,
    controls: Sequence[str],
    campaign: Campaign,
    n: float = float("nan"),
) -> Iterator[dict[str, Any]]:
    """The plain and the partial coefficient of a pair."""
    errors = {name: _ERRORS[name] for name in (x, y) if name in _ERRORS}
    # A value whose error is not known is none.
    needed = table[[x, y, *errors.values()]].to_numpy(dtype=float)
    there = table.loc[np.isfinite(needed).all(axis=1)]
    for held in ((), tuple(controls)):
        settings = campaign.analysis
        found = judge_relation(
            there,
            x,
            y,
            errors=errors,
            controls=held,
            n_resamples=settings.bootstrap,
            n_simulations=settings.noise_simulations,
            seed=campaign.seed,
        )
        yield _row(found.estimate, held, n, found)


def _described(question: Question, campaign: Campaign) -> Iterator[dict[str, Any]]:
    """F and λ_eff with P and λ_f at every n, without a verdict."""
    pairs = [("free_energy", "log2_p"), ("lambda_eff", "log2_p"), ("lambda_eff", EXACT)]
    for n in np.unique(question.energies["n"].to_numpy(dtype=float)):
        table = at_size(question, float(n))
        for x, y in pairs:
            for held in ((), question.controls):
                if table[[x, y]].notna().all(axis=1).sum() < MIN_ROWS:
                    continue
                found = correlate(
                    table,
                    [(x, y)],
                    controls=held,
                    methods=["partial_spearman" if held else "spearman"],
                    n_resamples=campaign.analysis.bootstrap,
                    seed=campaign.seed,
                )
                yield from (_row(item, held, float(n), None) for item in found)


def _row(
    estimate: Estimate, held: Sequence[str], n: float, found: Relation | None
) -> dict[str, Any]:
    """A row of the table."""
    return {
        "x": estimate.x,
        "y": estimate.y,
        "at_n": n,
        "given": " + ".join(held),
        "n": estimate.n,
        "estimate": estimate.estimate,
        "low": estimate.low,
        "high": estimate.high,
        "verdict": found.verdict if found else "described",
        "reason": found.text if found else estimate.problem,
        "noise_rate": found.noise_rate if found else np.nan,
        "attenuation": found.attenuation if found else np.nan,
        "detectable": found.detectable if found else np.nan,
    }
