"""Families of programs against formulas written anew, NumPy's own draws, splitting and λ."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest

from pfmap.errors import SettingsError
from pfmap.functions.keys import bits_from_words, words_from_keys
from pfmap.llc.estimate import estimate_llc
from pfmap.models.dense import dense_model
from pfmap.models.families.attention import attention_model
from pfmap.models.families.convolution import convolution_model
from pfmap.models.families.factored import factored_model
from pfmap.models.families.factored_polynomial import factored_polynomial_model
from pfmap.models.families.gated import gated_model
from pfmap.models.families.masked import masked_model
from pfmap.models.polynomial import polynomial_model
from pfmap.models.polynomial_net import polynomial_net_model
from pfmap.models.program_plain import plain_outputs
from pfmap.sampling import sample_model
from pfmap.settings.prior import Prior
from pfmap.volume.estimate import estimate_volume
from pfmap.volume.splitting import Settings
from pfmap.volume.target import model_sign_target

STEP = 1e-30
"""Complex step: Im f(x + i h)/h is f'(x) to rounding, with nothing to cancel."""

CUBE = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))
LINE = np.linspace(-1.0, 1.1, 8)
PLANES = np.random.default_rng(4).choice([-1.0, 1.0], (8, 6))
"""Eight points of two channels with three positions each."""

MASKS = (
    np.array([[1, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 1], [1, 1, 0]]),
    np.array([[1, 1, 0, 1, 1], [0, 1, 1, 0, 0]]),
    np.array([[1, 1]]),
)


def relu(x):
    return np.where(x.real > 0.0, x, 0.0)


class Cut:
    """Arrays cut from a parameter vector one after another."""

    def __init__(self, weights):
        self.weights, self.at = weights, 0

    def __call__(self, *shape):
        size = math.prod(shape)
        self.at += size
        return self.weights[self.at - size : self.at].reshape(shape)


def dense(cut):
    h = relu(CUBE @ cut(6, 3).T + cut(6))
    return np.tanh(h @ cut(2, 6).T + cut(2))


def cubic(cut):
    return (CUBE @ cut(4, 3).T + cut(4)) ** 3 @ cut(1, 4).T + cut(1)


def low_rank(cut):
    first, second = cut(2, 3), cut(6, 2)
    return relu(CUBE @ (second @ first).T + cut(6)) @ cut(1, 6).T + cut(1)


def overparametrised(cut):
    first, second, third = cut(5, 3), cut(4, 5), cut(4, 4)
    h = np.tanh(CUBE @ (third @ second @ first).T + cut(4))
    below = cut(3, 4)
    return h @ (cut(1, 3) @ below).T + cut(1)


def masked(cut):
    h = CUBE
    for mask in MASKS:
        matrix = np.zeros(mask.shape, cut.weights.dtype)
        matrix[mask == 1] = cut(int(mask.sum()))
        h = h @ matrix.T + cut(len(mask))
        if mask is not MASKS[-1]:
            h = relu(h)
    return h


def gated(cut):
    gates = 1.0 / (1.0 + np.exp(-(CUBE @ cut(5, 3).T + cut(5))))
    return (gates * (CUBE @ cut(5, 3).T + cut(5))) @ cut(1, 5).T + cut(1)


def quadratic(cut):
    left = CUBE @ cut(3, 3).T + cut(3)
    right = CUBE @ cut(3, 3).T + cut(3)
    return (left * right) @ cut(2, 3).T + cut(2)


def polynomial(cut):
    return sum(np.prod(cut(k)) * LINE**j for j, k in enumerate((3, 2, 1, 2)))[:, None]


def planes(cut):
    w, b = cut(4, 2, 3), cut(4)
    x = PLANES.reshape(8, 2, 3)
    places = [np.einsum("oik,pik->po", w, np.roll(x, 1 - t, axis=2)) + b for t in range(3)]
    return np.mean([relu(place) for place in places], axis=0) @ cut(1, 4).T + cut(1)


