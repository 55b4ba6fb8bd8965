"""Fully connected networks: order of the parameters, a plain forward pass, loss and gradient."""

from __future__ import annotations

import itertools
import math

import numpy as np

from pfmap.activations import facts_of
from pfmap.arguments import checked_array
from pfmap.errors import SettingsError
from pfmap.kernels.activation import activate_row, code_of, facts_of_code
from pfmap.kernels.family import NETWORK
from pfmap.kernels.gradient import DEGREE, FIRST_WIDTH, HIDDEN_CODE, OUTPUT_CODE
from pfmap.models.base import CompiledModel
from pfmap.models.program_model import ProgramModel
from pfmap.models.program_plain import affine_sums
from pfmap.settings.domain import boolean_points


def parameter_count(widths: tuple[int, ...], bias: bool = True) -> int:
    """Number of parameters d of a network.

    Examples
    --------
    >>> parameter_count((7, 40, 40, 1))
    2001
    """
    return sum((a + bias) * b for a, b in itertools.pairwise(widths))


def unflatten(
    weights: np.ndarray, widths: tuple[int, ...], bias: bool = True
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split parameter vectors into matrices and biases.

    The order of a parameter vector is: for every layer, the weight matrix W (units of the layer ×
    units below, row by row), then the bias b of the layer, if there is one.

    Parameters
    ----------
    weights : ndarray, shape (..., d)
        Parameter vectors.
    widths : tuple of int
        Units of every layer, input and output included.
    bias : bool, default True
        Whether layers have biases.

    Returns
    -------
    list of (W, b)
        Views of shapes (..., units, units below) and (..., units); b is empty without biases.

    Examples
    --------
    >>> (W1, b1), (W2, b2) = unflatten(np.arange(9.0), (2, 2, 1))
    >>> W1.tolist(), b1.tolist(), W2.tolist(), b2.tolist()
    ([[0.0, 1.0], [2.0, 3.0]], [4.0, 5.0], [[6.0, 7.0]], [8.0])
    """
    layers = []
    start = 0
    for below, units in itertools.pairwise(widths):
        stop = start + below * units
        matrix = weights[..., start:stop].reshape(*weights.shape[:-1], units, below)
        start = stop + (units if bias else 0)
        layers.append((matrix, weights[..., stop:start]))
    return layers


def network_outputs(
    weights: np.ndarray,
    points: np.ndarray,
    widths: tuple[int, ...],
    *,
    activation: str = "relu",
    degree: int = 1,
    bias: bool = True,
    output_activation: str = "linear",
) -> np.ndarray:
    """Outputs of one network on every point, in float64: the naive twin of the fused kernels.

    Parameters
    ----------
    weights : ndarray, shape (d,)
        Parameter vector in the order of `unflatten`.
    points : ndarray, shape (points, inputs)
        Inputs.
    widths : tuple of int
        Units of every layer.
    activation, output_activation : str
        Names of activations.
    degree : int, default 1
        Exponent of the activation ``monomial``.
    bias : bool, default True
        Whether layers have biases.

    Returns
    -------
    ndarray of float64, shape (points, outputs)

    Examples
    --------
    >>> network_outputs(np.array([1.0, 1.0, -1.5]), np.array([[1.0, 1.0], [0.0, 1.0]]), (2, 1))
    array([[ 0.5],
           [-0.5]])
    """
    value = np.asarray(points, dtype=np.float64)
    layers = unflatten(np.asarray(weights, dtype=np.float64), widths, bias)
    for index, (matrix, offset) in enumerate(layers):
        value = value @ matrix.T
        if bias:
            value = value + offset
        name = output_activation if index == len(layers) - 1 else activation
        if facts_of(name, degree).pieces != "linear":
            value = _activated(code_of(name), degree, value)
    return value


def network_model(
    widths: tuple[int, ...],
    points: np.ndarray | None = None,
    *,
    targets: np.ndarray | None = None,
    activation: str = "relu",
    degree: int = 2,
    bias: bool = True,
    output_activation: str = "linear",
) -> CompiledModel:
    """A fully connected network as a model with loss, gradient and Jacobian.

    Parameters
    ----------
    widths : tuple of int
        Units of every layer, inputs first; any depth and any number of outputs.
    points : ndarray, shape (P, inputs), optional
        The domain; None means all inputs of 0 and 1, in counting order.
    targets : ndarray, shape (P,) or (P, outputs), optional
        Targets; None means 0.
    activation, output_activation : str
        Names of activations.
    degree : int, default 2
        Exponent of the activation ``monomial``.
    bias : bool, default True
        Whether layers have biases.

    Returns
    -------
    CompiledModel
        Outputs and targets in the layout [output unit, point], flattened.

    Examples
    --------
    >>> model = network_model((1, 1), np.array([[0.0], [1.0]]), targets=np.array([1.0, 3.0]))
    >>> model.loss(np.array([2.0, 0.0]))  # outputs 0 and 2: (1² + 1²)/4
    0.5
    >>> model.gradient(np.array([2.0, 0.0])).tolist()
    [-0.5, -1.0]
    """
    points = boolean_points(widths[0]) if points is None else checked_array("points", points)
    if points.ndim != 2 or points.shape[1] != widths[0]:
        raise SettingsError(
            f"points: must have shape (points, {widths[0]}), got {points.shape}",
            next_step="make the first width equal to the coordinates of a point",
        )
    codes = (code_of(activation), degree, code_of(output_activation))
    ints = np.array([len(widths) - 1, len(points), bias, *codes, *widths], dtype=np.int64)
    n_outputs = widths[-1] * len(points)
    model = CompiledModel(
        NETWORK,
        ints,
        np.ascontiguousarray(points.T).ravel(),
        np.zeros(n_outputs),
        parameter_count(widths, bias),
        len(points),
    )
    return model if targets is None else model.with_targets(np.asarray(targets).T)


def is_piecewise(model: CompiledModel) -> bool:
    """Whether the outputs are analytic in pieces only: a model with units such as relu."""
    if isinstance(model, ProgramModel):
        return any(facts_of(*activation).breaks for activation in model.activations)
    if not model.is_network:
        return False
    return bool(model.hidden_facts.breaks or model.output_facts.breaks)


def is_polynomial(model: CompiledModel) -> bool:
    """Whether the outputs are polynomials that can be expanded: monomials, networks of powers.

    Examples
    --------
    >>> is_polynomial(network_model((2, 3, 1), np.eye(2), activation="monomial", degree=3))
    True
    >>> is_polynomial(network_model((2, 3, 1), np.eye(2), activation="tanh"))
    False
    """
    if isinstance(model, ProgramModel):
        return False
    if not model.is_network:
        return True
    return all(facts.power is not None for facts in (model.hidden_facts, model.output_facts))


def kink_margin(model: CompiledModel, weights: np.ndarray) -> float:
    """Distance of a network from its nearest kink: how far the closest unit is from switching.

    The least |z - kink| / (Σ_i |W_i x_i| + |b|) over all points and all units with kinks (relu:
    one, at 0) or jumps, z = Σ_i W_i x_i + b their pre-activation; infinite without such units. At
    the level of rounding, 1e-16 times the number of terms, w* lies on a kink: outputs have no
    Jacobian there.

    Examples
    --------
    >>> model = network_model((1, 1, 1), np.array([[1.0], [2.0]]))
    >>> kink_margin(model, np.array([1.0, -1.0, 1.0, 0.0]))  # the unit is at 0 for x = 1
    0.0
    >>> kink_margin(model, np.array([1.0, 1.0, 1.0, 0.0]))
    1.0
    """
    if not is_piecewise(model):
        return math.inf
    if isinstance(model, ProgramModel):
        return _program_margin(model, weights)
    n_layers, n_points, bias = (int(value) for value in model.ints[:3])
    widths = tuple(map(int, model.ints[FIRST_WIDTH : FIRST_WIDTH + n_layers + 1]))
    values = model.floats.reshape(widths[0], n_points)
    margin = math.inf
    for layer, (matrix, offset) in enumerate(unflatten(weights, widths, bool(bias)), start=1):
        code = int(model.ints[OUTPUT_CODE if layer == n_layers else HIDDEN_CODE])
        sums, terms = matrix @ values, np.abs(matrix) @ np.abs(values)
        # A unit that sums nothing is at its kink if its parameters can move it.
        movable = np.broadcast_to(np.abs(values).max(axis=0) > 0.0, sums.shape)
        if bias:
            sums, terms = sums + offset[:, None], terms + np.abs(offset)[:, None]
            movable = np.ones_like(movable)
        facts = facts_of_code(code, int(model.ints[DEGREE]))
        for kink in (*facts.kinks, *facts.jumps):
            ratio = np.abs(sums - kink) / np.where(terms > 0.0, terms, 1.0)
            margin = min(margin, float(ratio[(terms > 0.0) | movable].min(initial=math.inf)))
        values = _activated(code, int(model.ints[DEGREE]), sums)
    return margin


def _program_margin(model: ProgramModel, weights: np.ndarray) -> float:
    """`kink_margin` of a program: a unit that sums nothing counts as one at 0."""
    margin = math.inf
    for found in affine_sums(model, weights):
        for kink in (*found.activation.kinks, *found.activation.jumps):
            ratio = np.abs(found.sums - kink) / np.where(found.sizes > 0.0, found.sizes, 1.0)
            margin = min(margin, float(ratio.min(initial=math.inf)))
    return margin


def layer_values(model: CompiledModel, weights: np.ndarray) -> list[np.ndarray]:
    """Values of the units of every layer but the input layer, each of shape (units, points).

    Examples
    --------
    >>> model = network_model((1, 2, 1), np.array([[1.0], [2.0]]))
    >>> [v.tolist() for v in layer_values(model, np.array([1.0, -1.0, 0.0, 0.0, 3.0, 1.0, 0.0]))]
    [[[1.0, 2.0], [0.0, 0.0]], [[3.0, 6.0]]]
    """
    return [values for _, values in layer_sums(model, weights)]


def layer_sums(model: CompiledModel, weights: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sums before the activation, and values, of the units of every layer but the input layer."""
    n_layers, n_points, bias = (int(value) for value in model.ints[:3])
    widths = tuple(map(int, model.ints[FIRST_WIDTH : FIRST_WIDTH + n_layers + 1]))
    values, found = model.floats.reshape(widths[0], n_points), []
    for layer, (matrix, offset) in enumerate(unflatten(weights, widths, bool(bias)), start=1):
        code = int(model.ints[OUTPUT_CODE if layer == n_layers else HIDDEN_CODE])
        sums = matrix @ values
        if bias:
            sums = sums + offset[:, None]
        values = _activated(code, int(model.ints[DEGREE]), sums)
        found.append((sums, values))
    return found


def _activated(code: int, degree: int, values: np.ndarray) -> np.ndarray:
    """An activation applied to an array."""
    sums = np.array(values, dtype=np.float64, order="C")
    out = np.empty(sums.size)
    activate_row(code, degree, sums.ravel(), out)
    return out.reshape(sums.shape)
