"""Markov chains around w* at a whole ladder of inverse temperatures, for the singular part of K.

Rung r has the density exp(-U_r(x)) on offsets x in the null space of the Jacobian at w*,

    U_r(x) = nβ_r (K_G(w* + x) - K*) - log φ(x),

K_G from `remainder` (K itself at rank 0), and φ either the bump (1 - |x|²/R²)^(γR²/2) on the ball
of radius R or, for R = ∞, the Gaussian exp(-(γ/2) |x|²).

A step of a rung makes two or three moves and is followed by exchanges between neighbouring rungs.

Hamiltonian move. With momentum p, standard normal on the null space, `leaps` times

    p -= tan(θ/2) (∇U - γx)/√γ;    (√γ x, p) turned by the angle θ;    p -= tan(θ/2) (∇U - γx)/√γ,

accepted with probability min(1, exp(U + |p|²/2 - U' - |p'|²/2)). The Gaussian part is solved
exactly, so a weak force leaves every θ usable (Beskos, Pinski, Sanz-Serna, Stuart 2011,
doi:10.1016/j.spa.2011.06.003). One leap is Metropolis-adjusted Langevin with the Crank-Nicolson
noise of `langevin` and step size b = 1 - cos θ. Half of the steps have b near an adapted size, an
eighth log-uniform between it and 1, and the rest between e^-10 and e^6 times it: no single size
moves in narrow and wide parts, such as a valley {f = 0} that widens towards a singular point.

Scaling move. x_g -> exp(ξ) x_g for a random group g of coordinates and normal ξ, accepted with
probability min(1, exp(U - U' + |g| ξ)), |g| ξ the log of the map's Jacobian determinant. Along the
arms of {K = 0} such moves have the right size at every distance from w*. In half of the moves the
sum or the difference of two groups is scaled in place of one: arms where units cancel or coincide.

Collapsed move, where the model has affine blocks: that of `collapsed`, in every third step.

Replica exchange: neighbours exchange states with the probability that keeps each one's density.

Some scaling moves follow Euler fields and control variates are summed, both of `scaling`.

State of a rung, all that the next step needs: rows OFFSET and FORCE of `vectors` (the other rows
are work), row STATE of `stiff` (the solved coordinates), and `scalars`: U and nβ (K - K*).
"""

from __future__ import annotations

import math

import numpy as np

from ._jit import jit
from .collapsed import N_WORDS as N_COLLAPSED_WORDS
from .collapsed import TEST as COLLAPSED_TEST
from .collapsed import collapsed_scratch, set_collapsed
from .dense import dot
from .lowrank import add_combination
from .metropolis import acceptance, dual_average
from .philox import random_words
from .remainder import remainder_loss_force, remainder_scratch
from .scaling import CONTROL_STEPS, SCALE_SPREAD, add_controls, set_flowed, set_scaled
from .variates import normal_of_word, unit_uniform

OFFSET, FORCE, TRIAL, TRIAL_FORCE, MOMENTUM = 0, 1, 2, 3, 4
N_VECTORS = 5
STATE, TRIAL_STATE = 0, 1
ENERGY, EXCESS = 0, 1

# Tuning of a rung: log b, its averages in the dual averaging, and where that started.
LOG_STEP, MEAN_ERROR, MEAN_LOG_STEP, FIRST_LOG_STEP, N_ADAPTED = 0, 1, 2, 3, 4
N_TUNINGS = 5

# Counts of a rung: sums of acceptance probabilities and the number of tries.
MOVED, MOVES, SCALED, SCALES, EXCHANGED, EXCHANGES = 0, 1, 2, 3, 4, 5
N_COUNTS = 6

TARGET_ACCEPTANCE = 0.65
MIN_LOG_STEP = -200.0

COLLAPSED_EVERY = 3
"""Steps from one collapsed move of a rung to the next: it costs as much as several others."""


