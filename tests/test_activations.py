"""Records of activations: each declared fact is checked by numbers, none is taken for granted."""

from __future__ import annotations

import dataclasses
import functools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pfmap import activations
from pfmap.activations import ACTIVATIONS, NAMES, Activation, facts_of
from pfmap.errors import SettingsError
from pfmap.functions import prior_symmetries
from pfmap.kernel_limit.quadrature import quadrature_moments
from pfmap.kernels.activation import (
    activate_row,
    activate_run,
    code_of,
    differentiate_row,
    facts_of_code,
)
from pfmap.models.network import network_model
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume.expressible import why_not_expressible

EVERY = [(name, 1) for name in NAMES if isinstance(ACTIVATIONS[name], Activation)]
EVERY += [
    (name, degree)
    for name in NAMES
    if not isinstance(ACTIVATIONS[name], Activation)
    for degree in range(1, 10)
]

X = np.linspace(-40.0, 40.0, 1_000_001)
NEAR = np.linspace(-4.0, 4.0, 400_001)
FINE = np.arange(-3000, 3001) / 1000.0
PAIRS = (np.array([0.3, 2.0, 1.0]), np.array([1.5, 0.4, 1.0]), np.array([0.5, -0.7, 0.2]))
LIMIT = 1e-9
"""Largest error of a slope, over max(1, |s'|)."""


def values(name: str, degree: int, x: np.ndarray) -> np.ndarray:
    """s(x) by the kernels."""
    out = np.empty(len(x))
    activate_row(code_of(name), degree, np.array(x, dtype=np.float64), out)
    return out


def slopes(name: str, degree: int, x: np.ndarray) -> np.ndarray:
    """s'(x) by the kernels."""
    y, found = np.array(x, dtype=np.float64), np.empty(len(x))
    differentiate_row(code_of(name), degree, y, found)
    np.testing.assert_array_equal(y, values(name, degree, x))
    return found


def singles(name: str, degree: int, x: np.ndarray) -> np.ndarray:
    """s(x) by the kernels in float32."""
    y = np.array(x, dtype=np.float32)
    activate_run(code_of(name), degree, y)
    return y


@functools.cache
def measured(name: str, degree: int) -> dict[str, Any]:
    """Facts about an activation as numbers show them."""
    s = functools.partial(values, name, degree)
    return {**shape(s), **ends(s), **places(s, functools.partial(slopes, name, degree))}


def shape(s: Any) -> dict[str, Any]:
    y, mirrored, scaled, coarse = s(X), s(-X), s(1.7 * X), s(X[::100])
    close = {"rtol": 1e-11, "atol": 1e-12}
    odd, even = np.allclose(mirrored, -y, **close), np.allclose(mirrored, y, **close)
    bent = np.abs(np.diff(coarse, 2)) > 1e-9 * (1.0 + np.abs(coarse[1:-1]))
    inner = np.abs(X) < 20.0  # further out some values underflow to 0
    flat = y[inner] == 0.0
    powers = [p for p in range(12) if np.allclose(y, X**p, rtol=1e-12)]
    degrees = [p for p in range(12) if np.allclose(scaled, 1.7**p * y, rtol=1e-11, atol=0.0)]
    return {
        "parity": "odd" if odd else "even" if even else "neither",
        "pieces": "linear" if not bent.any() else "curved" if bent.sum() > 3
        else "piecewise linear",
        # Neighbours differ by a rounding error where nothing changes any more.
        "monotone": bool((np.diff(y) >= -1e-15 * np.abs(y[1:])).all()),
        "keeps_sign": bool(((y > 0.0) == (X > 0.0))[inner].all()),
        "zero_at_zero": bool(s(np.zeros(1))[0] == 0.0),
        "zero_on_interval": bool((flat[1:] & flat[:-1]).any()),
        "power": powers[0] if powers else None,
        "homogeneity": degrees[0] if degrees else None,
    }  # fmt: skip


def ends(s: Any) -> dict[str, Any]:
    far, wide, near = s(np.array([-1e6, 1e6])), s(X), s(NEAR)
    low = -math.inf if far.min() < -1e3 else float(wide.min())
    high = math.inf if far.max() > 1e3 else float(wide.max())
    return {
        "low": low,
        "high": high,
        # Beyond 4 tanh and erf are ±1 to the last bit: what is attained shows before.
        "low_attained": math.isclose(near.min(), low, abs_tol=1e-9),
        "high_attained": math.isclose(near.max(), high, abs_tol=1e-9),
    }


def places(s: Any, slope: Any) -> dict[str, Any]:
    """Where the value jumps, the slope, and the slope's slope, anywhere on a fine grid."""
    h = 1e-6
    left, here, right = s(FINE - h), s(FINE), s(FINE + h)
    jumps = np.abs(right - left) > 1e-2 * (1.0 + np.abs(here))
    before, after = (here - left) / h, (right - here) / h
    kinks = (np.abs(after - before) > 1e-2 * (1.0 + np.abs(before))) & ~jumps
    h = 1e-5
    left, here, right = slope(FINE - h), slope(FINE), slope(FINE + h)
    before, after = (here - left) / h, (right - here) / h
    seams = np.abs(after - before) > 1e-2 * (1.0 + np.abs(here) + np.abs(before))
    seams &= ~kinks & ~jumps
    found = {"jumps": jumps, "kinks": kinks, "seams": seams}
    return {name: tuple(FINE[where].tolist()) for name, where in found.items()}


