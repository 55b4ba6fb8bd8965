"""Ranks of Jacobians of polynomial models over the rational numbers, from two random primes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np

from pfmap.arguments import checked_integer, checked_integers
from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.llc.exact.finite_field import N_PRIMES, random_primes, rank_modulo, residues
from pfmap.llc.exact.finite_jacobian import (
    Layers,
    Size,
    model_jacobian,
    model_size,
    network_jacobian,
    network_size,
)
from pfmap.models.base import CompiledModel
from pfmap.models.network import is_polynomial, parameter_count

LARGEST = 5_000
"""Parameters up to which a generic rank is a matter of minutes."""

MAX_WORK = 5e8
"""Rows × columns × the smaller of both, up to which a Jacobian's rank is a matter of seconds."""

HALF_RANGE = 2**30
"""Random weights and inputs are integers from minus this to this."""


@dataclass(frozen=True, repr=False)
class FiniteRank(Displayed):
    """Rank of a matrix of rational numbers, the larger of its ranks modulo two primes.

    A rank modulo a prime never exceeds the rank over the rational numbers, and falls short of it
    only if the prime divides every minor of that size.

    Attributes
    ----------
    rank : int
    primes : tuple of int
        Drawn from those between 2^30 and 2^31.
    ranks : tuple of int
        Rank modulo each.
    shape : tuple of int
        Rows and columns.
    log2_error : float
        log2 of a bound on the probability, over the draws of primes (and of weights and inputs),
        that the rank is larger.
    """

    rank: int
    primes: tuple[int, ...]
    ranks: tuple[int, ...]
    shape: tuple[int, int]
    log2_error: float


def jacobian_rank_exactly(
    model: CompiledModel, weights: np.ndarray, *, seed: SupportsIndex = 1
) -> FiniteRank | None:
    """Rank over the rational numbers of a polynomial model's Jacobian at float64 weights.

    Weights, points and features are the fractions m·2^e that they are in float64, so rounding plays
    no part: the rank is that at exactly these weights.

    Parameters
    ----------
    model : CompiledModel
    weights : ndarray, shape (d,)
        Finite.
    seed : int, default 1
        Of the primes.

    Returns
    -------
    FiniteRank or None
        None where the outputs are no polynomials of the parameters, or there are too many of both:
        outputs × parameters × the smaller of them above 5·10^8.

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> model = polynomial_model([[1, 1], [2, 2]])  # w1 w2 and its square
    >>> jacobian_rank_exactly(model, np.array([1.0, 1e-9])).rank
    1
    """
    sides = (len(model.targets), model.n_parameters)
    if not is_polynomial(model) or math.prod(sides) * min(sides) > MAX_WORK:
        return None
    numbers = model.check_weights(weights)
    if not np.isfinite(numbers).all():
        return None
    primes = random_primes(checked_integer("seed", seed, least=0))
    jacobians = [model_jacobian(model, numbers, prime) for prime in primes]
    bits = max(_bits(numbers), _bits(model.floats))
    return _ranked(jacobians, primes, model_size(model), bits)


def has_generic_rank(model: CompiledModel, found: FiniteRank) -> bool:
    """Whether the rank at w* is the largest that the model has anywhere.

    Then it is constant around w*: the outputs map a neighbourhood onto a manifold of that
    dimension, K is within constant factors of a sum of as many squares, and λ = rank/2, m = 1. The
    largest rank is that at random integers, but for a probability as in `FiniteRank`.

    Parameters
    ----------
    model : CompiledModel
        A polynomial one.
    found : FiniteRank
        From `jacobian_rank_exactly` at w*.

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> model = polynomial_model([[1, 1], [2, 2]])  # w1 w2 and its square
    >>> for w in ([1.0, 2.0], [0.0, 0.0]):
    ...     print(has_generic_rank(model, jacobian_rank_exactly(model, np.array(w))))
    True
    False
    """
    rng = np.random.default_rng(found.primes)
    place = rng.integers(-HALF_RANGE, HALF_RANGE, size=model.n_parameters)
    prime = found.primes[0]
    return found.rank >= rank_modulo(model_jacobian(model, place, prime), prime)


