"""λ_eff at finite n of the quadratic approximation around w*: a soft rank, exact and cheap."""

from __future__ import annotations

import numpy as np

from pfmap.arguments import checked_array
from pfmap.llc.singular import singular_values

N_BETAS = (1e1, 1e2, 1e3, 1e4)


def quadratic_llc(
    jacobian: np.ndarray, scales: np.ndarray, n_points: int, n_betas: tuple[float, ...] = N_BETAS
) -> np.ndarray:
    """E[nβK] for K quadratic around w* and a Gaussian of the prior's widths around w*.

        λ_eff(nβ) = (1/2) Σ_i e_i / (e_i + 1),    e_i = nβ s_i² / P,

    with s_i the singular values of the Jacobian times the prior's standard deviations: half the
    number of directions that nβ samples tell from the prior. It rises from 0 to rank/2, and at a
    given nβ it can differ between functions of equal rank.

    Parameters
    ----------
    jacobian : ndarray, shape (outputs, d)
        A with AᵀA/P the Hessian of K at w*.
    scales : ndarray, shape (d,)
        Standard deviations of the parameters under the prior (`Campaign.standard_deviations`).
    n_points : int
        P.
    n_betas : tuple of float
        Values of nβ.

    Returns
    -------
    ndarray, shape (n_betas,)
        NaN where an entry of the Jacobian is not finite.

    Examples
    --------
    >>> quadratic_llc(np.array([[1.0, 0.0]]), np.ones(2), 1, (1.0, 1e6)).round(3).tolist()
    [0.25, 0.5]
    """
    values = singular_values(jacobian * scales)
    if values is None:
        return np.full(len(n_betas), np.nan)
    curvature = np.multiply.outer(checked_array("n_betas", n_betas), values**2 / n_points)
    return 0.5 * np.sum(curvature / (curvature + 1.0), axis=1)
