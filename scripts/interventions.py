"""What moves prior mass: one network, changed in depth, prior, width and activation, one at a time.

A correlation over functions does not say what causes P. So the same classes of functions of four
inputs are measured in a (4, 16, 1) relu network under the Gaussian prior, and in others that differ
in one thing: two hidden layers (λ_f becomes 1 for every function that is not constant), other
standard deviations of the biases (λ_f stays), widths 4 to 64, another activation.

    python scripts/interventions.py             some minutes of one core; members are kept
    python scripts/interventions.py --out DIR   where they go
    python scripts/interventions.py --table-only    table, figure and text of what is there

Written to results/reference/interventions: interventions.parquet, interventions.png and
interventions.svg. Printed: what the table says, for docs/finding.md.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import pandas as pd
from kernel_limit import class_table
from matplotlib.axes import Axes
from scipy.stats import spearmanr

from pfmap.analysis.correlate import correlate
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
from pfmap.functions import functions_table
from pfmap.kernel_limit import limit_covariance, orthant_probability
from pfmap.sampling import sample_prior
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume import Settings, estimate_volume, free_energy
from pfmap.volume.curves import Wanted, function_target

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference" / "interventions"
BASE = "base"
MEMBERS: dict[str, dict] = {
    BASE: {},
    "(4,8,8,1)": {"network": {"widths": [4, 8, 8, 1]}},
    "(4,32,32,1)": {"network": {"widths": [4, 32, 32, 1]}},
    "σ_b = 0.3": {"prior": {"bias_sd": 0.3}},
    "σ_b = 3": {"prior": {"bias_sd": 3.0}},
    "width 4": {"network": {"widths": [4, 4, 1]}},
    "width 8": {"network": {"widths": [4, 8, 1]}},
    "width 64": {"network": {"widths": [4, 64, 1]}},
    "tanh": {"network": {"activation": "tanh"}},
}
WIDTHS = {"width 4": 4, "width 8": 8, BASE: 16, "width 64": 64}
WITHOUT_CURVES = ("(4,32,32,1)", "width 64", "tanh")
"""Members whose curves cost several times those of the base: P alone."""

DRAWS = 2_000_000
"""Of either half; the halves differ in their seed."""

LEAST_COUNT = 30
"""Draws of a class, both halves together, from which on its P is used."""

N_CURVES = 14
CURVES = Settings(chains=16, steps=64, runs=4, max_levels=200, lowest=2e-3)
SIZES = 10.0 ** (np.arange(0, 11) / 4.0)
KERNEL_CONTROLS = ("log2_p_kernel", "sensitivity", "ones", "log2_orbit_size")
SAID = ("halfspaces", "lambda_f")
LN2 = math.log(2.0)

Row = dict[str, object]


def campaign_of(changes: dict, seed: int = 1) -> Campaign:
    """A member: the base with its changes."""
    return campaign_from_mapping(
        {
            "draws": DRAWS,
            "seed": seed,
            "network": {"widths": [4, 16, 1], **changes.get("network", {})},
            "prior": {"preset": "gaussian", **changes.get("prior", {})},
            "domain": {"kind": "boolean", "encoding": "pm1"},
        }
    )


def count_classes(changes: dict, table: pd.DataFrame, draws: int) -> pd.DataFrame:
    """Draws of every class, one column a half."""
    halves = {}
    for seed in (1, 2):
        campaign = campaign_of(changes, seed).model_copy(update={"draws": draws})
        found = functions_table(sample_prior(campaign), campaign).to_pandas()
        counts = found.drop_duplicates("orbit").set_index("orbit")["orbit_count"]
        halves[f"half_{seed}"] = table["orbit"].map(counts).fillna(0).astype(float)
    return pd.DataFrame({"orbit": table["orbit"], **halves})


def measure_curves(
    changes: dict, table: pd.DataFrame, signs: np.ndarray, chosen: np.ndarray, settings: Settings
) -> pd.DataFrame:
    """F(n) of some classes."""
    campaign = campaign_of(changes)
    parts = []
    for place in np.flatnonzero(chosen):
        key = table["orbit"].iloc[place]
        target = function_target(campaign, Wanted(key, signs[place]))
        energy = free_energy(estimate_volume(target, settings, threads=1), SIZES)
        parts.append(
            pd.DataFrame(
                {
                    "orbit": key, "n": SIZES, "free_energy": energy.free_energy,
                    "free_energy_se": energy.free_energy_se,
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def choose(table: pd.DataFrame, counts: pd.DataFrame, n_wanted: int) -> np.ndarray:
    """Classes for the curves: even steps of the base's P, among those that it draws often."""
    total = (counts["half_1"] + counts["half_2"]).to_numpy()
    often = np.flatnonzero(total >= 10 * LEAST_COUNT)
    order = often[np.argsort(-(total / table["size"].to_numpy())[often])]
    chosen = np.zeros(len(table), dtype=bool)
    chosen[order[np.linspace(0, len(order) - 1, n_wanted).round().astype(int)]] = True
    return chosen


