"""Posterior draws against counted draws that fit S, its limits, its bound, and broken samplers."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

import pfmap.volume.conditioned
import pfmap.volume.splitting
from pfmap.errors import DataError, SettingsError
from pfmap.functions import named_table, parse_function
from pfmap.functions.keys import bits_from_words
from pfmap.kernels.read import read_functions
from pfmap.sampling import plan_sampling, sample_prior, weights_of_draws, words_of_draws
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume import Settings, estimate_volume
from pfmap.volume.chains import Effort
from pfmap.volume.conditioned import combined_means
from pfmap.volume.posterior import Posterior, error_bound, sample_posterior
from pfmap.volume.training import (
    TrainingSet,
    drawn_inputs,
    labelled,
    load_training_set,
    restricted,
)

N_DRAWS = 1_000_000
MAJORITY = parse_function("majority", 3)
PARITY = parse_function("parity", 3)


def network(widths=(3, 8, 1), *, draws=1000, **settings) -> Campaign:
    return campaign_from_mapping(
        {
            "draws": draws,
            "network": {"widths": list(widths), "activation": "tanh", **settings},
            "prior": {"preset": "gaussian"},
        }
    )


@pytest.fixture(scope="module")
def prior() -> dict[str, np.ndarray]:
    """Truth tables and counts of 10^6 draws of the prior."""
    counts = sample_prior(network(draws=N_DRAWS))
    numbers = np.array([int(key, 16) for key in counts["function"]])
    return {
        "number": numbers,
        "bits": (numbers[:, None] >> np.arange(8)[::-1] & 1).astype(bool),
        "count": counts["count"].to_numpy(),
    }


def worst_z(found: Posterior, training: TrainingSet, prior: dict[str, np.ndarray]) -> float:
    """Largest deviation from the draws that fit S, in standard errors.

    Over P(S), P_B(f|S), the law of the error and its mean. Shares of less than 100 draws, counted
    or of the posterior, are left out: few draws do not know their own error.
    """
    fits = (prior["bits"][:, training.inputs] == training.labels).all(axis=1)
    total = prior["count"][fits].sum()
    assert total >= 100
    p = total / N_DRAWS
    scores = []
    if p < 1.0:
        error = math.hypot(found.estimate.log2_p_se * math.log(2), math.sqrt((1 - p) / total))
        scores.append((found.estimate.log2_p * math.log(2) - math.log(p)) / error)
    completions = found.completions()
    drawn = {
        int(key, 16): (mean, error)
        for key, mean, error in zip(
            completions["function"], completions["probability"], completions["probability_se"],
            strict=True,
        )
    }  # fmt: skip
    wrong = (prior["bits"] != training.truth).sum(axis=1)
    compared = [
        (drawn.get(number, (0.0, 0.0)), count / total)
        for number, count in zip(prior["number"][fits], prior["count"][fits], strict=True)
        if count >= 100 and found.n_draws * count / total >= 100
    ]
    law = found.errors()
    for k, mean, error in zip(law["wrong"], law["probability"], law["probability_se"], strict=True):
        count = prior["count"][fits & (wrong == k)].sum()
        if count >= 100 and found.n_draws * count / total >= 100:
            compared.append(((mean, error), count / total))
    for (mean, error), share in compared:
        if share < 1.0:
            error = math.hypot(error, math.sqrt(share * (1 - share) / total))  # noqa: PLW2901
            scores.append((mean - share) / error)
        else:
            assert mean == pytest.approx(1.0)
    mean, error = found.mean_wrong()
    expected = np.average(wrong[fits], weights=prior["count"][fits])
    spread = np.average((wrong[fits] - expected) ** 2, weights=prior["count"][fits])
    if spread > 0.0:
        scores.append((mean - expected) / math.hypot(error, math.sqrt(spread / total)))
    return float(np.abs(scores).max(initial=0.0))


TRAINING_SETS = {
    "majority, 4 inputs": drawn_inputs(MAJORITY, 4),
    "parity, 4 inputs": drawn_inputs(PARITY, 4, seed=3),
    "no inputs": drawn_inputs(MAJORITY, 0),
    "majority, all inputs": drawn_inputs(MAJORITY, 8),
}


@pytest.mark.parametrize("name", TRAINING_SETS)
def test_posterior_is_that_of_the_draws_that_fit(prior, name):
    training = TRAINING_SETS[name]
    found = sample_posterior(network(), training, Settings(chains=128, steps=32, seed=2))
    assert found.estimate.verdict == "reached"
    assert found.n_draws == 8 * 128 * 16
    assert worst_z(found, training, prior) < 5.0
    bits = bits_from_words(found.words.reshape(-1, 1), 8)
    assert (bits[:, training.inputs] == training.labels).all()
    assert found.completions()["probability"].sum() == pytest.approx(1.0)
    assert found.errors()["probability"].sum() == pytest.approx(1.0)


def test_the_limits_of_no_and_of_all_inputs():
    none = sample_posterior(network(), TRAINING_SETS["no inputs"], Settings(runs=2))
    assert none.estimate.log2_p == 0.0
    assert none.acceptance == 1.0
    every = sample_posterior(network(), TRAINING_SETS["majority, all inputs"], Settings(runs=2))
    assert every.completions()["function"].tolist() == [MAJORITY.key]
    assert every.mean_wrong() == (0.0, 0.0)


def test_labels_flipped_after_the_fact_are_found_out(prior):
    training = TRAINING_SETS["majority, 4 inputs"]
    flipped = TrainingSet(
        training.inputs, training.labels ^ (np.arange(4) == 1), 8, training.truth, drawn=True
    )
    found = sample_posterior(network(), flipped, Settings())
    assert worst_z(found, training, prior) > 5.0


def test_chains_that_do_not_move_are_found_out(prior, monkeypatch):
    def stay(
        target, threshold, sizes, starts, start_severities, workspace, *, columns=slice(None), **_
    ):
        workspace.states[:, columns] = starts[:, None]
        workspace.severities[:, columns] = start_severities[:, None]
        return Effort(np.zeros((2 * len(target.groups) + 1, 2)), 0)

    training = TRAINING_SETS["parity, 4 inputs"]
    settings = Settings(chains=64, steps=16, runs=8)
    assert worst_z(sample_posterior(network(), training, settings), training, prior) < 5.0
    for module in (pfmap.volume.splitting, pfmap.volume.conditioned):
        monkeypatch.setattr(module, "advance", stay)
    found = sample_posterior(network(), training, settings)
    said = found.estimate.curve.warnings
    assert found.estimate.verdict != "reached" or any("no state left" in text for text in said)


def test_runs_weigh_as_much_as_they_found(prior):
    """A run with twice the estimate of P(S) counts twice; errors follow from runs and chains."""
    words = np.zeros((2, 4, 5, 1), dtype=np.uint64)
    words[0, :, :, 0] = np.uint64(1) << np.uint64(63)
    base = sample_posterior(network(), TRAINING_SETS["no inputs"], Settings(runs=2))
    found = Posterior(base.training, base.estimate, words, np.array([2.0, 1.0]) / 3.0, 0.3)
    completions = found.completions()
    assert completions["function"].tolist() == ["80", "00"]
    assert completions["probability"] == pytest.approx([2 / 3, 1 / 3])
    # The runs' means 1 and 0 have variance 1/2; Σ w² = 5/9.
    assert completions["probability_se"] == pytest.approx([math.sqrt(5 / 18)] * 2)
    assert completions["draws"].tolist() == [20, 20]
    mean, error = found.mean(words[..., 0] > 0)
    assert (mean, error) == pytest.approx((2 / 3, math.sqrt(5 / 18)))
    within = words.copy()
    within[:, 2:, :, 0] = 1 << 40
    spread = Posterior(base.training, base.estimate, within, np.array([0.5, 0.5]), 0.3)
    # Half of the chains of either run: no spread between runs, 1/3 · 1/4 · 1/2 from the chains.
    assert spread.mean(within[..., 0] == 1 << 40) == pytest.approx((0.5, math.sqrt(1 / 24)))


def test_the_answer_does_not_depend_on_threads():
    settings = Settings(chains=32, steps=8, runs=2)
    one, two = (
        sample_posterior(network(), TRAINING_SETS["majority, 4 inputs"], settings, threads=n)
        for n in (1, 2)
    )
    assert (one.words == two.words).all()
    assert (one.weights == two.weights).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"widths": [3, 8, 1], "activation": "tanh"},
        {"widths": [7, 12, 12, 1]},
        {"widths": [5, 6, 1], "bias": False},
        {"widths": [4, 6, 1], "output_activation": "sin"},
    ],
)
def test_functions_are_read_as_sampling_reads_them(settings):
    campaign = campaign_from_mapping({"network": settings, "prior": {"preset": "gaussian"}})
    plan = plan_sampling(campaign)
    draws = np.arange(5000)
    weights = weights_of_draws(plan, draws).astype(np.float64)
    words = np.empty((len(draws), plan.n_words), dtype=np.uint64)
    ones = np.ones(plan.n_parameters)
    assert read_functions(ones, plan.shape, plan.points, plan.readout, weights, words)
    assert (words == words_of_draws(plan, draws)).all()


def test_functions_are_read_as_a_plain_loop_reads_them():
    """Ties among them: without biases some outputs are exactly 0, and bit 0."""
    campaign = network((4, 5, 1), activation="relu", bias=False)
    plan = plan_sampling(campaign)
    states = np.random.default_rng(5).normal(size=(400, plan.n_parameters))
    scales = plan.law.scales[: plan.n_parameters].astype(np.float64)
    words = np.empty((400, 1), dtype=np.uint64)
    assert read_functions(scales, plan.shape, plan.points, plan.readout, states, words)
    bits = bits_from_words(words, 16)
    for state, found in zip(states, bits, strict=True):
        weights = (state * scales).astype(np.float32).astype(np.float64)
        hidden = np.maximum(campaign.points @ weights[:20].reshape(5, 4).T, 0.0)
        output = hidden @ weights[20:]
        clear = np.abs(output) > 1e-12
        assert (found[clear] == (output[clear] > 0)).all()
        assert not found[hidden.max(axis=1) == 0.0].any()
    assert not bits[:, 0].any()


def test_an_output_that_is_not_finite_is_no_bit():
    plan = plan_sampling(network((3, 4, 1), activation="relu"))
    states = np.full((1, plan.n_parameters), np.nan)
    words = np.empty((1, 1), dtype=np.uint64)
    ones = np.ones(plan.n_parameters)
    assert not read_functions(ones, plan.shape, plan.points, plan.readout, states, words)


def test_impossible_and_unreached_sets_have_no_draws():
    parity = restricted(PARITY, range(8))
    found = sample_posterior(network((3, 1)), parity)
    assert found.estimate.verdict == "not expressible"
    assert found.n_draws == 0
    assert math.isnan(found.error_bound)
    short = Settings(chains=32, steps=8, runs=2, max_levels=2)
    found = sample_posterior(network(), parity, short)
    assert (found.estimate.verdict, found.n_draws) == ("budget", 0)


def test_the_bound_holds_for_all_training_sets_of_a_known_prior(prior):
    """Exact: every S of 5 of 8 inputs; the share that breaks the bound is at most δ."""
    p = prior["count"] / N_DRAWS
    for target in (MAJORITY.bits, PARITY.bits, named_table("and", 3)):
        wrong = prior["bits"] != target
        errors = wrong.mean(axis=1)
        moments, broken = [], []
        for inputs in itertools.combinations(range(8), 5):
            fits = ~wrong[:, inputs].any(axis=1)
            moments.append((p[fits] * (1.0 - errors[fits]) ** -5).sum())
            if fits.any():
                mean_error = np.average(errors[fits], weights=p[fits])
                for delta in (0.05, 0.5):
                    bound = error_bound(math.log2(p[fits].sum()), 5, delta=delta)
                    broken.append((delta, mean_error > bound))
        assert np.mean(moments) <= 1.0
        for delta in (0.05, 0.5):
            assert np.mean([how for d, how in broken if d == delta]) <= delta
    assert error_bound(-3.0, 0) == 1.0
    assert math.isnan(error_bound(math.nan, 5))
    # By hand: 1 - exp(-(10 ln 2 + ln 20)/100).
    assert error_bound(-10.0, 100) == pytest.approx(
        1 - math.exp(-(10 * math.log(2) + math.log(20)) / 100)
    )


def test_training_sets(tmp_path):
    inputs = [drawn_inputs(PARITY, m, seed=9).inputs for m in range(9)]
    assert all(set(small) <= set(large) for small, large in itertools.pairwise(inputs))
    assert [len(chosen) for chosen in inputs] == list(range(9))
    share = np.mean([0 in drawn_inputs(PARITY, 4, seed=seed).inputs for seed in range(400)])
    assert abs(share - 0.5) < 5 * 0.5 / math.sqrt(400)
    np.savez(tmp_path / "s.npz", input=np.array([6, 1, 1]), label=np.array([1, 0, 0]))
    found = load_training_set(tmp_path / "s.npz", 8)
    assert found.signs.tolist() == [0, -1, 0, 0, 0, 0, 1, 0]
    assert found.unseen.tolist() == [0, 2, 3, 4, 5, 7]
    import pandas as pd

    pd.DataFrame({"input": [6, 1], "label": [True, False]}).to_parquet(tmp_path / "s.parquet")
    same = load_training_set(tmp_path / "s.parquet", 8, truth=PARITY.bits)
    assert (same.signs == found.signs).all()
    assert same.truth is PARITY.bits
    assert math.isnan(sample_posterior(network(), same, Settings(runs=2)).error_bound)


def test_what_is_no_training_set_is_explained(tmp_path):
    with pytest.raises(SettingsError, match="size: must lie within 0…8, .* got 9"):
        drawn_inputs(PARITY, 9)
    with pytest.raises(SettingsError, match="inputs: must lie within 0…7, got 8"):
        restricted(PARITY, [1, 8])
    with pytest.raises(SettingsError, match="input 1 has both labels"):
        labelled(np.array([1, 1]), np.array([0, 1]), 8)
    with pytest.raises(SettingsError, match="labels: must be 0 or 1"):
        labelled(np.array([1]), np.array([-1]), 8)
    with pytest.raises(SettingsError, match="one for each input"):
        labelled(np.array([1, 2]), np.array([1]), 8)
    with pytest.raises(SettingsError, match="must be indices"):
        labelled(np.array([0.5]), np.array([1]), 8)
    np.savez(tmp_path / "bad.npz", input=np.array([1]))
    with pytest.raises(DataError, match="holds no .*label"):
        load_training_set(tmp_path / "bad.npz", 8)
    with pytest.raises(DataError, match="no such file"):
        load_training_set(tmp_path / "none.parquet", 8)
    with pytest.raises(SettingsError, match="made for 8 points, the campaign has 16"):
        sample_posterior(network((4, 4, 1)), restricted(PARITY, [1]))
    with pytest.raises(SettingsError, match="draws_per_chain"):
        sample_posterior(network(), restricted(PARITY, [1]), draws_per_chain=0)
    found = sample_posterior(network(), labelled(np.array([1]), np.array([1]), 8), Settings(runs=2))
    with pytest.raises(SettingsError, match="truth: errors need the function"):
        found.errors()
    assert (found.completions()["wrong"] == -1).all()


def test_the_error_of_the_posterior_survives_one_heavy_run():
    """Of 2,000 sets of eight runs whose weights differ e-fold and more, most intervals hold."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(2000):
        weights = np.exp(rng.normal(0.0, 2.0, 8))
        values = rng.normal(size=(1, 8))
        mean, error = combined_means(values, np.zeros((1, 8)), weights / weights.sum(), 32)
        held += abs(mean[0]) < 1.96 * error[0]
    assert held > 0.88 * 2000


def test_one_run_that_arrives_gives_no_draws(monkeypatch):
    def stalled(*arguments, **options):
        found = estimate_volume(*arguments, **options)
        return dataclasses.replace(found, verdict="stalled")

    monkeypatch.setattr("pfmap.volume.posterior.estimate_volume", stalled)
    found = sample_posterior(network(), TRAINING_SETS["majority, 4 inputs"], Settings(runs=2))
    assert found.n_draws == 0
    assert math.isnan(found.error_bound)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"\x93NUMPY"])
def test_a_damaged_file_is_a_data_error(tmp_path, content):
    path = tmp_path / "set.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"data: .* not valid (\.npz|Parquet, \.npy or \.npz): "):
        load_training_set(path, 8)


def test_text_is_no_training_set():
    with pytest.raises(SettingsError, match="inputs: must be numbers"):
        labelled(np.array(["a"]), np.array([1]), 8)


@pytest.mark.parametrize("place", [10**400, 4, -1])
def test_inputs_beyond_the_domain_are_refused(place):
    with pytest.raises(SettingsError, match="inputs: must lie within 0…3, got"):
        restricted(parse_function("xor2", 2), [0, place])
