"""The limit of infinite width beside networks of finite width: tables of docs/kernel-limit.md.

    python scripts/kernel_limit.py                    all of it, about four minutes on one core
    python scripts/kernel_limit.py --draws 200000     the same with fewer draws

All 222 classes of functions of 4 inputs, one hidden relu layer, inputs of -1 and 1, Gaussian prior.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import linregress, spearmanr

from pfmap.analysis.relation import judge_relation
from pfmap.complexity import FunctionBatch, measure
from pfmap.functions import bits_from_words, functions_table, prior_symmetries, words_from_keys
from pfmap.functions.orbits import canonical_words
from pfmap.kernel_limit import (
    limit_covariance,
    limit_free_energy,
    orthant_probability,
    sample_limit,
    share_of_right_signs,
)
from pfmap.sampling import outputs_of_draws, plan_sampling, sample_prior
from pfmap.settings.campaign import Campaign
from pfmap.settings.domain import boolean_points
from pfmap.settings.read import campaign_from_mapping

CLASSES = Path(__file__).parents[1] / "results" / "reference" / "function_level" / "classes.parquet"
WIDTHS = (8, 16, 24, 32)
LEAST_COUNT = 10
SIZES = 10.0 ** (np.arange(0, 17) / 4.0)


def network(width: int, draws: int) -> Campaign:
    """One hidden layer on the cube of 4 inputs of -1 and 1."""
    return campaign_from_mapping(
        {
            "draws": draws,
            "network": {"widths": [4, width, 1]},
            "prior": {"preset": "gaussian"},
            "domain": {"kind": "boolean", "encoding": "pm1"},
        }
    )


def class_table(campaign: Campaign) -> tuple[pd.DataFrame, np.ndarray]:
    """Every class with its measures and exact λ_f, and the targets ±1 of its canonical member."""
    classes = pd.read_parquet(CLASSES)
    classes = classes[classes["n"] == 4]
    words, sizes = canonical_words(
        words_from_keys(classes["function"].tolist(), 16, True), 4, prior_symmetries(campaign)
    )
    bits = bits_from_words(words, 16)
    values = measure(
        FunctionBatch("boolean", boolean_points(4), bits=bits), ["sensitivity", "halfspaces"]
    )
    ones = bits.sum(axis=1)
    table = pd.DataFrame(
        {
            "orbit": [f"{int(word) >> 48:04x}" for word in words[:, 0]],
            "size": sizes,
            "log2_orbit_size": np.log2(sizes),
            "ones": np.minimum(ones, 16 - ones),
            "lambda_f": classes["one_layer"].to_numpy(),
            **values,
        }
    )
    return table, np.where(bits == 1, 1.0, -1.0)


def counted(table: pd.DataFrame, counts: pd.DataFrame, campaign: Campaign) -> pd.DataFrame:
    """Classes drawn often enough, with log2 P a function and its standard error."""
    found = functions_table(counts, campaign).to_pandas().drop_duplicates("orbit")
    both = table.merge(found[["orbit", "orbit_count", "log2_p_orbit"]], on="orbit")
    both = both[both["orbit_count"] >= LEAST_COUNT].astype({"orbit_count": float})
    share = both["orbit_count"] / campaign.draws
    return both.assign(se=np.sqrt((1.0 - share) / both["orbit_count"]) / math.log(2.0))


def widths_against_kernel(table: pd.DataFrame, draws: int) -> dict[int, pd.DataFrame]:
    """Δ = log2 P - log2 P_kernel by width; its spread without the counting noise."""
    print("\nwidth  classes  rho    slope  sd of Δ")
    found = {}
    for width in WIDTHS:
        campaign = network(width, draws)
        both = counted(table, sample_prior(campaign), campaign)
        delta = both["log2_p_orbit"] - both["log2_p_kernel"]
        noise = both["se"] ** 2 + both["log2_p_kernel_se"] ** 2
        spread = math.sqrt(max(0.0, delta.var() - noise.mean()))
        rho = spearmanr(both["log2_p_orbit"], both["log2_p_kernel"]).statistic
        slope = linregress(both["log2_p_kernel"], both["log2_p_orbit"]).slope
        print(f"{width:5}  {len(both):7}  {rho:.3f}  {slope:.3f}  {spread:.2f} bits", flush=True)
        found[width] = both.assign(delta=delta, delta_se=np.sqrt(noise))
    return found


def left_over(found: dict[int, pd.DataFrame]) -> None:
    """What Δ goes with, given kernel P, sensitivity, T and orbit size."""
    controls = ("log2_p_kernel", "sensitivity", "ones", "log2_orbit_size")
    print(f"\nΔ given {', '.join(controls)}")
    for width, both in found.items():
        for name in ("halfspaces", "lambda_f"):
            relation = judge_relation(
                both, "delta", name, errors={"delta": "delta_se"}, controls=controls
            )
            item = relation.estimate
            print(
                f"width {width:2}  {name:10}  {item.estimate:+.2f} [{item.low:+.2f}, "
                f"{item.high:+.2f}]  n = {item.n}  {relation.text}",
                flush=True,
            )


def agreement(table: pd.DataFrame, energies: np.ndarray, slopes: np.ndarray) -> None:
    """Rank agreement of the kernel's own F and λ_eff with its P, over all classes."""
    print("\nn        rho(F, -log2 P)  rho(λ_eff, -log2 P)  λ_eff from … to")
    rarity = -table["log2_p_kernel"]
    for place, n in enumerate(SIZES):
        print(
            f"{n:8.4g}  {spearmanr(energies[:, place], rarity).statistic:+.3f}           "
            f"{spearmanr(slopes[:, place], rarity).statistic:+.3f}               "
            f"{slopes[:, place].min():.2f} … {slopes[:, place].max():.2f}"
        )


