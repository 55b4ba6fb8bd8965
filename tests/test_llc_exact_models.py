"""Units, polynomials, regular models and the calculus, against quadrature and each other."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pfmap.errors import SettingsError
from pfmap.llc.exact import (
    LearningCoefficient,
    factored_polynomial_llc,
    independent_product,
    independent_sum,
    monomial_llc,
    one_unit_llc,
    polynomial_net_llc,
    power,
    power_of_squares_llc,
    regular_llc,
    rescaled,
    same_pair,
    tanh_llc,
)


def pair(coefficient):
    return coefficient.llc, coefficient.multiplicity


def test_tanh_table():
    table = ["1/2", "2/3", "5/6", "1", "11/10", "6/5", "13/10", "7/5", "3/2"]
    assert [tanh_llc(h).llc for h in range(1, 10)] == [Fraction(value) for value in table]
    assert [h for h in range(1, 30) if tanh_llc(h).multiplicity == 2] == [1, 4, 9, 16, 25]


@pytest.mark.parametrize("n_hidden", range(1, 27))
def test_tanh_formula_agrees_with_a_newton_polyhedron(n_hidden):
    """In nested coordinates b_h = t_1 … t_h the singularity is a sum of squares of monomials.

    Subtracting b_1², b_2², … times one another, the ideal of s_n = Σ_h a_h b_h^(2n-1) becomes that
    of b_1² … b_(k-1)² b_k c_k, k = 1 … H, where c_k replaces a_k with a unit Jacobian; db_1 … db_H
    has the Jacobian Π t_h^(H-h).
    """
    exponents = []
    for k in range(n_hidden):
        c = [int(k == other) for other in range(n_hidden)]
        # t_h divides b_j for every j >= h.
        t = [2 * max(k - h, 0) + int(h <= k) for h in range(n_hidden)]
        exponents.append([*c, *t])
    jacobian = [*[0] * n_hidden, *[n_hidden - 1 - h for h in range(n_hidden)]]
    assert same_pair(monomial_llc(exponents, jacobian=jacobian), tanh_llc(n_hidden))


def log_evidence_of_two_tanh_units(inputs, n):
    """log ∫ exp(-n K), a1, a2 ~ N(0, 1) integrated exactly, 0 < b2 < b1 < 1 by quadrature."""
    b1 = np.exp(-np.linspace(0.0, 25.0, 251))[:, None]
    ratio = (
        1.0 / (1.0 + np.exp(-np.linspace(-25.0, 25.0, 401)))[None, :]
    )  # b2/b1, dense at both ends
    first = [np.tanh(x * b1) for x in inputs]
    second = [np.tanh(x * b1 * ratio) for x in inputs]
    trace = sum(f**2 + g**2 for f, g in zip(first, second, strict=True)) / len(inputs)
    minors = sum(
        (first[p] * second[q] - first[q] * second[p]) ** 2
        for p in range(len(inputs))
        for q in range(p)
    )
    determinant = 1.0 + n * trace + n**2 * minors / len(inputs) ** 2
    return np.log((b1**2 * ratio * (1.0 - ratio) / np.sqrt(determinant)).sum())


@pytest.mark.parametrize(
    ("inputs", "llc"),
    [
        ([0.5, 1.0, -1.5, 2.0], tanh_llc(2).llc),
        ([0.5, 1.0], tanh_llc(2).llc),  # as many distinct |x| as units
        ([1.0, -1.0], Fraction(1, 2)),  # one distinct |x|: K = (a1 tanh b1 + a2 tanh b2)²/2
    ],
)
def test_two_tanh_units_by_quadrature(inputs, llc):
    n = 1e16
    drop = log_evidence_of_two_tanh_units(inputs, n) - log_evidence_of_two_tanh_units(inputs, 4 * n)
    assert drop / np.log(4.0) == pytest.approx(float(llc), rel=1e-3)


def test_one_unit():
    for activation in ("tanh", "relu"):
        assert pair(one_unit_llc(activation)) == (Fraction(1, 2), 2)
    assert same_pair(one_unit_llc("tanh"), tanh_llc(1))
    assert same_pair(one_unit_llc("tanh", one_sign=True), tanh_llc(1))
    assert pair(one_unit_llc("relu", one_sign=True)) == (0, 1)


def scaled_loss_of_polynomial_net(depth, n):
    """E[nK] over the square |t1|, |t1 + t2| < 1, by quadrature in log |t1| and log |t1 + t2|."""
    size = np.exp(-np.linspace(0.0, 16.0, 500))
    signed = np.concatenate([-size, size])
    t1, total = np.meshgrid(signed, signed, indexing="ij")
    measure = np.abs(t1 * total)
    w00, w01, w11 = total, t1**2, (total - t1) ** 2
    loss = np.zeros_like(t1)
    for x0, x1 in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        z0, z1 = w00 * x0 + w01 * x1, w01 * x0 + w11 * x1
        for _ in range(depth - 1):
            z0, z1 = z0**2, z1**2
            z0, z1 = w00 * z0 + w01 * z1, w01 * z0 + w11 * z1
        loss += (z0**2 + z1**2) / 6
    weight = np.exp(-n * loss) * measure
    return float((n * loss * weight).sum() / weight.sum())


@pytest.mark.parametrize(("depth", "n"), [(1, 1e8), (2, 1e24), (3, 1e36)])
def test_polynomial_nets_by_quadrature(depth, n):
    exact = float(polynomial_net_llc(depth).llc)
    assert scaled_loss_of_polynomial_net(depth, n) == pytest.approx(exact, rel=2e-3)


def test_polynomial_nets_against_the_published_table():
    table = ["3/4", "1/4", "3/28", "1/20", "3/124"]
    for depth, llc in enumerate(table, start=1):
        found = polynomial_net_llc(depth)
        assert (found.llc, found.multiplicity, found.proved) == (Fraction(llc), 1, True)
    assert not polynomial_net_llc(6).proved
    # At depth 1 the outputs are t1 + t2, t1² and t2²: regular in one direction, a square in one.
    by_hand = independent_sum(monomial_llc("u"), monomial_llc("t^2"))
    assert same_pair(polynomial_net_llc(1), by_hand)


def test_the_polynomial_of_the_dispute():
    """Fifteen parameters, degree 4: λ = 5/2 whatever the function, in either order of factors."""
    one, fourth_power = [1, 0, 0, 0, 0], [0, 0, 0, 0, 1]
    growing, reversed_order = [1, 2, 3, 4, 5], [5, 4, 3, 2, 1]
    found = [
        pair(factored_polynomial_llc(order, target))
        for order in (growing, reversed_order)
        for target in (one, fourth_power)
    ]
    assert found == [(Fraction(5, 2), m) for m in (11, 7, 7, 11)]
    # The same by one Newton polyhedron: in the growing order x⁴ leaves four monomials and a line.
    monomials = "a, b*c, d*e*f, g*h*i*j, line"
    assert same_pair(monomial_llc(monomials), factored_polynomial_llc(growing, fourth_power))
    for target in np.random.default_rng(0).integers(0, 2, size=(20, 5)):
        assert factored_polynomial_llc(growing, list(target)).llc == Fraction(5, 2)


def test_line_plus_dot():
    """K = ((w1 - 1)(w1² + w2²)²)²/2: 1/2 on the line w1 = 1, 1/4 at the origin."""
    assert regular_llc(1).llc == Fraction(1, 2)
    assert pair(power_of_squares_llc(2, 4)) == (Fraction(1, 4), 1)


def test_regular_models_and_powers():
    assert pair(regular_llc(6)) == (3, 1)
    assert pair(regular_llc(0)) == (0, 1)
    for r in range(1, 6):
        assert same_pair(power_of_squares_llc(r, 1), regular_llc(r))
        for k in (2, 3, Fraction(1, 2)):
            assert same_pair(power_of_squares_llc(r, k), power(regular_llc(r), k))
            assert pair(power_of_squares_llc(r, k)) == (Fraction(r) / (2 * k), 1)


def test_calculus():
    crossing, line = monomial_llc("x*y"), monomial_llc("x")
    assert pair(independent_sum(crossing, crossing, line)) == (Fraction(3, 2), 3)
    assert pair(independent_product(crossing, line)) == (Fraction(1, 2), 3)
    assert pair(independent_product(crossing, power(line, 3))) == (Fraction(1, 6), 1)
    assert pair(power(crossing, Fraction(1, 2))) == (1, 2)
    assert rescaled(crossing, Fraction(1, 3)) == crossing
    # K = 0 on positive mass: neutral in a sum, and a product vanishes there.
    dead = one_unit_llc("relu", one_sign=True)
    assert pair(independent_sum(dead, crossing)) == pair(crossing)
    assert pair(independent_product(dead, crossing)) == (0, 1)
    assert pair(independent_product(dead, dead)) == (0, 1)


def test_a_doubt_is_carried_along():
    doubtful = LearningCoefficient(Fraction(1, 2), 1, "a guess", proved=False)
    sure = regular_llc(1)
    assert not independent_sum(sure, doubtful).proved
    assert not independent_product(doubtful, sure).proved
    assert not power(doubtful, 2).proved
    assert independent_sum(sure, sure).proved
    assert "a guess" in independent_sum(sure, doubtful).source


@pytest.mark.parametrize(
    ("call", "pattern"),
    [
        (lambda: LearningCoefficient(0.5, 1, ""), r"llc: .*got 0.5 \(next: .*Fraction\(1, 2\)"),
        (
            lambda: LearningCoefficient(Fraction(-1), 1, ""),
            "llc: must be an int or a Fraction >= 0",
        ),
        (lambda: LearningCoefficient(Fraction(1), 0, ""), "multiplicity: must be an integer >= 1"),
        (lambda: LearningCoefficient(Fraction(0), 2, ""), "between 1 and 1, got 2"),
        (independent_sum, "parts: must hold at least one"),
        (independent_product, "parts: must hold at least one"),
        (lambda: power(regular_llc(1), 0), "exponent: must be a positive int or Fraction, got 0"),
        (lambda: power(regular_llc(1), 0.5), "exponent: .*got 0.5"),
        (lambda: rescaled(regular_llc(1), -1), "factor: must be a positive"),
        (lambda: tanh_llc(0), "n_hidden: must be an integer >= 1, got 0"),
        (lambda: one_unit_llc("gelu"), r"activation: must be 'tanh' or 'relu', got 'gelu' \(next"),
        (lambda: regular_llc(-1), "n_parameters: must be an integer >= 0"),
        (lambda: power_of_squares_llc(0, 1), "n_squares: must be an integer >= 1"),
        (lambda: polynomial_net_llc(0), "depth: must be an integer >= 1"),
        (lambda: factored_polynomial_llc([1, 2], [1]), "each of the 2 coefficients, got 1"),
        (lambda: factored_polynomial_llc([], []), "each of the 0 coefficients"),
        (lambda: factored_polynomial_llc([1], [float("nan")]), r"finite numbers, got \[nan\]"),
    ],
)
def test_wrong_arguments_are_explained(call, pattern):
    with pytest.raises(SettingsError, match=pattern):
        call()
