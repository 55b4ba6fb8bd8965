"""Models given by programs: against formulas written anew, complex steps, and the other engines."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pfmap.activations import NAMES, facts_of
from pfmap.errors import SettingsError
from pfmap.kernels.program_layout import WIDE
from pfmap.kernels.vector_math import set_exp, set_tanh
from pfmap.llc.estimate import estimate_llc
from pfmap.models.families.attention import attention_model
from pfmap.models.families.convolution import convolution_model
from pfmap.models.families.random_features import random_features_model
from pfmap.models.families.residual import residual_model
from pfmap.models.groups import affine_blocks, scaling_groups
from pfmap.models.network import (
    is_piecewise,
    is_polynomial,
    kink_margin,
    network_model,
    unflatten,
)
from pfmap.models.program import Program
from pfmap.models.program_plain import plain_outputs
from pfmap.settings.prior import Prior

DIFFERENTIABLE = [name for name in NAMES if facts_of(name, 2).slope is not None]
STEP = 1e-30
"""Complex step: Im f(x + i h)/h is f'(x) to rounding, with nothing to cancel."""


def cube(n_inputs):
    return np.array(list(itertools.product([-1.0, 1.0], repeat=n_inputs)))


def relu(x):
    return np.where(x.real > 0.0, x, 0.0)


def taken(weights, *shapes):
    """Cut a parameter vector into arrays."""
    parts, at = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        parts.append(weights[at : at + size].reshape(shape))
        at += size
    assert at == len(weights)
    return parts


def residual_formula(points, width, norm):
    n = points.shape[1]

    def normed(h, gain, offset):
        mean = h.mean(axis=1, keepdims=True)
        spread = np.sqrt(((h - mean) ** 2).mean(axis=1, keepdims=True) + 1e-5)
        return (h - mean) / spread * gain + offset

    def outputs(weights):
        inner = ((width,), (width,)) if norm else ()
        parts = taken(
            weights, (width, n), (width,), *inner, (width, width), (width,), (width, width),
            (width,), *inner, (1, width), (1,),
        )  # fmt: skip
        w, b, *rest = parts
        h = points @ w.T + b
        g = h
        if norm:
            g, rest = normed(h, *rest[:2]), rest[2:]
        u, a, v, c, *rest = rest
        h = h + np.tanh(g @ u.T + a) @ v.T + c
        if norm:
            h, rest = normed(h, *rest[:2]), rest[2:]
        return (h @ rest[0].T + rest[1]).T.ravel()

    return outputs


def convolution_formula(points, channels, kernel, circular):
    def outputs(weights):
        shapes, below = [], 1
        for count in channels:
            shapes += [(count, below, kernel), (count,)]
            below = count
        *layers, readout, offset = taken(weights, *shapes, (1, below), (1,))
        planes = points[:, None, :].astype(weights.dtype)
        for w, b in zip(layers[::2], layers[1::2], strict=True):
            length = planes.shape[2]
            places = range(length) if circular else range(length - kernel + 1)
            shift = kernel // 2 if circular else 0
            planes = np.stack(
                [
                    np.einsum(
                        "oik,pik->po",
                        w,
                        planes[:, :, [(t + j - shift) % length for j in range(kernel)]],
                    )
                    + b
                    for t in places
                ],
                axis=2,
            )
            planes = np.tanh(planes)
        return (planes.mean(axis=2) @ readout.T + offset).T.ravel()

    return outputs


def attention_formula(points, width, kind, causal):
    length = points.shape[1]

    def outputs(weights):
        e, p, q, k, v, o, readout, offset = taken(
            weights, (width, 1), (length, width), *[(width, width)] * 4, (1, width), (1,)
        )
        h = points[:, :, None] * e[:, 0] + p
        scores = (h @ q.T) @ np.swapaxes(h @ k.T, 1, 2) / np.sqrt(width)
        mask = np.tril(np.ones((length, length))) if causal else np.ones((length, length))
        if kind == "softmax":
            powers = np.exp(scores) * mask
            shares = powers / powers.sum(axis=2, keepdims=True)
        else:
            shares = scores * mask / length
        h = h + shares @ (h @ v.T) @ o.T
        return (h.mean(axis=1) @ readout.T + offset).T.ravel()

    return outputs


