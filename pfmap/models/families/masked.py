"""Networks with given connections: layers of which a mask of zeros and ones leaves entries out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from pfmap.activations import facts_of
from pfmap.errors import SettingsError
from pfmap.models.families._family import EVEN_WEIGHTS, Fact, Family
from pfmap.models.layer import Layer, Reader
from pfmap.models.linear_spaces import Shift
from pfmap.models.program import Program
from pfmap.models.program_model import ProgramModel
from pfmap.models.symmetries import ONE, rescaling


def masked_model(
    points: np.ndarray,
    masks: Sequence[np.ndarray],
    *,
    activation: str = "relu",
    degree: int = 1,
    bias: bool = True,
) -> ProgramModel:
    """A dense network whose matrices are 0 where a mask is, with a linear last layer.

    Entries that are left out are no parameters, and the fan-in of a unit is the number of its
    connections.

    Parameters
    ----------
    points : ndarray, shape (P, inputs)
        The domain.
    masks : sequence of ndarray of 0 and 1
        For each matrix, shape (units, units below); the first has a column an input.
    activation, degree
        s of the hidden layers, as in a campaign file.
    bias : bool, default True
        Whether there are biases.

    Returns
    -------
    ProgramModel
        With targets 0. Parameters layer by layer: entries row by row, then biases. Homogeneous
        units, linear ones among them, have a rescaling each.

    Raises
    ------
    SettingsError
        If masks do not fit each other or the points, or hold other numbers.

    Examples
    --------
    >>> model = masked_model(np.eye(3), [np.eye(3), np.array([[1, 1, 0]])])
    >>> model.n_parameters  # 3 + 3, then 2 + 1
    9
    """
    program = Program(points)
    rows, layers = program.inputs, []
    if not len(masks):
        raise SettingsError("masks: must have one mask for each matrix, got none")
    for layer, given in enumerate(masks):
        mask = np.asarray(given)
        if mask.ndim != 2 or mask.shape[1] != len(rows) or not len(mask):
            raise SettingsError(
                f"masks: mask {layer} must have shape (units, {len(rows)}), got {mask.shape}"
            )
        if not np.isin(mask, (0, 1)).all() or not mask.any():
            raise SettingsError(f"masks: mask {layer} must hold 0 and 1 alone, and a 1")
        last = layer == len(masks) - 1
        name, power = ("linear", 1) if last else (activation, degree)
        if mask.all():  # a plain layer, which closes the model as one
            rows = program.affine(rows, len(mask), activation=name, degree=power, bias=bias)
            layers.append(program.layer(rows))
        else:
            rows, own = _masked_layer(program, rows, mask.astype(bool), bias, name, power)
            layers.append(own)
    facts = facts_of(activation, degree)
    for below, above in itertools.pairwise(layers):
        if facts.homogeneity is not None:
            program.declare(rescaling(below.entering, above.weights.T, float(facts.homogeneity)))
        if facts.pieces == "linear" and below.bias is not None:
            program.declare(Shift(below.bias, (Reader((above.weights,), above.bias),)))
    return program.model(rows)


def _masked_layer(
    program: Program, rows: np.ndarray, kept: np.ndarray, bias: bool, activation: str, degree: int
) -> tuple[np.ndarray, Layer]:
    """Rows of a layer with entries where `kept` is, and the numbers of its parameters."""
    fan_in, entered = kept.sum(axis=1), program.units(len(kept))
    at = np.nonzero(kept)[0]
    numbers = np.full(kept.shape, ONE)
    numbers[kept] = program.parameters((len(at),), fan_in=fan_in[at], unit=entered[at])
    offsets = None
    if bias:
        offsets = program.parameters((len(kept),), fan_in=fan_in, is_bias=True, unit=entered)
    absent = int(program.constants(np.zeros(1))[0])
    entries = np.where(kept, numbers, absent)
    rows = program.mapped(rows, entries, offsets, activation=activation, degree=degree)
    return rows, Layer(numbers, offsets)


Mask = tuple[tuple[int, ...], ...]


def _from_lists(
    points: np.ndarray,
    masks: tuple[Mask, ...],
    *,
    activation: str = "relu",
    degree: int = 1,
    bias: bool = True,
) -> ProgramModel:
    arrays = [np.array(mask) for mask in masks]
    return masked_model(points, arrays, activation=activation, degree=degree, bias=bias)


_from_lists.__doc__ = masked_model.__doc__

FAMILY = Family(
    name="masked",
    build=_from_lists,
    exchangeable_inputs=lambda _: Fact(False, "masks tell the inputs apart"),
    reflectable_inputs=lambda _: Fact(True, EVEN_WEIGHTS),
    invariances=lambda *_: (),
)