def with_probability(table: pd.DataFrame, counts: pd.DataFrame, draws: int) -> pd.DataFrame:
    """log2 P of a function of each class, NaN where it was drawn seldom; and of both halves."""
    found = table.assign(**counts[["half_1", "half_2"]])
    total = found["half_1"] + found["half_2"]
    with np.errstate(divide="ignore"):
        for name in ("half_1", "half_2"):
            found[name] = np.log2(found[name] / draws / found["size"])
        found["log2_p"] = np.log2(total / (2.0 * draws) / found["size"])
    seldom = (total < LEAST_COUNT) | ~np.isfinite(found[["half_1", "half_2"]]).all(axis=1)
    found.loc[seldom, ["log2_p", "half_1", "half_2"]] = np.nan
    return found.assign(log2_p_se=1.0 / np.sqrt(total.clip(lower=1.0)) / LN2)


def member_rows(
    name: str,
    members: dict[str, pd.DataFrame],
    curves: dict[str, pd.DataFrame],
) -> list[Row]:
    """What one member says, beside the base."""
    rows: list[Row] = []
    mine, base = members[name], members[BASE]
    there = mine["log2_p"].notna()
    half = spearmanr(mine["half_1"][there], mine["half_2"][there]).statistic
    # Both halves together: Spearman and Brown.
    rows.append(_row(name, "reliability", 2.0 * half / (1.0 + half), n=int(there.sum())))
    for measure in ("sensitivity", *SAID):
        rows += _related(name, f"ρ of log2 P and {measure}", mine, "log2_p", measure)
    if name != BASE:
        both = mine.assign(base=base["log2_p"])
        rows += _related(name, "ρ with the base", both, "log2_p", "base")
        if name in curves:
            rows += _energy_rows(name, both, curves)
    if name in WIDTHS:
        delta = mine.assign(delta=mine["log2_p"] - mine["log2_p_kernel"])
        known = delta[there]
        noise = (known["log2_p_se"] ** 2).mean()
        spread = math.sqrt(max(0.0, known["delta"].var() - noise))
        rows.append(_row(name, "sd of Δ", spread, n=len(known)))
        for measure in SAID:
            quantity = f"ρ of Δ and {measure}, given"
            rows += _related(name, quantity, delta, "delta", measure, KERNEL_CONTROLS)
    return rows


def _energy_rows(name: str, both: pd.DataFrame, curves: dict[str, pd.DataFrame]) -> list[Row]:
    """At every n, how the change of F from the base goes with that of -ln P."""
    pair = curves[name].merge(curves[BASE], on=["orbit", "n"], suffixes=("", "_base"))
    moved = (LN2 * (both["base"] - both["log2_p"])).set_axis(both["orbit"])
    pair = pair.assign(
        change=pair["free_energy"] - pair["free_energy_base"], moved=pair["orbit"].map(moved)
    )
    rows: list[Row] = []
    for n, part in pair.groupby("n"):
        rows += _related(name, "ρ of ΔF and -Δln P", part, "change", "moved", n=float(n))
    return rows


def _related(
    name: str, quantity: str, frame: pd.DataFrame, x: str, y: str, controls: tuple = (),
    n: float = math.nan,
) -> list[Row]:  # fmt: skip
    """A coefficient with its interval."""
    frame = frame[frame[[x, y]].notna().all(axis=1)]
    method = "partial_spearman" if controls else "spearman"
    (found,) = correlate(frame, [(x, y)], controls=controls, methods=[method], n_resamples=500)
    return [_row(name, quantity, found.estimate, found.low, found.high, n=found.n, at_n=n)]


def _row(
    member: str, quantity: str, estimate: float, low: float = math.nan, high: float = math.nan,
    *, n: int, at_n: float = math.nan,
) -> Row:  # fmt: skip
    return {
        "member": member, "quantity": quantity, "at_n": at_n, "estimate": float(estimate),
        "low": float(low), "high": float(high), "n": int(n),
    }  # fmt: skip