def wrong_facts(facts: Activation, degree: int) -> list[str]:
    """Names of declared facts that numbers contradict."""
    wrong = []
    for name, value in measured(facts.name, degree).items():
        declared = getattr(facts, name)
        if name in ("low", "high"):
            if not math.isclose(declared, value, rel_tol=1e-9, abs_tol=1e-9):
                wrong.append(name)
        elif declared != value:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize(("name", "degree"), EVERY)
def test_every_declared_fact_holds(name, degree):
    assert wrong_facts(facts_of(name, degree), degree) == []


OTHERWISE = {
    "parity": lambda f: {"odd": "even", "even": "neither", "neither": "odd"}[f.parity],
    "pieces": lambda f: {"linear": "curved", "curved": "piecewise linear"}.get(f.pieces, "linear"),
    "monotone": lambda f: not f.monotone,
    "keeps_sign": lambda f: not f.keeps_sign,
    "zero_at_zero": lambda f: not f.zero_at_zero,
    "zero_on_interval": lambda f: not f.zero_on_interval,
    "power": lambda f: 2 if f.power != 2 else None,
    "homogeneity": lambda f: 2 if f.homogeneity != 2 else None,
    "low": lambda f: -math.inf if math.isfinite(f.low) else -1.0,
    "high": lambda f: math.inf if math.isfinite(f.high) else 2.0,
    "low_attained": lambda f: not f.low_attained,
    "high_attained": lambda f: not f.high_attained,
    "jumps": lambda f: () if f.jumps else (0.0,),
    "kinks": lambda f: () if f.kinks else (0.0,),
    "seams": lambda f: () if f.seams else (0.0,),
}
COMPUTED = {"slope", "slope_from_value", "single", "single_ulps", "product_moment"}


@pytest.mark.parametrize(("name", "degree"), EVERY)
def test_every_wrong_fact_is_found(name, degree):
    facts = facts_of(name, degree)
    every = {field.name for field in dataclasses.fields(facts)}
    assert set(OTHERWISE) | COMPUTED == every - {"name", "formula", "value"}
    for fact, other in OTHERWISE.items():
        wrong = dataclasses.replace(facts, **{fact: other(facts)})
        assert wrong_facts(wrong, degree) == [fact]


@pytest.mark.parametrize(("name", "degree"), EVERY)
def test_every_slope_is_that_of_the_values(name, degree):
    """Differences of the sixth order."""
    facts, h = facts_of(name, degree), 2e-3
    x = np.random.default_rng(0).uniform(-3.0, 3.0, 3000)
    x = np.concatenate([x, 5.0 * x[:1000]])
    for place in facts.breaks:
        x = x[np.abs(x - place) > 4.0 * h]
    found = slopes(name, degree, x)
    if facts.slope is None:
        assert np.isnan(found).all()
        assert not facts.slope_from_value
        return
    exact = np.zeros(len(x))
    for k, weight in ((1, 45.0), (2, -9.0), (3, 1.0)):
        step = values(name, degree, x + k * h) - values(name, degree, x - k * h)
        exact += weight * step / (60.0 * h)
    size = np.maximum(1.0, np.abs(exact))
    assert np.abs(found - exact).max() <= (LIMIT * size).max()
    assert (np.abs(found - exact) <= LIMIT * size).all()
    # The negative control: slopes wrong by 1e-8 of their size.
    assert (np.abs((1.0 + 1e-8) * found - exact) > LIMIT * size).any()
    y = values(name, degree, x[:50])
    without = np.array([facts.slope(degree, math.nan, value) for value in y.tolist()])
    assert facts.slope_from_value == np.allclose(without, found[:50], rtol=1e-12, atol=0.0)


@pytest.mark.parametrize(("name", "degree"), EVERY)
def test_float32_against_float64(name, degree):
    facts = facts_of(name, degree)
    small = 10.0 ** np.linspace(-30.0, 1.0, 50_001)
    x = np.concatenate([X, small, -small]).astype(np.float32)
    exact, found = values(name, degree, x), singles(name, degree, x)
    if facts.single is None:
        assert facts.single_ulps is None
        np.testing.assert_array_equal(found, exact.astype(np.float32))
        return
    size = np.abs(exact)
    if facts.slope is not None:
        size = np.maximum(size, np.abs(x * slopes(name, degree, x)))
    size = np.maximum(size, 1e-35)
    unit = np.spacing(size.astype(np.float32))
    # Half a unit is what float32 cannot hold, and below 1e-36 it has fewer digits.
    limit = facts.single_ulps + 0.5
    error = np.maximum(np.abs(found - exact) - 1e-36, 0.0)
    assert np.max(error / unit) <= limit
    # No limit is looser than it need be.
    assert np.max(error / unit) >= limit - 1.0
    # The negative control: a unit too many.
    assert np.max(np.abs(found + (limit + 1.0) * unit - exact) / unit) > limit


