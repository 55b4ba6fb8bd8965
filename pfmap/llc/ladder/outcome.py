"""What a ladder says of λ and m at one parameter."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import numpy as np

from pfmap.display import Displayed


@dataclasses.dataclass(frozen=True, repr=False)
class LadderEstimate(Displayed):
    """λ and m at w*, with what is needed to judge them.

    Attributes
    ----------
    llc, llc_se : float
        λ̂ and its standard error: Monte Carlo error and the choice of the model of E[nβK], m
        included.
    low, high : float
        95 % interval.
    multiplicity : int or None
        m where its weight is at least 0.9, what is sampled of λ̂ at most 5 and the ladder long
        enough, else None: undetermined. See `pfmap.llc.ladder.judge.state_multiplicity`.
    multiplicity_resolution : float
        With m = 1: no second pole lies within this of λ. With m > 1: m poles lie within this of λ,
        and whether they are one of order m no data tell. 0 where m is exact, NaN where it is None.
    multiplicity_weights : tuple of float
        Weight of m = 1, 2, 3, 4.
    exact : bool
        Whether λ and m needed no chain: the rank is constant along the fibre, so that λ = rank/2
        with m = 1, or ``settled_by`` says from where they are known.
    verdict, advice : str
        ok | nan | overflow | outside | unresolved | underflow | not a minimum | stuck |
        not converged | stratum | contradicted | short | slow, and what to do.
    needed_n_beta : float
        Where ``slow``: the nβ that the ladder would have to reach. Else NaN.
    settled_by : tuple of str
        What is known exactly and was used: bounds that cut the interval, λ and m themselves.
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

    SHOWN: ClassVar = (
        "llc",
        "llc_se",
        "low",
        "high",
        "multiplicity",
        "verdict",
        "exact",
        "rank",
        "n_parameters",
    )

    llc: float
    llc_se: float
    low: float
    high: float
    multiplicity: int | None
    multiplicity_resolution: float
    multiplicity_weights: tuple[float, ...]
    exact: bool
    verdict: str
    advice: str
    needed_n_beta: float
    rank: int | None
    loss_at_center: float
    n_parameters: int
    elapsed_s: float
    settled_by: tuple[str, ...] = ()
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
