"""Stochastic-gradient Langevin dynamics without a test: the baseline of the literature.

One step at w = w* + x, with g = ∇K(w), ξ standard normal and step size ε:

    plain (Welling & Teh 2011; localised by Lau et al. 2023, arXiv 2308.12108):
        x ← x - (ε/2) (nβ g + γ x) + sqrt(ε) ξ

    preconditioned by RMSProp (Li, Chen, Carlson, Carin 2016, arXiv 1512.07666):
        V ← α V + (1 - α) g²,   G = 1 / (sqrt(V) + δ),   V = 0 at the start,
        x ← x - (ε/2) G (nβ g + γ x) + sqrt(ε G) ξ

α is the decay, δ the damping, and products go parameter by parameter. V averages the squared
gradient of the mean loss, without nβ and without γ, and the term Γ = Σ ∂G/∂w of Li et al. is left
out, as they and everyone after them do in practice.

The literature takes g from a batch. Here the loss is a sum over the whole domain, so g is exact
and only the error of the step size is left. For a quadratic nβK + γ|x|²/2 of curvature h the plain
steps have stationary variance 1/(h (1 - ε h/4)), and none for ε h >= 4.

State of a chain: OFFSET x and MOMENT V, rows of ``vectors``. A step returns K at the point where
its gradient was taken.
"""

from __future__ import annotations

import math

import numpy as np

from ._jit import jit
from .family import loss_gradient, scratch_size
from .philox import random_words
from .variates import normal_of_word

PLAIN = 0
RMSPROP = 1

CODES = {"none": PLAIN, "rmsprop": RMSPROP}

OFFSET, MOMENT = 0, 1
N_VECTORS = 2


@jit
def step_words(key, chain, step, words):
    """Fill `words` with the random words of one step; they depend on (key, chain, step) alone."""
    random_words(key, np.int64(chain) * np.int64(4294967296) + np.int64(step), words)


@jit(inline=True)
def sgld_init(vectors):
    """Start a chain at w*, where the literature starts it."""
    for i in range(vectors.shape[1]):
        vectors[OFFSET, i] = 0.0
        vectors[MOMENT, i] = 0.0


# Not `fast`: the update is a chain of separate roundings, the same in NumPy.
@jit
def sgld_move(code, n_beta, gamma, step_size, decay, damping, gradient, words, vectors):
    """Move the state by one step, given the gradient of K there."""
    half, root = 0.5 * step_size, math.sqrt(step_size)
    offset, moment = vectors[OFFSET], vectors[MOMENT]
    if code == PLAIN:
        for i in range(gradient.shape[0]):
            drift = n_beta * gradient[i] + gamma * offset[i]
            offset[i] += root * np.float64(normal_of_word(words[i])) - half * drift
    else:
        for i in range(gradient.shape[0]):
            g = gradient[i]
            moment[i] = decay * moment[i] + (1.0 - decay) * (g * g)
            scale = 1.0 / (math.sqrt(moment[i]) + damping)
            drift = scale * (n_beta * g + gamma * offset[i])
            noise = math.sqrt(scale) * np.float64(normal_of_word(words[i]))
            offset[i] += root * noise - half * drift


@jit(allocates=True)
def run_sgld(
    family, ints, floats, targets, center, code, n_beta, gamma, step_size, decay, damping,
    key, chain, burn_in, trace,
):  # fmt: skip
    """Run one chain from w*: `burn_in` steps, then one per entry of `trace`.

    Parameters
    ----------
    family, ints, floats, targets : int, int64[:], float64[:], float64[:]
        The model, as in `family`.
    center : float64[d]
        w*.
    code : int
        `PLAIN` or `RMSPROP`.
    n_beta, gamma, step_size, decay, damping : float
        nβ, γ, ε, α and δ; the last two are not used by `PLAIN`.
    key, chain : uint64, int
        Name of the chain's random numbers.
    burn_in : int
        Steps before those recorded.
    trace : float64[steps]
        Result: K before every recorded step; NaN from where it was no longer finite.
    """
    n = center.shape[0]
    vectors = np.empty((N_VECTORS, n))
    weights, gradient = np.empty(n), np.empty(n)
    words = np.empty(64 * ((n - 1) // 64 + 1), dtype=np.uint32)
    scratch = np.empty(scratch_size(family, ints))
    sgld_init(vectors)
    for step in range(burn_in + trace.shape[0]):
        for i in range(n):
            weights[i] = center[i] + vectors[OFFSET, i]
        loss = loss_gradient(family, ints, floats, targets, weights, gradient, scratch)
        if not math.isfinite(loss):
            trace[max(0, step - burn_in) :] = math.nan
            return
        if step >= burn_in:
            trace[step - burn_in] = loss
        step_words(key, chain, step, words)
        sgld_move(code, n_beta, gamma, step_size, decay, damping, gradient, words, vectors)
