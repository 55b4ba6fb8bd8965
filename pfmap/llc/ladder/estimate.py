"""The estimator of λ and m at one parameter, from a whole ladder of inverse temperatures."""

from __future__ import annotations

import dataclasses
import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from pfmap.arguments import checked_number
from pfmap.errors import SettingsError
from pfmap.llc.arguments import check_count, check_position
from pfmap.llc.blas import one_blas_thread
from pfmap.llc.exact.bounds import ExactBounds, exact_llc
from pfmap.llc.faults import UndefinedGradient, fault_at, is_resolved
from pfmap.llc.ladder.chains import Chains
from pfmap.llc.ladder.fit import fit_ladder
from pfmap.llc.ladder.judge import (
    ADVICE,
    MIN_KEPT,
    MOST,
    advise,
    first_agreeing,
    judge_ladder,
    state_multiplicity,
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
from pfmap.llc.ladder.means import block_means, ladder_means
from pfmap.llc.ladder.outcome import LadderEstimate
from pfmap.llc.ladder.problem import ZERO_LOSS, LadderProblem, make_problem
from pfmap.llc.ladder.regular import (
    FLAT,
    is_flat,
    is_locally_regular,
    is_plateau,
    is_stationary,
    is_whole_and_analytic,
)
from pfmap.llc.ladder.rungs import Rungs
from pfmap.llc.ladder.settle import NOTHING_KNOWN, settled
from pfmap.llc.ladder.strata import told_apart
from pfmap.llc.problem import stream_key
from pfmap.models.base import Model
from pfmap.settings.sections import MAX_SCALE

M_HIDDEN = 5.0
"""Above this λ̂ the logarithms are too small a part of E[nβK] to tell m: at m = 2, 1/λ < 0.2."""

FIRST_RUNGS = 28
"""Rungs at first. Steps are counted in such ladders: `max_steps` of them is the work in all."""

FIRST_STEPS = 2000

LEAST_GAIN = 1.5
"""Times the steps below which going on is left: the error would hardly change."""

CURVED_SPAN = 1e36
"""Longest span without Euler fields: there no move has the right size along a curved valley, and
the highest rungs mix ever more slowly without hot and cold chains telling."""


def estimate_llc_ladder(
    model: Model,
    weights: np.ndarray,
    *,
    support: np.ndarray | None = None,
    radius: float | None = None,
    gamma: float | None = None,
    precision: float = 0.015,
    max_steps: int = 16_000,
    span: float = 1e100,
    max_rungs: int = 112,
    chains: int = 4,
    leaps: int = 4,
    use_exact: bool = True,
    seed: int = 1,
    stream: tuple[object, ...] = (),
    threads: int = 1,
) -> LadderEstimate:
    """Estimate λ and m at a minimum w* from replica exchange over a ladder of nβ.

    The directions in which the outputs change to first order are solved for by the implicit
    function theorem and contribute rank/2 exactly (`pfmap.kernels.remainder`). What is left is
    sampled at every nβ of a geometric ladder by Hamiltonian and scaling moves with exchanges
    (`pfmap.kernels.ladder`), and λ and m come from the mean over fits of all forms that E[nβK] can
    take (`pfmap.llc.ladder.forms`). A ladder begins with 28 rungs and is made twice and four times
    as long where forms with different λ or m fit it alike, up to where rounding of K bites.

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
        Relative standard error at which chains stop, once 99 % lie no farther than twice that.
    max_steps : int, default 16000
        Steps on 28 rungs after which chains stop in any case, fewer on more. More make some
        ``slow`` estimates ``ok``.
    span, max_rungs : float, int
        Ratio of the highest nβ to the lowest, and the number of rungs, at which the ladder ends in
        any case. Where K is homogeneous in no scaling of the coordinates the span is at most 1e36.
    chains : int, default 4
        Half of them start hot and half cold.
    leaps : int, default 4
        Leaps of a Hamiltonian move; 1 is Metropolis-adjusted Langevin.
    use_exact : bool, default True
        Whether what `pfmap.llc.exact.bounds.exact_llc` knows of λ and m at w* cuts the interval
        and settles λ and m; ``settled_by`` says so. Where both are settled by results that are
        proved no chain runs, unless `radius` is given: its ball may hold another stratum. A
        calibration leaves it out.
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
    radius, gamma = (None if value is None else float(value) for value in (radius, gamma))
    precision, span = float(precision), float(span)
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
            bounds = exact_llc(model, center) if use_exact else NOTHING_KNOWN
            if bounds.settled and radius is None:
                return _settled_without_chains(problem, bounds, start)
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
            if is_whole_and_analytic(problem):
                return _without_chains(problem, math.nan, "underflow", start)
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
                given = radius is not None
                estimate = told_apart(problem, estimate, bounds, given_radius=given, sample=sample)
                estimate = settled(estimate, bounds)
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
    """The estimate of one localised problem; `losses` come from `prior_losses`.

    The ladder is made longer where that helps most, else the chains are.
    """
    rungs = Rungs(problem, losses)
    if len(problem.euler) == 0:
        span = min(span, CURVED_SPAN)
    with ThreadPoolExecutor(threads) as pool:
        n_rungs = min(FIRST_RUNGS, max_rungs)
        running = Chains(problem, rungs.climb(span=span, max_rungs=n_rungs), chains, pool)
        steps = min(FIRST_STEPS, max_steps)
        while True:
            running.run(steps)
            estimate = _conclude(problem, running, rungs, precision, start)
            if _is_settled(estimate):
                break
            work = max_steps * FIRST_RUNGS
            n_rungs = min(2 * n_rungs, max_rungs)
            if _wants_more_rungs(estimate) and steps * n_rungs <= work:
                n_betas = rungs.climb(span=span, max_rungs=n_rungs)
                if len(n_betas) > len(running.n_betas):
                    running.extend(n_betas)
                    continue
            n_rungs = len(running.n_betas)
            longer = min(2 * steps, work // max(n_rungs, FIRST_RUNGS))
            if longer < LEAST_GAIN * steps or estimate.verdict == "ok":
                break
            steps = longer
    return estimate


def _is_settled(estimate: LadderEstimate) -> bool:
    """Whether no more chains are wanted."""
    if estimate.verdict in ("nan", "not a minimum"):
        return True
    if estimate.verdict != "ok":
        return False
    # m > 1 takes longer ladders than rounding allows nearly everywhere.
    hidden = estimate.llc - 0.5 * (estimate.rank or 0) > M_HIDDEN
    single = estimate.multiplicity_weights[0] > 0.5
    return estimate.multiplicity is not None or hidden or not single


def _wants_more_rungs(estimate: LadderEstimate) -> bool:
    """Whether a longer ladder would help more than more steps."""
    return estimate.verdict in ("ok", "slow") and estimate.n_kept == len(estimate.n_betas)


def _conclude(
    problem: LadderProblem, running: Chains, rungs: Rungs, precision: float, start: float
) -> LadderEstimate:
    """The estimate from what the chains have given so far."""
    ladder = running.result()
    stood = np.flatnonzero(np.ptp(ladder.trace, axis=2).min(axis=0) == 0.0)
    if len(stood) and len(ladder.n_betas) - stood[-1] <= MIN_KEPT:
        return _without_chains(problem, math.nan, "stuck", start)
    skip = first_agreeing(block_means(ladder)[0])
    skip = max(skip, int(stood[-1]) + 1 if len(stood) else 0)
    n_kept = len(ladder.n_betas) - skip
    used = slice(min(skip, len(ladder.n_betas) - MIN_KEPT), None)
    means, covariance = ladder_means(ladder)
    fit = fit_ladder(ladder.n_betas[used], means[used], covariance[used, used])
    half_rank = 0.5 * problem.rank
    rhat = worst_rhat(ladder.trace[:, used])
    verdict, excess = judge_ladder(
        fit=fit, half_rank=half_rank, lowest=float(ladder.trace.min()), n_kept=n_kept, rhat=rhat,
        precision=precision,
    )  # fmt: skip
    advice, needed = advise(verdict, excess, ladder.n_betas[used], rungs.rounded)
    m, resolution = state_multiplicity(fit, ladder.n_betas[used])
    if fit.llc > M_HIDDEN:
        m, resolution = None, math.nan
    return LadderEstimate(
        llc=half_rank + fit.llc,
        llc_se=fit.llc_se,
        low=half_rank + fit.low,
        high=half_rank + fit.high,
        multiplicity=m,
        multiplicity_resolution=resolution,
        multiplicity_weights=fit.multiplicity_weights,
        exact=False,
        advice=advice,
        needed_n_beta=needed,
        radius=problem.radius,
        gamma=problem.gamma,
        n_betas=ladder.n_betas,
        means=half_rank + means,
        means_se=np.sqrt(np.diag(covariance)),
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
        multiplicity_resolution=0.0 if exact else math.nan,
        multiplicity_weights=(1.0, 0.0, 0.0, 0.0) if exact else (math.nan,) * 4,
        exact=exact,
        advice=ADVICE[verdict],
        needed_n_beta=math.nan,
        **_common(problem, verdict, start),
    )


def _settled_without_chains(
    problem: LadderProblem, bounds: ExactBounds, start: float
) -> LadderEstimate:
    """The estimate where λ and m are known."""
    estimate = _without_chains(problem, float(bounds.low), "ok", start)
    m = bounds.multiplicity
    weights = tuple(float(m == k) for k in range(1, 5))
    return dataclasses.replace(
        estimate, multiplicity=m, multiplicity_weights=weights, settled_by=bounds.sources
    )


def _common(problem: LadderProblem, verdict: str, start: float) -> dict[str, Any]:
    """What every estimate says, with chains or without."""
    return {
        "verdict": verdict,
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
    if getattr(model, "is_bernoulli", False):
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
    for name in ("radius", "gamma"):
        if settings[name] is not None:
            checked_number(name, settings[name], above=0.0, most=MAX_SCALE)
    checked_number("precision", settings["precision"], above=0.0)
    checked_number("span", settings["span"], above=1.0, most=MOST)
    least = {"max_steps": 1000, "max_rungs": MIN_KEPT, "chains": 2, "leaps": 1, "threads": 1}
    for name, smallest in least.items():
        check_count(name, settings[name], smallest)
    return center
