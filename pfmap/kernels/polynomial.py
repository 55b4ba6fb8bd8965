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
    """Floats of working memory: outputs, monomials, and products of the factors up to each one."""
    return ints[0] + ints[1] + ints[2] + 1


@jit(inline=True)
def factor_lists(ints):
    """Starts (J + 1), variables and exponents of the factors."""
    first = FIRST_START + ints[1] + 1
    n_factors = ints[first - 1]
    return ints[FIRST_START:first], ints[first : first + n_factors], ints[first + n_factors :]


@jit(inline=True)
def integer_power(x, exponent):
    """x^exponent by multiplication, exponent >= 0."""
    result = 1.0
    for _ in range(exponent):
        result *= x
    return result


@jit
def polynomial_outputs(ints, floats, weights, scratch, outputs):
    """Set `outputs`; the monomials stay in ``scratch[P : P + J]``."""
    n_outputs, n_monomials = ints[0], ints[1]
    starts, variables, exponents = factor_lists(ints)
    monomials = scratch[n_outputs : n_outputs + n_monomials]
    for j in range(n_monomials):
        product = 1.0
        for k in range(starts[j], starts[j + 1]):
            product *= integer_power(weights[variables[k]], exponents[k])
        monomials[j] = product
    for p in range(n_outputs):
        result = 0.0
        for j in range(n_monomials):
            result += floats[p * n_monomials + j] * monomials[j]
        outputs[p] = result


@jit(inline=True)
def add_monomial_gradient(ints, first, last, factor, weights, prefix, gradient):
    """Add ``factor`` times the gradient of the product of the factors from `first` to `gradient`.

    Products of the factors below and above each one are kept apart: dividing by w_i would fail
    at w_i = 0, where the singularities are.
    """
    _, variables, exponents = factor_lists(ints)
    below = 1.0
    for k in range(first, last):
        prefix[k - first] = below
        below *= integer_power(weights[variables[k]], exponents[k])
    suffix = factor
    for k in range(last - 1, first - 1, -1):
        i, exponent = variables[k], exponents[k]
        lower = integer_power(weights[i], exponent - 1)
        gradient[i] += prefix[k - first] * suffix * exponent * lower
        suffix *= lower * weights[i]


@jit
def polynomial_pull_back(ints, floats, weights, cotangent, divisor, gradient, scratch):
    """Set `gradient` to Jᵀ c / `divisor`, J the derivatives of the outputs, c the `cotangent`."""
    n_outputs, n_monomials, n_parameters = ints[0], ints[1], ints[2]
    for i in range(n_parameters):
        gradient[i] = 0.0
    starts = factor_lists(ints)[0]
    prefix = scratch[n_outputs + n_monomials :]
    for j in range(n_monomials):
        factor = 0.0
        for p in range(n_outputs):
            factor += floats[p * n_monomials + j] * cotangent[p]
        add_monomial_gradient(
            ints, starts[j], starts[j + 1], factor / divisor, weights, prefix, gradient
        )


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
    """Set ``jacobian[p]`` to the gradient of output p."""
    n_outputs, n_monomials, n_parameters = ints[0], ints[1], ints[2]
    for p in range(n_outputs):
        for i in range(n_parameters):
            jacobian[p, i] = 0.0
    starts = factor_lists(ints)[0]
    prefix = scratch[n_outputs + n_monomials :]
    for j in range(n_monomials):
        for p in range(n_outputs):
            factor = floats[p * n_monomials + j]
            if factor != 0.0:
                add_monomial_gradient(
                    ints, starts[j], starts[j + 1], factor, weights, prefix, jacobian[p]
                )
