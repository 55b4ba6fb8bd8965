"""Declared symmetries: no output moves along them, and nothing else is null at generic parameters.

Each model is shown at far more random points than it has parameters, so that a null direction of
its Jacobian is one of its functions, and not of the points.
"""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

from pfmap.llc.declared_nullity import declared_nullity, null_directions
from pfmap.llc.estimate import estimate_llc
from pfmap.llc.exact.finite_rank import generic_network_rank, jacobian_rank_exactly
from pfmap.llc.nullity import nullity_by_cause
from pfmap.llc.rank import GAP_LIMIT, jacobian_rank
from pfmap.models.dense import dense_model
from pfmap.models.families.attention import attention_model
from pfmap.models.families.convolution import convolution_model
from pfmap.models.families.factored import factored_model
from pfmap.models.families.factored_polynomial import factored_polynomial_model
from pfmap.models.families.gated import gated_model
from pfmap.models.families.masked import masked_model
from pfmap.models.families.residual import residual_model
from pfmap.models.network import network_model
from pfmap.models.normed_path import NormedPath
from pfmap.models.polynomial import polynomial_model
from pfmap.models.program import Program
from pfmap.models.symmetries import CAUSES, Generators, rescaling

NEEDED = {"linear, 5-4-3-2": "unseen", "residual": "shift", "softmax attention": "unseen",
          "softmax attention, wide": "shift"}  # fmt: skip
"""Causes beyond changes of basis that some declaration of the model alone explains."""


def points(inputs, count=500):
    return np.random.default_rng(inputs).normal(size=(count, inputs))


MASKS = [np.array([[1, 1, 0, 1], [0, 1, 1, 1], [1, 1, 1, 0], [1, 0, 1, 1]]),
         np.array([[1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 1, 1]]), np.ones((2, 3))]  # fmt: skip

# Model, and null directions counted by hand: narrow, rescaling, basis, shift, unseen, norm.
MODELS = {
    # 4² and 3² less the identity on what both share; offsets; a kernel of 2 outputs over 4, 3.
    "linear, 5-4-3-2": (dense_model(points(5), (5, 4, 3, 2), activation="linear"),
                        (0, 0, 25, 7, 3, 0)),
    "cubes": (dense_model(points(3), (3, 4, 3, 2), activation="monomial", degree=3, bias=False),
              (0, 7, 0, 0, 0, 0)),
    "tanh": (dense_model(points(4), (4, 5, 2), activation="tanh"), (0, 0, 0, 0, 0, 0)),
    "low rank, tanh": (factored_model(points(5), (5, 6, 5, 2), ((3,), (2,), ()),
                                      activation="tanh"), (0, 0, 13, 0, 0, 0)),
    "low rank, quartics": (factored_model(points(5), (5, 6, 2), ((3,), ()), activation="monomial",
                                          degree=4, bias=False), (0, 6, 9, 0, 0, 0)),
    # d - rank with every factor of full rank: 5·5 + 6·5 + 4·6 - 5·4, and 7·4 + 2·7 - 4·2.
    "linear factors": (factored_model(points(5), (5, 4, 2), ((5, 6), (7,)), activation="tanh"),
                       93),
    "linear factors, linear units": (
        factored_model(points(5), (5, 4, 2), ((5, 6), (7,)), activation="linear"), 115),
    "masked cubes": (masked_model(points(4), MASKS, activation="monomial", degree=3),
                     (0, 7, 0, 0, 0, 0)),
    "gated": (gated_model(points(4), 5), (0, 5, 0, 0, 0, 0)),
    # A form of rank 6 in 7 coordinates has 27 dimensions; with r, 28 of 46.
    "quadratic": (gated_model(points(6), 3, activation="linear"), 46 - 28),
    "quadratic, three outputs": (gated_model(points(6), 3, activation="linear", outputs=3),
                                 (0, 6, 0, 0, 0, 0)),
    "factored polynomial": (factored_polynomial_model(points(1).ravel(), (1, 2, 3, 4, 5)),
                            (0, 10, 0, 0, 0, 0)),
    # GL(4) and three shifts of 4; V_2 and c_2 into the kernel of R, less a shift: 2·5 - 2.
    "residual": (residual_model(points(4), 4, blocks=2, outputs=2, activation="tanh"),
                 (0, 0, 16, 12, 8, 0)),
    # Wide: the first block sees 3 of 5 directions.
    "residual, wide": (residual_model(points(3), 5, blocks=2, activation="tanh"), None),
    # Gains and offsets of 3 norms; turns of 3 dimensions, 3; sums 0, 10, of which narrow has all;
    # 1 times any of 5 + 1 + 4 + 1 + 4 + 1 columns.
    "residual with norms": (
        residual_model(points(5), 4, blocks=2, outputs=2, activation="tanh", norm=True),
        (10, 12, 0, 12, 0, 19)),
    "residual with norms, no epsilon": (
        residual_model(points(5), 4, blocks=2, outputs=2, activation="tanh", norm=True,
                       epsilon=0.0), (10, 12, 0, 12, 0, 20)),
    "convolution": (convolution_model(points(8), (3, 2), activation="monomial", degree=2,
                                      input_channels=2, outputs=2), (0, 5, 0, 0, 0, 0)),
    # GL(4); Q against K and V against O in two heads, 4 each; 3 of R against O after the mean.
    "softmax attention": (attention_model(points(5), 4, heads=2), (0, 0, 35 + 9, 0, 7, 0)),
    "softmax attention, two outputs": (attention_model(points(6), 6, heads=3, outputs=2), None),
    # Keys cannot tell constants, 4 narrow; 4 of a constant through the softmax.
    "softmax attention, wide": (attention_model(points(3), 4, blocks=2), (4, 0, 80, 4, 12, 0)),
    "softmax attention, two blocks": (attention_model(points(5), 4, blocks=2), None),
    "softmax attention, causal": (attention_model(points(5), 4, heads=2, causal=True, outputs=2),
                                  None),
    "linear attention, causal": (attention_model(points(8), 3, kind="linear", causal=True,
                                                 outputs=2), None),
}  # fmt: skip


