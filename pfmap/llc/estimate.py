"""The estimator of the learning coefficient at one parameter, for any model with a gradient."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import ClassVar

import numpy as np

from pfmap.arguments import checked_number
from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.llc.arguments import check_count, check_position
from pfmap.llc.blas import one_blas_thread
from pfmap.llc.center import place_center
from pfmap.llc.compiled import run_compiled
from pfmap.llc.declared_nullity import DeclaredNullity, null_directions
from pfmap.llc.diagnostics import ADVICE, judge, summarize
from pfmap.llc.exact.finite_rank import FiniteRank, jacobian_rank_exactly
from pfmap.llc.faults import UndefinedGradient, fault_at, is_resolved
from pfmap.llc.nullity import Nullity
from pfmap.llc.plain import run_plain
from pfmap.llc.problem import Chains, Problem, metric, no_chains, stream_key
from pfmap.llc.rank import (
    GAP_LIMIT,
    JacobianRank,
    jacobian_rank,
    rank_is_constant,
    weighted_jacobian,
)
from pfmap.models.base import CompiledModel, Model, RegressionModel
from pfmap.models.network import kink_margin
from pfmap.settings.sections import MAX_REPLICA_RATIO, MAX_SCALE, Llc

CENTERS = ("self", "target", "bernoulli", "given")
MAX_DECREMENT = 0.05
MIN_KINK_MARGIN = 1e-9
UNCOMPUTABLE = ("nan", "overflow")
RETRIED = ("short", "stuck", "not converged")
_DEFAULTS = Llc()


@dataclasses.dataclass(frozen=True, repr=False)
class LlcEstimate(Displayed):
    """An estimate of the learning coefficient at w*, with what is needed to judge it.

    Attributes
    ----------
    llc, llc_se : float
        λ̂ and its standard error.
    llc_slope : float
        d λ̂ / d ln nβ; near 0 where λ̂ has settled.
    verdict : str
        ok | nan | overflow | outside | unresolved | not a minimum | constant | stuck |
        not converged | short | soft.
    advice : str
        What to do about the verdict.
    center : str
        self | target | bernoulli | given.
    center_weights : ndarray, shape (d,)
        w*.
    loss_at_center : float
        K(w*).
    rank, rank_gap : int, float
        Rank of the Jacobian at w* and gap of its singular values; None and NaN without a Jacobian.
        On a kink of a relu network they belong to one side of it.
    rank_constant : bool or None
        Whether rank/2 is λ itself; False means λ > rank/2; None if not known.
    rank_verdict : str
        ok | nan | overflow | outside | not a minimum | kink | soft: how far rank/2 can be trusted
        as a lower bound. It bounds λ at zeros of K only: ``not a minimum`` also where
        nβ K(w*) > 0.05. ``soft`` also where `rational_rank` is another.
    rational_rank : int or None
        Rank over the rational numbers at these float64 weights, where the outputs are polynomials
        and not too many (`pfmap.llc.exact.finite_rank`).
    quadratic_llc : float
        What λ̂ would be if the loss were quadratic around w*; NaN without a Jacobian.
    n_beta, gamma : float
        nβ and γ.
    n_parameters : int
        d.
    max_llc : float
        λ_max of the model class, min(d, outputs)/2: no zero of K whose rank is locally constant has
        more. NaN without a Jacobian.
    nullity : Nullity, DeclaredNullity or None
        Null directions of the Jacobian by cause, of networks and of models that declare symmetries.
    rhat, ess, acceptance : float
        Split R-hat, effective sample size, mean acceptance.
    virial, virial_se : float
        Mean of (w - w*)·∇U, which is d for chains that cover the posterior, and its error.
    low_step : ndarray, shape (chains,)
        Smallest step size in use.
    exchange : float
        Mean probability of an exchange between replicas; 1 without them.
    trace : ndarray, shape (chains, steps)
        nβ (K - K*) along the chains.
    elapsed_s, rank_elapsed_s : float
        Wall time of the sampler, and of training, Jacobian and rank.
    """

    SHOWN: ClassVar = (
        "llc",
        "llc_se",
        "verdict",
        "rank",
        "center",
        "n_beta",
        "gamma",
        "n_parameters",
        "rhat",
        "ess",
    )

    llc: float
    llc_se: float
    llc_slope: float
    verdict: str
    advice: str
    center: str
    center_weights: np.ndarray
    loss_at_center: float
    rank: int | None
    rank_gap: float
    rank_constant: bool | None
    rank_verdict: str
    rational_rank: int | None
    quadratic_llc: float
    n_beta: float
    gamma: float
    n_parameters: int
    max_llc: float
    nullity: Nullity | DeclaredNullity | None
    rhat: float
    ess: float
    acceptance: float
    virial: float
    virial_se: float
    low_step: np.ndarray
    exchange: float
    trace: np.ndarray
    elapsed_s: float
    rank_elapsed_s: float


def estimate_llc(
    model: Model,
    weights: np.ndarray,
    *,
    targets: np.ndarray | None = None,
    center: str = "self",
    support: np.ndarray | None = None,
    n_beta: float = _DEFAULTS.n_beta,
    gamma: float = _DEFAULTS.gamma,
    chains: int = _DEFAULTS.chains,
    steps: int = _DEFAULTS.steps,
    warmup: int = _DEFAULTS.warmup,
    replicas: int = _DEFAULTS.replicas,
    replica_ratio: float = _DEFAULTS.replica_ratio,
    target_tolerance: float = _DEFAULTS.target_tolerance,
    longer: tuple[int, ...] = (),
    seed: int = 1,
    stream: tuple[object, ...] = (),
    threads: int = 1,
) -> LlcEstimate:
    """Estimate the learning coefficient λ at a parameter w* by Metropolis-adjusted Langevin.

    The estimator of Lau et al. 2023 (arXiv 2308.12108) at one temperature,

        λ̂ = nβ (E[K(w)] - K(w*)),   density ∝ exp(-nβ K(w) - (γ/2) |w - w*|²),

    with the loss K over the full domain, so without any noise from batches.

    Parameters
    ----------
    model : Model
        Anything with ``n_parameters``, ``loss(w)`` and ``gradient(w)``. A model with outputs,
        Jacobian and ``with_targets`` gives rank and preconditioner besides.
    weights : ndarray, shape (d,)
        Where to start.
    targets : ndarray, optional
        Targets for the center ``target``; None means those of the model.
    center : {"self", "target", "bernoulli", "given"}, default "self"
        self: w* is `weights` and the targets are the outputs there. target: w* is trained from
        `weights` to the targets. bernoulli: as self, with outputs read as logits and K the mean KL
        divergence from the probabilities at `weights`; for networks. given: w* is `weights` and
        the loss is the model's own.
    support : ndarray, shape (d,), optional
        Half-widths of the box outside which the prior has no mass, from
        `pfmap.settings.prior.support_of`; None where it has mass everywhere.
    n_beta : float
        Inverse temperature nβ.
    gamma : float
        Localisation γ > 0.
    chains, steps, warmup : int
        Chains, kept steps of each, and steps before them that adapt the step size.
    replicas, replica_ratio : int, float
        Temperatures of each chain, 1 for plain chains; each has its nβ divided by the ratio from
        one to the next, and only the first is reported. Around singular points, where the
        posterior has narrow arms, take enough to bring nβK down to about 1.
    target_tolerance : float
        Loss at which training has succeeded.
    longer : tuple of int, default ()
        Factors on `steps` and `warmup` of further attempts, made one after the other while the
        verdict is ``short``, ``stuck`` or ``not converged``.
    seed : int, default 1
        Seed; equal arguments give equal results.
    stream : tuple, default ()
        Names the random numbers besides the seed, such as (function, draw, center).
    threads : int, default 1
        Threads for the chains of a compiled model; the result does not depend on it.

    Returns
    -------
    LlcEstimate
        Read ``verdict`` first.

    Raises
    ------
    SettingsError
        If an argument breaks a rule, naming it.

    Examples
    --------
    >>> from pfmap.models.polynomial import gaussian_model
    >>> model = gaussian_model(np.ones(6))  # regular: λ = 6/2
    >>> estimate = estimate_llc(model, np.zeros(6), n_beta=1e6, gamma=1.0, steps=1000)
    >>> estimate.verdict, abs(estimate.llc - 3.0) < 5 * estimate.llc_se
    ('ok', True)
    """
    start = time.perf_counter()
    position = _check_arguments(
        model, weights, center, n_beta=n_beta, gamma=gamma, chains=chains, steps=steps,
        warmup=warmup, replicas=replicas, replica_ratio=replica_ratio,
    )  # fmt: skip
    n_beta, gamma, replica_ratio = float(n_beta), float(gamma), float(replica_ratio)
    tolerance = checked_number("target_tolerance", target_tolerance, least=0.0)
    key = stream_key(seed, *stream)
    found, constant, on_kink, nullity, max_llc = None, None, False, None, math.nan
    rational: FiniteRank | None = None
    # Numbers beyond float64 are a verdict, `overflow`, and no warning.
    with one_blas_thread(), np.errstate(all="ignore"):
        fault, reached = fault_at(model, position), False
        if not fault:
            model, position, reached = place_center(model, position, targets, center, tolerance)
            fault = fault_at(model, position, support=support)
        loss = float(model.loss(position))
        at_zero = n_beta * loss <= MAX_DECREMENT
        if isinstance(model, CompiledModel) and fault not in UNCOMPUTABLE:
            on_kink = kink_margin(model, position) < MIN_KINK_MARGIN
        bounded = at_zero and not on_kink  # elsewhere rank/2 bounds nothing
        if isinstance(model, RegressionModel) and fault not in UNCOMPUTABLE:
            jacobian = weighted_jacobian(model, position)
            found = jacobian_rank(jacobian)
            max_llc = 0.5 * min(jacobian.shape)
            if isinstance(model, CompiledModel):
                rational = jacobian_rank_exactly(model, position)
            nullity = null_directions(model, position, jacobian, found)
            if bounded:
                constant = rank_is_constant(model, position, found, seed=key)
        reach = 1.0 / math.sqrt(gamma)
        if not fault and not is_resolved(model, position, reach=reach, n_beta=n_beta):
            fault = "unresolved"
    n_points = model.n_points if isinstance(model, RegressionModel) else 1
    basis, curvature = metric(found, len(position), n_points, n_beta)
    n_betas = tuple(n_beta / replica_ratio**index for index in range(replicas))
    problem = Problem(model, position, loss, basis, curvature, n_betas, gamma, key)
    ready = time.perf_counter()
    is_minimum = fault not in UNCOMPUTABLE and reached and _is_stationary(problem)
    for factor in (1, *longer):
        sizes = {"chains": chains, "steps": factor * steps, "warmup": factor * warmup}
        ran = _run(problem, threads=threads, **sizes) if not fault else None
        if ran is None:
            fault = fault or "nan"
        result = ran or no_chains(chains, steps)
        summary = summarize(result)
        verdict = fault or judge(
            summary,
            result,
            n_parameters=len(position),
            is_minimum=is_minimum,
            rank=found.rank if found and bounded else None,
            rank_constant=constant,
        )
        if verdict not in RETRIED:
            break
    return LlcEstimate(
        llc=summary.llc,
        llc_se=summary.llc_se,
        llc_slope=summary.slope,
        verdict=verdict,
        advice=ADVICE[verdict],
        center=center,
        center_weights=position,
        loss_at_center=loss,
        rank=found.rank if found else None,
        rank_gap=found.gap if found else math.nan,
        rank_constant=constant,
        rank_verdict=_judge_rank(found, rational, is_minimum and at_zero, on_kink)
        if fault in ("", "unresolved")
        else fault,
        rational_rank=rational.rank if rational else None,
        quadratic_llc=problem.quadratic_llc if found else math.nan,
        n_beta=n_beta,
        gamma=gamma,
        n_parameters=len(position),
        max_llc=max_llc,
        nullity=nullity,
        rhat=summary.rhat,
        ess=summary.ess,
        acceptance=summary.acceptance,
        virial=summary.virial,
        virial_se=summary.virial_se,
        low_step=result.low_step,
        exchange=result.exchange,
        trace=result.excess,
        elapsed_s=time.perf_counter() - ready,
        rank_elapsed_s=ready - start,
    )


def _run(problem: Problem, *, threads: int, **sizes: int) -> Chains | None:
    """The chains; None where the loss is finite and its gradient is not."""
    with np.errstate(all="ignore"):
        if isinstance(problem.model, CompiledModel):
            return run_compiled(problem, problem.model, threads=threads, **sizes)
        try:
            return run_plain(problem, **sizes)
        except UndefinedGradient:
            return None


def _check_arguments(
    model: Model,
    weights: np.ndarray,
    center: str,
    *,
    n_beta: float,
    gamma: float,
    chains: int,
    steps: int,
    warmup: int,
    replicas: int,
    replica_ratio: float,
) -> np.ndarray:
    """Weights as float64; SettingsError naming the first argument that breaks a rule."""
    position = check_position(model, weights)
    if center not in CENTERS:
        raise SettingsError(f"center: must be one of {', '.join(CENTERS)}, got {center!r}")
    if center != "given" and not isinstance(model, RegressionModel):
        raise SettingsError(
            f"center: {center!r} needs a model with outputs, Jacobian and with_targets, got "
            f"{type(model).__name__}",
            next_step='use center="given"',
        )
    for name, value in (("n_beta", n_beta), ("gamma", gamma)):
        checked_number(name, value, above=0.0, most=MAX_SCALE)
    counts = {"chains": (chains, 2), "steps": (steps, 10), "warmup": (warmup, 1)}
    for name, (count, least) in {**counts, "replicas": (replicas, 1)}.items():
        check_count(name, count, least)
    checked_number("replica_ratio", replica_ratio, above=1.0, most=MAX_REPLICA_RATIO)
    gradient = np.shape(model.gradient(position))
    if gradient != position.shape:
        raise SettingsError(
            f"model: gradient must return shape {position.shape}, got {gradient}",
            next_step="check it with pfmap.models.own.check_gradient",
        )
    return position


def _is_stationary(problem: Problem) -> bool:
    """Whether a Newton step from w* would lower nβK by less than 0.05.

    The decrement is (1/2) gᵀ M⁻¹ g with g = nβ ∇K(w*) and M the metric.
    """
    force = problem.n_betas[0] * np.asarray(
        problem.model.gradient(problem.center), dtype=np.float64
    )
    along = problem.basis @ force
    stiff = along**2 * (1.0 / (problem.gamma + problem.curvature) - 1.0 / problem.gamma)
    decrement = 0.5 * (float(force @ force) / problem.gamma + float(stiff.sum()))
    return decrement <= MAX_DECREMENT


def _judge_rank(
    found: JacobianRank | None, rational: FiniteRank | None, at_minimum: bool, on_kink: bool
) -> str:
    """Verdict on rank/2 as a lower bound on λ; `at_minimum`: w* is a minimum with K = 0."""
    if found is None:
        return "nan"
    if not at_minimum:
        return "not a minimum"
    if on_kink:
        return "kink"
    differs = rational is not None and rational.rank != found.rank
    return "soft" if differs or found.gap > GAP_LIMIT else "ok"