def attention(cut):
    e, p, q, k, v, o = cut(4, 1), cut(3, 4), *(cut(4, 4) for _ in range(4))
    h = CUBE[:, :, None] * e[:, 0] + p
    mixed = []
    for rows in (slice(0, 2), slice(2, 4)):
        scores = (h @ q[rows].T) @ np.swapaxes(h @ k[rows].T, 1, 2) / np.sqrt(2.0)
        shares = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
        mixed.append(shares @ (h @ v[rows].T))
    return (h + np.concatenate(mixed, axis=2) @ o.T).mean(axis=1) @ cut(1, 4).T + cut(1)


class Case(NamedTuple):
    """A family, its formula with outputs [point, output], and its law: fan-ins, 0 for a bias."""

    model: object
    formula: object
    fan_ins: tuple[tuple[int, int], ...]


def masked_fans():
    for mask in MASKS:
        yield from ((int(row.sum()), int(row.sum())) for row in mask)
        yield len(mask), 0


CASES = {
    "dense, two outputs": Case(
        dense_model(CUBE, (3, 6, 2), output_activation="tanh"), dense,
        ((18, 3), (6, 0), (12, 6), (2, 0)),
    ),
    "polynomial network": Case(
        dense_model(CUBE, (3, 4, 1), activation="monomial", degree=3), cubic,
        ((12, 3), (4, 0), (4, 4), (1, 0)),
    ),
    "low rank": Case(
        factored_model(CUBE, (3, 6, 1), ((2,), ())), low_rank,
        ((6, 3), (12, 2), (6, 0), (6, 6), (1, 0)),
    ),
    "linear factors": Case(
        factored_model(CUBE, (3, 4, 1), ((5, 4), (3,)), activation="tanh"), overparametrised,
        ((15, 3), (20, 5), (16, 4), (4, 0), (12, 4), (3, 3), (1, 0)),
    ),
    "masked": Case(masked_model(CUBE, MASKS), masked, tuple(masked_fans())),
    "gated": Case(
        gated_model(CUBE, 5), gated, ((15, 3), (5, 0), (15, 3), (5, 0), (5, 5), (1, 0)),
    ),
    "quadratic, two outputs": Case(
        gated_model(CUBE, 3, activation="linear", outputs=2), quadratic,
        ((9, 3), (3, 0), (9, 3), (3, 0), (6, 3), (2, 0)),
    ),
    "factored polynomial": Case(
        factored_polynomial_model(LINE, (3, 2, 1, 2)), polynomial, ((8, 1),),
    ),
    "convolution of two channels": Case(
        convolution_model(PLANES, (4,), input_channels=2), planes,
        ((24, 6), (4, 0), (4, 4), (1, 0)),
    ),
    "attention with two heads": Case(
        attention_model(CUBE, 4, heads=2), attention, ((16, 1), (68, 4), (1, 0)),
    ),
}  # fmt: skip


def outputs_of(case, weights):
    """The formula in the layout [output, point]."""
    cut = Cut(weights)
    found = case.formula(cut).T.ravel()
    assert cut.at == len(weights)
    return found


