"""Polynomials written as text, in exact coefficients: read, moved by a matrix, made a model."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from pfmap.llc.exact import parse_monomials
from pfmap.models.base import CompiledModel
from pfmap.models.polynomial import polynomial_model

Polynomial = dict[tuple[int, ...], Fraction]
"""Coefficient of Π_i x_i^a_i by (a_1, …, a_d)."""

_TERM = re.compile(r"([+-]?)\s*(\d+(?:/\d+)?)?\s*\*?\s*([^+-]+)")


def read_polynomials(texts: Sequence[str]) -> list[Polynomial]:
    """Polynomials in common variables, which count in the order in which they first appear.

    Examples
    --------
    >>> read_polynomials(["x^2 - 3 x*y"])
    [{(2, 0): Fraction(1, 1), (1, 1): Fraction(-3, 1)}]
    """
    terms = [_TERM.findall(text.replace(" ", "")) for text in texts]
    monomials = [monomial for found in terms for _, _, monomial in found]
    exponents = iter(parse_monomials(",".join(monomials))[1])
    return [
        {next(exponents): Fraction(f"{sign}{factor or 1}") for sign, factor, _ in found}
        for found in terms
    ]


def moved(polynomial: Polynomial, matrix: Sequence[Sequence[Fraction]]) -> Polynomial:
    """The polynomial at A w instead of w, expanded exactly.

    Examples
    --------
    >>> moved({(1, 1): Fraction(1)}, [[1, 1], [1, -1]])  # (x + y)(x - y)
    {(2, 0): Fraction(1, 1), (0, 2): Fraction(-1, 1)}
    """
    d = len(matrix)
    forms = [
        {tuple(int(k == i) for k in range(d)): Fraction(row[i]) for i in range(d) if row[i]}
        for row in matrix
    ]
    result: defaultdict[tuple[int, ...], Fraction] = defaultdict(Fraction)
    for exponents, coefficient in polynomial.items():
        product: Polynomial = {(0,) * d: coefficient}
        for form, power in zip(forms, exponents, strict=True):
            for _ in range(power):
                product = multiplied(product, form)
        for key, value in product.items():
            result[key] += value
    return {key: value for key, value in result.items() if value}


def multiplied(one: Polynomial, other: Polynomial) -> Polynomial:
    """The product of two polynomials in the same variables."""
    result: defaultdict[tuple[int, ...], Fraction] = defaultdict(Fraction)
    for left, a in one.items():
        for right, b in other.items():
            result[tuple(i + k for i, k in zip(left, right, strict=True))] += a * b
    return result


def model_of(
    outputs: Sequence[Polynomial], *, n_regular: int = 0, n_idle: int = 0
) -> CompiledModel:
    """The model with these outputs and targets 0.

    Parameters
    ----------
    outputs : sequence of Polynomial
    n_regular : int, default 0
        Further parameters, each an output of its own.
    n_idle : int, default 0
        Further parameters on which nothing depends.
    """
    d = len(next(iter(outputs[0])))
    exponents = sorted({key for output in outputs for key in output})
    n_monomials = len(exponents)
    powers = np.zeros((n_monomials + n_regular, d + n_regular + n_idle), dtype=np.int64)
    powers[:n_monomials, :d] = exponents
    powers[n_monomials:, d : d + n_regular] = np.eye(n_regular, dtype=np.int64)
    features = np.zeros((len(outputs) + n_regular, n_monomials + n_regular))
    for row, output in enumerate(outputs):
        features[row, :n_monomials] = [float(output.get(key, 0)) for key in exponents]
    features[len(outputs) :, n_monomials:] = np.eye(n_regular)
    return polynomial_model(powers, features)
