"""Blocks: the same counts however the work is divided, and draws that come back."""

from __future__ import annotations

import importlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from pfmap.errors import DataError, SettingsError
from pfmap.functions.keys import words_from_keys
from pfmap.sampling import (
    BlockTally,
    bits_of_draws,
    find_draws,
    outputs_of_draws,
    plan_sampling,
    sample_blocks,
    sample_prior,
    symbols_of_draws,
    weights_of_draws,
    words_of_draws,
)
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping

KINDS: dict[str, dict[str, Any]] = {
    "exact": {"network": {"widths": [5, 16, 1]}},
    "hashed": {"network": {"widths": [9, 6, 1]}},
    "quantised": {
        "network": {"widths": [1, 16, 16, 1], "activation": "tanh"},
        "domain": {"kind": "grid", "points": 64},
        "readout": {"kind": "quantised", "step": 0.5},
    },
}


def _campaign(kind: str, **settings: Any) -> Campaign:
    return campaign_from_mapping(
        {
            "draws": 20_000,
            "block_draws": 6000,
            "prior": {"preset": "gaussian"},
            **KINDS[kind],
            **settings,
        }
    )


def _same(a: BlockTally, b: BlockTally) -> bool:
    return (a.block_index, a.start, a.draws) == (b.block_index, b.start, b.draws) and all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("words", "counts", "first_draws")
    )


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_do_not_depend_on_threads_or_order(kind: str) -> None:
    plan = plan_sampling(_campaign(kind))
    alone = list(sample_blocks(plan, range(plan.n_blocks), threads=1))
    assert [tally.draws for tally in alone] == [6000, 6000, 6000, 2000]
    for threads in (2, 3):
        shuffled = list(sample_blocks(plan, [2, 0, 3, 1], threads=threads))
        assert [tally.block_index for tally in shuffled] == [2, 0, 3, 1]
        assert all(_same(tally, alone[tally.block_index]) for tally in shuffled)


@pytest.mark.parametrize("kind", KINDS)
def test_tally_is_what_the_draws_say(kind: str) -> None:
    plan = plan_sampling(_campaign(kind))
    (tally,) = sample_blocks(plan, [1])
    words = words_of_draws(plan, np.arange(6000, 12_000))
    names, first, counts = np.unique(words, axis=0, return_index=True, return_counts=True)
    assert np.array_equal(tally.words, names)
    assert np.array_equal(tally.counts, counts)
    assert np.array_equal(tally.first_draws, 6000 + first)


@pytest.mark.parametrize("kind", KINDS)
def test_first_draw_brings_back_exactly_the_function_that_was_tallied(kind: str) -> None:
    campaign = _campaign(kind)
    plan = plan_sampling(campaign)
    express = symbols_of_draws if campaign.readout.kind == "quantised" else bits_of_draws
    (tally,) = sample_blocks(plan, [2])
    draws = np.arange(12_000, 18_000)
    words, functions = words_of_draws(plan, draws), express(plan, draws)
    assert np.array_equal(words_of_draws(plan, tally.first_draws), tally.words)
    brought_back = express(plan, tally.first_draws)
    row = {tuple(name): index for index, name in enumerate(tally.words.tolist())}
    index = np.array([row[tuple(name)] for name in words.tolist()])
    assert np.array_equal(brought_back[index], functions)
    assert len(np.unique(functions, axis=0)) == len(tally.words)


def test_a_campaign_is_the_beginning_of_a_longer_one() -> None:
    short, long = plan_sampling(_campaign("exact")), plan_sampling(_campaign("exact", draws=40_000))
    for index in range(3):
        assert _same(*(next(sample_blocks(plan, [index])) for plan in (short, long)))


def test_counts_do_not_depend_on_the_size_of_blocks() -> None:
    frames = [sample_prior(_campaign("exact", block_draws=size)) for size in (256, 20_000)]
    assert frames[0].equals(frames[1])
    assert frames[0]["count"].sum() == 20_000
    assert frames[0]["count"].is_monotonic_decreasing


def test_seeds_differ() -> None:
    draws = np.arange(50)
    a, b = (weights_of_draws(plan_sampling(_campaign("exact", seed=s)), draws) for s in (1, 2))
    assert not np.any(a == b)


def test_bits_words_and_outputs_of_hashed_functions_agree() -> None:
    plan = plan_sampling(_campaign("hashed"))
    draws = np.array([7, 3, 7, 19_999])
    bits = bits_of_draws(plan, draws)
    assert bits.shape == (4, 512)
    assert np.array_equal(bits, outputs_of_draws(plan, draws) > 0.0)
    words = words_of_draws(plan, draws)
    assert words.shape == (4, 2)
    assert np.array_equal(words[0], words[2])


def test_symbols_are_rounded_outputs_and_decide_the_hash() -> None:
    plan = plan_sampling(_campaign("quantised"))
    draws = np.arange(5000)
    symbols = symbols_of_draws(plan, draws)
    assert np.array_equal(symbols, np.floor(outputs_of_draws(plan, draws) / 0.5 + 0.5))
    kinds = len(np.unique(symbols, axis=0))
    assert kinds == len(np.unique(words_of_draws(plan, draws), axis=0)) > 100


