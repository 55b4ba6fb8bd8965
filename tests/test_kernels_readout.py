"""Outputs to functions: packing, quantising, and which points need float64."""

from __future__ import annotations

import numpy as np
import pytest

from pfmap.kernels.readout import find_doubtful, pack_f32, pack_f64, quantise
from pfmap.kernels.tiles import TILE


def _expected(outputs: np.ndarray) -> np.ndarray:
    bits = np.packbits(outputs > 0.0)
    padded = np.zeros(-(-len(outputs) // 64) * 8, dtype=np.uint8)
    padded[: len(bits)] = bits
    return padded.view(">u8").astype(np.uint64)


@pytest.mark.parametrize("n_points", [2, 4, 8, 16, 31, 32, 33, 63, 64, 65, 100, 128, 200, 256])
def test_packing_equals_numpy(n_points: int) -> None:
    outputs = np.random.default_rng(n_points).normal(size=n_points).astype(np.float32)
    outputs[0] = 0.0
    padded = np.ones(-(-n_points // TILE) * TILE, dtype=np.float32)  # copies must not show
    padded[:n_points] = outputs
    for pack in (lambda f: pack_f32(padded, 0, n_points, f), lambda f: pack_f64(outputs, f)):
        function = np.full(-(-n_points // 64), 7, dtype=np.uint64)
        pack(function)
        assert np.array_equal(function, _expected(outputs))


def test_bit_is_one_strictly_above_zero() -> None:
    outputs = np.zeros(TILE, dtype=np.float32)
    outputs[:4] = [0.0, -0.0, np.finfo(np.float32).tiny, -np.finfo(np.float32).tiny]
    function = np.zeros(1, dtype=np.uint64)
    pack_f32(outputs, 0, TILE, function)
    assert int(function[0]) == 1 << 61


def test_symbols_round_half_up() -> None:
    outputs = np.array([-0.75, -0.25, 0.0, 0.25, 0.74, 0.75])
    function = np.zeros(6, dtype=np.uint64)
    assert quantise(outputs, 0.5, function)
    assert function.view(np.int64).tolist() == [-1, 0, 0, 1, 1, 2]


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e16])
def test_outputs_without_a_symbol_are_refused(bad: float) -> None:
    assert not quantise(np.array([0.0, bad]), 0.5, np.zeros(2, dtype=np.uint64))


def _doubtful(
    outputs: np.ndarray, *, step: float = 0.0, slack: np.ndarray | None = None
) -> list[int]:
    """Points that float32 may not decide at tolerance 1e-5."""
    n_points = len(outputs)
    n_tiles = -(-n_points // TILE)
    memory = np.zeros(3 * n_tiles * TILE, dtype=np.float32)
    memory[:n_points] = outputs
    memory[n_points : n_tiles * TILE] = 1e9  # copies must not count
    memory[n_tiles * TILE :][:n_points] = 1.0
    memory[2 * n_tiles * TILE :] = np.inf
    memory[2 * n_tiles * TILE :][:n_points] = 0.0 if slack is None else slack
    found = np.empty(n_points, dtype=np.int64)
    live, slack_at = n_tiles * TILE, 2 * n_tiles * TILE
    count = find_doubtful(memory, 0, live, slack_at, n_points, step, 1e-5, found)
    return found[:count].tolist()


@pytest.mark.parametrize("n_points", [5, 32, 64, 100])
def test_signs_are_doubtful_where_an_output_is_near_zero(n_points: int) -> None:
    outputs = np.where(np.arange(n_points) % 2, 3.0, -3.0)
    assert _doubtful(outputs) == []
    for near, is_doubtful in ((3.1e-5, False), (2.9e-5, True), (-2.9e-5, True), (0.0, True)):
        for place in (0, n_points - 1):
            others = np.arange(n_points) != place
            # A root mean square of 3 with the one point changed.
            changed = np.where(others, outputs * np.sqrt(n_points / (n_points - 1)), near)
            assert _doubtful(changed) == ([place] if is_doubtful else [])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("step", [0.0, 0.25])
def test_everything_is_doubtful_if_an_output_overflows(bad: float, step: float) -> None:
    outputs = np.ones(40)
    outputs[35] = bad
    assert _doubtful(outputs, step=step) == list(range(40))


def test_everything_is_doubtful_if_outputs_vanish_or_underflow() -> None:
    assert _doubtful(np.zeros(40)) == list(range(40))
    assert _doubtful(np.full(40, 1e-20)) == list(range(40))


def test_slack_exempts_a_point_that_is_always_zero() -> None:
    outputs = np.ones(40)
    outputs[[0, 3]] = 0.0
    slack = np.zeros(40)
    assert _doubtful(outputs, slack=slack) == [0, 3]
    slack[0] = np.inf
    assert _doubtful(outputs, slack=slack) == [3]


@pytest.mark.parametrize(
    ("value", "is_doubtful"), [(0.0, False), (0.1249, False), (0.125, True), (0.125 + 1e-7, True)]
)
def test_symbols_are_doubtful_where_an_output_is_near_a_boundary(
    value: float, is_doubtful: bool
) -> None:
    outputs = np.ones(40)
    outputs[7] = value
    assert _doubtful(outputs, step=0.25) == ([7] if is_doubtful else [])
