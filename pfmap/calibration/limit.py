"""The information limit: which m no fit of a ladder can tell, whatever its method.

The curve E[nβK] of a model whose zeta function has poles of opposite sign at -λ and -λ - κ is

    E = λ - κ r e^(-κ v)/(κ + r (1 - e^(-κ v))),   v = ln nβ above the lowest rung, λ - r = E(0),

from Z ∝ e^(-λ v) (1 - c e^(-κ v)). As κ -> 0 with r fixed it becomes λ - r/(1 + r v), the curve of
a double pole, m = 2: two simple poles merge into one as (1 - e^(-κ v))/κ becomes v. So a ladder
tells m = 1 from m = 2 only where e^(-κ v) is seen to fall, that is, over some 5/κ in ln nβ; if it
is shorter, either m fits with a λ of its own. The same holds for m and m - 1 above that. What a
ladder can tell is the χ² by which the best curve of the wrong kind misses the exact one, in the
errors of its rungs: no fit has more to go by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.optimize import brentq, least_squares

from pfmap.calibration.known import KnownModel
from pfmap.llc.ladder.estimate import LadderEstimate

TOLD = 2.0 * math.log(99.0)
"""χ² at which the wrong kind is 99 times less likely: a stated m may be wrong in 1 of 100."""

LARGEST_LOG = 700.0
"""ln nβ beyond which a ladder is not thought of: the largest number of float64."""

LEAST_RUNGS = 5
"""Rungs below which nothing is said: a curve has three numbers."""

LEAST_DEPTH = 0.01
"""Least r: below, the curve is flat and nothing is to be told."""


@dataclass(frozen=True)
class InformationLimit:
    """What the errors of a ladder leave undecided about m.

    Attributes
    ----------
    n_beta : float
        Highest nβ of a ladder of that spacing and error that can tell m; infinite beyond the
        numbers of float64, NaN where not known. At m > 1 no ladder tells m from poles close
        enough together, and this is infinite.
    resolution : float
        At m > 1 the largest distance κ of two poles that look the same; NaN at m = 1.
    said : str
        The same in words.
    """

    n_beta: float
    resolution: float
    said: str


def two_poles(v: np.ndarray, kappa: float, depth: float) -> np.ndarray:
    """E - λ with a next pole of opposite sign at distance `kappa`, -depth at v = 0.

    Examples
    --------
    >>> two_poles(np.array([0.0, 100.0]), 0.1, 0.2).round(7).tolist()
    [-0.2, -3e-06]
    """
    fallen = np.exp(-kappa * v)
    return -kappa * depth * fallen / (kappa + depth * (1.0 - fallen))


def logarithms(v: np.ndarray, multiplicity: int, depth: float) -> np.ndarray:
    """E - λ of a pole of order m, Z ∝ e^(-λ v) (v + c)^(m-1), -depth at v = 0.

    Examples
    --------
    >>> logarithms(np.array([0.0, 10.0]), 2, 0.1).tolist()
    [-0.1, -0.05]
    """
    orders = multiplicity - 1
    return -orders * depth / (orders + depth * v) if orders else np.zeros_like(v)


def confusion(kappa: float, v: np.ndarray, errors: np.ndarray | float, depth: float) -> float:
    """χ² of the best curve of m = 2 through the exact one of two simple poles.

    Parameters
    ----------
    kappa : float
        Distance κ of the poles.
    v : ndarray
        Rungs: ln nβ above the lowest.
    errors : ndarray or float
        Standard errors of E at the rungs.
    depth : float
        λ - E at the lowest rung.

    Examples
    --------
    The cusp x² - y³, κ = 1/12, by ladders to 1e18 and to 1e30 from nβ = 1000:

    >>> for top in (1e18, 1e30):
    ...     print(round(confusion(1 / 12, np.arange(0, np.log(top / 1e3), 1.6), 0.006, 0.1), 1))
    4.5
    20.6
    """
    exact = two_poles(v, kappa, depth)
    return _least_chi2(exact, errors, lambda r: logarithms(v, 2, r[0]), [depth])


def resolution(multiplicity: int, v: np.ndarray, errors: np.ndarray | float, depth: float) -> float:
    """Largest distance κ of two poles that a ladder cannot tell from a pole of order m.

    The curve of m logarithms is held against those of m - 1 and one more pole at κ.

    Examples
    --------
    >>> v = np.arange(0, np.log(1e30 / 1e3), 1.6)
    >>> 1 / resolution(2, v, 0.006, 0.1) > 12
    True
    """
    exact = logarithms(v, multiplicity, depth)

    def excess(log_kappa: float) -> float:
        kappa = math.exp(log_kappa)

        def curve(r: np.ndarray) -> np.ndarray:
            return two_poles(v, kappa, r[0]) + logarithms(v, multiplicity - 1, r[-1])

        starts = [depth] if multiplicity == 2 else [depth / 2, depth / 2]
        return _least_chi2(exact, errors, curve, starts) - TOLD

    low, high = math.log(1e-4), math.log(2.0)
    if excess(high) < 0:
        return math.inf
    return math.exp(brentq(excess, low, high, xtol=1e-2))


def limit_columns(known: KnownModel, estimate: LadderEstimate) -> dict[str, object]:
    """``limit_n_beta`` and ``limit`` of the calibration's table: what this ladder can tell of m."""
    used = slice(len(estimate.n_betas) - estimate.n_kept, None)
    if estimate.n_kept < LEAST_RUNGS:
        return {"limit_n_beta": math.nan, "limit": ""}
    found = information_limit(
        known.exact.multiplicity,
        known.next_pole,
        estimate.n_betas[used],
        estimate.means_se[used],
        float(known.exact.llc) - float(estimate.means[-1]),
    )
    return {"limit_n_beta": found.n_beta, "limit": found.said}


