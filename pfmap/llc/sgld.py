"""The literature's estimators by stochastic-gradient Langevin dynamics: baselines, not defaults."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pfmap.arguments import checked_number
from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.kernels.sgld import CODES, run_sgld
from pfmap.llc.arguments import check_count
from pfmap.llc.problem import stream_key
from pfmap.models.base import CompiledModel
from pfmap.settings.sections import MAX_SCALE


@dataclass(frozen=True, repr=False)
class SgldEstimate(Displayed):
    """What chains without an accept step say about the learning coefficient at w*.

    Attributes
    ----------
    llc : float
        λ̂ = nβ (mean K - K(w*)); NaN if a chain diverged.
    llc_se : float
        Standard deviation of the chains' means over the square root of their number. It knows
        nothing of the error that the step size makes, which all chains share.
    chain_llc : ndarray, shape (chains,)
        λ̂ of each chain; NaN for those that diverged.
    finite : bool
        Whether no chain diverged.
    verdict : str
        unadjusted | nan. Never ``ok``: nothing in the chains can tell whether the step is small
        enough.
    trace : ndarray, shape (chains, steps)
        nβ (K - K(w*)) along the chains.
    """

    SHOWN: ClassVar = ("llc", "llc_se", "verdict", "finite")

    llc: float
    llc_se: float
    chain_llc: np.ndarray
    finite: bool
    verdict: str
    trace: np.ndarray


def estimate_llc_sgld(
    model: CompiledModel,
    weights: np.ndarray,
    *,
    n_beta: float,
    gamma: float,
    step_size: float,
    chains: int = 8,
    steps: int = 2000,
    burn_in: int = 2000,
    preconditioner: str = "none",
    decay: float = 0.99,
    damping: float = 0.1,
    seed: int = 1,
    threads: int = 1,
) -> SgldEstimate:
    """Estimate the learning coefficient at w* by SGLD, as the literature defines it.

    A baseline to compare `pfmap.llc.estimate.estimate_llc` with. There is no accept step: λ̂ is
    that of another density than exp(-nβ K - (γ/2) |w - w*|²), the further from it the larger the
    step size, and the step size must be tuned by hand. The updates stand in `pfmap.kernels.sgld`;
    with g = ∇K and ξ standard normal, the plain one is

        w ← w + (ε/2) (γ (w* - w) - nβ g) + N(0, ε)

    (Lau et al. 2023, arXiv 2308.12108), the other multiplies drift and noise variance by
    1/(sqrt(V) + δ), V an average of g² with decay α (Li et al. 2016, arXiv 1512.07666, as used in
    arXiv 2507.21449). g is over the full domain, so unlike there it has no noise from batches, and
    K(w*) is exact.

    Parameters
    ----------
    model : CompiledModel
        The loss is the model's own.
    weights : ndarray, shape (d,)
        w*, where every chain starts.
    n_beta, gamma : float
        nβ > 0 and localisation γ >= 0.
    step_size : float
        ε > 0. Stable only below 4/h for the largest curvature h of nβK + (γ/2) |w - w*|².
    chains, steps, burn_in : int
        Chains, recorded steps of each, and steps before them. A step is one gradient.
    preconditioner : {"none", "rmsprop"}, default "none"
        Which update.
    decay : float, default 0.99
        α of ``rmsprop``, 0 <= α < 1.
    damping : float, default 0.1
        δ > 0 of ``rmsprop``: 0.1 in the devinterp library, 1e-5 in Li et al.
    seed : int, default 1
        Seed; equal arguments give equal results.
    threads : int, default 1
        Threads for the chains; the result does not depend on it.

    Returns
    -------
    SgldEstimate

    Raises
    ------
    SettingsError
        If an argument breaks a rule, naming it.

    Examples
    --------
    K = |w|²/80 and nβ = 40,000 make a curvature h = 1000 of nβK, and chains of variance
    1/(h (1 - ε h/4)): at ε h = 1 the estimate is a third too high, and nothing in it says so:

    >>> from pfmap.models.polynomial import gaussian_model
    >>> model = gaussian_model(np.ones(40))  # λ = 40/2
    >>> settings = {"n_beta": 40e3, "gamma": 1.0}
    >>> large = estimate_llc_sgld(model, np.zeros(40), step_size=1e-3, **settings)
    >>> small = estimate_llc_sgld(model, np.zeros(40), step_size=2e-5, **settings)
    >>> round(large.llc), round(small.llc), large.verdict
    (27, 20, 'unadjusted')
    """
    center = _check_arguments(
        model, weights, n_beta=n_beta, gamma=gamma, step_size=step_size, chains=chains,
        steps=steps, burn_in=burn_in, preconditioner=preconditioner, decay=decay, damping=damping,
    )  # fmt: skip
    n_beta, gamma, step_size = float(n_beta), float(gamma), float(step_size)
    code, key = CODES[preconditioner], np.uint64(stream_key(seed))
    losses = np.empty((chains, steps))

    def run(chain: int) -> None:
        run_sgld(
            model.family, model.ints, model.floats, model.targets, center, code, n_beta,
            gamma, step_size, float(decay), float(damping), key, chain, burn_in, losses[chain],
        )  # fmt: skip

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(chains)))
    # On the way to infinity sums overflow before the losses do.
    with np.errstate(over="ignore", invalid="ignore"):
        trace = n_beta * (losses - model.loss(center))
        chain_llc = trace.mean(axis=1)
        chain_llc[~np.isfinite(chain_llc)] = math.nan
        llc_se = float(chain_llc.std(ddof=1)) / math.sqrt(chains)
    finite = math.isfinite(llc_se)
    return SgldEstimate(
        llc=float(chain_llc.mean()),
        llc_se=llc_se,
        chain_llc=chain_llc,
        finite=finite,
        verdict="unadjusted" if finite else "nan",
        trace=trace,
    )


def _check_arguments(
    model: CompiledModel,
    weights: np.ndarray,
    *,
    n_beta: float,
    gamma: float,
    step_size: float,
    chains: int,
    steps: int,
    burn_in: int,
    preconditioner: str,
    decay: float,
    damping: float,
) -> np.ndarray:
    """w* as float64; SettingsError naming the first argument that breaks a rule."""
    if not isinstance(model, CompiledModel):
        raise SettingsError(
            f"model: must be a compiled model, got {type(model).__name__}",
            next_step="build it with network_model, deep_linear_model or polynomial_model, or use "
            "estimate_llc, which takes any model",
        )
    center = model.check_weights(weights)
    if not math.isfinite(model.loss(center)):
        raise SettingsError("weights: must have a finite loss, got NaN or infinity")
    if preconditioner not in CODES:
        raise SettingsError(
            f"preconditioner: must be one of {', '.join(CODES)}, got {preconditioner!r}"
        )
    for name, value in (("n_beta", n_beta), ("step_size", step_size), ("damping", damping)):
        checked_number(name, value, above=0.0, most=MAX_SCALE)
    checked_number("gamma", gamma, least=0.0, most=MAX_SCALE)
    checked_number("decay", decay, least=0.0, below=1.0)
    for name, count, least in (("chains", chains, 2), ("steps", steps, 1), ("burn_in", burn_in, 0)):
        check_count(name, count, least)
    return center
