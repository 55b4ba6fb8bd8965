"""What a splitting aims at: wanted signs of a network's outputs, or a small loss of a model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np

from pfmap.arguments import checked_array
from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.kernels.cached import Net, pass_work
from pfmap.kernels.family import BERNOULLI, NETWORK
from pfmap.kernels.gradient import DEGREE, FIRST_WIDTH, HIDDEN_CODE, OUTPUT_CODE
from pfmap.kernels.severity_losses import ModelLoss, NetworkLoss
from pfmap.kernels.severity_model_signs import ModelSigns
from pfmap.kernels.severity_signs import SignTarget, TiltedSigns
from pfmap.kernels.splitting import UNITS
from pfmap.kernels.variates import CODES
from pfmap.models.abilities import require_members
from pfmap.models.base import CompiledModel, LossModel, Model
from pfmap.models.groups import scaling_groups
from pfmap.sampling import ModelPlan, NetworkPlan, SamplingPlan

MoveWeights = tuple[float, float, float, float]
Law = Literal["normal", "uniform"]

WALKS: MoveWeights = (1.0, 0.0, 0.0, 0.0)
SIGN_MOVES: MoveWeights = (0.1, 0.9, 0.0, 0.0)
NETWORK_MOVES: MoveWeights = (0.25, 0.25, 0.25, 0.25)
LOSS_MOVES: MoveWeights = (0.5, 0.0, 0.25, 0.25)
GRADIENT_FREE_MOVES: MoveWeights = (0.75, 0.0, 0.25, 0.0)
SLOPELESS_MOVES: MoveWeights = (0.25, 0.5, 0.25, 0.0)
"""Probabilities of walk, slices of units, scaling and bouncing move: for wanted signs of models
whose layers are not kept, and of networks; for losses of networks whose layers are kept, of models
with a gradient, of others, and of networks whose activations have no slope."""

ANGLES = 5
"""Angles that a slice tries, about."""

MOST_SLICES = 32


@dataclass(frozen=True, repr=False)
class Target(Displayed):
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
    kernel : SignTarget, TiltedSigns, ModelSigns, NetworkLoss, ModelLoss or None
        The severity as kernels take it; None for a model that is not compiled.
    model : LossModel or None
        The model of a loss; None for signs. One that is not compiled is called as it is, which is
        slower, and makes the same chains where the moves are the same.
    groups : ndarray of int64, shape (kinds, d)
        Coordinates that moves take together, as `pfmap.models.groups` says.
    move_weights : tuple of float
        Probabilities of the four moves of `pfmap.kernels.splitting`.
    slices : int
        Units that are sliced in a step of slices; 0 where nothing can be sliced.
    layer_edges : ndarray of float64, shape (layers,)
        Chances of the layers up to each one to be sliced.
    """

    SHOWN: ClassVar = ("name", "loss", "n_parameters")

    name: str
    loss: str
    law: int
    scales: np.ndarray
    kernel: SignTarget | TiltedSigns | ModelSigns | NetworkLoss | ModelLoss | None
    model: LossModel | None
    groups: np.ndarray
    move_weights: MoveWeights
    slices: int
    layer_edges: np.ndarray

    @property
    def n_parameters(self) -> int:
        """Length d of a parameter vector."""
        return len(self.scales)

    @property
    def step_slices(self) -> int:
        """Units that a step may slice: 0 where no step is one of slices."""
        return self.slices if self.move_weights[UNITS] > 0.0 else 0

    @property
    def pass_work(self) -> int:
        """What kernels count for one severity: the multiply-adds of a network's forward pass."""
        net = getattr(self.kernel, "net", None)
        return 1 if net is None else int(pass_work.py_func(net))

    def with_margin(self, margin: float) -> Self:
        """The same wanted signs ordered with another margin κ (`pfmap.kernels.severity_signs`).

        A loss has none and stays as it is.
        """
        if not isinstance(self.kernel, SignTarget | ModelSigns):
            return self
        return replace(self, kernel=self.kernel._replace(margin=float(margin)))

    @property
    def margin(self) -> float:
        """κ of wanted signs; 0 for a loss."""
        return self.kernel.margin if isinstance(self.kernel, SignTarget | ModelSigns) else 0.0


