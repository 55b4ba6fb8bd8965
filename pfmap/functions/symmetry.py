"""Symmetries of the prior: transformations of a Boolean function that leave its P unchanged.

If a transformation of the weights leaves their law unchanged and turns a network that expresses f
into one that expresses f', then P(f) = P(f'). Three such transformations are considered, and what
they generate: an order of the inputs, flips of inputs, the complement of the output.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pfmap.display import Displayed
from pfmap.models.families._family import EVEN_WEIGHTS, Fact
from pfmap.settings.prior import layer_sds

if TYPE_CHECKING:
    from pfmap.settings.campaign import Campaign

MAX_INPUTS = 7
NAMES = ("permutations", "reflections", "complement")

COMPLEMENTS = "changing the sign of the last layer complements the function"
CHANGES_SIGN = f"the output bias is random, so the output is never exactly 0, and {COMPLEMENTS}"
# Decades below 1 that a float64 output may lose before it underflows to an exact 0, and those that
# the smallest of many draws lies below its standard deviation.
_MAX_DECADES = 300.0
_DRAW_DECADES = 9.0


@dataclass(frozen=True, repr=False)
class Symmetries(Displayed):
    """Which transformations leave P unchanged, and why.

    Attributes
    ----------
    permutations : bool
        P(f) = P(f') where f' has the inputs of f in another order.
    reflections : bool
        P(f) = P(f') where f' has some inputs of f flipped.
    complement : bool
        P(f) = P(1 - f).
    reasons : dict of str to str
        For each of the three names, in plain words, why it holds or does not.
    """

    SHOWN: ClassVar = ("permutations", "reflections", "complement")

    permutations: bool
    reflections: bool
    complement: bool
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def any(self) -> bool:
        """Whether at least one holds, so that orbits are defined."""
        return self.permutations or self.reflections or self.complement

    def group_order(self, n_inputs: int) -> int:
        """Number of transformations in the group that the holding symmetries generate.

        Examples
        --------
        >>> Symmetries(True, False, True).group_order(7)  # 7! orders, 2 polarities
        10080
        """
        order = math.factorial(n_inputs) if self.permutations else 1
        if self.reflections:
            order *= 2**n_inputs
        return order * 2 if self.complement else order


def prior_symmetries(campaign: Campaign) -> Symmetries:
    """Symmetries of a campaign's prior that make P constant on orbits.

    Parameters
    ----------
    campaign : Campaign
        Network, prior, domain and readout decide.

    Returns
    -------
    Symmetries
        All three False for real-valued readouts, for domains other than the Boolean cube, and for
        more than 7 inputs.

    Notes
    -----
    Weights are independent and their law is even, the same for all weights of a layer.

    * Permutations: the columns of the first weight matrix are exchangeable, so P is the same for
      every order of the inputs.
    * Reflections: on {-1,1} inputs flipping x_i equals changing the sign of column i, which leaves
      its law unchanged. On {0,1} inputs it also moves the biases, and their law is not the same.
    * Complement: changing the sign of the last layer's weights and bias changes the sign of the
      output before its activation, g. The bit is then the other one if the output activation s is
      positive exactly where g is (linear, tanh, erf, relu, odd powers) or odd (sin), and g is not
      0. So the complement holds if and only if P(g(x) = 0) = 0 at every input x.

    g(x) = 0 has positive probability only without a random output bias, and then exactly where all
    units below are 0 with positive probability: for relu always (all of them may be off); for tanh,
    erf, sin, linear and powers at x = 0 when no layer has a random bias.

    Examples
    --------
    >>> from pfmap.settings.campaign import Campaign
    >>> from pfmap.settings.network import Network
    >>> holding = prior_symmetries(Campaign())
    >>> holding.permutations, holding.reflections, holding.complement
    (True, False, True)
    >>> print(holding.reasons["complement"])
    holds: the output bias is random, so the output is never exactly 0, and changing the sign of \
the last layer complements the function
    >>> without_bias = prior_symmetries(Campaign(network=Network(bias=False)))
    >>> print(without_bias.reasons["complement"])
    does not hold: without a random output bias the output is exactly 0, bit 0, when every relu \
unit of the last hidden layer is off
    """
    no_orbits = _why_no_orbits(campaign)
    if no_orbits:
        return Symmetries(False, False, False, dict.fromkeys(NAMES, f"not used: {no_orbits}"))
    holding = _of_family(campaign) if campaign.model is not None else _of_network(campaign)
    reasons = {
        name: ("holds: " if fact.holds else "does not hold: ") + fact.reason
        for name, fact in zip(NAMES, holding, strict=True)
    }
    permutations, reflections, complement = (fact.holds for fact in holding)
    return Symmetries(permutations, reflections, complement, reasons)


def _of_network(campaign: Campaign) -> tuple[Fact, Fact, Fact]:
    """Permutations, reflections and complement of a dense network."""
    return (
        Fact(True, "first-layer weights have the same law for every input"),
        _unless_01(campaign, Fact(True, EVEN_WEIGHTS)),
        Fact(*_complement(campaign)),
    )


def _of_family(campaign: Campaign) -> tuple[Fact, Fact, Fact]:
    """The same of another model, as far as its family declares them."""
    from pfmap.models.families import family_of

    assert campaign.model is not None
    family, keywords = family_of(campaign.model.family), campaign.model.keywords
    return (
        family.exchangeable_inputs(keywords),
        _unless_01(campaign, family.reflectable_inputs(keywords)),
        _closing_complement(campaign),
    )


def _unless_01(campaign: Campaign, fact: Fact) -> Fact:
    """A fact about flipped inputs of {-1, 1} on the campaign's own domain."""
    if getattr(campaign.domain, "encoding", "01") == "pm1" or not fact.holds:
        return fact
    return Fact(False, "flipping an input of {0,1} also moves the first layer's biases")


def _closing_complement(campaign: Campaign) -> Fact:
    """Whether a program ends in a layer whose change of sign complements every function."""
    from pfmap.models.program_model import ProgramModel

    model = campaign.compiled_model()
    assert isinstance(model, ProgramModel)
    closing = np.zeros(model.n_parameters, dtype=bool)
    closing[slice(*model.last_block)] = True
    if not closing.any():
        return Fact(False, "no one layer gives the output")
    if not (campaign.standard_deviations[closing & model.origins.is_bias] > 0.0).any():
        return Fact(False, "the output has no random bias, so that it can be exactly 0, bit 0")
    return Fact(True, CHANGES_SIGN)


def _why_no_orbits(campaign: Campaign) -> str:
    """Why the campaign's functions have no orbits; empty if they have."""
    if campaign.domain.kind != "boolean":
        return f"orbits are defined on the Boolean cube, not on the domain {campaign.domain.kind}"
    if campaign.readout.kind != "sign":
        return "orbits are defined for bits, not for a quantised readout"
    if campaign.n_inputs > MAX_INPUTS:
        return f"canonical forms are computed for at most {MAX_INPUTS} inputs"
    return ""


def _complement(campaign: Campaign) -> tuple[bool, str]:
    """Whether the complement holds, and why."""
    network = campaign.dense
    output = network.output_facts
    if not output.keeps_sign and (output.parity != "odd" or output.zero_on_interval):
        what = "never negative" if output.low >= 0.0 else "not odd, and its sign not that of x"
        return False, f"the output activation {output.formula} is {what}"
    weight_sds, bias_sds = layer_sds(network.widths, network.bias, campaign.prior)
    if bias_sds[-1] > 0:
        return True, CHANGES_SIGN
    n_hidden = len(network.widths) - 2
    hidden = network.hidden_facts
    if hidden.zero_on_interval:
        return False, (
            "without a random output bias the output is exactly 0, bit 0, when every "
            f"{hidden.name} unit of the last hidden layer is off"
        )
    if (
        hidden.zero_at_zero
        and getattr(campaign.domain, "encoding", "01") == "01"
        and not bias_sds.any()
    ):
        return False, "without random biases the output at the input 0…0 is exactly 0, bit 0"
    if hidden.homogeneity is not None and _underflows(hidden.homogeneity, weight_sds, bias_sds):
        return False, (
            f"without a random output bias, {hidden.formula} over {n_hidden} layers underflows "
            "to an output of exactly 0, bit 0"
        )
    return True, (
        "the output is exactly 0 with probability 0 even without a random output bias, and "
        + COMPLEMENTS
    )


def _underflows(degree: int, weight_sds: np.ndarray, bias_sds: np.ndarray) -> bool:
    """Whether powers over several layers can make the output an exact 0.

    A small factor in layer l of L enters the output with the power degree^(L - l).
    """
    powers = float(degree) ** np.arange(len(weight_sds) - 1, -1, -1.0)
    decades = _DRAW_DECADES - np.log10(np.maximum(weight_sds, bias_sds))
    return bool((powers * np.maximum(decades, 0.0)).sum() > _MAX_DECADES)
