"""What is known of λ and m of a network's loss without sampling: bounds from both sides.

λ is that of the whole curve: the least λ(w) over the parameters w of the prior's support with
K(w) = 0. So every realisation bounds it from above, and only what holds at all of them from below.

*Outputs linear, with a bias of their own.* With all other parameters fixed K is quadratic in the
output bias: λ >= 1/2. If the targets differ, some unit of the last hidden layer does, and its
outgoing weight is a second direction: λ >= 1, without a logarithm where it is attained
(`pfmap.function_level.bounds`). Both hold for continuous activations and any loss that is
quadratic about its zeros in the outputs. From above, with all outgoing weights 0 the outputs are
constant: λ <= (1 + H)/2 for constant targets, H the width of the last hidden layer.

*Perceptrons* with linear outputs: K is a quadratic form, λ half the rank of the inputs.

*relu networks on a Boolean cube, targets ±1.* `pfmap.function_level` builds a realisation whose
λ is known. For one hidden layer λ >= r(f)/2, listed for four inputs and taken from the faces of the
cube beyond; for constants all units off give 1/2. A realisation outside the support of a
uniform prior says nothing.

Of other networks nothing is known from above unless a zero is given (`known_at`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from pfmap.display import Displayed
from pfmap.errors import SettingsError
from pfmap.function_level import find_patterns, least_rank, realise_function
from pfmap.function_level.minimum import MAX_LISTED_INPUTS
from pfmap.llc.exact.bounds import exact_llc
from pfmap.models.base import Model
from pfmap.settings.campaign import Campaign
from pfmap.settings.prior import layer_sds, parameter_sds

if TYPE_CHECKING:
    from .curves import Wanted

SEARCHED_INPUTS = 5
"""Inputs up to which `find_patterns` searches; beyond, one unit a vertex."""


@dataclass(frozen=True, repr=False)
class KnownBounds(Displayed):
    """Bounds on λ and the value of m that hold whatever is sampled.

    Attributes
    ----------
    low, high : Fraction or None
        low <= λ <= high; None where nothing is known.
    multiplicity : int or None
        m where it is known.
    source : str
        Where they come from; empty where nothing is known.
    """

    low: Fraction | None = None
    high: Fraction | None = None
    multiplicity: int | None = None
    source: str = ""

    def __str__(self) -> str:
        """Such as ``1/2``, ``1/2 … 9/2``, ``>= 1``, ``<= 1/6`` or ``-``."""
        if self.low is None:
            return "-" if self.high is None else f"<= {self.high}"
        if self.high is None:
            return f">= {self.low}"
        return f"{self.low}" if self.low == self.high else f"{self.low} … {self.high}"

    @property
    def limits(self) -> tuple[float, float]:
        """Both bounds as numbers: 0 and infinity where nothing is known."""
        low, high = self.low, self.high
        return (0.0 if low is None else float(low)), (math.inf if high is None else float(high))


NOTHING_KNOWN = KnownBounds()


def known_at(model: Model, weights: np.ndarray) -> KnownBounds:
    """Upper bound on the curve's λ from one zero of K (`pfmap.llc.exact.bounds.exact_llc`).

    Parameters
    ----------
    model : Model
    weights : ndarray, shape (d,)
        A parameter with K = 0, best the most singular one that is known.

    Examples
    --------
    >>> from pfmap.models.polynomial import polynomial_model
    >>> str(known_at(polynomial_model([[1, 3]]), np.zeros(2)))
    '<= 1/6'
    """
    found = exact_llc(model, weights)
    if found.high is None:
        return NOTHING_KNOWN
    return KnownBounds(high=found.high, source=f"a zero of K: {'; '.join(found.sources)}")


def known_bounds(campaign: Campaign, wanted: Wanted) -> KnownBounds:
    """Bounds on λ of a function's loss under a campaign's network.

    Parameters
    ----------
    campaign : Campaign
    wanted : Wanted
        Squared or Bernoulli loss.

    Returns
    -------
    KnownBounds

    Examples
    --------
    >>> from pfmap.settings.network import Network
    >>> from pfmap.settings.prior import Prior
    >>> from pfmap.functions import parse_function
    >>> from pfmap.volume.curves import Wanted
    >>> def bounds(widths, name, activation="relu"):
    ...     network, prior = Network(widths=widths, activation=activation), Prior(preset="gaussian")
    ...     campaign = Campaign(network=network, prior=prior)
    ...     f = parse_function(name, widths[0])
    ...     found = known_bounds(campaign, Wanted(f.key, f.signs, function=f))
    ...     return str(found), found.multiplicity
    >>> bounds((3, 32, 1), "constant"), bounds((3, 32, 1), "parity"), bounds((2, 8, 8, 1), "xor2")
    (('1/2', 1), ('5/2', 1), ('1', 1))
    >>> bounds((3, 8, 1), "and", "tanh")
    ('>= 1', None)
    """
    if not campaign.is_dense:
        return NOTHING_KNOWN
    network = campaign.dense
    _, bias_sds = layer_sds(network.widths, network.bias, campaign.prior)
    if network.output_facts.pieces != "linear":
        return NOTHING_KNOWN
    if len(network.widths) == 2:
        return _perceptron(campaign, wanted, has_bias=bool(bias_sds[0] > 0.0))
    if not bias_sds[-1] > 0.0 or network.hidden_facts.jumps:
        return NOTHING_KNOWN
    varying = bool(np.ptp(wanted.targets) > 0.0)
    low = Fraction(1) if varying else Fraction(1, 2)
    source = "the output bias" + (" and one hidden unit" if varying else "")
    relu = network.activation == "relu" and bool((bias_sds > 0.0).all())
    high, upper = None, ""
    if not varying and abs(wanted.targets[0]) < _reach(campaign)[-1]:
        high = low if relu else Fraction(1 + network.widths[-2], 2)
        upper = "every unit off" if relu else "outgoing weights 0"
    elif varying and relu and wanted.function is not None and wanted.loss == "squared":
        low, source, high, upper = _boolean(campaign, wanted, low, source)
    said = f"λ >= {low}: {source}" + (f"; λ <= {high}: {upper}" if high is not None else "")
    return KnownBounds(low, high, 1 if relu and low == high else None, said)


def _perceptron(campaign: Campaign, wanted: Wanted, *, has_bias: bool) -> KnownBounds:
    points = campaign.points
    design = np.hstack([points, np.ones((len(points), 1))]) if has_bias else points
    fitted = design @ np.linalg.lstsq(design, wanted.targets, rcond=None)[0]
    if np.abs(fitted - wanted.targets).max() > 1e-9 * max(1.0, np.abs(wanted.targets).max()):
        return NOTHING_KNOWN  # K has no zero
    half = Fraction(int(np.linalg.matrix_rank(design)), 2)
    return KnownBounds(half, half, 1, f"λ = {half}: outputs are linear in the parameters")


def _boolean(
    campaign: Campaign, wanted: Wanted, low: Fraction, source: str
) -> tuple[Fraction, str, Fraction | None, str]:
    """Bounds on λ_f of a relu network, for a function that is not constant."""
    assert wanted.function is not None
    table, widths = wanted.function.bits.astype(np.int64), campaign.dense.widths
    patterns = None
    if len(widths) == 3:
        rank = max(least_rank(face).rank for face in faces(table))
        if Fraction(rank, 2) > low:
            where = "r(f)/2" if widths[0] <= MAX_LISTED_INPUTS else "r/2 of a face of the cube"
            low, source = Fraction(rank, 2), f"{where}, one hidden layer"
        patterns = shallow_patterns(table)
    try:
        found = realise_function(table, widths, patterns=patterns)
    except SettingsError:  # too narrow for the realisation
        return low, source, None, ""
    if not (np.abs(found.weights) < _reach(campaign)).all():
        return low, source, None, ""
    return low, source, found.high, "a realisation"


def _reach(campaign: Campaign) -> np.ndarray:
    """Largest absolute value of every parameter under the prior, the output bias last."""
    network, prior = campaign.dense, campaign.prior
    sds = parameter_sds(network.widths, network.bias, prior)
    return sds * (math.sqrt(3.0) if prior.law == "uniform" else math.inf)


def shallow_patterns(table: np.ndarray) -> np.ndarray:
    """Patterns of one hidden relu layer that express f at a small rank.

    Of up to four inputs the best ones there are, of five those that a search finds; beyond, the
    vertices of the smaller class.

    Examples
    --------
    >>> shallow_patterns(np.array([0, 0, 0, 1])).astype(int).tolist()
    [[0, 0, 0, 1]]
    """
    n_inputs = len(table).bit_length() - 1
    if n_inputs <= MAX_LISTED_INPUTS:
        return least_rank(table).patterns
    if n_inputs <= SEARCHED_INPUTS:
        return find_patterns(table)
    members = np.flatnonzero(table == (2 * table.sum() <= len(table)))
    return np.eye(len(table), dtype=bool)[members]


def faces(table: np.ndarray) -> Iterator[np.ndarray]:
    """The function on every face with `MAX_LISTED_INPUTS` free inputs; itself, if fewer.

    Examples
    --------
    >>> len(list(faces(np.zeros(32)))), len(list(faces(np.zeros(4))))
    (10, 1)
    """
    n_inputs = len(table).bit_length() - 1
    cube = np.asarray(table).reshape((2,) * n_inputs)
    fixed = max(0, n_inputs - MAX_LISTED_INPUTS)
    for axes in itertools.combinations(range(n_inputs), fixed):
        for values in itertools.product((0, 1), repeat=fixed):
            at = dict(zip(axes, values, strict=True))
            yield cube[tuple(at.get(axis, slice(None)) for axis in range(n_inputs))].ravel()
