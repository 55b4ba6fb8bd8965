"""Proofs that a network expresses a function with probability 0.

Every proof is about exact arithmetic. It says either that no parameter vector has the wanted bits,
or that those that do have an output of exactly 0 where none need be, which is a set of measure
zero. A function without a proof here may still be out of reach.

Let g be the output before its activation. Bit 1 means output > 0; a network has no biases if all of
theirs have standard deviation 0.

- Equal points have equal bits, and so have points that an order of the inputs takes into each other
  which a family declares to change no output (`pfmap.models.families`).
- Hidden activations with s(0) = 0, without biases: g = 0 at the input 0, and where the output
  activation keeps 0 at 0 too the bit is 0.
- Odd activations without biases: g(-x) = -g(x). Even ones, without a bias before them:
  g(-x) = g(x).
- Homogeneous activations (relu, linear, powers) without biases: g(c x) = c^p g(x) for c > 0, so the
  bits are constant along rays from 0.
- An output activation that is above 0 everywhere (sigmoid, softplus, exp(-x²)) never has bit 0.
  One that is never negative and 0 at 0 alone (x^2, x^4, …) has it only where g is 0: measure zero,
  unless all hidden units can be exactly 0 (relu units that are off) and the output has no bias.
- A perceptron and a deep linear network: g(x) = <v, x> + c, c = 0 without biases. Ones and zeros
  are separated by a hyperplane, strictly up to measure zero (`separation`).
- All hidden layers of one unit with a monotone activation: g depends on <w, x> alone and is
  monotone in it, so ones and zeros are separated by a hyperplane too, somewhere.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from pfmap.errors import SettingsError
from pfmap.models.families import family_of
from pfmap.settings.campaign import Campaign
from pfmap.settings.network import Network
from pfmap.settings.prior import layer_sds

from .separation import inseparable_points

NEVER = "no parameter vector expresses it"
ALMOST_NEVER = "only parameter vectors of measure zero express it"


def why_not_expressible(campaign: Campaign, signs: np.ndarray) -> str:
    """A proof that the wanted bits have probability 0 under the prior.

    Parameters
    ----------
    campaign : Campaign
        Network, prior, domain and readout.
    signs : ndarray, shape (points,)
        1 where a bit 1 is wanted, -1 where a bit 0 is, 0 where any will do.

    Returns
    -------
    str
        The proof as a sentence; empty if none was found, which proves nothing.

    Raises
    ------
    SettingsError
        If the readout is not that of signs, or `signs` does not fit the domain.

    Examples
    --------
    >>> from pfmap.settings.network import Network
    >>> from pfmap.functions import parse_function
    >>> perceptron = Campaign(network=Network(widths=(3, 1)))
    >>> print(why_not_expressible(perceptron, parse_function("parity", 3).signs))
    no parameter vector expresses it: outputs are linear in the inputs, and no hyperplane \
