"""A campaign laid out for the kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pfmap.activations import facts_of
from pfmap.campaign import Campaign
from pfmap.display import Displayed
from pfmap.errors import DataError, SettingsError
from pfmap.kernels.activation import code_of
from pfmap.kernels.express import NOT_FINITE, TO_ERRORS, TOO_LARGE, express
from pfmap.kernels.layout import Law, Points, Readout, Shape
from pfmap.kernels.philox import LANES
from pfmap.kernels.tiles import TILE
from pfmap.kernels.variates import CODES as LAW_CODES
from pfmap.prior import layer_sds, parameter_sds
from pfmap.profiling import timed

_PIECE_PRODUCTS = 2 * 10**10
_PROBE_PRODUCTS = 2 * 10**9
_TOLERANCE = 1e-5
# The smallest of many draws lies nine decades below its standard deviation, and float32 loses
# precision below 1e-38.
MIN_SD = 1e-25


@dataclass(frozen=True, repr=False)
class SamplingPlan(Displayed):
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
    law, shape, points, readout
        Arguments of the kernels, described in `pfmap.kernels.layout`.
    """

    SHOWN: ClassVar = ("draws", "block_draws", "n_parameters", "n_points")

    draws: int
    block_draws: int
    n_parameters: int
    n_points: int
    n_words: int
    law: Law
    shape: Shape
    points: Points
    readout: Readout

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return -(-self.draws // self.block_draws)

    @property
    def piece_draws(self) -> int:
        """Draws computed in one go: a fraction of a second's work, 16 at least, 4096 at most."""
        return min(max(_PIECE_PRODUCTS // self._products, 16), 4096)

    @property
    def probe_draws(self) -> int:
        """Draws that errors of float32 are measured on: 256, or fewer if that took seconds."""
        return min(max(_PROBE_PRODUCTS // self._products, 2), 256)

    @property
    def _products(self) -> int:
        """Multiplications of one forward pass."""
        widths = self.shape.widths
        return int(self.n_points * np.sum(widths[1:] * widths[:-1]))

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


def plan_sampling(campaign: Campaign) -> SamplingPlan:
    """Lay out a campaign for the kernels.

    The tolerance below which float64 decides is 1e-5 of the root mean square of the outputs, the
    data contract's value, unless the errors of float32 on the first draws reach an eighth of
    it, as they do in deep networks with large weights; then it is 8 times the largest error,
    rounded up to a power of two. Where an activation jumps a rounded sum moves an output far, and
    float64 decides everything.

    Parameters
    ----------
    campaign : Campaign
        The settings.

    Returns
    -------
    SamplingPlan

    Raises
    ------
    SettingsError
        If a standard deviation does not fit float32 or falls below 1e-25.

    Examples
    --------
    >>> from pfmap.campaign import campaign_from_mapping
    >>> plan = plan_sampling(campaign_from_mapping({"network": {"widths": [3, 4, 1]}}))
    >>> plan.n_parameters, plan.n_points, plan.n_words, plan.n_blocks
    (21, 8, 1, 16)
    """
    network = campaign.network
    factor = math.sqrt(3.0) if campaign.prior.law == "uniform" else 1.0
    scales = parameter_sds(network.widths, network.bias, campaign.prior) * factor
    if scales.max() > np.finfo(np.float32).max:
        raise SettingsError(
            f"prior: every standard deviation must fit float32, got {scales.max():.3g}",
            next_step="choose smaller weight_sd and bias_sd",
        )
    least = scales[scales > 0.0].min()
    if least < MIN_SD:
        raise SettingsError(
            f"prior: every standard deviation must be 0 or at least {MIN_SD:g}, where float32 "
            f"keeps its precision, got {least:.3g}",
            next_step="choose larger weight_sd and bias_sd",
        )
    group = 4 * LANES
    padded = np.zeros(-(-len(scales) // group) * group, dtype=np.float32)
    padded[: len(scales)] = scales
    quantised = campaign.readout.kind == "quantised"
    hidden, output = network.hidden_facts, network.output_facts
    read = facts_of("linear", 1) if output.keeps_sign and not quantised else output
    jumps = bool(hidden.jumps or read.jumps)
    _, bias_sds = layer_sds(network.widths, network.bias, campaign.prior)
    through_zero = not np.any(bias_sds) and hidden.zero_at_zero and read.zero_at_zero
    points = _lay_out_points(campaign, through_zero=through_zero)
    n_points = points.n_points
    plan = SamplingPlan(
        draws=campaign.draws,
        block_draws=campaign.block_draws,
        n_parameters=len(scales),
        n_points=n_points,
        n_words=-(-n_points // 64) if campaign.exact_keys else 2,
        law=Law(campaign.seed, LAW_CODES[campaign.prior.law], padded),
        shape=Shape(
            widths=np.array(network.widths, dtype=np.int64),
            bias=int(network.bias),
            code=code_of(network.activation),
            degree=network.degree,
            output_code=code_of(output.name),
            readout_code=code_of(read.name),
        ),
        points=points,
        readout=Readout(
            step=campaign.readout.step if quantised else 0.0,
            hashed=int(not campaign.exact_keys),
            tolerance=math.inf if jumps else _TOLERANCE,
        ),
    )
    return plan if jumps else _with_tolerance(plan)


def _lay_out_points(campaign: Campaign, through_zero: bool) -> Points:
    """Cut the domain into tiles; with `through_zero` the output at the origin is exactly 0."""
    exact = campaign.points
    n_points, n_inputs = exact.shape
    n_tiles = -(-n_points // TILE)
    filled = np.concatenate([exact, np.repeat(exact[:1], n_tiles * TILE - n_points, axis=0)])
    tiles = filled.reshape(n_tiles, TILE, n_inputs).transpose(0, 2, 1)
    live = np.zeros(n_tiles * TILE, dtype=np.float32)
    live[:n_points] = 1.0
    slack = np.where(live > 0.0, 0.0, np.inf).astype(np.float32)
    if through_zero:
        slack[:n_points][~exact.any(axis=1)] = np.inf
    step = 0.0
    if campaign.domain.kind == "boolean":
        step = 2.0 if campaign.domain.encoding == "pm1" else 1.0
    return Points(
        n_points=n_points,
        tiles=np.ascontiguousarray(tiles, dtype=np.float32).ravel(),
        live=live,
        slack=slack,
        step=step,
        exact=np.ascontiguousarray(exact.T),
    )


def _with_tolerance(plan: SamplingPlan) -> SamplingPlan:
    """Widen the tolerance where float32 is not good enough for the contract's."""
    draws = np.arange(plan.probe_draws, dtype=np.int64)
    errors = np.zeros((len(draws), 1))
    run_express(plan, TO_ERRORS, draws, np.zeros((0, 0), dtype=np.uint64), errors)
    finite = errors[np.isfinite(errors)]
    worst = 8.0 * float(finite.max(initial=0.0))
    if worst <= _TOLERANCE:
        return plan
    tolerance = 2.0 ** math.ceil(math.log2(worst))
    return replace(plan, readout=plan.readout._replace(tolerance=tolerance))


def run_express(
    plan: SamplingPlan, task: int, draws: np.ndarray, words: np.ndarray, values: np.ndarray
) -> None:
    """Run one task of `pfmap.kernels.express` and turn its status into an error."""
    # One type of array, one compilation: columns of tables come read-only.
    draws = np.require(draws, dtype=np.int64, requirements=["C", "W"])
    with timed("from draws to functions"):
        status, position = express(
            task, plan.law, plan.shape, plan.points, plan.readout, draws, words, values
        )
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
