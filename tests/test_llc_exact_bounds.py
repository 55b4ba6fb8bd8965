"""Bounds on λ without chains: held against every known model, and against contradictions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pfmap.calibration.suites import default_suite, drawn_suite
from pfmap.llc.exact.bounds import exact_llc
from pfmap.llc.exact.local_polynomial import local_polynomials
from pfmap.llc.exact.newton import is_monomial
from pfmap.llc.exact.polyhedron import smallest_face
from pfmap.models.linear import deep_linear_model
from pfmap.models.network import network_model
from pfmap.models.own import OwnModel
from pfmap.models.polynomial import polynomial_model

SUITE = default_suite()


@pytest.mark.parametrize("known", SUITE, ids=[known.name for known in SUITE])
def test_bounds_hold_on_every_known_model(known):
    found = exact_llc(known.model, known.center)
    assert found.low <= known.exact.llc
    assert found.high is None or known.exact.llc <= found.high
    if found.llc is not None:
        assert found.llc == known.exact.llc
    if found.multiplicity is not None:
        assert found.multiplicity == known.exact.multiplicity
    assert all(str(found.llc if found.llc is not None else "") in text for text in found.sources)


def test_most_known_models_are_settled():
    settled = [known.family for known in SUITE if exact_llc(known.model, known.center).llc]
    assert len(settled) >= 44


def test_bounds_hold_on_drawn_models():
    for known in drawn_suite(11, 30):
        found = exact_llc(known.model, known.center)
        assert found.low <= known.exact.llc
        assert found.high is None or known.exact.llc <= found.high


def test_the_bound_of_a_random_monomial_ideal_has_a_dual():
    """λ = ½ min <w, 1> equals ½ max Σ y over Σ y_j a_j <= 1: weak duality from both sides."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        exponents = rng.integers(0, 4, size=(3, 3))
        exponents = exponents[exponents.any(axis=1)]
        found = exact_llc(polynomial_model(exponents), np.zeros(3))
        face = smallest_face([tuple(map(int, row)) for row in exponents], (1, 1, 1))
        assert found.llc == face.value / 2 == sum(face.combination) / 2 == sum(face.weights) / 2


def test_a_mixture_that_generates_its_monomials_is_settled():
    """Outputs x² + xy, xy + x³: by Nakayama the ideal of x² and xy, λ = 1/2."""
    powers = [[2, 0], [1, 1], [3, 0]]
    model = polynomial_model(powers, [[1.0, 1.0, 0.0], [0.0, 1.0, 5.0]])
    plain = exact_llc(polynomial_model([[2, 0], [1, 1]]), np.zeros(2))
    mixed = exact_llc(model, np.zeros(2))
    assert (mixed.llc, mixed.multiplicity) == (plain.llc, plain.multiplicity)


def test_what_is_not_monomial_is_bounded_only():
    """(x - y)²: the polyhedron of x², xy, y² says 1/2; the truth is 1/4, on a smooth line."""
    model = polynomial_model([[2, 0], [1, 1], [0, 2]], [[1.0, -2.0, 1.0]])
    found = exact_llc(model, np.zeros(2))
    assert not is_monomial(local_polynomials(model, np.zeros(2)).outputs)
    assert found.llc is None
    assert found.low <= Fraction(1, 4) <= found.high


def test_small_weights_are_no_rounding():
    """w1 w2 w3^10 where w3 = 0.01: its lowest coefficient is 1e-20, and is meant."""
    found = exact_llc(polynomial_model([[1, 1, 10]]), np.array([0.0, 0.0, 0.01]))
    assert (str(found.llc), found.multiplicity) == ("1/2", 2)


def test_the_rank_bounds_from_below_where_floats_lose_it():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(40, 2))
    model = network_model((2, 3, 3, 1), points, activation="monomial", degree=5, bias=False)
    weights = rng.normal(size=model.n_parameters)
    found = exact_llc(model.with_targets(model.outputs(weights)), weights)
    assert (found.llc, found.multiplicity) == (6, 1)  # the rank is the generic one, so constant
    assert found.rank.rank == 12
    # Negative control: two equal units, where the rank drops and λ is not settled by it.
    weights[2:4], weights[6:9] = weights[:2], 0.0
    drop = exact_llc(model.with_targets(model.outputs(weights)), weights)
    assert drop.rank.rank < 12
    assert drop.llc is None


def test_within_rounding_of_a_stratum_the_clear_rank_counts():
    """A factor of rank 1 up to 1e-17: exactly it has rank 2, and the clear rank is smaller."""
    model = deep_linear_model((2, 2, 2), np.zeros((2, 2)))
    weights = np.array([1.0, 0.0, 0.0, 1e-17, 0.0, 0.0, 0.0, 0.0])
    exact = exact_llc(model, np.array([1.0, 0, 0, 0, 0, 0, 0, 0]))
    near = exact_llc(model, weights)
    assert near.rank.rank == 4
    assert near.low <= exact.llc
    assert near.llc is None


