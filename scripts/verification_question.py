"""Rows of the verification table about classes: prior mass, free energies, and what they go with.

The system is that of the default campaign, one hidden relu layer on inputs of -1 and 1 under a
Gaussian prior, or a smaller or wider one of its kind. `scripts/verification.py` prints the rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from verification_row import Row
from volume_integration import integrate

from pfmap.analysis.correlate import correlate
from pfmap.analysis.quantities import ORBIT_SIZE
from pfmap.analysis.question import Question, at_size, question_of
from pfmap.analysis.relation import judge_relation
from pfmap.experiments import named_campaign
from pfmap.functions import functions_table, prior_symmetries, words_from_keys
from pfmap.functions.keys import bits_from_words, keys_from_words
from pfmap.functions.named import parse_function
from pfmap.functions.orbits import canonical_words
from pfmap.kernel_limit import limit_covariance, limit_free_energy, orthant_probability
from pfmap.sampling import outputs_of_draws, plan_sampling, sample_prior
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume import Settings, estimate_volume, free_energy, loss_target, sign_target
from pfmap.volume.curves import Wanted, function_target

REFERENCE = Path(__file__).parents[1] / "results" / "reference" / "default"
P_COLUMNS = ["log2_p", "log2_p_se", "log2_p_kernel", "log2_p_kernel_se", "p_from"]
LARGE = 0.002
"""Share of the prior, by the kernel, from which a class gets the longer splitting."""

RUNS_A_SHARE = 1000
"""Its runs, for a share of 1, down to four: errors of all classes weigh alike in the sum."""


def network(*widths: int, draws: int = 1000, **prior: object) -> Campaign:
    """Hidden relu layers on the cube of -1 and 1, Gaussian prior."""
    return campaign_from_mapping(
        {
            "draws": draws,
            "network": {"widths": list(widths)},
            "prior": {"preset": "gaussian", **prior},
            "domain": {"kind": "boolean", "encoding": "pm1"},
        }
    )


def signs_of(words: np.ndarray, n_points: int) -> np.ndarray:
    """Targets of -1 and 1 of shape (functions, points)."""
    return np.where(bits_from_words(words, n_points) == 1, 1.0, -1.0)


def closure_rows(campaign: Campaign, short: Settings, long: Settings) -> Iterator[Row]:
    """Σ size × P over all orbits by splitting alone: every run is unbiased, so the sum is 1."""
    n_inputs, m = campaign.n_inputs, campaign.n_points
    words = (np.arange(2**m, dtype=np.uint64) << np.uint64(64 - m))[:, None]
    canonical, sizes = canonical_words(words, n_inputs, prior_symmetries(campaign), threads=1)
    members, places = np.unique(canonical[:, 0], return_index=True)
    plan, covariance = plan_sampling(campaign), limit_covariance(campaign)
    keys = keys_from_words(members[:, None], m, True)
    parts, errors = np.zeros(len(keys)), np.zeros(len(keys))
    for place, signs in enumerate(signs_of(members[:, None], m)):
        size = int(sizes[places[place]])
        share = size * 2.0 ** orthant_probability(covariance, signs).log2_p
        runs = max(4, min(long.runs, round(RUNS_A_SHARE * share)))
        lengths = replace(long, runs=runs) if share > LARGE else short
        found = estimate_volume(sign_target(plan, signs, name=keys[place]), lengths, threads=1)
        values = size * np.exp([run.log_volumes[-1] for run in found.runs])
        parts[place] = values.mean()
        errors[place] = values.std(ddof=1) / math.sqrt(len(values))
    error = math.sqrt(np.square(errors).sum())
    least = parts[parts > 0.01 + 2.0 * error].min()
    total = f"{parts.sum():.4f} ± {error:.4f} over {len(keys)} classes"
    yield Row("closure: Σ size × P by splitting = 1", abs(parts.sum() - 1.0), 0.01, False, total)
    yield Row(
        "closure: (control: one class left out)", abs(parts.sum() - least - 1.0), 0.01, True,
        f"a class with {least:.4f} of the prior",
    )  # fmt: skip


def integration_rows(
    width: int, names: tuple[str, ...], settings: Settings, *, steps: int, chains: int
) -> Iterator[Row]:
    """F(n) of classes from the volume curve against ∫ E_s[K] ds by replica exchange."""
    campaign = network(4, width, 1, weight_scale="none")  # all standard deviations 1
    sizes = np.array([10.0, 100.0, 1000.0])
    found = {}
    for name in names:
        model = campaign.compiled_model().with_targets(parse_function(name, 4).signs)
        estimate = estimate_volume(loss_target(model, name=name), settings, threads=1)
        energy = free_energy(estimate, sizes)
        direct, direct_se = integrate(model, sizes, steps=steps, chains=chains, threads=1)
        error = np.hypot(energy.free_energy_se, direct_se)
        found[name] = energy.free_energy, direct, error
    for name, (curve, direct, error) in found.items():
        z = np.abs(curve - direct) / error
        place = int(z.argmax())
        yield Row(
            f"integration: F(n) of {name}, width {width}", float(z[place]), 4, False,
            f"largest |z| at n = 10, 100, 1000; F(1000) {curve[-1]:.2f} against {direct[-1]:.2f} "
            f"± {error[-1]:.2f}",
        )  # fmt: skip
    (one, (curve, _, error)), (other, (_, direct, _)) = list(found.items())[:2]
    yield Row(
        f"integration: (control: F of {one} against {other})",
        float((np.abs(curve - direct) / error).max()), 4, True, "largest |z|",
    )  # fmt: skip


def limit_rows(draws: int, settings: Settings, constant: Settings) -> Iterator[Row]:
    """Both ends of λ_eff(n): n E[K] at small n, λ_f = ½ of the constant at large."""
    campaign = network(4, 8, 1)
    function = parse_function("and", 4)
    target = function_target(campaign, Wanted(function.key, function.signs))
    n = np.array([0.01, 1.0, 3.0])
    energy = free_energy(estimate_volume(target, settings, threads=1), n)
    # E[K] = ½ (1 + mean C(x, x)) at any width.
    mean = 0.5 * (1.0 + np.diag(limit_covariance(campaign)).mean())
    outputs = outputs_of_draws(plan_sampling(campaign), np.arange(draws))
    for wanted, control in ((function, False), (parse_function("parity", 4), True)):
        loss = 0.5 * ((outputs - wanted.signs) ** 2).mean(axis=1)
        slopes, errors = np.array([_slope(loss, size) for size in n]).T
        z = np.abs(energy.lambda_eff - slopes)[1:] / np.hypot(errors, energy.lambda_eff_se)[1:]
        if not control:
            yield Row(
                "limits: λ_eff(n)/n → E[K] under the prior", abs(slopes[0] / n[0] / mean - 1.0),
                0.03, False, f"{slopes[0] / n[0]:.3f} at n = {n[0]:g} against {mean:.3f}",
            )  # fmt: skip
            yield Row(
                "limits: (control: the same at n = 3)", abs(slopes[-1] / n[-1] / mean - 1.0),
                0.03, True, f"{slopes[-1] / n[-1]:.3f} against {mean:.3f}",
            )  # fmt: skip
        suffix = " (control: against parity)" if control else ""
        yield Row(
            f"limits: λ_eff of and at n = 1, 3{suffix}", float(z.max()), 4, control,
            f"largest |z| against averages over {draws:,} draws",
        )  # fmt: skip
    for width, lowest, last in ((2, 1e-9, 1e8), (8, 1e-5, 1e4)):
        wide = network(3, width, 1)
        one = parse_function("constant", 3)
        target = function_target(wide, Wanted(one.key, one.signs))
        lengths = Settings(constant.chains, constant.steps, constant.runs, 200, lowest)
        found = free_energy(estimate_volume(target, lengths, threads=1), np.array([last]))
        value, control = float(found.lambda_eff[0]), width > 2
        yield Row(
            f"limits: λ_eff of the constant, (3,{width},1), {last:.0e}"
            + (" (control)" if control else ""),
            abs(value - 0.5) / 0.5, 0.03, control, f"{value:.4f}, λ_f = 1/2",
        )  # fmt: skip


def _slope(loss: np.ndarray, n: float) -> tuple[float, float]:
    """λ_eff(n) by an average over draws of the prior, and its standard error."""
    weights = np.exp(-n * loss)
    slope = (weights * n * loss).sum() / weights.sum()
    return slope, math.sqrt(np.square(weights * (n * loss - slope)).sum()) / weights.sum()


def kernel_rows(draws: int) -> Iterator[Row]:
    """P and F of wide networks are the kernel's, those of narrow ones are not."""
    parity = parse_function("parity", 3).signs
    for width in (1024, 8):
        campaign, control = network(3, width, 1, draws=draws), width == 8
        name = f"at width {width:,}" + (" (control)" if control else "")
        z = counted_z(campaign)
        yield Row(
            f"kernel: P of classes {name}", float((z**2).mean()),
            1.0 + 5.0 * math.sqrt(2.0 / len(z)), control,
            f"mean z² of {len(z)} classes of three inputs, {draws:,} draws",
        )  # fmt: skip
        worst = max(abs(free_energy_z(campaign, parity, n)) for n in (1.0, 10.0))
        yield Row(f"kernel: F of parity {name}", worst, 5, control, "largest |z| at n = 1, 10")


