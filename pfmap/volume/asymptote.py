"""From which n on the asymptote λ log n of a free energy can hold: a lower bound.

λ_eff(n) tends to λ, but only once the parameters with that coefficient outweigh all others. In a
relu network their prior mass falls exponentially with the width, so that n is pushed out of sight
while the curve lies on a plateau, most often half the number of points, that says nothing of λ.
Two bounds are taken, and the larger counts.

*Measured.* At an n where λ_eff is above an upper bound on λ by more than a tenth, and 1.96 standard
errors, the asymptote has not begun.

*By mass*, for one hidden relu layer. Let H be the width and r = 2 λ_f the least rank at which f can
be expressed. The parameters with λ(w) = λ_f are those whose units are all on exactly where a
pattern A of a space S is, S of dimension r and holding f (`pfmap.function_level`). With q(S)
the prior probability that all affine functions on one unit's pattern lie in S, their mass is at
most M = Σ_S q(S)^H, for units are independent. K is at least half the square of the distance of the
output bias b from a value that the other parameters fix, so integrating over b first, what they add
to Z(n) = exp(-F(n)) is

    Z_f(n) <= M max_c E_b exp(-n (b - c)²/2) = M (1 + n σ_b²)^(-1/2)   (normal law; for the uniform
                                                  law at most its density times sqrt(2π/n)).

The asymptote holds only where Z_f(n) >= Z(n)/2, hence only at n with

    F(n) >= -log M - log max_c E_b exp(-n (b - c)²/2) - log 2.

On the measured part of F this is looked up. Beyond, F(n) <= F(n_1) + s log(n/n_1) with n_1 the last
n known and s the larger of half the number of points and the largest λ_eff measured. That is an
assumption, that λ_eff rises no higher: a curve that ends before it comes to its plateau breaks it.

For constants Z_f is known outright: M = P(all units off) is exact, and b must be ±1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pfmap.function_level.minimum import MAX_LISTED_INPUTS
from pfmap.function_level.spaces import least_spaces, patterns_within
from pfmap.functions.probability import clopper_pearson
from pfmap.settings.campaign import Campaign
from pfmap.settings.prior import layer_sds

from .evidence import FreeEnergy
from .known import KnownBounds

if TYPE_CHECKING:
    from .curves import Wanted

N_UNITS = 1 << 17
"""Units drawn to find the probabilities of their patterns."""

SEED = 1
Z_95 = 1.96
MARGIN = 0.1
"""Share of λ by which λ_eff exceeds it where the asymptote has not begun."""

LONGEST = 700.0
"""ln of n beyond which no number is given."""


def log_cheap_mass(campaign: Campaign, table: np.ndarray, rank: int) -> float:
    """ln M, an upper bound on the prior mass of all cells of one hidden layer with the least rank.

    q(S) is counted over `N_UNITS` drawn units and taken at the upper end of its 95 % interval.

    Parameters
    ----------
    campaign : Campaign
        A relu network with one hidden layer and biases on a Boolean cube.
    table : ndarray of 0 and 1, shape (2^n,)
        f in counting order; n at most 3, or f constant.
    rank : int
        r(f).

    Examples
    --------
    For the constant every unit must be off: 2^-1.8 for one unit, for 32 units

    >>> from pfmap.settings.network import Network
    >>> from pfmap.settings.prior import Prior
    >>> wide = Campaign(network=Network(widths=(3, 32, 1)), prior=Prior(preset="gaussian"))
    >>> round(log_cheap_mass(wide, np.zeros(8), 1) / np.log(2.0))
    -59
    """
    (_, width, _), prior = campaign.dense.widths, campaign.prior
    weight_sds, bias_sds = layer_sds(campaign.dense.widths, True, prior)
    rng = np.random.default_rng(SEED)
    points = campaign.points
    shape = (N_UNITS, points.shape[1] + 1)
    drawn = rng.uniform(-1, 1, shape) * math.sqrt(3.0)
    if prior.law == "normal":
        drawn = rng.normal(size=shape)
    on = weight_sds[0] * drawn[:, :-1] @ points.T + bias_sds[0] * drawn[:, -1:] > 0.0
    patterns, counts = np.unique(on, axis=0, return_counts=True)
    within = [
        int(counts[patterns_within(patterns, basis)].sum()) for basis in least_spaces(table, rank)
    ]
    _, high = clopper_pearson(within, N_UNITS)
    logs = width * np.log(high)
    return float(np.logaddexp.reduce(logs))


def asymptote_start(
    campaign: Campaign, wanted: Wanted, energy: FreeEnergy, known: KnownBounds
) -> float:
    """Lower bound on the n at which the asymptote of a function's free energy can begin.

    Parameters
    ----------
    campaign : Campaign
    wanted : Wanted
    energy : FreeEnergy
        Of the function.
    known : KnownBounds
        From `pfmap.volume.known.known_bounds`.

    Returns
    -------
    float
        NaN where nothing is known.
    """
    low, high = known.limits
    found = last_above(energy, high)
    if not campaign.is_dense:
        return found
    widths = campaign.dense.widths
    listed = wanted.function is not None and (widths[0] <= MAX_LISTED_INPUTS or low == 0.5)
    if len(widths) == 3 and campaign.dense.activation == "relu" and low == high and listed:
        assert wanted.function is not None
        log_mass = log_cheap_mass(campaign, wanted.function.bits.astype(int), round(2 * low))
        found = float(np.fmax(found, least_n_by_mass(campaign, log_mass, energy)))
    return found


def last_above(energy: FreeEnergy, high: float) -> float:
    """Largest n with λ_eff above `high` by a tenth and 1.96 standard errors; NaN if there is none.

    Examples
    --------
    >>> n = np.array([1.0, 10.0, 100.0])
    >>> energy = FreeEnergy(n, n, 0 * n, np.array([0.4, 3.0, 0.6]), 0.1 + 0 * n)
    >>> last_above(energy, 0.5), last_above(energy, math.inf)
    (10.0, nan)
    """
    least = energy.lambda_eff - Z_95 * energy.lambda_eff_se
    above = energy.known & (least > (1.0 + MARGIN) * high)
    return float(energy.n[above][-1]) if above.any() else math.nan


def least_n_by_mass(campaign: Campaign, log_mass: float, energy: FreeEnergy) -> float:
    """The bound by mass; NaN where F is known at no n.

    Parameters
    ----------
    campaign : Campaign
        As for `log_cheap_mass`.
    log_mass : float
        ln M from there.
    energy : FreeEnergy
        Of the function.

    Examples
    --------
    Half of 128 points is 64. F(n) = 80 log n and a mass of e^-900: 80 log n = 900 + ½ log(1 + n)
    - log 2.

    >>> from pfmap.settings.prior import Prior
    >>> n, campaign = np.geomspace(1.0, 1e4, 65), Campaign(prior=Prior(preset="gaussian"))
    >>> plateau = FreeEnergy(n, 80 * np.log(n), 0 * n, 0 * n + 80.0, 0 * n)
    >>> f"{least_n_by_mass(campaign, -900.0, plateau):.2g}"
    '8.2e+04'
    """
    from scipy.optimize import brentq

    known = energy.known
    if not known.any():
        return math.nan
    log_n, free = np.log(energy.n[known]), energy.free_energy[known]
    most = free + Z_95 * np.nan_to_num(energy.free_energy_se[known])
    needed = _log_of_bias(campaign, log_n) - log_mass - math.log(2.0)
    reached = np.flatnonzero(most >= needed)
    if len(reached):
        return float(energy.n[known][reached[0]])
    steepest = energy.lambda_eff[known] + Z_95 * np.nan_to_num(energy.lambda_eff_se[known])
    slope = max(0.5 * campaign.n_points, float(steepest.max()))

    def lacking(place: float) -> float:
        least = float(_log_of_bias(campaign, np.array(place))) - log_mass - math.log(2.0)
        return least - float(most[-1]) - slope * (place - float(log_n[-1]))

    if lacking(LONGEST) > 0.0:
        return math.inf
    return math.exp(brentq(lacking, float(log_n[-1]), LONGEST))


def _log_of_bias(campaign: Campaign, log_n: np.ndarray) -> np.ndarray:
    """-ln of the largest E_b exp(-n (b - c)²/2) over c."""
    _, bias_sds = layer_sds(campaign.dense.widths, True, campaign.prior)
    sd = float(bias_sds[-1])
    n = np.exp(log_n)
    if campaign.prior.law == "normal":
        return 0.5 * np.log1p(n * sd**2)
    return np.maximum(0.0, 0.5 * np.log(n / (2.0 * math.pi)) + math.log(2.0 * math.sqrt(3.0) * sd))
