"""Linear algebra modulo a prime of 31 bits: residues, products, powers, ranks."""

from __future__ import annotations

import math

import numpy as np

from pfmap.arguments import checked_integer

N_PRIMES = 5e7
"""Primes between 2^30 and 2^31; there are 50,697,537."""

_BLOCK = 48
"""Columns eliminated at a time; what is right of them follows by one product."""


def random_primes(seed: int, count: int = 2) -> tuple[int, ...]:
    """Distinct primes between 2^30 and 2^31, each as likely as any other.

    Examples
    --------
    >>> primes = random_primes(1)
    >>> len(set(primes)), all(2**30 < prime < 2**31 for prime in primes)
    (2, True)
    """
    rng = np.random.default_rng([checked_integer("seed", seed, least=0), count])
    divisors = _primes_below(math.isqrt(2**31) + 1)
    found: list[int] = []
    while len(found) < count:
        number = int(rng.integers(2**30, 2**31))
        if (number % divisors).all() and number not in found:
            found.append(number)
    return tuple(found)


def _primes_below(limit: int) -> np.ndarray:
    sieve = np.ones(limit, dtype=bool)
    sieve[:2] = False
    for number in range(2, math.isqrt(limit) + 1):
        if sieve[number]:
            sieve[number * number :: number] = False
    return np.flatnonzero(sieve)


def residues(values: np.ndarray, prime: int) -> np.ndarray:
    """Finite float64 numbers, which are fractions m·2^e, or integers, modulo an odd prime.

    Parameters
    ----------
    values : ndarray of float64 or of int64
        Finite.
    prime : int

    Returns
    -------
    ndarray of int64, of the same shape
        Between 0 and prime - 1.

    Examples
    --------
    >>> residues(np.array([0.5, -1.0, 3.0]), 7).tolist()  # 2·4 = 1 modulo 7
    [4, 6, 3]
    """
    numbers = np.asarray(values)
    if np.issubdtype(numbers.dtype, np.integer):
        return numbers.astype(np.int64) % prime
    share, exponent = np.frexp(numbers)
    mantissa = np.ldexp(share, 53).astype(np.int64) % prime
    exponents, place = np.unique(exponent, return_inverse=True)
    powers = np.array([pow(2, int(e) - 53, prime) for e in exponents], dtype=np.int64)
    return mantissa * powers[place].reshape(numbers.shape) % prime


def product_modulo(left: np.ndarray, right: np.ndarray, prime: int) -> np.ndarray:
    """Matrix product of residues, by exact products of their halves in floating point.

    Halves have 16 bits, so that sums of up to 2^20 products stay below 2^53.

    Examples
    --------
    >>> product_modulo(np.array([[3, 4]]), np.array([[5], [6]]), 7).tolist()
    [[4]]
    """
    (left_high, left_low), (right_high, right_low) = (
        ((part >> 16).astype(np.float64), (part & 0xFFFF).astype(np.float64))
        for part in (left, right)
    )
    high = (left_high @ right_high).astype(np.int64) % prime
    cross = (left_high @ right_low + left_low @ right_high).astype(np.int64) % prime
    low = (left_low @ right_low).astype(np.int64)
    return (((high << 16) + cross) % prime * 65536 + low) % prime


def power_modulo(values: np.ndarray, exponent: int, prime: int) -> np.ndarray:
    """Residues to the power `exponent` >= 0, by repeated squaring; 0^0 = 1.

    Examples
    --------
    >>> power_modulo(np.array([0, 2, 3]), 5, 7).tolist()
    [0, 4, 5]
    """
    result = np.ones_like(values)
    while exponent:
        if exponent & 1:
            result = result * values % prime
        values = values * values % prime
        exponent >>= 1
    return result


def rank_modulo(matrix: np.ndarray, prime: int) -> int:
    """Rank of a matrix of residues.

    Columns are eliminated a block at a time: pivots are found in the block alone, and what is right
    of it loses F times the pivots' rows, F = (rows left on the pivots' columns)·(pivots' block)⁻¹.

    Parameters
    ----------
    matrix : ndarray of int64, shape (rows, columns)
        Residues modulo `prime`.
    prime : int
        Below 2^31.

    Examples
    --------
    >>> rank_modulo(np.array([[1, 2], [2, 4], [3, 6]]), 7)
    1
    """
    left = np.asarray(matrix, dtype=np.int64)
    left = left if left.shape[0] >= left.shape[1] else left.T
    rank = 0
    while left.size:
        block, right = left[:, :_BLOCK], left[:, _BLOCK:]
        rows, columns = _pivots(block.copy(), prime)
        rest = np.delete(np.arange(len(left)), rows)
        rank += len(rows)
        if len(rows):
            inverse = _inverse(block[np.ix_(rows, columns)], prime)
            factors = product_modulo(block[np.ix_(rest, columns)], inverse, prime)
            left = (right[rest] - product_modulo(factors, right[rows], prime)) % prime
        else:
            left = right
    return rank


def _pivots(block: np.ndarray, prime: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pivots; eliminates `block` in place."""
    free = np.ones(len(block), dtype=bool)
    rows: list[int] = []
    columns: list[int] = []
    for column in range(block.shape[1]):
        candidates = np.flatnonzero(free & (block[:, column] != 0))
        if not len(candidates):
            continue
        pivot, below = int(candidates[0]), candidates[1:]
        scale = pow(int(block[pivot, column]), -1, prime)
        factors = block[below, column] * scale % prime
        block[below, column:] -= factors[:, None] * block[pivot, column:] % prime
        block[below, column:] %= prime
        free[pivot] = False
        rows.append(pivot)
        columns.append(column)
    return np.array(rows, dtype=np.intp), np.array(columns, dtype=np.intp)


def _inverse(matrix: np.ndarray, prime: int) -> np.ndarray:
    """Inverse of an invertible matrix of residues, by Gauss and Jordan."""
    n = len(matrix)
    joined = np.hstack([matrix, np.eye(n, dtype=np.int64)])
    for column in range(n):
        pivot = column + int(np.flatnonzero(joined[column:, column])[0])
        joined[[column, pivot]] = joined[[pivot, column]]
        joined[column] = joined[column] * pow(int(joined[column, column]), -1, prime) % prime
        factors = joined[:, column].copy()
        factors[column] = 0
        joined = (joined - factors[:, None] * joined[column] % prime) % prime
    return joined[:, n:]
