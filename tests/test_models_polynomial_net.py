"""Polynomial nets of two parameters: right to rounding however small, and λ where it is known."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pfmap.calibration.known import NET_POINTS
from pfmap.llc.exact.bounds import exact_llc
from pfmap.llc.exact.finite_jacobian import model_jacobian, model_size
from pfmap.llc.ladder.estimate import estimate_llc_ladder
from pfmap.models.polynomial_net import polynomial_net_model

NETS = [(1, 2), (3, 3), (4, 3), (3, 4), (4, 4), (3, 5), (4, 5)]


def outputs(depth, degree, points, t1, t2):
    """By the definition, in the numbers that are given, in the layout [point, output]."""
    found = []
    for x0, x1 in points:
        for layer in range(depth):
            if layer:
                x0, x1 = x0**degree, x1**degree  # noqa: PLW2901
            x0, x1 = (t1 + t2) * x0 + t1 * t1 * x1, t1 * t1 * x0 + t2 * t2 * x1  # noqa: PLW2901
        found += [x0, x1]
    return found


def exactly(depth, degree, t1, t2):
    """K and its gradient in fractions, the gradient by dual numbers."""
    points = [[Fraction(float(x)) for x in point] for point in NET_POINTS]
    first, second = Fraction(t1), Fraction(t2)
    values = outputs(depth, degree, points, first, second)
    loss = sum(f * f for f in values) / (2 * len(values))
    slopes = []
    for along in ((1, 0), (0, 1)):
        moved = [Dual(first, along[0]), Dual(second, along[1])]
        duals = outputs(depth, degree, [[Dual(x) for x in point] for point in points], *moved)
        slopes.append(sum(d.value * d.slope for d in duals) / len(duals))
    return float(loss), [float(slope) for slope in slopes]


class Dual:
    def __init__(self, value, slope=0):
        self.value, self.slope = value, Fraction(slope)

    def __add__(self, other):
        return Dual(self.value + other.value, self.slope + other.slope)

    def __mul__(self, other):
        return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)

    def __pow__(self, n):
        return Dual(self.value**n, n * self.value ** (n - 1) * self.slope)


@pytest.mark.parametrize(("depth", "degree"), NETS)
@pytest.mark.parametrize(
    "place", [(0.3, 0.4), (0.5, -0.5 + 1e-12), (-0.4, 0.4 - 1e-9), (0.45, -0.2475), (1e-3, 0.4)]
)
def test_loss_and_gradient_are_right_to_rounding(depth, degree, place):
    """Along t1 + t2 = 0 and t1 + t2 = t1² too, down to 1e-320. Control: t1 off by 1e-8 of it."""
    model = polynomial_net_model(depth, NET_POINTS, degree)
    loss, gradient = exactly(depth, degree, *place)
    found, slopes = model.loss_gradient(np.array(place))
    limit = 3e-14 * degree ** (depth - 1)
    assert abs(found - loss) <= limit * loss + 1e-320
    assert np.abs(slopes - gradient).max() <= limit * np.abs(gradient).max() + 1e-320
    off, _ = exactly(depth, degree, place[0] * (1 + 1e-8), place[1])
    assert loss < 1e-300 or abs(off - loss) > limit * loss


@pytest.mark.parametrize(("depth", "degree"), NETS)
def test_jacobian(depth, degree):
    model, weights = polynomial_net_model(depth, NET_POINTS, degree), np.array([0.8, -0.3])
    columns = []
    for step in ([1e-30j, 0], [0, 1e-30j]):
        columns.append(np.imag(outputs(depth, degree, NET_POINTS, *(weights + step))) / 1e-30)
    jacobian = np.array(columns).T
    assert model.jacobian(weights) == pytest.approx(jacobian, rel=1e-12)
    assert model.jacobian(weights).T @ model.outputs(weights) / 6 == pytest.approx(
        model.gradient(weights), rel=1e-12
    )


def test_jacobian_modulo_a_prime():
    """At integers, where it is an integer."""
    model, prime = polynomial_net_model(3, [[1, 0], [2, 5], [1, -1]], 2), 2**31 - 1
    found = model_jacobian(model, np.array([1.0, 2.0]), prime)
    expected = model.jacobian(np.array([1.0, 2.0]))
    assert np.abs(expected).max() < 2**53
    assert np.array_equal(found, expected.astype(np.int64) % prime)
    assert model_size(model).log2_terms >= np.log2(np.abs(expected).max() / 7**5)


@pytest.mark.parametrize(("depth", "degree"), [(2, 2), (4, 5)])
def test_the_coefficient_at_0_is_known(depth, degree):
    found = exact_llc(polynomial_net_model(depth, NET_POINTS, degree), np.zeros(2))
    llc = Fraction(3, 4 * sum(degree**layer for layer in range(depth)))
    assert (found.llc, found.multiplicity) == (llc, 1)
    on_a_line = polynomial_net_model(depth, [[1.0, -1.0], [2.0, -2.0]], degree)
    assert exact_llc(on_a_line, np.zeros(2)).llc is None


def test_a_loss_below_the_range_of_float64_is_no_plateau():
    """K > 0 off the origin, and 0 in float64 where |w| is a few hundredths."""
    model = polynomial_net_model(4, NET_POINTS, 5)
    assert model.loss(np.array([0.02, 0.03])) == 0.0
    small = estimate_llc_ladder(model, np.zeros(2), radius=0.1, use_exact=False)
    assert small.verdict == "underflow"
    assert np.isnan(small.llc)
    wide = estimate_llc_ladder(model, np.zeros(2), max_steps=1000, use_exact=False)
    assert wide.verdict != "ok"
    assert wide.low <= 1 / 208 <= wide.high