def test_no_zero_of_the_loss_no_bounds():
    model = polynomial_model([[1, 1]], targets=[1.0])
    found = exact_llc(model, np.zeros(2))
    assert (found.low, found.high, found.sources) == (0, None, ())
    own = OwnModel(2, lambda w: 0.5 * float(w @ w), lambda w: w)
    assert exact_llc(own, np.zeros(2)).high is None


def test_a_kink_bounds_nothing_from_below():
    model = network_model((1, 1, 1), np.array([[1.0], [2.0]]), bias=False)
    found = exact_llc(model, np.array([0.0, 1.0]))  # λ = 0: dead for half of all weights
    assert found.low == 0


def test_a_loss_that_vanishes_everywhere_has_llc_0():
    model = polynomial_model([[1, 0], [1, 0]], [[1.0, -1.0]])
    found = exact_llc(model, np.zeros(2))
    assert (found.llc, found.multiplicity) == (0, 1)


SETTLED = [
    ("cusp x² - y³", [[2, 0], [0, 3]], [1, -1], "5/12", 1),
    ("A1: x² - y²", [[2, 0], [0, 2]], [1, -1], "1/2", 2),
    ("definite x² + y²", [[2, 0], [0, 2]], [1, 1], "1/2", 1),
    ("cone x² + y² - z²", [[2, 0, 0], [0, 2, 0], [0, 0, 2]], [1, 1, -1], "1/2", 1),
    ("|x|² of three", [[2, 0, 0], [0, 2, 0], [0, 0, 2]], [1, 1, 1], "3/4", 1),
    ("E8", [[2, 0, 0], [0, 3, 0], [0, 0, 5]], [1, 1, 1], "1/2", 1),
    ("x² + y³ + z⁷", [[2, 0, 0], [0, 3, 0], [0, 0, 7]], [1, 1, 1], "41/84", 1),
    ("Whitney umbrella", [[2, 0, 0], [0, 2, 1]], [1, -1], "1/2", 2),
    ("D4-: x²y - y³", [[2, 1], [0, 3]], [1, -1], "1/3", 1),
    (
        "(x² + y²)(x - y), no double root",
        [[3, 0], [2, 1], [1, 2], [0, 3]],
        [1, -1, 1, -1],
        "1/3",
        1,
    ),
]


@pytest.mark.parametrize(("name", "powers", "factors", "llc", "m"), SETTLED)
def test_nondegenerate_functions_are_settled(name, powers, factors, llc, m):
    found = exact_llc(polynomial_model(powers, [factors]), np.zeros(len(powers[0])))
    assert (str(found.llc), found.multiplicity) == (llc, m), name


@pytest.mark.parametrize("slope", [1.0, 1.0 / 3.0, 0.1, 2.0])
@pytest.mark.parametrize("power", [2, 3, 4])
def test_a_multiple_root_is_not_hidden_by_rounding(slope, power):
    """(x + s y)^k in coefficients of float64 is no power any more; λ is 1/(2k)."""
    factors = np.poly1d([1.0])
    for _ in range(power):
        factors *= np.poly1d([1.0, slope])
    powers = [[power - j, j] for j in range(power + 1)]
    found = exact_llc(polynomial_model(powers, [factors.coeffs]), np.zeros(2))
    assert found.llc is None
    assert found.low <= Fraction(1, 2 * power) <= found.high


def test_outputs_that_depend_on_each_other_up_to_rounding_settle_nothing():
    """x² + y²/3 twice, once in other numbers: as fractions they would generate x² and y²."""
    third, close = 1.0 / 3.0, np.nextafter(1.0 / 3.0, 1.0)
    model = polynomial_model([[4, 0], [1, 1]], [[1.0, third], [1.0, close]])
    found = exact_llc(model, np.zeros(2))
    assert found.llc is None


def area(sign, power, bound):
    """Area of |x² + sign y^power| < bound in the quarter x, y > 0, by quadrature over x."""
    x = np.geomspace(1e-12, 1.0, 400_001)
    # sign y^power lies between -x² - bound and -x² + bound.
    edges = np.sort([sign * (-(x**2) - bound), sign * (-(x**2) + bound)], axis=0)
    low, high = np.clip(edges, 0.0, 1.0) ** (1.0 / power)
    return np.trapezoid(high - low, x)


@pytest.mark.parametrize(("sign", "power"), [(-1, 3), (-1, 5), (1, 4), (1, 6)])
def test_settled_values_are_those_of_the_volume(sign, power):
    """V(t) of K = f²/2 with f = x² ± y^p: its slope in log t, far down, is λ."""
    small, large = area(sign, power, 1e-15), area(sign, power, 1e-13)
    slope = np.log(large / small) / (2.0 * np.log(100.0))
    found = exact_llc(polynomial_model([[2, 0], [0, power]], [[1, sign]]), np.zeros(2))
    assert slope == pytest.approx(float(found.llc), rel=0.02)
    # Negative control: a much larger power is told apart.
    other = exact_llc(polynomial_model([[2, 0], [0, power + 4]], [[1, sign]]), np.zeros(2))
    assert slope != pytest.approx(float(other.llc), rel=0.05)
