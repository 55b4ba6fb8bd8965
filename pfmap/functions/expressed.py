"""From outputs to the function they express: the key that a campaign would count them under."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pfmap.display import Displayed
from pfmap.errors import DataError
from pfmap.functions.keys import keys_from_words, words_from_bits

if TYPE_CHECKING:
    from pfmap.settings.campaign import Campaign


@dataclass(frozen=True, repr=False)
class Expressed(Displayed):
    """The function of some outputs.

    Attributes
    ----------
    key : str
        As in the tables of the campaign.
    ones : int or None
        T, the points where it is 1; None for quantised functions.
    n_points : int
        Points of the domain.
    """

    key: str
    ones: int | None
    n_points: int


def expressed_function(campaign: Campaign, outputs: np.ndarray) -> Expressed:
    """The function that outputs on a campaign's domain express, by its readout.

    Parameters
    ----------
    campaign : Campaign
        Its domain and readout.
    outputs : ndarray, shape (points,)
        Output at every point, in the order of the domain.

    Raises
    ------
    DataError
        If an output is NaN or infinite, or too large for a symbol of the quantised readout.

    Examples
    --------
    >>> from pfmap.settings.campaign import Campaign
    >>> from pfmap.settings.network import Network
    >>> campaign = Campaign(network=Network(widths=(2, 4, 1)))
    >>> expressed_function(campaign, np.array([-1.0, 0.5, 2.0, 0.0]))
    Expressed(key='6', ones=2, n_points=4)
    """
    from pfmap.kernels.hash128 import hash128
    from pfmap.kernels.readout import quantise

    values = np.asarray(outputs, dtype=np.float64)
    if not np.isfinite(values).all():
        where = int(np.flatnonzero(~np.isfinite(values))[0])
        raise DataError(
            f"outputs: must be finite, got {values[where]} at point {where}",
            next_step="check the size of the weights",
        )
    ones = None
    if campaign.readout.kind == "sign":
        bits = values > 0.0
        ones = int(bits.sum())
        words = words_from_bits(bits[None])[0]
    else:
        words = np.empty(len(values), dtype=np.uint64)
        if not quantise(values, campaign.readout.step, words):
            raise DataError(
                "outputs: must lie within 2^52 steps of the quantised readout",
                next_step="check the size of the weights",
            )
    if not campaign.exact_keys:
        words = np.array(hash128(words), dtype=np.uint64)
    key = keys_from_words(words[None], campaign.n_points, campaign.exact_keys)[0]
    return Expressed(str(key), ones, campaign.n_points)
