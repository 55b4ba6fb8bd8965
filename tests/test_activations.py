"""Facts about activations: each declared one is checked by numbers, none is taken for granted."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import pytest

from pfmap import activations
from pfmap.activations import ACTIVATIONS, Activation, facts_of, require_facts
from pfmap.campaign import campaign_from_mapping
from pfmap.errors import SettingsError
from pfmap.functions import prior_symmetries
from pfmap.kernels.activation import CODES, activate, slope
from pfmap.models.base import facts_of_code
from pfmap.models.network import network_model
from pfmap.volume.expressible import why_not_expressible

EVERY = [(name, 1) for name in ACTIVATIONS if name != "monomial"]
EVERY += [("monomial", degree) for degree in range(1, 10)]
X = np.unique(np.r_[-40.0:40.0:8001j, np.linspace(-3, 3, 1201), np.pi * np.array([-0.5, 0.5])])
# Beyond 4 tanh and erf are ±1 to the last bit in float64: what ends they attain shows before.
NEAR = X[np.abs(X) < 4.0]


def wrong_facts(facts: Activation, s) -> Iterator[str]:
    """Names of declared facts that values of s contradict."""
    y = s(X)
    close = {"rtol": 1e-12, "atol": 1e-12}
    odd, even = np.allclose(s(-X), -y, **close), np.allclose(s(-X), y, **close)
    if facts.parity != ("odd" if odd else "even" if even else "neither"):
        yield "parity"
    curved = np.abs(y[2:] - y[1:-1] - (y[1:-1] - y[:-2]) / np.diff(X)[:-1] * np.diff(X)[1:])
    bent = np.flatnonzero(curved > 1e-9 * (1.0 + np.abs(y[1:-1])))
    pieces = "linear" if not len(bent) else "curved" if len(bent) > 3 else "piecewise linear"
    if facts.pieces != pieces:
        yield "pieces"
    if facts.monotone != bool((np.diff(y) >= 0.0).all()):
        yield "monotone"
    if facts.keeps_sign != bool(((y > 0.0) == (X > 0.0)).all()):
        yield "keeps_sign"
    if facts.zero_at_zero != bool(s(np.zeros(1))[0] == 0.0):
        yield "zero_at_zero"
    if facts.zero_on_interval != bool(((y[1:] == 0.0) & (y[:-1] == 0.0)).any()):
        yield "zero_on_interval"
    same = [p for p in range(12) if np.allclose(y, X**p, rtol=1e-12)]
    if facts.power != (same[0] if same else None):
        yield "power"
    powers = [p for p in range(12) if np.allclose(s(1.7 * X), 1.7**p * y, rtol=1e-12)]
    if facts.homogeneity != (powers[0] if powers else None):
        yield "homogeneity"
    for end, sign, attained in (
        ("low", -1.0, facts.low_attained),
        ("high", 1.0, facts.high_attained),
    ):
        bound = sign * getattr(facts, end)
        far, near = float((sign * y).max()), float((sign * s(NEAR)).max())
        wide = math.inf if far > 39.0 else far
        if not math.isclose(bound, wide, rel_tol=1e-9, abs_tol=1e-9):
            yield end
        if attained != (math.isfinite(wide) and math.isclose(near, wide, abs_tol=1e-9)):
            yield f"{end}_attained"
    # One-sided slopes by differences; a kink at any of the points tried is found.
    h = 1e-6
    tried = np.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
    jump = (s(tried + h) - s(tried)) / h - (s(tried) - s(tried - h)) / h
    if tuple(tried[np.abs(jump) > 1e-2]) != facts.kinks:
        yield "kinks"


def compiled(name: str, degree: int):
    return lambda x: np.array([activate(CODES[name], degree, float(value)) for value in x])


@pytest.mark.parametrize(("name", "degree"), EVERY)
def test_every_declared_fact_holds(name, degree):
    assert list(wrong_facts(facts_of(name, degree), compiled(name, degree))) == []


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
    "high": lambda f: math.inf if math.isfinite(f.high) else 1.0,
    "low_attained": lambda f: not f.low_attained,
    "high_attained": lambda f: not f.high_attained,
    "kinks": lambda f: () if f.kinks else (0.0,),
}


@pytest.mark.parametrize(("name", "degree"), EVERY)
def test_every_wrong_fact_is_found(name, degree):
    facts = facts_of(name, degree)
    assert set(OTHERWISE) == {field.name for field in dataclasses.fields(facts)} - {
        "name",
        "formula",
    }
    for fact, other in OTHERWISE.items():
        wrong = dataclasses.replace(facts, **{fact: other(facts)})
        assert fact in list(wrong_facts(wrong, compiled(name, degree))), fact


@pytest.mark.parametrize(("name", "degree"), EVERY)
def test_every_slope_is_that_of_the_values(name, degree):
    code = CODES[name]
    x = np.random.default_rng(0).uniform(-3.0, 3.0, 500)
    h = 1e-5
    s = compiled(name, degree)
    slopes = np.array([slope(code, degree, float(value)) for value in x])
    numerical = (s(x + h) - s(x - h)) / (2 * h)
    np.testing.assert_allclose(numerical, slopes, rtol=1e-6, atol=1e-6)
    # The negative control: half the slope.
    assert not np.allclose(numerical, 0.5 * slopes, rtol=1e-6, atol=1e-6)


def test_no_fact_has_a_default():
    for field in dataclasses.fields(Activation):
        assert field.default is dataclasses.MISSING
        assert field.default_factory is dataclasses.MISSING
        values = dataclasses.asdict(facts_of("tanh", 1))
        del values[field.name]
        with pytest.raises(TypeError, match=field.name):
            Activation(**values)


def test_an_activation_without_facts_is_refused():
    require_facts(list(CODES))
    with pytest.raises(SettingsError, match="gelu"):
        require_facts([*CODES, "gelu"])
    with pytest.raises(SettingsError, match="erf"):
        require_facts([name for name in CODES if name != "erf"])
    with pytest.raises(SettingsError, match="'gelu'"):
        facts_of("gelu", 1)
    for place in ("activation", "output_activation"):
        with pytest.raises(SettingsError, match="'gelu'"):
            network_model((2, 2, 1), np.ones((1, 2)), **{place: "gelu"})
        with pytest.raises(SettingsError, match="network"):
            campaign_from_mapping({"network": {place: "gelu"}})
    for name, code in CODES.items():
        assert facts_of_code(code, 2) == facts_of(name, 2)


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


def gelu(x: np.ndarray) -> np.ndarray:
    return x * 0.5 * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0)))


GELU = Activation(
    name="gelu", formula="x Φ(x)", parity="neither", pieces="curved", monotone=False,
    keeps_sign=True, zero_at_zero=True, zero_on_interval=False, power=None,
    homogeneity=None,
    low=-0.16997120747990367, high=math.inf, low_attained=True, high_attained=False, kinks=(),
)  # fmt: skip


def test_no_function_that_an_added_activation_draws_is_proved_impossible(monkeypatch):
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
        hidden = gelu(points @ rng.normal(size=(6, 3)).T)
        drawn.add(tuple(np.where(hidden @ rng.normal(size=6) > 0.0, 1.0, -1.0)))
    denied = [signs for signs in drawn if why_not_expressible(settings, np.array(signs))]
    assert len(denied) > len(drawn) / 2  # what taking it for odd would say
    monkeypatch.setitem(activations.ACTIVATIONS, "tanh", GELU)
    assert [f for f in drawn if why_not_expressible(settings, np.array(f))] == []
    # Neither odd nor with an interval of zeros: the complement holds by the sign of the last layer.
    assert prior_symmetries(settings).complement
