"""Null directions of a Jacobian by the symmetries that a model declares.

The networks of `pfmap.llc.nullity` have their causes worked out there. Any other model that states
its symmetries (`pfmap.models.symmetries.Symmetric`), as programs do, has the dimension of their
tangents counted here, one cause after the other, so that a direction of two causes counts for the
first and the sum is the nullity d - rank:

1. dead: parameters that enter a unit which moves no output;
2. narrow: parameters that enter one unit, which the points cannot tell apart;
3. rescaling, basis, shift, unseen, norm: tangents of declared symmetries, as
   `pfmap.models.symmetries` names them, beyond what the causes before hold. What the Jacobian does
   not confirm as null counts for nothing;
4. unexplained: the rest. With more parameters than the outputs or the functions have dimensions it
   is at least that excess, and relu units on at every point, or at the same ones, are not looked
   for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pfmap.display import Displayed
from pfmap.llc.nullity import Nullity, nullity_by_cause, rank_outside
from pfmap.llc.rank import JacobianRank, rank_cut
from pfmap.llc.singular import singular_values
from pfmap.models.base import CompiledModel, RegressionModel
from pfmap.models.symmetries import CAUSES, Symmetric

MOST_LEFT = 1e-10
"""A tangent of length 1 is null where the Jacobian makes at most this times its largest singular
value of it: rounding of its entries, and not a direction that is left out."""


@dataclass(frozen=True, repr=False)
class DeclaredNullity(Displayed):
    """Null directions of a Jacobian by cause; their sum is d - rank.

    Attributes
    ----------
    dead, narrow, rescaling, basis, shift, unseen, norm, unexplained : int
        As the module says.
    """

    dead: int
    narrow: int
    rescaling: int
    basis: int
    shift: int
    unseen: int
    norm: int
    unexplained: int


def declared_nullity(
    model: Symmetric, weights: np.ndarray, jacobian: np.ndarray, found: JacobianRank
) -> DeclaredNullity:
    """Count the null directions of a Jacobian by the symmetries that its model declares.

    Parameters
    ----------
    model : Symmetric
        Such as a program's.
    weights : ndarray, shape (d,)
        w*.
    jacobian : ndarray, shape (outputs, d)
        The Jacobian at w*.
    found : JacobianRank
        Its rank.

    Returns
    -------
    DeclaredNullity

    Examples
    --------
    >>> from pfmap.llc.rank import jacobian_rank
    >>> from pfmap.models.families.gated import gated_model
    >>> model = gated_model(np.random.default_rng(0).normal(size=(50, 2)), 2)
    >>> weights = np.linspace(-1.0, 1.1, 15)
    >>> jacobian = model.jacobian(weights)
    >>> declared = declared_nullity(model, weights, jacobian, jacobian_rank(jacobian))
    >>> declared.rescaling, declared.unexplained
    (2, 0)
    """
    cut = rank_cut(jacobian, found.singular_values)
    dead = narrow = 0
    for block in model.incoming:
        values = singular_values(jacobian[:, block])
        lost = len(block) - (0 if values is None else int((values > cut).sum()))
        if jacobian[:, block].any():
            narrow += lost
        else:
            dead += lost
    held, counts, before = list(model.incoming), dict.fromkeys(CAUSES, 0), 0
    rows = np.empty((0, len(weights)))
    for cause in CAUSES:
        tangents = [known.tangents(weights) for known in model.symmetries if known.cause == cause]
        rows = np.concatenate([rows, *(_confirmed(each, jacobian, found) for each in tangents)])
        within = rank_outside(rows, held, jacobian, cut) if len(rows) else 0
        counts[cause], before = within - before, within
    explained = dead + narrow + before
    rest = len(weights) - found.rank - explained
    return DeclaredNullity(dead=dead, narrow=narrow, **counts, unexplained=max(0, rest))


def null_directions(
    model: RegressionModel, weights: np.ndarray, jacobian: np.ndarray, found: JacobianRank
) -> Nullity | DeclaredNullity | None:
    """Null directions by cause: by declared symmetries, of networks by their units, or None."""
    if isinstance(model, Symmetric):
        return declared_nullity(model, weights, jacobian, found)
    if isinstance(model, CompiledModel):
        return nullity_by_cause(model, weights, jacobian, found)
    return None


def _confirmed(tangents: np.ndarray, jacobian: np.ndarray, found: JacobianRank) -> np.ndarray:
    """Those tangents, of length 1, that the Jacobian maps to nothing."""
    lengths = np.linalg.norm(tangents, axis=1)
    usable = np.isfinite(lengths) & (lengths > 0.0)
    unit = tangents[usable] / lengths[usable, None]
    left = np.linalg.norm(unit @ jacobian.T, axis=1)
    return np.asarray(unit[left <= MOST_LEFT * found.singular_values.max(initial=0.0)])
