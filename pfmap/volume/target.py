"""What a splitting aims at: wanted signs of a network's outputs, or a small loss of a model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np

from pfmap.arguments import checked_array
from pfmap.errors import SettingsError
from pfmap.kernels.layout import Points, Readout, Shape
from pfmap.kernels.variates import CODES, NORMAL
from pfmap.models.abilities import require_members
from pfmap.models.base import CompiledModel, LossModel, Model
from pfmap.models.groups import scaling_groups
from pfmap.sampling import SamplingPlan

MoveWeights = tuple[float, float, float, float]

SIGN_MOVES: MoveWeights = (1.0, 0.0, 0.0, 0.0)
LOSS_MOVES: dict[str, MoveWeights] = {
    "normal": (0.5, 0.0, 0.25, 0.25),
    "uniform": (0.5, 0.0, 0.25, 0.25),
}
GRADIENT_FREE_MOVES: dict[str, MoveWeights] = {
    "normal": (0.5, 0.25, 0.25, 0.0),
    "uniform": (0.75, 0.0, 0.25, 0.0),
}
"""Probabilities of walk, elliptical slice, scaling and bouncing move."""


@dataclass(frozen=True)
class Target:
    """A severity and the prior whose mass below each level of it is measured.

    Attributes
    ----------
    name : str
        Part of the name of the random numbers.
    loss : str
        signs | squared | bernoulli: what the severity is.
    law : int
        Code of the prior's law in `pfmap.kernels.variates`.
    scales : ndarray of float64, shape (d,)
        Factor of every parameter: its standard deviation, times sqrt(3) for the uniform law.
    shape, points, readout, signs
        The network, and the wanted sign at every point (1, -1, or 0: any); used by ``signs``.
    model : LossModel
        The model; used by the other losses. One that is not compiled is called as it is, which is
        slower, and makes the same chains.
    groups : ndarray of int64, shape (kinds, d)
        Coordinates that moves take together, as `pfmap.models.groups` says.
    move_weights : tuple of float
        Probabilities of the four moves of `pfmap.kernels.splitting`.
    """

    name: str
    loss: str
    law: int
    scales: np.ndarray
    shape: Shape
    points: Points
    readout: Readout
    signs: np.ndarray
    model: LossModel
    groups: np.ndarray
    move_weights: MoveWeights

    @property
    def n_parameters(self) -> int:
        """Length d of a parameter vector."""
        return len(self.scales)

    def with_moves(self, move: Literal["walk", "elliptical"]) -> Self:
        """The same target explored by one kind of move alone.

        Raises
        ------
        SettingsError
            If elliptical slices are asked for under a uniform prior.
        """
        if move == "elliptical" and self.law != NORMAL:
            raise SettingsError(
                "move: elliptical slices need a normal prior, got a uniform one",
                next_step="use walk, whose steps are reflected at the walls",
            )
        alone = {"walk": (1.0, 0.0, 0.0, 0.0), "elliptical": (0.0, 1.0, 0.0, 0.0)}
        return replace(self, move_weights=alone[move])


_NO_MODEL = CompiledModel(0, np.zeros(8, dtype=np.int64), np.zeros(1), np.zeros(0), 1, 1)
_NO_SHAPE = Shape(np.ones(2, dtype=np.int64), 0, 0, 1, 0, 0)
_NO_POINTS = Points(
    1, np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros(0, np.float32), 0.0,
    np.zeros((1, 1)),
)  # fmt: skip
_NO_READOUT = Readout(0.0, 0, 0.0)


def sign_target(plan: SamplingPlan, signs: np.ndarray, *, name: str) -> Target:
    """Parameters whose outputs have the wanted signs, under a campaign's prior.

    Parameters
    ----------
    plan : SamplingPlan
        The network, its domain and its prior.
    signs : ndarray, shape (points,)
        1 where a bit 1 is wanted (output > 0, strictly), -1 where a bit 0 is, 0 where any will do.
    name : str
        Names the random numbers, such as the key of the function.

    Raises
    ------
    SettingsError
        If the readout is not that of signs, or `signs` does not fit the domain.
    """
    if plan.readout.step != 0.0:
        raise SettingsError("readout: must be sign, got quantised", next_step="use a loss instead")
    wanted = checked_array("signs", signs)
    if wanted.shape != (plan.n_points,) or not np.isin(wanted, (-1.0, 0.0, 1.0)).all():
        raise SettingsError(f"signs: must be {plan.n_points} numbers of -1, 0 and 1")
    return Target(
        name=name,
        loss="signs",
        law=plan.law.code,
        scales=plan.law.scales[: plan.n_parameters].astype(np.float64),
        shape=plan.shape,
        points=plan.points,
        readout=plan.readout,
        signs=wanted,
        model=_NO_MODEL,
        groups=_layers(plan.shape),
        move_weights=SIGN_MOVES,
    )


def _layers(shape: Shape) -> np.ndarray:
    """Groups of a network for signs: all parameters, and those of every layer.

    Signs bind the layers to very different degrees; one size for all is the smallest of them.
    """
    sizes = (shape.widths[:-1] + shape.bias) * shape.widths[1:]
    layers = np.repeat(np.arange(len(sizes)), sizes)
    return np.array([np.zeros_like(layers), layers][: len(sizes)])


def loss_target(
    model: LossModel,
    sds: np.ndarray | float = 1.0,
    *,
    name: str,
    law: Literal["normal", "uniform"] = "normal",
    loss: str = "squared",
) -> Target:
    """Parameters of a model with a small loss K, under a prior centred at 0.

    Parameters
    ----------
    model : LossModel
        Anything with ``n_parameters`` and ``loss``: one of pfmap's, with its targets, or one of
        your own (`pfmap.models.own`). With ``gradient`` too, chains can bounce off the level set,
        which pays where many parameters are free.
    sds : float or ndarray, shape (d,), default 1.0
        Standard deviations of the prior.
    name : str
        Names the random numbers.
    law : {"normal", "uniform"}, default "normal"
        Law of the prior.
    loss : str, default "squared"
        What the tables call the loss.

    Raises
    ------
    SettingsError
        If the model has no loss, or `sds` cannot be used.

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> target = loss_target(polynomial_model([[1, 1]]), name="w1 w2")
    >>> target.n_parameters, len(target.groups)
    (2, 2)
    """
    require_members(model, ("n_parameters", "loss"), by="loss_target")
    d = model.n_parameters
    moves = LOSS_MOVES if isinstance(model, Model) else GRADIENT_FREE_MOVES
    scales = np.array(np.broadcast_to(checked_array("sds", sds), (d,)))
    if not (np.isfinite(scales) & (scales >= 0.0)).all():
        raise SettingsError("sds: must be finite and at least 0")
    return Target(
        name=name,
        loss=loss,
        law=CODES[law],
        scales=scales * (np.sqrt(3.0) if law == "uniform" else 1.0),
        shape=_NO_SHAPE,
        points=_NO_POINTS,
        readout=_NO_READOUT,
        signs=np.zeros(1),
        model=model,
        groups=scaling_groups(model, np.ones(d, dtype=bool)),
        move_weights=moves[law],
    )
