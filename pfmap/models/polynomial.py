"""Models whose outputs are linear in monomials of the parameters: where λ is known exactly."""

from __future__ import annotations

import numpy as np

from pfmap.arguments import checked_array
from pfmap.errors import SettingsError
from pfmap.kernels.family import POLYNOMIAL
from pfmap.models.base import CompiledModel


def polynomial_model(
    exponents: np.ndarray,
    features: np.ndarray | None = None,
    *,
    targets: np.ndarray | None = None,
) -> CompiledModel:
    """Outputs ``output[p] = Σ_j features[p, j] Π_i w_i^exponents[j, i]``.

    Without `features` every monomial is an output of its own, and with targets 0 the loss is the
    monomial sum K = 1/(2J) Σ_j Π_i w_i^(2 a_ji).

    Parameters
    ----------
    exponents : ndarray of int, shape (J, d)
        Exponents a_ji >= 0.
    features : ndarray, shape (P, J), optional
        Value of the j-th feature at point p, such as x_p^j for a polynomial in x; None means one
        point a monomial.
    targets : ndarray, shape (P,), optional
        Targets; None means 0.

    Returns
    -------
    CompiledModel

    Raises
    ------
    SettingsError
        If exponents are negative or shapes do not fit.

    Examples
    --------
    >>> model = polynomial_model([[1, 3]])  # K = (w1 w2³)² / 2
    >>> model.loss([2.0, 1.0]), model.gradient([2.0, 1.0]).tolist()
    (2.0, [2.0, 12.0])
    """
    powers = np.asarray(exponents)
    if powers.ndim != 2 or not np.issubdtype(powers.dtype, np.integer) or (powers < 0).any():
        raise SettingsError(
            "exponents: must be a matrix of integers >= 0, one row a monomial, got "
            f"{powers.dtype} of shape {powers.shape}"
        )
    n_monomials, n_parameters = powers.shape
    matrix = np.eye(n_monomials) if features is None else checked_array("features", features)
    if matrix.ndim != 2 or matrix.shape[1] != n_monomials or not np.isfinite(matrix).all():
        raise SettingsError(
            f"features: must be finite of shape (points, {n_monomials}), got {matrix.shape}"
        )
    n_points = len(matrix)
    monomials, variables = np.nonzero(powers)
    starts = np.searchsorted(monomials, np.arange(n_monomials + 1))
    ints = np.concatenate(
        [[n_points, n_monomials, n_parameters], starts, variables, powers[monomials, variables]]
    ).astype(np.int64)
    model = CompiledModel(
        POLYNOMIAL, ints, matrix.ravel().copy(), np.zeros(n_points), n_parameters, n_points
    )
    return model if targets is None else model.with_targets(targets)


def gaussian_model(scales: np.ndarray) -> CompiledModel:
    """A regular model: K = 1/(2d) Σ_i (scale_i w_i)², minimum at 0, λ = d/2.

    Examples
    --------
    >>> gaussian_model([1.0, 2.0]).loss([1.0, 1.0])
    1.25
    """
    diagonal = np.diag(checked_array("scales", scales))
    return polynomial_model(np.eye(len(diagonal), dtype=np.int64), diagonal)
