"""What the draws have not shown: missing mass, number of functions, growth with more draws.

Everything here needs only the frequencies of frequencies: f_k, the number of functions drawn
exactly k times. N = Σ k f_k is the number of draws, S = Σ f_k the number of distinct functions.
Where only a random subset of the functions is counted, each with probability q, f_k of the subset
over q stands for f_k, and what choosing the subset adds to an error is added.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.functions.thinning import population_limits

_Z = 1.959963984540054  # 97.5 % quantile of the normal law: two-sided 95 %
_NONE_SEEN = -math.log(0.025)  # 97.5 % upper limit of a Poisson mean of which nothing was seen
_PRODUCT_UP_TO = 1000


@dataclass(frozen=True, repr=False)
class Frequencies(Displayed):
    """Frequencies of frequencies.

    Attributes
    ----------
    count : ndarray of int64, shape (m,)
        Distinct counts k, ascending.
    functions : ndarray of int64, shape (m,)
        How many functions have each count, f_k.
    inclusion : float, default 1
        Probability q with which each function is among those that `functions` counts.
    drawn : int, optional
        Draws in all; None: every function is counted, and their counts add up to it.
    """

    count: np.ndarray
    functions: np.ndarray
    inclusion: float = 1.0
    drawn: int | None = None

    @property
    def n_draws(self) -> int:
        """Draws in all, N."""
        return int(self.count @ self.functions) if self.drawn is None else self.drawn

    @property
    def kept(self) -> int:
        """Functions counted."""
        return int(self.functions.sum())

    @property
    def distinct(self) -> int:
        """Distinct functions, S, estimated where only some are counted."""
        return round(self.kept / self.inclusion)

    def of(self, k: int) -> int:
        """Functions counted and drawn exactly k times, f_k.

        Examples
        --------
        >>> count_frequencies([1, 1, 5]).of(1)
        2
        """
        return int(self.functions[self.count == k].sum())


@dataclass(frozen=True, repr=False)
class Richness(Displayed):
    """Estimates of what a campaign has not seen.

    Attributes
    ----------
    n_draws, distinct, singletons, doubletons : int
        N, S, f_1 and f_2.
    inclusion : float
        Probability q with which each function is counted; below 1, S, f_1 and f_2 are estimates.
    distinct_low, distinct_high, singletons_low, singletons_high : float
        95 % intervals of S and f_1; the values themselves where q is 1.
    missing_mass, missing_mass_se, missing_mass_low, missing_mass_high : float
        Good-Turing estimate of the probability that the next draw is a new function, its standard
        error and 95 % interval.
    chao1, chao1_se, chao1_low, chao1_high : float
        Chao1: a *lower bound* on the number of functions with P > 0, estimated, with its standard
        error and 95 % interval. The interval is for the bound, not for the number of functions.
        With singletons but no doubletons only `chao1_low` means anything: `chao1_se` and
        `chao1_high` are infinite.
    distinct_at_double, distinct_at_double_se : float
        Good-Toulmin: expected number of distinct functions after N further draws, and the standard
        error of that forecast.
    """

    SHOWN: ClassVar = (
        "n_draws",
        "distinct",
        "singletons",
        "missing_mass",
        "missing_mass_se",
        "chao1",
        "chao1_se",
    )

    n_draws: int
    distinct: int
    singletons: int
    doubletons: int
    inclusion: float
    distinct_low: float
    distinct_high: float
    singletons_low: float
    singletons_high: float
    missing_mass: float
    missing_mass_se: float
    missing_mass_low: float
    missing_mass_high: float
    chao1: float
    chao1_se: float
    chao1_low: float
    chao1_high: float
    distinct_at_double: float
    distinct_at_double_se: float


def count_frequencies(counts: np.ndarray) -> Frequencies:
    """Frequencies of frequencies of the counts of functions.

    Parameters
    ----------
    counts : array_like of int, shape (functions,)
        Draws that express each function, all at least 1: the column ``count`` of
        ``functions.parquet``.

    Returns
    -------
    Frequencies

    Raises
    ------
    SettingsError
        If there are no counts, or one is below 1.

    Examples
    --------
    >>> frequencies = count_frequencies([6, 1, 2, 1])
    >>> frequencies.count.tolist(), frequencies.functions.tolist()
    ([1, 2, 6], [2, 1, 1])
    """
    counts = np.asarray(counts, dtype=np.int64)
    if counts.size == 0 or counts.min() < 1:
        got = "none" if counts.size == 0 else int(counts.min())
        raise SettingsError(f"counts: at least one, each at least 1, got {got}")
    return Frequencies(*np.unique(counts, return_counts=True))


def estimate_richness(counts: np.ndarray | Frequencies) -> Richness:
    """Missing mass, number of functions and growth at twice the draws.

    Parameters
    ----------
    counts : array_like of int, shape (functions,), or Frequencies
        Draws that express each function, all at least 1.

    Returns
    -------
    Richness

    Notes
    -----
    Missing mass: f_1/N (Good, Biometrika 40, 1953), the limit law of its error from Esty (Annals
    of Statistics 11, 1983): standard error sqrt(f_1 + 2 f_2 - f_1²/N)/N. The interval is estimate
    ± 1.96 standard errors within [0, 1]; its upper end is never below -ln(0.025)/N, the mass that
    N draws miss altogether with probability 2.5 %, which is what remains when f_1 = f_2 = 0. Its
    lower end is never above 1 + 2 ln(0.025)/N, which is what remains when f_1 = N: with Poisson
    counts of means x_i no function repeats with probability Q = Π (1 + x_i) exp(-x_i), and then
    the functions seen have the expected mass Σ x_i²/(1 + x_i)/N. As x²/(1 + x) is at most
    2 (x - ln(1 + x)), that mass is at most -2 ln(Q)/N, and laws with Q < 2.5 % are ruled out.

    Chao1: S + A f_1²/(2 f_2), or S + A f_1(f_1 - 1)/2 where f_2 = 0, A = (N-1)/N (Chao,
    Scandinavian Journal of Statistics 11, 1984). With r = f_1/f_2 its variance is
    f_2 (A r²/2 + A² r³ + A² r⁴/4); the interval is S + T/C … S + T C, T = Chao1 - S,
    C = exp(1.96 sqrt(ln(1 + variance/T²))) (Chao, Biometrics 43, 1987). Where f_2 = 0 < f_1 the
    draws set no upper end and no variance; the lower end is S + A f_1(f_1 - 1)/(2 · 3.69), with
    the 97.5 % Poisson upper limit -ln(0.025) = 3.69 of the expected f_2 in the place of f_2.

    Growth: `extrapolate_distinct` at 2N.

    Subset: with the counts of a random subset, every function being in it with probability q, the
    counts f_k of the subset are divided by q, and the error of that joins the errors above: the
    variance f_1 (1-q)/q² that of f_1/q; C (1-q)/q², with C the Chao1 estimate of the subset, that
    of C/q, whose interval's two sides are each joined with it as a root of a sum of squares. The
    intervals of S and f_1 are those of `population_limits`. The upper end of the missing mass is
    not below the upper end of f_1 over N.

    Examples
    --------
    >>> richness = estimate_richness([10, 5, 2, 2, 1, 1, 1, 1])
    >>> richness.n_draws, richness.distinct, richness.singletons, richness.doubletons
    (23, 8, 4, 2)
    >>> round(richness.missing_mass, 3), round(richness.chao1, 3)  # 4/23 and 8 + (22/23)(16/4)
    (0.174, 11.826)
    """
    frequencies = counts if isinstance(counts, Frequencies) else count_frequencies(counts)
    n_draws, q = frequencies.n_draws, frequencies.inclusion
    kept, once, twice = frequencies.kept, frequencies.of(1), frequencies.of(2)
    f_1, f_2 = once / q, twice / q
    mass = f_1 / n_draws
    mass_variance = max(f_1 + 2 * f_2 - f_1 * mass, 0.0) + f_1 * (1.0 - q) / q
    mass_se = math.sqrt(mass_variance) / n_draws
    floor, ceiling = _NONE_SEEN / n_draws, 1.0 - 2.0 * _NONE_SEEN / n_draws
    (low, once_low), (high, once_high) = (
        side.tolist() for side in population_limits([kept, once], q)
    )
    if q < 1.0:
        floor = max(floor, once_high / n_draws)
    chao1, chao1_se, chao1_low, chao1_high = _over_inclusion(_chao1(n_draws, kept, once, twice), q)
    double, double_se = extrapolate_distinct(frequencies, 2 * n_draws)
    return Richness(
        n_draws=n_draws,
        distinct=frequencies.distinct,
        singletons=round(f_1),
        doubletons=round(f_2),
        inclusion=q,
        distinct_low=low,
        distinct_high=high,
        singletons_low=once_low,
        singletons_high=once_high,
        missing_mass=min(mass, 1.0),
        missing_mass_se=mass_se,
        missing_mass_low=max(0.0, min(mass - _Z * mass_se, ceiling)),
        missing_mass_high=min(1.0, max(mass + _Z * mass_se, floor)),
        chao1=chao1,
        chao1_se=chao1_se,
        chao1_low=chao1_low,
        chao1_high=chao1_high,
        distinct_at_double=double,
        distinct_at_double_se=double_se,
    )


def extrapolate_distinct(frequencies: Frequencies, n_draws: int) -> tuple[float, float]:
    """Expected number of distinct functions after more draws, by Good-Toulmin.

    Parameters
    ----------
    frequencies : Frequencies
        Of the N draws at hand.
    n_draws : int
        Total number of draws n, N <= n <= 2N.

    Returns
    -------
    distinct, standard_error : float
        With t = n/N - 1, the estimate S + U, U = -Σ_k (-t)^k f_k (Good & Toulmin, Biometrika 43,
        1956), and the standard error sqrt(Σ_k t^(2k) f_k + U) of the number that will be seen.
        For Poisson counts U is unbiased, and the square of the standard error is not below the
        expected squared error: a function seen k times contributes t^(2k), a new one 1. With the
        counts of a subset both are over q, and the square gains (S + U)(1-q)/q².

    Raises
    ------
    SettingsError
        If n is not within N … 2N. Beyond 2N the terms of the alternating sum grow without bound,
        and no estimate from the counts alone is reliable.

    Examples
    --------
    >>> frequencies = count_frequencies([10, 5, 2, 2, 1, 1, 1, 1])
    >>> extrapolate_distinct(frequencies, 46)[0]  # 8 + 4 - 2 + 1 - 1
    10.0
    >>> extrapolate_distinct(frequencies, 47)
    Traceback (most recent call last):
        ...
    pfmap.errors.SettingsError: n_draws: must lie within N … 2N = 23 … 46, got 47 (next: draw more \
first: nothing is known beyond twice the draws)
    """
    at_hand = frequencies.n_draws
    if not at_hand <= n_draws <= 2 * at_hand:
        raise SettingsError(
            f"n_draws: must lie within N … 2N = {at_hand} … {2 * at_hand}, got {n_draws}",
            next_step="draw more first: nothing is known beyond twice the draws",
        )
    t = n_draws / at_hand - 1.0
    k, f = frequencies.count, frequencies.functions
    power = np.power(t, k.astype(np.float64))
    new = max(float(np.where(k % 2 == 1, power, -power) @ f), 0.0)
    q, found = frequencies.inclusion, frequencies.kept + new
    return found / q, math.sqrt(float(power**2 @ f) + new + found * (1.0 - q)) / q


def rarefaction(frequencies: Frequencies, n_draws: np.ndarray | int) -> np.ndarray:
    """Expected number of distinct functions in fewer draws, the mean over all subsets of draws.

    Parameters
    ----------
    frequencies : Frequencies
        Of the N draws at hand.
    n_draws : int or array_like of int
        Numbers of draws n, 0 <= n <= N; any shape.

    Returns
    -------
    ndarray of float64, shape of `n_draws`
        Σ_k f_k (1 - C(N-k, n)/C(N, n)) (Hurlbert, Ecology 52, 1971): exact, and free of the order
        in which the draws came.

    Raises
    ------
    SettingsError
        If n is not within 0 … N.

    Examples
    --------
    >>> frequencies = count_frequencies([6, 1, 2, 1])
    >>> rarefaction(frequencies, [0, 1, 2, 10]).round(6).tolist()
    [0.0, 1.0, 1.644444, 4.0]
    """
    n = np.asarray(n_draws, dtype=np.int64)
    total = frequencies.n_draws
    if n.size and not 0 <= n.min() <= n.max() <= total:
        raise SettingsError(
            f"n_draws: must lie within 0 … N = {total}, got {n.min()} … {n.max()}",
            next_step="use extrapolate_distinct up to 2N",
        )
    expected = np.array([frequencies.functions @ _seen(frequencies, int(m)) for m in n.ravel()])
    return expected.reshape(n.shape) / frequencies.inclusion


def _seen(frequencies: Frequencies, n: int) -> np.ndarray:
    """Probability 1 - C(N-k, n)/C(N, n) that n of the N draws hold a function of each count k."""
    from scipy.special import gammaln

    k, total = frequencies.count, frequencies.n_draws
    # Fewer than n + k draws in all cannot avoid the function.
    possible = k <= total - n
    log_missed = np.full(len(k), -np.inf)
    # Small counts as a product, where differences of log gamma would lose digits.
    n_factors = int(min(_PRODUCT_UP_TO, k[-1], total - n))
    factors = np.log1p(-n / (total - np.arange(n_factors, dtype=np.float64)))
    products = np.concatenate([[0.0], np.cumsum(factors)])
    small = possible & (k <= n_factors)
    log_missed[small] = products[k[small]]
    large = possible & ~small
    rest = total - k[large].astype(np.float64)
    log_missed[large] = (
        gammaln(rest + 1.0)
        - gammaln(rest - n + 1.0)
        + gammaln(total - n + 1.0)
        - gammaln(total + 1.0)
    )
    return -np.expm1(log_missed)


def _chao1(n_draws: int, distinct: int, f_1: int, f_2: int) -> tuple[float, float, float, float]:
    """Chao1, its standard error, and the ends of its 95 % interval."""
    a = (n_draws - 1) / n_draws
    if f_1 == 0:
        return float(distinct), 0.0, float(distinct), float(distinct)
    if f_2 == 0:
        unseen = a * f_1 * (f_1 - 1) / 2.0
        return distinct + unseen, math.inf, distinct + unseen / _NONE_SEEN, math.inf
    r = f_1 / f_2
    unseen = a * f_1 * r / 2.0
    variance = f_2 * (a * r**2 / 2.0 + a**2 * r**3 + a**2 * r**4 / 4.0)
    factor = math.exp(_Z * math.sqrt(math.log1p(variance / unseen**2)))
    return (
        distinct + unseen,
        math.sqrt(variance),
        distinct + unseen / factor,
        distinct + unseen * factor,
    )


def _over_inclusion(
    chao1: tuple[float, float, float, float], q: float
) -> tuple[float, float, float, float]:
    """Chao1 of a subset, its standard error and interval, as those of all functions."""
    if q == 1.0:
        return chao1
    estimate, error, low, high = chao1
    variance = estimate * (1.0 - q)
    return (
        estimate / q,
        math.sqrt(error**2 + variance) / q,
        (estimate - math.hypot(estimate - low, _Z * math.sqrt(variance))) / q,
        (estimate + math.hypot(high - estimate, _Z * math.sqrt(variance))) / q,
    )
