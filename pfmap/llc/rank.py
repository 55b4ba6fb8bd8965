"""Rank of the Jacobian at w*: half of it bounds the learning coefficient from below."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pfmap.display import Displayed
from pfmap.llc.singular import decompose, singular_values
from pfmap.llc.train import train_to_targets
from pfmap.models.base import CompiledModel, RegressionModel

RELATIVE_RADIUS = 1e-5
"""Length of a perturbation along the fibre, times max(1, |w*|)."""

N_PERTURBATIONS = 2

TANGENT_LIMIT = 0.01
"""Largest share of a perturbation that the way back to the fibre may undo."""

GAP_LIMIT = 0.01
"""A rank is clear-cut where the singular value below the cut is this much smaller or less."""


@dataclass(frozen=True, repr=False)
class JacobianRank(Displayed):
    """Rank of a Jacobian and what it rests on.

    Attributes
    ----------
    rank : int
        Singular values above the cut max(shape)·eps·(largest singular value), eps = 2.2e-16.
    gap : float
        First singular value below the cut over the last above; where every one lies above, the
        cut itself over the last. NaN at rank 0. Small is clear. Infinite, with rank 0, where an
        entry is not finite or the singular values cannot be computed: nothing is known.
    singular_values : ndarray
        In descending order; empty where nothing is known.
    basis : ndarray, shape (min(outputs, d), d)
        Right singular vectors, one a row; none where nothing is known.
    """

    SHOWN: ClassVar = ("rank", "gap")

    rank: int
    gap: float
    singular_values: np.ndarray
    basis: np.ndarray


def weighted_jacobian(model: RegressionModel, weights: np.ndarray) -> np.ndarray:
    """Matrix A with AᵀA / P the Hessian of K at a zero of K; for squared error the Jacobian."""
    if isinstance(model, CompiledModel):
        return model.fisher_jacobian(weights)
    return model.jacobian(weights)


def jacobian_rank(jacobian: np.ndarray) -> JacobianRank:
    """Rank, singular values and right singular vectors of a Jacobian.

    Parameters
    ----------
    jacobian : ndarray, shape (outputs, d)
        Such as ``model.jacobian(weights)``.

    Returns
    -------
    JacobianRank

    Examples
    --------
    >>> found = jacobian_rank(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    >>> found.rank, found.gap
    (1, 0.0)
    """
    parts = decompose(jacobian)
    if parts is None:
        return JacobianRank(0, math.inf, np.empty(0), np.empty((0, jacobian.shape[1])))
    _, values, basis = parts
    cut = rank_cut(jacobian, values)
    rank = int((values > cut).sum())
    if rank == 0:
        gap = math.nan
    else:
        below = values[rank] if rank < len(values) else cut
        gap = float(below / values[rank - 1])
    return JacobianRank(rank, gap, values, np.ascontiguousarray(basis))


def rank_cut(jacobian: np.ndarray, values: np.ndarray) -> float:
    """Singular values up to here are rounding, as in `numpy.linalg.matrix_rank`."""
    return float(max(jacobian.shape) * np.finfo(float).eps * values[0]) if len(values) else 0.0


def _rank_alone(jacobian: np.ndarray) -> int | None:
    """Rank without singular vectors, by way of a QR factor: twice as fast on long rows."""
    if not np.isfinite(jacobian).all():
        return None
    values = singular_values(np.asarray(np.linalg.qr(jacobian.T, mode="r")))
    return None if values is None else int((values > rank_cut(jacobian, values)).sum())


def rank_is_constant(
    model: RegressionModel, weights: np.ndarray, found: JacobianRank, *, seed: int
) -> bool | None:
    """Whether rank/2 is λ itself at `weights`, by small perturbations along the fibre.

    The fibre is the set of parameters with the outputs of w*. A random vector of the null space of
    the Jacobian, of length 1e-5·max(1, |w*|), is added to w*, and Gauss-Newton brings the point
    back to the fibre. λ = rank/2 needs two things: the rank is the same there, and the way back is
    of second order, so that every null direction is tangent to the fibre and its codimension is
    the rank. (At w = 0 of K = w⁴ the rank is 0 on the whole fibre {0}, yet λ = 1/4: there the way
    back undoes the perturbation.)

    A clear rank equal to the number of outputs needs no perturbation: the outputs then map a
    neighbourhood of w* onto one of their values, the fibre is smooth, and the rank stays full.

    A perturbation that short shows what depends on it to the first or second order; a product of
    three weights that are 0 at w* changes by 1e-15, which is rounding, and is taken for nothing. It
    takes a network of four layers of weights or more, with whole layers at 0.

    Parameters
    ----------
    model : RegressionModel
    weights : ndarray, shape (d,)
        w*.
    found : JacobianRank
        The rank at w*.
    seed : int
        Seed of the perturbations.

    Returns
    -------
    bool or None
        None if Gauss-Newton did not get back to the fibre, or nothing is known of the rank.

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> for exponents in ([[1, 0]], [[2, 0]], [[1, 1]]):  # outputs w1, w1² and w1 w2, at the origin
    ...     model = polynomial_model(exponents)
    ...     print(rank_is_constant(model, np.zeros(2), jacobian_rank(model.jacobian(np.zeros(2))),
    ...                            seed=1))
    True
    False
    False
    """
    if found.rank == len(model.targets) and found.gap <= GAP_LIMIT:
        return True
    if math.isinf(found.gap):
        return None
    rng = np.random.default_rng(seed)
    on_fibre = model.with_targets(model.outputs(weights))
    radius = RELATIVE_RADIUS * max(1.0, float(np.linalg.norm(weights)))
    scale = max(1.0, float(np.mean(on_fibre.targets**2)))
    rows = found.basis[: found.rank]
    for _ in range(N_PERTURBATIONS):
        move = rng.normal(size=weights.shape)
        move -= rows.T @ (rows @ move)
        length = float(np.linalg.norm(move))
        if length < 1e-8:  # the null space is {0}: w* is alone on its fibre, and of full rank
            return True
        move *= radius / length
        back = train_to_targets(on_fibre, weights + move, tolerance=1e-26 * scale, max_steps=20)
        if back.loss > 1e-22 * scale:
            return None
        undone = float(np.linalg.norm(back.weights - weights - move)) / radius
        if undone > TANGENT_LIMIT:
            return False
        if _rank_alone(weighted_jacobian(model, back.weights)) != found.rank:
            return False
    return True
