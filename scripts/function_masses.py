"""Distributions of ln |f| for functions of a few parameters, by one-dimensional integrals.

Each is a vector of prior masses over `LOGS`. The prior is positive near the origin and otherwise
chosen for convenience: no λ or m depends on it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
from scipy.special import gammaln

STEP = 0.05
LOGS = np.arange(-85.0, 6.0, STEP)
"""Grid of ln s, s the size of a function of the parameters."""


def brieskorn(terms: list[tuple[int, int]]) -> np.ndarray:
    """f = Σ ±x_i^a_i under Π exp(-|x_i|^a_i): a difference of two gamma variables.

    |x_i|^a_i has the gamma law of shape 1/a_i, and an odd power is positive or negative with
    probability 1/2 each.
    """
    result = np.zeros(len(LOGS))
    odd = [1 / a for a, _ in terms if a % 2]
    plus = sum(1 / a for a, sign in terms if a % 2 == 0 and sign > 0)
    minus = sum(1 / a for a, sign in terms if a % 2 == 0 and sign < 0)
    for sides in itertools.product((0, 1), repeat=len(odd)):
        p = plus + sum(shape for shape, side in zip(odd, sides, strict=True) if side == 0)
        q = minus + sum(shape for shape, side in zip(odd, sides, strict=True) if side == 1)
        result += 0.5 ** len(odd) * (one_side(p, q) + one_side(q, p))
    return result


@functools.cache
def one_side(p: float, q: float) -> np.ndarray:
    """Masses of ln(G_p - G_q) where it is positive, of two independent gamma variables.

    The density at s is e^(-s)/(Γ(p) Γ(q)) ∫ (s + g)^(p-1) g^(q-1) e^(-2 g) dg; the integrand of
    ln g is smooth and falls off at both ends, where the trapezoid rule is accurate to all digits.
    """
    s = np.exp(LOGS)
    if p == 0:
        return np.zeros(len(s))
    if q == 0:
        return STEP * np.exp(p * LOGS - s - gammaln(p))
    log_g = np.arange(LOGS[0] - 35.0 / q, 4.0, 0.1)
    g = np.exp(log_g)
    density = np.empty(len(s))
    for i, value in enumerate(s):
        exponent = (p - 1.0) * np.log(value + g) + q * log_g - 2.0 * g
        density[i] = 0.1 * np.exp(exponent).sum()
    return STEP * s * density * np.exp(-s - gammaln(p) - gammaln(q))


def shell(center: np.ndarray, width: np.ndarray, power: int) -> np.ndarray:
    """Length of the x in [0, 1] with |x^power - center| < width."""
    high, low = np.clip(center + width, 0.0, 1.0), np.clip(center - width, 0.0, 1.0)
    thin = (width < 1e-6 * center) & (center < 1.0)
    safe = np.where(thin, center, 1.0)
    narrow = 2.0 * width / power * safe ** (1.0 / power - 1.0)
    return np.where(thin, narrow, high ** (1.0 / power) - low ** (1.0 / power))


def solved(center: np.ndarray, scale: np.ndarray, weight: np.ndarray, power: int) -> np.ndarray:
    """f = scale · (x^power - center), x uniform on [-1, 1], averaged over points with `weight`."""
    mirrored = center if power % 2 == 0 else -center
    edges = np.append(LOGS - STEP / 2, LOGS[-1] + STEP / 2)
    volume = np.array([
        float((weight * (shell(center, np.exp(edge) / scale, power)
                         + shell(mirrored, np.exp(edge) / scale, power))).sum())
        for edge in edges
    ])  # fmt: skip
    return np.maximum(np.diff(volume), 0.0)


FINE = np.arange(-170.0, 0.0, 0.05) + 0.025
"""Grid of the logarithm of one variable in (0, 1)."""


def both_signs(sizes: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A variable of either sign."""
    return np.concatenate([sizes, -sizes]), np.concatenate([weight, weight])


def d_curve(k: int, sign: int) -> np.ndarray:
    """D_k: y (x² + sign · y^(k-2))."""
    y, weight = both_signs(np.exp(FINE), np.exp(FINE))
    return solved(-sign * y ** (k - 2), np.abs(y), weight, 2)


def e7_curve() -> np.ndarray:
    """E7: x (y³ + x²)."""
    x = np.exp(FINE)
    return solved(-(x**2), x, x, 3)


def of_product(
    power: int, inner: int, sign: int, density: Callable[[np.ndarray], np.ndarray], *, both: bool
) -> np.ndarray:
    """x^power - sign · w^inner, w = e^-u a product of uniform variables with this density of u.

    With `both` w has either sign.
    """
    w, weight = np.exp(FINE), density(-FINE)
    if both:
        w, weight = both_signs(w, weight)
    return solved(sign * w**inner, np.ones(len(w)), weight, power)


def spread(log_values: np.ndarray, weight: np.ndarray, grid: np.ndarray = LOGS) -> np.ndarray:
    """Weights shared between the two nearest points of a grid of the distance `STEP`."""
    place = (log_values - grid[0]) / STEP
    inside = (place >= 0) & (place < len(grid) - 1)
    lower = place[inside].astype(np.int64)
    upper_share = place[inside] - lower
    result = np.bincount(lower, weight[inside] * (1.0 - upper_share), len(grid))
    return result + np.bincount(lower + 1, weight[inside] * upper_share, len(grid))


