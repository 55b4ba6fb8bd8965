"""Exact means of nβK at every nβ, for losses whose free energy is a one-dimensional integral.

All under the standard normal density on the parameters, with K = f²/2:

- **products of norms**, f = Π_i |x_i|^k_i with x_i of d_i components (one: a monomial). With
  ζ(s) = E[K^(-s)] = 2^s Π_i 2^(-k_i s) Γ(d_i/2 - k_i s)/Γ(d_i/2),

      Z(n) = E[exp(-nK)] = 1/(2πi) ∫ Γ(s) n^(-s) ζ(s) ds    along Re s = c, 0 < c < λ.

- **sums of terms in variables of their own**, f = Σ_i f_i. A normal τ of variance n turns
  exp(-n f²/2) into E[exp(iτf)], and that is a product of the terms' characteristic functions:

      Z(n) = ∫ N(τ; 0, n) Π_i φ_i(τ) dτ,    φ_i(τ) = E[exp(iτ f_i)].

  Those of powers are integrals along rays on which exp(iτ x^a) decays.

Both are integrated by the trapezoid rule in variables in which the integrand is analytic and
decays, so that its error falls exponentially; E[nβK] = -d log Z/d log n is taken under the
integral. Means of independent sums of losses add.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import gammaln, loggamma

Characteristic = Callable[[np.ndarray], np.ndarray]
"""E[exp(iτf)] at every τ > 0."""

RAY_STEP = 0.05
RAY = np.exp(np.arange(-75.0, 4.0, RAY_STEP))
"""Places along a ray, at equal distances of their logarithm: from where exp(iτ x^a) is 1 for every
τ up to 1e30, which an nβ of 1e60 asks for, to beyond the density."""


def product_means(
    n_betas: np.ndarray, powers: Sequence[int], sizes: Sequence[int] | None = None
) -> np.ndarray:
    """E[nβK] of K = ½ Π_i |x_i|^(2 k_i) under standard normal x_i.

    Parameters
    ----------
    n_betas : ndarray, shape (rungs,)
        Above 1.
    powers : sequence of int
        k_i.
    sizes : sequence of int, optional
        d_i, the components of x_i; None: 1 each, a monomial.

    Examples
    --------
    >>> n = np.array([3.0, 1e30])
    >>> np.allclose(product_means(n, [1]), 0.5 * n / (1 + n))  # K = x²/2
    True
    >>> product_means(np.array([1e30]), [1, 1]).round(4)  # λ = 1/2 less about 1/log n
    array([0.4858])
    """
    k = np.array(powers, dtype=float)[:, None]
    d = np.ones_like(k) if sizes is None else np.array(sizes, dtype=float)[:, None]
    least = float((0.5 * d / k).min())
    means = np.empty(len(n_betas))
    for index, n in enumerate(n_betas):
        gap = min(0.5 * least, 2.0 / max(math.log(n), 1.0))
        s = (least - gap) + 1j * np.arange(0.0, 60.0, gap / 8.0)
        logs = loggamma(s) - s * math.log(n) + s * math.log(2.0)
        logs = logs + (loggamma(0.5 * d - k * s) - k * s * math.log(2.0) - gammaln(0.5 * d)).sum(0)
        terms = np.exp(logs - logs[0].real)
        terms[0] *= 0.5  # the lower half of the line is the complex conjugate of the upper
        means[index] = (s * terms).sum().real / terms.sum().real
    return means


def sum_means(n_betas: np.ndarray, terms: Sequence[Characteristic]) -> np.ndarray:
    """E[nβK] of K = ½ (Σ_i f_i)², the f_i independent, from their characteristic functions.

    Examples
    --------
    >>> n = np.array([3.0, 1e6])
    >>> np.allclose(sum_means(n, [linear]), 0.5 * n / (1 + n))
    True
    """
    tau = np.exp(np.arange(-20.0, 0.5 * math.log(float(np.max(n_betas))) + 4.0, 0.05))
    values = np.ones(len(tau), dtype=complex)
    for term in terms:
        values = values * term(tau)
    means = np.empty(len(n_betas))
    for index, n in enumerate(n_betas):
        weights = np.exp(-0.5 * tau**2 / n) * tau * values.real
        # d log N(τ; 0, n)/d log n = (τ²/n - 1)/2
        means[index] = 0.5 * (1.0 - (weights * tau**2 / n).sum() / weights.sum())
    return means


def linear(tau: np.ndarray) -> np.ndarray:
    """Of x."""
    return np.exp(-0.5 * tau**2)


def product_of_two(tau: np.ndarray) -> np.ndarray:
    """Of x y."""
    return 1.0 / np.sqrt(1.0 + tau**2)


def umbrella(tau: np.ndarray) -> np.ndarray:
    """Of y² z: E over z is exp(-τ² y⁴/2)."""
    density = math.sqrt(2.0 / math.pi) * RAY_STEP * RAY * np.exp(-0.5 * RAY**2)
    return np.array([(density * np.exp(-0.5 * (t * RAY**2) ** 2)).sum() for t in tau])


def power(exponent: int, sign: int = 1) -> Characteristic:
    """Of ±x^a, a >= 2: along x = y exp(iπ/(2a)), exp(iτ x^a) is exp(-τ y^a).

    At a = 2 the normal density would not decay along that ray; there it is (1 - 2iτ)^(-1/2).
    """

    def characteristic(tau: np.ndarray) -> np.ndarray:
        if exponent == 2:
            return 1.0 / np.sqrt(1.0 - 2j * sign * tau)
        _, factor = _ray(exponent)
        half = np.array([(factor * np.exp(-t * RAY**exponent)).sum() for t in tau])
        found = half if exponent % 2 == 0 else half.real.astype(complex)
        found = 2.0 * found
        return np.conj(found) if sign < 0 else found

    return characteristic


def d_singularity(index: int) -> Characteristic:
    """Of x² y + y^(k-1), D_k: E over x is (1 - 2iτy)^(-1/2)."""
    exponent = index - 1

    def characteristic(tau: np.ndarray) -> np.ndarray:
        place, factor = _ray(exponent)
        found = np.empty(len(tau), dtype=complex)
        for at, t in enumerate(tau):
            decay = np.exp(-t * RAY**exponent)
            right = (factor * decay / np.sqrt(1.0 - 2j * t * place)).sum()
            if exponent % 2 == 0:
                left = (factor * decay / np.sqrt(1.0 + 2j * t * place)).sum()
            else:
                left = (factor.conj() * decay / np.sqrt(1.0 + 2j * t * place.conj())).sum()
            found[at] = right + left
        return found

    return characteristic


def _ray(exponent: int) -> tuple[np.ndarray, np.ndarray]:
    """Places on the ray at the angle π/(2a), and the density there times the step."""
    turn = np.exp(0.5j * math.pi / exponent)
    place = turn * RAY
    factor = RAY_STEP * place * np.exp(-0.5 * place**2) / math.sqrt(2.0 * math.pi)
    return place, factor
