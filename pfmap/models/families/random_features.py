"""Random features: a layer that stays as it was drawn, and a trained readout."""

from __future__ import annotations

import numpy as np

from pfmap.arguments import checked_integer, checked_number
from pfmap.models.families._family import Fact, Family
from pfmap.models.program import Program
from pfmap.models.program_model import ProgramModel


def random_features_model(
    points: np.ndarray,
    features: int,
    *,
    seed: int = 1,
    weight_sd: float = 1.0,
    bias_sd: float = 1.0,
    outputs: int = 1,
    activation: str = "relu",
    degree: int = 1,
) -> ProgramModel:
    """f(x) = a · s(W x + b) + c, with W and b drawn once and kept (Rahimi, Recht 2007).

    K is a quadratic form in the parameters, so λ is half the rank of the features everywhere.

    Parameters
    ----------
    points : ndarray, shape (P, inputs)
        The domain.
    features : int
        Number of features.
    seed : int, default 1
        Of W and b.
    weight_sd, bias_sd : float, default 1
        W has standard deviation weight_sd/sqrt(inputs), b has bias_sd.
    outputs : int, default 1
    activation, degree
        s, as in a campaign file; no slope is needed.

    Returns
    -------
    ProgramModel
        With targets 0.

    Raises
    ------
    SettingsError
        If a number is out of range, or the points are not finite.

    Examples
    --------
    >>> model = random_features_model(np.array([[0.0], [1.0], [2.0]]), 5)
    >>> model.n_parameters, int(np.linalg.matrix_rank(model.jacobian(np.zeros(6))))
    (6, 3)
    """
    program = Program(points)
    count, below = checked_integer("features", features, least=1), len(program.inputs)
    rng = np.random.default_rng(checked_integer("seed", seed, least=0))
    sd = checked_number("weight_sd", weight_sd, above=0.0) / np.sqrt(below)
    weights = program.constants(sd * rng.standard_normal((count, below)))
    drawn = checked_number("bias_sd", bias_sd, least=0.0) * rng.standard_normal(count)
    hidden = program.mapped(
        program.inputs, weights, program.constants(drawn), activation=activation, degree=degree
    )
    return program.model(program.affine(hidden, checked_integer("outputs", outputs, least=1)))


FAMILY = Family(
    name="random_features",
    build=random_features_model,
    exchangeable_inputs=lambda _: Fact(False, "the features stay as they were drawn"),
    reflectable_inputs=lambda _: Fact(False, "the features stay as they were drawn"),
    invariances=lambda *_: (),
)
