"""Deep linear networks, reduced-rank regression among them."""

from __future__ import annotations

import itertools

import numpy as np

from pfmap.arguments import checked_array
from pfmap.errors import SettingsError
from pfmap.models.base import CompiledModel
from pfmap.models.network import network_model


def deep_linear_model(widths: tuple[int, ...], truth: np.ndarray) -> CompiledModel:
    """Product of matrices against a true matrix: K = ||W_L … W_1 - truth||²_F / 2.

    This is the mean squared error over inputs with unit second moments: the domain is the
    H0 scaled unit vectors sqrt(H0) e_p.

    Parameters
    ----------
    widths : tuple of int
        (H0, H1, …, HL); (N, H, M) is reduced-rank regression.
    truth : ndarray, shape (HL, H0)
        The true matrix.

    Returns
    -------
    CompiledModel
        Parameters are W_1, …, W_L, each row by row.

    Examples
    --------
    >>> model = deep_linear_model((1, 1, 1), np.array([[2.0]]))
    >>> model.loss([3.0, 1.0])  # (3·1 - 2)² / 2
    0.5
    """
    matrix = checked_array("truth", truth)
    if matrix.shape != (widths[-1], widths[0]):
        raise SettingsError(
            f"truth: must have shape ({widths[-1]}, {widths[0]}), got {matrix.shape}"
        )
    points = np.sqrt(widths[0]) * np.eye(widths[0])
    return network_model(widths, points, targets=points @ matrix.T, activation="linear", bias=False)


def padded_identity(widths: tuple[int, ...], rank: int) -> np.ndarray:
    """Weights whose every matrix is the identity on the first `rank` units and 0 elsewhere.

    Their product is the truth of that rank, and they lie in the deepest stratum of its fibre,
    where the learning coefficient is the minimum that the exact formulas give.

    Examples
    --------
    >>> padded_identity((2, 1, 2), 1).tolist()  # (1 0) and then (1 0)ᵀ
    [1.0, 0.0, 1.0, 0.0]
    """
    if not 0 <= rank <= min(widths):
        raise SettingsError(f"rank: must lie between 0 and {min(widths)}, got {rank}")
    matrices = []
    for below, units in itertools.pairwise(widths):
        matrix = np.zeros((units, below))
        matrix[:rank, :rank] = np.eye(rank)
        matrices.append(matrix.ravel())
    return np.concatenate(matrices)
