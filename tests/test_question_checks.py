"""Prior mass and free energies of classes against exact laws, each with a control that fails."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import logsumexp
from synthetic_classes import asking, synthetic

from pfmap.analysis.correlate import correlate
from pfmap.analysis.question import question_of
from pfmap.campaign import Campaign, campaign_from_mapping
from pfmap.functions.keys import bits_from_words
from pfmap.functions.named import parse_function
from pfmap.functions.orbits import canonical_words
from pfmap.functions.symmetry import prior_symmetries
from pfmap.kernel_limit import limit_covariance
from pfmap.sampling import outputs_of_draws, plan_sampling
from pfmap.volume import Settings, estimate_volume, free_energy, sign_target
from pfmap.volume.curves import Wanted, function_target


def network(*widths: int) -> Campaign:
    """One hidden relu layer on a cube of -1 and 1, Gaussian prior."""
    return campaign_from_mapping(
        {
            "draws": 1000,
            "network": {"widths": list(widths)},
            "prior": {"preset": "gaussian"},
            "domain": {"kind": "boolean", "encoding": "pm1"},
        }
    )


def curve_of(campaign: Campaign, name: str, settings: Settings):
    function = parse_function(name, campaign.network.widths[0])
    target = function_target(campaign, Wanted(function.key, function.signs))
    return function, estimate_volume(target, settings, threads=1)


def test_closure_of_all_classes_by_splitting_alone():
    """Σ size × P = 1: every run is unbiased, so the means add up within their errors."""
    campaign = network(3, 8, 1)
    words = (np.arange(256, dtype=np.uint64) << np.uint64(56))[:, None]
    canonical, sizes = canonical_words(words, 3, prior_symmetries(campaign), threads=1)
    members, places = np.unique(canonical[:, 0], return_index=True)
    assert (len(members), sizes[places].sum()) == (14, 256)
    plan = plan_sampling(campaign)
    settings = Settings(chains=64, steps=32, runs=6)
    parts, errors = [], []
    for bits, size in zip(bits_from_words(members[:, None], 8), sizes[places], strict=True):
        signs = np.where(bits == 1, 1.0, -1.0)
        target = sign_target(plan, signs, name="".join(map(str, bits)))
        found = estimate_volume(target, settings, threads=1)
        values = np.exp([run.log_volumes[-1] for run in found.runs])
        parts.append(size * values.mean())
        errors.append(size * values.std(ddof=1) / math.sqrt(len(values)))
    error = math.sqrt(np.square(errors).sum())
    assert error < 0.03
    assert abs(sum(parts) - 1.0) < 4.0 * error
    # Control: without a class of a tenth of the mass the sum is off.
    tenth = max(part for part in parts if part < 0.4)
    assert tenth > 0.1
    assert abs(sum(parts) - tenth - 1.0) > 4.0 * error


def test_two_halves_of_the_classes_give_the_same_coefficient():
    """ρ of log2 P and half-spaces given the controls, over disjoint random halves."""
    classes, energies = synthetic(seed=3, n=200)
    question = question_of(classes, energies, asking())
    table = question.classes

    def coefficient(rows):
        (found,) = correlate(
            rows, [("log2_p", "halfspaces")], controls=question.controls,
            methods=["partial_spearman"], n_resamples=200,
        )  # fmt: skip
        return found.estimate, (found.high - found.low) / (2.0 * 1.96)

    order = np.random.default_rng(0).permutation(len(table))
    halves = [coefficient(table.iloc[part]) for part in np.array_split(order, 2)]
    apart = abs(halves[0][0] - halves[1][0])
    assert apart < 3.5 * math.hypot(halves[0][1], halves[1][1])
    # Control: a half whose P is permuted is another law.
    rng = np.random.default_rng(1)
    half = table.iloc[np.array_split(order, 2)[0]]
    other = coefficient(half.assign(log2_p=rng.permutation(half["log2_p"])))
    assert abs(other[0] - halves[1][0]) > 3.5 * math.hypot(other[1], halves[1][1])


def test_slope_at_small_n_is_the_mean_loss_under_the_prior():
    """λ_eff(n) → n E[K], E[K] = ½ (1 + mean C(x, x)) at any width; averages over draws beyond."""
    campaign = network(4, 8, 1)
    function, found = curve_of(campaign, "and", Settings(64, 64, 4, 60, 0.02))
    sizes = np.array([0.05, 0.3, 1.0, 3.0])
    energy = free_energy(found, sizes)
    outputs = outputs_of_draws(plan_sampling(campaign), np.arange(400_000))
    mean_loss = 0.5 * (1.0 + np.diag(limit_covariance(campaign)).mean())

    def direct(signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        loss = 0.5 * ((outputs - signs) ** 2).mean(axis=1)
        values, errors = [], []
        for n in sizes:
            weights = np.exp(-n * loss)
            slope = (weights * n * loss).sum() / weights.sum()
            spread = np.sqrt(((weights * (n * loss - slope)) ** 2).sum()) / weights.sum()
            values.append(slope)
            errors.append(spread)
        return np.array(values), np.array(errors)

    loss = 0.5 * ((outputs - function.signs) ** 2).mean(axis=1)
    assert loss.mean() == pytest.approx(mean_loss, rel=0.01)
    slopes, errors = direct(function.signs)
    assert slopes[0] / sizes[0] == pytest.approx(mean_loss, rel=0.1)
    known = np.isfinite(energy.lambda_eff)
    assert known[1:].all()
    z = (energy.lambda_eff - slopes) / np.hypot(errors, energy.lambda_eff_se)
    assert np.abs(z[known]).max() < 4.0
    # Control: the same against another function is off.
    others, _ = direct(parse_function("parity", 4).signs)
    off = (energy.lambda_eff - others) / np.hypot(errors, energy.lambda_eff_se)
    assert np.abs(off[known]).max() > 4.0


def test_slope_of_the_constant_comes_to_one_half():
    """λ_f = ½, and two units are few enough to see it; at width 8 the same n is too small."""
    last = np.array([1e8])
    _, narrow = curve_of(network(3, 2, 1), "constant", Settings(64, 128, 4, 100, 1e-9))
    energy = free_energy(narrow, last)
    assert energy.lambda_eff[0] == pytest.approx(0.5, rel=0.03)
    _, wide = curve_of(network(3, 8, 1), "constant", Settings(32, 64, 4, 100, 1e-5))
    energy = free_energy(wide, np.array([1e4]))
    assert energy.lambda_eff[0] > 0.55


def test_free_energy_is_minus_log_mass_within_the_resolution():
    """exp(-n t) <= 1 everywhere and >= exp(-n t_0) below t_0: V(t_0) e^(-n t_0) <= Z <= 1."""
    _, found = curve_of(network(4, 8, 1), "majority", Settings(32, 64, 4, 100, 1e-3))
    sizes = np.array([10.0, 100.0])
    energy = free_energy(found, sizes)
    t, logs = found.curve.severities, found.curve.log_volumes
    bound = [logsumexp([(logs - n * t).max()]) for n in sizes]
    slack = 3.0 * energy.free_energy_se
    assert (-energy.free_energy + slack >= bound).all()
    assert (energy.free_energy > 0.0).all()
    # Control: a curve with a tenth of the mass breaks the bound from below.
    assert not (-(energy.free_energy + math.log(10.0)) + slack >= np.array(bound)).all()