separates the ones from the zeros among the inputs 000, 001, 010, 011
    >>> why_not_expressible(perceptron, parse_function("majority", 3).signs)
    ''
    """
    if campaign.readout.kind != "sign":
        raise SettingsError("readout: must be sign, got quantised")
    points, wanted = campaign.points, np.asarray(signs, dtype=np.float64)
    if wanted.shape != (len(points),):
        raise SettingsError(f"signs: must be {len(points)} numbers of -1, 0 and 1")
    chosen = np.flatnonzero(wanted)
    names = _names(campaign, points)
    points, wanted, names = points[chosen], wanted[chosen], [names[index] for index in chosen]
    said = _equal_points(points, wanted, names)
    if said or campaign.model is not None:
        return said or _turned(campaign, points, wanted, names)
    _, bias_sds = layer_sds(campaign.dense.widths, campaign.dense.bias, campaign.prior)
    almost = ""
    for proof in (
        _tied_at_zero,
        _mirrored,
        _along_rays,
        _never_negative,
        _hyperplane,
    ):
        said = proof(campaign.dense, bias_sds > 0.0, points, wanted, names)
        if said.startswith(NEVER):
            return said
        almost = almost or said
    return almost


def _equal_points(points: np.ndarray, wanted: np.ndarray, names: list[str]) -> str:
    pair = _conflict([tuple(point) for point in points.tolist()], wanted)
    if pair is None:
        return ""
    return f"{NEVER}: the points {names[pair[0]]} and {names[pair[1]]} are equal, their bits not"


def _turned(campaign: Campaign, points: np.ndarray, wanted: np.ndarray, names: list[str]) -> str:
    """Orders of the inputs that a family declares to change no output."""
    assert campaign.model is not None
    family = family_of(campaign.model.family)
    for item in family.invariances(campaign.model.keywords, campaign.n_inputs):
        pair = _conflict([_least_turned(tuple(point), item.order) for point in points], wanted)
        if pair is not None:
            return (
                f"{NEVER}: {item.reason} takes {names[pair[0]]} to {names[pair[1]]} and changes no "
                "output, their bits differ"
            )
    return ""


def _least_turned(point: tuple[float, ...], order: tuple[int, ...]) -> tuple[float, ...]:
    """The first, in lexical order, of a point and all that an order of its inputs makes of it.

    Examples
    --------
    >>> _least_turned((0, 1, 1), (2, 0, 1))
    (0, 1, 1)
    >>> _least_turned((1, 0, 1), (2, 0, 1))
    (0, 1, 1)
    """
    least, moved = point, tuple(point[index] for index in order)
    while moved != point:
        least, moved = min(least, moved), tuple(moved[index] for index in order)
    return least


def _tied_at_zero(
    network: Network, biases: np.ndarray, points: np.ndarray, wanted: np.ndarray, names: list[str]
) -> str:
    at_zero = np.flatnonzero(~points.any(axis=1) & (wanted > 0.0))
    tied = network.hidden_facts.zero_at_zero and network.output_facts.zero_at_zero
    if biases.any() or not tied or not len(at_zero):
        return ""
    return (
        f"{NEVER}: without biases the output at the input {names[at_zero[0]]} is exactly 0, which "
        "is bit 0, and the function is 1 there"
    )


def _mirrored(
    network: Network, biases: np.ndarray, points: np.ndarray, wanted: np.ndarray, names: list[str]
) -> str:
    """Odd and even networks."""
    hidden, output = network.hidden_facts, network.output_facts
    odd = not biases.any() and hidden.parity == "odd"
    even = not biases[0] and hidden.parity == "even"
    even = even or (odd and output.parity == "even")
    odd = odd and not even and (output.keeps_sign or output.parity == "odd")
    flat = hidden.zero_on_interval or (output.zero_on_interval and not output.keeps_sign)
    if not (odd or even):
        return ""
    places = {tuple(point): index for index, point in enumerate(points.tolist())}
    for index in np.argsort(-wanted, kind="stable"):  # ones first: what they show is more
        point = points[index].tolist()
        other = places.get(tuple(-value for value in point))
        if other is None or not any(point):
            continue
        pair = f"{names[index]} and {names[other]}"
        if even and wanted[index] != wanted[other]:
            return f"{NEVER}: outputs at x and -x are equal, and the bits at {pair} are not"
        if odd and wanted[index] == wanted[other] and not (flat and wanted[index] < 0.0):
            how = NEVER if wanted[index] > 0.0 else ALMOST_NEVER
            return (
                f"{how}: without biases outputs at x and -x are opposite, and the bits at {pair} "
                "are equal"
            )
    return ""


def _along_rays(
    network: Network, biases: np.ndarray, points: np.ndarray, wanted: np.ndarray, names: list[str]
) -> str:
    homogeneous = network.hidden_facts.homogeneity is not None
    whole = network.output_facts.keeps_sign or network.output_facts.homogeneity is not None
    if biases.any() or not homogeneous or not whole:
        return ""
    directions = []
    for point in points.tolist():
        scale = abs(Fraction(next((value for value in point if value), 1.0)))
        directions.append(tuple(Fraction(value) / scale for value in point))
    pair = _conflict(directions, wanted)
    if pair is None:
        return ""
    return (
        f"{NEVER}: without biases bits are constant along rays from 0, and those at "
        f"{names[pair[0]]} and {names[pair[1]]} differ"
    )


def _never_negative(
    network: Network, biases: np.ndarray, points: np.ndarray, wanted: np.ndarray, names: list[str]
) -> str:
    """An output activation that is never negative: its bit is 0 only where it is exactly 0."""
    hidden, output = network.hidden_facts, network.output_facts
    zeros = np.flatnonzero(wanted < 0.0)
    if output.low < 0.0 or output.zero_on_interval or not len(zeros):
        return ""
    if output.low > 0.0 or not output.low_attained:
        return (
            f"{NEVER}: the output activation {output.formula} is above 0 everywhere, and the "
            f"function is 0 at {names[zeros[0]]}"
        )
    if not output.zero_at_zero or (not biases[-1] and hidden.zero_on_interval):
        return ""
    tied = ~points.any(axis=1) & (not biases.any() and hidden.zero_at_zero)
    zeros = np.flatnonzero((wanted < 0.0) & ~tied)
    if not len(zeros):
        return ""
    return (
        f"{ALMOST_NEVER}: the output activation {output.formula} is above 0 unless the output "
        f"is exactly 0, and the function is 0 at {names[zeros[0]]}"
    )


def _hyperplane(
    network: Network, biases: np.ndarray, points: np.ndarray, wanted: np.ndarray, names: list[str]
) -> str:
    if not network.output_facts.keeps_sign:
        return ""
    linear = network.hidden_facts.pieces == "linear"
    single = all(width == 1 for width in network.widths[1:-1]) and network.hidden_facts.monotone
    if not (linear or single):
        return ""
    through_zero = linear and not biases.any()
    if through_zero:  # an output that is always 0 separates nothing
        kept = np.flatnonzero(points.any(axis=1))
        points, wanted, names = points[kept], wanted[kept], [names[index] for index in kept]
    what = (
        "outputs are linear in the inputs"
        if linear
        else "outputs depend on one linear combination of the inputs and are monotone in it"
    )
    plane = "hyperplane through 0" if through_zero else "hyperplane"
    shown = inseparable_points(points, wanted, through_zero=through_zero, ones_strictly=True)
    how, task = NEVER, "separates the ones from the zeros"
    if not shown and through_zero:
        shown = inseparable_points(points, wanted, through_zero=True)
        how, task = ALMOST_NEVER, "that meets no point separates the ones from the zeros"
    if not shown:
        return ""
    among = ", ".join(names[index] for index in shown)
    return f"{how}: {what}, and no {plane} {task} among the inputs {among}"


def _conflict(places: list[tuple], wanted: np.ndarray) -> tuple[int, int] | None:
    """Two points at the same place with different wanted bits."""
    first: dict[tuple, int] = {}
    for index, place in enumerate(places):
        other = first.setdefault(place, index)
        if wanted[other] != wanted[index]:
            return other, index
    return None


def _names(campaign: Campaign, points: np.ndarray) -> list[str]:
    """What the points are called: their bits on a Boolean cube, else their numbers."""
    if campaign.domain.kind != "boolean":
        return [f"number {index}" for index in range(len(points))]
    n_inputs = campaign.n_inputs
    return [f"{index:0{n_inputs}b}" for index in range(len(points))]
