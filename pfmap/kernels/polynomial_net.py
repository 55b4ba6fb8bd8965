"""Outputs and gradients of the polynomial nets of two parameters, layer by layer.

f = W s(W s(… W x)),    W = [[t1 + t2, t1²], [t1², t2²]],    s(z) = z^r,    K = 1/(2J) Σ_j f_j²

over both outputs at every point, J of them. Written out in powers of t1 and t2 the outputs would
cancel along t1 + t2 = 0 and have thousands of terms; here only t1 + t2 is a difference, and it is
right to its last bit.

ints = [outputs J, depth, r]
floats = points, two coordinates each
"""

from __future__ import annotations

from ._jit import jit
from .polynomial import integer_power

N_KEPT = 4
"""Numbers kept of a layer at a point: what enters its matrix, and the slopes of s above it."""


@jit(inline=True)
def net_scratch(ints):
    """Floats of working memory: outputs, and what is kept of every layer at every point."""
    return ints[0] + N_KEPT * ints[1] * (ints[0] // 2)


@jit
def net_outputs(ints, floats, weights, scratch, outputs):
    """Set `outputs` in the layout [point, output]; what gradients need stays in `scratch`."""
    n_outputs, depth, degree = ints[0], ints[1], ints[2]
    first, second = weights[0], weights[1]
    w00, w01, w11 = first + second, first * first, second * second
    for point in range(n_outputs // 2):
        x0, x1 = floats[2 * point], floats[2 * point + 1]
        for layer in range(depth):
            place = n_outputs + N_KEPT * (point * depth + layer)
            scratch[place], scratch[place + 1] = x0, x1
            x0, x1 = w00 * x0 + w01 * x1, w01 * x0 + w11 * x1
            if layer < depth - 1:
                power0, power1 = integer_power(x0, degree - 1), integer_power(x1, degree - 1)
                scratch[place + 2], scratch[place + 3] = degree * power0, degree * power1
                x0, x1 = power0 * x0, power1 * x1
        outputs[2 * point], outputs[2 * point + 1] = x0, x1


@jit
def add_point_gradient(ints, weights, scratch, point, delta0, delta1, gradient):
    """Add the gradient of delta0 f_0 + delta1 f_1 at one point to `gradient`."""
    n_outputs, depth = ints[0], ints[1]
    first, second = weights[0], weights[1]
    w00, w01, w11 = first + second, first * first, second * second
    for layer in range(depth - 1, -1, -1):
        place = n_outputs + N_KEPT * (point * depth + layer)
        x0, x1 = scratch[place], scratch[place + 1]
        corner = delta0 * x0
        gradient[0] += corner + 2.0 * first * (delta0 * x1 + delta1 * x0)
        gradient[1] += corner + 2.0 * second * delta1 * x1
        if layer > 0:
            slopes = scratch[place - N_KEPT + 2 : place]
            delta0, delta1 = (
                (w00 * delta0 + w01 * delta1) * slopes[0],
                (w01 * delta0 + w11 * delta1) * slopes[1],
            )


@jit
def net_pull_back(ints, weights, cotangent, gradient, scratch):
    """Set `gradient` to Jᵀ c, J the derivatives of the outputs and c the `cotangent`."""
    gradient[0] = gradient[1] = 0.0
    for point in range(ints[0] // 2):
        delta0, delta1 = cotangent[2 * point], cotangent[2 * point + 1]
        add_point_gradient(ints, weights, scratch, point, delta0, delta1, gradient)


@jit
def net_loss_gradient(ints, floats, targets, weights, gradient, scratch):
    """Return the loss K and set `gradient` to its gradient."""
    n_outputs = ints[0]
    outputs = scratch[:n_outputs]
    net_outputs(ints, floats, weights, scratch, outputs)
    loss = 0.0
    for j in range(n_outputs):
        residual = outputs[j] - targets[j]
        loss += residual * residual
        outputs[j] = residual / n_outputs
    net_pull_back(ints, weights, outputs, gradient, scratch)
    return 0.5 * loss / n_outputs


@jit
def net_jacobian(ints, weights, scratch, jacobian):
    """Set ``jacobian[j]`` to the gradient of output j, after `net_outputs`."""
    for j in range(ints[0]):
        jacobian[j, 0] = jacobian[j, 1] = 0.0
        first = 1.0 - j % 2
        add_point_gradient(ints, weights, scratch, j // 2, first, 1.0 - first, jacobian[j])