@pytest.mark.parametrize("kind", KINDS)
def test_find_draws_returns_the_first_draws_of_each_function(kind: str) -> None:
    plan = plan_sampling(_campaign(kind))
    (tally,) = sample_blocks(plan, [0])
    wanted = tally.words[np.argsort(-tally.counts, kind="stable")[[0, 1, -1]]]
    index, draw = find_draws(plan, wanted, [3, 0, 1], limit=5)
    searched = np.r_[0:12_000, 18_000:20_000]
    words = words_of_draws(plan, searched)
    for function in range(3):
        expected = searched[(words == wanted[function]).all(axis=1)][:5]
        assert np.array_equal(draw[index == function], expected)
    assert np.all(np.diff(draw) > 0)


def test_find_draws_of_nothing_and_of_the_unseen() -> None:
    plan = plan_sampling(_campaign("exact"))
    index, draw = find_draws(plan, np.zeros((0, 1), dtype=np.uint64), [0], limit=1)
    assert len(index) == len(draw) == 0
    parity = f"{int(''.join(str(x.bit_count() % 2) for x in range(32)), 2):08x}"
    unseen = words_from_keys([parity], 32, True)
    assert not (words_of_draws(plan, np.arange(20_000)) == unseen).all(axis=1).any()
    index, draw = find_draws(plan, unseen, range(plan.n_blocks), limit=1)
    assert len(index) == len(draw) == 0


def test_progress_reaches_the_total() -> None:
    seen: list[tuple[int, int]] = []
    sample_prior(_campaign("exact"), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(6000, 20_000), (12_000, 20_000), (18_000, 20_000), (20_000, 20_000)]


def test_a_reader_that_stops_early_leaves_nothing_running() -> None:
    plan = plan_sampling(_campaign("exact", draws=600_000))
    blocks = sample_blocks(plan, range(plan.n_blocks), threads=2)
    before = threading.active_count()
    assert next(blocks).block_index == 0
    assert threading.active_count() > before
    blocks.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("kind", ["exact", "quantised"])
def test_outputs_that_overflow_are_an_error_that_names_the_draw(kind: str) -> None:
    settings = KINDS[kind]
    network = {**settings["network"], "activation": "monomial", "degree": 9}
    network["widths"] = [network["widths"][0], 4, 4, 4, 1]
    plan = plan_sampling(
        campaign_from_mapping(
            {**settings, "network": network, "prior": {"preset": "gaussian", "weight_sd": 1e20}}
        )
    )
    with pytest.raises(DataError, match=r"draw 0: an output must be finite, got NaN or infinity"):
        list(sample_blocks(plan, [0]))
    with pytest.raises(DataError, match="draw 5: an output"):
        outputs_of_draws(plan, np.array([5]))


def test_outputs_too_large_for_the_step_are_an_error() -> None:
    plan = plan_sampling(_campaign("quantised", prior={"preset": "gaussian", "bias_sd": 1e25}))
    with pytest.raises(DataError, match="within 2\\^52 steps"):
        words_of_draws(plan, np.arange(10))


def test_arguments_out_of_range_are_refused() -> None:
    plan = plan_sampling(_campaign("exact"))
    with pytest.raises(SettingsError, match="block_index: must lie within 0…3, got 4"):
        list(sample_blocks(plan, [4]))
    with pytest.raises(SettingsError, match="threads: must be at least 1, got 0"):
        list(sample_blocks(plan, [0], threads=0))
    with pytest.raises(SettingsError, match="indices start at 0, got -1"):
        weights_of_draws(plan, np.array([-1]))
    with pytest.raises(SettingsError, match="list of indices"):
        weights_of_draws(plan, np.zeros((2, 2), dtype=np.int64))
    with pytest.raises(SettingsError, match="must be quantised, got sign"):
        symbols_of_draws(plan, np.array([0]))
    with pytest.raises(SettingsError, match="limit: must be at least 1"):
        find_draws(plan, np.zeros((1, 1), dtype=np.uint64), [0], limit=0)
    with pytest.raises(SettingsError, match="given once"):
        find_draws(plan, np.zeros((2, 1), dtype=np.uint64), [0], limit=1)
    with pytest.raises(SettingsError, match="must be sign, got quantised"):
        bits_of_draws(plan_sampling(_campaign("quantised")), np.array([0]))


def test_large_networks_are_drawn_in_small_pieces() -> None:
    small, large = (
        plan_sampling(campaign_from_mapping({"network": {"widths": [8, width, width, 1]}}))
        for width in (8, 1500)
    )
    assert (small.piece_draws, small.probe_draws) == (4096, 256)
    assert large.piece_draws < 100
    assert large.probe_draws < 10
    assert np.array_equal(bits_of_draws(large, [3])[0], outputs_of_draws(large, [3])[0] > 0.0)


def test_draws_come_back_on_as_many_threads_as_asked(monkeypatch):
    """The pool gets the number given, and the result does not depend on it."""
    module = importlib.import_module("pfmap.sampling.draws")
    sizes = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, size):
            sizes.append(size)
            super().__init__(size)

    monkeypatch.setattr(module, "ThreadPoolExecutor", Pool)
    plan = plan_sampling(campaign_from_mapping({"network": {"widths": [3, 4, 1]}}))
    draws = np.arange(3 * plan.piece_draws)
    for get in (module.words_of_draws, module.bits_of_draws, module.outputs_of_draws):
        one, two = get(plan, draws, threads=1), get(plan, draws, threads=2)
        np.testing.assert_array_equal(one, two)
    module.find_draws(plan, np.zeros((1, 1)), [0], limit=1, threads=1)
    assert sizes == [1, 2] * 3 + [1]
