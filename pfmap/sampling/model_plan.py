"""A campaign of any compiled model, laid out for the kernels that run it in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pfmap.errors import SettingsError
from pfmap.kernels.model_draws import express_model, read_model
from pfmap.models.base import CompiledModel
from pfmap.settings.campaign import Campaign

from .base_plan import SamplingPlan, padded_law, readout_of

_PIECE_DRAWS = 1024


@dataclass(frozen=True, repr=False)
class ModelPlan(SamplingPlan):
    """A campaign of any compiled model.

    Attributes
    ----------
    model : CompiledModel
    """

    model: CompiledModel

    @property
    def piece_draws(self) -> int:
        """Draws computed in one go: a millisecond's work of the smallest, a second's of others."""
        return _PIECE_DRAWS

    def express(
        self, task: int, draws: np.ndarray, words: np.ndarray, values: np.ndarray
    ) -> tuple[int, int]:
        """One task of `pfmap.kernels.express` for a list of draws; status and position."""
        model = self.model
        work = np.empty(self.n_parameters), np.empty(len(model.targets))
        status, position = express_model(
            task, model.family, model.ints, model.floats, self.law, self.readout, work, draws,
            words, values,
        )  # fmt: skip
        return status, position

    def read(self, scales: np.ndarray, states: np.ndarray, words: np.ndarray) -> bool:
        """Packed bits at given weights; False if an output is not finite."""
        model, n_outputs = self.model, len(self.model.targets)
        return bool(
            read_model(model.family, model.ints, model.floats, n_outputs, scales, states, words)
        )


def plan_model(campaign: Campaign) -> ModelPlan:
    """Lay out a campaign of a model that is no dense network, as `plan_sampling` says."""
    sds, model = campaign.standard_deviations, campaign.compiled_model()
    if len(model.targets) != campaign.n_points:
        raise SettingsError(
            f"model: a campaign's function has one output, got {campaign.described} with "
            f"{len(model.targets) // campaign.n_points}",
            next_step="use pfmap.sample_model for several outputs",
        )
    return ModelPlan(
        draws=campaign.draws,
        block_draws=campaign.block_draws,
        n_parameters=len(sds),
        n_points=campaign.n_points,
        n_words=-(-campaign.n_points // 64) if campaign.exact_keys else 2,
        law=padded_law(sds, campaign.prior.law, campaign.seed),
        readout=readout_of(campaign, math.inf),
        model=model,
    )