def counted_z(campaign: Campaign) -> np.ndarray:
    """z of counts of a network against the orthants of its limit, a class each.

    Classes are those of the network's table with at least 30 draws expected by the limit; counts of
    a class are binomial.
    """
    covariance = limit_covariance(campaign)
    table = functions_table(sample_prior(campaign, threads=1), campaign).to_pandas()
    z = []
    for row in table.drop_duplicates("orbit").to_dict("records"):
        words = words_from_keys([row["function"]], campaign.n_points, True)
        (signs,) = signs_of(words, campaign.n_points)
        p = row["orbit_size"] * 2.0 ** orthant_probability(covariance, signs).log2_p
        expected = campaign.draws * p
        if expected >= 30:
            z.append((row["orbit_count"] - expected) / math.sqrt(expected * (1.0 - p)))
    return np.array(z)


def free_energy_z(campaign: Campaign, targets: np.ndarray, n: float) -> float:
    """F of plain averages over draws of the network minus that of the limit, in errors."""
    outputs = outputs_of_draws(plan_sampling(campaign), np.arange(campaign.draws), threads=1)
    weights = np.exp(-n * ((outputs - targets) ** 2).mean(axis=1) / 2.0)
    energy = limit_free_energy(limit_covariance(campaign), targets, np.array([n])).free_energy[0]
    error = weights.std() / math.sqrt(len(weights)) / weights.mean()
    return float((-math.log(weights.mean()) - energy) / error)


