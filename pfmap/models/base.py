"""What an estimator needs of a model, and models described by arrays for the compiled kernels.

The loss of every model is K(w) = 1/(2P) Σ (output - target)², summed over the outputs of all P
points of the domain; that of a network in its Bernoulli form, the mean KL divergence of the
probabilities σ(output) from σ(target).
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from pfmap.activations import Activation
from pfmap.arguments import checked_array
from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.kernels.activation import facts_of_code
from pfmap.kernels.family import (
    BERNOULLI,
    NETWORK,
    PROGRAM,
    PROGRAM_BERNOULLI,
    loss_gradient,
    outputs_jacobian,
    scratch_size,
)
from pfmap.kernels.gradient import DEGREE, HIDDEN_CODE, OUTPUT_CODE
from pfmap.profiling import timed

LOGIT_FAMILIES = {NETWORK: BERNOULLI, PROGRAM: PROGRAM_BERNOULLI}
"""Families whose outputs can be read as logits, and those that do."""


@runtime_checkable
class LossModel(Protocol):
    """Anything with a loss."""

    @property
    def n_parameters(self) -> int:
        """Number of parameters d."""

    def loss(self, weights: np.ndarray) -> float:
        """K at a parameter vector of shape (d,)."""


@runtime_checkable
class Model(LossModel, Protocol):
    """Anything with a loss and a gradient."""

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        """Gradient of K, shape (d,)."""


@runtime_checkable
class RegressionModel(Model, Protocol):
    """A model whose loss compares outputs with targets."""

    @property
    def n_points(self) -> int:
        """Points P that the mean in K is taken over."""

    @property
    def targets(self) -> np.ndarray:
        """Targets, as many as outputs."""

    def outputs(self, weights: np.ndarray) -> np.ndarray:
        """Outputs over all points, one vector."""

    def jacobian(self, weights: np.ndarray) -> np.ndarray:
        """Derivatives of the outputs, shape (outputs, d)."""

    def with_targets(self, targets: np.ndarray) -> Self:
        """The same model with other targets."""


@dataclasses.dataclass(frozen=True, repr=False)
class CompiledModel(Displayed):
    """A model of one of the families in `pfmap.kernels.family`, described by arrays.

    Attributes
    ----------
    family : int
        Number of the family.
    ints, floats : ndarray of int64, ndarray of float64
        The description, as the family's kernel states it.
    targets : ndarray of float64, shape (outputs,)
        Targets in the layout [output unit, point], flattened.
    n_parameters, n_points : int
        d and P.
    """

    SHOWN: ClassVar = ("family", "n_parameters", "n_points")

    family: int
    ints: np.ndarray
    floats: np.ndarray
    targets: np.ndarray
    n_parameters: int
    n_points: int

    @property
    def is_network(self) -> bool:
        """Whether `ints` describe a fully connected network whose weights are the parameters."""
        return self.family in (NETWORK, BERNOULLI)

    @property
    def hidden_facts(self) -> Activation:
        """Record of the activation of a network's hidden layers."""
        return facts_of_code(int(self.ints[HIDDEN_CODE]), int(self.ints[DEGREE]))

    @property
    def output_facts(self) -> Activation:
        """Record of the activation of a network's output units."""
        return facts_of_code(int(self.ints[OUTPUT_CODE]), int(self.ints[DEGREE]))

    @property
    def without_slope(self) -> str:
        """Name of an activation of the network that has no slope; empty if gradients exist."""
        if not self.is_network:
            return ""
        records = [self.hidden_facts, self.output_facts][int(self.ints[0]) == 1 :]
        return next((facts.name for facts in records if facts.slope is None), "")

    def _require_slopes(self) -> None:
        if self.without_slope:
            raise SettingsError(
                f"activation: {self.without_slope} has no slope, and gradients need one",
                next_step="sample it or measure P(f), which need none, or choose another",
            )

    def check_weights(self, weights: np.ndarray) -> np.ndarray:
        """`weights` as contiguous float64; SettingsError unless finite and of shape (d,)."""
        vector = checked_array("weights", weights)
        if vector.shape != (self.n_parameters,):
            raise SettingsError(
                f"weights: must have shape ({self.n_parameters},), got {vector.shape}"
            )
        return vector

    def loss_gradient(self, weights: np.ndarray) -> tuple[float, np.ndarray]:
        """K and its gradient; SettingsError where an activation has no slope."""
        self._require_slopes()
        return self._loss_gradient(weights)

    def _loss_gradient(self, weights: np.ndarray) -> tuple[float, np.ndarray]:
        vector = self.check_weights(weights)
        gradient = np.empty(self.n_parameters)
        scratch = np.empty(scratch_size(self.family, self.ints))
        with timed("losses and gradients"):
            loss = loss_gradient(
                self.family, self.ints, self.floats, self.targets, vector, gradient, scratch
            )
        return float(loss), gradient

    def loss(self, weights: np.ndarray) -> float:
        """K at `weights`."""
        return self._loss_gradient(weights)[0]

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        """Gradient of K at `weights`, shape (d,)."""
        return self.loss_gradient(weights)[1]

    def outputs(self, weights: np.ndarray) -> np.ndarray:
        """Outputs in the layout [output unit, point], flattened."""
        return self._outputs_jacobian(weights, 0)[0]

    def jacobian(self, weights: np.ndarray) -> np.ndarray:
        """Derivatives of the outputs, shape (outputs, d); SettingsError without slopes."""
        self._require_slopes()
        return self._outputs_jacobian(weights, len(self.targets))[1]

    def _outputs_jacobian(self, weights: np.ndarray, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Outputs, and the Jacobian if `n_rows` is the number of outputs and not 0."""
        outputs = np.empty(len(self.targets))
        jacobian = np.empty((n_rows, self.n_parameters))
        vector = self.check_weights(weights)
        with timed("outputs and Jacobians"):
            outputs_jacobian(self.family, self.ints, self.floats, vector, outputs, jacobian)
        return outputs, jacobian

    def in_bernoulli_form(self) -> Self:
        """The same network with outputs and targets read as logits of Bernoulli probabilities.

        K(w) = mean over points of KL(Bernoulli(σ(target)) ‖ Bernoulli(σ(output))), summed over
        output units. It is 0 where the outputs equal the targets, and its Hessian there is
        (1/P) Jᵀ diag(p(1 - p)) J, p the probabilities.

        Raises
        ------
        SettingsError
            If the model is neither a network nor a program.
        """
        if self.family not in LOGIT_FAMILIES:
            raise SettingsError(
                "model: only networks and programs have a Bernoulli form, got another family"
            )
        return dataclasses.replace(self, family=LOGIT_FAMILIES[self.family])

    @property
    def is_bernoulli(self) -> bool:
        """Whether outputs and targets are logits."""
        return self.family in LOGIT_FAMILIES.values()

    def with_squared_error(self) -> Self:
        """The same model with squared error, of its logits where it was in Bernoulli form."""
        squared = {logits: family for family, logits in LOGIT_FAMILIES.items()}
        return dataclasses.replace(self, family=squared.get(self.family, self.family))

    def fisher_jacobian(self, weights: np.ndarray) -> np.ndarray:
        """Matrix A with AᵀA / P the Hessian of K at a zero of K: the Jacobian, rows weighted.

        The weights are 1 for squared error and sqrt(p(1 - p)) in the Bernoulli form, the root of
        the Fisher information of a logit.
        """
        jacobian = self.jacobian(weights)
        if not self.is_bernoulli:
            return jacobian
        small = np.exp(-np.abs(self.outputs(weights)))
        return (np.sqrt(small) / (1.0 + small))[:, None] * jacobian

    def attains(self, targets: np.ndarray) -> bool:
        """Whether the loss has a minimum, as far as the range of the output unit tells.

        Outputs of tanh and erf come close to ±1 and never reach it: with a target there the loss
        only falls on the way to infinity.
        """
        if self.family != NETWORK:
            return True
        return all(map(self.output_facts.may_reach, np.ravel(targets).tolist()))

    def with_targets(self, targets: np.ndarray) -> Self:
        """The same model with other targets.

        Raises
        ------
        SettingsError
            Unless there is one finite target per output.
        """
        vector = checked_array("targets", targets).ravel()
        if vector.shape != self.targets.shape or not np.isfinite(vector).all():
            raise SettingsError(
                f"targets: must be {len(self.targets)} finite numbers, one per output, got "
                f"shape {np.shape(targets)}"
            )
        return dataclasses.replace(self, targets=vector)
