"""Nullity by cause on networks built so that every cause is known."""

from __future__ import annotations

import numpy as np
import pytest

from pfmap.llc.nullity import Nullity, nullity_by_cause
from pfmap.llc.rank import jacobian_rank
from pfmap.models.network import network_model, parameter_count, unflatten
from pfmap.models.polynomial import polynomial_model
from pfmap.settings.domain import boolean_points

POINTS = np.random.default_rng(0).normal(size=(200, 3))
"""Far more points than parameters: a rank deficit has a cause."""


def causes(model, weights) -> Nullity:
    jacobian = model.jacobian(weights)
    found = jacobian_rank(jacobian)
    result = nullity_by_cause(model, weights, jacobian, found)
    assert result is not None
    parts = vars(result).values()
    assert sum(parts) == model.n_parameters - found.rank
    assert min(parts) >= 0
    return result


def parts_of(weights, widths):
    """Writable views of matrices and biases."""
    return unflatten(weights, widths)


def generic(widths, seed=1):
    return np.random.default_rng(seed).normal(size=parameter_count(widths))


def test_generic_relu_units_have_their_rescaling_and_nothing_else():
    for widths in ((3, 6, 1), (3, 5, 4, 1)):
        weights = generic(widths)
        for _, offset in parts_of(weights, widths):
            offset[:] = 0.1 * offset
        assert causes(network_model(widths, POINTS), weights) == Nullity(
            0, 0, 0, 0, sum(widths[1:-1]), 0
        )


@pytest.mark.parametrize(("activation", "rescaling"), [("tanh", 0), ("erf", 0), ("monomial", 6)])
def test_generic_smooth_units(activation, rescaling):
    model = network_model((3, 6, 1), POINTS, activation=activation, degree=5)
    assert causes(model, generic((3, 6, 1))) == Nullity(0, 0, 0, 0, rescaling, 0)


def test_a_unit_off_everywhere_is_dead_with_its_outgoing_weights():
    widths = (3, 5, 4, 1)
    weights = generic(widths, seed=3)
    (first, offset), (_, second), (_, _) = parts_of(weights, widths)
    second *= 0.1
    offset *= 0.1
    first[2], offset[2] = 0.1, -50.0
    # 3 weights and a bias come in, 4 weights go out; the other 8 units rescale.
    assert causes(network_model(widths, POINTS), weights) == Nullity(8, 0, 0, 0, 8, 0)


@pytest.mark.parametrize(("activation", "rescaling"), [("relu", 5), ("tanh", 0)])
def test_a_unit_without_outgoing_weights_is_dead(activation, rescaling):
    widths = (3, 6, 1)
    weights = generic(widths)
    (_, offset), (out, _) = parts_of(weights, widths)
    offset *= 0.1
    out[0, 4] = 0.0
    # Its 4 incoming parameters move nothing; its outgoing weight would.
    model = network_model(widths, POINTS, activation=activation)
    assert causes(model, weights) == Nullity(4, 0, 0, 0, rescaling, 0)


@pytest.mark.parametrize(
    ("activation", "factor", "rescaling"),
    [("relu", 2.0, 5), ("tanh", 1.0, 0), ("tanh", -1.0, 0), ("monomial", -2.0, 5)],
)
def test_the_same_unit_twice(activation, factor, rescaling):
    """Incoming moves of one undo those of the other (4), and so do outgoing ones (1).

    The rescaling of one is then that of the other and moves between the two.
    """
    widths = (3, 6, 1)
    weights = generic(widths)
    (first, offset), _ = parts_of(weights, widths)
    offset *= 0.1
    first[3], offset[3] = factor * first[1], factor * offset[1]
    model = network_model(widths, POINTS, activation=activation, degree=5)
    assert causes(model, weights) == Nullity(0, 5, 0, 0, rescaling, 0)


@pytest.mark.parametrize("factor", [2.0, -2.0])
def test_a_longer_tanh_unit_is_another_unit(factor):
    widths = (3, 6, 1)
    weights = generic(widths)
    (first, offset), _ = parts_of(weights, widths)
    first[3], offset[3] = factor * first[1], factor * offset[1]
    assert causes(network_model(widths, POINTS, activation="tanh"), weights).duplicate == 0


def test_pieces_never_crossed_merge():
    """Three units on at every point: together an affine function, whose constant the output's
    bias has already.

    Each has 4 incoming and 1 outgoing parameter. The 12 incoming span 4 directions: 8 merge. The
    outgoing lie in the same span, one rescaling each. The constant is in the output's bias too:
    that direction joins a unit's bias with the output's, and stays unexplained.
    """
    widths = (3, 7, 1)
    weights = generic(widths)
    (_, offset), _ = parts_of(weights, widths)
    offset *= 0.1
    offset[:3] = 50.0
    assert causes(network_model(widths, POINTS), weights) == Nullity(0, 0, 8, 0, 7, 1)


def test_linear_networks_are_one_piece():
    widths = (3, 4, 1)
    model = network_model(widths, POINTS, activation="linear")
    found = causes(model, generic(widths))
    # Rank 4 of 21: 12 incoming merge, 4 rescale; the output's own inputs, 4 affine functions of 3
    # coordinates and a constant, span 4 of 5 directions.
    assert found == Nullity(0, 0, 12, 1, 4, 0)


def test_units_on_at_few_points_are_narrow():
    """A vertex unit of the cube sees one point: of its 4 incoming parameters one counts."""
    widths = (3, 2, 1)
    weights = np.zeros(parameter_count(widths))
    (first, offset), (out, _) = parts_of(weights, widths)
    first[0], offset[0] = (1.0, 1.0, 1.0), -2.5  # on at 111 alone
    first[1], offset[1] = (-1.0, -1.0, -1.0), 0.5  # on at 000 alone
    out[:] = 1.0, 2.0
    found = causes(network_model(widths, boolean_points(3)), weights)
    assert found == Nullity(0, 0, 0, 6, 2, 0)


def test_two_units_on_at_the_same_points():
    """On the same half of the cube, in different directions: their maps add up."""
    widths = (3, 2, 1)
    weights = np.zeros(parameter_count(widths))
    (first, offset), (out, _) = parts_of(weights, widths)
    first[0], offset[0] = (3.0, 0.1, 0.0), -1.0  # on where the first bit is 1
    first[1], offset[1] = (3.0, 0.0, 0.7), -2.0
    out[:] = 1.0, 2.0
    found = causes(network_model(widths, boolean_points(3)), weights)
    # That half spans 3 of 4 directions: 1 narrow each, and 6 - 3 merge.
    assert found == Nullity(0, 3, 0, 2, 2, 0)


def test_more_parameters_than_points_stay_unexplained():
    widths = (3, 40, 1)
    found = causes(network_model(widths, boolean_points(3), activation="tanh"), generic(widths))
    # 8 points span 8 of the output's 41 inputs. The incoming parameters of each hidden unit are
    # independent; those of all cannot be.
    assert found == Nullity(0, 0, 0, 33, 0, 201 - 8 - 33)


def test_other_families_have_no_causes():
    model = polynomial_model([[1, 1]])
    jacobian = model.jacobian(np.zeros(2))
    assert nullity_by_cause(model, np.zeros(2), jacobian, jacobian_rank(jacobian)) is None
