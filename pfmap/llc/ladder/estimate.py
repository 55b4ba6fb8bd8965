"""The estimator of λ and m at one parameter, from a whole ladder of inverse temperatures."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import numpy as np

from pfmap.errors import SettingsError
from pfmap.kernels.family import BERNOULLI
from pfmap.llc.arguments import check_count, check_position
from pfmap.llc.blas import one_blas_thread
from pfmap.llc.exact.bounds import exact_bounds
from pfmap.llc.faults import UndefinedGradient, fault_at, is_resolved
from pfmap.llc.ladder.chains import Ladder, build_rungs, run_ladder
from pfmap.llc.ladder.fit import LadderFit, block_means, covariance_of_means, fit_ladder
from pfmap.llc.ladder.judge import (
    ADVICE,
    CLEAR_WEIGHT,
    MIN_KEPT,
    first_agreeing,
    judge_ladder,
    worst_rhat,
)
from pfmap.llc.ladder.localise import (
    MAX_RADIUS,
    prior_losses,
    solvable,
    widest,
    with_gaussian,
    with_radius,
)
from pfmap.llc.ladder.problem import ZERO_LOSS, LadderProblem, make_problem
from pfmap.llc.ladder.regular import (
    FLAT,
    is_flat,
    is_locally_regular,
    is_plateau,
    is_stationary,
)
from pfmap.llc.ladder.strata import told_apart
from pfmap.llc.problem import stream_key
from pfmap.models.base import Model

M_HIDDEN = 5.0
"""Above this λ̂ the logarithms are too small a part of E[nβK] to tell m: at m = 2, 1/λ < 0.2."""


@dataclasses.dataclass(frozen=True)
class LadderEstimate:
    """λ and m at w*, with what is needed to judge them.

    Attributes
    ----------
    llc, llc_se : float
        λ̂ and its standard error: Monte Carlo error and the choice of the model of E[nβK], m
        included.
    low, high : float
        95 % interval.
    multiplicity : int or None
        m where its weight is at least 0.7 and λ̂ at most 5, else None: undetermined. Beyond that
        (m - 1)/λ is too small a part of E[nβK] to tell.
    multiplicity_weights : tuple of float
        Weight of m = 1, 2, 3, 4.
    exact : bool
        Whether λ = rank/2 with m = 1 because the rank is constant along the fibre, so that no
        chain was needed.
    verdict, advice : str
        ok | nan | overflow | outside | unresolved | not a minimum | stuck | not converged |
        stratum | short, and what to do.
    rank : int or None
        Rank of the Jacobian at w*; None without one.
    loss_at_center : float
        K(w*).
    n_parameters : int
        d.
    radius, gamma : float
        Localisation: the ball's radius, infinite for a Gaussian of precision γ; NaN where nothing
        was sampled.
    n_betas, means, means_se : ndarray, shape (rungs,)
        nβ, descending, the mean of nβ (K - K*) there, rank/2 included, and its standard error.
    n_kept : int
        Rungs in use, the lowest of them; above, hot and cold chains disagree.
    rhat, misfit : float
        Largest split R-hat on them, and χ² a degree of freedom of the best model.
    moved, scaled, exchanged : float
        Mean acceptance of the moves, and the lowest of an exchange.
    n_gradients : int
        Gradients evaluated.
    wider : tuple of float or None
        (radius, λ̂) of a wider ball that holds another stratum of smaller λ, where `radius` was
        shrunk to leave it out; None where no such stratum was met.
    elapsed_s : float
        Wall time.
    """

    llc: float
    llc_se: float
    low: float
    high: float
    multiplicity: int | None
    multiplicity_weights: tuple[float, ...]
    exact: bool
    verdict: str
    advice: str
    rank: int | None
    loss_at_center: float
    n_parameters: int
    elapsed_s: float
    radius: float = math.nan
    gamma: float = math.nan
    n_betas: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0))
    means: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0))
    means_se: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0))
    n_kept: int = 0
    rhat: float = math.nan
    misfit: float = math.nan
    moved: float = math.nan
    scaled: float = math.nan
    exchanged: float = math.nan
    n_gradients: int = 0
    wider: tuple[float, float] | None = None


def estimate_llc_ladder(
    model: Model,
    weights: np.ndarray,
    *,
    support: np.ndarray | None = None,
    radius: float | None = None,
    gamma: float | None = None,
    precision: float = 0.015,
    max_steps: int = 64_000,
    span: float = 1e18,
    max_rungs: int = 28,
    chains: int = 4,
    leaps: int = 4,
    seed: int = 1,
    stream: tuple[object, ...] = (),
    threads: int = 1,
) -> LadderEstimate:
    """Estimate λ and m at a minimum w* from replica exchange over a ladder of nβ.

    The directions in which the outputs change to first order are solved for by the implicit
    function theorem and contribute rank/2 exactly (`pfmap.kernels.remainder`). What is left is
    sampled at every nβ of a geometric ladder by Hamiltonian and scaling moves with exchanges
    (`pfmap.kernels.ladder`), and λ and m come from the joint fit of

        E[nβK] = λ - d log P(log nβ) / d log nβ,   P a positive polynomial of degree m - 1,

    averaged over m, over the lowest rung in use, and over a first correction in a power of nβ
    (`pfmap.llc.ladder.fit`). There is no step size and no temperature to choose.

    Parameters
    ----------
    model : Model
        The loss is the model's own. A model with outputs and Jacobian has its rank taken out; one
        with a loss and a gradient only is sampled whole.
    weights : ndarray, shape (d,)
        w*.
    support : ndarray, shape (d,), optional
        As for `pfmap.llc.estimate.estimate_llc`.
    radius : float, optional
        λ̂ belongs to the ball of this radius around w* in the null space of the Jacobian: it is the
        smallest λ in it, so keep other strata of {K = K(w*)} outside. None takes 2, halved until
        the stiff coordinates can be solved for in 9/10 of the ball, and less where a ball of
        1/64 of it has a larger λ. An exact result is λ at w*.
    gamma : float, optional
        Localise by a Gaussian of precision γ instead, as in the literature, and sample K whole:
        ``means`` is then λ_eff at every nβ under that prior. In the limit λ̂ is the smallest λ
        anywhere, not that at w*.
    precision : float, default 0.015
        Relative standard error at which the chains stop, once m is clear too (where λ̂ > 5 its
        traces are too small to wait for).
    max_steps : int, default 64000
        Steps of a chain after which they stop in any case.
    span, max_rungs : float, int
        Ratio of the highest nβ to the lowest, and the number of rungs at which the ladder ends
        short of it.
    chains : int, default 4
        Half of them start hot and half cold.
    leaps : int, default 4
        Leaps of a Hamiltonian move; 1 is Metropolis-adjusted Langevin.
    seed, stream : int, tuple
        Name the random numbers: equal arguments give equal results.
    threads : int, default 1
        Threads for the chains; the result does not depend on it.

    Returns
    -------
    LadderEstimate
        Read ``verdict`` first.

    Raises
    ------
    SettingsError
        If an argument breaks a rule, naming it.

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> model = polynomial_model([[1, 1]])  # K = (w1 w2)²/2: λ = 1/2, m = 2
    >>> estimate = estimate_llc_ladder(model, np.zeros(2))
    >>> abs(estimate.llc - 0.5) < 0.05, estimate.multiplicity in (2, None)  # None: undetermined
    (True, True)
    """
    start = time.perf_counter()
    center = _check_arguments(
        model, weights, radius=radius, gamma=gamma, precision=precision, max_steps=max_steps,
        span=span, max_rungs=max_rungs, chains=chains, leaps=leaps, threads=threads,
    )  # fmt: skip
    key = stream_key(seed, "ladder", *stream)
    # Numbers beyond float64 are a verdict, `overflow`, and no warning.
    with one_blas_thread(), np.errstate(all="ignore"):
        problem = make_problem(model, center, reduced=gamma is None, leaps=leaps, key=key)
        reach = (MAX_RADIUS if radius is None else radius) if gamma is None else gamma**-0.5
        fault = fault_at(model, center, support=support)
        if not fault and not is_resolved(model, center, reach=reach):
            fault = "unresolved"
        if fault:
            return _without_chains(problem, math.nan, fault, start)
        if not is_stationary(problem):
            return _without_chains(problem, math.nan, "not a minimum", start)
        if gamma is not None:
            problem = with_gaussian(problem, gamma)
            losses = prior_losses(problem)
        elif is_locally_regular(problem):
            return _without_chains(problem, 0.5 * problem.rank, "ok", start)
        else:
            whole = problem
            problem, losses = widest(whole)
            if is_flat(problem, losses):
                return _without_chains(problem, 0.5 * problem.rank, "ok", start)
            if radius is not None:
                problem = with_radius(whole, radius)
                losses = prior_losses(problem)
        if not solvable(losses):
            return _without_chains(problem, math.nan, "not converged", start)
        usable = losses[np.isfinite(losses)]
        if float(usable.min()) < -FLAT * problem.output_scale:
            return _without_chains(problem, math.nan, "not a minimum", start)
        if is_plateau(problem, usable):
            return _without_chains(problem, 0.5 * problem.rank, "ok", start)

        def sample(ball: LadderProblem, losses: np.ndarray | None = None) -> LadderEstimate:
            return _sampled(
                ball, prior_losses(ball) if losses is None else losses, start, span=span,
                max_rungs=max_rungs, chains=chains, max_steps=max_steps, precision=precision,
                threads=threads,
            )  # fmt: skip

        try:
            estimate = sample(problem, losses)
            if gamma is None:
                bounds, given = exact_bounds(model, center), radius is not None
                estimate = told_apart(problem, estimate, bounds, given_radius=given, sample=sample)
        except UndefinedGradient:
            return _without_chains(problem, math.nan, "nan", start)
    return estimate


def _sampled(
    problem: LadderProblem,
    losses: np.ndarray,
    start: float,
    *,
    span: float,
    max_rungs: int,
    chains: int,
    max_steps: int,
    precision: float,
    threads: int,
) -> LadderEstimate:
    """The estimate of one localised problem; `losses` come from `prior_losses`."""
    n_betas = build_rungs(problem, losses, span=span, max_rungs=max_rungs)
    for ladder in run_ladder(problem, n_betas, chains=chains, max_steps=max_steps, threads=threads):
        estimate = _conclude(problem, ladder, precision, start)
        if estimate.verdict in ("nan", "not a minimum"):
            break
        m_settled = estimate.multiplicity is not None or estimate.llc > M_HIDDEN
        if estimate.verdict == "ok" and m_settled:
            break
    return estimate


def _conclude(
    problem: LadderProblem, ladder: Ladder, precision: float, start: float
) -> LadderEstimate:
    """The estimate from what the chains have given so far."""
    if float(np.ptp(ladder.trace, axis=2).min()) == 0.0:  # a rung that never moved
        return _without_chains(problem, math.nan, "stuck", start)
    blocks = block_means(ladder.trace)
    skip = first_agreeing(blocks)
    n_kept = len(ladder.n_betas) - skip
    used = slice(min(skip, len(ladder.n_betas) - MIN_KEPT), None)
    means = blocks.mean(axis=(0, 1))
    fit: LadderFit = fit_ladder(
        ladder.n_betas[used], means[used], covariance_of_means(blocks[:, :, used])
    )
    half_rank = 0.5 * problem.rank
    rhat = worst_rhat(ladder.trace[:, used])
    verdict = judge_ladder(
        llc=half_rank + fit.llc,
        llc_se=fit.llc_se,
        lowest=float(ladder.trace.min()),
        n_kept=n_kept,
        rhat=rhat,
        misfit=fit.misfit,
        precision=precision,
    )
    best = int(np.argmax(fit.multiplicity_weights))
    clear = fit.multiplicity_weights[best] >= CLEAR_WEIGHT and half_rank + fit.llc <= M_HIDDEN
    return LadderEstimate(
        llc=half_rank + fit.llc,
        llc_se=fit.llc_se,
        low=half_rank + fit.low,
        high=half_rank + fit.high,
        multiplicity=best + 1 if clear else None,
        multiplicity_weights=fit.multiplicity_weights,
        exact=False,
        radius=problem.radius,
        gamma=problem.gamma,
        n_betas=ladder.n_betas,
        means=half_rank + means,
        means_se=np.sqrt(np.diag(covariance_of_means(blocks))),
        n_kept=n_kept,
        rhat=rhat,
        misfit=fit.misfit,
        moved=ladder.moved,
        scaled=ladder.scaled,
        exchanged=ladder.exchanged,
        n_gradients=ladder.n_gradients,
        **_common(problem, verdict, start),
    )


def _without_chains(
    problem: LadderProblem, llc: float, verdict: str, start: float
) -> LadderEstimate:
    """An estimate that needed no chain, exact where `llc` is a number."""
    exact = math.isfinite(llc)
    return LadderEstimate(
        llc=llc,
        llc_se=0.0 if exact else math.nan,
        low=llc,
        high=llc,
        multiplicity=1 if exact else None,
        multiplicity_weights=(1.0, 0.0, 0.0, 0.0) if exact else (math.nan,) * 4,
        exact=exact,
        **_common(problem, verdict, start),
    )


def _common(problem: LadderProblem, verdict: str, start: float) -> dict[str, Any]:
    """What every estimate says, with chains or without."""
    return {
        "verdict": verdict,
        "advice": ADVICE[verdict],
        "rank": problem.found.rank if problem.found else None,
        "loss_at_center": float(problem.model.loss(problem.center)),
        "n_parameters": len(problem.center),
        "elapsed_s": time.perf_counter() - start,
    }


def _check_arguments(model: Model, weights: np.ndarray, **settings: float | None) -> np.ndarray:
    """Weights as float64; SettingsError naming the first argument that breaks a rule."""
    center = check_position(model, weights)
    if settings["radius"] is not None and settings["gamma"] is not None:
        raise SettingsError("radius: goes without gamma, got both", next_step="leave one out")
    if getattr(model, "family", None) == BERNOULLI:
        if settings["gamma"] is not None:
            raise SettingsError(
                "gamma: goes with squared error, got a Bernoulli model",
                next_step="leave gamma out: λ is that of the squared error of the logits",
            )
        if float(model.loss(center)) > ZERO_LOSS:
            raise SettingsError(
                f"weights: a Bernoulli model needs K(w*) = 0, got {model.loss(center):.3g}",
                next_step="take w* itself as the source of the probabilities",
            )
    for name in ("radius", "gamma", "precision"):
        value = settings[name]
        if value is not None and not (math.isfinite(value) and value > 0):
            raise SettingsError(f"{name}: must be finite and above 0, got {value}")
    span = settings["span"]
    if span is None or not (math.isfinite(span) and span > 1):
        raise SettingsError(f"span: must be finite and above 1, got {span}")
    least = {"max_steps": 1000, "max_rungs": MIN_KEPT, "chains": 2, "leaps": 1, "threads": 1}
    for name, smallest in least.items():
        check_count(name, settings[name], smallest)
    return center
