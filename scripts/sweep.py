"""Run the sweep of widths and depths through the under- and over-parametrised boundary.

Every member is the named campaign ``sweep`` with other widths: (5, w, 1) and (5, w, w, 1) relu on
all 32 inputs of 5 bits. Members go into one folder, and what they show into one tidy table.

    python scripts/sweep.py                       about 10 minutes on two cores
    python scripts/sweep.py --out results/sweep   where the members go; finished ones are kept
    python scripts/sweep.py --table-only          the table, the figure and the text again

Written to results/reference/sweep: sweep.parquet, sweep.png and sweep.svg. Printed: what the table
says, for docs/sweep.md.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.stats import t

from pfmap import pipeline
from pfmap.analysis.quantities import LADDER_MARK, LZ_MEAN, ORBIT_SIZE
from pfmap.experiments import named_campaign
from pfmap.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    VERMILION,
    drawing,
    new_figure,
    write_figure,
)
from pfmap.models.network import parameter_count
from pfmap.settings.campaign import Campaign
from pfmap.store import read_table

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference" / "sweep"
WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
DEEP_WIDTHS = (2, 4, 8, 16, 32)
STAGES = ("sample", "functions", "complexity", "llc", "analyze")
N_POINTS = 32

Row = dict[str, object]


def members() -> list[Campaign]:
    """The campaigns of the sweep, shallow ones first, by width."""
    base = named_campaign("sweep")
    shapes = [(5, w, 1) for w in WIDTHS] + [(5, w, w, 1) for w in DEEP_WIDTHS]
    return [
        base.model_copy(
            update={
                "name": "sweep-" + "-".join(map(str, widths)),
                "network": base.network.model_copy(update={"widths": widths}),
            }
        )
        for widths in shapes
    ]


def member_rows(campaign: Campaign, folder: Path) -> list[Row]:
    """Rows of the combined table from the tables of one member."""
    widths = campaign.dense.widths
    shape: Row = {
        "network": f"({', '.join(map(str, widths))})",
        "depth": len(widths) - 2,
        "width": widths[1],
        "n_parameters": parameter_count(widths),
    }
    llc, fits, correlations, predictors = (
        read_table(folder, name).to_pandas()
        for name in ("llc", "fits", "correlations", "predictors")
    )
    found = [
        *_map_rows(fits, correlations, predictors),
        *_coefficient_rows(llc),
        *_relation_rows(fits, correlations),
    ]
    return [{**shape, **row} for row in found]


def _row(
    quantity: str,
    of: str,
    estimate: float,
    low: float = np.nan,
    high: float = np.nan,
    *,
    n: int,
    verdict: str = "",
) -> Row:
    return {
        "quantity": quantity, "of": of, "estimate": float(estimate), "low": float(low),
        "high": float(high), "n": int(n), "verdict": verdict,
    }  # fmt: skip


def _from(quantity: str, of: str, rows: pd.DataFrame) -> list[Row]:
    """One row from the first of `rows`, none if there is none."""
    return [
        _row(quantity, of, r.estimate, r.low, r.high, n=r.n, verdict=r.verdict)
        for r in rows.head(1).itertuples()
    ]


def _map_rows(
    fits: pd.DataFrame, correlations: pd.DataFrame, predictors: pd.DataFrame
) -> list[Row]:
    """P against complexity: slope, rank correlations, prediction out of sample; by orbits."""
    line = fits[(fits["response"] == "log2_p_orbit") & (fits["predictor"] == "lz")]
    line = line[(line["fit"] == "least_squares") & (line["coefficient"] == "slope")]
    rows = _from("slope", "log2_p_orbit on lz", line)
    pair = correlations[
        (correlations["x"] == "log2_p_orbit")
        & (correlations["y"] == "lz")
        & (correlations["subset"] == "all")
    ]
    for method in ("spearman", "partial_spearman"):
        rows += _from(method, "log2_p_orbit, lz", pair[pair["method"] == method])
    known = predictors[predictors["r_squared"].notna() & (predictors["model"] != "ceiling")]
    for r in known.itertuples():
        rows.append(
            _row(
                "r_squared", r.predictor, r.r_squared, r.r_squared_low, r.r_squared_high,
                n=r.n, verdict=r.verdict,
            )
        )  # fmt: skip
        if np.isfinite(r.gain):
            rows.append(_row("gain", r.predictor, r.gain, r.gain_low, r.gain_high, n=r.n))
    return rows


def _coefficient_rows(llc: pd.DataFrame) -> list[Row]:
    """Targets attained, verdicts, relative coefficients and causes of missing rank, by center."""
    rows: list[Row] = []
    for (center, estimator), part in llc.groupby(["center", "estimator"]):
        definition, n = f"{estimator}/{center}", len(part)
        for verdict, share in part["verdict"].value_counts(normalize=True).sort_index().items():
            rows.append(_row(f"share {verdict}", definition, share, *_wilson(share, n), n=n))
        if estimator != "rank":
            continue
        if center == "target":
            share = (part["verdict"] != "not a minimum").mean()
            rows.append(_row("share attained", definition, share, *_wilson(share, n), n=n))
        # On a kink the rank bounds nothing.
        zero = part[part["verdict"].isin(["ok", "soft"])]
        if len(zero):
            # Draws of one function are no independent sample: the error is over functions.
            means = zero.groupby("function")["relative_llc"].mean()
            rows.append(_row("relative_llc", definition, *_t_interval(means), n=len(means)))
            # Smooth: the fibre is a manifold of the codimension that the rank says.
            smooth = zero["rank_constant"].dropna().astype(float)
            share = smooth.mean()
            if len(smooth):
                ends = _wilson(share, len(smooth))
                rows.append(_row("share smooth", definition, share, *ends, n=len(smooth)))
            missing = zero["n_parameters"] - zero["rank"]
            for cause in [name for name in zero.columns if name.startswith("null_")]:
                share = zero[cause].sum() / max(1, missing.sum())
                rows.append(_row(f"share {cause}", definition, share, n=len(zero)))
    return rows


def _relation_rows(fits: pd.DataFrame, correlations: pd.DataFrame) -> list[Row]:
    """For every definition of λ: variance between functions, and its relation to log2 P and lz."""
    rows: list[Row] = []
    split = fits[fits["fit"] == "variance_split"]
    for definition in split["response"].unique():
        part = split[split["response"] == definition]
        for name in ("share_between_functions", "reliability_of_means"):
            rows += _from(name, definition, part[part["coefficient"] == name])
    whole = correlations[(correlations["subset"] == "all") & correlations["x"].str.contains("/")]
    chosen = whole[whole["y"].isin(["log2_p_orbit", "lz"])]
    chosen = chosen[chosen["method"].isin(["spearman", "partial_spearman"])]
    for r in chosen.itertuples():
        rows.append(
            _row(f"{r.method} {r.y}", r.x, r.estimate, r.low, r.high, n=r.n, verdict=r.verdict)
        )
    return rows


def _wilson(share: float, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); draws of one function make it too narrow."""
    z = 1.96
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def _t_interval(values: pd.Series) -> tuple[float, float, float]:
    """Mean of independent values with its 95 % interval, NaN where there is one value only."""
    n, mean = len(values), values.mean()
    half = t.ppf(0.975, n - 1) * values.std() / np.sqrt(n) if n > 1 else np.nan
    return mean, mean - half, mean + half


