"""The polynomial of the dispute: what λ, m and the volume curve say of the functions 1 and x⁴.

    f(x) = θ1 + θ2 θ3 x + θ4 θ5 θ6 x² + θ7 … θ10 x³ + θ11 … θ15 x⁴        (longer)
    f(x) = θ1 … θ5 + θ6 … θ9 x + θ10 θ11 θ12 x² + θ13 θ14 x³ + θ15 x⁴      (shorter)

Fifteen parameters with independent N(0, 1) priors; squared error on five Chebyshev points of
[-1, 1], which identify all coefficients, and on the one training point (1, 1).

    python scripts/dispute.py        about 2 minutes on two cores

Apart from that the posterior on that point, by quadrature (`dispute_posterior`).

Written to results/reference/volume: dispute.parquet, dispute.png and dispute.svg. Printed: the
tables of docs/dispute.md.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from dispute_posterior import box_mass, evidence

from pfmap.figures.style import (
    BLUE,
    GREEN,
    ORANGE,
    VERMILION,
    drawing,
    legend_above,
    new_figure,
    write_figure,
)
from pfmap.llc.exact import LearningCoefficient, factored_polynomial_llc, regular_llc
from pfmap.models.base import CompiledModel
from pfmap.models.polynomial import polynomial_model
from pfmap.volume import Settings, VolumeEstimate, estimate_volume, loss_target
from pfmap.volume.fit import fit_curve

OUT = Path(__file__).parents[1] / "results" / "reference" / "volume"
ORDERS = {"longer": (1, 2, 3, 4, 5), "shorter": (5, 4, 3, 2, 1)}
FUNCTIONS = {"1": (1, 0, 0, 0, 0), "x⁴": (0, 0, 0, 0, 1)}
CHEBYSHEV = np.cos(np.pi * (2 * np.arange(5) + 1) / 10)
SETTINGS = Settings(chains=64, steps=256, runs=16, lowest=1e-14)
RADII = (0.5, 0.1, 0.001)
OBSERVATIONS = (0.0, 1.0, 100.0)
SHOWN = 10.0 ** -np.arange(1, 15)
COLOURS = {
    ("longer", "1"): (BLUE, "-"),
    ("longer", "x⁴"): (VERMILION, "-"),
    ("shorter", "1"): (GREEN, "--"),
    ("shorter", "x⁴"): (ORANGE, "--"),
}


def dispute_model(
    n_factors: tuple[int, ...], target: tuple[int, ...], points: np.ndarray
) -> CompiledModel:
    """f on some points, against the polynomial with the given coefficients."""
    exponents = np.zeros((len(n_factors), sum(n_factors)), dtype=np.int64)
    first = 0
    for row, count in enumerate(n_factors):
        exponents[row, first : first + count] = 1
        first += count
    features = np.vander(points, len(n_factors), increasing=True)
    return polynomial_model(exponents, features, targets=features @ np.array(target, dtype=float))


def measure(
    n_factors: tuple[int, ...], target: tuple[int, ...], points: np.ndarray, name: str
) -> VolumeEstimate:
    """Volume curve under N(0, 1) priors."""
    return estimate_volume(
        loss_target(dispute_model(n_factors, target, points), name=name), SETTINGS
    )


def curve_rows(curve: VolumeEstimate, **labels: str) -> list[dict[str, object]]:
    """log2 V at every point of the curve, with its error and its slope there."""
    log_t, log_v = np.log(curve.curve.severities), curve.curve.log_volumes
    # Slopes over nine points, two levels: closer points differ by little more than their noise.
    slope = np.full(len(log_t), math.nan)
    slope[4:-4] = (log_v[8:] - log_v[:-8]) / (log_t[8:] - log_t[:-8])
    bits = 1.0 / math.log(2.0)
    return [
        labels | {"t": t, "log2_volume": bits * v, "log2_volume_se": bits * se, "slope": s}
        for t, v, se, s in zip(
            curve.curve.severities, log_v, curve.curve.log_volume_se, slope, strict=True
        )
    ]


def at(table: pd.DataFrame, column: str, t: np.ndarray) -> np.ndarray:
    """A column of one curve at other t, by interpolation in log t."""
    rows = table[table[column].notna()].sort_values("t")
    return np.interp(np.log(t), np.log(rows["t"]), rows[column], left=np.nan, right=np.nan)


def draw(table: pd.DataFrame) -> None:
    """V against t, and by how many bits each order favours the function 1."""
    with drawing():
        figure, (top, bottom) = new_figure(4.0, rows=2, share_x=True)
        for (order, function), (colour, stroke) in COLOURS.items():
            rows = table[(table["order"] == order) & (table["function"] == function)]
            label = f"{function}, products grow {order}"
            top.plot(rows["t"], rows["log2_volume"], color=colour, linestyle=stroke, label=label)
        for order, colour in (("longer", BLUE), ("shorter", ORANGE)):
            gap, error = favour(table, order)
            bottom.fill_between(
                SHOWN, gap - 1.96 * error, gap + 1.96 * error, color=colour, alpha=0.25, linewidth=0
            )
            stroke = "-" if order == "longer" else "--"
            bottom.plot(SHOWN, gap, color=colour, linestyle=stroke)
            place = 4.0 if gap[-1] > 0.0 else -4.0
            bottom.text(1e-7, place, f"products grow {order}", ha="left", va="center", fontsize=6.5,
                        color=colour)  # fmt: skip
        bottom.axhline(0.0, color="#7F7F7F", linewidth=0.6)
        top.set_xscale("log")
        top.invert_xaxis()
        top.set_ylabel(r"volume $\log_2 V(t)$ (bits)")
        bottom.set_ylabel(r"$\log_2 V_1(t) / V_{x^4}(t)$ (bits)")
        bottom.set_xlabel("loss t (falling to the right)")
        legend_above(figure, top, columns=2)
        write_figure(figure, OUT, "dispute")


def favour(table: pd.DataFrame, order: str) -> tuple[np.ndarray, np.ndarray]:
    """log2 V_1 - log2 V_x⁴ at `SHOWN`, and its standard error."""
    one, quartic = (
        table[(table["order"] == order) & (table["function"] == name)] for name in FUNCTIONS
    )
    gap = at(one, "log2_volume", SHOWN) - at(quartic, "log2_volume", SHOWN)
    error = np.hypot(at(one, "log2_volume_se", SHOWN), at(quartic, "log2_volume_se", SHOWN))
    return gap, error


def main() -> None:
    """Measure, print, write."""
    rows: list[dict[str, object]] = []
    print("| products grow | function | exact λ | m | λ̂ | verdict | slope at 1e-4 | 1e-8 | 1e-12 |")
    for order, n_factors in ORDERS.items():
        for function, target in FUNCTIONS.items():
            exact = factored_polynomial_llc(n_factors, target)
            curve = measure(n_factors, target, CHEBYSHEV, f"dispute {order} {function}")
            rows += curve_rows(curve, order=order, function=function)
            say(order, function, exact, curve, rows[-len(curve.curve.severities) :])
        # Any weights have a derivative of 1 along the bare coefficient: regular, of rank 1.
        single = measure(n_factors, FUNCTIONS["1"], np.ones(1), f"dispute {order} one point")
        rows += curve_rows(single, order=order, function="point (1, 1)")
        say(order, "point (1, 1)", regular_llc(1), single, rows[-len(single.curve.severities) :])
    table = pd.DataFrame(rows)
    OUT.mkdir(parents=True, exist_ok=True)
    table.to_parquet(OUT / "dispute.parquet", index=False)
    draw(table)
    print("\n| t | log2 V_1/V_x⁴, products grow longer | shorter |")
    gaps = {order: favour(table, order) for order in ORDERS}
    for place, t in enumerate(SHOWN):
        cells = [f"{gaps[o][0][place]:+.1f} ± {gaps[o][1][place]:.1f}" for o in ORDERS]
        print(f"| {t:.0e} | {' | '.join(cells)} |")
    print_posterior()


def print_posterior() -> None:
    """Posterior mass in boxes around 1 and x⁴ after n observations of the point (1, 1)."""
    print("\n| products grow | box | n | around 1 | around x⁴ | log2 of the ratio |")
    for order, n_factors in ORDERS.items():
        for radius in RADII:
            for n in OBSERVATIONS:
                total = evidence(n_factors, n)
                one, quartic = (
                    box_mass(n_factors, target, radius, n) / total for target in FUNCTIONS.values()
                )
                print(
                    f"| {order} | ±{radius:g} | {n:g} | {one:.2g} | {quartic:.2g} | "
                    f"{math.log2(one / quartic):+.2f} |"
                )


def say(
    order: str,
    function: str,
    exact: LearningCoefficient,
    curve: VolumeEstimate,
    rows: list[dict[str, object]],
) -> None:
    """One line of the first table."""
    fit = fit_curve(curve)
    slopes = at(pd.DataFrame(rows), "slope", np.array([1e-4, 1e-8, 1e-12]))
    print(
        f"| {order} | {function} | {exact.llc} | {exact.multiplicity} | "
        f"{fit.learning_coefficient:.2f} ± {fit.learning_coefficient_se:.2f} "
        f"[{fit.low:.2f}, {fit.high:.2f}] | {fit.verdict} | "
        f"{' | '.join(f'{slope:.2f}' for slope in slopes)} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
