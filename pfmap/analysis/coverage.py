"""What was counted, and what the draws have not shown, in sentences of the summary."""

from __future__ import annotations

import numpy as np

from pfmap.analysis.population import Part, Population
from pfmap.functions.richness import Richness
from pfmap.settings.campaign import Campaign

_LEFT_OUT = (
    "- Orbits have no counts, since not all members were counted, and the simplicity bound is not "
    "fitted, since it scales with the extremes of lz over all functions drawn."
)


def counting_lines(population: Population, campaign: Campaign) -> list[str]:
    """How functions were counted where not all were kept, and what is therefore left out.

    Parameters
    ----------
    population : Population
        The functions of the table.
    campaign : Campaign
        Its settings.
    """
    part = population.part
    if part is None:
        return []
    if part.keep == "sampled":
        return [
            f"- Counted exactly: {_share(part.subset.inclusion)} functions, chosen by a hash of "
            f"the key ({population.n_functions:,}; counting.keep = sampled). Averages and sums "
            "over functions are those of all within their errors; ranks and shares of draws are "
            "not, so there is no figure of P(K), and the most probable functions may be missing.",
            _LEFT_OUT,
        ]
    promised = campaign.counting.frequent_p
    return [
        f"- Counted: the frequent functions ({population.n_functions:,}; counting.keep = "
        f"frequent). Every function drawn more than {part.count_error:,} times is among them, its "
        f"count too small by {part.count_error:,} draws at most. A function of P = {promised:g} "
        f"is drawn {promised * campaign.draws:,.0f} times on average. There is no figure of P(K): "
        "the functions not kept have a share in it.",
        _LEFT_OUT,
        "- The next four lines speak of all functions, from a sample that is counted exactly "
        f"beside the frequent ones: {_share(part.subset.inclusion)} functions "
        f"({part.subset.kept:,}).",
    ]


def counted_words(part: Part) -> str:
    """How the functions of a table were counted, in a few words for figures."""
    if part.keep == "sampled":
        return f"{_share(part.subset.inclusion)} functions"
    return "frequent functions"


def unseen_lines(richness: Richness) -> list[str]:
    """Distinct functions, the mass not seen, and what more draws would show."""
    found = (
        f"- {richness.distinct:,} distinct functions, {richness.singletons:,} of them seen once."
    )
    if richness.inclusion < 1.0:
        found = (
            f"- About {richness.distinct:,} distinct functions ({richness.distinct_low:,.0f} to "
            f"{richness.distinct_high:,.0f}), {richness.singletons:,} "
            f"({richness.singletons_low:,.0f} to {richness.singletons_high:,.0f}) of them seen "
            "once."
        )
    return [
        found,
        f"- The next draw is a new function with probability {_probability(richness.missing_mass)} "
        f"({_probability(richness.missing_mass_low)} to "
        f"{_probability(richness.missing_mass_high)}; Good-Turing).",
        _number_of_functions(richness),
        f"- {2 * richness.n_draws:,} draws would show about {richness.distinct_at_double:,.0f} "
        f"(± {1.96 * richness.distinct_at_double_se:,.0f}; Good-Toulmin).",
    ]


def _number_of_functions(richness: Richness) -> str:
    """Chao1 with its interval, or its low end alone where no function was drawn twice."""
    if np.isinf(richness.chao1_high):
        return (
            f"- At least {richness.chao1_low:,.0f} functions in all (no upper bound: none was seen "
            "exactly twice; low end of Chao1, a lower bound)."
        )
    return (
        f"- At least about {richness.chao1:,.0f} functions in all "
        f"({richness.chao1_low:,.0f} to {richness.chao1_high:,.0f}; Chao1, a lower bound)."
    )


def _share(inclusion: float) -> str:
    """1 in 64 of the functions, or all."""
    return "all" if inclusion == 1.0 else f"1 in {1.0 / inclusion:,.0f} of the"


def _probability(value: float) -> str:
    """Three digits, or the distance from 1 where they would round to 1."""
    return f"1 - {1.0 - value:.2g}" if 0.9995 <= value < 1.0 else f"{value:.3g}"