def draw(table: pd.DataFrame, folder: Path) -> list[Path]:
    """Four panels against the number of parameters; the line is d = number of points."""
    with drawing():
        figure, panels = new_figure(7.4, rows=4, share_x=True)
        _panel(
            panels[0], table, r"$\rho$, $\log_2 P$ by orbit and lz",
            [("spearman", "log2_p_orbit, lz", BLUE, "all"),
             ("partial_spearman", "log2_p_orbit, lz", VERMILION, "given T, entropy, orbit size")],
        )  # fmt: skip
        _panel(
            panels[1], table, "share, or λ/λ$_{max}$",
            [("share attained", "rank/target", GREEN, "target attained"),
             ("share smooth", "rank/target", ORANGE, "of these smooth"),
             ("relative_llc", "rank/self", BLUE, "rank/2, self"),
             ("relative_llc", "rank/target", VERMILION, "rank/2, target, no kink")],
        )  # fmt: skip
        _panel(
            panels[2], table, "between-function share",
            [("share_between_functions", "rank/self", BLUE, "rank/2, self"),
             ("share_between_functions", f"quadratic/self{LADDER_MARK}100", SKY,
              r"$\lambda_{eff}$(100), self"),
             ("share_between_functions", f"quadratic/bernoulli{LADDER_MARK}100", ORANGE,
              r"$\lambda_{eff}$(100), bernoulli")],
        )  # fmt: skip
        _panel(
            panels[3], table, r"$\rho$ with $\log_2 P$ given controls",
            [("partial_spearman log2_p_orbit", "rank/self", BLUE, "rank/2, self"),
             ("partial_spearman log2_p_orbit", f"quadratic/self{LADDER_MARK}100", SKY,
              r"$\lambda_{eff}$(100), self"),
             ("partial_spearman log2_p_orbit", f"quadratic/bernoulli{LADDER_MARK}100", ORANGE,
              r"$\lambda_{eff}$(100), bernoulli")],
        )  # fmt: skip
        panels[0].set_ylim(-0.75, 0.05)
        panels[3].set_ylim(-1.05, 1.05)
        for panel in panels[1:3]:
            panel.set_ylim(-0.05, 1.08)
        panels[-1].set_xlabel(
            "parameters d; circles: (5, w, 1), squares: (5, w, w, 1)\n"
            "dotted: d = 32 points; bars: 95 %"
        )
        return write_figure(figure, folder, "sweep")


