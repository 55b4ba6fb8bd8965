"""What differs between the targets of a splitting, picked by the type of the target.

`memory_of(target)` makes work; `severity_at(target, state, memory)` is the severity at standard
coordinates, NaN or infinite if an output is; `score_trial(target, state, memory)` the same of the
outputs in the trial cache; `work_of(target)` what one severity costs. numba takes the body that
belongs to the type of the first argument when it compiles the driver.
"""

from __future__ import annotations

from typing import Any

from .cached import pass_work
from .dispatch import by_target
from .severity_losses import (
    ModelLoss,
    NetworkLoss,
    loss_gradient_at,
    model_loss_at,
    model_memory,
    network_loss_at,
    network_memory,
    trial_loss,
)
from .severity_model_signs import ModelSigns, model_signs_at, model_signs_memory
from .severity_signs import SignTarget, TiltedSigns, sign_memory, signs_at, trial_signs


def memory_of(target: Any) -> Any:
    """Work for a target."""


def severity_at(target: Any, state: Any, memory: Any) -> Any:
    """Severity at standard coordinates."""


def score_trial(target: Any, state: Any, memory: Any) -> Any:
    """Severity of the outputs in the trial cache."""


def gradient_at(target: Any, state: Any, memory: Any, gradient: Any) -> Any:
    """Set `gradient` to that of the severity by standard coordinates."""


def work_of(target: Any) -> Any:
    """What one severity costs."""


by_target(
    memory_of,
    {
        SignTarget: sign_memory,
        TiltedSigns: sign_memory,
        ModelSigns: model_signs_memory,
        NetworkLoss: network_memory,
        ModelLoss: model_memory,
    },
    allocates=True,
)
by_target(
    severity_at,
    {
        SignTarget: signs_at,
        TiltedSigns: signs_at,
        ModelSigns: model_signs_at,
        NetworkLoss: network_loss_at,
        ModelLoss: model_loss_at,
    },
)
by_target(score_trial, {SignTarget: trial_signs, TiltedSigns: trial_signs, NetworkLoss: trial_loss})
by_target(gradient_at, {NetworkLoss: loss_gradient_at, ModelLoss: loss_gradient_at})
by_target(
    work_of,
    {
        SignTarget: lambda target: pass_work(target.net),
        TiltedSigns: lambda target: pass_work(target.net),
        ModelSigns: lambda target: 1,
        NetworkLoss: lambda target: pass_work(target.net),
        ModelLoss: lambda target: 1,
    },
)