@pytest.mark.parametrize(("name", "degree"), EVERY)
def test_what_is_0_at_0_is_so_in_float32_and_nan_stays(name, degree):
    zero, nan = singles(name, degree, np.array([0.0, np.nan]))
    assert (zero == 0.0) == facts_of(name, degree).zero_at_zero
    # The comparisons of a dense layer keep NaN before its relu.
    assert np.isnan(nan) or name == "relu"


def test_sin_and_cos_give_up_where_their_reduction_fails():
    far = np.array([2e5, np.inf, -np.inf])
    assert np.isnan(singles("sin", 1, far)).all()
    assert np.isnan(singles("cos", 1, far)).all()


MOMENTS = [(name, degree) for name, degree in EVERY if facts_of(name, degree).product_moment]


@pytest.mark.parametrize(("name", "degree"), MOMENTS)
def test_moments_in_closed_form_against_quadrature(name, degree):
    facts = facts_of(name, degree)
    closed, integrated = facts.product_moment(*PAIRS), quadrature_moments(facts, degree, *PAIRS)
    assert np.abs(closed - integrated).max() < 1e-11
    assert np.abs(1.001 * closed - integrated).max() > 1e-11


def test_no_fact_has_a_default():
    facts = facts_of("tanh", 1)
    for field in dataclasses.fields(Activation):
        assert field.default is dataclasses.MISSING
        assert field.default_factory is dataclasses.MISSING
        values = {other.name: getattr(facts, other.name) for other in dataclasses.fields(facts)}
        del values[field.name]
        with pytest.raises(TypeError, match=field.name):
            Activation(**values)


def test_names_are_those_of_the_files():
    folder = Path(activations.__file__).parent
    files = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert set(NAMES) == files
    assert [facts_of(name, 2).name for name in NAMES] == list(NAMES)
    assert [facts_of_code(code_of(name), 2) for name in NAMES] == [facts_of(n, 2) for n in NAMES]


def test_an_activation_without_a_record_is_refused():
    with pytest.raises(SettingsError, match="must be one of .*, got 'swish'"):
        facts_of("swish", 1)
    for place in ("activation", "output_activation"):
        with pytest.raises(SettingsError, match="'swish'"):
            network_model((2, 2, 1), np.ones((1, 2)), **{place: "swish"})
        with pytest.raises(SettingsError, match=f"network.{place}: must be one of .*'swish'"):
            campaign_from_mapping({"network": {place: "swish"}})


@pytest.mark.parametrize("name", ["tanh", "erf"])
def test_a_bounded_output_does_not_reach_its_ends(name):
    model = network_model((2, 3, 1), np.ones((2, 2)), output_activation=name)
    assert not model.attains(np.array([0.0, 1.0]))
    assert not model.attains(np.array([-1.0, 0.5]))
    assert not model.attains(np.array([0.0, 3.0]))
    assert model.attains(np.array([-0.999, 0.999]))


def test_a_bounded_output_may_reach_ends_that_it_attains():
    assert network_model((1, 1), np.ones((1, 1)), output_activation="sin").attains(np.ones(1))
    assert network_model((1, 1), np.ones((1, 1)), output_activation="relu").attains(np.zeros(1))
    assert network_model((1, 1), np.ones((1, 1))).attains(np.full(1, 1e9))


def test_no_function_that_gelu_draws_is_proved_impossible(monkeypatch):
    """Bias-free on {-1,1} inputs: taken for odd, two thirds of what is drawn would be denied."""
    settings = campaign_from_mapping(
        {
            "draws": 1,
            "network": {"widths": [3, 6, 1], "bias": False, "activation": "tanh"},
            "prior": {"preset": "gaussian"},
            "domain": {"kind": "boolean", "encoding": "pm1"},
        }
    )
    points = settings.points
    rng = np.random.default_rng(0)
    drawn = set()
    for _ in range(300):
        sums = points @ rng.normal(size=(6, 3)).T
        hidden = values("gelu", 1, sums.ravel()).reshape(sums.shape)
        drawn.add(tuple(np.where(hidden @ rng.normal(size=6) > 0.0, 1.0, -1.0)))
    denied = [signs for signs in drawn if why_not_expressible(settings, np.array(signs))]
    assert len(denied) > len(drawn) / 2  # what taking it for odd would say
    monkeypatch.setitem(ACTIVATIONS, "tanh", ACTIVATIONS["gelu"])
    assert [f for f in drawn if why_not_expressible(settings, np.array(f))] == []
    # Neither odd nor with an interval of zeros: the complement holds by the sign of the last layer.
    assert prior_symmetries(settings).complement
