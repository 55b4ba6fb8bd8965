"""Correlations of learning coefficients with log2 P, the complexities and each other."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from pfmap.analysis.correlate import Estimate, correlate
from pfmap.analysis.dropping import QUANTITIES, Dropping
from pfmap.analysis.fit import FitRow
from pfmap.analysis.noise import noise_rates
from pfmap.analysis.quantities import LADDER_MARK, pairs_by_controls, strata
from pfmap.analysis.resampling import seeded
from pfmap.analysis.variance import SHARES, Estimates, VarianceSplit
from pfmap.analysis.verdict import (
    DESCRIPTIVE,
    NOT_SUPPORTED,
    Verdict,
    disattenuated,
    judged,
    pair_verdict,
    partial_reason,
    share_reason,
)
from pfmap.settings.campaign import Campaign

Pair = tuple[str, str]

# What varies between the draws of a function moves the means of both definitions together: with
# the variance between functions independent, such pairs would still pass as supported.
SHARED_DRAWS = Verdict(DESCRIPTIVE, "both definitions are estimated at the same draws")


def variance_rows(label: str, split: VarianceSplit, dropped: Dropping) -> list[FitRow]:
    """Rows of the table of fits: the variance split of one definition.

    Parameters
    ----------
    label : str
        The definition, ``estimator/center``.
    split : VarianceSplit
        Its split.
    dropped : Dropping
        Rows left out.
    """
    verdict = split.problem or "ok"
    method = "method of moments, bootstrap over functions"
    rows = [
        FitRow(
            "variance_split",
            label,
            "",
            "share_" + name.replace(" ", "_"),
            share,
            low=low,
            high=high,
            n=split.n_functions,
            method=method,
            verdict=verdict,
        )
        for name, share, low, high in zip(SHARES, split.shares, split.low, split.high, strict=True)
    ]
    numbers = {
        "variance_between_functions": split.between,
        "variance_within_functions": split.within,
        "variance_estimator": split.estimator,
        "reliability_of_means": split.reliability,
    }
    rows += [
        FitRow(
            "variance_split",
            label,
            "",
            name,
            value,
            n=split.n_functions,
            method="method of moments",
            verdict=verdict,
        )
        for name, value in numbers.items()
    ]
    lost = ", ".join(f"{count} {verdict}" for verdict, count in dropped.counts.items())
    rows.append(
        FitRow(
            "variance_split",
            label,
            "",
            "rows_dropped",
            float(dropped.n_dropped),
            n=dropped.n_kept,
            method="rows of llc.parquet whose verdict is not ok; n counts those kept",
            verdict=lost or "ok",
        )
    )
    rows.append(
        FitRow(
            "variance_split",
            label,
            "",
            "p_dropped_at_random",
            dropped.p_value,
            n=dropped.n_kept,
            method=f"Mann-Whitney between rows dropped and kept, {dropped.quantity or 'none'}; "
            f"times the quantities tested ({', '.join(QUANTITIES)})",
            verdict=dropped.problem or "ok",
        )
    )
    return rows


def llc_correlations(
    selected: pd.DataFrame,
    quantities: list[str],
    estimates: dict[str, Estimates],
    splits: dict[str, VarianceSplit],
    dropped: dict[str, Dropping],
    controls: tuple[str, ...],
    campaign: Campaign,
) -> list[dict[str, object]]:
    """Rows of every definition with every quantity, and of two definitions with each other.

    Definitions at different nβ of one ladder are not correlated with each other.

    Parameters
    ----------
    selected : DataFrame
        From `pfmap.analysis.quantities.selected_functions`.
    quantities : list of str
        Columns of it: log2 P and the complexities.
    estimates, splits : dict of str
        Estimates and variance split of every definition.
    dropped : dict of str
        What was left out of every definition.
    controls : tuple of str
        Columns held fixed in partial correlations; with ``log2_p_orbit`` also the orbit's size.
    campaign : Campaign
        Bootstrap resamples, simulations, seed.
    """
    tested: list[Pair] = [*itertools.product(estimates, quantities)]
    settled = [label for label in estimates if LADDER_MARK not in label]
    grouped = pairs_by_controls([*tested, *itertools.combinations(settled, 2)], controls)
    names = [*estimates, *dict.fromkeys([*quantities, *itertools.chain(*grouped)])]
    values = pd.DataFrame({name: pd.to_numeric(selected[name]).astype(float) for name in names})
    n_resamples = campaign.analysis.bootstrap
    items = [
        item
        for held, pairs in grouped.items()
        for item in correlate(
            values, pairs, controls=held, n_resamples=n_resamples, seed=campaign.seed
        )
    ]
    partials = {(item.x, item.y): item for item in items if item.method == "partial_spearman"}
    rates = _noise_rates(values, tested, partials, estimates, splits, controls, campaign)
    rows = []
    for item in items:
        pair = (item.x, item.y)
        mine = {label: splits[label] for label in pair if label in splits}
        verdict = SHARED_DRAWS
        if len(mine) == 1:
            verdict = pair_verdict(
                item, mine, partials.get(pair), rates.get(pair), dropped[item.x].problem
            )
        elif item.problem:
            verdict = Verdict(NOT_SUPPORTED, item.problem)
        rows.append(judged(item, verdict))
        if item.method == "pearson" and len(mine) == 1:
            chosen = values[item.y][values[item.x].notna()].notna().to_numpy()
            corrected = disattenuated(
                item, splits[item.x].reliability_among(estimates[item.x], chosen)
            )
            if corrected is not None:
                rows.append(judged(corrected[0], Verdict(DESCRIPTIVE, corrected[1])))
    return rows + _strata_rows(values, settled, quantities, campaign)


def _noise_rates(
    values: pd.DataFrame,
    pairs: list[Pair],
    partials: dict[Pair, Estimate],
    estimates: dict[str, Estimates],
    splits: dict[str, VarianceSplit],
    controls: tuple[str, ...],
    campaign: Campaign,
) -> dict[Pair, float]:
    """Share of pure-noise simulations that pass, for the pairs that pass the other checks."""
    rates: dict[Pair, float] = {}
    for label, item in estimates.items():
        others = [
            pair
            for pair in pairs
            if label == pair[0]
            and partial_reason(partials.get(pair))[0]
            and share_reason(label, splits[label])[0]
        ]
        if not others:
            continue
        # Rows of `values` and functions of a definition are both ascending by key.
        rows = values[values[label].notna()]
        for held, chosen in pairs_by_controls(others, controls).items():
            found = noise_rates(
                item,
                splits[label],
                rows[[pair[1] for pair in chosen]].to_numpy(dtype=float),
                rows[list(held)].to_numpy(dtype=float),
                n_simulations=campaign.analysis.noise_simulations,
                n_resamples=campaign.analysis.bootstrap,
                rng=seeded(campaign.seed, "noise", label),
            )
            rates.update(zip(chosen, map(float, found), strict=True))
    return rates


def _strata_rows(
    values: pd.DataFrame, labels: list[str], quantities: list[str], campaign: Campaign
) -> list[dict[str, object]]:
    """Spearman correlations with log2 P and every complexity inside each stratum of T."""
    if "ones" not in values.columns:
        return []
    rows = []
    for label, mask in strata(values["ones"].to_numpy(dtype=float), campaign.n_points):
        for item in correlate(
            values[np.asarray(mask)],
            itertools.product(labels, quantities),
            methods=["spearman"],
            n_resamples=campaign.analysis.bootstrap,
            seed=campaign.seed,
        ):
            verdict = Verdict(DESCRIPTIVE, "one stratum of T; the verdict stands in the row of all")
            if item.problem:
                verdict = Verdict(NOT_SUPPORTED, item.problem)
            rows.append(judged(item, verdict, label))
    return rows
