"""Multilevel splitting: the prior mass V_f(t) of any function, and what follows from it."""

from __future__ import annotations

from .combine import Curve
from .conditioned import ParameterPosterior, sample_parameters
from .crossings import Crossing, Side, find_crossings
from .estimate import VolumeEstimate, estimate_volume
from .evidence import FreeEnergy, free_energy
from .expressible import why_not_expressible
from .fit import CurveFit, fit_curve
from .known import KnownBounds, known_at, known_bounds
from .of_model import volume_curve
from .plain import normal_draw, normal_walk, plain_splitting
from .posterior import Posterior, error_bound, sample_posterior
from .probability import draws_for_precision, estimate_probability
from .rounds import estimate_to_error
from .splitting import Settings
from .target import Target, loss_target, model_sign_target, sign_target
from .training import (
    TrainingSet,
    drawn_inputs,
    labelled,
    load_training_set,
    restricted,
    training_set,
)

__all__ = [
    "Crossing",
    "Curve",
    "CurveFit",
    "FreeEnergy",
    "KnownBounds",
    "ParameterPosterior",
    "Posterior",
    "Settings",
    "Side",
    "Target",
    "TrainingSet",
    "VolumeEstimate",
    "drawn_inputs",
    "draws_for_precision",
    "error_bound",
    "estimate_probability",
    "estimate_to_error",
    "estimate_volume",
    "find_crossings",
    "fit_curve",
    "free_energy",
    "known_at",
    "known_bounds",
    "labelled",
    "load_training_set",
    "loss_target",
    "model_sign_target",
    "normal_draw",
    "normal_walk",
    "plain_splitting",
    "restricted",
    "sample_parameters",
    "sample_posterior",
    "sign_target",
    "training_set",
    "volume_curve",
    "why_not_expressible",
]
