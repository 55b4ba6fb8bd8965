"""E[nβK] of a deep linear network by Hamiltonian Monte Carlo in NumPy: the target of bench_llc.py.

    python scripts/deep_linear_reference.py 10 10 10 --rank 3

Chains run side by side as stacks of matrices and share nothing with pfmap's kernels. Every
trajectory ends in a Metropolis test, so the only error is Monte Carlo's; its length of about 1 is
the width 1/sqrt(γ) of the flattest directions at γ = 1, along which chains of single Langevin steps
take tens of thousands of steps.
"""

from __future__ import annotations

import argparse
import itertools
import math

import numpy as np


def reference_mean(
    widths: tuple[int, ...],
    rank: int,
    *,
    n_beta: float,
    gamma: float,
    chains: int = 64,
    burn_in: int = 150,
    trajectories: int = 500,
    seed: int = 1,
) -> tuple[float, float, float]:
    """E[nβK], its standard error from the spread between chains, and the mean acceptance.

    The density is exp(-nβ K - (γ/2) |w - w*|²), K = ||W_L … W_1 - T||²/2, T and w* of padded
    identities of the given rank, where chains start.
    """
    rng = np.random.default_rng(seed)
    center = []
    for below, units in itertools.pairwise(widths):
        matrix = np.zeros((units, below))
        matrix[:rank, :rank] = np.eye(rank)
        center.append(matrix)
    truth = np.zeros((widths[-1], widths[0]))
    truth[:rank, :rank] = np.eye(rank)
    depth = len(center)

    def evaluate(weights: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """nβK and U of every chain, and ∇U."""
        partial = [weights[0]]
        for matrix in weights[1:]:
            partial.append(matrix @ partial[-1])
        residual = partial[-1] - truth
        excess = 0.5 * n_beta * (residual**2).sum((1, 2))
        energy, forces, delta = excess.copy(), [], n_beta * residual
        for layer in range(depth - 1, -1, -1):
            offset = weights[layer] - center[layer]
            energy += 0.5 * gamma * (offset**2).sum((1, 2))
            force = delta @ partial[layer - 1].swapaxes(1, 2) if layer else delta
            forces.insert(0, force + gamma * offset)
            delta = weights[layer].swapaxes(1, 2) @ delta
        return excess, energy, forces

    # Leapfrog is stable below 2 over the root of the largest curvature. That is nβ times the layers
    # at w*, and grows with the size of the other layers' weights, which γ = 1 lets go far from it.
    largest = 0.6 / 2 ** (depth - 1) / math.sqrt(n_beta * depth + gamma)
    weights = [np.repeat(matrix[None], chains, axis=0) for matrix in center]
    excess, energy, forces = evaluate(weights)
    total, accepted = np.zeros(chains), 0.0
    for trajectory in range(burn_in + trajectories):
        step = largest * rng.uniform(0.6, 1.0)
        momenta = [rng.normal(size=matrix.shape) for matrix in weights]
        before = energy + 0.5 * sum((p**2).sum((1, 2)) for p in momenta)
        trial, trial_forces = weights, forces
        for _ in range(math.ceil(1.0 / math.sqrt(gamma) / step)):
            half = [p - 0.5 * step * f for p, f in zip(momenta, trial_forces, strict=True)]
            trial = [w + step * p for w, p in zip(trial, half, strict=True)]
            trial_excess, trial_energy, trial_forces = evaluate(trial)
            momenta = [p - 0.5 * step * f for p, f in zip(half, trial_forces, strict=True)]
        after = trial_energy + 0.5 * sum((p**2).sum((1, 2)) for p in momenta)
        keep = np.log(rng.uniform(size=chains)) < before - after
        mask = keep[:, None, None]
        weights = [np.where(mask, new, old) for new, old in zip(trial, weights, strict=True)]
        forces = [np.where(mask, new, old) for new, old in zip(trial_forces, forces, strict=True)]
        excess = np.where(keep, trial_excess, excess)
        energy = np.where(keep, trial_energy, energy)
        if trajectory >= burn_in:
            total += excess / trajectories
            accepted += keep.mean() / trajectories
    return float(total.mean()), float(total.std(ddof=1)) / math.sqrt(chains), accepted


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("widths", type=int, nargs="+", help="(H0, H1, …, HL)")
    parser.add_argument("--rank", type=int, default=0)
    parser.add_argument("--n-beta", type=float, default=10_000 / math.log(10_000))
    parser.add_argument("--gamma", type=float, default=1.0)
    arguments = parser.parse_args()
    mean, error, acceptance = reference_mean(
        tuple(arguments.widths), arguments.rank, n_beta=arguments.n_beta, gamma=arguments.gamma
    )
    print(f"E[nβK] = {mean:.3f} ± {error:.3f}, acceptance {acceptance:.2f}")


if __name__ == "__main__":
    main()
