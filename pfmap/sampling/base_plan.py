"""A campaign laid out for the kernels: what is the same of every model."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pfmap.arguments import checked_array
from pfmap.display import Displayed
from pfmap.errors import DataError, SettingsError
from pfmap.kernels.express import NOT_FINITE, TOO_LARGE
from pfmap.kernels.layout import Law, Readout
from pfmap.kernels.philox import LANES
from pfmap.kernels.variates import CODES
from pfmap.profiling import timed
from pfmap.settings.campaign import Campaign

# The smallest of many draws lies nine decades below its standard deviation, and float32 loses
# precision below 1e-38.
MIN_SD = 1e-25


@dataclass(frozen=True, repr=False)
class SamplingPlan(Displayed, ABC):
    """A campaign as the kernels see it.

    Attributes
    ----------
    draws, block_draws : int
        Total number of draws, and draws of a block (the last may be shorter).
    n_parameters : int
        Length d of a parameter vector.
    n_points : int
        Points of the domain.
    n_words : int
        Words that name a function: its bits, or two words of hash.
    law, readout
        Arguments of the kernels, described in `pfmap.kernels.layout`.
    """

    SHOWN: ClassVar = ("draws", "block_draws", "n_parameters", "n_points")

    draws: int
    block_draws: int
    n_parameters: int
    n_points: int
    n_words: int
    law: Law
    readout: Readout

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return -(-self.draws // self.block_draws)

    @property
    @abstractmethod
    def piece_draws(self) -> int:
        """Draws computed in one go: a fraction of a second's work."""

    @abstractmethod
    def express(
        self, task: int, draws: np.ndarray, words: np.ndarray, values: np.ndarray
    ) -> tuple[int, int]:
        """One task of `pfmap.kernels.express` for a list of draws; status and position."""

    @abstractmethod
    def read(self, scales: np.ndarray, states: np.ndarray, words: np.ndarray) -> bool:
        """Packed bits at given weights, as `pfmap.kernels.read`; False if one is not finite."""

    @property
    def scales(self) -> np.ndarray:
        """Factor of every parameter, float64 of shape (d,)."""
        return self.law.scales[: self.n_parameters].astype(np.float64)

    def block_range(self, block_index: int) -> tuple[int, int]:
        """First draw of a block and the draw after its last.

        Raises
        ------
        SettingsError
            If there is no such block.
        """
        if not 0 <= block_index < self.n_blocks:
            raise SettingsError(
                f"block_index: must lie within 0…{self.n_blocks - 1}, got {block_index}"
            )
        start = block_index * self.block_draws
        return start, min(start + self.block_draws, self.draws)


def padded_law(sds: np.ndarray, law: str, seed: int) -> Law:
    """The law of the weights as the kernels take it.

    Parameters
    ----------
    sds : ndarray, shape (d,)
        Standard deviations.
    law : {"normal", "uniform"}
    seed : int

    Raises
    ------
    SettingsError
        If a standard deviation is none, does not fit float32, or falls below 1e-25.

    Examples
    --------
    >>> padded_law(np.ones(3), "normal", 1).scales.tolist()[:4]
    [1.0, 1.0, 1.0, 0.0]
    """
    scales = checked_array("sds", sds) * (math.sqrt(3.0) if law == "uniform" else 1.0)
    if not (scales >= 0.0).all():
        raise SettingsError("sds: must be at least 0")
    if scales.max() > np.finfo(np.float32).max:
        raise SettingsError(
            f"prior: every standard deviation must fit float32, got {scales.max():.3g}",
            next_step="choose smaller weight_sd and bias_sd",
        )
    least = scales[scales > 0.0].min(initial=math.inf)
    if least < MIN_SD:
        raise SettingsError(
            f"prior: every standard deviation must be 0 or at least {MIN_SD:g}, where float32 "
            f"keeps its precision, got {least:.3g}",
            next_step="choose larger weight_sd and bias_sd",
        )
    group = 4 * LANES
    padded = np.zeros(-(-len(scales) // group) * group, dtype=np.float32)
    padded[: len(scales)] = scales
    return Law(seed, CODES[law], padded)


def readout_of(campaign: Campaign, tolerance: float) -> Readout:
    """How a campaign's outputs become a function, as the kernels take it."""
    quantised = campaign.readout.kind == "quantised"
    return Readout(
        step=campaign.readout.step if quantised else 0.0,
        hashed=int(not campaign.exact_keys),
        tolerance=tolerance,
    )


def run_express(
    plan: SamplingPlan, task: int, draws: np.ndarray, words: np.ndarray, values: np.ndarray
) -> None:
    """Run one task of `pfmap.kernels.express` and turn its status into an error."""
    # One type of array, one compilation: columns of tables come read-only.
    draws = np.require(draws, dtype=np.int64, requirements=["C", "W"])
    with timed("from draws to functions"):
        status, position = plan.express(task, draws, words, values)
    if status == NOT_FINITE:
        raise DataError(
            f"draw {draws[position]}: an output must be finite, got NaN or infinity",
            next_step="choose smaller weight_sd and bias_sd, or a lower degree",
        )
    if status == TOO_LARGE:
        raise DataError(
            f"draw {draws[position]}: outputs must lie within 2^52 steps of the readout",
            next_step="choose a larger readout.step",
        )
