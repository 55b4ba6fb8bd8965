"""Metropolis-adjusted Langevin steps around a center, preconditioned by its Jacobian.

Target density on offsets x = w - w*, up to a constant:

    exp(-U(x)),    U(x) = nβ (K(w* + x) - K(w*)) + (γ/2) |x|².

With the rows of `basis` (orthonormal v_i) and `curvature` e_i = nβ s_i²/P from the singular values
of the outputs' Jacobian at w*, the metric M = γ I + Σ_i e_i v_i v_iᵀ is the Hessian of U at a zero
of K. A step of size b in (0, 1] proposes

    x' = x - b M⁻¹ ∇U(x) + c M^(-1/2) ξ,    c² = 1 - (1 - b)²,    ξ standard normal,

and accepts with probability min(1, exp(U(x) - U(x')) q(x | x') / q(x' | x)). This is MALA with the
noise of the Crank-Nicolson scheme (Cotter, Roberts, Stuart, White 2013, doi:10.1214/13-STS421):
where U is exactly quadratic with Hessian M every proposal is accepted whatever the
dimension, and as b -> 0 it becomes the usual step with noise of variance 2b. The test on U itself
makes it exact for every U.

The step size is drawn anew for every step, log-uniformly from [b_low, 1] and independently of the
state; the warm-up adapts b_low alone. Where M describes the posterior b_low tends to 1. Where the
posterior has narrow and wide parts, as around every singular point, no single step size moves in
both, and a mixture does.

Replica exchange (parallel tempering): beside the chain at nβ others run at smaller nβ, where they
move freely, and neighbours exchange states with the probability that keeps each one's density.

State of a replica, all that the next step needs:

    vectors[6, d]: OFFSET x, FORCE ∇U(x), NOISE ξ of the next step, and three rows of work for the
        trial;
    along[6, k]: the same in coordinates of the basis;
    scalars[5]: U(x), nβ (K - K*), and the three uniform numbers of the next step.

Info of a step: the acceptance probability, returned and kept apart from the state.
"""

from __future__ import annotations

import math

import numpy as np

from ._jit import jit
from .dense import dot
from .family import loss_gradient, scratch_size
from .lowrank import add_combination, project_two
from .metropolis import acceptance, dual_average
from .philox import random_words
from .variates import normal_of_word, unit_uniform

OFFSET, FORCE, NOISE, TRIAL, TRIAL_FORCE, TRIAL_NOISE = 0, 1, 2, 3, 4, 5
N_VECTORS = 6
ENERGY, EXCESS, TEST, SIZE, SWAP = 0, 1, 2, 3, 4
N_SCALARS = 5
TARGET_ACCEPTANCE = 0.4
MIN_LOG_STEP = -36.0

# What a chain records after every kept step: nβ (K - K*), (γ/2) |x|² and x·∇U(x).
N_RECORDS = 3

# What a chain reports at its end.
ACCEPTANCE, LOW_STEP, LOWEST, STATUS, EXCHANGE = 0, 1, 2, 3, 4
N_INFOS = 5


@jit
def draw_noise(key, stream, step, words, noise):
    """Fill `noise` with standard normal numbers and return three uniform numbers on (0, 1].

    They depend on (key, stream, step) alone; every replica of every chain has its own stream.
    """
    random_words(key, np.int64(stream) * np.int64(4294967296) + np.int64(step), words)
    n = noise.shape[0]
    for i in range(n):
        noise[i] = normal_of_word(words[i])
    test = unit_uniform(words[n])
    size = unit_uniform(words[n + 1])
    return test, size, unit_uniform(words[n + 2])