def generic_network_rank(
    widths: Sequence[SupportsIndex],
    *,
    degree: SupportsIndex,
    weights: np.ndarray | None = None,
    seed: SupportsIndex = 1,
) -> FiniteRank:
    """Rank of the map from the parameters of a network with activation x^r to its function.

    Hidden units are x^r, output units linear, and there are no biases. Rows are the outputs at
    d + 10 random points, more than enough to tell all functions of the network apart, so the rank
    is the dimension of its space of functions around the weights. Each hidden unit has a rescaling
    that changes no output, so the rank is at most d minus the number of hidden units.

    Parameters
    ----------
    widths : sequence of int
        Units of every layer, inputs first, at least two of them.
    degree : int
        r, at least 1; 1 is a linear network.
    weights : ndarray, shape (d,), optional
        Where; None draws integers from -2^30 to 2^30, which gives the generic rank.
    seed : int, default 1
        Of primes, points, and weights.

    Returns
    -------
    FiniteRank

    Raises
    ------
    SettingsError
        If an argument breaks a rule, or d is above 5,000.

    References
    ----------
    J. T. Schwartz, Fast probabilistic algorithms for verification of polynomial identities,
    Journal of the ACM 27 (1980) 701-717.

    Examples
    --------
    >>> generic_network_rank((2, 3, 3, 1), degree=5).rank  # d = 18, 6 hidden units
    12
    """
    shape = checked_integers("widths", widths, least=1, next_step="give them as (2, 3, 1)")
    power = checked_integer("degree", degree, least=1, most=64)
    if len(shape) < 2:
        raise SettingsError(
            f"widths: must hold at least inputs and outputs, got {list(shape)}",
            next_step="give them as (2, 3, 1)",
        )
    layers = Layers(shape, (power,) * (len(shape) - 2) + (1,), bias=False)
    d = parameter_count(shape, False)
    if d > LARGEST:
        raise SettingsError(
            f"widths: must have at most {LARGEST} parameters, got {d}",
            next_step="take a smaller network: the cost grows like the cube of its parameters",
        )
    number = checked_integer("seed", seed, least=0)
    primes = random_primes(number)
    rng = np.random.default_rng([number, *shape])
    points = rng.integers(-HALF_RANGE, HALF_RANGE, size=(shape[0], -(-(d + 10) // shape[-1])))
    if weights is None:
        place = rng.integers(-HALF_RANGE, HALF_RANGE, size=d)
    else:
        place = np.asarray(weights)
        if place.shape != (d,) or not np.isfinite(place.astype(np.float64)).all():
            raise SettingsError(
                f"weights: must be {d} finite numbers, got shape {place.shape}",
                next_step="give one for every parameter, without biases",
            )
    jacobians = [
        network_jacobian(layers, residues(place, prime), residues(points, prime), prime)
        for prime in primes
    ]
    bits = max(_bits(place), math.log2(HALF_RANGE))
    return _ranked(jacobians, primes, network_size(layers), bits, random_range=2 * HALF_RANGE)


def _ranked(
    jacobians: list[np.ndarray],
    primes: tuple[int, ...],
    size: Size,
    bits: float,
    random_range: int | None = None,
) -> FiniteRank:
    """The rank, and how likely a larger one is.

    An entry of the Jacobian, times 2^(bits·degree), is an integer below 2^(bits·degree) times its
    coefficients; by Hadamard a minor of size ρ has at most ρ times as many bits, and ρ log2(ρ)/2.
    At most bits/30 primes of 30 bits or more divide it. Where numbers were drawn from a range, a
    minor that is not zero as a polynomial is zero there with probability at most its degree over
    the size of the range (Schwartz 1980).
    """
    ranks = tuple(
        rank_modulo(jacobian, prime) for jacobian, prime in zip(jacobians, primes, strict=True)
    )
    rho = min(max(ranks) + 1, *jacobians[0].shape)
    entry = 2.0 * bits * size.degree + size.log2_terms + math.log2(size.degree)
    minor = rho * (entry + 0.5 * math.log2(max(rho, 1)))
    error = min(1.0, minor / 30.0 / N_PRIMES) ** len(primes)
    if random_range is not None:
        error += rho * size.degree / random_range
    if max(ranks) == min(jacobians[0].shape):
        error = 0.0
    log2_error = math.log2(min(error, 1.0)) if error else -math.inf
    return FiniteRank(max(ranks), primes, ranks, jacobians[0].shape, log2_error)


def _bits(values: np.ndarray) -> float:
    """Bits of the numerators and of the common denominator of float64 numbers or integers."""
    numbers = np.abs(np.asarray(values, dtype=np.float64))
    used = numbers[numbers > 0]
    if not len(used):
        return 1.0
    _, exponents = np.frexp(used)
    if np.issubdtype(np.asarray(values).dtype, np.integer):
        return float(max(exponents.max(), 1))
    # m·2^e with m of 53 bits: the lowest bit is at most 53 below the highest of the smallest.
    lowest = min(int(exponents.min()) - 53, 0)
    return float(max(int(exponents.max()), 0) - lowest)