def parts(model, weights):
    jacobian = model.jacobian(weights)
    found = jacobian_rank(jacobian)
    return jacobian, found, declared_nullity(model, weights, jacobian, found)


def generic(model, seed):
    return 0.8 * np.random.default_rng(seed).normal(size=model.n_parameters)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_left_unexplained_at_generic_parameters(name, seed):
    model, expected = MODELS[name]
    weights = generic(model, seed)
    jacobian, found, null = parts(model, weights)
    assert found.gap < GAP_LIMIT
    assert null.dead == null.unexplained == 0
    assert sum(vars(null).values()) == model.n_parameters - found.rank
    if isinstance(expected, int):
        assert model.n_parameters - found.rank == expected
    elif expected is not None:
        counts = tuple(getattr(null, cause) for cause in ("narrow", *CAUSES))
        assert counts == tuple(expected)
    for known in model.symmetries:
        tangents = known.tangents(weights)
        left = np.linalg.norm(tangents @ jacobian.T, axis=1)
        size = np.linalg.norm(tangents, axis=1) * found.singular_values[0]
        assert (left <= 1e-13 * size).all(), known


@pytest.mark.parametrize("name", [name for name in MODELS if MODELS[name][0].symmetries])
def test_a_symmetry_left_out_or_made_wrong_is_found_out(name):
    """The control: without any one of the changes of basis and rescalings, something is left."""
    model = MODELS[name][0]
    weights = generic(model, 0)
    left = {}
    for at, known in enumerate(model.symmetries):
        kept = model.symmetries[:at] + model.symmetries[at + 1 :]
        _, _, null = parts(dataclasses.replace(model, symmetries=kept), weights)
        if isinstance(known, Generators | NormedPath):  # of others some are held by these
            assert null.unexplained > 0, known
        left.setdefault(known.cause, []).append(null.unexplained)
    if name in NEEDED:
        assert max(left[NEEDED[name]]) > 0
    wrong = rescaling(np.array([[0]]), np.array([[model.n_parameters - 1]]), 0.5)
    jacobian, found, _ = parts(model, weights)
    tangent = wrong.tangents(weights)[0]
    assert np.linalg.norm(jacobian @ tangent) > 1e-6 * found.singular_values[0] * np.linalg.norm(
        tangent
    )
    alone = dataclasses.replace(model, symmetries=(wrong,))
    _, _, null = parts(alone, weights)
    assert null.rescaling == 0  # what the Jacobian does not confirm explains nothing


