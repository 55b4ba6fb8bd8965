"""E[s(u) s(v)] of any activation by quadrature, for activations without a closed form.

With ρ the correlation of u and v, σ its sign, A >= B and A² + B² = 1, A² - B² = |ρ|,

    u = sd(u) (A p + B q),    v = σ sd(v) (A p - B q),    p, q ~ N(0, 1) independent,

so that no strong correlation makes the integrand narrow. Panels of Gauss-Legendre nodes end on the
breaks that the activation's record declares; in p they shrink towards the kinks as B/A does. Panels
are halved and the square of integration grows until the integrals stay.
"""

from __future__ import annotations

import numpy as np

from pfmap.activations import Activation
from pfmap.activations._normal import correlation
from pfmap.errors import DataError

N_NODES = 12
PANELS = 4
HALVINGS = 6
GRADINGS = 28
REACH = 9.0
"""Half the side of the square in p and q at first; there the density is 1e-18 of its peak."""

TOLERANCE = 1e-11
_MOST_VALUES = 2**21


def quadrature_moments(
    facts: Activation, degree: int, u: np.ndarray, v: np.ndarray, cov: np.ndarray
) -> np.ndarray:
    """E[s(u) s(v)] for centred normal pairs (u, v).

    Parameters
    ----------
    facts : Activation
        Record of s; its breaks and its growth are used.
    degree : int
        Exponent of ``monomial``.
    u, v, cov : ndarray, shape (pairs,)
        Variances of u and v, and their covariance.

    Returns
    -------
    ndarray, shape (pairs,)
        To about 1e-11 of E|s(u) s(v)|, or better.

    Raises
    ------
    DataError
        If the integrals do not settle: s too rough at the scale of the variances.

    Examples
    --------
    E[sin u sin v] = exp(-(var u + var v)/2) sinh(cov):

    >>> from pfmap.activations import facts_of
    >>> one, half = np.array([1.0]), np.array([0.5])
    >>> found = quadrature_moments(facts_of("sin", 1), 1, one, one, half)
    >>> abs(found[0] - np.exp(-1.0) * np.sinh(0.5)) < 1e-12
    np.True_
    """
    # A power x^p moves the mass of s(u) s(v) outwards, to about sqrt(2p).
    reach = REACH + 2.0 * np.sqrt(facts.homogeneity or 1)
    before: np.ndarray | None = None
    for halving in range(HALVINGS):
        now, size = _integrals(facts, degree, (u, v, cov), 2**halving, reach + halving)
        if before is not None and (np.abs(now - before) <= TOLERANCE * size).all():
            return now
        before = now
    raise DataError(
        f"activation: the integrals of {facts.formula} do not settle at variances up to "
        f"{max(u.max(), v.max()):.3g}",
        next_step="use smaller scales of the prior, or fewer layers",
    )


def _integrals(
    facts: Activation,
    degree: int,
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray],
    parts: int,
    reach: float,
) -> tuple[np.ndarray, np.ndarray]:
    """E[s(u) s(v)] and E|s(u) s(v)|, every panel cut in `parts`."""
    from pfmap.kernels.activation import activate_row, code_of

    found, sizes = np.empty(len(pairs[0])), np.empty(len(pairs[0]))
    kinks, code = np.array(facts.breaks), code_of(facts.name)
    panels = (PANELS + 4 * GRADINGS * len(kinks), PANELS + 2 * len(kinks))
    step = max(1, _MOST_VALUES // (panels[0] * panels[1] * (parts * N_NODES) ** 2))

    def s(values: np.ndarray) -> np.ndarray:
        out = np.empty(values.size)
        activate_row(code, degree, values.ravel(), out)
        return out.reshape(values.shape)

    for start in range(0, len(found), step):
        u, v, cov = (part[start : start + step] for part in pairs)
        sd_u, sd_v = np.sqrt(u), np.sqrt(v)
        rho = correlation(sd_u, sd_v, cov)
        sign = np.where(rho < 0.0, -1.0, 1.0)
        a, b = np.sqrt((1.0 + np.abs(rho)) / 2.0), np.sqrt((1.0 - np.abs(rho)) / 2.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            # Where u or v is at a kink: p + (b/a) q, and p - (b/a) q, equal these.
            at_u = kinks / (sd_u * a)[:, None]
            at_v = kinks * (sign / (sd_v * a))[:, None]
            p, p_weights = _nodes(_graded(np.hstack([at_u, at_v]), reach), parts)
            ratio = (a / b)[:, None, None]
            lines = np.concatenate(
                [ratio * (at_u[:, None] - p[..., None]), ratio * (p[..., None] - at_v[:, None])],
                axis=2,
            )
        q, q_weights = _nodes(_with_ends(lines, reach), parts)
        outer, inner = (a[:, None] * p)[..., None], b[:, None, None] * q
        product = s(sd_u[:, None, None] * (outer + inner))
        product *= s((sign * sd_v)[:, None, None] * (outer - inner))
        weights = p_weights[..., None] * q_weights
        found[start : start + step] = (weights * product).sum(axis=(1, 2))
        sizes[start : start + step] = (weights * np.abs(product)).sum(axis=(1, 2))
    return found, sizes


def _graded(kinks: np.ndarray, reach: float) -> np.ndarray:
    """Ends of panels that halve towards every kink, ascending, shape (pairs, ends)."""
    distances = reach * 0.5 ** np.arange(GRADINGS)
    steps = np.concatenate([-distances, [0.0], distances])
    return _with_ends((kinks[..., None] + steps).reshape(len(kinks), -1), reach)


def _with_ends(breaks: np.ndarray, reach: float) -> np.ndarray:
    """Breaks within the reach and a few equally spaced ones, ascending along the last axis."""
    even = np.broadcast_to(np.linspace(-reach, reach, PANELS + 1), (*breaks.shape[:-1], PANELS + 1))
    inside = np.clip(np.nan_to_num(breaks, nan=0.0, posinf=reach, neginf=-reach), -reach, reach)
    return np.sort(np.concatenate([even, inside], axis=-1), axis=-1)


def _nodes(ends: np.ndarray, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the standard normal law on panels, each cut in `parts`."""
    places, weights = np.polynomial.legendre.leggauss(N_NODES)
    width = np.diff(ends)[..., None] / parts
    lows = ends[..., :-1, None] + width * np.arange(parts)
    half = 0.5 * width[..., None]
    nodes = lows[..., None] + half * (1.0 + places)
    masses = half * weights * np.exp(-0.5 * nodes**2) / np.sqrt(2.0 * np.pi)
    shape = (*ends.shape[:-1], -1)
    return nodes.reshape(shape), np.broadcast_to(masses, nodes.shape).reshape(shape)
