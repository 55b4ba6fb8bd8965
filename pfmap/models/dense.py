"""Dense networks with any number of outputs, as programs."""

from __future__ import annotations

import numpy as np

from pfmap.models.families.factored import factored_model
from pfmap.models.program_model import ProgramModel


def dense_model(
    points: np.ndarray,
    widths: tuple[int, ...],
    *,
    activation: str = "relu",
    degree: int = 1,
    bias: bool = True,
    output_activation: str = "linear",
) -> ProgramModel:
    """s_L(W_L … s(W_1 x + b_1) … + b_L), the network of `network_model` as a program.

    With ``activation="monomial"`` and no biases it is a polynomial network. Parameters have the
    order of a network's, W_1, b_1, …, and the prior's scales too, so that draws are the same.

    Parameters
    ----------
    points : ndarray, shape (P, inputs)
        The domain.
    widths : sequence of int
        Inputs, units of each hidden layer, outputs.
    activation, degree
        s of the hidden layers, as in a campaign file.
    bias : bool, default True
        Whether there are biases.
    output_activation : str, default "linear"
        s_L.

    Returns
    -------
    ProgramModel
        With targets 0. It declares what its units have: a rescaling each if they are homogeneous,
        changes of basis and shifts if they are linear.

    Raises
    ------
    SettingsError
        If widths and points do not fit.

    Examples
    --------
    >>> model = dense_model(np.eye(3), (3, 4, 2), activation="monomial", degree=3, bias=False)
    >>> model.n_parameters, [found.cause for found in model.symmetries]
    (20, ['rescaling'])
    """
    return factored_model(
        points, widths, ((),) * (len(widths) - 1), activation=activation, degree=degree, bias=bias,
        output_activation=output_activation,
    )  # fmt: skip
