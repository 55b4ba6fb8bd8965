"""A polynomial model around w*: its outputs as polynomials in x = w - w*, in fractions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pfmap.kernels.family import POLYNOMIAL, POLYNOMIAL_NET
from pfmap.llc.exact.finite_jacobian import exponents_of, layers_of
from pfmap.models.base import CompiledModel
from pfmap.models.network import is_polynomial, unflatten

Polynomial = dict[tuple[int, ...], Fraction]
"""Coefficients, none of them 0, by exponents."""

MAX_TERMS = 600
"""Terms of one output, and of one product on the way to it, beyond which none is made."""

MAX_OUTPUTS = 60

ROUNDING = Fraction(1, 10**9)
"""A coefficient this small next to the terms that it sums, and a weight, input or feature this
small next to the largest, may be rounding."""


class TooLarge(Exception):
    """A polynomial has more terms than are worth making."""


@dataclass(frozen=True)
class LocalPolynomials:
    """Outputs minus their values at w*, as polynomials in x = w - w*.

    Attributes
    ----------
    outputs : tuple of Polynomial
        Without constant terms.
    n_variables : int
        d.
    clean : bool
        Whether no coefficient is small enough to come from the rounding of w* and of the model's
        numbers, so that the polynomials are the ones that are meant. If not, they hold terms that
        may not be meant, and none is missing.
    """

    outputs: tuple[Polynomial, ...]
    n_variables: int
    clean: bool


def local_polynomials(model: CompiledModel, weights: np.ndarray) -> LocalPolynomials | None:
    """Outputs of a polynomial model around `weights`, exactly at these float64 numbers.

    Parameters
    ----------
    model : CompiledModel
    weights : ndarray, shape (d,)
        w*, finite.

    Returns
    -------
    LocalPolynomials or None
        None where the outputs are no polynomials or have too many terms, and of polynomial nets,
        whose terms are of no use: their first two stand beside each other in t1 + t2.

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> found = local_polynomials(polynomial_model([[1, 2]]), np.array([0.0, 1.0]))
    >>> {powers: str(c) for powers, c in found.outputs[0].items()}  # x (1 + y)²
    {(1, 0): '1', (1, 1): '2', (1, 2): '1'}
    """
    unexpanded = model.family == POLYNOMIAL_NET or not is_polynomial(model)
    if unexpanded or len(model.targets) > MAX_OUTPUTS:
        return None
    expand = _monomial_outputs if model.family == POLYNOMIAL else _network_outputs
    try:
        outputs = expand(model, weights, Fraction)
        # The same sums with every number replaced by its size: what the coefficients round to.
        sizes = expand(model, np.abs(weights), lambda value: abs(Fraction(value)))
    except TooLarge:
        return None
    d = model.n_parameters
    none = (0,) * d
    clean = _none_is_tiny(weights) and _none_is_tiny(model.floats)
    for output, size, target in zip(outputs, sizes, model.targets, strict=True):
        constant = output.pop(none, Fraction(0)) - Fraction(float(target))
        clean &= constant == 0
        clean &= all(abs(value) > ROUNDING * size[powers] for powers, value in output.items())
    return LocalPolynomials(tuple(outputs), d, clean)


def _none_is_tiny(numbers: np.ndarray) -> bool:
    """Whether every number but 0 is well above the rounding of the largest."""
    sizes = np.abs(numbers[numbers != 0.0])
    return not len(sizes) or bool(sizes.min() > float(ROUNDING) * sizes.max())


def _network_outputs(
    model: CompiledModel, weights: np.ndarray, number: Callable[[float], Fraction]
) -> list[Polynomial]:
    layers = layers_of(model)
    d = model.n_parameters
    places = unflatten(np.arange(d), layers.widths, layers.bias)
    inputs = model.floats.reshape(layers.widths[0], model.n_points)
    none = (0,) * d

    def parameter(place: int) -> Polynomial:
        moved = tuple(int(i == place) for i in range(d))
        value = number(float(weights[place]))
        return {none: value, moved: Fraction(1)} if value else {moved: Fraction(1)}

    outputs: list[list[Polynomial]] = []
    for point in range(model.n_points):
        values: list[Polynomial] = [{none: number(float(x))} if x else {} for x in inputs[:, point]]
        for (matrix, offset), power in zip(places, layers.degrees, strict=True):
            sums: list[Polynomial] = []
            for unit, row in enumerate(matrix):
                total: Polynomial = parameter(int(offset[unit])) if layers.bias else {}
                for place, value in zip(row, values, strict=True):
                    total = _sum(total, _product(parameter(int(place)), value))
                sums.append(total)
            values = [_power(total, power, none) for total in sums]
        outputs.append(values)
    return [
        outputs[point][unit] for unit in range(layers.widths[-1]) for point in range(len(outputs))
    ]


def _monomial_outputs(
    model: CompiledModel, weights: np.ndarray, number: Callable[[float], Fraction]
) -> list[Polynomial]:
    exponents = exponents_of(model)
    features = model.floats.reshape(model.n_points, len(exponents))
    d = model.n_parameters
    none = (0,) * d
    monomials: list[Polynomial] = []
    for row in exponents:
        product: Polynomial = {none: Fraction(1)}
        for i, power in enumerate(row):
            if power:
                moved = tuple(int(k == i) for k in range(d))
                value = number(float(weights[i]))
                factor = {none: value, moved: Fraction(1)} if value else {moved: Fraction(1)}
                product = _product(product, _power(factor, int(power), none))
        monomials.append(product)
    outputs: list[Polynomial] = []
    for row in features:
        total: Polynomial = {}
        for feature, monomial in zip(row, monomials, strict=True):
            scale = number(float(feature))
            if scale:
                total = _sum(total, {powers: scale * c for powers, c in monomial.items()})
        outputs.append(total)
    return outputs


def _sum(one: Polynomial, other: Polynomial) -> Polynomial:
    total = dict(one)
    for powers, value in other.items():
        total[powers] = total.get(powers, Fraction(0)) + value
        if not total[powers]:
            del total[powers]
    return _checked(total)


def _product(one: Polynomial, other: Polynomial) -> Polynomial:
    if len(one) * len(other) > 50 * MAX_TERMS:
        raise TooLarge
    total: Polynomial = {}
    for left, a in one.items():
        for right, b in other.items():
            powers = tuple(i + j for i, j in zip(left, right, strict=True))
            total[powers] = total.get(powers, Fraction(0)) + a * b
    return _checked({powers: value for powers, value in total.items() if value})


def _power(base: Polynomial, exponent: int, none: tuple[int, ...]) -> Polynomial:
    result: Polynomial = {none: Fraction(1)}
    for _ in range(exponent):
        result = _product(result, base)
    return result


def _checked(polynomial: Polynomial) -> Polynomial:
    if len(polynomial) > MAX_TERMS:
        raise TooLarge
    return polynomial
