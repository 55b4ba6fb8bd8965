"""The posterior over the polynomials of the dispute on the one point (1, 1), by quadrature.

A coefficient c_k is a product of independent N(0, 1) factors, and n observations of the point weigh
a polynomial by exp(-n (S - 1)²/2), S = f(1) the sum of the coefficients. With

    exp(-n x²/2) = ∫ N(ω; 0, n) e^(iωx) dω

the mass of a box |c_k - g_k| <= r around a polynomial g is one integral over ω of a product of
five, each over one coefficient. Both 1 and x⁴ meet the point: the prior alone tells them apart.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy.interpolate import CubicSpline

STEP = 0.005
LOW, HIGH = -70.0, 6.0
"""Range of ln |c|: beyond it a product of five factors has less than 1e-20 of its mass."""

PANELS, N_NODES = 20, 24
N_OMEGA = 2001
WIDEST = 8.0
"""Standard deviations of ω that are integrated over."""


@cache
def log_density(n_factors: int) -> tuple[np.ndarray, np.ndarray]:
    """y = ln |c| on a grid, and the density of y, for a product of `n_factors` N(0, 1) factors.

    The density of one factor convolved with itself; the trapezoid rule is exact to rounding for it.
    """
    y = np.arange(round((HIGH - LOW) / STEP) + 1) * STEP + LOW
    one = 2.0 * np.exp(y - 0.5 * np.exp(2.0 * y)) / math.sqrt(2.0 * math.pi)
    density = one
    zero = round(-LOW / STEP)
    for _ in range(n_factors - 1):
        density = STEP * np.convolve(density, one)[zero : zero + len(y)]
    return y, density


def _transform(n_factors: int, wanted: int, radius: float, omega: np.ndarray) -> np.ndarray:
    """∫ p(c) e^(iω(c - g)) dc over |c - g| <= `radius`, g 0 or 1; all of c for an infinite one."""
    y, density = log_density(n_factors)
    if math.isinf(radius):
        weights, c = STEP * density, np.exp(y)
        return np.cos(np.multiply.outer(omega, c)) @ weights + 0.0j
    spline = CubicSpline(y, density)
    low = math.log1p(-radius) if wanted else LOW
    ends = np.linspace(low, math.log(wanted + radius), PANELS + 1)
    places, weights = np.polynomial.legendre.leggauss(N_NODES)
    half = 0.5 * np.diff(ends)
    nodes = (0.5 * (ends[1:] + ends[:-1])[:, None] + half[:, None] * places).ravel()
    masses = (half[:, None] * weights).ravel() * spline(nodes)
    if wanted:
        return np.exp(1j * np.multiply.outer(omega, np.exp(nodes) - 1.0)) @ (0.5 * masses)
    return np.cos(np.multiply.outer(omega, np.exp(nodes))) @ masses + 0.0j


def box_mass(n_factors: tuple[int, ...], target: tuple[int, ...], radius: float, n: float) -> float:
    """∫ of prior × exp(-n (S - 1)²/2) over the box of `radius` around a polynomial with S = 1.

    Parameters
    ----------
    n_factors : tuple of int
        Factors of every coefficient.
    target : tuple of int
        Coefficients of the polynomial, one of them 1, the others 0.
    radius : float
        Half the side of the box, below 1.
    n : float
        Observations of the point; 0 is the prior.
    """
    omega, weights = _normal_nodes(n, N_OMEGA)
    product = np.ones(len(omega), dtype=complex)
    for count, wanted in zip(n_factors, target, strict=True):
        product = product * _transform(count, wanted, radius, omega)
    return float((weights @ product).real)


def evidence(n_factors: tuple[int, ...], n: float) -> float:
    """Z(n), the same over all polynomials; a coefficient that is one factor is integrated out."""
    rest = list(n_factors)
    rest.remove(1)
    omega, weights = _normal_nodes(n / (1.0 + n), N_OMEGA // 5)
    product = np.exp(-1j * omega)
    for count in rest:
        product = product * _transform(count, 0, math.inf, omega)
    return float((weights @ product).real) / math.sqrt(1.0 + n)


def _normal_nodes(variance: float, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of N(0, `variance`) by the trapezoid rule."""
    if variance == 0.0:
        return np.zeros(1), np.ones(1)
    places = np.linspace(-WIDEST, WIDEST, n_nodes)
    weights = np.exp(-0.5 * places**2) * (places[1] - places[0]) / math.sqrt(2.0 * math.pi)
    return places * math.sqrt(variance), weights
