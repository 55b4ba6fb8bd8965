"""How many there are, of which a random part was counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from pfmap.arguments import checked_number


def population_limits(
    kept: ArrayLike, inclusion: float, *, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of the number n of functions of which `kept` were chosen at random.

    Parameters
    ----------
    kept : array_like of int
        Functions chosen, k; any shape.
    inclusion : float
        Probability q with which each was chosen, independently of the others.
    level : float, default 0.95
        Coverage.

    Returns
    -------
    low, high : ndarray of float64, shape of `kept`
        The smallest and the largest n for which neither tail of the binomial law is too small to
        have given k: P(X >= k | n, q) > α/2 and P(X <= k | n, q) > α/2, α = 1 - level (Clopper &
        Pearson, Biometrika 26, 1934, for n instead of q). k itself where q is 1.

    Raises
    ------
    SettingsError
        If `inclusion` does not lie within 0 … 1, 0 excluded.

    Examples
    --------
    >>> low, high = population_limits([0, 1, 100], 0.125)
    >>> low.tolist(), high.tolist()
    ([0.0, 1.0, 661.0], [27.0, 42.0, 961.0])
    """
    k, where = np.unique(np.asarray(kept, dtype=np.int64), return_inverse=True)
    inclusion = checked_number("inclusion", inclusion, above=0.0, most=1.0)
    level = checked_number("level", level, above=0.0, below=1.0)
    shape = np.shape(kept)
    if inclusion == 1.0:
        same = k.astype(np.float64)[where].reshape(shape)
        return same, same
    tail = (1.0 - level) / 2.0
    low = _smallest(lambda n: _at_least(k, n, inclusion) > tail, k, inclusion)
    high = _smallest(lambda n: 1.0 - _at_least(k + 1, n, inclusion) <= tail, k, inclusion) - 1.0
    return low[where].reshape(shape), high[where].reshape(shape)


def _at_least(k: np.ndarray, n: np.ndarray, q: float) -> np.ndarray:
    """P(X >= k) for X binomial with n and q."""
    from scipy.special import betainc

    possible = np.maximum(n - k + 1.0, 0.5)
    inside = betainc(np.maximum(k, 1).astype(np.float64), possible, q)
    return np.where(n < k, 0.0, np.where(k <= 0, 1.0, inside))


def _smallest(holds: Callable[[np.ndarray], np.ndarray], k: np.ndarray, q: float) -> np.ndarray:
    """The smallest n >= k from which on a condition holds, by bisection over whole numbers."""
    below = k.astype(np.float64) - 1.0
    above = np.ceil((k + 10.0 * np.sqrt(k + 10.0) + 100.0) / q)
    while (above - below > 1.0).any():
        middle = np.floor((below + above) / 2.0)
        good = holds(middle)
        above = np.where(good, middle, above)
        below = np.where(good, below, np.minimum(middle, above - 1.0))
    return above
