"""Float32 activations against float64, over the whole range and at its ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

from pfmap.kernels.activation import CODES
from pfmap.kernels.activation_f32 import activate_run

NAMES = ("tanh", "erf", "sin", "monomial")


def _apply(name: str, x: np.ndarray, degree: int = 1) -> np.ndarray:
    values = np.array(x, dtype=np.float32)
    activate_run(CODES[name], degree, values)
    return values


def _inputs(end: float) -> np.ndarray:
    small = 10.0 ** np.linspace(-30, 1, 50_001)
    x = np.concatenate([np.linspace(-end, end, 1_000_001), small, -small]).astype(np.float32)
    return x[x != 0.0]


@pytest.mark.parametrize(
    ("name", "exact", "end", "limit"),
    [("tanh", np.tanh, 15.0, 4e-7), ("erf", special.erf, 8.0, 4e-7), ("sin", np.sin, 1.5, 2e-7)],
)
def test_relative_error(
    name: str, exact: Callable[[np.ndarray], np.ndarray], end: float, limit: float
) -> None:
    x = _inputs(end) if name != "sin" else np.clip(_inputs(end), -end, end)
    error = np.abs(_apply(name, x) / exact(x.astype(float)) - 1.0)
    assert error.max() < limit


def test_sin_keeps_its_absolute_error_far_out() -> None:
    x = np.linspace(-1000.0, 1000.0, 1_000_001).astype(np.float32)
    assert np.max(np.abs(_apply("sin", x) - np.sin(x.astype(float)))) < 2e-7


@pytest.mark.parametrize("degree", range(1, 10))
def test_monomial(degree: int) -> None:
    x = np.linspace(-3.0, 3.0, 10_000).astype(np.float32)
    assert np.max(np.abs(_apply("monomial", x, degree) / x.astype(float) ** degree - 1.0)) < 6e-7


@pytest.mark.parametrize("name", NAMES)
def test_nan_stays_nan_and_zero_stays_zero(name: str) -> None:
    values = _apply(name, np.array([np.nan, 0.0]), 3)
    assert np.isnan(values[0])
    assert values[1] == 0.0


@pytest.mark.parametrize(("name", "limit"), [("tanh", 1.0), ("erf", 1.0)])
def test_infinity_saturates(name: str, limit: float) -> None:
    assert _apply(name, np.array([np.inf, -np.inf])) == pytest.approx([limit, -limit], abs=4e-7)


def test_sin_gives_up_where_its_reduction_fails() -> None:
    assert np.isnan(_apply("sin", np.array([2e5, np.inf, -np.inf]))).all()
