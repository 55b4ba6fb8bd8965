"""Where an estimate is made: the model with its targets, and w*."""

from __future__ import annotations

import numpy as np

from pfmap.errors import SettingsError
from pfmap.llc.train import train_to_targets
from pfmap.models.base import CompiledModel, Model, RegressionModel


def place_center(
    model: Model,
    weights: np.ndarray,
    targets: np.ndarray | None,
    center: str,
    tolerance: float,
) -> tuple[Model, np.ndarray, bool]:
    """The model with its targets, w*, and whether training to them succeeded."""
    if targets is not None and center != "target":
        raise SettingsError(f'targets: go with center="target", got center={center!r}')
    if center == "given" or not isinstance(model, RegressionModel):
        return model, weights, True
    if center == "self":
        return model.with_targets(model.outputs(weights)), weights, True
    if center == "bernoulli":
        if not isinstance(model, CompiledModel):
            raise SettingsError(
                f"center: 'bernoulli' needs a compiled network, got {type(model).__name__}",
                next_step="use network_model",
            )
        logits = model.in_bernoulli_form()
        return logits.with_targets(logits.outputs(weights)), weights, True
    if targets is not None:
        wanted, given = np.shape(model.targets), np.shape(targets)
        if np.size(targets) != np.size(model.targets) or not np.isfinite(targets).all():
            raise SettingsError(f"targets: must be finite, of shape {wanted}, got shape {given}")
    aimed = model if targets is None else model.with_targets(targets)
    trained = train_to_targets(aimed, weights, tolerance=tolerance)
    attained = not isinstance(aimed, CompiledModel) or aimed.attains(aimed.targets)
    return aimed, trained.weights, trained.reached and attained
