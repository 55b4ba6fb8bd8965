"""Monomial sums: known values, brute force over vertices, the calculus, volumes, certificates."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import numpy as np
import pytest

from pfmap.errors import SettingsError
from pfmap.llc.exact import (
    independent_product,
    independent_sum,
    monomial_llc,
    parse_monomials,
    power,
    regular_llc,
    same_pair,
)
from pfmap.llc.exact import polyhedron as polyhedron_module
from pfmap.llc.exact.polyhedron import smallest_face


def random_exponents(rng, n_monomials, n_variables, largest):
    """Exponents with many zeros, none of them all zero."""
    rows = []
    while len(rows) < n_monomials:
        row = [rng.choice([0, rng.randint(1, largest)]) for _ in range(n_variables)]
        if any(row):
            rows.append(row)
    return rows


def pair(coefficient):
    return coefficient.llc, coefficient.multiplicity


@pytest.mark.parametrize("k1", range(4))
@pytest.mark.parametrize("k2", range(4))
def test_two_powers(k1, k2):
    if k1 == k2 == 0:
        return
    expected = Fraction(1, 2 * max(k1, k2)), 2 if k1 == k2 else 1
    assert pair(monomial_llc([[k1, k2]])) == expected


@pytest.mark.parametrize(
    ("exponents", "jacobian", "llc", "multiplicity"),
    [
        # Macaulay2, package MultiplierIdeals: monomialThreshold((x^13, x^6*y^4, y^9), x^2*y) = 1/2
        # on the two facets 4x + 7y = 52 and 5x + 6y = 54. Squaring the ideal halves it.
        ([[13, 0], [6, 4], [0, 9]], [2, 1], "1/4", 2),
        ([[1, 1, 1]], None, "1/2", 3),
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1]], None, "3/2", 1),  # regular
        ([[2, 0], [0, 3]], None, "5/12", 1),  # cusp
        ([[1, 1]], [1, 0], "1/2", 1),  # the Jacobian lifts the tie
        ([[1, 1]], [1, 1], "1", 2),
        ([[2, 1]], [1, 0], "1/2", 2),  # and here makes one
        ([[2, 0, 0]], None, "1/4", 1),  # variables that K does not see
    ],
)
def test_known_values(exponents, jacobian, llc, multiplicity):
    found = monomial_llc(exponents, jacobian=jacobian)
    assert pair(found) == (Fraction(llc), multiplicity)
    assert found.proved


def determinant(matrix):
    """Of a small matrix of integers, by permutations."""
    total = 0
    for order in itertools.permutations(range(len(matrix))):
        inversions = sum(a > b for a, b in itertools.combinations(order, 2))
        term = -1 if inversions % 2 else 1
        for row, column in zip(matrix, order, strict=True):
            term *= row[column]
        total += term
    return total


def brute_force(exponents, jacobian):
    """λ and m from every vertex of {w >= 0, <w, a_j> >= 1}: m - 1 = dimension of the best ones."""
    d = len(jacobian)
    constraints = [(row, 1) for row in exponents]
    constraints += [([int(i == j) for j in range(d)], 0) for i in range(d)]
    best, vertices = None, []
    for chosen in itertools.combinations(constraints, d):
        below = determinant([row for row, _ in chosen])
        if below == 0:
            continue
        # Cramer's rule.
        w = []
        for i in range(d):
            replaced = [[*row[:i], right, *row[i + 1 :]] for row, right in chosen]
            w.append(Fraction(determinant(replaced), below))
        if any(
            sum(a * b for a, b in zip(row, w, strict=True)) < right for row, right in constraints
        ):
            continue
        value = sum(x * (h + 1) for x, h in zip(w, jacobian, strict=True))
        if best is None or value < best:
            best, vertices = value, []
        if value == best:
            vertices.append([float(x) for x in w])
    edges = np.array(vertices[1:]) - np.array(vertices[0]) if vertices[1:] else np.zeros((1, d))
    return best / 2, 1 + int(np.linalg.matrix_rank(edges, tol=1e-9))


def test_linear_programme_agrees_with_brute_force():
    rng = random.Random(3)
    seen = set()
    for _ in range(500):
        d = rng.choice([2, 3])
        exponents = random_exponents(rng, rng.randint(1, 4), d, 3)
        jacobian = [rng.choice([0, 0, 1, 2]) for _ in range(d)]
        found = monomial_llc(exponents, jacobian=jacobian)
        assert pair(found) == brute_force(exponents, jacobian), (exponents, jacobian)
        seen.add(found.multiplicity)
    assert seen == {1, 2, 3}


def test_brute_force_refuses_a_wrong_ray():
    """The control: τ = h instead of h + 1 is caught at once."""
    assert brute_force([[1, 3]], [1, 1]) != brute_force([[1, 3]], [0, 0])


def test_sums_products_and_powers_agree_with_the_calculus():
    rng = random.Random(5)
    for _ in range(150):
        one = random_exponents(rng, rng.randint(1, 3), 2, 3)
        other = random_exponents(rng, rng.randint(1, 3), 3, 3)
        h, k = [rng.randint(0, 2) for _ in range(5)], rng.randint(1, 3)
        first = monomial_llc(one, jacobian=h[:2])
        second = monomial_llc(other, jacobian=h[2:])
        apart = [[*row, 0, 0, 0] for row in one] + [[0, 0, *row] for row in other]
        assert same_pair(monomial_llc(apart, jacobian=h), independent_sum(first, second))
        # The product of two sums of squares is the sum of the squares of all products.
        products = [[*a, *b] for a in one for b in other]
        assert same_pair(monomial_llc(products, jacobian=h), independent_product(first, second))
        # (Σ x²)^k and Σ x^(2k) are within constant factors of each other.
        powers = [[k * a for a in row] for row in one]
        assert same_pair(monomial_llc(powers, jacobian=h[:2]), power(first, k))


def test_order_repetition_and_multiples_change_nothing():
    rng = random.Random(7)
    for _ in range(50):
        rows = random_exponents(rng, 4, 4, 3)
        h = [rng.randint(0, 2) for _ in range(4)]
        expected = monomial_llc(rows, jacobian=h)
        order = rng.sample(range(4), 4)
        moved = [[row[i] for i in order] for row in rng.sample(rows, 4)]
        multiple = [a + b for a, b in zip(rows[0], rows[1], strict=True)]
        shuffled = monomial_llc([*moved, moved[0]], jacobian=[h[i] for i in order])
        assert same_pair(shuffled, expected)
        assert same_pair(monomial_llc([*rows, multiple], jacobian=h), expected)
        assert same_pair(monomial_llc(np.array(rows), jacobian=np.array(h)), expected)


def log_volume(exponents, jacobian, log_inverse_t):
    """log ∫ x^h1 y^h2 over {Σ_j (x^a_j y^b_j)² < t} in the unit square, by quadrature in log x."""
    s = log_inverse_t
    step = 0.05
    u = np.arange(0.0, 4 * s + 40, step)  # x = exp(-u)
    low, high = np.zeros_like(u), np.full_like(u, 4 * s + 40)  # y = exp(-v)

    def inside(v):
        terms = [-2 * a * u - 2 * b * v for a, b in exponents]
        return np.logaddexp.reduce(terms, axis=0) < -s

    reachable = inside(high)
    for _ in range(50):
        middle = (low + high) / 2
        small_enough = inside(middle)
        low, high = np.where(small_enough, low, middle), np.where(small_enough, middle, high)
    log_terms = -(jacobian[0] + 1) * u - (jacobian[1] + 1) * high
    log_terms[0] -= np.log(2.0)  # trapezoidal rule
    return np.logaddexp.reduce(log_terms[reachable]) + np.log(step / (jacobian[1] + 1))


@pytest.mark.parametrize(
    ("exponents", "jacobian"),
    [
        ([[1, 1]], [0, 0]),
        ([[2, 1]], [1, 0]),
        ([[1, 3]], [0, 1]),
        ([[2, 0], [0, 3]], [0, 0]),
        ([[3, 1], [1, 2]], [0, 0]),
        ([[4, 1], [2, 2], [1, 4]], [0, 0]),  # the ray meets a vertex
        ([[13, 0], [6, 4], [0, 9]], [2, 1]),
    ],
)
def test_prior_mass_shrinks_as_lambda_and_m_say(exponents, jacobian):
    found = monomial_llc(exponents, jacobian=jacobian)
    s = 1000.0
    drop = log_volume(exponents, jacobian, s) - log_volume(exponents, jacobian, 2 * s)
    # log V(t) = -λ s + (m - 1) log s + constant + O(1/s) at t = exp(-s).
    n_logs = (float(found.llc) * s - drop) / np.log(2.0)
    assert abs(n_logs - (found.multiplicity - 1)) < 0.05
    # The control: a coefficient off by 1 % would show as a whole logarithm or more.
    assert abs((1.01 * float(found.llc) * s - drop) / np.log(2.0) - n_logs) > 0.9


def test_certificate_proves_the_value():
    rng = random.Random(11)
    for _ in range(100):
        vertices = random_exponents(rng, 5, 4, 4)
        ray = [rng.randint(1, 3) for _ in range(4)]
        face = smallest_face(vertices, ray)
        w, y = face.weights, face.combination
        assert min(*w, *y) >= 0
        assert min(sum(a * b for a, b in zip(w, v, strict=True)) for v in vertices) == 1
        for i, limit in enumerate(ray):
            assert sum(b * v[i] for b, v in zip(y, vertices, strict=True)) <= limit
        assert face.value == sum(y) == sum(a * b for a, b in zip(w, ray, strict=True))


@pytest.mark.parametrize(
    ("weights", "combination"),
    [
        ([1.0, 0.0], [1.0]),  # optimal, but a corner of the optimal set: m would come out as 1
        ([0.5, 0.5], [0.0]),  # the monomial taken for slack
        ([0.0, 0.0], [1.0]),
    ],
)
def test_a_wrong_solution_in_floating_point_is_refused(monkeypatch, weights, combination):
    wrong = (np.array(weights), np.array(combination))
    monkeypatch.setattr(polyhedron_module, "_complementary_pair", lambda *_: wrong)
    with pytest.raises(SettingsError, match="certified solution"):
        smallest_face([(1, 1)], (1, 1))


def test_large_shapes_and_exponents_are_certified():
    rng = random.Random(13)
    for n_monomials, n_variables, largest in ((40, 30, 3), (20, 10, 10**5), (8, 5, 10**6)):
        vertices = random_exponents(rng, n_monomials, n_variables, largest)
        assert monomial_llc(vertices).llc > 0
    assert pair(monomial_llc(np.eye(60, dtype=int))) == pair(regular_llc(60))
    assert pair(monomial_llc([[1] * 60])) == (Fraction(1, 2), 60)


@pytest.mark.parametrize(
    ("text", "names", "exponents"),
    [
        ("x*y, x^2*z", "xyz", ((1, 1, 0), (2, 0, 1))),
        ("x y,x**2 z", "xyz", ((1, 1, 0), (2, 0, 1))),
        (" -3 * x ^ 2 * 0.5 ", "x", ((2,),)),
        ("x*x^2", "x", ((3,),)),
        ("b, a", "ba", ((1, 0), (0, 1))),
        ("w1 * w_2", ("w1", "w_2"), ((1, 1),)),
    ],
)
def test_text_of_monomials(text, names, exponents):
    assert parse_monomials(text) == (tuple(names), exponents)


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (("x + y",), r"monomials: must be products .* got 'x \+ y' \(next: .*no brackets"),
        (("x*y, (x z)^2",), r"got '\(x z\)\^2' in 'x\*y, \(x z\)\^2'"),
        (("x,,y",), "got ''"),
        (("x^-1",), "got 'x"),
        (("0*x",), "non-zero numbers"),
        (("",), "monomials"),
        (("3, x",), r"monomials\[0\]: must hold a variable, got a constant: K > 0"),
        (([[0, 0], [1, 1]],), r"monomials\[0\]: must hold a variable"),
        (([],), "at least one monomial"),
        (([[1, -1]],), r"monomials\[0\]\[1\]: must be an integer between 0 and \d+, got -1"),
        (([[1, 0.5]],), r"an integer between 0 and \d+, got 0.5"),
        (([[1, True]],), "got True"),
        (("x^99999999999",), "between 0 and 1000000, got 99999999999"),
        (([[1, 0], [1]],), r"monomials\[1\]: must hold 2 exponents"),
        ((3,), "must be a text or rows of exponents, got 3"),
    ],
)
def test_a_loss_that_cannot_be_is_refused(arguments, pattern):
    with pytest.raises(SettingsError, match=pattern):
        monomial_llc(*arguments)


def test_a_jacobian_of_another_length_is_refused():
    with pytest.raises(SettingsError, match=r"each of the 3 variables \(x, y, z\), got 2"):
        monomial_llc("x*y, z", jacobian=[0, 0])
    with pytest.raises(
        SettingsError, match=r"jacobian\[0\]: must be an integer between 0 and \d+, got -1"
    ):
        monomial_llc([[1]], jacobian=[-1])
