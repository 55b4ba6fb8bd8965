"""What a campaign found about its question, in at most 25 lines: the head of ``summary.md``."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pfmap.analysis.question import DELTA, EXACT, Question
from pfmap.settings.campaign import Campaign

END = "<!-- end of the findings -->"
"""The line of ``summary.md`` after which the tables follow."""

MOST_NAMED = 4
_VERDICTS = ("related", "no relation", "undecided")
_NAMES = {
    "function_llc": "exact λ_f",
    "log2_p_kernel": "P of the kernel",
    "log2_p": "P",
    "halfspaces": "half-spaces",
    "ones": "T",
}


def findings_text(
    question: Question,
    relations: pd.DataFrame,
    crossings: pd.DataFrame,
    llc: pd.DataFrame,
    campaign: Campaign,
) -> str:
    """The findings as Markdown, ended by `END`.

    Parameters
    ----------
    question : Question
    relations : DataFrame
        ``relations``.
    crossings : DataFrame
        ``crossings`` of the classes with a curve.
    llc : DataFrame
        ``llc``: what local coefficients at draws say, in one sentence.
    campaign : Campaign

    Returns
    -------
    str
        What was asked, what is related and how strongly, what was not decided and why, and where
        the tables are.
    """
    judged = relations[relations["verdict"] != "described"]
    classes = question.classes
    chosen = int(classes["chosen"].sum())
    sizes = question.energies.loc[question.energies["lambda_eff"].notna(), "n"]
    lines = [
        f"# {campaign.name}: prior mass, λ_f and λ_eff(n) of {len(classes)} classes",
        "",
        f"Asked: does P(f) of a {campaign.described} go with "
        "complexity, with the exact λ_f, and with λ_eff(n) = dF/d log n, and at which n?",
        f"Measured: P of {classes['log2_p'].notna().sum()} of {len(classes)} classes, "
        f"log2 P {classes['log2_p'].max():.1f} to {classes['log2_p'].min():.1f}; F(n) of {chosen}, "
        f"n {_size(sizes.min())} to {_size(sizes.max())}. n for the verdicts, set by the kernel "
        f"alone: {_size(question.n_judged)}; last n: {_size(question.n_last)}. "
        f"Held fixed in brackets: {', '.join(_name(name) for name in question.controls)}.",
        "",
        *_line(judged, "- P and the kernel", "log2_p", ["log2_p_kernel"]),
        *_line(judged, "- P and λ_f", "log2_p", [EXACT]),
        *_energies(judged, question),
        *_ranked(judged, question, "log2_p", "- P and complexity"),
        *_ranked(judged, question, DELTA, "- What the kernel leaves of P, given it"),
        *_crossovers(question, crossings),
        *_local(llc, campaign),
        *_undecided(judged),
        *_left_out(question),
        "",
        "Tables: classes, free_energy, relations (.parquet), and below; figures: figures/.",
        "",
        END,
        "",
    ]
    return "\n".join(lines)


def _pick(judged: pd.DataFrame, x: str, y: str, *, partial: bool, n: float) -> pd.Series | None:
    """One row of ``relations``."""
    at = judged["at_n"].isna() if np.isnan(n) else np.isclose(judged["at_n"], n)
    rows = judged[
        (judged["x"] == x) & (judged["y"] == y) & at & ((judged["given"] != "") == partial)
    ]
    return None if rows.empty else rows.iloc[0]


def _line(
    judged: pd.DataFrame, title: str, x: str, names: list[str], n: float = float("nan")
) -> list[str]:
    """A line with the plain coefficient of each pair and, in brackets, the partial one."""
    parts = []
    for y in names:
        plain, held = (_pick(judged, x, y, partial=flag, n=n) for flag in (False, True))
        if plain is None:
            continue
        text = _estimate(plain)
        if held is not None and not np.isnan(held["estimate"]):
            text += f" ({_estimate(held)}, {held['verdict']})"
        parts.append(text if len(names) == 1 else f"{_name(y)} {text}")
    return [f"{title}: ρ = {'; '.join(parts)}."] if parts else []


def _energies(judged: pd.DataFrame, question: Question) -> list[str]:
    """F and λ_eff with P where the kernel says, λ_eff with P and with λ_f at the last n."""
    early, late = question.n_judged, question.n_last
    lines = [
        *_line(judged, f"- λ_eff at n = {_size(early)} and P", "lambda_eff", ["log2_p"], early),
        *_line(judged, f"- F at n = {_size(early)} and P", "free_energy", ["log2_p"], early),
        *_line(judged, f"- λ_eff at n = {_size(late)} and P", "lambda_eff", ["log2_p"], late),
        *_line(judged, f"- λ_eff at n = {_size(late)} and λ_f", "lambda_eff", [EXACT], late),
    ]
    return list(dict.fromkeys(lines))  # the last n may be that of the verdicts


def _ranked(judged: pd.DataFrame, question: Question, x: str, title: str) -> list[str]:
    """The measures by the strength of the partial coefficient, those related first."""
    rows = judged[
        (judged["x"] == x)
        & judged["y"].isin(question.measures)
        & (judged["given"] != "")
        & judged["estimate"].notna()
    ]
    rows = rows[rows["verdict"] == "related"]
    rows = rows.iloc[np.argsort(-rows["estimate"].abs().to_numpy(), kind="stable")]
    if rows.empty:
        return [f"{title}: nothing is related beyond what is held fixed."]
    words = [f"{_name(row['y'])} {_estimate(row)}" for _, row in rows.head(MOST_NAMED).iterrows()]
    more = f", and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
    return [f"{title}, related beyond what is held fixed: {', '.join(words)}{more}."]


def _local(llc: pd.DataFrame, campaign: Campaign) -> list[str]:
    """How much local coefficients at draws can tell functions apart."""
    rows = llc[(llc["estimator"] == "rank") & (llc["center"] == "self")]
    values = pd.to_numeric(rows["llc"]).dropna()
    if values.empty:
        return []
    most = campaign.n_points / 2.0
    share = float((values == most).mean())
    blind = "blind to the function" if share > 0.5 else "no measure of the function alone"
    return [
        f"- Local λ at {len(values)} draws: {share:.0%} are points/2 = {most:g}, "
        f"{values.nunique()} values in all; {blind}."
    ]


def _crossovers(question: Question, crossings: pd.DataFrame) -> list[str]:
    """From which n on λ_f log n can lead, and which pairs change the order of their F."""
    chosen = question.classes[question.classes["chosen"]]
    starts = chosen["n_asymptote"].dropna().astype(float)
    last = question.energies.loc[question.energies["lambda_eff"].notna(), "n"].max()
    parts = []
    if len(starts):
        early = int((starts < last).sum())
        parts.append(
            f"λ_f log n cannot lead at any n up to {_size(last)} in {len(starts) - early} of "
            f"{len(starts)} classes with bounds on λ_f"
        )
    crossed = crossings[crossings["n"].notna()]
    # f leads below the crossing, or g does: the one that leads above it has the smaller F there.
    later = np.sign(crossed["log_evidence_ratio_at_equal_fit_to"])
    against = (later * crossed["prior_bits"] < 0.0) & (later * crossed["log_n_bits"] > 0.0)
    pairs = len(crossings[["function", "other"]].drop_duplicates())
    swapped = len(crossed[["function", "other"]].drop_duplicates())
    won = len(crossed.loc[against, ["function", "other"]].drop_duplicates())
    if pairs:
        parts.append(
            f"of {pairs:,} pairs {swapped:,} change the order of F, {won:,} of them to the class "
            "with less prior mass and the smaller λ_f"
        )
    return [f"- Crossovers: {'; '.join(parts)}."] if parts else []


def _undecided(judged: pd.DataFrame) -> list[str]:
    """What was not decided, and what would have been found."""
    counts = judged["verdict"].value_counts()
    words = ", ".join(f"{counts.get(name, 0)} {name}" for name in _VERDICTS)
    text = f"- Of {len(judged)} coefficients: {words}."
    open_rows = judged[(judged["verdict"] == "undecided") & judged["detectable"].notna()]
    if len(open_rows):
        low, high = open_rows["detectable"].min(), open_rows["detectable"].max()
        text += (
            f" Those undecided would have shown |ρ| >= {low:.2f} to {high:.2f} with 80 % power: "
            "no evidence of absence."
        )
    return [text]


def _left_out(question: Question) -> list[str]:
    """Classes without P, curves that warn, measures of one value."""
    classes = question.classes
    lines = []
    missing, chosen = int(classes["log2_p"].isna().sum()), int(classes["chosen"].sum())
    warned = int((classes["chosen"] & (classes["warning"].fillna("") != "")).sum())
    if missing or warned:
        lines.append(
            f"- Without P, since splitting did not settle it, and in nothing with P: {missing} of "
            f"{len(classes)} classes. Curves that warn that runs are short: {warned} of {chosen}."
        )
    if question.constant:
        names = ", ".join(_name(name) for name in question.constant)
        lines.append(f"- One value only, so nothing to relate: {names}.")
    return lines


def _name(name: str) -> str:
    return _NAMES.get(name, name.replace("_", " "))


def _estimate(row: pd.Series) -> str:
    if np.isnan(row["estimate"]):
        return f"not known ({str(row['reason']).removeprefix('undecided: ')})"
    if np.isnan(row["low"]):
        return f"{row['estimate']:+.2f}"
    return f"{row['estimate']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]"


def _size(n: float) -> str:
    """A sample size for reading.

    Examples
    --------
    >>> _size(56.234), _size(0.316), _size(1e6), _size(float("nan"))
    ('56', '0.32', '10^6', 'none')
    """
    if np.isnan(n):
        return "none"
    if n >= 1e4:
        exponent = float(np.log10(n))
        if abs(exponent - round(exponent)) < 1e-6:
            return f"10^{round(exponent)}"
        return f"{n:.2g}"
    return f"{n:.2g}" if n < 100 else f"{n:,.0f}"
