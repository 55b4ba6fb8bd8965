"""The third suite: singularities that are no monomials, with exact λ and m.

Most are functions f with K = f²/2 that are homogeneous in weights of their own; the names A, D and
E are Arnold's. Their coefficients follow from `pfmap.llc.exact.quasi_homogeneous_llc`, those of
several outputs from a change of variables that stands beside them.
"""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np

from pfmap.calibration import known, singular
from pfmap.calibration.known import KnownModel
from pfmap.calibration.singular import CROSSING, quasi_homogeneous, turned
from pfmap.llc.exact import (
    LearningCoefficient,
    brieskorn_llc,
    independent_sum,
    monomial_llc,
    power_of_squares_llc,
    quasi_homogeneous_llc,
    regular_llc,
)

CUSP = brieskorn_llc([2, 3])

CURVES = (
    "x^2 - y^2",  # A1
    "x^2 - y^3", "x^2 - y^4", "x^2 - y^5", "x^2 - y^6", "x^2 + y^7",  # A2 … A6
    "x^2*y - y^3", "x^2*y + y^3", "x^2*y + y^4", "x^2*y - y^5",  # D4-, D4+, D5, D6
    "x^3 + y^4", "x^3 + x*y^3", "x^3 + y^5",  # E6, E7, E8
    "x^3 - y^6", "x^3 + y^7", "x^4 - y^4", "x^4 + y^5", "x^5 - y^7",
)  # fmt: skip

DEFINITE = ("x^2 + y^4", "x^2 + y^6", "x^4 + y^4", "x^2 + y^4 + z^4", "x^2 + y^2 + z^4")
"""Zero at the origin alone."""

SURFACES = (
    "x^2 + y^2 - z^2", "x^2 - y^2 + z^3", "x^2 + y^2*z - z^3",  # A1, A2, D4
    "x^2 + y^3 + z^4", "x^2 + y^3 + y*z^3", "x^2 + y^3 + z^5",  # E6, E7, E8
    "x^3 + y^3 + z^3", "x^2 - y^4 - z^4", "x^2 + y^3 + z^6",  # Σ = 1: m = 2
    "x^2 + y^3 + z^7", "x^2 + y^3 + z^8", "x^3 + y^3 + z^4", "x^2 + y^5 + z^5", "x^3 + y^4 + z^5",
    "x^4 + y^4 - z^4",
    "x^3 + y^3 + z^3 + w^3", "x^4 + y^4 - z^4 - w^4", "x^5 + y^5 + z^5 + w^5",
)  # fmt: skip


def singular_suite() -> list[KnownModel]:
    """The models of the third calibration, none of them a sum of squares of monomials."""
    models = [quasi_homogeneous(text, family="curve") for text in CURVES]
    models += [quasi_homogeneous(text, away=None, family="definite") for text in DEFINITE]
    models += [quasi_homogeneous(text, family="surface") for text in SURFACES]
    models += [*_turned(), *_beside_regular(), *_not_isolated(), *_determinants(), *_mixtures()]
    models += [singular.norm_power(n, k) for n, k in ((3, 1), (10, 1), (3, 2), (5, 2), (4, 3))]
    nets = ((4, 2), (2, 3), (3, 3), (2, 4), (2, 5), (4, 3), (3, 4), (4, 4), (3, 5), (4, 5))
    models += [known.polynomial_net(depth, known.NET_POINTS, degree) for depth, degree in nets]
    models += [_tanh_of_both_signs(n_hidden) for n_hidden in range(1, 10)]
    two_layers = (((3, 4, 3), 0), ((3, 3, 3), 0), ((2, 3, 4), 1))
    more_layers = (
        ((2, 2, 2, 2), 1), ((3, 3, 3, 3), 2), ((4, 4, 4, 4), 0),
        ((1, 1, 1, 1, 1), 0), ((2, 2, 2, 2, 2), 1), ((3, 3, 3, 3, 3), 0),
    )  # fmt: skip
    return [*models, *(known.deep_linear(*shape) for shape in (*two_layers, *more_layers))]


def _turned() -> list[KnownModel]:
    half = Fraction(1, 2)
    return [
        turned("x^2 - y^2", [1, 3 * half]),
        turned("x^2 - y^3", [2, half]),
        turned("x^3 + y^4", [1, 2]),
        turned("x^2*y + y^4", [half, 1]),
        turned("x^3 + y^3 + z^3", [1, half, 2]),
        turned("x^2 + y^3 + z^7", [1, 1, half]),
        turned("x^2 - y^2*z", [1, 2, 1], away=CROSSING),
    ]


def _beside_regular() -> list[KnownModel]:
    """Sums with regular parameters, apart from f or bent into it: z - g(x, y) replaces z."""
    cusp_and_one = independent_sum(CUSP, regular_llc(1))
    e7_and_one = independent_sum(
        quasi_homogeneous_llc([Fraction(1, 3), Fraction(2, 9)], away=singular.SMOOTH),
        regular_llc(1),
    )
    return [
        quasi_homogeneous("x^2 - y^3", family="with regular", n_regular=1),
        quasi_homogeneous("x^2 - y^3", family="with regular", n_regular=10),
        quasi_homogeneous("x^3 + y^5", family="with regular", n_regular=3),
        quasi_homogeneous("x^2 + y^3 + z^7", family="with regular", n_regular=20),
        quasi_homogeneous("x^3 + y^3 + z^3", family="with regular", n_regular=2),
        quasi_homogeneous("x^2 - y^3", family="with regular", n_idle=1),
        singular.outputs("x^2 - y^3, bent", ["z - x*y", "x^2 - y^3"], cusp_and_one,
                         family="with regular", next_pole=Fraction(1, 12)),
        singular.outputs("x^3 + x y^3, bent", ["z + x^2 + y^2", "x^3 + x*y^3"], e7_and_one,
                         family="with regular", next_pole=Fraction(2, 9)),
    ]  # fmt: skip


