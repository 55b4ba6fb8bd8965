"""A realisation of a Boolean function, and how far rank and fibre pin λ down at it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.function_level.cell import cell_rank
from pfmap.functions.halfspaces import MAX_COVER_INPUTS, checked_table
from pfmap.llc.blas import one_blas_thread
from pfmap.llc.rank import GAP_LIMIT, jacobian_rank
from pfmap.llc.train import train_to_targets
from pfmap.models.base import CompiledModel
from pfmap.models.network import kink_margin, network_model
from pfmap.settings.domain import boolean_points

TOLERANCE = 1e-20
"""Largest K of a realisation."""

MIN_MARGIN = 1e-6
"""Smallest distance from a kink, as a share of the sum of the terms of a pre-activation."""


@dataclass(frozen=True, repr=False)
class Realisation(Displayed):
    """A parameter w with K_f(w) = 0 to rounding, and bounds on λ there.

    Attributes
    ----------
    widths : tuple of int
        Units of every layer.
    weights : ndarray, shape (d,)
        w, in the order of `pfmap.models.network.unflatten`.
    loss : float
        K_f(w), half the mean squared error to the targets ±1; at most 1e-20.
    margin : float
        Distance from the nearest kink (`pfmap.models.network.kink_margin`).
    rank : int
        Rank of the Jacobian at w.
    low, high : Fraction
        Bounds on λ(w). `low` is rank/2, or `function_low` on a kink or where the rank is not clear.
        `high` is (d - dimension of the fibre at w)/2, or d/2 where that dimension is not known; it
        bounds λ_f from above too.
    function_low : Fraction
        Proved lower bound on λ_f: 1/2 for constants, 1 for all other functions.
    verdict : str
        exact | interval.
    """

    SHOWN: ClassVar = ("verdict", "low", "high", "widths", "rank")

    widths: tuple[int, ...]
    weights: np.ndarray
    loss: float
    margin: float
    rank: int
    low: Fraction
    high: Fraction
    function_low: Fraction
    verdict: str


def function_model(table: np.ndarray, widths: tuple[int, ...]) -> CompiledModel:
    """The relu network on {0,1}^n with the targets 2 f - 1.

    Examples
    --------
    >>> function_model(np.array([0, 0, 0, 1]), (2, 3, 1)).targets.tolist()
    [-1.0, -1.0, -1.0, 1.0]
    """
    values = checked_table(table, most=MAX_COVER_INPUTS)
    n_inputs = values.size.bit_length() - 1
    if len(widths) < 3 or widths[0] != n_inputs or widths[-1] != 1 or min(widths) < 1:
        raise SettingsError(
            f"widths: must be ({n_inputs}, hidden layers, 1), got {widths}",
            next_step=f"for example ({n_inputs}, 32, 1)",
        )
    return network_model(widths, boolean_points(n_inputs), targets=2.0 * values - 1.0)


def bound_llc(
    table: np.ndarray, widths: tuple[int, ...], weights: np.ndarray, *, seed: int = 1
) -> Realisation:
    """Check that w expresses f exactly and bound λ there.

    λ >= rank(J)/2 at every zero of K away from kinks. They are equal where the rank is constant
    along the fibre {K = 0} and every null direction of J is tangent to it. Both hold where the rank
    is constant in a neighbourhood of w, that is, where it is the largest of the cell of w
    (`pfmap.function_level.cell.cell_rank`): the verdict ``exact``. It asks besides for a margin
    from every kink and a clear rank; elsewhere the verdict is ``interval``.

    λ_f >= 1 for every f that is not constant, for any depth and on kinks too. Some unit j of the
    last hidden layer differs between inputs. With all other weights fixed near w the outputs are
    affine in the output bias and the outgoing weight of j, with columns 1 and h_j; these stay
    independent in a neighbourhood, for h_j is continuous in the weights. So at most C t of every
    such plane has K < t, and the volume of {K < t} is at most C' t. The bias alone gives
    sqrt(t), and 1/2.

    Parameters
    ----------
    table : ndarray of 0 and 1, shape (2^n,)
        Truth table in counting order.
    widths : tuple of int
        Units of every layer.
    weights : ndarray, shape (d,)
        w; polished to K <= 1e-20 by `pfmap.llc.train.train_to_targets` if it is close.
    seed : int, default 1
        Seed of the weights at which the rank of the cell is taken.

    Returns
    -------
    Realisation

    Raises
    ------
    SettingsError
        If the widths do not fit the table, or K stays above 1e-20: w does not express f.

    Examples
    --------
    AND by one unit at its vertex, x1 + x2 - 3/2 > 0, and the same beside a unit that is on at every
    input with the outgoing weight 0:

    >>> table = np.array([0, 0, 0, 1])
    >>> found = bound_llc(table, (2, 1, 1), np.array([1, 1, -1.5, 4, -1]))
    >>> found.verdict, str(found.low), found.rank
    ('exact', '1', 2)
    >>> beside = np.array([1, 1, 0, 0, -1.5, 1, 4, 0, -1])
    >>> spare = bound_llc(table, (2, 2, 1), beside)
    >>> spare.verdict, str(spare.low), str(spare.high)
    ('interval', '1', '9/2')
    """
    model = function_model(table, widths)
    with one_blas_thread():
        polished = train_to_targets(model, weights, tolerance=TOLERANCE, max_steps=20)
        if not polished.reached:
            raise SettingsError(
                f"weights: must express the function with K <= {TOLERANCE:g}, got "
                f"K = {polished.loss:.3g}",
                next_step="use realise_function, which builds weights that do",
            )
        found = jacobian_rank(model.jacobian(polished.weights))
        margin = kink_margin(model, polished.weights)
        clear = margin >= MIN_MARGIN and found.gap <= GAP_LIMIT
        exact = clear and found.rank == cell_rank(model, widths, polished.weights, seed=seed)
    function_low = Fraction(1, 2) if np.ptp(table) == 0 else Fraction(1)
    low = Fraction(found.rank, 2) if clear else function_low
    high = low if exact else Fraction(model.n_parameters, 2)
    return Realisation(
        widths=tuple(widths),
        weights=polished.weights,
        loss=polished.loss,
        margin=margin,
        rank=found.rank,
        low=max(low, function_low),
        high=high,
        function_low=function_low,
        verdict="exact" if exact else "interval",
    )
