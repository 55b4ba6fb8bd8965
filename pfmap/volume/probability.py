"""P(f) of a Boolean function under a campaign's network, however small it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from pfmap.errors import SettingsError
from pfmap.functions.named import LEAST_INPUTS, MOST_INPUTS, BooleanFunction, parse_function
from pfmap.sampling import plan_sampling
from pfmap.settings.campaign import Campaign

from .checkpoint import Checkpoint
from .estimate import VolumeEstimate, estimate_volume
from .expressible import why_not_expressible
from .realised import bracketed
from .rounds import estimate_to_error
from .splitting import Settings
from .target import sign_target


def check_functions(campaign: Campaign) -> int:
    """Inputs of the campaign's Boolean functions, if each is named by its truth table.

    Raises
    ------
    SettingsError
        If the domain is not a Boolean cube of 2 to 8 inputs, or the readout not that of signs.

    Examples
    --------
    >>> check_functions(Campaign())
    7
    """
    n_inputs = campaign.n_inputs
    if campaign.domain.kind != "boolean" or not LEAST_INPUTS <= n_inputs <= MOST_INPUTS:
        raise SettingsError(
            f"network: Boolean functions are given on {LEAST_INPUTS} to {MOST_INPUTS} inputs of a "
            f"Boolean domain, got {n_inputs} inputs on the domain {campaign.domain.kind}",
            next_step="use another campaign, or --widths",
        )
    if campaign.readout.kind != "sign":
        raise SettingsError(
            f"readout: must be sign for a Boolean function, got {campaign.readout.kind}"
        )
    return n_inputs


def estimate_probability(
    campaign: Campaign,
    function: BooleanFunction | str,
    settings: Settings | None = None,
    *,
    error: float = 0.0,
    folder: Path | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    watch: Callable[[int], None] | None = None,
) -> VolumeEstimate:
    """Measure P(f) = Prior{w : the network with weights w expresses f}.

    A proof that P(f) = 0 is looked for first (`why_not_expressible`); then multilevel splitting
    runs down to the functions without a wrong bit (`estimate_volume`).

    Parameters
    ----------
    campaign : Campaign
        Network, prior and domain; its draws and seed play no part.
    function : BooleanFunction or str
        The function, or what `pfmap.functions.parse_function` reads: a name, a table or a key.
    settings : Settings, optional
        Lengths and seed of the splitting.
    error : float, default 0.0
        Standard error of log2 P to aim at, in bits, by longer and more runs
        (`pfmap.volume.rounds`); 0 keeps to the settings.
    folder : Path, optional
        Where finished runs are kept and looked for; None keeps nothing.
    threads : int, optional
        None means every CPU. The result does not depend on it.
    progress, watch : callable, optional
        As for `estimate_volume`; `progress` begins anew where a lower bound is looked for.

    Returns
    -------
    VolumeEstimate
        `log2_p` and `log2_p_se` in bits, and a verdict. Where no run arrived a realisation is
        looked for, so that P has a lower bound too (`pfmap.volume.realised`).

    Raises
    ------
    SettingsError
        If the campaign's functions are not named by their truth tables, or the text is none.

    Examples
    --------
    Parity is out of reach of a perceptron:

    >>> from pfmap.settings.network import Network
    >>> perceptron = Campaign(network=Network(widths=(2, 1)))
    >>> found = estimate_probability(perceptron, "parity", threads=1)
    >>> found.verdict, found.log2_p
    ('not expressible', -inf)
    """
    n_inputs = check_functions(campaign)
    if isinstance(function, str):
        function = parse_function(function, n_inputs)
    settings = settings or Settings()
    target = sign_target(plan_sampling(campaign), function.signs, name=function.key)
    proof = why_not_expressible(campaign, function.signs)
    if error != 0.0:
        found = estimate_to_error(
            target, error, settings, proof=proof, folder=folder, threads=threads,
            progress=progress, watch=watch,
        )  # fmt: skip
    else:
        kept = Checkpoint(folder, target, settings).arguments() if folder is not None else {}
        found = estimate_volume(
            target, settings, proof=proof, threads=threads, progress=progress, watch=watch, **kept
        )
    return bracketed(found, threads=threads, progress=progress)


def draws_for_precision(log2_p: float, log2_p_se: float) -> float:
    """Draws of the prior after which counting is as precise.

    The logarithm of a count's share has variance (1 - P)/(N P), so

        N = (1 - P) / (P s²),  s = log2_p_se · ln 2.

    Parameters
    ----------
    log2_p, log2_p_se : float
        Estimate and its standard error, in bits.

    Returns
    -------
    float
        NaN where the standard error is 0 or not known, infinite below 2^-1000.

    Examples
    --------
    >>> f"{draws_for_precision(-33.0, 0.5):.2g}"
    '7.2e+10'
    """
    if not log2_p_se > 0.0 or not math.isfinite(log2_p):
        return math.nan
    if log2_p < -1000.0:
        return math.inf
    return (2.0**-log2_p - 1.0) / (log2_p_se * math.log(2.0)) ** 2
