"""E[s(u) s(v)] of a centred normal pair: in closed form where there is one, else by quadrature."""

from __future__ import annotations

import numpy as np

from pfmap.activations import facts_of
from pfmap.kernel_limit.quadrature import quadrature_moments

_DIGITS = 13


def product_moments(
    activation: str, degree: int, u: np.ndarray, v: np.ndarray, cov: np.ndarray
) -> np.ndarray:
    """E[s(u) s(v)] for centred normal pairs (u, v).

    In closed form where the record of s has one, else by `pfmap.kernel_limit.quadrature`.

    Parameters
    ----------
    activation : str
        Name of s.
    degree : int
        Exponent of ``monomial``.
    u, v, cov : ndarray, shape (pairs,)
        Variances of u and v, and their covariance.

    Returns
    -------
    ndarray, shape (pairs,)

    Examples
    --------
    Half of E[u²] for relu, where u = v:

    >>> one = np.array([1.0])
    >>> product_moments("relu", 1, one, one, one).tolist()
    [0.5]
    """
    facts = facts_of(activation, degree)
    if facts.product_moment is not None:
        return facts.product_moment(u, v, cov)
    # A cube has few distinct pairs: each is integrated once.
    pairs = np.stack([np.minimum(u, v), np.maximum(u, v), cov])
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** (_DIGITS - np.ceil(np.log10(np.abs(pairs))))
        rounded = np.where(pairs == 0.0, 0.0, np.round(pairs * scale) / scale)
    _, first, where = np.unique(rounded, axis=1, return_index=True, return_inverse=True)
    values = quadrature_moments(facts, degree, *pairs[:, first])
    return values[where.reshape(-1)]
