"""λ and m from volume curves alone, against exact values: a table for docs/volume-curve.md.

Every prior is Gaussian with standard deviations of 1. The last row is a negative control: the mean
of the last slopes of the curve of w1 w2 w3, whose m is 3, without logarithms. It must miss.

    python scripts/volume_coefficients.py            about 5 minutes on two cores

Written: results/reference/volume/coefficients.parquet. Exit code 1 if a model breaks the rules
below, or the control does not.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pfmap.calibration.known import KnownModel, deep_linear, monomials, tanh_units
from pfmap.volume import Settings, VolumeEstimate, estimate_volume, loss_target
from pfmap.volume.fit import MAX_MULTIPLICITY, curve_slopes, fit_curve

OUT = Path(__file__).parents[1] / "results" / "reference" / "volume"
WITHIN = 0.05
"""Relative error of λ that is asked for where the verdict is ok."""

CONTROL = "(1,1,1), mean of the last slopes"


def known_models() -> list[KnownModel]:
    """Monomial sums of 1 to 6 parameters, deep linear networks, and one tanh unit."""
    singles = [monomials([row]) for row in ([1], [1, 1], [1, 3], [2, 2], [1, 1, 1], [1] * 4)]
    sums = [
        monomials(rows)
        for rows in (
            [[1, 1, 0], [0, 1, 1]],
            [[1, 1, 0, 0], [0, 0, 1, 1]],
            [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]],
            [[1, 1, 0, 0, 0], [0, 0, 2, 1, 0], [0, 0, 0, 0, 1]],
            [[1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1]],
            [[1] * 6],
        )
    ]
    shapes = [((1, 1, 1, 1), 0), ((2, 2, 2), 0), ((3, 2, 3), 0), ((5, 3, 5), 0), ((2, 2, 2), 1)]
    linear = [deep_linear(widths, rank) for widths, rank in shapes]
    return [*singles, *sums, *linear, tanh_units(1, np.array([-1.0, -0.5, 0.5, 1.0]))]


def settings_for(known: KnownModel, seed: int = 1) -> Settings:
    """Down to 1e-24 where λ is small, which is cheap there and tells m; elsewhere to 1e-12, with
    longer chains, since the strata of a deep linear network hang together by narrow necks."""
    if known.exact.llc <= 1:
        return Settings(chains=32, steps=128, runs=32, lowest=1e-24, seed=seed)
    return Settings(chains=64, steps=256, runs=8, lowest=1e-12, seed=seed)


def measure(known: KnownModel, seed: int = 1, threads: int | None = None) -> VolumeEstimate:
    """Volume curve of a model."""
    target = loss_target(known.model, name=known.name)
    return estimate_volume(target, settings_for(known, seed), threads=threads)


def control_row(known: KnownModel, curve: VolumeEstimate) -> dict[str, object]:
    """Mean of the last third of the slopes, weighted by the inverse covariance."""
    slopes = curve_slopes(curve.levels.curve, curve.runs)
    last = slice(len(slopes.t) - len(slopes.t) // 3, None)
    precision = np.linalg.inv(slopes.covariance[last, last])
    mean = float(precision.sum(axis=0) @ slopes.values[last] / precision.sum())
    se, exact = float(precision.sum() ** -0.5), float(known.exact.llc)
    return row_of(known, curve) | {
        "name": CONTROL, "llc": mean, "llc_se": se, "low": mean - 1.96 * se,
        "high": mean + 1.96 * se, "error": mean / exact - 1.0, "z": (mean - exact) / se,
        "multiplicity": None, "verdict": "control",
    }  # fmt: skip


def row_of(known: KnownModel, curve: VolumeEstimate) -> dict[str, object]:
    """Estimate beside the exact value."""
    fit = fit_curve(curve)
    exact = float(known.exact.llc)
    return {
        "name": known.name,
        "n_parameters": known.model.n_parameters,
        "true_llc": exact,
        "true_multiplicity": known.exact.multiplicity,
        "llc": fit.learning_coefficient,
        "llc_se": fit.learning_coefficient_se,
        "low": fit.low,
        "high": fit.high,
        "error": fit.learning_coefficient / exact - 1.0,
        "z": (fit.learning_coefficient - exact) / fit.learning_coefficient_se,
        "multiplicity": fit.multiplicity,
        "multiplicity_weights": list(fit.multiplicity_weights),
        "verdict": fit.verdict,
        "lowest": curve.settings.lowest,
        "log_volume": float(curve.curve.log_volumes[-1]),
        "between_se": float(curve.curve.between_se[-1]),
        "within_se": float(curve.curve.within_se[-1]),
        "evaluations": curve.evaluations,
        "elapsed_s": curve.elapsed_s,
    }


def faults(table: pd.DataFrame) -> list[str]:
    """Rules that are broken: λ within 5 % and m right or undetermined, unless the verdict warns."""
    found = []
    for row in table.itertuples():
        if row.name == CONTROL:
            if row.low <= row.true_llc <= row.high:
                found.append("the control holds the true λ: the comparison cannot tell it")
        elif row.verdict == "ok":
            if abs(row.error) > WITHIN and row.true_multiplicity <= MAX_MULTIPLICITY:
                found.append(f"{row.name}: λ is off by {row.error:.1%} with the verdict ok")
            if pd.notna(row.multiplicity) and row.multiplicity != row.true_multiplicity:
                found.append(f"{row.name}: m = {row.multiplicity:.0f}, not {row.true_multiplicity}")
    return found


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    seed = parser.parse_args().seed
    rows, began = [], time.monotonic()
    for known in known_models():
        curve = measure(known, seed)
        rows.append(row_of(known, curve))
        print(show(rows[-1]), flush=True)
        if known.name == "(1,1,1)":
            control = control_row(known, curve)
    rows.append(control)
    print(show(control))
    table = pd.DataFrame(rows)
    OUT.mkdir(parents=True, exist_ok=True)
    table.to_parquet(OUT / "coefficients.parquet", index=False)
    measured = table[(table["name"] != CONTROL) & (table["verdict"] == "ok")]
    covered = (measured["low"] <= measured["true_llc"]) & (measured["true_llc"] <= measured["high"])
    print(
        f"{len(measured)} of {len(table) - 1} ok; of these median |error| "
        f"{measured['error'].abs().median():.1%}, worst {measured['error'].abs().max():.1%}, "
        f"{covered.sum()} intervals hold λ, m reported for "
        f"{measured['multiplicity'].notna().sum()}; {time.monotonic() - began:.0f} s"
    )
    broken = faults(table)
    print("\n".join(broken) if broken else "no rule broken")
    return 1 if broken else 0


def show(row: dict[str, object]) -> str:
    """One line of the printed table, as Markdown."""
    m = "—" if row["multiplicity"] is None else row["multiplicity"]
    return (
        f"| {row['name']} | {row['true_llc']:.4g} | {row['llc']:.3f} ± {row['llc_se']:.3f} | "
        f"{row['error']:+.1%} | {row['true_multiplicity']} | {m} | {row['verdict']} | "
        f"{row['log_volume']:.1f} ± {row['between_se']:.2f} / {row['within_se']:.2f} | "
        f"{row['evaluations']:.1e} | {row['elapsed_s']:.0f} |"
    )


if __name__ == "__main__":
    sys.exit(main())
