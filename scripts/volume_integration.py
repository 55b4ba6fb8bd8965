"""F(n) of one small network twice: from its volume curve, and by thermodynamic integration.

Network (2,3,1) tanh, all standard deviations of the prior 1, targets its own outputs at one draw of
the prior, so that K = 0 is within reach. The second way never sees a volume: replica exchange
(`pfmap.llc.ladder`) around 0 with γ = 1, which makes the localisation the prior, gives E_s[K], and

    F(n) = ∫_0^n E_s[K] ds.

    python scripts/volume_integration.py            about 2 minutes on two cores

Written: results/reference/volume/integration.parquet. Exit code 1 if the two differ by more than 4
standard errors at n = 10, 10^3 or 10^5.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline

from pfmap.llc.ladder.chains import advance, start_chain
from pfmap.llc.ladder.localise import with_gaussian
from pfmap.llc.ladder.problem import make_problem
from pfmap.models.base import CompiledModel
from pfmap.models.network import network_model
from pfmap.settings.domain import boolean_points
from pfmap.volume import Settings, estimate_volume, loss_target
from pfmap.volume.evidence import free_energy

OUT = Path(__file__).parents[1] / "results" / "reference" / "volume"
SIZES = np.array([10.0, 1e3, 1e5])
FIRST = 0.01
"""n up to which F is a mean over draws of the prior, exp(-n K) being nearly 1."""

PER_DECADE = 5
PRIOR_DRAWS = 2000


def small_network() -> CompiledModel:
    """The network, with targets that it can meet."""
    model = network_model((2, 3, 1), boolean_points(2), activation="tanh")
    truth = np.random.default_rng(7).normal(size=model.n_parameters)
    return model.with_targets(model.outputs(truth))


def integrate(
    model: CompiledModel, sizes: np.ndarray, *, steps: int, chains: int = 8, threads: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """F at `sizes` under N(0, 1) priors by thermodynamic integration, and its standard error.

    s E_s[K] is integrated over log s by a cubic spline through the rungs of each chain. The error
    is that of the mean over chains and what leaving out every second rung changes.
    """
    problem = make_problem(model, np.zeros(model.n_parameters), reduced=False, leaps=4, key=11)
    problem = dataclasses.replace(with_gaussian(problem, 1.0), loss_at_center=0.0)
    last = float(sizes.max())
    rungs = round(np.log10(last / FIRST) * PER_DECADE) + 1
    n_betas = np.geomspace(last, FIRST, rungs)

    def mean_losses(chain: int) -> np.ndarray:
        # Chains of even number walk down from the lowest n; the others start at 0, no minimum here.
        state = start_chain(problem, n_betas, 2 * chain)
        trace = advance(problem, n_betas, state, steps, chain=2 * chain)
        return trace[::-1, steps // 5 :].mean(axis=1)

    with ThreadPoolExecutor(threads) as pool:
        means = np.array(list(pool.map(mean_losses, range(chains))))
    log_s = np.log(n_betas[::-1])
    rng = np.random.default_rng(5)
    draws = rng.normal(size=(PRIOR_DRAWS, model.n_parameters))
    head = -np.log(np.mean([np.exp(-FIRST * model.loss(draw)) for draw in draws]))

    def integral(step: int) -> np.ndarray:
        spline = CubicSpline(log_s[::step], means[:, ::step], axis=1)
        return np.array([spline.integrate(log_s[0], np.log(n)) for n in sizes])

    whole = integral(1)
    spread = whole.std(axis=1, ddof=1) / np.sqrt(chains)
    coarse = np.abs(integral(2).mean(axis=1) - whole.mean(axis=1))
    return head + whole.mean(axis=1), np.hypot(spread, coarse / 15.0)


def compare(*, settings: Settings, steps: int, threads: int = 2) -> pd.DataFrame:
    """Both values of F at `SIZES`."""
    model = small_network()
    curve = estimate_volume(loss_target(model, name="integration"), settings, threads=threads)
    found = free_energy(curve, SIZES)
    direct, direct_se = integrate(model, SIZES, steps=steps, threads=threads)
    error = np.hypot(found.free_energy_se, direct_se)
    return pd.DataFrame(
        {
            "n": SIZES,
            "free_energy": found.free_energy,
            "free_energy_se": found.free_energy_se,
            "lambda_eff": found.lambda_eff,
            "integrated": direct,
            "integrated_se": direct_se,
            "z": (found.free_energy - direct) / error,
        }
    )


def main() -> int:
    """Compare, print, write."""
    began = time.monotonic()
    settings = Settings(chains=32, steps=256, runs=16, lowest=3e-7)
    table = compare(settings=settings, steps=16_000)
    OUT.mkdir(parents=True, exist_ok=True)
    table.to_parquet(OUT / "integration.parquet", index=False)
    print(table.round(4).to_string(index=False))
    print(f"{time.monotonic() - began:.0f} s")
    return int(bool((table["z"].abs() > 4.0).any()))


if __name__ == "__main__":
    sys.exit(main())
