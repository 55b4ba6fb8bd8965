"""What a sampler needs to know about one posterior, and what its chains give back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from pfmap.llc.rank import JacobianRank
from pfmap.models.base import Model


@dataclass(frozen=True)
class Problem:
    """The tempered, localised posterior around w*.

    Its density on offsets x = w - w* is proportional to exp(-U(x)) with

        U(x) = nβ (K(w* + x) - K(w*)) + (γ/2) |x|².

    Attributes
    ----------
    model : Model
        Loss K and gradient.
    center : ndarray, shape (d,)
        w*.
    loss_at_center : float
        K(w*).
    basis : ndarray, shape (k, d)
        Orthonormal directions v_i in which the posterior is stiff; k may be 0.
    curvature : ndarray, shape (k,)
        nβ s_i²/P, the curvature of nβK along them at a zero of K, at the first of `n_betas`.
    n_betas : tuple of float
        nβ and, in descending order, those of the replicas that help the chain to move.
    gamma : float
        γ.
    key : int
        64-bit key of the random numbers.
    """

    model: Model
    center: np.ndarray
    loss_at_center: float
    basis: np.ndarray
    curvature: np.ndarray
    n_betas: tuple[float, ...]
    gamma: float
    key: int

    @property
    def quadratic_llc(self) -> float:
        """E[nβK] of the quadratic approximation: (1/2) Σ_i e_i/(e_i + γ), e_i the curvatures."""
        return 0.5 * float(np.sum(self.curvature / (self.curvature + self.gamma)))


@dataclass(frozen=True)
class Chains:
    """Result of the chains of one problem.

    Attributes
    ----------
    excess : ndarray, shape (chains, steps)
        nβ (K - K*) after every kept step.
    distance : ndarray, shape (chains, steps)
        (γ/2) |x|².
    virial : ndarray, shape (chains, steps)
        x·∇U(x), whose posterior mean is d for every U.
    acceptance : ndarray, shape (chains,)
        Mean acceptance probability of the kept steps.
    low_step : ndarray, shape (chains,)
        Smallest step size in use, frozen after the warm-up.
    lowest : float
        Lowest nβ (K - K*) met by any chain, warm-up included.
    finite : bool
        Whether U was finite where the chains started.
    exchange : float
        Mean probability of an exchange between neighbouring replicas; 1 without replicas.
    """

    excess: np.ndarray
    distance: np.ndarray
    virial: np.ndarray
    acceptance: np.ndarray
    low_step: np.ndarray
    lowest: float
    finite: bool
    exchange: float = 1.0


def no_chains(chains: int, steps: int) -> Chains:
    """What stands for chains that were not run: NaN throughout."""
    nothing = np.full((chains, steps), np.nan)
    none = nothing[:, 0]
    return Chains(nothing, nothing, nothing, none, none, np.nan, finite=False)


def metric(
    found: JacobianRank | None, n_parameters: int, n_points: int, n_beta: float
) -> tuple[np.ndarray, np.ndarray]:
    """Basis and curvature of a problem from the Jacobian at w*; both empty without one."""
    if found is None or found.rank == 0:
        return np.empty((0, n_parameters)), np.empty(0)
    curvature = n_beta * found.singular_values[: found.rank] ** 2 / n_points
    return np.ascontiguousarray(found.basis[: found.rank]), curvature


def stream_key(*parts: object) -> int:
    """64-bit key of a random stream from whatever names it: the same parts, the same numbers.

    Examples
    --------
    >>> stream_key(1, "0f", 7, "self") == stream_key(1, "0f", 7, "self")
    True
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
