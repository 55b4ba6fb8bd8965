"""The summary of a campaign in words and small tables: ``summary.md``, printed at the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pfmap.analysis.analyze import AnalysisResult
from pfmap.analysis.coverage import counting_lines, unseen_lines
from pfmap.analysis.extended import COMPARISON, RESPONSE, measured_functions
from pfmap.analysis.population import Population, population_of
from pfmap.analysis.quantities import LADDER_MARK, LZ_MIN, ORDER_FREE, order_bound_columns
from pfmap.functions.richness import estimate_richness
from pfmap.settings.campaign import Campaign

TOP_FUNCTIONS = 6
TOP_NAMED = 12
TOP_PREDICTORS = 3
LONGEST_KEY = 32
_FITS = ("dingle_bound", "dingle_bound_fitted", "quantile_envelope", "least_squares")
_PROBABILITIES = ("log2_p", "log2_p_orbit", RESPONSE)


def summary_text(
    functions: pd.DataFrame | Population,
    result: AnalysisResult,
    campaign: Campaign,
    evidence: pd.DataFrame | None = None,
) -> str:
    """Summary of a campaign as Markdown, at most about 85 lines.

    Parameters
    ----------
    functions : DataFrame or Population
        ``functions.parquet``, sorted by count, or its population.
    result : AnalysisResult
        From `pfmap.analysis.analyze`.
    campaign : Campaign
        Its settings.
    evidence : DataFrame, optional
        ``evidence.parquet``.

    Returns
    -------
    str
        Most probable functions, what the draws have not seen, fits, what splitting measured far
        below 1/N, correlations with intervals
        and verdicts, the variance of the learning coefficients, and where everything lies.

    Examples
    --------
    >>> from pfmap.analysis import analyze
    >>> functions = pd.DataFrame(
    ...     {"function": ["0", "f", "3"], "count": [40, 40, 20], "p": [0.4, 0.4, 0.2],
    ...      "log2_p": np.log2([0.4, 0.4, 0.2]), "p_low": 0.1, "p_high": 0.5, "ones": [0, 4, 2],
    ...      "orbit": [None] * 3, "lz": [2.0, 2.0, 4.0]}
    ... )
    >>> campaign = Campaign(draws=100, network={"widths": (2, 4, 1)})
    >>> text = summary_text(functions, analyze(functions, None, campaign), campaign)
    >>> print(text.splitlines()[0])
    # default: 100 draws of a (2, 4, 1) relu network on 4 points
    """
    lines = [
        f"# {campaign.name}: {campaign.draws:,} draws of a {campaign.described} on "
        f"{campaign.n_points} points",
        "",
        *_functions(population_of(functions), result, campaign),
        *_fits(result),
        *_extended(result, campaign, evidence),
        *_predictors(result),
        *_correlations(result),
        *_variances(result),
        "Tables: functions, llc, evidence, fits, correlations, predictors (.parquet). Figures: "
        "figures/.",
        "",
    ]
    return "\n".join(lines)


def _functions(population: Population, result: AnalysisResult, campaign: Campaign) -> list[str]:
    """Most probable functions, and what the draws have not seen."""
    functions = population.functions
    lines = ["## Functions", ""]
    has_lz = "lz" in functions.columns
    rows = [
        [
            _key(row["function"]),
            f"{row['count']:,}",
            f"{row['p']:.6f}",
            f"{row['p_low']:.6f} to {row['p_high']:.6f}",
            *([f"{row['lz']:g}"] if has_lz else []),
        ]
        for row in functions.head(TOP_FUNCTIONS).to_dict("records")
    ]
    sampled = population.part is not None and population.part.keep == "sampled"
    most = "most probable of the sample" if sampled else "most probable"
    header = [most, "count", "P", "95 % if named beforehand", *(["lz"] * has_lz)]
    lines += _table(header, rows)
    counted = f"{result.n_counted_functions:,} functions"
    if result.n_counted_orbits:
        counted += f" and {result.n_counted_orbits:,} orbits"
    lines += [
        "",
        *_order_lines(functions, campaign),
        *counting_lines(population, campaign),
        *unseen_lines(estimate_richness(population.frequencies)),
        f"- {counted} are counted at least {campaign.analysis.min_count} times: only they enter "
        "what follows.",
        "",
    ]
    return lines


def _order_lines(functions: pd.DataFrame, campaign: Campaign) -> list[str]:
    """A warning about measures that read an order which the points do not have."""
    held = [name for name in order_bound_columns(campaign) if name in functions.columns]
    if not held:
        return []
    verb = "depends" if len(held) == 1 else "depend"
    return [
        f"- WARNING: {' and '.join(held)} {verb} on the order in which the points are listed, and "
        "nothing orders them: no fit, bound, correlation or figure uses them. If the order is "
        f'meant, set domain.order = "file"; {ORDER_FREE} needs none.'
    ]


def _fits(result: AnalysisResult) -> list[str]:
    """Slopes of log2 P against lz."""
    lines = ["## log2 P against complexity", ""]
    if result.fits.empty:
        return [*lines, "No column lz: nothing fitted.", ""]
    chosen = result.fits["fit"].isin(_FITS) & (result.fits["response"] != RESPONSE)
    fits = result.fits[chosen]
    problems = []
    rows = []
    for (fit, response, predictor), group in fits.groupby(
        ["fit", "response", "predictor"], sort=False
    ):
        values = {row["coefficient"]: row for row in group.to_dict("records")}
        first = next(iter(values.values()))
        if first["verdict"] != "ok":
            of = f"{fit!s} of {response!s} on {predictor!s}"
            problems.append(f"- {of}: not fitted: {first['verdict']}.")
            continue
        note = ""
        if "share_of_functions_below" in values:
            note = f"b = {values['b']['estimate']:.3g}; holds: "
            note += f"{values['share_of_functions_below']['estimate']:.1%} of rows, "
            note += f"{values['share_of_draws_below']['estimate']:.1%} of P"
        elif "r_squared" in values:
            note = f"R² = {values['r_squared']['estimate']:.2f}"
        elif "quantile" in values:
            note = f"quantile {values['quantile']['estimate']:g}"
        slope = values["slope"]
        rows.append(
            [
                str(fit),
                f"{response!s} on {predictor!s}",
                f"{slope['n']:,}",
                f"{slope['estimate']:.3f}",
                _span(slope["low"], slope["high"]),
                note,
            ]
        )
    if rows:
        lines += [*_table(["fit", "of", "n", "slope", "95 %", ""], rows), ""]
    return [*lines, *problems, ""] if problems else lines


def _extended(
    result: AnalysisResult, campaign: Campaign, evidence: pd.DataFrame | None
) -> list[str]:
    """The functions asked for by name, and how splitting stands beside counts and complexity."""
    if evidence is None or evidence.empty:
        return []
    reached = measured_functions(evidence)
    fits = result.fits[result.fits["response"] == RESPONSE]
    values = {(row["fit"], row["coefficient"]): row for row in fits.to_dict("records")}
    lowest = f", down to log2 P = {reached[RESPONSE].min():.1f}" if len(reached) else ""
    lines = [
        "## Single functions by multilevel splitting",
        "",
        *_named(evidence),
        f"- {len(reached)} of {len(evidence)} functions measured{lowest} "
        f"(1/N: {-np.log2(campaign.draws):.1f}).",
    ]
    uncertain = int((evidence["verdict"] == "uncertain").sum())
    if uncertain:
        lines.append(
            f"- {uncertain} uncertain: the runs disagree or died, so two bounds are known and no "
            "number; they enter no fit. More steps are the remedy."
        )
    mean = values[COMPARISON, "mean_difference"]
    if np.isnan(mean["estimate"]):
        lines.append(f"- Not compared with counts: {mean['verdict']}.")
    else:
        square, worst = (values[COMPARISON, name] for name in ("mean_square_z", "worst_z"))
        trend = values[COMPARISON, "trend_of_z"]
        agree = "they agree" if mean["verdict"] == "ok" else mean["verdict"]
        lines.append(
            f"- Against the counts of {mean['n']} of them: {agree}; mean difference "
            f"{mean['estimate']:.3f} bits [{mean['low']:.3f}, {mean['high']:.3f}], mean z² "
            f"{square['estimate']:.2f}, worst z {worst['estimate']:.1f}, trend of z "
            f"{trend['estimate']:.2f} a bit {_span(trend['low'], trend['high'])}."
        )
    slope, share = (
        values.get(key)
        for key in (("least_squares", "slope"), ("dingle_bound", "share_of_functions_below"))
    )
    if slope is not None and not np.isnan(slope["estimate"]):
        lines.append(
            f"- log2 P falls by {-slope['estimate']:.2f} bits for each bit of lz "
            f"{_span(-slope['high'], -slope['low'])}, R² = "
            f"{values['least_squares', 'r_squared']['estimate']:.2f}; they were chosen by count "
            "and by name, so this describes them and not all functions."
        )
    if share is not None and not np.isnan(share["estimate"]):
        excess = values["dingle_bound", "largest_excess"]["estimate"]
        above = f"; the highest lies {excess:.1f} bits above it" if excess > 1e-9 else ""
        lines.append(f"- {share['estimate']:.0%} of them lie on or below the bound{above}.")
    return [*lines, ""]


def _named(evidence: pd.DataFrame) -> list[str]:
    """Functions asked for by name, the most probable first."""
    named = evidence[(evidence["name"] != "") & (evidence["loss"] == "signs")]
    if named.empty:
        return []
    has_lz = "lz" in named.columns
    rows = []
    ranked = named.sort_values("log2_p_upper", ascending=False, kind="stable")
    for row in ranked.head(TOP_NAMED).to_dict("records"):
        value, error = f"{row['log2_p']:.2f}", f"{row['log2_p_se']:.2f}"
        if np.isnan(row["log2_p"]) and np.isfinite(row["log2_p_lower"]):
            value, error = f"{row['log2_p_lower']:.1f} … {row['log2_p_upper']:.1f}", "-"
        elif np.isnan(row["log2_p"]):
            value, error = f"< {row['log2_p_upper']:.1f}", "-"
        lz = [f"{row['lz']:g}"] if has_lz else []
        rows.append([_key(row["name"]), str(row["ones"]), *lz, value, error, row["verdict"]])
    header = ["function", "ones", *(["lz"] * has_lz), "log2 P", "s.e.", ""]
    return [*_table(header, rows), ""]


def _predictors(result: AnalysisResult) -> list[str]:
    """The measures that predict log2 P best, and the joint models, in two sentences."""
    table = result.predictors
    table = table[np.isfinite(table["r_squared"].astype(float))]
    if table.empty:
        return []
    words = [
        f"{'controls' if ' + ' in row['predictor'] else row['predictor']} {row['r_squared']:.2f} "
        f"{_span(row['r_squared_low'], row['r_squared_high'])}".strip()
        for row in table.to_dict("records")
    ]
    single = table["place"].notna().to_numpy()
    joint = [text for text, alone in zip(words, single, strict=True) if not alone]
    first = table.iloc[0]
    return [
        f"## What predicts {first['response']} out of sample (R², n = {first['n']:,})",
        "",
        f"- One measure: {', '.join(words[: min(TOP_PREDICTORS, single.sum())])}.",
        f"- Together: {', '.join(joint)} (what counting noise leaves).",
        "",
    ]


def _correlations(result: AnalysisResult) -> list[str]:
    """Spearman and partial Spearman coefficients of the main pairs, with verdicts."""
    table = result.correlations
    table = table[table["subset"] == "all"]
    labels = [label for label in result.splits if LADDER_MARK not in label]
    main = (
        (table["x"].isin(_PROBABILITIES) & table["y"].isin(["lz", ORDER_FREE]))
        | ((table["x"] == "log2_p_orbit") & (table["y"] == LZ_MIN))
        | (table["x"].isin(labels) & table["y"].isin(["log2_p", "lz", ORDER_FREE]))
    )
    plain = table[main & (table["method"] == "spearman")]
    partial = table[main & (table["method"] == "partial_spearman")]
    held = {
        (row["x"], row["y"]): f"{_number(row['estimate'])} {_span(row['low'], row['high'])}"
        for row in partial.to_dict("records")
    }
    rows = []
    for row in plain.to_dict("records"):
        rows.append(
            [
                row["x"],
                row["y"],
                f"{row['n']:,}",
                f"{_number(row['estimate'])} {_span(row['low'], row['high'])}",
                held.get((row["x"], row["y"]), "-"),
                row["verdict"],
            ]
        )
    controls = "ones, entropy; with log2_p_orbit also log2_orbit_size"
    lines = [f"## Correlations (Spearman; controls: {controls})", ""]
    if rows:
        header = ["x", "y", "n", "rho, 95 %", "given controls", "verdict"]
        lines += [*_table(header, rows), ""]
    with_llc = table[table["x"].isin(labels) & (table["verdict"] != "descriptive")]
    n_supported = int((with_llc["verdict"] == "supported").sum())
    if labels:
        lines.append(
            f"{n_supported} of {len(with_llc)} coefficients with a learning coefficient are "
            "supported; the reasons stand in correlations.parquet."
        )
    else:
        lines.append("No learning coefficients in this campaign.")
    return [*lines, ""]


def _variances(result: AnalysisResult) -> list[str]:
    """Variance split of every definition of the learning coefficient."""
    if not result.splits:
        return []
    rows, problems = [], []
    for label, split in result.splits.items():
        if LADDER_MARK in label:
            continue
        dropped = result.dropped[label]
        if dropped.problem:
            problems.append(f"- {label}: {dropped.problem}. What is left is no fair sample.")
        if split.problem:
            problems.append(f"- {label}: no variance split ({split.problem}).")
            continue
        rows.append(
            [
                label,
                *(
                    f"{share:.2f} {_span(low, high)}"
                    for share, low, high in zip(split.shares, split.low, split.high, strict=True)
                ),
                f"{split.reliability:.2f}",
                str(split.n_functions),
                str(dropped.n_dropped),
            ]
        )
    header = ["λ", "between functions", "within", "estimator", "reliability", "n", "dropped"]
    lines = ["## Where the variance of λ lies", ""]
    lines += [*_table(header, rows), ""] if rows else []
    return [*lines, *problems, ""] if problems else lines


def _table(header: Sequence[str], rows: list[list[str]]) -> list[str]:
    """A Markdown table with aligned columns."""
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (header, *rows)
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _key(key: str) -> str:
    """A key short enough for a table."""
    return key if len(key) <= LONGEST_KEY else f"{key[:8]}…{key[-8:]}"


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"


def _span(low: float, high: float) -> str:
    return "" if np.isnan(low) or np.isnan(high) else f"[{low:.2f}, {high:.2f}]"
