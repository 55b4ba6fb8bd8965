"""Where curves of the constant leave their plateau, by width: a table for docs/volume-curve.md.

Under (3,w,1) relu with b ~ N(0, 1) on the output, what the weights with all units off add to Z(n)
is known: F(n) <= -w ln P(off) + ½ ln(1 + n) + ½ n/(1 + n), with equality beyond the turn.

    python scripts/volume_plateau.py            about a minute on two cores

Exit code 1 if F at the last n misses the contribution by five standard errors, if the bound on the
n where the asymptote can begin exceeds the n from which on the contribution makes half of Z, or if
the control, the contribution of one unit more, is not missed.
"""

from __future__ import annotations

import math
import sys

import numpy as np

from pfmap.functions import parse_function
from pfmap.settings.campaign import Campaign
from pfmap.settings.network import Network
from pfmap.settings.prior import Prior
from pfmap.volume import Settings, free_energy
from pfmap.volume.asymptote import least_n_by_mass, log_cheap_mass
from pfmap.volume.curves import Wanted, function_target
from pfmap.volume.estimate import estimate_volume
from pfmap.volume.fit import fit_curve
from pfmap.volume.known import known_bounds

WIDTHS = (2, 4, 8)
LN2 = math.log(2.0)


def contribution(log_mass: float, n: np.ndarray) -> np.ndarray:
    """Free energy of the weights with all units off."""
    return -log_mass + 0.5 * np.log1p(n) + 0.5 * n / (1.0 + n)


def main() -> int:
    """Print the table; exit code 1 if a rule is broken."""
    failed = False
    function = parse_function("constant", 3)
    wanted = Wanted(function.key, function.signs, function=function)
    print("| width | λ̂ | verdict | n | F(n) | all units off | bound on n | half of Z from n = |")
    print("|---|---|---|---|---|---|---|---|")
    for width in WIDTHS:
        campaign, wider = (
            Campaign(network=Network(widths=(3, w, 1)), prior=Prior(preset="gaussian"))
            for w in (width, width + 1)
        )
        estimate = estimate_volume(function_target(campaign, wanted), Settings(lowest=1e-12))
        energy = free_energy(estimate)
        fit = fit_curve(estimate, known=known_bounds(campaign, wanted))
        n, free = energy.n[energy.known], energy.free_energy[energy.known]
        log_mass, other = (
            log_cheap_mass(c, function.bits.astype(int), 1) for c in (campaign, wider)
        )
        exact = contribution(log_mass, n)
        bound = least_n_by_mass(campaign, log_mass, energy)
        half = float(n[np.flatnonzero(free >= exact - LN2)[0]])
        error = float(energy.free_energy_se[energy.known][-1])
        failed |= abs(free[-1] - exact[-1]) > 5 * error or bound > half
        control = contribution(other, n)[-1]
        if width == WIDTHS[0]:  # where the error is small enough to tell one unit
            failed |= abs(free[-1] - control) <= 5 * error
        print(
            f"| {width} | {fit.learning_coefficient:.3f} ± {fit.learning_coefficient_se:.3f} "
            f"| {fit.verdict} | {n[-1]:.1e} | {free[-1]:.2f} ± {error:.2f} | {exact[-1]:.2f} "
            f"| {bound:.1e} | {half:.1e} |",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
