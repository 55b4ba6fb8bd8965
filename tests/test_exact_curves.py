"""Both ways to exact curves of E[nβK], from distributions and from contours, agree."""

from __future__ import annotations

import numpy as np
import pytest
from function_masses import brieskorn, chi, determinant, product
from ladder_curves import power, product_means, product_of_two, sum_means
from ladder_exact_means import means, of_function

N_BETAS = np.array([1e1, 1e4, 1e12, 1e24])

CASES = {
    # x y and |x|² |y|³ of 2 and 3 components, normal.
    "product": (product(chi(1, 1.0), chi(1, 1.0)), lambda n: product_means(n, [1, 1])),
    "norms": (product(chi(2, 2.0), chi(3, 3.0)), lambda n: product_means(n, [2, 3], [2, 3])),
    "determinant": (determinant(2), lambda n: sum_means(n, [product_of_two, product_of_two])),
    # Under exp(-x²) squares are half of those of standard normals.
    "cross": (brieskorn([(2, 1), (2, -1)]), lambda n: sum_means(n / 4, [power(2), power(2, -1)])),
    "circle": (brieskorn([(2, 1), (2, 1)]), lambda n: sum_means(n / 4, [power(2), power(2)])),
}


@pytest.mark.parametrize("name", CASES)
def test_masses_and_contours_agree(name):
    mass, curve = CASES[name]
    by_mass, by_contour = means(of_function(mass), N_BETAS), curve(N_BETAS)
    assert by_mass == pytest.approx(by_contour, rel=1e-3)
    # Control: the next nβ, half as large again, is told apart where E still rises.
    assert by_mass[:2] != pytest.approx(curve(1.5 * N_BETAS[:2]), rel=1e-3)


def test_the_cusp_is_approached_alike_under_both_priors():
    """E - λ falls like n^(-1/12), whatever the prior."""
    n = np.array([1e20, 1e26, 1e32])
    by_mass = means(of_function(brieskorn([(2, 1), (3, -1)])), n) - 5 / 12
    by_contour = sum_means(n, [power(2), power(3, -1)]) - 5 / 12
    for errors in (by_mass, by_contour):
        assert errors[1:] / errors[:-1] == pytest.approx(10**-0.5, rel=0.05)
