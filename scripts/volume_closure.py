"""Σ P(f) over all 256 functions of three inputs by splitting, and which share is uncertain.

Every run is unbiased whatever its verdict, so the means of all functions add up to 1 within their
errors, those of uncertain functions included. What is uncertain has two bounds.

    python scripts/volume_closure.py            about three minutes on two cores

(3,8,1) tanh, Gaussian prior; once with runs long enough for most functions, once far too short.
Exit code 1 if a sum is off by five standard errors, or if Σ P(f) of the uncertain functions, as the
longer runs have it, lies outside of what the bounds of the shorter ones say.
"""

from __future__ import annotations

import math
import sys

import numpy as np
from scipy.special import logsumexp
from volume_verification import SMALL, all_functions, measure, network

from pfmap.volume import Settings, VolumeEstimate

SHORT = Settings(chains=32, steps=8, runs=8)


def mean_of_runs(found: VolumeEstimate) -> tuple[float, float]:
    """Mean of V̂ over the runs and its standard error."""
    last = np.array([run.log_volumes[-1] for run in found.runs])
    values = np.exp(last)
    return math.exp(logsumexp(last)) / len(last), values.std(ddof=1) / math.sqrt(len(last))


def main() -> int:
    """Print one block a setting; exit code 1 if a rule is broken."""
    campaign = network(
        (3, 8, 1), 1, network={"activation": "tanh"}, prior={"preset": "gaussian"}
    )  # fmt: skip
    failed, best = False, np.zeros(0)
    for settings in (SMALL, SHORT):
        estimates = [measure(campaign, bits, settings) for bits in all_functions(3)]
        means, errors = np.array([mean_of_runs(found) for found in estimates]).T
        verdicts = np.array([found.verdict for found in estimates])
        unsure = verdicts == "uncertain"
        low, high = (
            sum(2.0 ** getattr(found, name) for found in estimates if found.verdict == "uncertain")
            for name in ("log2_p_lower", "log2_p_upper")
        )
        error = math.sqrt((errors**2).sum())
        best = best if len(best) else means
        longer = float(best[unsure].sum())
        failed |= abs(means.sum() - 1.0) > 5 * error or not low <= longer <= high
        failed |= bool((verdicts == "stalled").any() or (verdicts == "budget").any())
        print(
            f"{settings.runs} runs of {settings.chains} x {settings.steps} states\n"
            f"  Σ of all means {means.sum():.4f} ± {error:.4f}; reached "
            f"{(verdicts == 'reached').sum()} functions with {means[~unsure].sum():.4f}\n"
            f"  uncertain {unsure.sum()} functions with {means[unsure].sum():.2g}, bounds "
            f"{low:.2g} … {high:.2g}, by the longer runs {longer:.2g}",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
