"""Networks of monomial activation whose matrices depend on two parameters."""

from __future__ import annotations

import numpy as np

from pfmap.arguments import checked_array
from pfmap.errors import SettingsError
from pfmap.kernels.family import POLYNOMIAL_NET
from pfmap.models.base import CompiledModel


def polynomial_net_model(depth: int, points: np.ndarray, degree: int = 2) -> CompiledModel:
    """f = W s(W s(… W x)) with `depth` matrices W = [[t1 + t2, t1²], [t1², t2²]], s(z) = z^degree.

    Both outputs at every point are outputs of the model, and the target is 0. They are computed
    layer by layer, so that they are right to rounding however small they are: down to 1e-308,
    below which K, of the order |t|^(4 (1 + r + … + r^(depth - 1))), becomes 0. See
    `pfmap.llc.exact.polynomial_net_llc` for λ at the origin.

    Parameters
    ----------
    depth : int
        Number of matrices, at least 1.
    points : ndarray, shape (P, 2)
        Inputs.
    degree : int, default 2
        r, the degree of s, at least 1.

    Returns
    -------
    CompiledModel

    Raises
    ------
    SettingsError
        If the points are not finite or have another shape.

    Examples
    --------
    >>> model = polynomial_net_model(1, np.array([[1.0, 0.0]]))
    >>> model.outputs([0.5, 1.0]).tolist()  # t1 + t2 and t1²
    [1.5, 0.25]
    """
    inputs = checked_array("points", points)
    if inputs.ndim != 2 or inputs.shape[1] != 2 or not np.isfinite(inputs).all():
        raise SettingsError(f"points: must be finite of shape (P, 2), got shape {inputs.shape}")
    n_outputs = inputs.size
    ints = np.array([n_outputs, depth, degree], dtype=np.int64)
    return CompiledModel(POLYNOMIAL_NET, ints, inputs.ravel(), np.zeros(n_outputs), 2, n_outputs)
