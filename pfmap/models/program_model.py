"""The model that a program becomes: a compiled model that knows where its parameters stand."""

from __future__ import annotations

import dataclasses
import itertools
from typing import NamedTuple

import numpy as np

from pfmap.activations import facts_of
from pfmap.errors import SettingsError
from pfmap.models.base import CompiledModel
from pfmap.models.symmetries import Symmetry
from pfmap.settings.prior import Prior


class Origins(NamedTuple):
    """Where every parameter stands, each field of shape (d,).

    Fields: `step` that it belongs to; `unit` that it enters, numbered over all steps; `fan_in`
    and `units` of that step; `is_bias`.
    """

    step: np.ndarray
    unit: np.ndarray
    fan_in: np.ndarray
    units: np.ndarray
    is_bias: np.ndarray


@dataclasses.dataclass(frozen=True, repr=False)
class ProgramModel(CompiledModel):
    """A model given by a program.

    Attributes
    ----------
    origins : Origins
        Where every parameter stands.
    activations : tuple of (str, int)
        Those of the steps that depend on parameters, with their degrees.
    ranges : tuple of (str, int)
        What gives each output: an activation and its degree, or ``softmax``.
    last_block : tuple of int
        First and last-but-one parameter of a closing affine step that alone gives the outputs, in
        which they are affine; equal numbers where there is none.
    symmetries : tuple of Symmetry
        Continuous symmetries that were declared.
    """

    origins: Origins
    activations: tuple[tuple[str, int], ...]
    ranges: tuple[tuple[str, int], ...]
    last_block: tuple[int, int]
    symmetries: tuple[Symmetry, ...] = ()

    @property
    def incoming(self) -> tuple[np.ndarray, ...]:
        """Numbers of the parameters that enter each unit."""
        order = np.argsort(self.origins.unit, kind="stable")
        edges = np.flatnonzero(np.diff(self.origins.unit[order])) + 1
        return tuple(np.split(order, edges))

    @property
    def without_slope(self) -> str:
        """Name of an activation that has no slope; empty if gradients exist."""
        records = itertools.starmap(facts_of, self.activations)
        return next((facts.name for facts in records if facts.slope is None), "")

    def standard_deviations(self, prior: Prior) -> np.ndarray:
        """Standard deviation of every parameter under a prior, shape (d,).

        Weights have σ_w/sqrt(fan_in) and biases σ_b, each with the prior's own scales; the last
        step is the one that gives the outputs.

        Raises
        ------
        SettingsError
            If the prior states other values for the last layer and no one step is it.
        """
        origins, last = self.origins, np.zeros(self.n_parameters, dtype=bool)
        special = (prior.output_weight_sd, prior.output_bias_sd, prior.output_bias_scale)
        if any(value is not None for value in special):
            if self.last_block[0] == self.last_block[1]:
                raise SettingsError(
                    "prior: has values for the last layer, and this model has no last layer",
                    next_step="state one law for all layers",
                )
            last[slice(*self.last_block)] = True

        def value(of_last: float | None, common: float) -> np.ndarray:
            return np.where(last, common if of_last is None else of_last, common)

        root = np.sqrt(np.maximum(origins.fan_in, 1))
        weight = value(prior.output_weight_sd, prior.weight_sd)
        if prior.weight_scale == "fan_in":
            weight = weight / root
        bias = value(prior.output_bias_sd, prior.bias_sd)
        for chosen, scale in ((~last, prior.bias_scale), (last, prior.output_bias_scale)):
            by = {"none": np.ones_like(root), "fan_in": root, "width": origins.units}
            bias = np.where(chosen, bias / by[scale or prior.bias_scale], bias)
        return np.where(origins.is_bias, bias, weight)

    def attains(self, targets: np.ndarray) -> bool:
        """Whether the loss has a minimum, as far as the ranges of the outputs tell."""
        wanted = np.reshape(targets, (len(self.ranges), -1))
        return all(
            ((row > 0.0) & (row < 1.0)).all()
            if name == "softmax"
            else all(map(facts_of(name, degree).may_reach, row.tolist()))
            for (name, degree), row in zip(self.ranges, wanted, strict=True)
        )
