"""Exact E[nβK] of the models of the singular suite, by quadrature, at any nβ.

    python scripts/ladder_exact_means.py [NAME ...]

Every curve belongs to some prior that is positive near w*: λ and m do not depend on it, and it is
chosen so that the distribution of the loss, here the masses of a fine grid of ln f, needs
one-dimensional integrals or convolutions alone. Losses reach down to 1e-70, so that curves hold to
nβ of about 1e60. What is not covered gives None.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from function_masses import BY_TEXT, LOGS, STEP, brieskorn, chi, log_power, product, spread

from pfmap.calibration.expressions import read_polynomials
from pfmap.calibration.known import NET_POINTS, KnownModel
from pfmap.calibration.singular_suite import singular_suite

GOLDEN = 0.5 * (5.0**0.5 - 1.0)

States = tuple[np.ndarray, np.ndarray]
"""ln K and the prior mass there."""


def exact_means(known: KnownModel, n_betas: np.ndarray) -> np.ndarray | None:
    """E[nβK] at every nβ, shape of `n_betas`; None where no quadrature is at hand."""
    states, n_regular = log_losses(known), regular_beside(known)
    if states is None:
        return None
    n_outputs = 1 + n_regular if n_regular else 1
    scaled = np.asarray(n_betas, dtype=np.float64) / n_outputs
    return means(states, scaled) + 0.5 * n_regular * scaled / (1.0 + scaled)


def regular_beside(known: KnownModel) -> int:
    """Number of regular parameters beside f, which `log_losses` leaves out."""
    last = known.name.split(", ")[-1]
    if last == "bent":
        return 1
    return int(last.split()[0]) if last.endswith(" regular") else 0


def means(states: States, n_betas: np.ndarray) -> np.ndarray:
    """E[nβK] from the masses of ln K."""
    log_k, mass = states
    found = []
    for n_beta in np.atleast_1d(n_betas):
        loss = np.exp(np.minimum(log_k + np.log(n_beta), 7.0))
        weight = mass * np.exp(-loss)
        found.append(float((weight * loss).sum() / weight.sum()))
    return np.array(found)


def partition(states: States, log_n_betas: np.ndarray) -> np.ndarray:
    """Z(nβ) = E[exp(-nβ K)] from ln nβ, which may go beyond float64."""
    log_k, mass = states
    return np.array([float((mass * np.exp(-np.exp(np.minimum(log_k + log_n, 7.0)))).sum())
                     for log_n in log_n_betas])  # fmt: skip


def log_losses(known: KnownModel) -> States | None:
    """The distribution of ln K, without the regular parameters that stand beside f."""
    text = known.name.split(",")[0]
    if known.name in BY_NAME:
        return BY_NAME[known.name]()
    if known.family == "polynomial net":
        return polynomial_net(known)
    if known.family == "norm":
        return norm(known)
    if text in BY_TEXT:
        return of_function(BY_TEXT[text]())
    if known.family in ("curve", "definite", "surface", "turned", "with regular"):
        (f,) = read_polynomials([text])
        if all(sum(power > 0 for power in key) == 1 for key in f):
            pairs = [(max(key), int(value)) for key, value in f.items()]
            return of_function(brieskorn(pairs))
    return None


def of_function(mass: np.ndarray) -> States:
    """K = f²/2 from the masses of ln |f| on `LOGS`."""
    return 2.0 * LOGS - np.log(2.0), mass


# Distributions of ln K as a whole.


def minors_of_2_by_3() -> States:
    """K = det(A Aᵀ)/6, and det(A Aᵀ) = χ²_2 χ²_3."""
    return LOGS - np.log(6.0), product(chi(2, 2.0), chi(3, 2.0))


def minors_of_3_by_3() -> States:
    """K ∝ σ1²σ2² + σ1²σ3² + σ2²σ3², σ the singular values of a matrix of standard normals.

    With the largest σ² taken out, two ratios are left: their density is that of Wishart's
    eigenvalues, Π λ_i^(-1/2) Π |λ_i - λ_j|, and the scale is given a law of its own.
    """
    logs = np.arange(-80.0, 0.0, 0.1) + 0.05
    second, third = np.exp(np.meshgrid(logs, logs, indexing="ij"))
    third = second * third
    gaps = (1.0 - second) * (1.0 - third) * (second - third)
    measure = gaps * np.sqrt(second * third)  # λ^(-1/2) dλ = λ^(1/2) d ln λ
    k = spread(np.log(second + third + second * third).ravel(), measure.ravel())
    return LOGS, product(log_power(2, 3.5), k)


def swallowtail() -> States:
    """The part with four real roots: f = Π (r_i - r_j)², coefficients' volume Π |r_i - r_j|.

    The three gaps between the roots over the largest of them, and its size.
    """
    logs = np.arange(-45.0, 0.0, 0.1) + 0.05
    two = np.exp(np.meshgrid(logs, logs, indexing="ij"))
    masses = np.zeros(len(LOGS))
    for place in range(3):
        g1, g2, g3 = np.insert(np.array(two), place, 1.0, axis=0)
        gaps = g1 * g2 * g3 * (g1 + g2) * (g2 + g3) * (g1 + g2 + g3)
        measure = gaps * two[0] * two[1]
        masses += spread(np.log(gaps**2).ravel(), measure.ravel())
    return of_function(product(log_power(12, 8), masses))


def three_products() -> States:
    """f = x² y² + y² z² + z² x² on the cube: two ratios to the largest variable, and its size."""
    logs = np.arange(-45.0, 0.0, 0.1) + 0.05
    y, z = np.exp(np.meshgrid(logs, logs, indexing="ij"))
    f = spread(np.log(y**2 + z**2 + y**2 * z**2).ravel(), (y * z).ravel())
    return of_function(product(log_power(4, 2), f))


def norm(known: KnownModel) -> States:
    """f = |x|^2k of n normals."""
    k, n = int(known.name.split("^")[1].split()[0]) / 2, known.model.n_parameters
    return of_function(chi(n, 2.0 * k))


def mixture(empty: bool) -> States:
    """Two means: c from the first moment s and b, so that s = 0 is a plane of the grid."""
    logs = np.arange(-45.0, 0.0, 0.3)
    size = np.concatenate([np.exp(logs), -np.exp(logs)])
    s, b = (v[..., None] for v in np.meshgrid(size, np.exp(logs), indexing="ij"))
    a = 0.5 * np.exp(np.arange(-45.0, 0.0, 0.4)) if empty else np.linspace(0.25, 0.75, 11)
    c = (s - a * b) / (1.0 - a)
    loss = sum((a * b**k + (1.0 - a) * c**k) ** 2 for k in (2, 3)) + s**2
    measure = np.abs(s * b) * (a if empty else 1.0) / (1.0 - a)
    return np.log(loss / 6.0).ravel(), np.broadcast_to(measure, loss.shape).ravel()


def mixture_of_three() -> States:
    """Power sums of a, b and c = s - a - b, in the length and angle of (a, b)."""
    logs = np.arange(-45.0, 0.0, 0.25)
    size = np.concatenate([np.exp(logs), -np.exp(logs)])
    s, r, angle = np.meshgrid(size, np.exp(logs), np.linspace(0, 2 * np.pi, 17)[:-1], indexing="ij")
    a, b = r * np.cos(angle), r * np.sin(angle)
    loss = s**2 + sum((a**k + b**k + (s - a - b) ** k) ** 2 for k in (2, 3))
    return np.log(loss / 6.0).ravel(), (np.abs(s) * r**2).ravel()


def mixture_in_the_plane() -> States:
    """Means b and c = 2 s - b in the plane, at the weights 1/2: both lengths and both angles."""
    logs, angles = np.arange(-45.0, 0.0, 0.3), np.arange(8) * np.pi / 4
    s, b, turn, between = np.meshgrid(np.exp(logs), np.exp(logs), angles, angles, indexing="ij")
    s1, s2 = s * np.cos(turn + between), s * np.sin(turn + between)
    b1, b2 = b * np.cos(turn), b * np.sin(turn)
    c1, c2 = 2.0 * s1 - b1, 2.0 * s2 - b2
    second = (b1**2 + c1**2) ** 2 + (b2**2 + c2**2) ** 2 + (b1 * b2 + c1 * c2) ** 2
    return np.log((s**2 + second / 4.0) / 10.0).ravel(), (s**2 * b**2).ravel()


def net_weight(known: KnownModel) -> int:
    """Weight 2 (1 + r + … + r^(depth - 1)) of the outputs of a polynomial net: λ is 3/2 over it."""
    return int(Fraction(3, 2) / known.exact.llc)


def polynomial_net(known: KnownModel) -> States:
    """On the square |t1|, |t1 + t2| < 1, both on logarithmic grids.

    Each layer's outputs are scaled to size 1 and the logarithm of the scale is kept, which s takes
    to the power of its degree: nothing ends at the range of float64. K grows by many powers of e
    from point to point, so each row and column of the grid is shifted by a part of the step of its
    own: the edge of a region of small K then lies everywhere between the points.
    """
    words = known.name.split()
    depth = int(words[3].rstrip(","))
    degree = int(words[-1][2:]) if "^" in known.name else 2
    logs, step = np.linspace(0.0, -12.0 - 70.0 / net_weight(known), 1000, retstep=True)
    shifts = step * (np.arange(1000) * GOLDEN % 1.0)
    sizes = np.exp(logs[:, None] + shifts), np.exp(logs + shifts[:, None])
    log_k, weight = [], []
    for first, second in itertools.product((1.0, -1.0), repeat=2):
        t1, total = first * sizes[0], second * sizes[1]
        entries = total, t1**2, (total - t1) ** 2
        squares = [log_square(entries, *point, depth, degree) for point in NET_POINTS]
        log_k.append(np.logaddexp.reduce(squares) - np.log(2.0 * NET_POINTS.size))
        weight.append(np.abs(t1 * total))
    grid = np.arange(min(map(np.min, log_k)) - STEP, max(map(np.max, log_k)) + 2.0 * STEP, STEP)
    masses = [spread(np.ravel(k), np.ravel(w), grid) for k, w in zip(log_k, weight, strict=True)]
    return grid, np.sum(masses, axis=0)


def log_square(
    entries: tuple[np.ndarray, ...], x0: float, x1: float, depth: int, degree: int
) -> np.ndarray:
    """ln of the sum of both squared outputs at the point (x0, x1)."""
    w00, w01, w11 = entries
    z0, z1 = w00 * x0 + w01 * x1, w01 * x0 + w11 * x1
    log_scale = np.zeros_like(w00)
    for _ in range(depth - 1):
        scale = np.maximum(np.abs(z0), np.abs(z1))
        log_scale = degree * (log_scale + np.log(scale))
        z0, z1 = (z0 / scale) ** degree, (z1 / scale) ** degree
        z0, z1 = w00 * z0 + w01 * z1, w01 * z0 + w11 * z1
    return 2.0 * log_scale + np.log(z0**2 + z1**2)


BY_NAME: dict[str, Callable[[], States]] = {
    "swallowtail": swallowtail,
    "x^2*y^2 + y^2*z^2 + z^2*x^2": three_products,
    "minors of 2 x 3": minors_of_2_by_3,
    "minors of 3 x 3": minors_of_3_by_3,
    "mixture of two": lambda: mixture(empty=False),
    "mixture of two, one empty": lambda: mixture(empty=True),
    "mixture of two in the plane": mixture_in_the_plane,
    "mixture of three, equal weights": mixture_of_three,
}
"""Distributions of ln K by the name of the model."""


def main() -> None:
    """Print the curves of the models named, or of all that have one."""
    names = sys.argv[1:]
    n_betas = np.logspace(3, 30, 10)
    print("model", *(f"{n:.0e}" for n in n_betas), "exact", sep="\t")
    for known in singular_suite():
        if names and known.name not in names:
            continue
        found = exact_means(known, n_betas)
        if found is not None:
            print(known.name, *(f"{mean:.4f}" for mean in found), known.exact, sep="\t", flush=True)


if __name__ == "__main__":
    main()
