"""Residual networks: blocks of two layers beside a path that skips them, with or without norms."""

from __future__ import annotations

import numpy as np

from pfmap.arguments import checked_integer
from pfmap.models.families._family import Fact, Family
from pfmap.models.program import Program
from pfmap.models.program_model import ProgramModel


def residual_model(
    points: np.ndarray,
    width: int,
    *,
    blocks: int = 1,
    outputs: int = 1,
    activation: str = "relu",
    degree: int = 1,
    norm: bool = False,
) -> ProgramModel:
    """h_0 = W x + b, h_i = h_(i-1) + V_i s(U_i N(h_(i-1)) + a_i) + c_i, f = R N(h) + r.

    N is the identity, or with `norm` the normalisation over units of every point,
    (h - mean)/sqrt(variance + 1e-5), times a gain and plus an offset a unit (He and others 2016,
    arXiv 1603.05027, pre-activation; Ba, Kiros, Hinton 2016, arXiv 1607.06450).

    Parameters
    ----------
    points : ndarray, shape (P, inputs)
        The domain.
    width : int
        Units of every layer.
    blocks : int, default 1
        Number of blocks.
    outputs : int, default 1
        Number of outputs.
    activation, degree
        s, as in a campaign file.
    norm : bool, default False
        Whether N normalises.

    Returns
    -------
    ProgramModel
        With targets 0.

    Raises
    ------
    SettingsError
        If a number is below 1, or the points are not finite.

    Examples
    --------
    >>> model = residual_model(np.array([[0.0], [1.0], [2.0]]), 4, blocks=2)
    >>> model.n_parameters  # 8 + 2 (20 + 20) + 5
    93
    """
    width = checked_integer("width", width, least=1)
    program = Program(points)
    path = program.affine(program.inputs, width)
    for _ in range(checked_integer("blocks", blocks, least=1)):
        inner = _normed(program, path) if norm else path
        hidden = program.affine(inner, width, activation=activation, degree=degree)
        path = program.sums(np.stack([path, program.affine(hidden, width)], axis=1))
    last = _normed(program, path) if norm else path
    return program.model(program.affine(last, checked_integer("outputs", outputs, least=1)))


def _normed(program: Program, rows: np.ndarray) -> np.ndarray:
    """N: the norm, then a gain and an offset of its own for every unit."""
    normed = program.norm(rows[None])[0]
    return program.affine(normed[:, None], 1, tied=False)[:, 0]


FAMILY = Family(
    name="residual",
    build=residual_model,
    exchangeable_inputs=lambda _: Fact(True, "first-layer weights have one law for all inputs"),
    reflectable_inputs=lambda _: Fact(
        True,
        "flipping an input of {-1,1} equals changing the sign of its weights, whose law is even",
    ),
)