def information_limit(
    multiplicity: int,
    next_pole: float | Fraction | None,
    n_betas: np.ndarray,
    errors: np.ndarray,
    depth: float,
) -> InformationLimit:
    """What a ladder can tell of m, and which one would be needed.

    Parameters
    ----------
    multiplicity : int
        m, exact.
    next_pole : float or None
        Distance κ of the next pole; None: not known.
    n_betas : ndarray, shape (rungs,)
        nβ of the rungs in use, in any order.
    errors : ndarray, shape (rungs,)
        Standard errors of E[nβK] there.
    depth : float
        λ - E[nβK] at the lowest of them.

    Returns
    -------
    InformationLimit

    Examples
    --------
    >>> n_betas = np.geomspace(1e3, 1e18, 22)
    >>> print(information_limit(1, 1 / 12, n_betas, np.full(22, 0.006), 0.1).said)
    m = 1 and 2 look alike below nβ = 2e22
    >>> print(information_limit(2, None, n_betas, np.full(22, 0.006), 0.1).said)
    m = 2 or two poles within 1/9
    """
    order = np.argsort(n_betas)
    v = np.log(np.asarray(n_betas, dtype=np.float64)[order])
    lowest, v, noise = v[0], v - v[0], np.asarray(errors, dtype=np.float64)[order]
    r = max(depth, LEAST_DEPTH)
    if multiplicity > 1:
        kappa = resolution(multiplicity, v, noise, r)
        near = f"within 1/{1 / kappa:.0f}" if kappa < 1 else "at any distance"
        other = "two poles" if multiplicity == 2 else f"m = {multiplicity - 1} and a pole"
        said = f"m = {multiplicity} or {other} {near}"
        return InformationLimit(math.inf, kappa, said)
    if next_pole is None:
        return InformationLimit(math.nan, math.nan, "")
    chi2 = confusion(float(next_pole), v, noise, r)
    top = _log_needed(float(next_pole), v, noise, r, chi2)
    if top + lowest > LARGEST_LOG:
        return InformationLimit(math.inf, math.nan, "m = 1 and 2 look alike at any nβ")
    n_beta = math.exp(top + lowest)
    said = "" if chi2 >= TOLD else f"m = 1 and 2 look alike below nβ = {n_beta:.0e}"
    return InformationLimit(n_beta, math.nan, said.replace("e+", "e"))


def _log_needed(
    kappa: float, v: np.ndarray, errors: np.ndarray, depth: float, chi2: float
) -> float:
    """v of the highest rung that tells m, on a ladder continued or cut at the same spacing."""
    step = float(np.median(np.diff(v)))
    while chi2 < TOLD and v[-1] < LARGEST_LOG:
        more = max(1, len(v) // 8)
        v = np.append(v, v[-1] + step * np.arange(1, more + 1))
        errors = np.append(errors, np.full(more, errors[-1]))
        chi2 = confusion(kappa, v, errors, depth)
    while chi2 >= TOLD and len(v) > LEAST_RUNGS:
        shorter = confusion(kappa, v[:-1], errors[:-1], depth)
        if shorter < TOLD:
            break
        v, errors, chi2 = v[:-1], errors[:-1], shorter
    return float(v[-1]) if chi2 >= TOLD else math.inf


def _least_chi2(
    exact: np.ndarray,
    errors: np.ndarray | float,
    curve: Callable[[np.ndarray], np.ndarray],
    starts: Sequence[float],
) -> float:
    """Least χ² over λ and the positive depths of a curve."""

    def residuals(parameters: np.ndarray) -> np.ndarray:
        result: np.ndarray = (parameters[0] + curve(np.exp(parameters[1:])) - exact) / errors
        return result

    logs = np.log(np.maximum(starts, LEAST_DEPTH))
    found = [
        least_squares(residuals, np.r_[shift, logs + stretch], x_scale=0.1).cost
        for shift, stretch in ((0.0, 0.0), (0.02, -1.0), (-0.02, 0.7))
    ]
    return 2.0 * float(min(found))