@jit(inline=True)
def word_count(n_parameters):
    """Random words of a step: one a parameter and three more, in whole groups of 64."""
    return 64 * ((n_parameters + 2) // 64 + 1)


@jit(fast=True, inline=True)
def energy_force(
    family, ints, floats, targets, center, loss_at_center, n_beta, gamma, offset, force, scratch
):
    """Return U and nβ (K - K*) at `offset` and set `force` to ∇U."""
    n = offset.shape[0]
    weights = scratch[:n]
    for i in range(n):
        weights[i] = center[i] + offset[i]
    loss = loss_gradient(family, ints, floats, targets, weights, force, scratch[n:])
    square = 0.0
    for i in range(n):
        force[i] = n_beta * force[i] + gamma * offset[i]
        square += offset[i] * offset[i]
    excess = n_beta * (loss - loss_at_center)
    return excess + 0.5 * gamma * square, excess


@jit(inline=True)
def set_start(basis, curvature, gamma, scale, vectors, along):
    """Set the trial to x = s M^(-1/2) ξ, the spread of the quadratic approximation, s = `scale`."""
    coefficients = along[TRIAL_FORCE]
    for i in range(curvature.shape[0]):
        root = scale / math.sqrt(gamma + curvature[i])
        coefficients[i] = along[NOISE, i] * (root - scale / math.sqrt(gamma))
        along[TRIAL, i] = along[NOISE, i] * root
    for i in range(vectors.shape[1]):
        vectors[TRIAL, i] = scale / math.sqrt(gamma) * vectors[NOISE, i]
    add_combination(basis, coefficients, vectors[TRIAL])


@jit(fast=True)
def propose(basis, curvature, gamma, step_size, vectors, along):
    """Set the trial offset x' and its coordinates in the basis."""
    n, n_rows = vectors.shape[1], basis.shape[0]
    spread = math.sqrt(step_size * (2.0 - step_size))
    coefficients = along[TRIAL_FORCE]
    for i in range(n_rows):
        stiff = gamma + curvature[i]
        drift = step_size * along[FORCE, i]
        kick = spread * along[NOISE, i]
        coefficients[i] = drift * (1.0 / gamma - 1.0 / stiff) + kick * (
            1.0 / math.sqrt(stiff) - 1.0 / math.sqrt(gamma)
        )
        along[TRIAL, i] = along[OFFSET, i] - drift / stiff + kick / math.sqrt(stiff)
    offset, force, noise, trial = vectors[OFFSET], vectors[FORCE], vectors[NOISE], vectors[TRIAL]
    pull, push = step_size / gamma, spread / math.sqrt(gamma)
    for i in range(n):
        trial[i] = offset[i] - pull * force[i] + push * noise[i]
    add_combination(basis, coefficients, trial)


@jit(fast=True)
def proposal_log_ratio(curvature, gamma, step_size, vectors, along):
    """log q(x | x') - log q(x' | x), from the trial's force and both vectors' coordinates.

    With y = x - x' and u = y + b M⁻¹ ∇U(x'), log q(x | x') = -uᵀ M u / (2 c²) and
    uᵀ M u = yᵀ M y + 2 b yᵀ ∇U(x') + b² ∇U(x')ᵀ M⁻¹ ∇U(x').
    """
    n, n_rows = vectors.shape[1], curvature.shape[0]
    offset, noise, trial = vectors[OFFSET], vectors[NOISE], vectors[TRIAL]
    force = vectors[TRIAL_FORCE]
    squared_move = cross = squared_force = squared_noise = 0.0
    for i in range(n):
        move = offset[i] - trial[i]
        squared_move += move * move
        cross += move * force[i]
        squared_force += force[i] * force[i]
        squared_noise += noise[i] * noise[i]
    metric_move = gamma * squared_move
    inverse_force = squared_force / gamma
    for i in range(n_rows):
        move = along[OFFSET, i] - along[TRIAL, i]
        metric_move += curvature[i] * move * move
        inverse_force += (1.0 / (gamma + curvature[i]) - 1.0 / gamma) * along[TRIAL_FORCE, i] ** 2
    backward = metric_move + 2.0 * step_size * cross + step_size * step_size * inverse_force
    return 0.5 * (squared_noise - backward / (step_size * (2.0 - step_size)))


@jit(inline=True)
def mala_step(
    family, ints, floats, targets, center, loss_at_center, basis, curvature, n_beta, gamma,
    low_step, key, stream, step, vectors, along, scalars, words, scratch,
):  # fmt: skip
    """Make step number `step` (1, 2, …) of a chain; return its acceptance probability.

    Step 0 starts the chain, from the noise of step -1: x = s M^(-1/2) ξ with s the largest power
    of 1/2 at which U lies within the reach of such a Gaussian, so that a start far up a wall of U
    does not spend the warm-up on the way down. Its probability is 1 if U was finite, else 0.

    `low_step` is b_low. All steps share one call of each kernel: calls are inlined, and every
    further one would add seconds of compilation.
    """
    n = vectors.shape[1]
    limit = n + 10.0 * math.sqrt(n) + 10.0
    scale, attempts = 1.0, 200 if step == 0 else 1
    energy = excess = math.inf
    if step < 0:
        attempts = 0
    for _ in range(attempts):
        if step == 0:
            set_start(basis, curvature, gamma, scale, vectors, along)
        else:
            propose(basis, curvature, gamma, low_step ** scalars[SIZE], vectors, along)
        energy, excess = energy_force(
            family, ints, floats, targets, center, loss_at_center, n_beta, gamma, vectors[TRIAL],
            vectors[TRIAL_FORCE], scratch,
        )  # fmt: skip
        if math.isfinite(energy) and energy <= limit:
            break
        scale *= 0.5
    test, size, swap = draw_noise(key, stream, step + 1, words, vectors[TRIAL_NOISE])
    noise = vectors[TRIAL_NOISE]
    if step < 0:
        project_two(basis, noise, noise, along[TRIAL_NOISE], along[TRIAL_FORCE])
    else:
        project_two(basis, vectors[TRIAL_FORCE], noise, along[TRIAL_FORCE], along[TRIAL_NOISE])
    probability = 0.0
    if math.isfinite(energy):
        probability = 1.0
        if step > 0:
            step_size = low_step ** scalars[SIZE]
            log_ratio = scalars[ENERGY] - energy
            log_ratio += proposal_log_ratio(curvature, gamma, step_size, vectors, along)
            probability = acceptance(log_ratio)
    if step <= 0 or scalars[TEST] < probability:
        for rows in (vectors, along):
            for i in range(rows.shape[1]):
                rows[OFFSET, i] = rows[TRIAL, i]
                rows[FORCE, i] = rows[TRIAL_FORCE, i]
        scalars[ENERGY], scalars[EXCESS] = energy, excess
    for rows in (vectors, along):
        for i in range(rows.shape[1]):
            rows[NOISE, i] = rows[TRIAL_NOISE, i]
    scalars[TEST], scalars[SIZE], scalars[SWAP] = test, size, swap
    return probability


@jit
def exchange(i, j, n_betas, gamma, vectors, along, scalars, test):
    """Exchange the states of replicas i and j if the test says so; return the probability.

    With D = K - K*, the probability is min(1, exp((nβ_i - nβ_j) (D_i - D_j))).
    """
    loss_i, loss_j = scalars[i, EXCESS] / n_betas[i], scalars[j, EXCESS] / n_betas[j]
    log_ratio = (n_betas[i] - n_betas[j]) * (loss_i - loss_j)
    probability = 1.0 if log_ratio >= 0.0 else math.exp(max(log_ratio, -700.0))
    if test >= probability:
        return probability
    to_i, to_j = n_betas[i] / n_betas[j], n_betas[j] / n_betas[i]
    for rows in (vectors, along):
        for c in range(rows.shape[2]):
            x, y = rows[i, OFFSET, c], rows[j, OFFSET, c]
            pull_x, pull_y = rows[i, FORCE, c] - gamma * x, rows[j, FORCE, c] - gamma * y
            rows[i, OFFSET, c], rows[j, OFFSET, c] = y, x
            rows[i, FORCE, c] = to_i * pull_y + gamma * y
            rows[j, FORCE, c] = to_j * pull_x + gamma * x
    bound_i, bound_j = (
        scalars[i, ENERGY] - scalars[i, EXCESS],
        scalars[j, ENERGY] - scalars[j, EXCESS],
    )
    scalars[i, EXCESS], scalars[j, EXCESS] = n_betas[i] * loss_j, n_betas[j] * loss_i
    scalars[i, ENERGY] = scalars[i, EXCESS] + bound_j
    scalars[j, ENERGY] = scalars[j, EXCESS] + bound_i
    return probability


@jit(allocates=True)
def run_chain(
    family, ints, floats, targets, center, loss_at_center, basis, curvature, n_betas, gamma,
    key, chain, warmup, trace, info,
):  # fmt: skip
    """Run one chain: `warmup` steps that adapt b_low, then one step per column of `trace`.

    Parameters
    ----------
    family, ints, floats, targets : int, int64[:], float64[:], float64[:]
        The model, as in `family`.
    center, loss_at_center : float64[d], float
        w* and K(w*).
    basis, curvature : float64[k, d], float64[k]
        The metric at ``n_betas[0]``.
    n_betas : float64[r]
        nβ of the chain and, in descending order, of the replicas that help it.
    gamma : float
        γ.
    key, chain : uint64, int
        Name of the chain's random numbers.
    warmup : int
        Warm-up steps.
    trace : float64[3, steps]
        Result at ``n_betas[0]``: nβ (K - K*), (γ/2) |x|² and x·∇U(x) after every kept step.
    info : float64[5]
        Result: mean acceptance of kept steps and b_low at ``n_betas[0]``, the lowest nβ (K - K*)
        met there, status 0 or, if U was not finite at a start, 1, and the mean probability of an
        exchange (1 without replicas).
    """
    n, n_replicas = center.shape[0], n_betas.shape[0]
    vectors = np.empty((n_replicas, N_VECTORS, n))
    along = np.empty((n_replicas, N_VECTORS, basis.shape[0]))
    scalars = np.empty((n_replicas, N_SCALARS))
    curvatures = np.empty((n_replicas, basis.shape[0]))
    log_steps = np.full(n_replicas, math.log(0.5))
    averages = np.zeros((n_replicas, 2))
    words = np.empty(word_count(n), dtype=np.uint32)
    scratch = np.empty(n + scratch_size(family, ints))
    for r in range(n_replicas):
        for i in range(basis.shape[0]):
            curvatures[r, i] = curvature[i] * (n_betas[r] / n_betas[0])
    finite = True
    lowest = math.inf
    accepted = exchanged = 0.0
    n_exchanges = 0
    for step in range(-1, warmup + trace.shape[1] + 1):
        kept = step - warmup - 1
        for r in range(n_replicas):
            probability = mala_step(
                family, ints, floats, targets, center, loss_at_center, basis, curvatures[r],
                n_betas[r], gamma, math.exp(log_steps[r]), key, chain * n_replicas + r, step,
                vectors[r], along[r], scalars[r], words, scratch,
            )  # fmt: skip
            if step <= 0:
                finite &= step < 0 or probability > 0.0
            elif kept < 0:
                log_steps[r] = dual_average(
                    step, TARGET_ACCEPTANCE - probability, math.log(0.5), MIN_LOG_STEP, averages[r]
                )
                if kept == -1:
                    log_steps[r] = averages[r, 1]
            elif r == 0:
                accepted += probability
        if step < 0:
            continue
        if step == 0:
            lowest = scalars[0, EXCESS]
            continue
        # Neighbours (0, 1), (2, 3), … after odd steps and (1, 2), (3, 4), … after even ones.
        for r in range((step + 1) % 2, n_replicas - 1, 2):
            exchanged += exchange(
                r, r + 1, n_betas, gamma, vectors, along, scalars, scalars[r, SWAP]
            )
            n_exchanges += 1
        lowest = min(lowest, scalars[0, EXCESS])
        if kept >= 0:
            trace[0, kept] = scalars[0, EXCESS]
            trace[1, kept] = scalars[0, ENERGY] - scalars[0, EXCESS]
            trace[2, kept] = dot(vectors[0, OFFSET], vectors[0, FORCE])
    info[ACCEPTANCE] = accepted / trace.shape[1]
    info[LOW_STEP] = math.exp(log_steps[0])
    info[LOWEST] = lowest
    info[STATUS] = 0.0 if finite else 1.0
    info[EXCHANGE] = exchanged / n_exchanges if n_exchanges > 0 else 1.0
