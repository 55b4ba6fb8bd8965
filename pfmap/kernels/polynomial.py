"""Outputs, loss and gradient of models whose outputs are linear in monomials of the parameters.

output[p] = Σ_j feature[p, j] Π_i w_i^a[j, i],    K = 1/(2P) Σ_p (output[p] - target[p])²

ints = [outputs P, monomials J, parameters d, starts of the monomials' factors (J + 1), variable i
of every factor, exponent a > 0 of every factor]: factors w_i^0 take no time.
floats = features row by row
"""

from __future__ import annotations

from ._jit import jit

FIRST_START = 3


@jit(inline=True)
def polynomial_scratch(ints):
    """Floats of working memory: outputs, monomials, w_i^(a - 1) and products of factors below."""
    return ints[0] + ints[1] + ints[FIRST_START + ints[1]] + ints[2] + 1


@jit(inline=True)
def factor_places(ints):
    """Where in `ints` the variables and the exponents of the factors begin, and their number.

    Places in one array, since every slice takes as long as a product or two.
    """
    variables = FIRST_START + ints[1] + 1
    n_factors = ints[variables - 1]
    return variables, variables + n_factors, n_factors


@jit(inline=True)
def integer_power(x, exponent):
    """x^exponent by multiplication, exponent >= 0."""
    result = 1.0
    for _ in range(exponent):
        result *= x
    return result


@jit(inline=True)
def polynomial_outputs(ints, floats, weights, scratch, outputs):
    """Set `outputs`; w_i^(a - 1) of the factors stays in ``scratch[P + J:]``."""
    n_outputs, n_monomials = ints[0], ints[1]
    variables, exponents, _ = factor_places(ints)
    lower = n_outputs + n_monomials
    for j in range(n_monomials):
        product = 1.0
        for k in range(ints[FIRST_START + j], ints[FIRST_START + j + 1]):
            w = weights[ints[variables + k]]
            scratch[lower + k] = integer_power(w, ints[exponents + k] - 1)
            product *= scratch[lower + k] * w
        scratch[n_outputs + j] = product
    for p in range(n_outputs):
        result = 0.0
        for j in range(n_monomials):
            result += floats[p * n_monomials + j] * scratch[n_outputs + j]
        outputs[p] = result


@jit(inline=True)
def add_monomial_gradient(ints, j, factor, weights, scratch, gradient):
    """Add ``factor`` times the gradient of monomial j to `gradient`.

    Products of the factors below and above each one are kept apart: dividing by w_i would fail
    at w_i = 0, where the singularities are.
    """
    variables, exponents, n_factors = factor_places(ints)
    first, last = ints[FIRST_START + j], ints[FIRST_START + j + 1]
    lower = ints[0] + ints[1]
    prefix = lower + n_factors - first
    below = 1.0
    for k in range(first, last):
        scratch[prefix + k] = below
        below *= scratch[lower + k] * weights[ints[variables + k]]
    suffix = factor
    for k in range(last - 1, first - 1, -1):
        i = ints[variables + k]
        gradient[i] += scratch[prefix + k] * suffix * ints[exponents + k] * scratch[lower + k]
        suffix *= scratch[lower + k] * weights[i]


@jit(inline=True)
def polynomial_pull_back(ints, floats, weights, cotangent, divisor, gradient, scratch):
    """Set `gradient` to Jᵀ c / `divisor`, J the derivatives of the outputs, c the `cotangent`.

    `scratch` comes from `polynomial_outputs` at the same weights.
    """
    n_outputs, n_monomials, n_parameters = ints[0], ints[1], ints[2]
    for i in range(n_parameters):
        gradient[i] = 0.0
    for j in range(n_monomials):
        factor = 0.0
        for p in range(n_outputs):
            factor += floats[p * n_monomials + j] * cotangent[p]
        add_monomial_gradient(ints, j, factor / divisor, weights, scratch, gradient)


@jit
def polynomial_loss_gradient(ints, floats, targets, weights, gradient, scratch):
    """Return the loss K and set `gradient` to its gradient."""
    n_outputs = ints[0]
    outputs = scratch[:n_outputs]
    polynomial_outputs(ints, floats, weights, scratch, outputs)
    loss = 0.0
    for p in range(n_outputs):
        outputs[p] -= targets[p]
        loss += outputs[p] * outputs[p]
    polynomial_pull_back(ints, floats, weights, outputs, n_outputs, gradient, scratch)
    return 0.5 * loss / n_outputs


@jit
def polynomial_jacobian(ints, floats, weights, scratch, jacobian):
    """Set ``jacobian[p]`` to the gradient of output p; `scratch` as in `polynomial_pull_back`."""
    n_outputs, n_monomials, n_parameters = ints[0], ints[1], ints[2]
    for p in range(n_outputs):
        for i in range(n_parameters):
            jacobian[p, i] = 0.0
    for j in range(n_monomials):
        for p in range(n_outputs):
            factor = floats[p * n_monomials + j]
            if factor != 0.0:
                add_monomial_gradient(ints, j, factor, weights, scratch, jacobian[p])