def product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Masses of the logarithm of a product of two independent variables."""
    whole = np.convolve(one, other)
    start = round(-LOGS[0] / STEP)
    return whole[start : start + len(LOGS)]


def plus_square(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """x² + g from the masses of ln g where it is positive, and of ln(-g) where not."""
    g = np.exp(LOGS)
    centers, weight = np.concatenate([-g, g]), np.concatenate([positive, negative])
    return solved(centers, np.ones(len(centers)), weight, 2)


def log_power(power: float, exponent: float) -> np.ndarray:
    """Masses of ln z^power, z in (0, 1) with the density z^exponent."""
    return spread(power * FINE, np.exp((exponent + 1.0) * FINE))


def around(root: float, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Points of (low, high), dense at a root, and their weights."""
    above, below = (high - root) * np.exp(FINE), (root - low) * np.exp(FINE)
    return np.concatenate([above, -below]), np.concatenate([above, below])


def signed(z_mass: np.ndarray, values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, ...]:
    """Masses of ln |z q| where q > 0 and where q < 0."""
    logs = np.log(np.abs(values))
    up, down = values > 0, values < 0
    return tuple(product(z_mass, spread(logs[side], weight[side])) for side in (up, down))


def d4_surface() -> np.ndarray:
    """x² + y² z - z³; near y = ±z by y = z (±1 + c), beyond |y| = 2 |z| by z = y ρ."""
    c, weight = around(1.0, 0.0, 2.0)  # y/z - 1, for both signs of y/z
    up, down = signed(log_power(3, 1), c * (2.0 + c), 2.0 * weight)
    rho = np.exp(FINE) / 2
    beyond = product(log_power(3, 1), spread(np.log(rho - rho**3), 2.0 * rho))
    both = up + down + beyond  # z and -z change the sign of g
    return plus_square(both, both)


def e7_surface() -> np.ndarray:
    """x² + y³ + y z³; |z| < 2 |y|^(2/3) by z = r |y|^(2/3), beyond by y = ρ |z|^(3/2)."""
    c, weight = around(-1.0, -2.0, 2.0)  # r + 1
    r3 = c * (3.0 - 3.0 * c + c**2)  # 1 + r³
    up, down = signed(log_power(3, 2 / 3), r3, weight)
    inner = up + down
    rho = np.exp(FINE) * 2**-1.5
    heavier, lighter = (
        product(log_power(4.5, 1.5), spread(np.log(rho + side * rho**3), rho)) for side in (1, -1)
    )
    both = inner + heavier + lighter
    return plus_square(both, both)


def triple_cone() -> np.ndarray:
    """x³ + y³ + z³ - 3 x y z = a r² times a constant: a along the diagonal, r off it."""
    return of_minus_log(lambda u: u * np.exp(-u))


def of_minus_log(density: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return STEP * np.where(LOGS < 0, density(-np.minimum(LOGS, 0)), 0.0)


def chi(k: int, power: float) -> np.ndarray:
    """Masses of ln χ^power, χ the length of k standard normals."""
    logs = np.arange(-90.0, 4.0, 0.005)
    return spread(power * logs, 0.005 * np.exp(k * logs - 0.5 * np.exp(2.0 * logs)))


def determinant(n: int) -> np.ndarray:
    """det of an n × n matrix of standard normals: a product of χ_1 … χ_n (Bartlett 1933)."""
    result = chi(1, 1.0)
    for k in range(2, n + 1):
        result = product(result, chi(k, 1.0))
    return result


BY_TEXT: dict[str, Callable[[], np.ndarray]] = {
    "x^2*y - y^3": lambda: d_curve(4, -1),
    "x^2*y + y^3": lambda: d_curve(4, 1),
    "x^2*y + y^4": lambda: d_curve(5, 1),
    "x^2*y - y^5": lambda: d_curve(6, -1),
    "x^3 + x*y^3": e7_curve,
    "x^3 + x y^3": e7_curve,
    "x^2 + y^2*z - z^3": d4_surface,
    "x^2 + y^3 + y*z^3": e7_surface,
    "x^2 - y^2*z": lambda: of_product(2, 1, 1, lambda u: np.exp(-u / 2) - np.exp(-u), both=True),
    "x^2 - y^3*z": lambda: of_product(2, 1, 1, lambda u: np.exp(-u / 3) - np.exp(-u), both=True),
    "x^2 - y^2*z^2": lambda: of_product(2, 2, 1, lambda u: u * np.exp(-u), both=False),
    "x^2 + y^2*z^2": lambda: of_product(2, 2, -1, lambda u: u * np.exp(-u), both=False),
    "x^3 - y^2*z^2": lambda: of_product(3, 2, 1, lambda u: u * np.exp(-u), both=False),
    "x^4 - y^2*z^2": lambda: of_product(4, 2, 1, lambda u: u * np.exp(-u), both=False),
    "x^3 + y^3 + z^3 - 3x*y*z": triple_cone,
    "a*d - b*c": lambda: determinant(2),
    "determinant of order 3": lambda: determinant(3),
}
"""Masses of ln |f| by the text of f."""