def measure_members(
    folder: Path, *, names: list[str], draws: int, n_curves: int, settings: Settings, run: bool
) -> pd.DataFrame:
    """Measure what is missing, and the table of all of it."""
    folder.mkdir(parents=True, exist_ok=True)
    table, signs = class_table(campaign_of({}))
    table["log2_orbit_size"] = np.log2(table["size"])
    covariance = limit_covariance(campaign_of({}))
    found = [orthant_probability(covariance, y, precision=0.02) for y in signs]
    table["log2_p_kernel"] = [item.log2_p for item in found]
    members, curves, chosen = {}, {}, np.zeros(0)
    for place, name in enumerate(MEMBERS):
        if name not in names:
            continue
        began = time.process_time()
        paths = [folder / f"{place:02}-{kind}.parquet" for kind in ("counts", "curves")]
        if run and not paths[0].exists():
            count_classes(MEMBERS[name], table, draws).to_parquet(paths[0])
        if not paths[0].exists():
            continue
        counts = pd.read_parquet(paths[0])
        members[name] = with_probability(table, counts, draws)
        if name == BASE:
            chosen = choose(table, counts, n_curves)
        if run and name not in WITHOUT_CURVES and not paths[1].exists():
            measure_curves(MEMBERS[name], table, signs, chosen, settings).to_parquet(paths[1])
        if paths[1].exists():
            curves[name] = pd.read_parquet(paths[1])
        print(f"{name}: {time.process_time() - began:.0f} s of processor time", flush=True)
    return pd.DataFrame([row for name in members for row in member_rows(name, members, curves)])


def draw(table: pd.DataFrame, folder: Path) -> list[Path]:
    """a: P beside the base's; b, c: what the kernel leaves, by width; d: F follows P."""
    with drawing():
        figure, axes = new_figure(5.4, rows=2, columns=(1.0, 1.0))
        _agreement(axes[0], table)
        _spread(axes[1], table)
        _left_over(axes[2], table)
        _energies(axes[3], table)
        for panel, letter in zip(axes, "abcd", strict=True):
            panel.set_title(letter, loc="left", fontweight="bold", fontsize=9.0)
        return write_figure(figure, folder, "interventions")


def _agreement(axes: Axes, table: pd.DataFrame) -> None:
    rows = table[table["quantity"] == "ρ with the base"].reset_index(drop=True)
    sure = table[table["quantity"] == "reliability"].set_index("member")["estimate"]
    y = np.arange(len(rows))[::-1]
    error = np.abs(rows[["low", "high"]].to_numpy() - rows["estimate"].to_numpy()[:, None]).T
    axes.errorbar(
        rows["estimate"], y, xerr=error, fmt="o", color=BLUE, markersize=3.0, elinewidth=0.8,
        label="ρ with the base, 95 %",
    )  # fmt: skip
    most = np.sqrt(sure[rows["member"]].to_numpy() * sure[BASE])
    axes.plot(most, y, "|", color=VERMILION, markersize=7.0, label="most that counts allow")
    axes.set_yticks(y, rows["member"])
    axes.set_xlabel(r"$\log_2 P$: agreement with (4,16,1)")
    axes.set_ylim(-2.4, len(rows) - 0.5)
    axes.legend(loc="lower left", borderpad=0.2)


def _by_width(table: pd.DataFrame, quantity: str) -> tuple[np.ndarray, pd.DataFrame]:
    rows = table[(table["quantity"] == quantity) & table["member"].isin(WIDTHS)]
    rows = rows.assign(width=rows["member"].map(WIDTHS)).sort_values("width")
    return rows["width"].to_numpy(dtype=float), rows


def _spread(axes: Axes, table: pd.DataFrame) -> None:
    width, rows = _by_width(table, "sd of Δ")
    axes.plot(width, rows["estimate"], "o-", color=BLUE, markersize=3.0, linewidth=0.9)
    if len(rows):
        line = rows["estimate"].iloc[-1] * width[-1] / width
        axes.plot(width, line, "--", color=GREY, linewidth=0.8, label="1/width")
        axes.legend(loc="upper right")
    axes.set(xscale="log", yscale="log", xlabel="width")
    axes.set_xticks(width, [f"{value:g}" for value in width])
    axes.set_yticks([0.1, 0.2, 0.5, 1.0, 2.0], ["0.1", "0.2", "0.5", "1", "2"])
    axes.minorticks_off()
    axes.set_ylabel(r"sd of $\log_2 P - \log_2 P_\mathrm{kernel}$ (bits)")


