"""Tables ``classes`` and ``free_energy`` with known relations, without sampling."""

import numpy as np
import pandas as pd

from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping

SIZES = 10.0 ** (np.arange(-2, 13) / 4.0)
BEST = 100.0
"""n at which λ_eff of the synthetic kernel, and of the network, is log2 P itself."""


def asking(**changes: object) -> Campaign:
    """A campaign of four inputs of ±1 with quick settings of the analysis."""
    return campaign_from_mapping(
        {
            "name": "asking",
            "draws": 100_000,
            "network": {"widths": [4, 8, 1]},
            "prior": {"preset": "gaussian"},
            "domain": {"kind": "boolean", "encoding": "pm1"},
            "free_energy": {"classes": 60, "n": [0.3, 1000.0]},
            "analysis": {"bootstrap": 100, "noise_simulations": 200},
            **changes,
        }
    )


def synthetic(seed: int = 0, n: int = 80) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Classes whose P goes with the kernel, ``sensitivity`` and ``halfspaces``; lz is noise.

    λ_eff at `BEST` is log2 P with noise; at the largest n it is λ_f.
    """
    rng = np.random.default_rng(seed)
    sensitivity = np.round(rng.uniform(0.0, 3.0, n) * 8) / 8
    halfspaces = rng.integers(1, 5, n).astype(float)
    llc = rng.integers(2, 10, n) / 2.0
    kernel = -3.0 - 8.0 * sensitivity + rng.normal(0.0, 1.0, n)
    log2_p = kernel - 0.8 * halfspaces + rng.normal(0.0, 0.2, n)
    classes = pd.DataFrame(
        {
            "function": [f"{number:04x}" for number in range(n)],
            "orbit_size": rng.choice([2, 8, 24, 48, 96, 192], n),
            "orbit_count": 100,
            "ones": rng.integers(0, 16, n),
            "log2_p": log2_p,
            "log2_p_se": 0.1,
            "p_from": np.where(log2_p > np.quantile(log2_p, 0.2), "counts", "splitting: reached"),
            "log2_p_kernel": kernel,
            "log2_p_kernel_se": 0.02,
            "function_llc": llc,
            "function_llc_low": llc,
            "function_llc_high": llc,
            "reason": "",
            "chosen": np.arange(n) < 60,
            "curve": np.where(np.arange(n) < 60, "reached", None),
            "warning": "",
            "evaluations": 1,
            "n_asymptote": np.where(np.arange(n) < 60, 10.0 ** (np.arange(n) % 8), np.nan),
            "sensitivity": sensitivity,
            "halfspaces": halfspaces,
            "lz": rng.normal(10.0, 2.0, n),
            "bdd": 1.0,
        }
    )
    rows = []
    for row in classes[classes["chosen"]].itertuples():
        share = np.exp(-(np.log(SIZES / BEST) ** 2))
        late = SIZES / (SIZES + 300.0) * (1.0 - share)
        noise = rng.normal(0.0, 1.0, len(SIZES))
        value = 0.3 + share * -row.log2_p + late * row.function_llc + 0.05 * np.abs(noise)
        kernel_value = 0.3 + share * -row.log2_p_kernel + 0.3 * (1.0 - share) * np.abs(noise)
        rows.append(
            pd.DataFrame(
                {
                    "function": row.function,
                    "loss": "squared",
                    "n": SIZES,
                    "free_energy": np.cumsum(value) * np.log(10.0) / 4.0,
                    "free_energy_se": 0.05,
                    "lambda_eff": value,
                    "lambda_eff_se": 0.02,
                    "log_share_low": -np.inf,
                    "w": np.nan,
                    "free_energy_kernel": np.cumsum(kernel_value),
                    "lambda_eff_kernel": kernel_value,
                    "log2_p_kernel": row.log2_p_kernel,
                }
            )
        )
    return classes, pd.concat(rows, ignore_index=True)