def _not_isolated() -> list[KnownModel]:
    """Functions with further singular zeros: those of a point beside the origin stand in `away`."""
    double = LearningCoefficient(Fraction(1, 2), 1, "f ~ x² + y²")
    tangent = brieskorn_llc([2, 4], [1, -1])
    cases = (
        ("x^2 - y^2*z", CROSSING),  # Whitney's umbrella: its handle
        ("x^2 - y^2*z^2", CROSSING),  # along both axes
        ("x^2 + y^2*z^2", double),
        ("x^3 - y^2*z^2", CUSP),
        ("x^4 - y^2*z^2", tangent),
        ("x^2 - y^3*z", CUSP),
        ("x^2*y^2 + y^2*z^2 + z^2*x^2", double),
        ("x^3 + y^3 + z^3 - 3x*y*z", double),  # (x + y + z) times a definite form off a line
        # The discriminant of t⁴ + x t² + y t + z: edges of cusps, one line of crossings.
        ("16x^4*z - 4x^3*y^2 - 128x^2*z^2 + 144x*y^2*z - 27y^4 + 256z^3", CUSP),
    )
    models = [quasi_homogeneous(text, away=away, family="not isolated") for text, away in cases]
    models[-1] = dataclasses.replace(models[-1], name="swallowtail")
    poles = {"x^2 - y^3*z": 12, "x^2*y^2 + y^2*z^2 + z^2*x^2": 8, "swallowtail": 24}
    return [
        dataclasses.replace(model, next_pole=Fraction(1, poles[model.name]))
        if model.name in poles
        else model
        for model in models
    ]


def _determinants() -> list[KnownModel]:
    """Determinants, and minors of order two: at rank 1 these are as many equations as codimensions.

    There the minors of an n × m matrix have λ = (n - 1)(m - 1)/2; at the origin n m/4 is above it.
    """
    three = "a*e*i + b*f*g + c*d*h - c*e*g - b*d*i - a*f*h"
    rows = [["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]]
    minors = [
        f"{rows[i][j]}*{rows[k][n]} - {rows[i][n]}*{rows[k][j]}"
        for i in range(3) for k in range(i + 1, 3) for j in range(3) for n in range(j + 1, 3)
    ]  # fmt: skip
    half = [Fraction(1, 2)]
    return [
        quasi_homogeneous("a*d - b*c", family="determinant"),
        dataclasses.replace(
            quasi_homogeneous(three, family="determinant"),
            name="determinant of order 3",
            next_pole=half[0],  # at rank 1
        ),
        singular.outputs("minors of 2 x 3", minors[:3],
                         quasi_homogeneous_llc(half * 6, away=regular_llc(2)),
                         family="determinant"),
        singular.outputs("minors of 3 x 3", minors,
                         quasi_homogeneous_llc(half * 9, away=regular_llc(4)),
                         family="determinant", next_pole=half[0] / 2),
    ]  # fmt: skip


def _mixtures() -> list[KnownModel]:
    """Moments of mixtures of normals of one variance, where the truth is one of them at 0.

    With weights p_h and means b_h the k-th output is Σ_h p_h b_h^k, up to a triangular change the
    k-th moment. The first, s, is regular; modulo s the others generate what is named beside each.
    """
    one = regular_llc(1)
    return [
        # Weights 1/2 ± a: modulo s all moments lie in the ideal of b².
        singular.outputs(
            "mixture of two", ["1/2b + a*b + 1/2c - a*c", "1/2b^2 + a*b^2 + 1/2c^2 - a*c^2",
                               "1/2b^3 + a*b^3 + 1/2c^3 - a*c^3"],
            independent_sum(one, monomial_llc("b^2")), family="mixture"),
        # Weights a, 1 - a at a = 0: a b².
        singular.outputs(
            "mixture of two, one empty", ["a*b + c - a*c", "a*b^2 + c^2 - a*c^2",
                                          "a*b^3 + c^3 - a*c^3"],
            independent_sum(one, monomial_llc("a*b^2")), family="mixture",
            next_pole=Fraction(1, 4)),
        # Equal weights: power sums; modulo s the second is a definite form in two variables.
        singular.outputs(
            "mixture of three, equal weights", ["a + b + c", "a^2 + b^2 + c^2", "a^3 + b^3 + c^3"],
            independent_sum(one, power_of_squares_llc(2, 2)), family="mixture"),
        # Means in the plane, weights 1/2 ± a: both sums, and the matrix b bᵀ. The ball keeps out
        # the points where a weight is 0 as well, of the same λ and m = 2.
        singular.outputs(
            "mixture of two in the plane",
            ["1/2b + a*b + 1/2c - a*c", "1/2d + a*d + 1/2e - a*e",
             "1/2b^2 + a*b^2 + 1/2c^2 - a*c^2", "1/2d^2 + a*d^2 + 1/2e^2 - a*e^2",
             "1/2b*d + a*b*d + 1/2c*e - a*c*e"],
            independent_sum(regular_llc(2), power_of_squares_llc(2, 2)), family="mixture",
            radius=0.4),
    ]  # fmt: skip


def _tanh_of_both_signs(n_hidden: int) -> KnownModel:
    """Twice as many points as units, of both signs and distinct sizes."""
    sizes = np.linspace(0.3, 1.8, 2 * n_hidden)
    points = sizes * np.resize([1.0, -1.0], 2 * n_hidden)
    model = known.tanh_units(n_hidden, points)
    return dataclasses.replace(model, name=f"{model.name}, both signs")
