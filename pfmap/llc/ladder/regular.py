"""What can be said of λ at w* before any chain: minima, regular points, plateaus."""

from __future__ import annotations

import numpy as np

from pfmap.llc.ladder.localise import solvable
from pfmap.llc.ladder.problem import ZERO_LOSS, LadderProblem, on_kink
from pfmap.llc.rank import rank_is_constant
from pfmap.models.base import CompiledModel
from pfmap.models.network import is_piecewise
from pfmap.models.program_model import ProgramModel

MAX_SLOPE = 1e-8
"""Largest gradient, over max(1, K), of a minimum with K > 0."""

MAX_PIECEWISE_LAYERS = 3
"""Layers of weights of a relu network up to which small perturbations settle its rank."""

PLATEAU = 0.2
"""Share of the ball with K = 0 from which on λ is that of a plateau: no singular part is left."""

NOTHING = 1e-12
"""A loss this small next to the largest in the ball is none."""

FLAT = 1e-24
"""A remainder of the loss up to here, times the outputs' mean square, is rounding."""


ROUNDED = 100.0 * float(np.finfo(np.float64).eps) ** 2
"""The same where the outputs are not solved for."""


def is_stationary(problem: LadderProblem) -> bool:
    """Whether w* can be a minimum: K is 0 there, or its gradient is."""
    loss = float(problem.model.loss(problem.center))
    if loss <= ZERO_LOSS * problem.output_scale:
        return True
    slope = float(np.linalg.norm(problem.model.gradient(problem.center)))
    return slope <= MAX_SLOPE * max(1.0, loss)


def is_locally_regular(problem: LadderProblem) -> bool:
    """Whether λ = rank/2 at a zero of K where that is known without looking further.

    So it is at full row rank. With relu units no radius is known to lie inside one linear piece of
    the outputs, so small perturbations decide; with more than two hidden layers a piece is a
    polynomial whose higher terms they cannot see, and chains decide.
    """
    model, found = problem.model, problem.found
    if problem.n_free == 0:
        return True
    if not isinstance(model, CompiledModel) or found is None:
        return False
    if model.loss(problem.center) > ZERO_LOSS * problem.output_scale:
        return False
    if on_kink(model, problem.center):
        return False
    full = found.rank == min(len(model.targets), model.n_parameters)
    piecewise = model.is_network and is_piecewise(model) and model.ints[0] <= MAX_PIECEWISE_LAYERS
    if not full and not piecewise:
        return False
    return rank_is_constant(model, problem.center, found, seed=problem.key) is True


def is_whole_and_analytic(problem: LadderProblem) -> bool:
    """Whether K itself is sampled, and is analytic: it cannot vanish on a part of a ball alone.

    Not of programs: what they subtract (a norm's mean) may leave rounding that looks like a loss.
    """
    model = problem.model
    if problem.rank or not isinstance(model, CompiledModel) or isinstance(model, ProgramModel):
        return False
    return not is_piecewise(model)


def rounding_of(problem: LadderProblem) -> float:
    """A remainder of the loss up to here is rounding.

    Where nothing was solved for it is that of the targets alone: outputs against targets of 0
    are right to their last bit, however small.
    """
    model = problem.model
    if is_whole_and_analytic(problem) and isinstance(model, CompiledModel):
        return ROUNDED * float(np.mean(np.square(model.targets)))
    return FLAT * problem.output_scale


def is_flat(problem: LadderProblem, losses: np.ndarray) -> bool:
    """Whether nothing is left of the loss in the widest ball, so that λ = rank/2.

    Outputs that are analytic and flat there are flat everywhere; in a small ball a high power
    would look flat too.
    """
    if problem.loss_at_center != 0.0 or not solvable(losses):
        return False
    return float(np.abs(losses[np.isfinite(losses)]).max()) <= rounding_of(problem)


def is_plateau(problem: LadderProblem, losses: np.ndarray) -> bool:
    """Whether K_G vanishes on a good part of the ball.

    λ there is rank/2, unless `is_whole_and_analytic`: then K is not 0 there but lies below the
    range of float64.
    """
    zero = min(rounding_of(problem), NOTHING * float(losses.max()))
    return float((losses <= zero).mean()) > PLATEAU
