"""What known families say at w*: deep linear networks; tanh units and polynomial nets at 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pfmap.kernels.family import POLYNOMIAL_NET
from pfmap.kernels.gradient import FIRST_WIDTH
from pfmap.llc.exact.coefficient import LearningCoefficient
from pfmap.llc.exact.deep_linear import deep_linear_llc
from pfmap.llc.exact.finite_field import product_modulo, random_primes, rank_modulo, residues
from pfmap.llc.exact.polynomials import polynomial_net_llc
from pfmap.llc.exact.reduced_rank import local_two_layer_llc
from pfmap.llc.exact.units import tanh_llc
from pfmap.models.base import CompiledModel
from pfmap.models.network import unflatten


@dataclass(frozen=True)
class FamilyValue:
    """What a family says of λ at w*.

    Attributes
    ----------
    least : LearningCoefficient
        λ at w* is at least this one's.
    exact : bool
        Whether it is this one, and m too.
    """

    least: LearningCoefficient
    exact: bool


def family_value(model: CompiledModel, weights: np.ndarray) -> FamilyValue | None:
    """λ at w*, a zero of K, from a formula for the model's family; None where none is known.

    - Linear networks without biases on inputs that span their space: the value at the ranks of the
      factors for two layers of weights; for more, the least over the fibre, which it is where every
      factor has the rank of the product (up to a change of basis of the hidden layers w* is then
      `pfmap.models.linear.padded_identity`).
    - tanh units of one input and one output without biases at 0: `pfmap.llc.exact.tanh_llc`.
    - Polynomial nets of two parameters at 0, where their inputs span the plane:
      `pfmap.llc.exact.polynomial_net_llc`.

    Examples
    --------
    >>> from pfmap.models.linear import deep_linear_model
    >>> model = deep_linear_model((2, 2, 2), np.zeros((2, 2)))
    >>> print(family_value(model, np.zeros(8)).least)  # both factors 0
    λ = 3/2, m = 1
    >>> print(family_value(model, np.array([1.0, 0, 0, 1, 0, 0, 0, 0])).least)  # the first is 1
    λ = 2, m = 1
    """
    if model.family == POLYNOMIAL_NET:
        depth, degree = int(model.ints[1]), int(model.ints[2])
        if weights.any() or not _span(model.floats.reshape(-1, 2).T):
            return None
        return FamilyValue(polynomial_net_llc(depth, degree), exact=True)
    if not model.is_network or int(model.ints[2]):
        return None
    n_layers = int(model.ints[0])
    widths = tuple(int(n) for n in model.ints[FIRST_WIDTH : FIRST_WIDTH + n_layers + 1])
    points = model.floats.reshape(widths[0], model.n_points)
    if model.output_facts.pieces != "linear" or n_layers < 2:
        return None
    if model.hidden_facts.pieces == "linear":
        return _linear(widths, points, weights)
    one_dimensional = widths[0] == widths[-1] == 1 and n_layers == 2
    if model.hidden_facts.name == "tanh" and one_dimensional and not weights.any():
        sizes = np.unique(np.abs(points))
        if int((sizes > 0.0).sum()) >= widths[1]:
            return FamilyValue(tanh_llc(widths[1]), exact=True)
    return None


def _linear(widths: tuple[int, ...], points: np.ndarray, weights: np.ndarray) -> FamilyValue | None:
    (prime,) = random_primes(1, 1)
    if not _span(points):
        return None
    factors = [matrix for matrix, _ in unflatten(weights, widths, False)]
    ranks = []
    product = np.eye(widths[0], dtype=np.int64)
    for factor in factors:
        exact = residues(factor, prime)
        product = product_modulo(exact, product, prime)
        ranks.append(rank_modulo(exact, prime))
        if ranks[-1] != _clear_rank(factor):
            return None  # w* lies within rounding of factors of lower rank
    rank = rank_modulo(product, prime)
    if len(factors) == 2:
        n, h, m = widths
        a, b = ranks
        return FamilyValue(local_two_layer_llc(n, h, m, rank=rank, ranks=(a, b)), exact=True)
    return FamilyValue(deep_linear_llc(widths, rank=rank), exact=set(ranks) == {rank})


def _span(points: np.ndarray) -> bool:
    """Whether inputs, shape (inputs, points), span their space."""
    (prime,) = random_primes(1, 1)
    return rank_modulo(residues(points, prime), prime) == len(points)


def _clear_rank(matrix: np.ndarray) -> int:
    from pfmap.llc.singular import singular_values

    values = singular_values(matrix)
    if values is None or not len(values) or values[0] == 0.0:
        return 0
    return int((values > 1e-9 * values[0]).sum())
