"""Probabilities by splitting: held against counts, and against the complexities far below 1/N.

The functions were chosen, by their count and by name; nothing here is a sample of all functions.
Lines and coefficients against complexity therefore describe the functions measured, and no more.
The comparison with counts is a test: both estimates of a function are independent of each other.
A function chosen by a count near the least one counts a little too high, by about 1/count.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from pfmap.analysis.bound import dingle_bound
from pfmap.analysis.correlate import correlate
from pfmap.analysis.fit import FitRow, missing_rows
from pfmap.analysis.line import least_squares_rows
from pfmap.analysis.quantities import numeric
from pfmap.analysis.resampling import seeded
from pfmap.analysis.verdict import DESCRIPTIVE, NOT_SUPPORTED, Verdict, judged
from pfmap.functions.probability import LARGEST_LOG2_SE
from pfmap.settings.campaign import Campaign

RESPONSE = "log2_p_volume"
"""What the tables of fits and correlations call log2 P by splitting."""

COMPARISON = "counted_against_volume"
FALSE_ALARM = 1e-3
"""Probability of a complaint about the counts where both estimates are right."""

CHOSEN = "functions chosen by count and by name: describes these alone"


COMPARED = ("mean_difference", "mean_square_z", "worst_z", "trend_of_z")


def measured_functions(evidence: pd.DataFrame) -> pd.DataFrame:
    """Rows whose log2 P was reached, with `RESPONSE` as float.

    Tables of earlier versions call an estimate reached whatever its standard error: one above
    `LARGEST_LOG2_SE` is left out too.
    """
    log2_p = pd.to_numeric(evidence["log2_p"]).to_numpy(dtype=float)
    se = pd.to_numeric(evidence["log2_p_se"]).to_numpy(dtype=float)
    chosen = (
        (evidence["loss"] == "signs").to_numpy() & np.isfinite(log2_p) & (se <= LARGEST_LOG2_SE)
    )
    return evidence[chosen].assign(**{RESPONSE: log2_p[chosen]}).reset_index(drop=True)


def compared_functions(
    evidence: pd.DataFrame, functions: pd.DataFrame, campaign: Campaign
) -> pd.DataFrame:
    """Functions with both estimates: ``function, log2_p, difference, se, z``, rarest last.

    ``log2_p`` is counted, from at least ``analysis.min_count`` draws; ``difference`` is what
    splitting found less that, in bits; ``se`` its standard error, with that of the count

        s² = (1 - P)/(N P ln² 2);

    ``z`` is their ratio, brought from Student's t to the normal law: the error of splitting comes
    from the spread of a few runs, R, so with it the ratio has (R - 1) (s/s_splitting)^4 degrees of
    freedom (Welch and Satterthwaite).

    Examples
    --------
    >>> functions = pd.DataFrame({"function": ["f"], "count": [1024], "p": [0.25],
    ...                           "log2_p": [-2.0]})
    >>> evidence = pd.DataFrame({"function": ["f"], "loss": ["signs"], "log2_p": [-1.9],
    ...                          "log2_p_se": [0.03], "runs": [8]})
    >>> compared_functions(evidence, functions, Campaign()).round(2).iloc[0, 2:].tolist()
    [0.1, 0.05, 1.98]
    """
    counted = functions[functions["count"].to_numpy() >= campaign.analysis.min_count]
    shown = counted[["function", "count", "p", "log2_p"]]
    measured = measured_functions(evidence)[["function", RESPONSE, "log2_p_se", "runs"]]
    both = measured.merge(shown, on="function").sort_values(
        "log2_p", ascending=False, kind="stable"
    )
    relative = (1.0 - both["p"].astype(float)) / both["count"].astype(float)
    se = np.sqrt(both["log2_p_se"].astype(float) ** 2 + relative / np.log(2.0) ** 2)
    difference = both[RESPONSE] - both["log2_p"].astype(float)
    share = se / both["log2_p_se"].astype(float)
    freedom = (both["runs"].astype(float) - 1.0) * share**4
    ratio = difference / se
    z = np.sign(ratio) * norm.isf(student.sf(np.abs(ratio), freedom))
    found = both[["function", "log2_p"]].assign(difference=difference, se=se, z=z)
    return found.reset_index(drop=True)


def comparison_rows(both: pd.DataFrame, min_count: int) -> list[FitRow]:
    """Whether splitting and counting agree, as rows of the table of fits.

    Parameters
    ----------
    both : DataFrame
        From `compared_functions`.
    min_count : int
        Least count of a function in it.

    Returns
    -------
    list of FitRow
        ``mean_difference`` (bits, weighted by 1/s²) with its 95 % interval, ``mean_square_z``
        (1 is expected), ``worst_z``, and ``trend_of_z``, the least-squares slope of z in log2 P,
        whose standard error is 1/sqrt(Σ(log2 P - mean)²) if every z has variance 1. The verdict is
        not ok if the worst z or the trend would be so large by chance with probability below
        0.001, the number of functions taken into account.

    Examples
    --------
    >>> both = pd.DataFrame({"log2_p": [-3.0, -9.0], "difference": [0.02, -0.1], "se": [0.02, 0.1],
    ...                      "z": [1.0, -1.0]})
    >>> [(row.coefficient, round(row.estimate, 3)) for row in comparison_rows(both, 10)]
    [('mean_difference', 0.015), ('mean_square_z', 1.0), ('worst_z', 1.0), ('trend_of_z', 0.333)]
    """
    if len(both) < 2:
        problem = (
            f"{len(both)} functions counted at least {min_count} times were measured, 2 needed"
        )
        return missing_rows(COMPARISON, RESPONSE, "log2_p", COMPARED, len(both), problem)
    z, x = both["z"].to_numpy(dtype=float), both["log2_p"].to_numpy(dtype=float)
    weights = both["se"].to_numpy(dtype=float) ** -2.0
    mean = float(np.average(both["difference"].to_numpy(dtype=float), weights=weights))
    half = 1.96 * float(weights.sum() ** -0.5)
    spread = float(np.sqrt(((x - x.mean()) ** 2).sum()))
    trend = float(z @ (x - x.mean())) / spread**2 if spread > 0.0 else np.nan
    worst = float(z[np.argmax(np.abs(z))])
    complaints = []
    # Šidák: none of n independent z is beyond the limit with probability 1 - FALSE_ALARM.
    if abs(worst) > norm.isf(0.5 * (1.0 - (1.0 - FALSE_ALARM) ** (1.0 / len(z)))):
        complaints.append(f"worst of {len(z)} functions at z = {worst:.1f}")
    if abs(trend * spread) > norm.isf(0.5 * FALSE_ALARM):
        complaints.append(f"trend with log2 P at z = {trend * spread:.1f}")
    verdict = f"counts and splitting disagree: {', '.join(complaints)}" if complaints else "ok"
    nan, method = (
        float("nan"),
        f"functions counted at least {min_count} times and measured both ways",
    )
    values = (
        (mean, mean - half, mean + half),
        (float(np.mean(z**2)), nan, nan),
        (worst, nan, nan),
        (trend, trend - 1.96 / spread if spread else nan, trend + 1.96 / spread if spread else nan),
    )
    return [
        FitRow(
            COMPARISON, RESPONSE, "log2_p", name, value, low=low, high=high, n=len(z),
            method=method, verdict=verdict,
        )
        for name, (value, low, high) in zip(COMPARED, values, strict=True)
    ]  # fmt: skip


def extended_fits(
    evidence: pd.DataFrame, functions: pd.DataFrame, seen: np.ndarray | None, campaign: Campaign
) -> list[FitRow]:
    """Comparison with the counts, and log2 P by splitting against lz: line and bound.

    The bound is that of the counted functions, b = 0: its ends are the complexities drawn.
    """
    both = compared_functions(evidence, functions, campaign)
    if "count_error" in functions.columns and functions["count_error"].gt(0).any():
        problem = "counts of frequent functions may be too small, by more than their standard error"
        rows = missing_rows(COMPARISON, RESPONSE, "log2_p", COMPARED, len(both), problem)
    else:
        rows = comparison_rows(both, campaign.analysis.min_count)
    if "lz" not in evidence.columns or "lz" not in functions.columns:
        return rows
    frame = measured_functions(evidence)
    x = pd.to_numeric(frame["lz"]).to_numpy(dtype=float)
    y = frame[RESPONSE].to_numpy(dtype=float)
    line = least_squares_rows(
        x, y, response=RESPONSE, predictor="lz", n_resamples=campaign.analysis.bootstrap,
        rng=seeded(campaign.seed, "least_squares", RESPONSE),
    )  # fmt: skip
    rows += [replace(row, method=f"{row.method}; {CHOSEN}".lstrip("; ")) for row in line]
    return rows + _bound_rows(x, y, seen, campaign)


def _bound_rows(
    x: np.ndarray, y: np.ndarray, seen: np.ndarray | None, campaign: Campaign
) -> list[FitRow]:
    """How the functions measured lie under the bound with b = 0."""
    names = ("slope", "complexity_min", "b", "share_of_functions_below", "largest_excess")
    if len(x) == 0 or seen is None or len(seen) == 0 or np.ptp(seen) == 0.0:
        problem = "nothing was measured" if len(x) == 0 else "lz takes one value only"
        if len(x) and seen is None:
            problem = "the extremes of lz over all functions drawn are not known"
        return missing_rows("dingle_bound", RESPONSE, "lz", names, len(x), problem)
    bound = dingle_bound(seen, float(campaign.n_points))
    excess = y - bound.log2_p(x)
    values = (bound.slope, bound.low, bound.b, float((excess <= 1e-9).mean()), float(excess.max()))
    method = f"b = 0, ends from the functions drawn; {CHOSEN}"
    return [
        FitRow("dingle_bound", RESPONSE, "lz", name, value, n=len(x), method=method)
        for name, value in zip(names, values, strict=True)
    ]


def extended_correlations(
    evidence: pd.DataFrame,
    complexities: list[str],
    controls: tuple[str, ...],
    campaign: Campaign,
) -> list[dict[str, object]]:
    """Coefficients of log2 P by splitting with every complexity, described as what they are."""
    frame = measured_functions(evidence)
    known = [name for name in complexities if name in frame.columns and frame[name].notna().any()]
    held = tuple(name for name in controls if name in frame.columns)
    values = numeric(frame, list(dict.fromkeys([RESPONSE, *known, *held])), campaign.seed)
    left_out = len(evidence) - len(frame)
    reason = CHOSEN + (f"; {left_out} not reached or uncertain are left out" if left_out else "")
    return [
        judged(
            item,
            Verdict(NOT_SUPPORTED, item.problem) if item.problem else Verdict(DESCRIPTIVE, reason),
        )
        for item in correlate(
            values,
            [(RESPONSE, name) for name in known],
            controls=held,
            n_resamples=campaign.analysis.bootstrap,
            seed=campaign.seed,
        )
    ]