# Random words of a step after those of the momentum.
TEST, SIZE, WHICH, SWAP, KIND, PICK, SCALE, SCALE_TEST = 0, 1, 2, 3, 4, 5, 6, 7
PARTNER, PAIRING = 8, 9
N_WORDS = 10


@jit(inline=True)
def local_energy(gamma, radius, square):
    """-log φ at |x|² = `square`, and the factor c of its gradient c x."""
    if radius == math.inf:
        return 0.5 * gamma * square, gamma
    left = 1.0 - square / (radius * radius)
    if left <= 0.0:
        return math.inf, gamma
    return -0.5 * gamma * radius * radius * math.log(left), gamma / left


@jit(fast=True)
def project_out(right, coefficients, vector):
    """Make `vector` orthogonal to the rows of `right`."""
    for i in range(right.shape[0]):
        coefficients[i] = -dot(right[i], vector)
    add_combination(right, coefficients, vector)


@jit(inline=True)
def kick(root, tangent, offset, force, momentum):
    """p -= tan(θ/2) (∇U - γx)/√γ, `root` = √γ."""
    push, back = tangent / root, tangent * root
    for i in range(offset.shape[0]):
        momentum[i] -= push * force[i] - back * offset[i]


@jit(inline=True)
def turn(root, cosine, sine, offset, momentum):
    """Turn (√γ x, p) by the angle θ, `root` = √γ."""
    out, back = sine / root, sine * root
    for i in range(offset.shape[0]):
        x, p = offset[i], momentum[i]
        offset[i] = cosine * x + out * p
        momentum[i] = cosine * p - back * x


@jit(inline=True)
def wide_step(low, n_beta, share):
    """b of the steps that are not near the adapted size `low`, from a uniform `share`.

    Where K = f²/2 is zero and the gradient of f is not, b is right at about 1/nβ. A rung whose step
    adapted to the surroundings of w* could not keep states in such places without these steps.
    """
    if share < 0.25:
        return low ** (4.0 * share)
    regular = 0.01 / n_beta
    if share < 0.5 and regular < low * math.exp(-10.0):
        return min(low, regular * math.exp(14.0 * (share - 0.25) / 0.25))
    return min(1.0, low * math.exp(16.0 * (share - 0.25) / 0.75 - 10.0))


@jit(inline=True)
def adapt(tuning, probability):
    """One step of dual averaging of a rung's log b towards `TARGET_ACCEPTANCE`."""
    tuning[N_ADAPTED] += 1.0
    tuning[LOG_STEP] = dual_average(
        tuning[N_ADAPTED], TARGET_ACCEPTANCE - probability, tuning[FIRST_LOG_STEP], MIN_LOG_STEP,
        tuning[MEAN_ERROR : MEAN_LOG_STEP + 1],
    )  # fmt: skip


@jit(fast=True)
def exchange(i, j, n_betas, gamma, radius, vectors, stiff, scalars, test):
    """Exchange the states of rungs i and j if the test says so; return the probability.

    With D = K - K*, the probability is min(1, exp((nβ_i - nβ_j) (D_i - D_j))).
    """
    loss_i, loss_j = scalars[i, EXCESS] / n_betas[i], scalars[j, EXCESS] / n_betas[j]
    log_ratio = (n_betas[i] - n_betas[j]) * (loss_i - loss_j)
    probability = 1.0 if log_ratio >= 0.0 else math.exp(max(log_ratio, -700.0))
    if test > probability:
        return probability
    local_i, pull_i = local_energy(gamma, radius, dot(vectors[i, OFFSET], vectors[i, OFFSET]))
    local_j, pull_j = local_energy(gamma, radius, dot(vectors[j, OFFSET], vectors[j, OFFSET]))
    to_i, to_j = n_betas[i] / n_betas[j], n_betas[j] / n_betas[i]
    for c in range(vectors.shape[2]):
        x, y = vectors[i, OFFSET, c], vectors[j, OFFSET, c]
        force_x = vectors[i, FORCE, c] - pull_i * x
        force_y = vectors[j, FORCE, c] - pull_j * y
        vectors[i, OFFSET, c], vectors[j, OFFSET, c] = y, x
        vectors[i, FORCE, c] = to_i * force_y + pull_j * y
        vectors[j, FORCE, c] = to_j * force_x + pull_i * x
    for c in range(stiff.shape[2]):
        stiff[i, STATE, c], stiff[j, STATE, c] = stiff[j, STATE, c], stiff[i, STATE, c]
    scalars[i, EXCESS], scalars[j, EXCESS] = n_betas[i] * loss_j, n_betas[j] * loss_i
    scalars[i, ENERGY] = scalars[i, EXCESS] + local_j
    scalars[j, ENERGY] = scalars[j, EXCESS] + local_i
    return probability


