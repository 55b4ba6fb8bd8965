"""Jacobians of polynomial models modulo a prime, and how large their entries can be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pfmap.kernels.activation import facts_of_code
from pfmap.kernels.family import POLYNOMIAL, POLYNOMIAL_NET
from pfmap.kernels.gradient import DEGREE, FIRST_WIDTH, HIDDEN_CODE, OUTPUT_CODE
from pfmap.kernels.polynomial import FIRST_START
from pfmap.llc.exact.finite_field import power_modulo, product_modulo, residues
from pfmap.models.base import CompiledModel
from pfmap.models.network import unflatten


class Layers(NamedTuple):
    """A fully connected network whose every activation is a power.

    Attributes
    ----------
    widths : tuple of int
    degrees : tuple of int
        Exponent of the activation of every layer but the inputs, 1 for a linear one.
    bias : bool
    """

    widths: tuple[int, ...]
    degrees: tuple[int, ...]
    bias: bool


class Size(NamedTuple):
    """A bound on the outputs as polynomials in parameters and inputs.

    Attributes
    ----------
    degree : int
        Total degree.
    log2_terms : float
        log2 of the sum of the coefficients' absolute values.
    """

    degree: int
    log2_terms: float


def layers_of(model: CompiledModel) -> Layers:
    """The layers of a network whose activations are powers (`pfmap.models.network`)."""
    if model.family == POLYNOMIAL_NET:
        depth, power = int(model.ints[1]), int(model.ints[2])
        return Layers((2,) * (depth + 1), (power,) * (depth - 1) + (1,), bias=False)
    n_layers, bias = int(model.ints[0]), bool(model.ints[2])
    power = int(model.ints[DEGREE])
    hidden, output = (
        facts_of_code(int(model.ints[where]), power).power for where in (HIDDEN_CODE, OUTPUT_CODE)
    )
    if hidden is None or output is None:
        raise ValueError("an activation is no power")
    widths = tuple(int(n) for n in model.ints[FIRST_WIDTH : FIRST_WIDTH + n_layers + 1])
    return Layers(widths, (hidden,) * (n_layers - 1) + (output,), bias)


def model_jacobian(model: CompiledModel, weights: np.ndarray, prime: int) -> np.ndarray:
    """Derivatives of the outputs of a polynomial model at float64 weights, modulo a prime.

    Weights, points and features are taken as the fractions that they are.

    Returns
    -------
    ndarray of int64, shape (outputs, d)
    """
    if model.family == POLYNOMIAL:
        return _monomial_jacobian(model, residues(weights, prime), prime)
    layers = layers_of(model)
    if model.family == POLYNOMIAL_NET:
        return _net_jacobian(model, layers, residues(weights, prime), prime)
    points = residues(model.floats, prime).reshape(layers.widths[0], model.n_points)
    return network_jacobian(layers, residues(weights, prime), points, prime)


def model_size(model: CompiledModel) -> Size:
    """Degree and terms of the outputs of a polynomial model."""
    if model.family == POLYNOMIAL:
        exponents = exponents_of(model)
        return Size(int(exponents.sum(axis=1).max()) + 1, math.log2(len(exponents)))
    size = network_size(layers_of(model))
    if model.family == POLYNOMIAL_NET:  # entries t1 + t2 and squares in place of the weights
        return Size(2 * size.degree, size.log2_terms + size.degree)
    return size


def network_size(layers: Layers) -> Size:
    """Degree and terms of the outputs of a network, in weights and inputs together."""
    degree, terms = 1, 0.0
    for below, power in zip(layers.widths[:-1], layers.degrees, strict=True):
        degree = power * (degree + 1)
        terms = power * (terms + math.log2(below + layers.bias))
    return Size(degree, terms)


def network_jacobian(
    layers: Layers, weights: np.ndarray, points: np.ndarray, prime: int
) -> np.ndarray:
    """Derivatives of a network's outputs by its parameters, modulo a prime.

    Parameters
    ----------
    layers : Layers
    weights : ndarray of int64, shape (d,)
        Residues, in the order of `pfmap.models.network.unflatten`.
    points : ndarray of int64, shape (inputs, points)
        Residues.
    prime : int

    Returns
    -------
    ndarray of int64, shape (outputs, d)
        Outputs in the layout [output unit, point].

    Examples
    --------
    >>> layers = Layers((1, 1, 1), (2, 1), bias=False)  # w2 (w1 x)² at x = 3, w = (1, 2)
    >>> network_jacobian(layers, np.array([1, 2]), np.array([[3]]), 101).tolist()
    [[36, 9]]
    """
    parts = unflatten(weights, layers.widths, layers.bias)
    values, slopes = [points], []
    for (matrix, offset), power in zip(parts, layers.degrees, strict=True):
        sums = product_modulo(matrix, values[-1], prime)
        if layers.bias:
            sums = (sums + offset[:, None]) % prime
        values.append(power_modulo(sums, power, prime))
        slopes.append(power * power_modulo(sums, power - 1, prime) % prime)
    n_outputs, n_points = values[-1].shape
    rows = []
    for output in range(n_outputs):
        delta = np.zeros_like(values[-1])
        delta[output] = slopes[-1][output]
        columns: list[np.ndarray] = []
        for layer in range(len(parts) - 1, -1, -1):
            outer = delta[:, None, :] * values[layer][None] % prime
            own = [outer.reshape(-1, n_points)] + ([delta] if layers.bias else [])
            columns = own + columns
            if layer:
                delta = product_modulo(parts[layer][0].T, delta, prime) * slopes[layer - 1] % prime
        rows.append(np.concatenate(columns).T)
    return np.concatenate(rows)


def _net_jacobian(
    model: CompiledModel, layers: Layers, weights: np.ndarray, prime: int
) -> np.ndarray:
    """Of a polynomial net: the entries of its matrices, the same in every layer, by t1 and t2."""
    first, second = (int(value) for value in weights)
    entries = np.array([first + second, first**2, first**2, second**2]) % prime
    by_parameter = np.array([[1, 1], [2 * first, 0], [2 * first, 0], [0, 2 * second]]) % prime
    depth = len(layers.degrees)
    points = residues(model.floats, prime).reshape(-1, 2).T
    by_entry = network_jacobian(layers, np.tile(entries, depth), points, prime)
    found = product_modulo(by_entry, np.tile(by_parameter, (depth, 1)), prime)
    # From the layout [output unit, point] to [point, output unit].
    return found.reshape(2, -1, 2).transpose(1, 0, 2).reshape(-1, 2)


def exponents_of(model: CompiledModel) -> np.ndarray:
    """Exponents of a model of the family `POLYNOMIAL`, shape (monomials, d)."""
    n_monomials, d = model.ints[1:FIRST_START]
    starts, factors = np.split(model.ints[FIRST_START:], [n_monomials + 1])
    exponents = np.zeros((n_monomials, d), dtype=np.int64)
    variables, powers = factors.reshape(2, -1)
    exponents[np.repeat(np.arange(n_monomials), np.diff(starts)), variables] = powers
    return exponents


def _monomial_jacobian(model: CompiledModel, weights: np.ndarray, prime: int) -> np.ndarray:
    exponents = exponents_of(model)
    features = residues(model.floats, prime).reshape(model.n_points, len(exponents))
    columns: Sequence[np.ndarray] = [
        _product_of_powers(weights, exponents, prime, derived=i) for i in range(len(weights))
    ]
    return product_modulo(features, np.array(columns).T, prime)


def _product_of_powers(
    weights: np.ndarray, exponents: np.ndarray, prime: int, *, derived: int
) -> np.ndarray:
    """Derivative of every monomial by parameter number `derived`."""
    result = exponents[:, derived] % prime
    for i, weight in enumerate(weights):
        powers = np.maximum(exponents[:, i] - (i == derived), 0)
        distinct, place = np.unique(powers, return_inverse=True)
        values = [pow(int(weight), int(power), prime) for power in distinct]
        result = result * np.array(values, dtype=np.int64)[place] % prime
    return result
