"""Cubes of the Boolean lattice and the prime implicants of a truth table (Quine, McCluskey).

A cube fixes some inputs and leaves the others free. Its index has one base-3 digit per input:
0 or 1 where the input is fixed (a literal), 2 where it is free.
"""

from __future__ import annotations

import numpy as np

from ._jit import jit

_ONE = np.uint64(1)


@jit(allocates=True)
def cube_tables(n):
    """Tables over all 3^n cubes of n inputs.

    Returns `step` int64 (3^n,): the power of 3 of a free input, 0 if none is free, so that
    c - 2 step and c - step are the halves of cube c; `literals` int64 (3^n,); and `masks` uint64
    (3^n, words): the points inside, point x at bit x % 64 of word x // 64.
    """
    n_cubes = 3**n
    n_words = max(1, (1 << n) // 64)
    step = np.zeros(n_cubes, np.int64)
    literals = np.zeros(n_cubes, np.int64)
    masks = np.zeros((n_cubes, n_words), np.uint64)
    for cube in range(n_cubes):
        rest, power, point = cube, 1, 0
        for place in range(n):
            digit = rest % 3
            rest //= 3
            if digit == 2:
                step[cube] = power
            else:
                literals[cube] += 1
                point |= digit << place
            power *= 3
        if step[cube] == 0:
            masks[cube, point // 64] = _ONE << np.uint64(point % 64)
        else:
            for word in range(n_words):
                masks[cube, word] = (
                    masks[cube - 2 * step[cube], word] | masks[cube - step[cube], word]
                )
    return step, literals, masks


@jit
def prime_implicants(bits, value, n, step, inside, primes):
    """Write the prime implicants of {x: f(x) = value} to `primes`; return how many there are.

    `bits` uint8 (2^n,); `step` from `cube_tables`; `inside` uint8 (3^n,) is work space that ends
    as 1 for the cubes on which f is `value` throughout; `primes` int64 (3^n,) receives cubes.
    """
    n_primes = 0
    for cube in range(inside.shape[0]):
        if step[cube] == 0:
            rest, point = cube, 0
            for place in range(n):
                point |= (rest % 3) << place
                rest //= 3
            inside[cube] = bits[point] == value
        else:
            inside[cube] = inside[cube - 2 * step[cube]] & inside[cube - step[cube]]
    for cube in range(inside.shape[0]):
        if inside[cube] == 0:
            continue
        rest, power = cube, 1
        prime = True
        for _ in range(n):
            digit = rest % 3
            rest //= 3
            if digit < 2 and inside[cube + (2 - digit) * power] == 1:
                prime = False
                break
            power *= 3
        if prime:
            primes[n_primes] = cube
            n_primes += 1
    return n_primes
