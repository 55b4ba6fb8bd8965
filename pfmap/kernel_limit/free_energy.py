"""Free energy and λ_eff of the infinite-width limit for squared error, in closed form.

With K(w) = 1/(2m) Σ_i (f_i - y_i)² over m points, as everywhere in pfmap, and f ~ N(0, C),

    F(n) = -ln E exp(-n K) = ½ ln det(I + a C) + ½ yᵀ (C + I/a)^-1 y,    a = n/m,
    λ_eff(n) = dF/d ln n = ½ Σ_k [ a c_k/(1 + a c_k) + a ŷ_k²/(1 + a c_k)² ],

c_k the eigenvalues of C and ŷ_k the coordinates of y along its eigenvectors: the evidence of
Gaussian process regression with noise variance 1/a (Rasmussen, Williams 2006, eq. 2.30), without
the constant of the noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pfmap.arguments import checked_array
from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.kernel_limit.orthant import (
    PRECISION,
    OrthantProbability,
    check_covariance,
    orthant_probability,
)

MAX_SIZE = 1e30
"""Largest sample size: far below where its square overflows."""


@dataclass(frozen=True, repr=False)
class LimitFreeEnergy(Displayed):
    """F and λ_eff at given n, exact up to rounding.

    Attributes
    ----------
    n : ndarray, shape (sizes,)
        Sample sizes.
    free_energy, lambda_eff : ndarray, shape (sizes,)
        F(n) in nats, and dF/d ln n.
    """

    n: np.ndarray
    free_energy: np.ndarray
    lambda_eff: np.ndarray


def limit_free_energy(
    covariance: np.ndarray, targets: np.ndarray, n: np.ndarray
) -> LimitFreeEnergy:
    """F(n) and λ_eff(n) of targets y under f ~ N(0, C), for the squared error.

    Comparable with what `pfmap.volume.free_energy` measures for a network of finite width.

    Parameters
    ----------
    covariance : ndarray, shape (m, m)
        C, such as from `limit_covariance`; any rank.
    targets : ndarray, shape (m,)
        y, such as ±1.
    n : ndarray, shape (sizes,)
        Sample sizes, above 0 and at most 1e30.

    Returns
    -------
    LimitFreeEnergy

    Raises
    ------
    SettingsError
        If shapes differ, or some n is not above 0 or above 1e30.
    DataError
        If C is no covariance.

    Examples
    --------
    One point, f ~ N(0, 1) and y = 0: F(n) = ½ ln(1 + n), λ_eff -> 1/2.

    >>> found = limit_free_energy(np.eye(1), np.zeros(1), np.array([1.0, 1e6]))
    >>> found.free_energy.round(4).tolist(), found.lambda_eff.round(4).tolist()
    ([0.3466, 6.9078], [0.25, 0.5])
    """
    values, _, along, scale = _spectrum(covariance, targets, n)
    product = scale[:, None] * values
    square = scale[:, None] * along**2
    return LimitFreeEnergy(
        scale * len(values),
        0.5 * (np.log1p(product) + square / (1.0 + product)).sum(axis=1),
        0.5 * (product / (1.0 + product) + square / (1.0 + product) ** 2).sum(axis=1),
    )


def share_of_right_signs(
    covariance: np.ndarray,
    targets: np.ndarray,
    n: float,
    *,
    precision: float = PRECISION,
    seed: int = 1,
) -> OrthantProbability:
    """π(n): the posterior's share of functions with the signs of all targets.

    The posterior of the density ∝ exp(-n K) is normal, with mean C (C + I/a)^-1 y and covariance
    C - C (C + I/a)^-1 C, so π is the probability of an orthant. F = -ln P + W + ln π with
    W = -ln E[exp(-n K) | signs right].

    Parameters
    ----------
    covariance, targets
        As in `limit_free_energy`.
    n : float
        Sample size, above 0.
    precision, seed
        As in `orthant_probability`.

    Returns
    -------
    OrthantProbability

    Examples
    --------
    >>> [round(2.0 ** share_of_right_signs(np.eye(2), np.array([1.0, -1.0]), n).log2_p, 2)
    ...  for n in (1e-6, 2.0, 200.0)]
    [0.25, 0.58, 1.0]
    """
    values, vectors, along, (scale,) = _spectrum(covariance, targets, np.array([n]))
    mean = vectors @ (scale * values / (1.0 + scale * values) * along)
    posterior = (vectors * (values / (1.0 + scale * values))) @ vectors.T
    return orthant_probability(
        0.5 * (posterior + posterior.T), np.where(targets > 0.0, 1.0, -1.0), mean=mean,
        precision=precision, seed=seed,
    )  # fmt: skip


def _spectrum(
    covariance: np.ndarray, targets: np.ndarray, n: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Eigenvalues c_k and eigenvectors, coordinates ŷ_k of the targets, and a = n/m."""
    matrix, y = checked_array("covariance", covariance), checked_array("targets", targets)
    sizes = np.atleast_1d(checked_array("n", n))
    if y.ndim != 1 or matrix.shape != 2 * y.shape:
        raise SettingsError(
            f"covariance: must have shape (m, m) for m targets, got {matrix.shape} and {y.shape}"
        )
    if not ((sizes > 0.0) & (sizes <= MAX_SIZE)).all():
        raise SettingsError(f"n: must be above 0 and at most {MAX_SIZE:g}, got {sizes}")
    check_covariance(matrix)
    values, vectors = np.linalg.eigh(matrix)
    # What rounding leaves of an eigenvalue that is 0.
    values = np.where(values > 1e-14 * values[-1], values, 0.0)
    return values, vectors, vectors.T @ y, sizes / len(y)
