"""Coverage, verdicts and m of the ladder's fit on exact means with noise, and no chains.

    python scripts/ladder_simulation.py                  all models, ladders of 30 decades
    python scripts/ladder_simulation.py --decades 18     shorter ones
    python scripts/ladder_simulation.py --noise 0.5      half the noise
    python scripts/ladder_simulation.py --data-sets 50 --seed 2

Means of nβK are exact (`ladder_curves`) at rungs as far apart as a ladder's; noise
has a standard deviation of .003 on the lowest rung to .010 eighteen decades above, times √(2λ).
Printed: for every model the share of data sets whose 95 % interval holds λ, of those that end ok,
that end ok and are off by more than 3 %, and whose m is stated rightly and wrongly; and the totals.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
from ladder_curves import (
    d_singularity,
    power,
    product_means,
    product_of_two,
    sum_means,
    umbrella,
)
from scipy.interpolate import CubicSpline

from pfmap.llc.ladder.fit import fit_ladder
from pfmap.llc.ladder.judge import judge_ladder, state_multiplicity
from pfmap.llc.ladder.rungs import LEAST_EXCESS, SPACING, START_EXCESS

Curve = Callable[[np.ndarray], np.ndarray]

OFF = 0.03
PRECISION = 0.015


def products(*powers: int, sizes: tuple[int, ...] | None = None) -> Curve:
    """Of a product of powers of norms."""
    return lambda n: product_means(n, powers, sizes)


def sums(*terms: Callable[[np.ndarray], np.ndarray]) -> Curve:
    """Of a sum of terms in variables of their own."""
    return lambda n: sum_means(n, terms)


def apart(*curves: Curve) -> Curve:
    """Of a sum of independent losses."""
    return lambda n: np.sum([curve(n) for curve in curves], axis=0)


CUSP = sums(power(2), power(3))

MODELS: dict[str, tuple[Curve, float, int]] = {
    "x^4": (products(2), 1 / 4, 1),
    "x^6": (products(3), 1 / 6, 1),
    "x y": (products(1, 1), 1 / 2, 2),
    "x^2 y": (products(2, 1), 1 / 4, 1),
    "x^3 y": (products(3, 1), 1 / 6, 1),
    "x^2 y^2": (products(2, 2), 1 / 4, 2),
    "x^3 y^2": (products(3, 2), 1 / 6, 1),
    "x^3 y^3": (products(3, 3), 1 / 6, 2),
    "x y z": (products(1, 1, 1), 1 / 2, 3),
    "x^2 y z": (products(2, 1, 1), 1 / 4, 1),
    "x^2 y^2 z": (products(2, 2, 1), 1 / 4, 2),
    "x y z w": (products(1, 1, 1, 1), 1 / 2, 4),
    "x^4 y^3": (products(4, 3), 1 / 8, 1),
    "x y and z w": (apart(products(1, 1), products(1, 1)), 1.0, 3),
    "x and y z": (apart(products(1), products(1, 1)), 1.0, 2),
    "y |(x, z)|": (products(1, 1, sizes=(1, 2)), 1 / 2, 1),
    "|x|^2 of 3": (products(2, sizes=(3,)), 3 / 4, 1),
    "|x|^4 of 3": (products(4, sizes=(3,)), 3 / 8, 1),
    "|x| |y| of 2 and 2": (products(1, 1, sizes=(2, 2)), 1.0, 2),
    "x^2 + y^3": (CUSP, 5 / 12, 1),
    "x^2 + y^4": (sums(power(2), power(4)), 3 / 8, 1),
    "x^2 - y^4": (sums(power(2), power(4, -1)), 3 / 8, 1),
    "x^2 + y^5": (sums(power(2), power(5)), 7 / 20, 1),
    "x^2 y + y^3": (sums(d_singularity(4)), 1 / 3, 1),
    "x^2 y + y^4": (sums(d_singularity(5)), 5 / 16, 1),
    "x^3 + y^4": (sums(power(3), power(4)), 7 / 24, 1),
    "x^3 + y^5": (sums(power(3), power(5)), 4 / 15, 1),
    "x^4 + y^5": (sums(power(4), power(5)), 9 / 40, 1),
    "x^2 - y^2": (sums(power(2), power(2, -1)), 1 / 2, 2),
    "x^2 + y^2 + z^3": (sums(power(2), power(2), power(3)), 1 / 2, 1),
    "x^2 + y^3 + z^4": (sums(power(2), power(3), power(4)), 1 / 2, 1),
    "x^2 + y^3 + z^5": (sums(power(2), power(3), power(5)), 1 / 2, 1),
    "x^2 + y^3 + z^7": (sums(power(2), power(3), power(7)), 41 / 84, 1),
    "x^3 + y^3 + z^3": (sums(power(3), power(3), power(3)), 1 / 2, 2),
    "x^2 - y^2 z": (sums(power(2), umbrella), 1 / 2, 2),
    "x y + z^3": (sums(product_of_two, power(3)), 1 / 2, 1),
    "two of x^2 + y^3": (apart(CUSP, CUSP), 5 / 6, 1),
    "x^2 + y^3 and z w": (apart(CUSP, products(1, 1)), 11 / 12, 2),
}


def rungs_of(curve: Curve, decades: float) -> tuple[np.ndarray, np.ndarray]:
    """nβ of a ladder, ascending, and the exact means there."""
    grid = np.arange(0.0, (decades + 3.0) * math.log(10.0), 0.5)
    means = CubicSpline(grid, curve(np.exp(grid)))
    start = min(START_EXCESS, 0.5 * float(means(grid[-1])))
    u = [float(grid[np.argmax(means(grid) > start)])]
    while u[-1] < u[0] + decades * math.log(10.0):
        u.append(u[-1] + SPACING / math.sqrt(max(float(means(u[-1])), LEAST_EXCESS)))
    return np.exp(u), means(np.array(u))


def simulate(
    name: str, *, decades: float, noise: float, data_sets: int, seed: int
) -> dict[str, float | str]:
    """Shares of the data sets of one model."""
    curve, llc, multiplicity = MODELS[name]
    n_betas, exact = rungs_of(curve, decades)
    heights = np.log(n_betas / n_betas[0]) / math.log(1e18)
    errors = noise * math.sqrt(2.0 * llc) * np.interp(heights, [0.0, 1.0], [0.003, 0.010])
    rng = np.random.default_rng([seed, sorted(MODELS).index(name)])
    counts = dict.fromkeys(("holds", "ok", "off", "m right", "m wrong"), 0)
    for _ in range(data_sets):
        means = exact + errors * rng.normal(size=len(exact))
        fit = fit_ladder(n_betas, means, np.diag(errors**2))
        verdict, _ = judge_ladder(
            fit=fit, half_rank=0.0, lowest=0.0, n_kept=len(exact), rhat=1.0, precision=PRECISION
        )
        stated, _ = state_multiplicity(fit, n_betas[::-1])
        counts["holds"] += fit.low <= llc <= fit.high
        counts["ok"] += verdict == "ok"
        counts["off"] += verdict == "ok" and abs(fit.llc / llc - 1.0) > OFF
        counts["m right"] += stated == multiplicity
        counts["m wrong"] += stated not in (None, multiplicity)
    shares = {key: count / data_sets for key, count in counts.items()}
    return {"model": name, "λ": llc, "m": multiplicity, "rungs": len(exact), **shares}


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--decades", type=float, default=30.0)
    parser.add_argument("--noise", type=float, default=1.0)
    parser.add_argument("--data-sets", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = vars(parser.parse_args(arguments))
    table = pd.DataFrame([simulate(name, **options) for name in MODELS])
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3g}"))
    found = table[["holds", "ok", "off", "m right", "m wrong"]].mean()
    print(
        f"\nholds {found['holds']:.3f} (least {table['holds'].min():.2f}), ok {found['ok']:.3f}, "
        f"of these off by more than 3 % {found['off'] / max(found['ok'], 1e-9):.4f}, m right "
        f"{found['m right']:.3f}, m wrong {found['m wrong']:.4f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
