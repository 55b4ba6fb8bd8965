"""λ, m and the next pole of every model of the singular suite, against quadrature."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from ladder_exact_means import exact_means, log_losses, net_weight, partition, regular_beside

from pfmap.calibration.expressions import moved, read_polynomials
from pfmap.calibration.singular_suite import singular_suite
from pfmap.llc.exact import brieskorn_llc

SUITE = {model.name: model for model in singular_suite()}
ELSEWHERE = ("tanh", "deep linear", "reduced rank")  # families with tests of their own
BY_QUADRATURE = [name for name, model in SUITE.items() if model.family not in ELSEWHERE]

AEI, AEB = (0, 4, 8, 1, 5, 6, 2, 3, 7), (0, 4, 1, 3, 5, 2, 7, 6, 8)
"""Entries of a matrix in the order in which its determinant, its minors, name them."""


def misfit(partition_sum, logs, llc, powers_of_log, next_pole):
    """Largest relative miss of the form n^-llc (Σ_j c_j log^j n + c n^-κ), and its last c_j."""
    columns = [(logs / logs[-1]) ** j for j in range(powers_of_log)]
    if next_pole is not None:
        columns.append(np.exp(-float(next_pole) * (logs - logs[0])))
    scaled = np.log(partition_sum) + llc * logs
    design = np.stack(columns, axis=1) / np.exp(scaled - scaled.max())[:, None]
    solution = np.linalg.lstsq(design, np.ones(len(logs)), rcond=None)[0]
    return np.abs(design @ solution - 1.0).max(), solution[powers_of_log - 1]


@pytest.mark.parametrize("name", BY_QUADRATURE)
def test_llc_and_multiplicity_by_quadrature(name):
    """Z(n) = ∫ exp(-n K) has the form of λ, m and the next pole over 18 decades or more.

    The controls, λ off by 3 % and m off by one, must miss it by five times as much at least, or
    need no term of the order they claim.
    """
    model = SUITE[name]
    states = log_losses(model)
    llc, m = float(model.exact.llc) - regular_beside(model) / 2, model.exact.multiplicity
    grids = model.family in ("polynomial net", "mixture") or name.startswith("minors")
    logs = np.log(10.0) * np.linspace(*((12, 30) if grids else (18, 45)), 19)
    if model.family == "polynomial net":
        logs *= max(1.0, net_weight(model) / 15)  # the parameters come as close to 0 in each net
    values = partition(states, logs)
    miss, leading = misfit(values, logs, llc, m, model.next_pole)
    assert miss < 3e-3
    assert leading > 0.2
    wrong = 5.0 * max(miss, 1e-4)
    for factor in (0.97, 1.03):
        assert misfit(values, logs, llc * factor, m, model.next_pole)[0] > wrong
    if m > 1:
        assert misfit(values, logs, llc, m - 1, None)[0] > wrong
    missed_by_log, its_leading = misfit(values, logs, llc, m + 1, None)
    assert missed_by_log > wrong or abs(its_leading) < 0.05


def test_means_are_those_of_a_sum_with_regular_parameters():
    """E of K = ½ · ½ (f² + z²) is that of f at half of nβ and that of z."""
    n_betas = np.array([1e4, 1e9])
    alone = exact_means(SUITE["x^2 - y^3"], n_betas / 2)
    beside = exact_means(SUITE["x^2 - y^3, 1 regular"], n_betas)
    assert np.allclose(beside, alone + 0.5, atol=1e-3)


def test_a_curve_against_draws():
    """The cusp at nβ = 1000 from 10^6 draws of x² ~ Γ(1/2), y³ ~ ±Γ(1/3), within 5 errors."""
    rng = np.random.default_rng(1)
    square, cube = rng.gamma(1 / 2, size=10**6), rng.gamma(1 / 3, size=10**6)
    loss = 500.0 * (square - cube * rng.choice([-1, 1], size=10**6)) ** 2
    weight = np.exp(-loss)
    mean = (weight * loss).sum() / weight.sum()
    error = np.sqrt((weight**2 * (loss - mean) ** 2).sum()) / weight.sum()
    assert error < 0.01
    assert abs(exact_means(SUITE["x^2 - y^3"], np.array([1e3]))[0] - mean) < 5 * error


def outputs_at(name, weights):
    """Outputs at variables in the order in which the text names them."""
    return SUITE[name].model.outputs(weights)


def test_models_are_what_their_names_say():
    rng = np.random.default_rng(1)
    x, y, z = rng.normal(size=3)
    assert outputs_at("x^2*y - y^5", [x, y])[0] == pytest.approx(x**2 * y - y**5)
    assert outputs_at("x^2 + y^3 + y*z^3", [x, y, z])[0] == pytest.approx(x**2 + y**3 + y * z**3)
    u, v = (3 * x + 4 * y) / 5 * 2, (-4 * x + 3 * y) / 5 / 2
    assert outputs_at("x^2 - y^3, turned", [x, y])[0] == pytest.approx(u**2 - v**3)
    assert outputs_at("|x|^6 of 4", [x, y, z, 1.0])[0] == pytest.approx(
        (x * x + y * y + z * z + 1) ** 3
    )
    matrix = rng.normal(size=(3, 3))
    assert outputs_at("determinant of order 3", matrix.ravel()[list(AEI)])[0] == pytest.approx(
        np.linalg.det(matrix)
    )
    minors = np.sum(outputs_at("minors of 3 x 3", matrix.ravel()[list(AEB)]) ** 2)
    values = np.linalg.svd(matrix, compute_uv=False) ** 2
    assert minors == pytest.approx((values.sum() ** 2 - (values**2).sum()) / 2)


def test_swallowtail_is_the_discriminant_of_the_quartic():
    x, y, z = 0.3, -0.7, 0.2
    roots = np.roots([1.0, 0.0, x, y, z])
    squares = [(roots[i] - roots[j]) ** 2 for i in range(4) for j in range(i)]
    assert outputs_at("swallowtail", [x, z, y])[0] == pytest.approx(np.prod(squares).real)


def test_swallowtail_has_the_poles_of_mehtas_integral():
    """∫ |Δ(r)|^(4 s + 1) exp(-|r|²/2) dr = Π_j Γ(1 + j γ)/Γ(1 + γ), γ = 2 s + 1/2, j = 1 … 4.

    Over the quartics with four real roots, whose volume is |Δ| dr and f² = Δ⁴; Γ(1 + j γ) has its
    first pole at s = -(1/4 + 1/(2 j)), and that of j = 1 cancels.
    """
    poles = [Fraction(1, 4) + Fraction(1, 2 * j) for j in (2, 3, 4)]
    least, following = sorted(poles)[:2]
    assert least == SUITE["swallowtail"].exact.llc
    assert following - least == SUITE["swallowtail"].next_pole


def test_mixtures_are_moments():
    a, b, c = 0.1, 0.4, -0.3
    weights = {"b": 0.5 + a, "c": 0.5 - a}
    found = outputs_at("mixture of two", [b, a, c])
    assert found == pytest.approx([weights["b"] * b**k + weights["c"] * c**k for k in (1, 2, 3)])
    assert outputs_at("mixture of two, one empty", [a, b, c]) == pytest.approx(
        [a * b**k + (1 - a) * c**k for k in (1, 2, 3)]
    )


def test_polynomials_are_moved_exactly():
    (f,) = read_polynomials(["2x^2*y - 1/3 y"])
    assert f == {(2, 1): Fraction(2), (0, 1): Fraction(-1, 3)}
    half = Fraction(1, 2)
    assert moved(f, [[half, 0], [0, 3]]) == {(2, 1): Fraction(3, 2), (0, 1): Fraction(-1)}


@pytest.mark.parametrize(
    ("exponents", "signs", "llc", "multiplicity"),
    [
        ([2, 3], None, "5/12", 1),
        ([2, 4], None, "3/8", 1),
        ([2, 2, 2], None, "3/4", 1),  # no zero but the origin: no cap at 1/2
        ([2, 2, 2], [1, 1, -1], "1/2", 1),
        ([2, 2], [1, -1], "1/2", 2),
        ([3], None, "1/6", 1),
        ([3, 4, 4, 6], [1, 1, 1, 1], "1/2", 2),
    ],
)
def test_brieskorn_sums(exponents, signs, llc, multiplicity):
    found = brieskorn_llc(exponents, signs)
    assert (found.llc, found.multiplicity) == (Fraction(llc), multiplicity)