def _panel(
    axes: Axes, table: pd.DataFrame, label: str, series: list[tuple[str, str, str, str]]
) -> None:
    """Quantities against d, side by side, one marker a depth."""
    for place, (quantity, of, colour, name) in enumerate(series):
        for depth, marker, style in ((1, "o", "-"), (2, "s", "--")):
            rows = table[
                (table["quantity"] == quantity) & (table["of"] == of) & (table["depth"] == depth)
            ]
            rows = rows[rows["estimate"].notna()]
            x = rows["n_parameters"].to_numpy() * 1.03 ** (place - 1)
            y = rows["estimate"].to_numpy()
            ends = rows[["low", "high"]].to_numpy()
            error = np.nan_to_num(np.abs(ends - y[:, None])).T
            axes.errorbar(
                x, y, yerr=error, fmt=marker + style, color=colour, markersize=2.8, linewidth=0.8,
                elinewidth=0.6, markerfacecolor=colour if depth == 1 else "white",
                label=name if depth == 1 else None,
            )  # fmt: skip
    axes.axvline(N_POINTS, color=BLACK, linewidth=0.7, linestyle=":")
    axes.axhline(0.0, color=GREY, linewidth=0.5)
    axes.set_xscale("log")
    axes.set_ylabel(label)
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, borderpad=0.0, columnspacing=1.0
    )


_MAP = {
    "ρ(log2 P, lz)": ("spearman", "log2_p_orbit, lz"),
    "given T, entropy, size": ("partial_spearman", "log2_p_orbit, lz"),
    "slope on lz": ("slope", "log2_p_orbit on lz"),
}
_PREDICTION = {
    "R² orbit size": ("r_squared", ORBIT_SIZE),
    "R² controls": ("r_squared", f"ones + entropy + {ORBIT_SIZE}"),
    "R² all measures": ("r_squared", "all measures"),
    "gain of all": ("gain", "all measures"),
    "gain of generalisation": ("gain", "generalisation"),
    "gain of sensitivity": ("gain", "sensitivity"),
    "gain of lz": ("gain", "lz"),
    "gain of lz_orbit_mean_seen": ("gain", LZ_MEAN),
}
_GEOMETRY = {
    "targets attained": ("share attained", "rank/target"),
    "on a kink": ("share kink", "rank/target"),
    "others smooth": ("share smooth", "rank/target"),
    "λ/λ_max self": ("relative_llc", "rank/self"),
    "λ/λ_max target, off a kink": ("relative_llc", "rank/target"),
    "MALA ok, self": ("share ok", "mala/self"),
    "MALA ok, target": ("share ok", "mala/target"),
}
_CAUSES = {
    cause: (f"share null_{cause}", "rank/self")
    for cause in ("dead", "duplicate", "linear", "narrow", "rescaling", "unexplained")
}


