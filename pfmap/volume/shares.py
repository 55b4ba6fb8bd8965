"""How much of the posterior has all signs right, bounded from a volume curve.

For ±1 targets at m points one wrong sign costs K >= 1/(2m). So all that lies below t = 1/(2m) has
the function's own signs, and with V(t) the share π(n) of the posterior ∝ exp(-n K) that does is

    π(n) >= 1 - ∫_{t >= 1/(2m)} exp(-n t) dV(t) / Z(n).

F(n) = -ln P + W(n) + ln π(n), W = -ln E[exp(-n K) | signs right]: where π is 1, F is known from P
and what fitting the targets costs among functions with these signs.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from .combine import Curve
from .evidence import FreeEnergy


def log_share_low(curve: Curve, energy: FreeEnergy, threshold: float) -> np.ndarray:
    """Lower bound on ln π(n), as far as V is known without error.

    Parameters
    ----------
    curve : Curve
        V̂ at descending t.
    energy : FreeEnergy
        F(n) of it.
    threshold : float
        1/(2m).

    Returns
    -------
    ndarray, shape (sizes,)
        At most 0; -inf where nothing is known from the curve, NaN where F is not known.

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> from pfmap.volume import Settings, estimate_volume, free_energy, loss_target
    >>> target = loss_target(polynomial_model([[1]]), name="w")  # K = w²/2
    >>> found = estimate_volume(target, Settings(lowest=1e-4), threads=1)
    >>> energy = free_energy(found, np.array([1.0, 1e3]))
    >>> low = log_share_low(found.curve, energy, 0.5)  # |w| < 1; P(|w| < 1) under exp(-n K) N(0, 1)
    >>> bool(-1.0 < low[0] < np.log(0.843) + 0.05), bool(low[1] > -1e-6)
    (True, True)
    """
    known = np.isfinite(curve.log_volumes)
    t = np.append(np.inf, curve.severities[known])
    volumes = np.append(0.0, curve.log_volumes[known])
    above = t[:-1] > threshold
    # Mass between two points of the curve, all of it taken to lie at the lower one.
    falls = np.minimum(np.diff(volumes)[above], -1e-300)
    masses = volumes[:-1][above] + np.log(-np.expm1(falls))
    lower = np.maximum(t[1:][above], threshold)
    with np.errstate(divide="ignore"):
        log_mass = logsumexp(masses - np.multiply.outer(energy.n, lower), axis=1)
        share = np.minimum(np.exp(log_mass + energy.free_energy), 1.0)
        return np.asarray(np.log1p(-share))
