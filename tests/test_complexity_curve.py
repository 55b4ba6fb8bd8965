"""Proxies of quantised curves against naive twins and curves of known shape."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from pfmap.complexity import FunctionBatch, measure
from pfmap.complexity.grid import grid_shape
from pfmap.settings.domain import GridDomain, domain_points

LINE = domain_points(GridDomain(kind="grid", points=64), 1)
SQUARE = domain_points(GridDomain(kind="grid", points=12), 2)
STEP = 0.01


def curves(values: np.ndarray, points: np.ndarray = LINE, step: float = STEP) -> FunctionBatch:
    symbols = np.rint(np.atleast_2d(values) / step).astype(np.int64)
    return FunctionBatch("curve", points, symbols=symbols, step=step)


def measured(batch: FunctionBatch, name: str) -> np.ndarray:
    return measure(batch, [name], threads=1)[name]


def fits_a_line(symbols: np.ndarray) -> bool:
    """Whether some line passes within 1/2 of every symbol, by linear programming."""
    x = np.arange(len(symbols))
    above = np.stack([x, np.ones(len(x))], axis=1)
    result = linprog(
        [0, 0],
        A_ub=np.concatenate([above, -above]),
        b_ub=np.concatenate([symbols + 0.5, 0.5 - symbols]),
        bounds=(None, None),
    )
    return result.status == 0


def naive_pieces(symbols: np.ndarray) -> int:
    """Fewest runs over all ways to cut, by dynamic programming."""
    n = len(symbols)
    fewest = [0] + [n + 1] * n
    for stop in range(1, n + 1):
        for start in reversed(range(stop)):
            if not fits_a_line(symbols[start:stop]):
                break
            fewest[stop] = min(fewest[stop], fewest[start] + 1)
    return fewest[n]


def test_kinks_equal_the_best_of_all_cuts():
    rng = np.random.default_rng(0)
    points = domain_points(GridDomain(kind="grid", points=14), 1)
    symbols = np.cumsum(rng.integers(-1, 2, (12, 14)) * rng.integers(1, 4, (12, 1)), axis=1)
    batch = FunctionBatch("curve", points, symbols=symbols)
    np.testing.assert_array_equal(measured(batch, "kinks"), [naive_pieces(s) for s in symbols])


@pytest.mark.parametrize("n_kinks", [0, 1, 2, 3, 5])
def test_kinks_of_piecewise_linear_curves_are_their_pieces(n_kinks):
    x = LINE[:, 0]
    breaks = np.linspace(-1, 1, n_kinks + 2)[1:-1] + 0.013
    values = 0.3 * x + sum((-1) ** i * 2 * np.maximum(x - b, 0) for i, b in enumerate(breaks))
    assert measured(curves(values), "kinks")[0] == n_kinks + 1


def test_kinks_never_exceed_those_of_a_relu_network():
    rng = np.random.default_rng(1)
    x = LINE[:, 0]
    offsets = rng.uniform(-1, 1, (50, 6))
    heights = rng.normal(size=(50, 6, 1))
    values = (heights * np.maximum(x - offsets[:, :, None], 0)).sum(axis=1)
    assert (measured(curves(values), "kinks") <= 7).all()


def test_kinks_of_smooth_curves_grow_as_the_step_shrinks():
    values = np.tanh(4 * LINE[:, 0])
    pieces = [measured(curves(values, step=step), "kinks")[0] for step in (0.5, 0.05, 0.005)]
    assert pieces[0] < pieces[1] < pieces[2]


def test_total_variation_of_monotone_and_oscillating_curves():
    x = LINE[:, 0]
    batch = curves(np.stack([x, 0 * x, np.cos(np.pi * x)]))
    # Rounding moves each end of a monotone part by at most half a step.
    np.testing.assert_allclose(measured(batch, "total_variation"), [2, 0, 4], atol=4 * STEP)


def test_total_variation_equals_the_naive_sum():
    rng = np.random.default_rng(2)
    symbols = rng.integers(-9, 9, (5, 144))
    batch = FunctionBatch("curve", SQUARE, symbols=symbols, step=0.5)
    truth = []
    for row in symbols:
        grid = row.reshape(12, 12)
        down = sum(abs(grid[i + 1, j] - grid[i, j]) for i in range(11) for j in range(12)) / 12
        across = sum(abs(grid[i, j + 1] - grid[i, j]) for i in range(12) for j in range(11)) / 12
        truth.append(0.5 * (down + across))
    np.testing.assert_allclose(measured(batch, "total_variation"), truth, rtol=1e-12)


def test_centroid_of_a_cosine_is_its_frequency():
    i = np.arange(64)
    values = [1000 * np.cos(np.pi * mode * (i + 0.5) / 64) for mode in (1, 2, 7, 40)]
    batch = curves(np.stack([*values, 3 + 0 * i]), step=1e-3)
    np.testing.assert_allclose(
        measured(batch, "spectral_centroid"), [0.5, 1, 3.5, 20, 0], rtol=1e-6
    )


def test_centroid_of_a_plane_wave_is_its_radial_frequency():
    i, j = np.divmod(np.arange(144), 12)
    wave = 1000 * np.cos(np.pi * 3 * (i + 0.5) / 12) * np.cos(np.pi * 4 * (j + 0.5) / 12)
    batch = curves(wave, points=SQUARE, step=1e-3)
    np.testing.assert_allclose(measured(batch, "spectral_centroid"), [2.5], rtol=1e-6)


def test_centroid_equals_the_naive_transform():
    rng = np.random.default_rng(3)
    symbols = rng.integers(-5, 5, (4, 64))
    batch = FunctionBatch("curve", LINE, symbols=symbols)
    modes = np.arange(1, 64)
    cosines = np.cos(np.pi * modes[:, None] * (np.arange(64) + 0.5) / 64)
    power = (symbols @ cosines.T) ** 2
    truth = (power * modes / 2).sum(axis=1) / power.sum(axis=1)
    np.testing.assert_allclose(measured(batch, "spectral_centroid"), truth, rtol=1e-10)


def test_centroid_does_not_see_a_constant_added():
    symbols = np.random.default_rng(4).integers(-5, 5, (4, 64))
    near = FunctionBatch("curve", LINE, symbols=symbols)
    far = FunctionBatch("curve", LINE, symbols=symbols + 10**9)
    np.testing.assert_allclose(
        measured(near, "spectral_centroid"), measured(far, "spectral_centroid"), rtol=1e-6
    )


def test_lz_of_curves_reads_symbols_and_not_their_values():
    symbols = np.random.default_rng(5).integers(0, 4, (20, 64))
    relabelled = np.array([17, -3, 10**12, 0])[symbols]
    first = measured(FunctionBatch("curve", LINE, symbols=symbols), "lz")
    second = measured(FunctionBatch("curve", LINE, symbols=relabelled), "lz")
    np.testing.assert_array_equal(first, second)
    constant = measured(FunctionBatch("curve", LINE, symbols=np.full((1, 64), 5)), "lz")
    assert constant.tolist() == [6]


def test_what_needs_a_grid_is_null_off_a_grid():
    rng = np.random.default_rng(6)
    scattered = FunctionBatch("curve", rng.random((30, 2)), symbols=rng.integers(0, 9, (3, 30)))
    square = FunctionBatch("curve", SQUARE, symbols=rng.integers(0, 9, (3, 144)))
    for name in ("kinks", "total_variation", "spectral_centroid"):
        assert np.isnan(measured(scattered, name)).all()
    assert np.isnan(measured(square, "kinks")).all()
    assert np.isfinite(measured(square, "total_variation")).all()
    assert np.isfinite(measured(scattered, "lz")).all()


def test_grids_are_told_from_other_points():
    assert grid_shape(LINE) == (64,)
    assert grid_shape(SQUARE) == (12, 12)
    assert grid_shape(LINE[::-1]) is None
    assert grid_shape(SQUARE[:, ::-1]) is None
    assert grid_shape(LINE[[0, 1, 3]]) is None
    assert grid_shape(np.zeros((4, 1))) is None
    assert grid_shape(np.zeros((8, 3))) is None