def printed(table: pd.DataFrame) -> str:
    """The table's main numbers as Markdown, for docs/sweep.md."""
    relations = table[table["quantity"].str.startswith(("spearman l", "partial_spearman l"))]
    parts = [_by_network(table, wanted) for wanted in (_MAP, _PREDICTION, _GEOMETRY, _CAUSES)]
    return "\n".join(["\n\n".join(parts), "", *_best(table), "", *_verdicts(relations)])


def _by_network(table: pd.DataFrame, wanted: dict[str, tuple[str, str]]) -> str:
    """One line a network, one column a quantity."""
    lines = [f"| network | d | {' | '.join(wanted)} |", "|" + " --- |" * (len(wanted) + 2)]
    for (network, d), part in table.groupby(["network", "n_parameters"], sort=False):
        cells = [_cell(part, *names) for names in wanted.values()]
        lines.append(f"| {network} | {d} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(part: pd.DataFrame, quantity: str, of: str) -> str:
    """An estimate with its interval, or a dash; a mean over functions says over how many."""
    rows = part[(part["quantity"] == quantity) & (part["of"] == of)]
    if rows.empty or not np.isfinite(rows["estimate"].iloc[0]):
        return "-"
    r = rows.iloc[0]
    text = f"{r.estimate:.2f} [{r.low:.2f}, {r.high:.2f}]".replace(" [nan, nan]", "")
    return f"{text}, {r.n}" if quantity == "relative_llc" else text


def _best(table: pd.DataFrame) -> list[str]:
    """The three measures that predict best in each network: alone, and beyond the controls."""
    lines = ["| network | best alone (R²) | most beyond controls (gain) |", "|" + " --- |" * 3]
    single = table[~table["of"].str.contains(r" \+ |all measures")]
    for network, part in single.groupby("network", sort=False):
        cells = []
        for quantity in ("r_squared", "gain"):
            rows = part[part["quantity"] == quantity].nlargest(3, "estimate")
            cells.append(", ".join(f"{r.of} {r.estimate:.2f}" for r in rows.itertuples()))
        lines.append(f"| {network} | {' | '.join(cells)} |")
    return lines


def _verdicts(relations: pd.DataFrame) -> list[str]:
    """Partial correlations of each definition: in how many networks they say something, and pooled.

    The pooled mean has a t-interval over networks, as if these were independent.
    """
    lines = [
        "| definition | with | networks | mean ρ given controls | negative | excludes 0 "
        "| supported |",
        "|" + " --- |" * 7,
    ]
    known = relations["estimate"].notna()
    partial = relations[relations["quantity"].str.startswith("partial") & known]
    for (of, quantity), part in partial.groupby(["of", "quantity"]):
        mean, low, high = _t_interval(part["estimate"])
        excludes = (part["low"] > 0.0) | (part["high"] < 0.0)
        lines.append(
            f"| {of} | {quantity.split()[1]} | {len(part)} | {mean:.2f} [{low:.2f}, {high:.2f}] "
            f"| {(part['estimate'] < 0.0).sum()} | {excludes.sum()} "
            f"| {(part['verdict'] == 'supported').sum()} |"
        )
    return lines


def main() -> None:
    """Run what is missing, then write table, figure and text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "sweep")
    parser.add_argument("--table-only", action="store_true", help="run nothing")
    options = parser.parse_args()
    began = time.perf_counter()
    rows: list[Row] = []
    for campaign in members():
        folder = options.out / campaign.name
        if not options.table_only:
            result = pipeline.run(campaign, folder, resume=True, stages=STAGES)
            print(f"{campaign.name}: {result.elapsed_s:.1f} s", flush=True)
        rows += member_rows(campaign, folder)
    table = pd.DataFrame(rows)
    REFERENCE.mkdir(parents=True, exist_ok=True)
    table.to_parquet(REFERENCE / "sweep.parquet", index=False, compression="zstd")
    written = draw(table, REFERENCE)
    print(printed(table))
    print(f"{', '.join(path.name for path in written)}; {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