def _left_over(axes: Axes, table: pd.DataFrame) -> None:
    names = {"halfspaces": "half-spaces", "lambda_f": r"exact $\lambda_f$"}
    for shift, (measure, colour) in enumerate(zip(SAID, (VERMILION, GREEN), strict=True)):
        width, rows = _by_width(table, f"ρ of Δ and {measure}, given")
        y = rows["estimate"].to_numpy()
        error = np.abs(rows[["low", "high"]].to_numpy() - y[:, None]).T
        axes.errorbar(
            width * 1.06**shift, y, yerr=error, fmt="o-", color=colour, markersize=3.0,
            linewidth=0.9, elinewidth=0.8, label=names[measure],
        )  # fmt: skip
    axes.axhline(0.0, color=BLACK, linewidth=0.5)
    axes.set_xscale("log")
    axes.set_xticks(width, [f"{value:g}" for value in width])
    axes.minorticks_off()
    axes.set_xlabel("width")
    axes.set_ylabel("partial ρ of what the kernel leaves")
    axes.set_ylim(top=0.2)
    axes.legend(loc="upper right")


def _energies(axes: Axes, table: pd.DataFrame) -> None:
    rows = table[table["quantity"] == "ρ of ΔF and -Δln P"]
    colours = {"σ_b = 0.3": BLUE, "σ_b = 3": SKY, "(4,8,8,1)": VERMILION,
               "width 4": ORANGE}  # fmt: skip
    for name, part in rows.groupby("member", sort=False):
        colour = colours.get(str(name), GREY)
        label = str(name) if name in colours else None
        axes.plot(
            part["at_n"], part["estimate"], color=colour, label=label,
            linewidth=1.1 if label else 0.6,
        )  # fmt: skip
    axes.axhline(0.0, color=BLACK, linewidth=0.5)
    axes.plot([], [], color=GREY, linewidth=0.6, label="width 8")
    axes.set(xscale="log", xlim=(SIZES[0], SIZES[-1]), ylim=(-1.05, 1.05))
    axes.set_xlabel("samples $n$")
    axes.set_ylabel(r"ρ of $\Delta F(n)$ and $-\Delta \ln P$")
    axes.legend(loc="lower right", borderpad=0.2)


def printed(table: pd.DataFrame) -> str:
    """The table as Markdown."""
    quantities = ["ρ with the base", *(f"ρ of log2 P and {m}" for m in ("sensitivity", *SAID))]
    lines = [f"| member | {' | '.join(quantities)} | reliability | classes |", "|" + " --- |" * 7]
    for name, part in table.groupby("member", sort=False):
        cells = [_cell(part, quantity) for quantity in quantities]
        sure = part[part["quantity"] == "reliability"].iloc[0]
        lines.append(f"| {name} | {' | '.join(cells)} | {sure.estimate:.4f} | {sure.n} |")
    lines += ["", "| width | sd of Δ, bits | Δ and half-spaces | Δ and λ_f |", "|" + " --- |" * 4]
    for name, width in WIDTHS.items():
        part = table[table["member"] == name]
        if len(part):
            cells = [_cell(part, f"ρ of Δ and {measure}, given") for measure in SAID]
            lines.append(f"| {width} | {_cell(part, 'sd of Δ')} | {' | '.join(cells)} |")
    shown = [10.0, 10.0**1.5, 100.0, 10.0**2.5]
    lines += ["", "| ΔF and -Δln P | " + " | ".join(f"n = {n:.3g}" for n in shown) + " |"]
    lines.append("|" + " --- |" * 5)
    energies = table[table["quantity"] == "ρ of ΔF and -Δln P"]
    for name, part in energies.groupby("member", sort=False):
        cells = [_cell(part[np.isclose(part["at_n"], n)], "ρ of ΔF and -Δln P") for n in shown]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(part: pd.DataFrame, quantity: str) -> str:
    """An estimate with its interval, or a dash."""
    rows = part[part["quantity"] == quantity]
    if rows.empty or not np.isfinite(rows["estimate"].iloc[0]):
        return "-"
    r = rows.iloc[0]
    return f"{r.estimate:+.2f} [{r.low:+.2f}, {r.high:+.2f}]".replace(" [+nan, +nan]", "")


def main() -> None:
    """Measure what is missing, then write table, figure and text."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "interventions")
    parser.add_argument("--table-only", action="store_true", help="measure nothing")
    options = parser.parse_args()
    table = measure_members(
        options.out, names=list(MEMBERS), draws=DRAWS, n_curves=N_CURVES, settings=CURVES,
        run=not options.table_only,
    )  # fmt: skip
    REFERENCE.mkdir(parents=True, exist_ok=True)
    table.to_parquet(REFERENCE / "interventions.parquet", index=False, compression="zstd")
    written = draw(table, REFERENCE)
    print(printed(table))
    print(", ".join(path.name for path in written))


if __name__ == "__main__":
    main()
