"""Gated layers, and quadratic networks: units that are products of two affine forms."""

from __future__ import annotations

import numpy as np

from pfmap.activations import facts_of
from pfmap.arguments import checked_integer
from pfmap.models.families._family import EVEN_WEIGHTS, Fact, Family
from pfmap.models.program import Program
from pfmap.models.program_model import ProgramModel
from pfmap.models.symmetries import form_changes, rescaling


def gated_model(
    points: np.ndarray,
    width: int,
    *,
    activation: str = "sigmoid",
    degree: int = 1,
    outputs: int = 1,
) -> ProgramModel:
    """f(x) = R (s(W x + b) ⊙ (V x + c)) + r, one layer of gated units.

    With ``activation="linear"`` units are of second order, and f is a quadratic network; with the
    sigmoid it is a gated linear unit (Dauphin and others 2017, arXiv 1612.08083, eq. 1).

    Parameters
    ----------
    points : ndarray, shape (P, inputs)
        The domain.
    width : int
        Units.
    activation, degree
        s, as in a campaign file.
    outputs : int, default 1

    Returns
    -------
    ProgramModel
        With targets 0. Parameters in the order W, b, V, c, R, r. It declares a rescaling of V
        against R for each unit, one of W if s is homogeneous, and for quadratic networks of one
        output the changes of basis that keep the quadratic form.

    Raises
    ------
    SettingsError
        If a number is below 1, or the points are not finite.

    Examples
    --------
    >>> model = gated_model(np.array([[2.0]]), 1, activation="linear")
    >>> model.outputs([1.0, 0.0, 1.0, 1.0, 1.0, 0.5]).tolist()  # x (x + 1) + 1/2
    [6.5]
    """
    width = checked_integer("width", width, least=1)
    program = Program(points)
    gates = program.affine(program.inputs, width, activation=activation, degree=degree)
    values = program.affine(program.inputs, width)
    read = program.affine(
        program.products(gates[:, None], values[:, None]),
        checked_integer("outputs", outputs, least=1),
    )
    gate, value = program.layer(gates).entering, program.layer(values).entering
    out = program.layer(read).weights
    program.declare(rescaling(value, out.T))
    facts = facts_of(activation, degree)
    if facts.pieces == "linear" and outputs == 1:
        program.declare(form_changes(gate, value, out[0]))
    elif facts.homogeneity is not None:
        program.declare(rescaling(gate, out.T, float(facts.homogeneity)))
    return program.model(read)


FAMILY = Family(
    name="gated",
    build=gated_model,
    exchangeable_inputs=lambda _: Fact(True, "first-layer weights have one law for all inputs"),
    reflectable_inputs=lambda _: Fact(True, EVEN_WEIGHTS),
    invariances=lambda *_: (),
)