def signs_right(table: pd.DataFrame, signs: np.ndarray, covariance: np.ndarray) -> None:
    """π(n) of three classes in the middle of the order of P."""
    order = np.argsort(-table["log2_p_kernel"].to_numpy())
    chosen = order[[len(order) // 4, len(order) // 2, 3 * len(order) // 4]]
    print("\nπ(n), the posterior's share with all signs right")
    for n in (10.0, 56.0, 100.0, 316.0, 1000.0):
        shares = [2.0 ** share_of_right_signs(covariance, signs[i], n).log2_p for i in chosen]
        print(f"n = {n:6g}  " + "  ".join(f"{share:.4f}" for share in shares))


def finite_slopes(width: int, signs: np.ndarray, covariance: np.ndarray, draws: int) -> None:
    """rms of λ_eff(n) of a network over the kernel's, less 1, by plain averages over draws."""
    campaign = network(width, draws)
    outputs = outputs_of_draws(plan_sampling(campaign), np.arange(draws))
    squares = (outputs**2).sum(axis=1)
    print(f"\nλ_eff of width {width} against the kernel, rms over classes (noise)")
    for n in (1.0, 3.2, 10.0, 32.0):
        ratios, errors = [], []
        for y in signs:
            loss = n * (squares - 2.0 * outputs @ y + len(y)) / (2.0 * len(y))
            weights = np.exp(-loss)
            slope = (weights * loss).sum() / weights.sum()
            error = np.sqrt(((weights * (loss - slope)) ** 2).sum()) / weights.sum()
            limit = limit_free_energy(covariance, y, np.array([n])).lambda_eff[0]
            ratios.append(slope / limit - 1.0)
            errors.append(error / limit)
        rms, noise = (math.sqrt(np.square(values).mean()) for values in (ratios, errors))
        print(f"n = {n:4g}  {rms:.3f} ({noise:.3f})", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=10_000_000, help="draws of every width")
    draws = parser.parse_args().draws
    campaign = network(24, draws)
    covariance = limit_covariance(campaign)
    table, signs = class_table(campaign)
    found = [orthant_probability(covariance, y, precision=0.005) for y in signs]
    table["log2_p_kernel"] = [item.log2_p for item in found]
    table["log2_p_kernel_se"] = [item.log2_p_se for item in found]
    total = (2.0 ** table["log2_p_kernel"] * table["size"]).sum()
    print(f"{len(table)} classes, {table['size'].sum()} functions: ", end="")
    print(
        f"log2 P {table['log2_p_kernel'].min():.1f} … {table['log2_p_kernel'].max():.1f}, ", end=""
    )
    print(f"largest error {table['log2_p_kernel_se'].max():.4f}, sum of P {total:.4f}")
    both = counted(table, sample_limit(campaign), campaign)
    z = (both["log2_p_orbit"] - both["log2_p_kernel"]) / np.hypot(
        both["se"], both["log2_p_kernel_se"]
    )
    print(f"{draws:,} draws of N(0, C): {len(both)} classes, mean z² {(z**2).mean():.2f}, ", end="")
    print(f"largest |z| {z.abs().max():.1f}", flush=True)
    energies = [limit_free_energy(covariance, y, SIZES) for y in signs]
    agreement(
        table,
        np.array([item.free_energy for item in energies]),
        np.array([item.lambda_eff for item in energies]),
    )
    signs_right(table, signs, covariance)
    finite_slopes(24, signs, covariance, draws // 20)
    left_over(widths_against_kernel(table, draws))


if __name__ == "__main__":
    main()
