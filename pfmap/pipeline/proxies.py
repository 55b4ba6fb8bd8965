"""The proxies of a campaign: which, as which columns, and what is wrong with them there."""

from __future__ import annotations

import pyarrow as pa

from pfmap.complexity.registry import Proxy, proxies_for
from pfmap.settings.campaign import Campaign
from pfmap.settings.domain import has_order
from pfmap.store.schema import FUNCTIONS, LZ_ORBIT_MIN, Column

from .batches import function_kind

BASE = [column.name for column in FUNCTIONS]
"""Columns of ``functions`` that every campaign has."""

UNORDERED = (
    "WARNING: it depends on the order in which the points are listed, and nothing orders them: it "
    "enters no fit, bound, correlation or figure unless domain.order is declared."
)
"""What the Parquet metadata say of a measure that reads an order which the points do not have."""


def proxy_columns(proxies: list[Proxy], campaign: Campaign) -> tuple[Column, ...]:
    """Proxies as columns of the data contract, with what is wrong with them here, if anything."""
    bound, empty = order_bound(campaign), why_null(proxies, campaign)
    return tuple(
        Column(
            item.name,
            pa.float64(),
            item.unit,
            item.meaning
            + (f" {UNORDERED}" if item.name in bound else "")
            + (f" NULL: {empty[item.name]}." if item.name in empty else ""),
        )
        for item in proxies
    )


def why_null(proxies: list[Proxy], campaign: Campaign) -> dict[str, str]:
    """Proxies without any value in the campaign, as pfmap is installed here, and why.

    Examples
    --------
    >>> campaign = Campaign(complexity={"proxies": ("lz", "formula")})
    >>> why_null(campaign_proxies(campaign), campaign)
    {'formula': 'it is known for at most 4 inputs'}
    """
    reasons = {item.name: item.why_null(campaign.n_inputs) for item in proxies}
    return {name: reason for name, reason in reasons.items() if reason}


def measured_names(campaign: Campaign) -> tuple[str, ...]:
    """Names of the proxies in force; of those without any value with a mark.

    What gives them one, as a package that is installed, makes the tables stale.

    Examples
    --------
    >>> measured_names(Campaign(complexity={"proxies": ("lz", "formula")}))
    ('lz', 'formula (null)')
    """
    proxies = campaign_proxies(campaign)
    empty = why_null(proxies, campaign)
    return tuple(item.name + " (null)" * (item.name in empty) for item in proxies)


def order_bound(campaign: Campaign) -> list[str]:
    """Columns that depend on an order of the points which the campaign does not have.

    Examples
    --------
    >>> from pfmap.settings.domain import DigitsDomain
    >>> order_bound(Campaign(domain=DigitsDomain(kind="digits"), network={"widths": (64, 4, 1)}))
    ['lz', 'lz_mingard2025']
    >>> order_bound(Campaign())
    []
    """
    if has_order(campaign.domain):
        return []
    return [item.name for item in campaign_proxies(campaign) if item.reads_order]


def campaign_proxies(campaign: Campaign) -> list[Proxy]:
    """Proxies of a campaign that are columns of their own (``ones`` already is one)."""
    n_inputs = campaign.n_inputs
    chosen = proxies_for(function_kind(campaign), campaign.complexity.proxies, n_inputs=n_inputs)
    return [item for item in chosen if item.name not in (*BASE, LZ_ORBIT_MIN.name)]