def reference_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """``classes`` and ``free_energy`` of the shipped run of the default campaign."""
    classes, energies = (
        pd.read_parquet(REFERENCE / f"{name}.parquet") for name in ("classes", "free_energy")
    )
    return classes, energies


def shuffled(
    classes: pd.DataFrame, energies: pd.DataFrame, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The same with P, of network and kernel, permuted among classes of one orbit size."""
    rng = np.random.default_rng(seed)
    classes = classes.copy()
    for _, group in classes.groupby("orbit_size"):
        order = rng.permutation(group.index)
        classes.loc[group.index, P_COLUMNS] = classes.loc[order, P_COLUMNS].to_numpy()
    kernel = classes.set_index("function")["log2_p_kernel"].astype(float)
    types = dict.fromkeys(P_COLUMNS[:4], float)
    return classes.astype(types), energies.assign(log2_p_kernel=energies["function"].map(kernel))


def share_related(question: Question, n_simulations: int) -> tuple[float, int]:
    """Share of the relations of P, given the size of the orbit, with the verdict `related`.

    With every measure, and with F and λ_eff at the n of the verdicts.
    """
    pairs = [(question.classes, "log2_p", name) for name in question.measures]
    table = at_size(question, question.n_judged)
    pairs += [(table, name, "log2_p") for name in ("free_energy", "lambda_eff")]
    verdicts = []
    for frame, x, y in pairs:
        errors = {name: f"{name}_se" for name in (x, y) if f"{name}_se" in frame}
        there = frame[frame[["log2_p", *errors.values()]].notna().all(axis=1)]
        found = judge_relation(
            there, x, y, errors=errors, controls=(ORBIT_SIZE,), n_resamples=200,
            n_simulations=n_simulations,
        )  # fmt: skip
        verdicts.append(found.verdict)
    return float(np.mean([verdict == "related" for verdict in verdicts])), len(verdicts)


def shuffled_rows(
    classes: pd.DataFrame, energies: pd.DataFrame, campaign: Campaign, *, seeds: int
) -> Iterator[Row]:
    """P permuted among classes of one orbit size goes with nothing, given that size."""
    parts = [
        share_related(question_of(*shuffled(classes, energies, seed), campaign), 200)
        for seed in range(seeds)
    ]
    share, pairs = float(np.mean([part[0] for part in parts])), parts[0][1]
    # The interval alone excludes 0 in one of twenty; the verdict asks for more than that.
    yield Row(
        "shuffled: share of relations of P found", share, 0.05, False,
        f"{pairs} pairs given the orbit size, {seeds} permutations",
    )  # fmt: skip
    real, _ = share_related(question_of(classes, energies, campaign), 200)
    yield Row("shuffled: (control: not shuffled)", real, 0.05, True, f"{pairs} pairs")


def split_rows(
    table: pd.DataFrame, x: str, y: str, controls: tuple[str, ...], *, seed: int
) -> Iterator[Row]:
    """Two disjoint random halves of the classes give the same coefficient within errors."""
    table = table[table[[x, y]].notna().all(axis=1)]
    rng = np.random.default_rng(seed)
    one, other = (table.iloc[part] for part in np.array_split(rng.permutation(len(table)), 2))
    method = "partial_spearman" if controls else "spearman"

    def coefficient(rows: pd.DataFrame) -> tuple[float, float]:
        (found,) = correlate(rows, [(x, y)], controls=controls, methods=[method], n_resamples=300)
        return found.estimate, (found.high - found.low) / (2.0 * 1.96)

    permuted = one.assign(**{x: rng.permutation(one[x])})
    fixed = coefficient(other)
    for half, control in ((one, False), (permuted, True)):
        found = coefficient(half)
        yield Row(
            f"split: ρ of {x} and {y}" + (" (control: one half permuted)" if control else ""),
            abs(found[0] - fixed[0]) / math.hypot(found[1], fixed[1]), 3, control,
            f"{found[0]:+.2f} and {fixed[0]:+.2f} in halves of {len(table)} classes, in errors",
        )  # fmt: skip


def question_rows(quick: bool) -> Iterator[Row]:
    """All of them, or a quick subset."""
    campaign = named_campaign("default")
    classes, energies = reference_tables()
    question = question_of(classes, energies, campaign)
    table = at_size(question, question.n_judged)
    yield from kernel_rows(20_000 if quick else 100_000)
    yield from split_rows(question.classes, "log2_p", "halfspaces", question.controls, seed=2)
    yield from split_rows(table, "lambda_eff", "log2_p", (), seed=2)
    yield from shuffled_rows(classes, energies, campaign, seeds=2 if quick else 8)
    if quick:
        return
    yield from limit_rows(400_000, Settings(64, 64, 4, 60, 0.02), Settings(64, 128, 8))
    yield from integration_rows(
        8, ("and", "majority", "parity"), Settings(64, 64, 8, 200, 1e-4), steps=2000, chains=4
    )
    yield from closure_rows(
        network(4, 8, 1), Settings(32, 16, 4), Settings(chains=64, steps=64, runs=72)
    )
