"""Generalisation errors and the singular fluctuation ν, on simulated data sets.

On the noise-free loss K neither is defined. Here n observations y = f(x) + N(0, 1), n/P at each
point of the domain, are drawn again and again, and the posterior ∝ exp(-Σ_i (y_i - F(w, x_i))²/2)
φ(w) is sampled for each. With E_w over the posterior and all averages over data sets
(Watanabe 2009, Algebraic Geometry and Statistical Learning Theory, theorems 6.8 and 6.10),

    n · mean KL(truth ‖ posterior predictive)            → λ      (Bayes generalisation error),
    n · E_w[mean KL(truth ‖ model w)]                    → λ + ν  (Gibbs generalisation error),
    (1/2) Σ_i Var_w[log p(y_i | x_i, w)]                 → ν.

With several output units the predictive law is taken for each alone. The finite number of posterior
draws shifts the first and the last by a share of about one over their effective number.
"""

from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pfmap.arguments import checked_number
from pfmap.display import Displayed
from pfmap.errors import SettingsError, shown
from pfmap.kernels.ladder import FORCE, OFFSET
from pfmap.llc.blas import one_blas_thread
from pfmap.llc.ladder.chains import advance
from pfmap.llc.ladder.localise import with_gaussian
from pfmap.llc.ladder.problem import LadderProblem, make_problem
from pfmap.llc.ladder.state import start_state
from pfmap.llc.problem import stream_key
from pfmap.models.abilities import REGRESSION, require_members
from pfmap.models.base import CompiledModel, RegressionModel
from pfmap.settings.sections import MAX_SCALE

RUNG_RATIO = 3.0
WARMUP = 300
THINNING = 5
N_NODES = 24
LEAPS = 3


@dataclasses.dataclass(frozen=True, repr=False)
class Generalisation(Displayed):
    """Means over data sets, each with its standard error.

    Attributes
    ----------
    n, data_sets : int
    bayes, bayes_se : float
        n times the Bayes generalisation error, which tends to λ.
    gibbs, gibbs_se : float
        n times the Gibbs generalisation error, which tends to λ + ν.
    fluctuation, fluctuation_se : float
        Half the functional variance, which tends to ν.
    """

    n: int
    data_sets: int
    bayes: float
    bayes_se: float
    gibbs: float
    gibbs_se: float
    fluctuation: float
    fluctuation_se: float


def simulate_generalisation(
    model: RegressionModel,
    weights: np.ndarray,
    *,
    n: int,
    gamma: float = 1.0,
    data_sets: int = 200,
    draws: int = 400,
    seed: int = 1,
    threads: int = 1,
) -> Generalisation:
    """Simulate data sets of size n from the function at `weights` and sample their posteriors.

    Parameters
    ----------
    model : RegressionModel
    weights : ndarray, shape (d,)
        w*; the truth is the model's function there, the prior N(w*, 1/γ).
    n : int
        Observations, a multiple of the points of the domain.
    gamma : float, default 1.0
        Precision γ of the prior.
    data_sets : int, default 200
        At least 2.
    draws : int, default 400
        Posterior draws a data set, each five steps after the last, with replica exchange down to
        nβ of about 1.
    seed : int, default 1
    threads : int, default 1
        The result does not depend on it.

    Returns
    -------
    Generalisation

    Raises
    ------
    SettingsError
        If n is no multiple of the points, or a number is too small.

    Examples
    --------
    >>> from pfmap.models.polynomial import gaussian_model
    >>> found = simulate_generalisation(gaussian_model(np.ones(2)), np.zeros(2), n=1000, draws=200)
    >>> abs(found.bayes - 1.0) < 5 * found.bayes_se  # regular: λ = ν = d/2 = 1
    True
    >>> abs(found.gibbs - 2.0) < 5 * found.gibbs_se
    True
    """
    require_members(model, REGRESSION, by="simulate_generalisation")
    if n < model.n_points or n % model.n_points:
        raise SettingsError(f"n: must be a multiple of the {model.n_points} points, got {shown(n)}")
    if isinstance(model, CompiledModel) and model.is_bernoulli:
        raise SettingsError("model: must have squared error, got a Bernoulli model")
    for name, value, least in (("data_sets", data_sets, 2), ("draws", draws, 10)):
        if value < least:
            raise SettingsError(f"{name}: must be at least {least}, got {shown(value)}")
    gamma = checked_number("gamma", gamma, above=0.0, most=MAX_SCALE)
    truth = model.outputs(weights)
    key = stream_key(seed, "generalisation", n)
    whole = make_problem(model.with_targets(truth), weights, reduced=False, leaps=LEAPS, key=key)
    problem = with_gaussian(whole, gamma)
    n_rungs = max(1, math.ceil(math.log(n) / math.log(RUNG_RATIO)))
    n_betas = n / RUNG_RATIO ** np.arange(n_rungs)

    def run(index: int) -> tuple[float, float, float]:
        return _one_data_set(problem, truth, n_betas, n, index, draws)

    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        values = np.array(list(pool.map(run, range(data_sets))))
    means = values.mean(axis=0)
    errors = values.std(axis=0, ddof=1) / math.sqrt(data_sets)
    pairs = np.stack([means, errors], axis=1).ravel().tolist()
    return Generalisation(n, data_sets, *pairs)


def _one_data_set(
    problem: LadderProblem, truth: np.ndarray, n_betas: np.ndarray, n: int, index: int, draws: int
) -> tuple[float, float, float]:
    """n times both errors, and half the functional variance, of data set `index`."""
    model = problem.model
    assert isinstance(model, RegressionModel)
    each = n // model.n_points
    rng = np.random.default_rng([problem.key, index])
    means = truth + rng.normal(size=truth.shape) / math.sqrt(each)
    squares = each * means**2 + rng.chisquare(max(each - 1, 1), size=truth.shape) * (each > 1)
    seen = model.with_targets(means)
    problem = dataclasses.replace(problem, model=seen, loss_at_center=seen.loss(problem.center))
    state = start_state(problem, len(n_betas))
    _force_at_center(problem, state.vectors, n_betas)
    advance(problem, n_betas, state, WARMUP, chain=index, adapting=True)
    state.freeze()
    outputs = np.empty((draws, len(truth)))
    for draw in range(draws):
        advance(problem, n_betas, state, THINNING, chain=index)
        outputs[draw] = seen.outputs(problem.center + state.vectors[0, OFFSET])
    gibbs = 0.5 * float(np.mean(np.sum((outputs - truth) ** 2, axis=1)))
    nodes, weights = np.polynomial.hermite_e.hermegauss(N_NODES)
    weights = weights / weights.sum()
    bayes = 0.0
    for node, weight in zip(nodes, weights, strict=True):
        gap = -0.5 * ((truth + node - outputs) ** 2 - node**2)
        bayes -= weight * float(np.log(np.mean(np.exp(gap), axis=0)).sum())
    # Σ_i Var_w[y_i F - F²/2] over the observations at each point, by their sums.
    half = 0.5 * outputs**2
    covariance = np.mean((outputs - outputs.mean(0)) * (half - half.mean(0)), axis=0)
    variance = squares * outputs.var(0) - 2.0 * each * means * covariance + each * half.var(0)
    scale = n / model.n_points
    return scale * bayes, scale * gibbs, 0.5 * float(variance.sum())


def _force_at_center(problem: LadderProblem, vectors: np.ndarray, n_betas: np.ndarray) -> None:
    """Set every rung's force at w*, which is no minimum of the loss on data with noise."""
    vectors[:, FORCE] = n_betas[:, None] * np.asarray(problem.model.gradient(problem.center))
