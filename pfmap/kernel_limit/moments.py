"""E[s(u) s(v)] of a centred normal pair: in closed form where there is one, else by quadrature."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pfmap.activations import facts_of
from pfmap.kernel_limit.quadrature import correlation, quadrature_moments

_DIGITS = 13


def product_moments(
    activation: str, degree: int, u: np.ndarray, v: np.ndarray, cov: np.ndarray
) -> np.ndarray:
    """E[s(u) s(v)] for centred normal pairs (u, v).

    * relu: sqrt(var u var v) (sin θ + (π - θ) cos θ)/2π with cos θ the correlation, half the
      arc-cosine kernel of degree 1 (Cho, Saul 2009, eq. 6).
    * erf: (2/π) asin(2 cov / sqrt((1 + 2 var u)(1 + 2 var v))) (Williams 1997, eq. 11).
    * linear: cov.
    * any other: `pfmap.kernel_limit.quadrature`.

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

    References
    ----------
    Cho, Y., Saul, L. K. (2009), Kernel methods for deep learning, NIPS 22. Williams, C. K. I.
    (1997), Computing with infinite networks, NIPS 9.

    Examples
    --------
    Half of E[u²] for relu, where u = v:

    >>> one = np.array([1.0])
    >>> product_moments("relu", 1, one, one, one).tolist()
    [0.5]
    """
    if activation in CLOSED_FORMS:
        return CLOSED_FORMS[activation](u, v, cov)
    from pfmap.kernels.activation import CODES

    # A cube has few distinct pairs: each is integrated once.
    pairs = np.stack([np.minimum(u, v), np.maximum(u, v), cov])
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** (_DIGITS - np.ceil(np.log10(np.abs(pairs))))
        rounded = np.where(pairs == 0.0, 0.0, np.round(pairs * scale) / scale)
    _, first, where = np.unique(rounded, axis=1, return_index=True, return_inverse=True)
    values = quadrature_moments(
        facts_of(activation, degree), CODES[activation], degree, *pairs[:, first]
    )
    return values[where.reshape(-1)]


def _relu(u: np.ndarray, v: np.ndarray, cov: np.ndarray) -> np.ndarray:
    sd_u, sd_v = np.sqrt(u), np.sqrt(v)
    cosine = correlation(sd_u, sd_v, cov)
    sine = np.sqrt((1.0 - cosine) * (1.0 + cosine))
    angle = np.arctan2(sine, cosine)
    return sd_u * sd_v * (sine + (math.pi - angle) * cosine) / (2.0 * math.pi)


def _erf(u: np.ndarray, v: np.ndarray, cov: np.ndarray) -> np.ndarray:
    ratio = 2.0 * cov / (np.sqrt(1.0 + 2.0 * u) * np.sqrt(1.0 + 2.0 * v))
    return 2.0 / math.pi * np.arcsin(np.clip(ratio, -1.0, 1.0))


def _linear(u: np.ndarray, v: np.ndarray, cov: np.ndarray) -> np.ndarray:
    return cov


CLOSED_FORMS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "relu": _relu,
    "erf": _erf,
    "linear": _linear,
}
"""Activations whose moments are known; every other one is integrated."""
