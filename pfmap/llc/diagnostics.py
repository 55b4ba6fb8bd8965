"""From chains to an estimate, its error, its diagnostics and a verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pfmap.llc import faults
from pfmap.llc.problem import Chains

MAX_RHAT = 1.05
MIN_ESS = 200.0
MIN_ACCEPTANCE = 0.2
MAX_VIRIAL_SE = 5.0
MAX_DESCENT = 0.05
MAX_SLOPE = 0.1
MAX_SHORTFALL = 0.01

ADVICE = {
    "ok": "nothing to do",
    **faults.ADVICE,
    "not a minimum": "w* is not a minimum of the loss: train longer, lower n_beta, or report the "
    "loss instead of a coefficient",
    "constant": "K is the same wherever the chains went: λ = 0 if w* lies inside a plateau of K, "
    "else raise n_beta or lower gamma until K changes",
    "stuck": "a chain, or half of one, made no step: more warmup, a larger gamma, or a gradient "
    "that fits the loss (pfmap.models.own.check_gradient)",
    "not converged": "the chains disagree: more warmup and steps, or a larger gamma",
    "short": "the chains agree but are too short for the error: more steps",
    "soft": "weakly curved directions are not resolved: raise n_beta or lower gamma, with replicas "
    "where the rank is not constant",
}
"""What to do about each verdict."""


@dataclass(frozen=True)
class Summary:
    """What the chains say.

    Attributes
    ----------
    llc : float
        λ̂ = E[nβ (K - K*)].
    llc_se : float
        Its standard error, from the spread and the effective sample size.
    slope, slope_se : float
        d λ̂ / d ln nβ = λ̂ - Var[nβ K], and its standard error.
    rhat, ess : float
        Split R-hat (rank-normalised) and bulk effective sample size over all chains: the worse of
        those of nβK and of the distance |w - w*|.
    acceptance : float
        Mean over chains.
    virial, virial_se : float
        Mean of (w - w*)·∇U and its standard error. Integration by parts makes the mean d for every
        density exp(-U), so it tells chains that stop inside the posterior, which R-hat cannot.
    """

    llc: float
    llc_se: float
    slope: float
    slope_se: float
    rhat: float
    ess: float
    acceptance: float
    virial: float
    virial_se: float


def summarize(chains: Chains) -> Summary:
    """Mean, errors and diagnostics of the chains.

    Differentiating the posterior mean of nβK by ln nβ gives E[nβK] - Var[nβK]: where λ̂ no longer
    depends on nβ the variance equals the mean, as in the law Gamma(λ) that nβK tends to.
    """
    excess = chains.excess
    if not np.isfinite(excess).all():
        return Summary(*(math.nan,) * 9)
    llc, variance = float(excess.mean()), float(excess.var())
    if variance == 0.0:
        return Summary(llc, *(math.nan,) * 5, chains.acceptance.mean(), math.nan, math.nan)
    ess = _ess(excess)
    # The slope is a mean too, to first order: of (e - λ̂) - (e - λ̂)² over e = nβ (K - K*).
    influence = (excess - llc) - (excess - llc) ** 2
    return Summary(
        llc=llc,
        llc_se=math.sqrt(variance / ess),
        slope=llc - variance,
        slope_se=float(influence.std()) / math.sqrt(_ess(influence)),
        rhat=max(_rhat(excess), _rhat(chains.distance)),
        ess=min(ess, _ess(chains.distance)),
        acceptance=float(chains.acceptance.mean()),
        virial=float(chains.virial.mean()),
        virial_se=float(chains.virial.std()) / math.sqrt(_ess(chains.virial)),
    )


def _rhat(trace: np.ndarray) -> float:
    """Split R-hat; infinite where a chain or half of one never moved."""
    from arviz_stats.base import array_stats

    half = trace.shape[1] // 2
    halves = (trace[:, :half], trace[:, -half:])
    if min(float(np.ptp(part, axis=1).min()) for part in halves) == 0.0:
        return math.inf
    return float(array_stats.rhat(trace))


def _ess(trace: np.ndarray) -> float:
    """Bulk effective sample size; 1 where nothing moved."""
    from arviz_stats.base import array_stats

    return float(array_stats.ess(trace)) if np.ptp(trace) > 0.0 else 1.0


def judge(
    summary: Summary,
    chains: Chains,
    *,
    n_parameters: int,
    is_minimum: bool = True,
    rank: int | None = None,
    rank_constant: bool | None = None,
) -> str:
    """Verdict on an estimate: the first rule below that is broken, else ``ok``.

    What `pfmap.llc.faults` finds at w* comes before all of these.

    - ``nan``: U was not finite where the chains started, or the trace is not.
    - ``not a minimum``: `is_minimum` is False (training failed or the gradient at w* is not small),
      or a chain met K < K(w*) by more than 0.05/nβ.
    - ``stuck``: a chain accepted nothing, or half of one stood still.
    - ``constant``: nβ (K - K*) is the same at every step though the chains moved. (Acceptance of
      exactly 1 alone is no fault: where K is quadratic the sampler's proposals fit it exactly.)
    - ``not converged``: R-hat above 1.05 or not a number, a chain's acceptance below 0.2, or a
      mean of (w - w*)·∇U more than 5 standard errors from d.
    - ``short``: effective sample size below 200.
    - ``soft``: λ̂ still rises with nβ, slope > 0.1 λ̂ by more than 3 standard errors; or λ̂ lies
      more than 1 % and 3 standard errors below its lower bound rank/2; or the rank is not constant
      along the fibre, so that λ > rank/2, and λ̂ is not above rank/2 by more than 3 standard
      errors. At a duplicated or idle unit λ̂ settles at rank/2 wherever γ keeps chains so close to
      w* that the quartic directions there look flat: nothing else would betray it.

    Parameters
    ----------
    summary : Summary
    chains : Chains
    n_parameters : int
        d.
    is_minimum : bool, default True
        What is known about w* beforehand.
    rank : int, optional
        Rank of the Jacobian at w*, a zero of K; None if not known.
    rank_constant : bool, optional
        Whether the rank is constant along the fibre; None if not known.
    """
    if not chains.finite or math.isnan(summary.llc):
        return "nan"
    if not is_minimum or chains.lowest < -MAX_DESCENT:
        return "not a minimum"
    if chains.acceptance.min() == 0.0:
        return "stuck"
    if float(np.ptp(chains.excess)) == 0.0:
        return "constant"
    if math.isinf(summary.rhat):
        return "stuck"
    if not summary.rhat <= MAX_RHAT or chains.acceptance.min() < MIN_ACCEPTANCE:
        return "not converged"
    if abs(summary.virial - n_parameters) > MAX_VIRIAL_SE * summary.virial_se:
        return "not converged"
    if summary.ess < MIN_ESS:
        return "short"
    rises = summary.slope > MAX_SLOPE * summary.llc + 3.0 * summary.slope_se
    bound = 0.0 if rank is None else 0.5 * rank
    low = summary.llc + 3.0 * summary.llc_se < (1.0 - MAX_SHORTFALL) * bound
    unseen = rank_constant is False and summary.llc - 3.0 * summary.llc_se <= bound
    return "soft" if rises or low or unseen else "ok"
