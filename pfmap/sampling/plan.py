"""A campaign laid out for the kernels: the one place that chooses between them."""

from __future__ import annotations

from pfmap.settings.campaign import Campaign

from .base_plan import SamplingPlan
from .model_plan import plan_model
from .network_plan import plan_network


def plan_sampling(campaign: Campaign) -> SamplingPlan:
    """Lay out a campaign for the kernels.

    The tolerance below which float64 decides is 1e-5 of the root mean square of the outputs, the
    data contract's value, unless the errors of float32 on the first draws reach an eighth of
    it, as they do in deep networks with large weights; then it is 8 times the largest error,
    rounded up to a power of two. Where an activation jumps a rounded sum moves an output far, and
    float64 decides everything. Models that are no dense networks are evaluated in float64 alone.

    Parameters
    ----------
    campaign : Campaign
        The settings.

    Returns
    -------
    SamplingPlan

    Raises
    ------
    SettingsError
        If a standard deviation does not fit float32 or falls below 1e-25.

    Examples
    --------
    >>> from pfmap.settings.read import campaign_from_mapping
    >>> plan = plan_sampling(campaign_from_mapping({"network": {"widths": [3, 4, 1]}}))
    >>> plan.n_parameters, plan.n_points, plan.n_words, plan.n_blocks
    (21, 8, 1, 16)
    """
    return plan_network(campaign) if campaign.is_dense else plan_model(campaign)