FAMILIES = {
    "residual": (
        residual_model(cube(3), 5, activation="tanh"), residual_formula(cube(3), 5, False),
    ),
    "residual with norms": (
        residual_model(cube(4), 6, activation="tanh", norm=True),
        residual_formula(cube(4), 6, True),
    ),
    "convolution, circular": (
        convolution_model(cube(5), (4, 3), activation="tanh"),
        convolution_formula(cube(5), (4, 3), 3, circular=True),
    ),
    "convolution, no padding": (
        convolution_model(cube(6)[:13], (3, 2), kernel=2, padding="none", activation="tanh"),
        convolution_formula(cube(6)[:13], (3, 2), 2, circular=False),
    ),
    "softmax attention": (
        attention_model(cube(4), 3), attention_formula(cube(4), 3, "softmax", causal=False),
    ),
    "causal softmax attention": (
        attention_model(cube(3), 4, causal=True),
        attention_formula(cube(3), 4, "softmax", causal=True),
    ),
    "causal linear attention": (
        attention_model(cube(7), 3, kind="linear", causal=True),
        attention_formula(cube(7), 3, "linear", causal=True),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
def test_families_match_their_formulas_and_complex_steps(name):
    model, formula = FAMILIES[name]
    rng = np.random.default_rng(len(name))
    weights = rng.normal(size=model.n_parameters) * 0.7
    expected = formula(weights)
    np.testing.assert_allclose(model.outputs(weights), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(plain_outputs(model, weights), expected, rtol=1e-12, atol=1e-12)
    columns = []
    for i in range(len(weights)):
        moved = weights.astype(complex)
        moved[i] += 1j * STEP
        columns.append(formula(moved).imag / STEP)
    jacobian = np.array(columns).T
    np.testing.assert_allclose(model.jacobian(weights), jacobian, rtol=1e-10, atol=1e-11)
    model = model.with_targets(rng.normal(size=len(expected)))
    residual = expected - model.targets
    loss, gradient = model.loss_gradient(weights)
    assert loss == pytest.approx(residual @ residual / (2 * model.n_points), rel=1e-12)
    exact = jacobian.T @ residual / model.n_points
    np.testing.assert_allclose(gradient, exact, rtol=1e-9, atol=1e-11)
    # The control: a gradient at other weights differs.
    assert np.abs(model.gradient(weights * 1.001) - exact).max() > 1e-6


@pytest.mark.parametrize("activation", DIFFERENTIABLE)
@pytest.mark.parametrize("widths", [(3, 5, 1), (7, 9, 6, 2), (2, 1, 3), (6, 40, 40, 1)])
def test_a_dense_program_is_the_network(activation, widths):
    points = cube(widths[0])
    program, rows = Program(points), None
    for layer, units in enumerate(widths[1:]):
        name = "linear" if layer == len(widths) - 2 else activation
        rows = program.affine(program.inputs if rows is None else rows, units,
                              activation=name, degree=2)  # fmt: skip
    model = program.model(rows)
    network = network_model(widths, points, activation=activation, degree=2)
    rng = np.random.default_rng(1)
    targets = rng.normal(size=len(network.targets))
    model, network = model.with_targets(targets), network.with_targets(targets)
    weights = rng.normal(size=model.n_parameters) * 0.5
    close = {"rtol": 1e-11, "atol": 1e-12}
    np.testing.assert_allclose(model.outputs(weights), network.outputs(weights), **close)
    np.testing.assert_allclose(model.gradient(weights), network.gradient(weights), **close)
    np.testing.assert_allclose(model.jacobian(weights), network.jacobian(weights), **close)
    logits, other = model.in_bernoulli_form(), network.in_bernoulli_form()
    np.testing.assert_allclose(logits.gradient(weights), other.gradient(weights), **close)
    np.testing.assert_allclose(logits.fisher_jacobian(weights), other.fisher_jacobian(weights))
    assert logits.with_squared_error().family == model.family
    assert kink_margin(model, weights) == pytest.approx(kink_margin(network, weights), rel=1e-9)
    assert is_piecewise(model) == is_piecewise(network)
    assert model.last_block == (model.n_parameters - (widths[-2] + 1) * widths[-1],
                                model.n_parameters)  # fmt: skip
    assert not is_polynomial(model)  # nothing expands a program
    prior = Prior(bias_sd=0.7, output_weight_sd=3.0, output_bias_scale="fan_in")
    sds = model.standard_deviations(prior)
    last = unflatten(sds, widths)[-1]
    np.testing.assert_allclose(last[0], 3.0 / np.sqrt(widths[-2]))
    np.testing.assert_allclose(last[1], 0.7 / np.sqrt(widths[-2]))
    np.testing.assert_allclose(unflatten(sds, widths)[0][0], 1.0 / np.sqrt(widths[0]))


@settings(max_examples=25, deadline=None)
@given(n_points=st.integers(1, 40), seed=st.integers(0, 10**6))
def test_programs_of_random_steps_match_the_plain_twin(n_points, seed):
    rng = np.random.default_rng(seed)
    program = Program(rng.normal(size=(n_points, 3)))
    rows = program.affine(program.inputs, int(rng.integers(2, 6)), activation="tanh")
    for _ in range(4):
        kind = rng.integers(6)
        if kind == 0:
            sets = np.stack([rng.permutation(rows)[:2] for _ in range(3)])
            rows = program.affine(sets, 2, activation="sin", tied=bool(rng.integers(2))).ravel()
        elif kind == 1:
            rows = program.products(rng.choice(rows, (4, 3)), rng.choice(rows, (4, 3)), scale=0.3)
        elif kind == 2:
            rows = program.sums(rng.choice(rows, (5, 2)), scale=0.5)
        elif kind == 3:
            cut = int(rng.integers(1, len(rows)))
            rows = np.concatenate(program.softmax([rows[:cut], rows[cut:], rows]))
        elif kind == 4:
            rows = program.norm(np.stack([rows, rng.permutation(rows)])).ravel()
        else:
            shared = program.parameters((2, 2), fan_in=2)
            entries = np.r_[shared.ravel(), program.constants(np.array([0.5, 0.0]))]
            drawn = rng.choice(entries, (3, len(rows)))
            rows = program.mapped(rows, drawn, rng.choice(entries, 3), activation="tanh")
    model = program.model(rows[:2])
    weights = rng.normal(size=model.n_parameters) * 0.6
    twin = plain_outputs(model, weights)
    np.testing.assert_allclose(model.outputs(weights), twin, rtol=1e-9, atol=1e-10)
    jacobian = model.jacobian(weights)
    i, step = int(rng.integers(len(weights))), 1e-5
    moved = [weights + sign * step * np.eye(len(weights))[i] for sign in (1.0, -1.0)]
    numerical = (plain_outputs(model, moved[0]) - plain_outputs(model, moved[1])) / (2 * step)
    scale = 1.0 + np.abs(jacobian[:, i]).max()
    assert np.abs(jacobian[:, i] - numerical).max() < 1e-5 * scale
    model = model.with_targets(rng.normal(size=len(twin)))
    pulled = jacobian.T @ (model.outputs(weights) - model.targets) / n_points
    np.testing.assert_allclose(model.gradient(weights), pulled, rtol=1e-8, atol=1e-9)


def test_points_are_padded_to_whole_vectors_and_pads_change_nothing():
    for count in (1, 7, 8, 9, 64, 65):
        points = np.random.default_rng(count).normal(size=(count, 2))
        model = residual_model(points, 3, norm=True)
        assert model.ints[WIDE] % 8 == 0
        assert model.ints[WIDE] >= count
        weights = np.random.default_rng(0).normal(size=model.n_parameters)
        alone = [residual_model(point[None], 3, norm=True).outputs(weights)[0] for point in points]
        np.testing.assert_allclose(model.outputs(weights), alone, rtol=1e-12)


def test_translations_are_a_symmetry_of_circular_convolutions_and_not_of_others():
    points, turned = cube(6), np.roll(cube(6), 1, axis=1)
    rng = np.random.default_rng(3)
    for padding, same in (("circular", True), ("none", False)):
        models = [convolution_model(x, (3, 2), padding=padding) for x in (points, turned)]
        weights = rng.normal(size=models[0].n_parameters)
        outputs = [model.outputs(weights) for model in models]
        assert np.allclose(*outputs, rtol=1e-10) is same
    sides = convolution_model(rng.normal(size=(9, 12)), (2,), size=(3, 4))
    assert sides.n_parameters == 2 * 9 + 2 + 2 + 1


def test_changes_of_basis_of_queries_and_keys_leave_attention_as_it_is():
    model, width = attention_model(cube(4), 3), 3
    rng = np.random.default_rng(5)
    weights = rng.normal(size=model.n_parameters)
    at = width + 4 * width
    change = rng.normal(size=(width, width))
    moved = weights.copy()
    query, key = slice(at, at + 9), slice(at + 9, at + 18)
    moved[query] = (change @ weights[query].reshape(3, 3)).ravel()
    moved[key] = (np.linalg.inv(change).T @ weights[key].reshape(3, 3)).ravel()
    np.testing.assert_allclose(model.outputs(moved), model.outputs(weights), rtol=1e-9)
    moved[key] = (np.linalg.inv(change) @ weights[key].reshape(3, 3)).ravel()  # the control
    assert np.abs(model.outputs(moved) - model.outputs(weights)).max() > 1e-3


def test_frozen_features_have_half_their_rank_as_learning_coefficient():
    model = random_features_model(cube(3), 12)
    weights = np.random.default_rng(0).normal(size=13)
    model = model.with_targets(model.outputs(weights))
    rank = int(np.linalg.matrix_rank(model.jacobian(weights)))
    found = estimate_llc(model, weights, seed=1)
    assert abs(found.llc - rank / 2) < 4 * found.llc_se + 0.02 * rank
    assert rank == 8


def test_frozen_layers_need_no_slope_and_have_no_kinks_and_others_do():
    model = random_features_model(cube(3), 6, activation="heaviside")
    assert not is_piecewise(model)
    assert model.jacobian(np.ones(7)).shape == (8, 7)
    program = Program(cube(3))
    hidden = program.affine(program.inputs, 4, activation="heaviside")
    model = program.model(program.affine(hidden, 1))
    assert np.isfinite(model.outputs(np.ones(model.n_parameters))).all()
    with pytest.raises(SettingsError, match="heaviside has no slope"):
        model.gradient(np.ones(model.n_parameters))


def test_groups_and_blocks_are_those_of_the_steps():
    program = Program(cube(2))
    model = program.model(program.affine(program.affine(program.inputs, 3), 1))
    kinds = scaling_groups(model, np.ones(13, dtype=bool))
    assert kinds[2].tolist() == [0] * 9 + [1] * 4
    assert kinds[3].tolist() == [0, 0, 1, 1, 2, 2, 0, 1, 2, 3, 3, 3, 3]
    assert affine_blocks(model).tolist() == [[0] * 9 + [1] * 4]
    assert not len(affine_blocks(model.in_bernoulli_form()))


def test_ranges_of_outputs_say_which_targets_are_attained():
    program = Program(cube(2))
    shares = program.softmax([program.affine(program.inputs, 2)])[0]
    model = program.model(shares)
    assert model.attains(np.full(8, 0.5))
    assert not model.attains(np.full(8, 1.0))
    program = Program(cube(2))
    model = program.model(program.affine(program.inputs, 1, activation="tanh"))
    assert model.attains(np.full(4, 0.9))
    assert not model.attains(np.full(4, 1.0))


def test_slips_are_refused_by_name():
    program = Program(cube(2))
    hidden = program.affine(program.inputs, 2)
    for call, said in (
        (lambda: Program(np.array([1.0])), "points"),
        (lambda: program.affine(np.array([99]), 1), "rows: must be rows of this program"),
        (lambda: program.affine(hidden[[0, 0]], 1), "twice"),
        (lambda: program.mapped(hidden, np.array([[0, 999]])), "parameters\\(\\) and constants"),
        (lambda: program.mapped(hidden, np.array([0, 1])), "one entry"),
        (lambda: program.products(hidden, hidden[:1]), "shape"),
        (lambda: program.norm(hidden, epsilon=-1.0), "epsilon"),
        (lambda: Program(cube(2)).model(np.array([0])), "parameters and outputs"),
        (lambda: convolution_model(cube(3), (2,), kernel=2), "odd"),
        (lambda: convolution_model(cube(3), (2,), kernel=5), "at most"),
        (lambda: convolution_model(cube(3), (), kernel=3), "channels"),
        (lambda: convolution_model(cube(3), (2,), size=(2, 2)), "size"),
        (lambda: attention_model(cube(3), 0), "width"),
    ):
        with pytest.raises(SettingsError, match=said):
            call()
    tail = program.model(program.sums(hidden[None]))
    with pytest.raises(SettingsError, match="last layer"):
        tail.standard_deviations(Prior(output_weight_sd=2.0))


def test_a_pickled_model_runs_in_a_process_that_never_built_one(tmp_path):
    model = attention_model(cube(3), 3)
    weights = np.linspace(-1.0, 1.0, model.n_parameters)
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps((model, weights)))
    code = (
        "import pickle, sys; model, weights = pickle.load(open(sys.argv[1], 'rb')); "
        "print(repr(float(model.loss(weights))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) == model.loss(weights)


def test_results_are_nan_and_never_unset_where_the_interpreter_cannot_be_loaded(tmp_path):
    model = attention_model(cube(2), 2)
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(model))
    code = (
        "import pickle, sys, numpy as np; from pfmap.kernels import program_entry as entry\n"
        "def fails(): raise OSError('no disk')\n"
        "entry.load_program = fails\n"
        "model = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(np.isnan(model.outputs(np.zeros(model.n_parameters))).all())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True"
    assert "no disk" in done.stderr


def test_vector_exp_and_tanh_are_right_to_the_last_bits():
    x = np.concatenate([np.linspace(-707.0, 707.0, 100_001), np.linspace(-1.0, 1.0, 9_999)])
    out = np.empty_like(x)
    set_exp(x, np.zeros_like(x), out)
    exact = np.exp(x.astype(np.longdouble))
    assert np.abs(out / exact - 1).max() < 4.5e-16
    y = np.concatenate([x / 30.0, np.logspace(-300, 0, 5_001)])
    out, exact = y.copy(), np.tanh(y.astype(np.longdouble))
    set_tanh(out)
    with np.errstate(invalid="ignore"):
        assert np.nanmax(np.abs(out / exact - 1)) < 4.5e-16
    ends = np.array([np.nan, np.inf, -np.inf, 710.0, -709.0])
    set_exp(ends, np.zeros(5), out)
    np.testing.assert_array_equal(out[:5], [np.nan, np.inf, 0.0, np.inf, 0.0])
    set_tanh(ends)
    np.testing.assert_array_equal(ends, [np.nan, 1.0, -1.0, 1.0, -1.0])
