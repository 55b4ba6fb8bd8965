"""The simplicity-bias upper bound of Dingle, Camargo and Louis, and what lies below it.

    P(f) <= 2^(-a K̃(f) - b),  a = log2(N_O) / max K̃,  K̃ = log2(N_O) (K - K_min)/(K_max - K_min),

with N_O the number of possible functions: 2^m on m points. K̃ is the complexity K scaled to
[0, log2 N_O]; K_min and K_max are the extremes over all functions of the table, so that a = 1 and
the slope is -log2(N_O)/(K_max - K_min) bits per unit of K. b = 0 by default; three variants fix it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pfmap.analysis.fit import FitRow, missing_rows

MIN_FUNCTIONS = 2
COEFFICIENTS = (
    "a",
    "b",
    "log2_possible_functions",
    "complexity_min",
    "complexity_max",
    "slope",
    "share_of_functions_below",
    "share_of_draws_below",
)


@dataclass(frozen=True)
class Bound:
    """An upper bound on log2 P as a line in the complexity K.

    Attributes
    ----------
    a, b : float
        Constants of the bound.
    log2_possible : float
        log2 of the number N_O of possible functions.
    low, high : float
        Complexities that K̃ scales to 0 and to log2 N_O.
    """

    a: float
    b: float
    log2_possible: float
    low: float
    high: float

    @property
    def slope(self) -> float:
        """Bits of log2 P per unit of K."""
        return -self.a * self.log2_possible / (self.high - self.low)

    def log2_p(self, complexity: np.ndarray) -> np.ndarray:
        """The bound on log2 P at each complexity."""
        return self.slope * (complexity - self.low) - self.b


def dingle_bound(complexity: np.ndarray, log2_possible: float, *, b: float = 0.0) -> Bound:
    """The bound with the extremes of `complexity`.

    Parameters
    ----------
    complexity : ndarray, shape (functions,)
        K of every function seen; at least two different values.
    log2_possible : float
        log2 of the number of possible functions: the number of points of the domain.
    b : float, default 0
        Offset in bits.

    References
    ----------
    Dingle, Camargo, Louis (2018), Input-output maps are strongly biased towards simple outputs,
    Nature Communications 9, 761.

    Examples
    --------
    >>> bound = dingle_bound(np.array([7.0, 35.0, 63.0]), 128)
    >>> bound.a, round(bound.slope, 4), bound.log2_p(np.array([7.0, 63.0])).tolist()
    (1.0, -2.2857, [-0.0, -128.0])
    """
    return Bound(1.0, b, float(log2_possible), float(complexity.min()), float(complexity.max()))


def bound_rows(
    log2_p: np.ndarray,
    complexity: np.ndarray,
    counts: np.ndarray,
    seen: np.ndarray | None,
    *,
    multiples: np.ndarray | None = None,
    response: str,
    predictor: str,
    log2_possible: float | None,
) -> list[FitRow]:
    """Rows of the table of fits: the bound and its three variants.

    Parameters
    ----------
    log2_p, complexity : ndarray, shape (n,)
        Functions (or orbits) counted often enough.
    counts : ndarray, shape (n,)
        Draws of each: ``share_of_draws_below`` is the share of these draws in functions (or
        orbits) that obey the bound.
    seen : ndarray, shape (functions,), or None
        Complexities of all functions drawn, however rare; None where not all were kept.
    multiples : ndarray of int, optional
        How many functions have each complexity of `seen`, its values being different and
        ascending; None: each is one function's.
    response, predictor : str
        Names of the two columns.
    log2_possible : float or None
        log2 N_O; None where the number of possible functions is not defined (quantised readout).

    Returns
    -------
    list of FitRow
        ``dingle_bound`` (b = 0); ``dingle_bound_normalised``: b makes the bound sum to 1 over the
        functions seen, a lower end for b, because functions not seen would add to the sum;
        ``dingle_bound_top``: the line goes through the most probable function;
        ``dingle_bound_fitted``: the largest b that every row obeys.
    """
    names = (
        "dingle_bound", "dingle_bound_normalised", "dingle_bound_top", "dingle_bound_fitted",
    )  # fmt: skip
    problem = ""
    if log2_possible is None:
        problem = "the number of possible functions is not defined for a quantised readout"
    elif seen is None:
        problem = f"the extremes of {predictor} over all functions drawn are not known"
    elif len(seen) == 0 or np.ptp(seen) == 0.0:
        problem = f"{predictor} takes one value only"
    elif len(log2_p) < MIN_FUNCTIONS:
        problem = f"{len(log2_p)} rows counted often enough, {MIN_FUNCTIONS} needed"
    if problem or log2_possible is None or seen is None:
        return [
            row
            for name in names
            for row in missing_rows(name, response, predictor, ("a", "b"), len(log2_p), problem)
        ]
    plain = dingle_bound(seen, log2_possible)
    levels = seen
    if multiples is None:
        levels, multiples = np.unique(seen, return_counts=True)
    exponents = plain.log2_p(levels)
    b_sum = float(np.log2(np.sum(multiples * np.exp2(exponents))))
    top = int(np.argmax(log2_p))
    b_top = float(plain.log2_p(complexity[top : top + 1])[0] - log2_p[top])
    b_fit = float((plain.log2_p(complexity) - log2_p).min())
    methods = (
        "b = 0",
        f"b = log2 of the sum of the bound over {multiples.sum()} functions seen: a lower end "
        "for b",
        "b from the most probable function",
        "the largest b that all rows obey",
    )
    rows = []
    for name, b, method in zip(names, (0.0, b_sum, b_top, b_fit), methods, strict=True):
        bound = dingle_bound(seen, log2_possible, b=b)
        below = log2_p <= bound.log2_p(complexity) + 1e-9
        values = (
            bound.a,
            bound.b,
            bound.log2_possible,
            bound.low,
            bound.high,
            bound.slope,
            float(below.mean()),
            float(counts[below].sum() / counts.sum()),
        )
        rows += [
            FitRow(name, response, predictor, coefficient, value, n=len(log2_p), method=method)
            for coefficient, value in zip(COEFFICIENTS, values, strict=True)
        ]
    return rows
