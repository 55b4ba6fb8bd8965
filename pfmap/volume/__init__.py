"""Multilevel splitting: the prior mass V_f(t) of any function, and what follows from it."""

from __future__ import annotations

from .combine import Curve
from .estimate import VolumeEstimate, estimate_volume
from .splitting import Settings
from .target import Target, loss_target, sign_target

__all__ = [
    "Curve",
    "Settings",
    "Target",
    "VolumeEstimate",
    "estimate_volume",
    "loss_target",
    "sign_target",
]