@jit
def take_steps(
    family, ints, floats, targets, n_points, center, loss_at_center, left, right, values, groups,
    n_groups, sizes, euler, blocks, n_betas, tolerances, gamma, radius, leaps, key, chain,
    first_step, lowest_rung, highest_rung, adapting, vectors, stiff, scalars, tunings, counts,
    trace, controls, words, scratch, along, members, swaps,
):  # fmt: skip
    """The loop of `advance_ladder`, which see.

    Parameters
    ----------
    n_groups, sizes : int64[kinds], int64[kinds, d]
        Number of groups of each kind, and of free coordinates in each group.
    words, scratch, along, members, swaps : arrays
        Working memory.
    """
    n, n_rungs, rank = center.shape[0], n_betas.shape[0], left.shape[0]
    root = math.sqrt(gamma)
    for column in range(trace.shape[1]):
        step = np.int64(first_step + column)
        for r in range(lowest_rung, highest_rung):
            stream = np.int64(chain) * np.int64(n_rungs) + np.int64(r)
            random_words(key, stream * np.int64(4294967296) + step, words)
            extra = words[n:]
            swaps[r] = unit_uniform(extra[SWAP])
            state, tuning, count = vectors[r], tunings[r], counts[r]
            trial, momentum = state[TRIAL], state[MOMENTUM]
            n_moves = 3 if len(blocks) > 0 and (step + r) % COLLAPSED_EVERY == 0 else 2
            for move in range(n_moves):
                n_leaps = 1
                test = unit_uniform(extra[TEST if move == 0 else SCALE_TEST])
                log_ratio = 0.0
                steady = False
                cosine, sine, tangent = 1.0, 0.0, 0.0
                for i in range(rank):
                    stiff[r, TRIAL_STATE, i] = stiff[r, STATE, i]
                if move == 0:
                    n_leaps = leaps
                    steady = unit_uniform(extra[WHICH]) <= 0.5
                    low, size = math.exp(tuning[LOG_STEP]), unit_uniform(extra[SIZE])
                    b = min(1.0, low * (0.5 + size)) if steady else wide_step(low, n_betas[r], size)
                    cosine, sine = 1.0 - b, math.sqrt(b * (2.0 - b))
                    tangent = b / sine
                    for i in range(n):
                        trial[i] = state[OFFSET, i]
                        state[TRIAL_FORCE, i] = state[FORCE, i]
                        momentum[i] = normal_of_word(words[i])
                    project_out(right, along, momentum)
                    log_ratio = 0.5 * dot(momentum, momentum)
                elif move == 2:
                    drawn = extra[N_WORDS:]
                    test = unit_uniform(drawn[n + COLLAPSED_TEST])
                    log_ratio = set_collapsed(
                        family, ints, floats, targets, n_points, center, blocks, gamma, n_betas[r],
                        drawn, state[OFFSET], trial, members, scratch,
                    )  # fmt: skip
                else:
                    n_kinds = len(n_groups) + min(len(euler), 1)
                    kind = min(int(unit_uniform(extra[KIND]) * n_kinds), n_kinds - 1)
                    field = kind == len(n_groups)
                    if field:
                        pick = min(int(unit_uniform(extra[PICK]) * len(euler)), len(euler) - 1)
                        log_ratio = set_flowed(
                            euler[pick], normal_of_word(extra[SCALE]), state[OFFSET], trial
                        )
                        kind = 0
                    last = n_groups[kind] - 1
                    pick = min(int(unit_uniform(extra[PICK]) * n_groups[kind]), last)
                    size = sizes[kind, pick]
                    partner = pick
                    pairing = unit_uniform(extra[PAIRING])
                    if pairing > 0.5:
                        partner = min(int(unit_uniform(extra[PARTNER]) * n_groups[kind]), last)
                        if sizes[kind, partner] != size:
                            partner = pick
                    sign = 1.0 if pairing > 0.75 else -1.0
                    spread = SCALE_SPREAD / math.sqrt(max(size, 1))
                    log_factor = spread * normal_of_word(extra[SCALE])
                    if not field:
                        set_scaled(
                            groups[kind], pick, partner, sign, log_factor, state[OFFSET], trial
                        )
                        log_ratio = size * log_factor
                energy = excess = math.inf
                for _ in range(n_leaps):
                    if move == 0:
                        kick(root, tangent, trial, state[TRIAL_FORCE], momentum)
                        turn(root, cosine, sine, trial, momentum)
                    local, pull = local_energy(gamma, radius, dot(trial, trial))
                    energy = math.inf
                    if local == math.inf:
                        break
                    loss = remainder_loss_force(
                        family, ints, floats, targets, n_points, center, left, right, values,
                        tolerances[r], trial, stiff[r, TRIAL_STATE], state[TRIAL_FORCE], scratch,
                    )  # fmt: skip
                    if not math.isfinite(loss):
                        break
                    for i in range(n):
                        state[TRIAL_FORCE, i] = n_betas[r] * state[TRIAL_FORCE, i] + pull * trial[i]
                    excess = n_betas[r] * (loss - loss_at_center)
                    energy = excess + local
                    if move == 0:
                        kick(root, tangent, trial, state[TRIAL_FORCE], momentum)
                probability = 0.0
                if math.isfinite(energy) and math.isfinite(log_ratio):
                    if move == 0:
                        log_ratio -= 0.5 * dot(momentum, momentum)
                    log_ratio += scalars[r, ENERGY] - energy
                    probability = acceptance(log_ratio)
                if test <= probability:
                    for i in range(n):
                        state[OFFSET, i] = trial[i]
                        state[FORCE, i] = state[TRIAL_FORCE, i]
                    project_out(right, along, state[OFFSET])
                    for i in range(rank):
                        stiff[r, STATE, i] = stiff[r, TRIAL_STATE, i]
                    scalars[r, ENERGY], scalars[r, EXCESS] = energy, excess
                if move == 1:
                    count[SCALED] += probability
                    count[SCALES] += 1.0
                elif steady:
                    count[MOVED] += probability
                    count[MOVES] += 1.0
                    if adapting:
                        adapt(tuning, probability)
        # Neighbours (0, 1), (2, 3), … after odd steps and (1, 2), (3, 4), … after even ones.
        for r in range(lowest_rung + (step + 1) % 2, highest_rung - 1, 2):
            counts[r, EXCHANGED] += exchange(
                r, r + 1, n_betas, gamma, radius, vectors, stiff, scalars, swaps[r]
            )
            counts[r, EXCHANGES] += 1.0
        for r in range(n_rungs):
            trace[r, column] = scalars[r, EXCESS]
        group = column // CONTROL_STEPS
        if group < controls.shape[1]:
            for r in range(lowest_rung, highest_rung):
                add_controls(
                    euler, gamma, radius, vectors[r, OFFSET], vectors[r, FORCE],
                    scalars[r, EXCESS], controls[r, group],
                )  # fmt: skip


