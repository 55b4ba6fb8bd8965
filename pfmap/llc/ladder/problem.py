"""The posteriors of a ladder: the remainder of a model around w*, and where it is localised."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pfmap.llc.ladder.euler import euler_fields
from pfmap.llc.rank import JacobianRank, jacobian_rank
from pfmap.models.base import CompiledModel, Model, RegressionModel
from pfmap.models.groups import affine_blocks, scaling_groups
from pfmap.models.network import kink_margin

ZERO_LOSS = 1e-20
"""K(w*) up to here, times the mean square of the targets or 1, counts as a zero of K."""

TANGENT = 1e-9
"""A coordinate belongs to the null space if no stiff direction has more than this of it."""

MIN_KINK_MARGIN = 1e-9
"""Where a pre-activation is this small next to its terms, w* lies on a kink."""


@dataclass(frozen=True)
class LadderProblem:
    """What is sampled: K_G of `pfmap.kernels.remainder` around w*, localised.

    Attributes
    ----------
    model : Model
        Loss K and gradient.
    center : ndarray, shape (d,)
        w*.
    loss_at_center : float
        K(w*), taken off the loss; 0 after a reduction.
    found : JacobianRank or None
        Rank of the Jacobian at w*; None without one.
    left, right, values : ndarray, shapes (k, outputs), (k, d), (k,)
        Singular vectors and values of the stiff directions; k is 0 where K itself is sampled.
    groups : ndarray of int64, shape (kinds, d)
        Groups of coordinates that scale together.
    euler : ndarray, shape (fields, d + 1)
        Scalings under which K is homogeneous, of `pfmap.llc.ladder.euler`; none with stiff
        directions.
    blocks : ndarray of int64, shape (blocks, d)
        1 for the parameters of each block in which the outputs are affine, else 0; none with stiff
        directions.
    gamma, radius : float
        Localisation: the bump (1 - |x|²/R²)^(γR²/2) on the ball of radius R, or the Gaussian of
        precision γ where R is infinite.
    leaps : int
        Leaps of a Hamiltonian move.
    key : int
        64-bit key of the random numbers.
    """

    model: Model
    center: np.ndarray
    loss_at_center: float
    found: JacobianRank | None
    left: np.ndarray
    right: np.ndarray
    values: np.ndarray
    groups: np.ndarray
    euler: np.ndarray
    blocks: np.ndarray
    gamma: float
    radius: float
    leaps: int
    key: int

    @property
    def rank(self) -> int:
        """k, the number of stiff directions that are solved for."""
        return len(self.values)

    @property
    def n_free(self) -> int:
        """Dimension of what is sampled."""
        return len(self.center) - self.rank

    @property
    def output_scale(self) -> float:
        """Mean square of the targets, at least 1: the scale of the loss's rounding."""
        return _output_scale(self.model)

    def tolerances(self, n_betas: np.ndarray) -> np.ndarray:
        """How small |u_iᵀ (F - t)| must be, so that U is right to about 1e-4."""
        if not isinstance(self.model, RegressionModel):
            return np.zeros(len(n_betas))
        rounding = 1e-14 * math.sqrt(len(self.model.targets) * self.output_scale)
        return np.maximum(1e-4 * np.sqrt(self.model.n_points / n_betas), rounding)


def _output_scale(model: Model) -> float:
    if not isinstance(model, RegressionModel):
        return 1.0
    return max(1.0, float(np.mean(np.square(model.targets))))


def make_problem(
    model: Model, center: np.ndarray, *, reduced: bool = True, leaps: int, key: int
) -> LadderProblem:
    """Problem around w*, not yet localised.

    With `reduced`, and where K(w*) is zero and w* on no kink, the stiff directions of the Jacobian
    are solved for. Around a zero the divergence of a Bernoulli model lies between two multiples of
    the squared error of its logits, so it has the same λ and m, and the squared error is sampled.
    """
    if isinstance(model, CompiledModel):
        model = model.with_squared_error()
    d = len(center)
    loss = float(model.loss(center))
    found = None
    left, right, values = np.empty((0, 0)), np.empty((0, d)), np.empty(0)
    if isinstance(model, RegressionModel):
        left = np.empty((0, len(model.targets)))
        jacobian = model.jacobian(center)
        found = jacobian_rank(jacobian)
        smooth = not isinstance(model, CompiledModel) or not on_kink(model, center)
        if reduced and smooth and loss <= ZERO_LOSS * _output_scale(model) and found.rank > 0:
            values = found.singular_values[: found.rank].copy()
            right = np.ascontiguousarray(found.basis[: found.rank])
            left = np.ascontiguousarray((jacobian @ right.T / values).T)
            loss = 0.0
    tangent = np.all(np.abs(right) < TANGENT, axis=0)
    euler = np.empty((0, d + 1)) if len(values) else euler_fields(model, center)
    blocks = affine_blocks(model) if len(values) == 0 else np.empty((0, d), dtype=np.int64)
    return LadderProblem(
        model, center, loss, found, left, right, values, scaling_groups(model, tangent), euler,
        blocks, 1.0, math.inf, leaps, key,
    )  # fmt: skip


def on_kink(model: CompiledModel, center: np.ndarray) -> bool:
    """Whether a relu unit is about to switch at w*, so that the Jacobian belongs to one side."""
    return kink_margin(model, center) < MIN_KINK_MARGIN
