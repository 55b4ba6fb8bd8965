"""What a campaign calls a function, and what its key stands for."""

from __future__ import annotations

import numpy as np

from pfmap.functions.keys import check_key, key_length
from pfmap.functions.named import parse_function
from pfmap.settings.campaign import Campaign


def spelled_key(text: str, campaign: Campaign) -> str:
    """The key of a function, or its beginning, as the tables of a campaign spell it.

    Parameters
    ----------
    text : str
        A key or the beginning of one; on all inputs of n bits also a name, an expression or a truth
        table.
    campaign : Campaign

    Raises
    ------
    SettingsError
        If the campaign can have no such function.

    Examples
    --------
    >>> campaign = Campaign(network={"widths": (3, 8, 1)})
    >>> [spelled_key(text, campaign) for text in ("majority", "0x17", "1", "x1 & x2")]
    ['17', '17', '1', '03']
    """
    spelled = text.strip().lower().removeprefix("0x")
    missing = key_length(campaign.n_points, campaign.exact_keys) - len(spelled)
    is_beginning = missing >= 0 and not spelled.strip("0123456789abcdef")
    if campaign.domain.kind == "boolean" and campaign.exact_keys and not is_beginning:
        return parse_function(text, campaign.n_inputs).key
    # A beginning can name a function if zeros can complete it.
    check_key(spelled + "0" * max(missing, 0), campaign, argument="key")
    return spelled


def values_of_key(key: str, first_draw: int | None, campaign: Campaign) -> np.ndarray | None:
    """The function itself, in the order of the domain: its bits, or its rounded outputs.

    A key that is a hash does not hold them: the function's first draw is made again.

    Parameters
    ----------
    key : str
        The whole key.
    first_draw : int or None
        A draw that expresses it; None where none is known.
    campaign : Campaign

    Returns
    -------
    ndarray, shape (points,), or None
        uint8 for bits, float64 for outputs of a quantised readout; None where the key is a hash and
        there is no draw.

    Examples
    --------
    >>> values_of_key("17", None, Campaign(network={"widths": (3, 8, 1)})).tolist()
    [0, 0, 0, 1, 0, 1, 1, 1]
    """
    if campaign.exact_keys:
        digits = f"{int(key, 16):0{4 * len(key)}b}"[: campaign.n_points]
        return np.frombuffer(digits.encode(), dtype=np.uint8) - ord("0")
    if first_draw is None:
        return None
    from pfmap.sampling import bits_of_draws, plan_sampling, symbols_of_draws

    plan, draws = plan_sampling(campaign), np.array([first_draw], dtype=np.int64)
    if campaign.readout.kind == "sign":
        return bits_of_draws(plan, draws)[0]
    return symbols_of_draws(plan, draws)[0] * campaign.readout.step