@jit(allocates=True)
def advance_ladder(
    family, ints, floats, targets, n_points, center, loss_at_center, left, right, values, groups,
    euler, blocks, n_betas, tolerances, gamma, radius, leaps, key, chain, first_step, lowest_rung,
    highest_rung, adapting, vectors, stiff, scalars, tunings, counts, trace, controls,
):  # fmt: skip
    """Make one step of rungs `lowest_rung` … `highest_rung` - 1 for every column of `trace`.

    Parameters
    ----------
    family, ints, floats, targets, n_points : int, int64[:], float64[:], float64[:], int
        The model, as in `family`, and P.
    center, loss_at_center : float64[d], float
        w* and K*.
    left, right, values : float64[k, outputs], float64[k, d], float64[k]
        Singular vectors and values of the Jacobian at w*; k = 0 samples K itself.
    groups : int64[kinds, d]
        Groups of coordinates that scale together: ``groups[0]`` is 0 everywhere (all of x);
        ``groups[c, i]`` is the number of the group of kind c that holds coordinate i, or -1. Only
        coordinates that are orthogonal to every row of `right` belong to groups of kinds 1, 2, ….
    euler : float64[fields, d + 1]
        Rows (m, t) with Σ_i m_i x_i ∂_i K = t K, t 1 or 0 and the largest |m_i| 1 where t is 0.
    blocks : int64[blocks, d]
        1 for the parameters of each block in which the outputs are affine, else 0; there are none
        where k > 0.
    n_betas, tolerances : float64[r], float64[r]
        nβ of the rungs in descending order, and how small |u_iᵀ (F - t)| must be there.
    gamma, radius : float, float
        γ and R.
    leaps : int
        Leaps of a Hamiltonian move; 1 is Metropolis-adjusted Langevin.
    key, chain, first_step : uint64, int, int
        Names of the random numbers: a step depends on them, its rung and its state alone.
    lowest_rung, highest_rung : int, int
        Which rungs move.
    adapting : bool
        Whether step sizes adapt.
    vectors, stiff, scalars : float64[r, 5, d], float64[r, 2, k], float64[r, 2]
        State.
    tunings, counts : float64[r, 5], float64[r, 6]
        Step sizes, and sums of acceptance probabilities.
    trace : float64[r, steps]
        Result: nβ (K - K*) after every step.
    controls : float64[r, groups, variates + 2]
        Result: sums over every `CONTROL_STEPS` steps of the control variates, one for each of the
        first fields, or without fields for each coordinate or one for their sum, and of the
        two measures of place of `add_controls`; none are made where there are no groups.
    """
    n, rank = center.shape[0], left.shape[0]
    n_groups = np.empty(groups.shape[0], dtype=np.int64)
    sizes = np.zeros((groups.shape[0], n), dtype=np.int64)
    for kind in range(groups.shape[0]):
        n_groups[kind] = groups[kind].max() + 1
        for i in range(n):
            if groups[kind, i] >= 0:
                sizes[kind, groups[kind, i]] += 1
    sizes[0, 0] = n - rank  # all of x, whose stiff part is not sampled
    n_words = n + N_WORDS
    n_floats = remainder_scratch(family, ints, n, targets.shape[0], rank)
    if len(blocks) > 0:
        n_words += n + N_COLLAPSED_WORDS
        n_floats = max(n_floats, collapsed_scratch(family, ints, n, targets.shape[0]))
    words = np.empty(64 * ((n_words - 1) // 64 + 1), dtype=np.uint32)
    take_steps(
        family, ints, floats, targets, n_points, center, loss_at_center, left, right, values,
        groups, n_groups, sizes, euler, blocks, n_betas, tolerances, gamma, radius, leaps, key,
        chain, first_step, lowest_rung, highest_rung, adapting, vectors, stiff, scalars, tunings,
        counts, trace, controls, words, np.empty(n_floats), np.empty(rank),
        np.empty(n, dtype=np.int64), np.empty(len(n_betas)),
    )  # fmt: skip
