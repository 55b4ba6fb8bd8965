"""Checks of arguments that every estimator makes."""

from __future__ import annotations

import numpy as np

from pfmap.arguments import checked_array
from pfmap.errors import SettingsError, shown
from pfmap.models.abilities import require_members
from pfmap.models.base import Model


def check_position(model: Model, weights: np.ndarray) -> np.ndarray:
    """A copy of `weights` as float64; SettingsError unless finite and of shape (d,).

    Also if the model lacks what every estimate of λ at a parameter needs.
    """
    require_members(model, ("n_parameters", "loss", "gradient"), by="a learning coefficient")
    position = checked_array("weights", weights)
    if position.shape != (model.n_parameters,):
        raise SettingsError(
            f"weights: must have shape ({model.n_parameters},), got {position.shape}"
        )
    if not np.isfinite(position).all():
        where = int(np.flatnonzero(~np.isfinite(position))[0])
        raise SettingsError(f"weights: must be finite, got {position[where]} at index {where}")
    return position


MOST = 10**7
"""Steps, chains and the like: beyond it nothing ends."""


def check_count(name: str, value: object, least: int) -> None:
    """SettingsError unless `value` is a whole number from `least` to `MOST`."""
    if not isinstance(value, (int, np.integer)):
        raise SettingsError(f"{name}: must be a whole number, got {shown(value)}")
    if value < least:
        raise SettingsError(f"{name}: must be at least {least}, got {shown(value)}")
    if value > MOST:
        raise SettingsError(f"{name}: must be at most {MOST:,}, got {shown(value)}")