def sign_target(plan: SamplingPlan, signs: np.ndarray, *, name: str) -> Target:
    """Parameters whose outputs have the wanted signs, under a campaign's prior.

    Parameters
    ----------
    plan : SamplingPlan
        The model, its domain and its prior.
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
    if isinstance(plan, ModelPlan):
        return _model_signs(plan.model, wanted, plan.scales, plan.law.code, name)
    assert isinstance(plan, NetworkPlan)
    shape, points = plan.shape, plan.points
    net = Net(
        shape.widths, shape.bias, shape.code, shape.degree, shape.readout_code,
        np.ascontiguousarray(points.exact),
    )  # fmt: skip
    checked = (wanted != 0.0) & (points.slack[: plan.n_points] == 0.0)
    scales = plan.scales
    return Target(
        name=name,
        loss="signs",
        law=plan.law.code,
        scales=scales,
        kernel=SignTarget(
            net, plan.law.code, scales, wanted, checked.astype(np.float64),
            float(plan.readout.tolerance), 0.0,
        ),
        model=None,
        groups=_layers(shape.widths, shape.bias),
        move_weights=SIGN_MOVES,
        slices=_slices(net),
        layer_edges=_layer_edges(len(shape.widths) - 1),
    )  # fmt: skip


def model_sign_target(
    model: CompiledModel,
    signs: np.ndarray,
    sds: np.ndarray | float = 1.0,
    *,
    name: str,
    law: Law = "normal",
) -> Target:
    """Parameters of any compiled model whose outputs have the wanted signs, under a prior.

    Parameters
    ----------
    model : CompiledModel
        Such as a program's; its targets are not used.
    signs : ndarray, shape (outputs,)
        1 where a bit 1 is wanted (output > 0, strictly), -1 where a bit 0 is, 0 where any will do,
        in the layout [output, point].
    sds : float or ndarray, shape (d,), default 1.0
        Standard deviations of the prior (`ProgramModel.standard_deviations`).
    name : str
        Names the random numbers, such as the key of the function.
    law : {"normal", "uniform"}, default "normal"
        Law of the prior.

    Raises
    ------
    SettingsError
        If `signs` or `sds` do not fit the model.

    Examples
    --------
    >>> from pfmap.models.families.random_features import random_features_model
    >>> model = random_features_model(np.array([[-1.0], [1.0]]), 4)
    >>> model_sign_target(model, np.array([1.0, -1.0]), name="not").n_parameters
    5
    """
    wanted = checked_array("signs", signs).ravel()
    if wanted.shape != model.targets.shape or not np.isin(wanted, (-1.0, 0.0, 1.0)).all():
        raise SettingsError(f"signs: must be {len(model.targets)} numbers of -1, 0 and 1")
    return _model_signs(model, wanted, _scales(sds, model.n_parameters, law), CODES[law], name)


def _model_signs(
    model: CompiledModel, wanted: np.ndarray, scales: np.ndarray, law: int, name: str
) -> Target:
    """Wanted signs of a compiled model; `law` is its code."""
    return Target(
        name=name,
        loss="signs",
        law=law,
        scales=scales,
        kernel=ModelSigns(model.family, model.ints, model.floats, law, scales, wanted, 0.0),
        model=None,
        groups=scaling_groups(model, np.ones(model.n_parameters, dtype=bool)),
        move_weights=WALKS,
        slices=0,
        layer_edges=np.ones(1),
    )


def _scales(sds: np.ndarray | float, d: int, law: Law) -> np.ndarray:
    """Factors of the parameters, shape (d,)."""
    scales = np.array(np.broadcast_to(checked_array("sds", sds), (d,)))
    if not (np.isfinite(scales) & (scales >= 0.0)).all():
        raise SettingsError("sds: must be finite and at least 0")
    return scales * (np.sqrt(3.0) if law == "uniform" else 1.0)


def _layers(widths: np.ndarray, bias: int) -> np.ndarray:
    """Groups of a network for signs: all parameters, and those of every layer.

    Signs bind the layers to very different degrees; one size for all is the smallest of them.
    """
    sizes = (widths[:-1] + bias) * widths[1:]
    layers = np.repeat(np.arange(len(sizes)), sizes)
    return np.array([np.zeros_like(layers), layers][: len(sizes)])


def _layer_edges(n_layers: int) -> np.ndarray:
    """Chances of the layers up to each one: output 1/5, last hidden three times any other.

    Slices of the upper layers cost least and move the outputs most.

    Examples
    --------
    >>> _layer_edges(3).tolist()
    [0.2, 0.8, 1.0]
    """
    hidden = np.ones(n_layers - 1)
    hidden[-1:] = 3.0
    shares = np.append(0.8 * hidden / max(hidden.sum(), 1.0), 0.2)
    return np.minimum(np.cumsum(shares / shares.sum()).round(12), 1.0)


def _slices(net: Net) -> int:
    """Slices that cost about half a forward pass together.

    A state recorded more often costs more than it tells, and one recorded less often too.
    """
    widths, bias = net.widths.astype(float), net.bias
    n_layers = len(widths) - 1
    shares = np.diff(_layer_edges(n_layers), prepend=0.0)
    cost = 0.0
    for layer in range(n_layers):
        angle = 1.0
        for above in range(layer + 1, n_layers):
            angle += (1.0 if above == layer + 1 else widths[above] + bias) * widths[above + 1]
        cost += shares[layer] * (widths[layer] + bias + ANGLES * angle)
    full = float(((widths[:-1] + bias) * widths[1:]).sum())
    return int(np.clip(round(0.5 * full / cost), 1, MOST_SLICES))


def loss_target(
    model: LossModel,
    sds: np.ndarray | float = 1.0,
    *,
    name: str,
    law: Law = "normal",
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
    scales = _scales(sds, d, law)
    kernel = _kernel(model, CODES[law], scales)
    net = kernel.net if isinstance(kernel, NetworkLoss) else None
    weights = LOSS_MOVES if isinstance(model, Model) else GRADIENT_FREE_MOVES
    if isinstance(model, CompiledModel) and net is not None:
        weights = SLOPELESS_MOVES if model.without_slope else NETWORK_MOVES
    return Target(
        name=name,
        loss=loss,
        law=CODES[law],
        scales=scales,
        kernel=kernel,
        model=model,
        groups=scaling_groups(model, np.ones(d, dtype=bool)),
        move_weights=weights,
        slices=_slices(net) if net is not None else 0,
        layer_edges=_layer_edges(len(net.widths) - 1) if net is not None else np.ones(1),
    )


def _kernel(model: LossModel, law: int, scales: np.ndarray) -> ModelLoss | NetworkLoss | None:
    """The loss as kernels take it; None for a model that is not compiled."""
    if not isinstance(model, CompiledModel):
        return None
    common = (
        model.family, model.ints, model.floats, model.targets, model.n_points, law, scales,
    )  # fmt: skip
    if model.family not in (NETWORK, BERNOULLI):
        return ModelLoss(*common)
    ints = model.ints
    widths = ints[FIRST_WIDTH : FIRST_WIDTH + int(ints[0]) + 1].copy()
    net = Net(
        widths, int(ints[2]), int(ints[HIDDEN_CODE]), int(ints[DEGREE]), int(ints[OUTPUT_CODE]),
        model.floats.reshape(int(widths[0]), model.n_points),
    )  # fmt: skip
    return NetworkLoss(*common, net)
