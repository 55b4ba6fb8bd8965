"""Where the order of two functions changes with the number of samples."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pfmap.display import Displayed
from pfmap.errors import SettingsError

from .evidence import FreeEnergy

Z_95 = 1.96


@dataclass(frozen=True, repr=False)
class Side(Displayed):
    """One function, as a comparison needs it.

    Attributes
    ----------
    name : str
    energy : FreeEnergy
    log2_p : float, default NaN
        log2 P(f), the prior mass of its zero-one loss; NaN where it is not known.
    learning_coefficient : float, default NaN
        λ of the loss; NaN where it is not known.
    log2_p_se, learning_coefficient_se : float, default NaN
        Their standard errors.
    """

    name: str
    energy: FreeEnergy
    log2_p: float = math.nan
    learning_coefficient: float = math.nan
    log2_p_se: float = math.nan
    learning_coefficient_se: float = math.nan


@dataclass(frozen=True, repr=False)
class Crossing(Displayed):
    """An n at which two functions change their order, or, with `n` NaN, a pair not seen to do so.

    The log evidence ratio at equal fit is D(n) = F_g(n) - F_f(n) in nats, above 0 where f has more
    prior mass within resolution 1/n than g. It is a posterior odds only for data that both fit
    equally.

    Attributes
    ----------
    function, other : str
        f and g.
    n, n_low, n_high : float
        Where D = 0, and the nearest n on either side where D differs from 0 by 1.96 standard
        errors, with opposite signs.
    n_from, n_to : float
        Range in which both F are known.
    log_ratio_from, log_ratio_to, log_ratio_to_se : float
        D at both ends, and the standard error of the last.
    prior_bits : float
        log2 P(f) - log2 P(g): what the zero-one prior mass says for f.
    log_n_bits : float
        (λ_g - λ_f) log2 n: what the leading term λ log n of the free energies says for f.
    rest_bits : float
        D/ln 2 less both, which at the crossing is their negative sum: the multiplicities' log log
        n, the constants of the volumes beyond P, and what is not asymptotic at this n. The three
        add up to D, 0 at a crossing. All three are NaN without a crossing, or where P or λ of
        either function is not known.
    prior_bits_se, log_n_bits_se, rest_bits_se : float
        Standard errors of the three, from those of P and λ.
    settled : bool
        Whether the errors settle the order. True at a crossing. Without one, True where |D| is
        above 1.96 standard errors at both ends and D has one sign throughout: the order never
        changes. False where it may.
    """

    SHOWN: ClassVar = ("function", "other", "n", "n_low", "n_high", "settled")

    function: str
    other: str
    n: float
    n_low: float
    n_high: float
    n_from: float
    n_to: float
    log_ratio_from: float
    log_ratio_to: float
    log_ratio_to_se: float
    prior_bits: float
    log_n_bits: float
    rest_bits: float
    prior_bits_se: float
    log_n_bits_se: float
    rest_bits_se: float
    settled: bool


def find_crossings(f: Side, g: Side) -> list[Crossing]:
    """All n at which F_f(n) = F_g(n), as far as both are known and their errors tell.

    D counts as above or below 0 where it is so by 1.96 standard errors; between two neighbouring n
    of opposite signs so defined lies one crossing, at the root of the line through the last change
    of sign of D itself in between.

    Parameters
    ----------
    f, g : Side
        With free energies on one grid of n, of which one may be longer.

    Returns
    -------
    list of Crossing
        In the order of n; a single one with ``n`` NaN where the order is not seen to change, of
        which ``settled`` says whether it is known to stay; none where the two F are known at no
        common n.

    Raises
    ------
    SettingsError
        If the two grids differ.

    Examples
    --------
    f is cheap at first and has the larger λ: 2 + ½ log n against log n.

    >>> n = np.geomspace(1.0, 1e6, 61)
    >>> zero = np.full(61, 1e-3)
    >>> f = Side("f", FreeEnergy(n, np.log(n), zero, np.ones(61), zero), -1.0, 1.0)
    >>> g = Side("g", FreeEnergy(n, 2 + 0.5 * np.log(n), zero, 0 * n + 0.5, zero), -3.0, 0.5)
    >>> (crossing,) = find_crossings(f, g)
    >>> round(crossing.n, 1), crossing.prior_bits, round(crossing.log_n_bits, 2)  # n = e⁴
    (54.6, 2.0, -2.89)
    """
    size = min(len(f.energy.n), len(g.energy.n))
    if not np.allclose(f.energy.n[:size], g.energy.n[:size], rtol=1e-9, atol=0.0):
        raise SettingsError(
            "energy: both must be on one grid of n",
            next_step="leave n of free_energy out, or give the same to both",
        )
    both = f.energy.known[:size] & g.energy.known[:size]
    if not both.any():
        return []
    n = f.energy.n[:size][both]
    ratio = (g.energy.free_energy[:size] - f.energy.free_energy[:size])[both]
    error = np.hypot(f.energy.free_energy_se[:size], g.energy.free_energy_se[:size])[both]

    def crossing(at: float, low: float, high: float, *, settled: bool) -> Crossing:
        prior = f.log2_p - g.log2_p
        log_n = (g.learning_coefficient - f.learning_coefficient) * math.log2(at)
        known = math.isfinite(prior) and math.isfinite(log_n)
        prior_se = math.hypot(f.log2_p_se, g.log2_p_se)
        log_n_se = math.hypot(f.learning_coefficient_se, g.learning_coefficient_se) * math.log2(at)
        bits = (
            (prior, log_n, -prior - log_n, prior_se, log_n_se, math.hypot(prior_se, log_n_se))
            if known
            else (math.nan,) * 6
        )
        return Crossing(
            f.name, g.name, at, low, high, float(n[0]), float(n[-1]), float(ratio[0]),
            float(ratio[-1]), float(error[-1]), *bits, settled,
        )  # fmt: skip

    is_clear = np.abs(ratio) > Z_95 * error
    clear = np.flatnonzero(is_clear)
    found = []
    for before, after in itertools.pairwise(clear):
        if ratio[before] * ratio[after] > 0.0:
            continue
        within = np.arange(before, after)
        last = int(within[ratio[within] * ratio[after] <= 0.0][-1])
        share = ratio[last] / (ratio[last] - ratio[last + 1])
        at = math.log(n[last]) + share * math.log(n[last + 1] / n[last])
        found.append(crossing(math.exp(at), float(n[before]), float(n[after]), settled=True))
    if found:
        return found
    one_sign = bool((ratio * ratio[0] > 0.0).all())
    settled = bool(is_clear[0] and is_clear[-1] and one_sign)
    return [crossing(math.nan, math.nan, math.nan, settled=settled)]