@pytest.mark.parametrize("name", [name for name in MODELS if "no epsilon" not in name])
@pytest.mark.filterwarnings("error")
def test_counts_sum_to_the_nullity_where_parameters_are_0(name):
    model = MODELS[name][0]
    sparse = np.where(np.arange(model.n_parameters) % 3 == 0, generic(model, 5), 0.0)
    for weights in (np.zeros(model.n_parameters), sparse):
        _, found, null = parts(model, weights)
        assert sum(vars(null).values()) == model.n_parameters - found.rank


def test_with_an_epsilon_multiples_of_the_path_are_another_function():
    for epsilon, same in ((0.0, True), (1e-5, False)):
        model = residual_model(points(4, 20), 4, norm=True, epsilon=epsilon)
        weights = generic(model, 0)
        moved, origins = weights.copy(), model.origins
        path = np.isin(origins.step, np.unique(origins.step)[[0, 3]])  # W, b, V and c
        moved[path] *= 3.0
        outputs = model.outputs(weights), model.outputs(moved)
        assert np.allclose(*outputs, rtol=1e-9, atol=0.0) is same


def test_finite_changes_of_basis_between_factors():
    model = factored_model(points(4), (4, 5, 1), ((3,), ()), activation="tanh")
    weights, change = generic(model, 0), np.random.default_rng(1).normal(size=(3, 3))
    first, second = weights[:12].reshape(3, 4), weights[12:27].reshape(5, 3)
    for inverse, same in ((np.linalg.inv(change), True), (np.linalg.inv(change).T, False)):
        moved = np.r_[(change @ first).ravel(), (second @ inverse).ravel(), weights[27:]]
        assert np.allclose(model.outputs(moved), model.outputs(weights), atol=1e-9) is same


def test_declared_dimensions_are_those_of_exact_ranks():
    """Ranks modulo primes, of networks at random integers and of a polynomial at these weights."""
    for widths, degree in (((3, 4, 3, 2), 3), ((5, 4, 3, 2), 1), ((2, 3, 3, 1), 5)):
        model = dense_model(points(widths[0]), widths, activation="monomial", degree=degree,
                            bias=False)  # fmt: skip
        _, found, null = parts(model, generic(model, 0))
        exact = generic_network_rank(widths, degree=degree).rank
        assert found.rank == exact
        declared = null.rescaling + null.basis + null.unseen + null.narrow
        assert model.n_parameters - declared == exact
    model = factored_polynomial_model(points(1, 7).ravel(), (3, 1, 2))
    exponents = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 1, 1]])
    same = polynomial_model(exponents, points(1, 7) ** np.arange(3))
    weights = generic(model, 0)
    rank = jacobian_rank_exactly(same, weights).rank
    assert model.n_parameters - parts(model, weights)[2].rescaling == rank == 3


def test_relu_programs_count_what_networks_do_beyond_like_units():
    widths = (3, 6, 1)
    model, network = dense_model(points(3), widths), network_model(widths, points(3))
    weights = generic(model, 1)
    weights[18:24] *= 0.1
    jacobian, found, null = parts(model, weights)
    own = nullity_by_cause(network, weights, jacobian, found)
    assert (null.dead, null.narrow, null.rescaling, null.unexplained) == (
        own.dead, own.narrow, own.rescaling, own.unexplained,
    )  # fmt: skip
    weights[20] = -90.0  # a unit that is off
    _, found, null = parts(model, weights)
    assert (null.dead, null.narrow) == (4, 1)  # all that enters it, and its outgoing weight


def test_estimates_of_programs_carry_the_report():
    model = gated_model(points(3, 60), 4)
    weights = generic(model, 0)
    found = estimate_llc(model, weights, steps=200, warmup=200)
    assert vars(found.nullity) == vars(parts(model, weights)[2])
    assert (found.nullity.rescaling, found.nullity.unexplained) == (4, 0)
    assert found.rank == model.n_parameters - 4


def test_a_program_of_ones_own_declares_its_own():
    program = Program(points(3))
    hidden = program.affine(program.inputs, 2, activation="relu")
    read = program.affine(hidden, 1)
    below, above = program.layer(hidden), program.layer(read)
    program.declare(rescaling(below.entering, above.weights.T))
    model = pickle.loads(pickle.dumps(program.model(read)))
    assert parts(model, generic(model, 1))[2].rescaling == 2
    jacobian = np.eye(2)
    assert null_directions(object(), np.zeros(2), jacobian, jacobian_rank(jacobian)) is None
