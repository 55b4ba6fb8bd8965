"""A campaign of a dense network, laid out for the fused kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from pfmap.activations import facts_of
from pfmap.kernels.activation import code_of
from pfmap.kernels.express import TO_ERRORS, express
from pfmap.kernels.layout import Points, Shape
from pfmap.kernels.read import read_functions
from pfmap.kernels.tiles import TILE
from pfmap.settings.campaign import Campaign
from pfmap.settings.prior import layer_sds

from .base_plan import SamplingPlan, padded_law, readout_of, run_express

_PIECE_PRODUCTS = 2 * 10**10
_PROBE_PRODUCTS = 2 * 10**9
_TOLERANCE = 1e-5


@dataclass(frozen=True, repr=False)
class NetworkPlan(SamplingPlan):
    """A campaign of a dense network.

    Attributes
    ----------
    shape, points
        Arguments of the kernels, described in `pfmap.kernels.layout`.
    """

    shape: Shape
    points: Points

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

    def express(
        self, task: int, draws: np.ndarray, words: np.ndarray, values: np.ndarray
    ) -> tuple[int, int]:
        """One task of `pfmap.kernels.express` for a list of draws; status and position."""
        status, position = express(
            task, self.law, self.shape, self.points, self.readout, draws, words, values
        )
        return status, position

    def read(self, scales: np.ndarray, states: np.ndarray, words: np.ndarray) -> bool:
        """Packed bits at given weights; False if an output is not finite."""
        return bool(read_functions(scales, self.shape, self.points, self.readout, states, words))


def plan_network(campaign: Campaign) -> NetworkPlan:
    """Lay out a campaign of a dense network, as `plan_sampling` says."""
    network = campaign.dense
    hidden, output = network.hidden_facts, network.output_facts
    reads_sign = output.keeps_sign and campaign.readout.kind != "quantised"
    read = facts_of("linear", 1) if reads_sign else output
    jumps = bool(hidden.jumps or read.jumps)
    _, bias_sds = layer_sds(network.widths, network.bias, campaign.prior)
    through_zero = not np.any(bias_sds) and hidden.zero_at_zero and read.zero_at_zero
    sds = campaign.standard_deviations
    plan = NetworkPlan(
        draws=campaign.draws,
        block_draws=campaign.block_draws,
        n_parameters=len(sds),
        n_points=campaign.n_points,
        n_words=-(-campaign.n_points // 64) if campaign.exact_keys else 2,
        law=padded_law(sds, campaign.prior.law, campaign.seed),
        readout=readout_of(campaign, math.inf if jumps else _TOLERANCE),
        shape=Shape(
            widths=np.array(network.widths, dtype=np.int64),
            bias=int(network.bias),
            code=code_of(network.activation),
            degree=network.degree,
            output_code=code_of(output.name),
            readout_code=code_of(read.name),
        ),
        points=_lay_out_points(campaign, through_zero=through_zero),
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


def _with_tolerance(plan: NetworkPlan) -> NetworkPlan:
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