@pytest.mark.parametrize("name", CASES)
def test_families_match_their_formulas_and_complex_steps(name):
    model, case = CASES[name].model, CASES[name]
    rng = np.random.default_rng(len(name))
    weights = rng.normal(size=model.n_parameters) * 0.8
    expected = outputs_of(case, weights)
    np.testing.assert_allclose(model.outputs(weights), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(plain_outputs(model, weights), expected, rtol=1e-12, atol=1e-12)
    moves = weights + 1j * STEP * np.eye(len(weights))
    jacobian = np.array([outputs_of(case, moved).imag / STEP for moved in moves]).T
    np.testing.assert_allclose(model.jacobian(weights), jacobian, rtol=1e-9, atol=1e-11)
    model = model.with_targets(rng.normal(size=len(expected)))
    exact = jacobian.T @ (expected - model.targets) / model.n_points
    np.testing.assert_allclose(model.gradient(weights), exact, rtol=1e-9, atol=1e-11)
    # The control: a gradient at other weights differs.
    assert np.abs(model.gradient(weights * 1.001) - exact).max() > 1e-6


def widths_by_hand(case):
    return np.concatenate([np.full(n, fan**-0.5 if fan else 1.0) for n, fan in case.fan_ins])


@pytest.mark.parametrize("name", CASES)
def test_priors_counts_and_splitting_agree_with_numpy(name):
    model, case = CASES[name].model, CASES[name]
    sds = model.standard_deviations(Prior(preset="gaussian"))
    np.testing.assert_allclose(sds, widths_by_hand(case), rtol=1e-14)
    draws, own = 60_000, 20_000
    table = sample_model(model, sds, draws=draws)
    rng, seen = np.random.default_rng(1), Counter()
    for _ in range(own):
        weights = widths_by_hand(case) * rng.standard_normal(model.n_parameters)
        seen[(outputs_of(case, weights) > 0.0).tobytes()] += 1
    n_bits = len(model.targets)
    bits = bits_from_words(words_from_keys(table["function"].tolist(), n_bits, True), n_bits)
    scores, wrong = [], []
    for count, row in zip(table["count"].head(20), bits, strict=False):
        if count < 200:
            break
        mine, theirs = count / draws, seen[row.astype(bool).tobytes()] / own
        se = math.sqrt(mine * (1 - mine) * (1 / draws + 1 / own))
        scores.append((mine - theirs) / se)
        wrong.append((1.4 * mine - theirs) / se)
    assert len(scores) >= 4
    assert np.abs(scores).max() < 4.0
    assert np.abs(wrong).max() > 4.0  # the control: P that is 40 % too large is found
    for index in (1, len(scores) - 1):
        signs = np.where(bits[index] == 1, 1.0, -1.0)
        target = model_sign_target(model, signs, sds, name=table["function"][index])
        found = estimate_volume(target, Settings(), threads=1)
        count = table["count"][index]
        se = math.hypot(found.log2_p_se, 1 / math.sqrt(count) / math.log(2))
        assert found.verdict == "reached"
        assert abs(found.log2_p - math.log2(count / draws)) < 4 * se
        assert abs(found.log2_p - math.log2(count / draws) - 1.0) > 4 * se  # twice is not


@pytest.mark.parametrize("name", CASES)
def test_at_generic_parameters_half_the_rank_is_the_learning_coefficient(name):
    model = CASES[name].model
    weights = 0.6 * np.random.default_rng(3).normal(size=model.n_parameters)
    found = estimate_llc(model, weights, seed=1)
    assert found.verdict == "ok"
    assert found.rank_verdict == "ok"
    near = 4 * found.llc_se + 0.02 * found.rank
    assert abs(found.llc - found.rank / 2) < near
    assert abs(found.llc - model.n_parameters / 2) > near or found.rank == model.n_parameters


def test_polynomial_networks_are_those_of_their_own_kernel():
    points = np.random.default_rng(0).normal(size=(7, 2))
    rng = np.random.default_rng(2)
    for depth, degree in ((1, 2), (2, 2), (3, 3)):
        own = polynomial_net_model(depth, points, degree)
        model = dense_model(
            points, (2,) * (depth + 1), activation="monomial", degree=degree, bias=False
        )
        t1, t2 = rng.normal(size=2)
        weights = np.tile([t1 + t2, t1 * t1, t1 * t1, t2 * t2], depth)
        outputs = model.outputs(weights).reshape(2, 7)  # the kernel's have points first
        expected = own.outputs(np.array([t1, t2])).reshape(7, 2).T
        np.testing.assert_allclose(outputs, expected, rtol=1e-11)
        along = np.array([[1, 2 * t1, 2 * t1, 0], [1, 0, 0, 2 * t2]])
        jacobian = model.jacobian(weights) @ np.tile(along, depth).T
        expected = own.jacobian(np.array([t1, t2])).reshape(7, 2, 2).transpose(1, 0, 2)
        np.testing.assert_allclose(jacobian.reshape(2, 7, 2), expected, rtol=1e-9, atol=1e-10)
        with pytest.raises(AssertionError):  # the control: another matrix
            np.testing.assert_allclose(model.outputs(weights + 0.01).reshape(2, 7), outputs)


def test_factored_polynomials_are_those_of_monomials():
    factors = (5, 4, 3, 2, 1)
    exponents = np.zeros((5, 15), dtype=np.int64)
    ends = np.cumsum(factors)
    for j, (end, count) in enumerate(zip(ends, factors, strict=True)):
        exponents[j, end - count : end] = 1
    own = polynomial_model(exponents, LINE[:, None] ** np.arange(5))
    model = factored_polynomial_model(LINE, factors)
    weights = np.random.default_rng(0).normal(size=15)
    np.testing.assert_allclose(model.outputs(weights), own.outputs(weights), rtol=1e-12)
    np.testing.assert_allclose(model.jacobian(weights), own.jacobian(weights), atol=1e-12)
    other = factored_polynomial_model(LINE, factors[::-1])
    assert np.abs(other.outputs(weights) - own.outputs(weights)).max() > 1e-3


def test_full_masks_and_no_factors_are_dense_networks():
    plain = dense_model(CUBE, (3, 4, 1))
    weights = np.random.default_rng(0).normal(size=plain.n_parameters)
    full = masked_model(CUBE, [np.ones((4, 3)), np.ones((1, 4))])
    rank_two = factored_model(CUBE, (3, 4, 1), ((2,), ()))
    np.testing.assert_array_equal(plain.origins.unit, full.origins.unit)
    np.testing.assert_array_equal(plain.origins.units, full.origins.units)
    partly = masked_model(CUBE, [np.array([[1, 1, 0], [1, 1, 1]]), np.ones((1, 2))])
    assert partly.origins.unit.tolist() == [0, 0, 1, 1, 1, 0, 1, 2, 2, 2]
    assert set(partly.origins.units[:7]) == {2}  # widths of a layer, not of a unit
    assert partly.last_block == (7, 10)
    assert full.last_block == plain.last_block
    np.testing.assert_allclose(plain.outputs(weights), full.outputs(weights), rtol=1e-13)
    short = np.random.default_rng(1).normal(size=rank_two.n_parameters)
    first = short[6:14].reshape(4, 2) @ short[:6].reshape(2, 3)
    same = np.r_[first.ravel(), short[14:]]
    np.testing.assert_allclose(plain.outputs(same), rank_two.outputs(short), rtol=1e-12)


def test_slips_are_refused_by_name():
    for call, said in (
        (lambda: dense_model(CUBE, (2, 4, 1)), "widths: must be the 3 inputs"),
        (lambda: dense_model(CUBE, (3,)), "widths"),
        (lambda: factored_model(CUBE, (3, 4, 1), ((2,),)), "factors: must have one entry"),
        (lambda: factored_model(CUBE, (3, 4, 1), ((0,), ())), "factors"),
        (lambda: masked_model(CUBE, []), "masks"),
        (lambda: masked_model(CUBE, [np.ones((2, 2))]), "must have shape"),
        (lambda: masked_model(CUBE, [2 * np.ones((2, 3))]), "0 and 1"),
        (lambda: gated_model(CUBE, 0), "width"),
        (lambda: factored_polynomial_model(LINE, ()), "factors"),
        (lambda: convolution_model(CUBE, (2,), input_channels=2), "input_channels"),
        (lambda: attention_model(CUBE, 4, heads=3), "heads"),
    ):
        with pytest.raises(SettingsError, match=said):
            call()
